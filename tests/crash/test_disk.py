"""A disk that is full, fails, stalls; a clock that jumps."""
import json
import time

import pytest

from books import Books, Phone, start_phones

SMALL = ["--journal-segment-mib", 4, "--journal-keep-mib", 0, "--store-flush-seconds", 1]


def heavy(phone, count):
    return [{**one, "ballast": "x" * 15_000} for one in phone.fixes(count)]


def test_a_full_disk_is_a_503_with_retry_after_and_it_goes_on_when_there_is_space(steered, chance):
    waybill = steered(arguments=SMALL).start()
    books = Books()
    phone = Phone("full", books, chance)
    phone.new_order()
    assert phone.post(waybill.port, phone.fixes(100))
    waybill.tell(full=1)
    refused = None
    for _ in range(100):  # 60 MB: more than the segments that are there
        locations = heavy(phone, 40)
        books.write_sent(locations)
        answer = waybill.post("/v1/locations", locations)
        if answer.status_code == 503:
            refused = answer
            break
        assert answer.status_code == 200, answer.text
        books.write_acknowledged(locations)
    assert refused is not None, "the disk was full and it went on acknowledging"
    assert int(refused.headers["Retry-After"]) >= 1
    waybill.wait_until(lambda: waybill.get("/readyz").status_code == 503)  # looked at once a second
    assert waybill.get("/readyz").json()["reasons"]
    assert waybill.get("/healthz").status_code == 200
    assert waybill.alive()
    books.assert_tracks(waybill)

    waybill.tell(full=0)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if phone.post(waybill.port, phone.fixes(1)) and waybill.get("/readyz").status_code == 200:
            break
        time.sleep(0.2)
    else:
        pytest.fail("there is space again and it does not go on: " + waybill.get("/readyz").text)
    assert phone.post(waybill.port, heavy(phone, 40))
    books.assert_tracks(waybill)
    assert waybill.stop() == 0
    waybill.assert_books_balance()


def test_killed_while_the_disk_is_full(steered, chance):
    waybill = steered(arguments=SMALL).start()
    books = Books()
    phone = Phone("full", books, chance)
    phone.new_order()
    waybill.tell(full=1)
    while phone.post(waybill.port, heavy(phone, 40)):
        pass
    waybill.kill()
    waybill.tell(full=0)
    waybill.start()
    books.assert_tracks(waybill)
    assert waybill.stop() == 0
    waybill.assert_books_balance()


def test_a_failing_sync_of_the_journal_stops_the_process_and_loses_nothing(steered, chance, cycles):
    books = Books()
    waybill = steered()
    phones = [Phone(f"sync-{number}", books, chance) for number in range(3)]
    for cycle in range(max(3, cycles // 10)):
        waybill.start()
        for phone in phones:
            phone.new_order()
        join = start_phones(phones, waybill.port)
        time.sleep(chance.uniform(0.05, 0.3))  # it fails then
        waybill.tell(fail_journal=1, fail_syncs=1)
        assert waybill.wait() != 0, "it went on after a failed sync"
        join()
        waybill.tell(fail_syncs=0)
        assert waybill.verify().returncode == 0, cycle
    waybill.start()
    books.assert_tracks(waybill)
    assert waybill.stop() == 0
    waybill.assert_books_balance()


def flush_failed_or_dead(waybill):
    try:
        return waybill.metric("waybill_store_flush_failures_total") > 0
    except OSError:
        return not waybill.alive()


def test_a_failing_sync_of_the_store_loses_nothing(steered, chance):
    waybill = steered(arguments=SMALL).start()
    books = Books()
    phones = [Phone(f"store-{number}", books, chance) for number in range(2)]
    for phone in phones:
        phone.new_order()
    join = start_phones(phones, waybill.port)
    waybill.tell(fail_journal=0, fail_syncs=3)
    waybill.wait_until(lambda: flush_failed_or_dead(waybill))
    died = not waybill.alive()
    waybill.tell(fail_syncs=0)
    join()
    if died or waybill.stop() != 0:
        waybill.kill()
    waybill.start()
    books.assert_tracks(waybill)
    assert waybill.stop() == 0
    waybill.assert_books_balance()


def test_a_disk_that_stalls_delays_the_answer_and_nothing_is_lost(steered, chance):
    waybill = steered().start()
    books = Books()
    phones = [Phone(f"stall-{number}", books, chance) for number in range(4)]
    for phone in phones:
        phone.new_order()
    waybill.tell(stall_us=1_000_000)
    began = time.monotonic()
    assert phones[0].post(waybill.port, phones[0].fixes(1))
    assert time.monotonic() - began >= 1, "it was acknowledged before it was on the disk"
    join = start_phones(phones, waybill.port)
    for _ in range(5):
        began = time.monotonic()
        assert waybill.get("/healthz").status_code == 200
        assert time.monotonic() - began < 5
    waybill.tell(stall_us=0)
    acknowledged = books.count()
    waybill.wait_until(lambda: books.count() > acknowledged)
    join()
    books.assert_tracks(waybill)
    assert waybill.stop() == 0
    waybill.assert_books_balance()


@pytest.mark.parametrize("jump_s", [86_400, -86_400, 400 * 86_400, -400 * 86_400])
def test_a_clock_that_jumps_loses_nothing_and_last_stays_the_newest_fix(steered, chance, jump_s):
    waybill = steered(arguments=SMALL).start()
    books = Books()
    phone = Phone("clock", books, chance)
    order = phone.new_order()
    for jump in (0, jump_s, 0, -jump_s, jump_s):
        waybill.tell(clock_ns=jump * 1_000_000_000)
        for count in (1, 30, 1):
            locations = phone.fixes(count)
            assert phone.post(waybill.port, locations)
            newest = locations[-1]
            assert waybill.get(f"/v1/orders/{order}").json()["last"]["timestamp"] == newest["timestamp"]
        assert waybill.get("/readyz").status_code == 200
    assert order in [one["order_id"] for one in json.loads(waybill.get("/v1/orders").text)["orders"]]
    books.assert_tracks(waybill)
    waybill.kill()
    waybill.tell(clock_ns=-jump_s * 1_000_000_000)
    waybill.start()
    books.assert_tracks(waybill)
    assert waybill.stop() == 0
    waybill.assert_books_balance()
