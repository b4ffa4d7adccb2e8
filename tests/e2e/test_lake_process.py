"""The lake written by a process of its own: `waybill lake write` beside `waybill up --lake-write false`."""
import itertools
import threading
import time

import pytest
import requests
from running import Role, Waybill, run

APART = {"WAYBILL_LAKE_WRITE": "false", "WAYBILL_LAKE_ROLL_SECONDS": "1", "WAYBILL_TRANSFORM_EVERY_SECONDS": "1",
         "WAYBILL_STORE_FLUSH_SECONDS": "1", "WAYBILL_JOURNAL_SEGMENT_MIB": "4", "WAYBILL_JOURNAL_KEEP_MIB": "4"}
GONE, STAYS = "zz-gone-zz", "stays"


@pytest.fixture
def apart(tmp_path):
    with Waybill(tmp_path / "data", environment=APART) as waybill:
        yield waybill


def writer_of(waybill):
    return Role("lake", "write", data=waybill.data, environment=APART)


def send(waybill, deliverer, count, first=0, order=None):
    items = [{"deliverer_id": deliverer, "event_id": f"{deliverer}-{n}", "latitude": 41.15, "longitude": -8.61 - n / 1e6,
              "timestamp": f"2026-01-15T{9 + n // 3600 % 12:02}:{n // 60 % 60:02}:{n % 60:02}Z"} | ({"order_id": order} if order else {})
             for n in range(first, first + count)]
    answer = waybill.post("/v1/locations", items)
    assert answer.status_code == 200 and answer.json()["accepted"] == count, answer.text


def bronze_end(waybill):
    """Behind the last position that the lake has."""
    line = next((line for line in waybill.verify().stdout.splitlines() if line.startswith("lake ")), "(0 … 0)")
    return int(line.split("… ")[1].split(")")[0])


def is_taken(waybill, what):
    return waybill.get(f"/v1/custody/{what}").json()["items"][0]["bronze"]["state"] == "taken"


def test_what_is_sent_is_in_the_lake_by_the_other_process_and_the_books_balance(apart):
    with writer_of(apart) as writer:
        send(apart, STAYS, 50)
        apart.wait_until(lambda: is_taken(apart, "1-0-49"), seconds_max=60)
        apart.wait_until(lambda: "waybill_lake_bronze_end_offset 50" in writer.metrics(), seconds_max=60)
        answer = run("query", "--format", "csv", "SELECT count(*) AS n FROM raw.deliverer_location", "--data", apart.data)
        assert answer.stdout == "n\n50\n", answer.stderr
        assert writer.stop() == 0
    assert "writing the lake" in writer.log.read_text()
    deep = apart.verify("--deep")
    assert deep.returncode == 0 and "lake       50 records (0 … 50): 50 locations" in deep.stdout, deep.stdout


def test_it_says_so_where_it_is_not_wanted_or_there_already(apart, tmp_path):
    with writer_of(apart) as writer:
        apart.wait_until(lambda: "writing the lake" in writer.log.read_text())
        second = run("lake", "write", "--data", apart.data, "--lake-write", "false")
        assert second.returncode == 1 and "another waybill process has the role lake" in second.stderr
    both = run("lake", "write", "--data", apart.data)
    assert both.returncode == 1 and "lake.write is true" in both.stderr
    none = run("lake", "write", "--data", apart.data, "--lake-write", "false", "--lake-enabled", "false")
    assert none.returncode == 1 and "lake.enabled is false" in none.stderr
    nowhere = run("lake", "write", "--data", tmp_path / "nowhere", "--lake-write", "false")
    assert nowhere.returncode == 1 and not (tmp_path / "nowhere").exists()
    compact = run("lake", "compact", "--data", apart.data, "--lake-write", "false")
    assert compact.returncode == 1 and "another process writes the lake" in compact.stderr


def test_nothing_goes_from_the_journal_that_the_other_process_has_not_taken(apart):
    def oldest():
        return min(int(path.stem) for path in (apart.data / "journal").glob("*.log"))
    sent = 0

    def more(count):
        nonlocal sent
        send(apart, STAYS, count, first=sent)
        sent += count

    def purged_below():
        purged = run("lake", "purge", "--keep", "0", "--data", apart.data, "--lake-write", "false")
        assert purged.returncode == 0, purged.stderr
        return int(purged.stdout.split("below offset ")[1])

    while len(list((apart.data / "journal").glob("*.log"))) < 4:
        more(2000)
    apart.wait_until(lambda: f"store      {sent} records" in apart.verify().stdout, seconds_max=60)
    assert oldest() == 0, "nobody wrote the lake yet"
    assert purged_below() == 0

    def is_trimmed():
        more(10)
        return oldest() > 0
    with writer_of(apart):
        apart.wait_until(is_trimmed, seconds_max=120)
        apart.wait_until(lambda: bronze_end(apart) == sent, seconds_max=60)
        assert purged_below() > 0, "the lake has it, and was read again"
    apart.stop()
    apart.assert_books_balance()


def test_killed_again_and_again_each_location_is_in_the_lake_once(apart):
    sent = 0
    for wait_s in (0.3, 0.9, 1.2, 1.5, 1.9):
        with writer_of(apart):
            for _ in range(4):
                send(apart, STAYS, 25, first=sent)
                sent += 25
            time.sleep(wait_s)  # killed then
    apart.kill()  # and the platform
    apart.start()
    with writer_of(apart) as writer:
        apart.wait_until(lambda: bronze_end(apart) == sent, seconds_max=60)
        assert writer.stop() == 0
    deep = apart.verify("--deep")
    assert deep.returncode == 0 and f"{sent} locations" in deep.stdout, deep.stdout


def test_who_is_erased_is_taken_out_by_the_other_process_however_often_it_is_killed(apart):
    send(apart, GONE, 40, order="parcel-1")
    send(apart, STAYS, 40)
    with writer_of(apart):
        apart.wait_until(lambda: bronze_end(apart) == 80, seconds_max=60)
    asked = apart.post("/v1/erasures", {"deliverer_id": GONE})
    assert asked.status_code == 202, asked.text
    assert apart.get("/v1/erasures").json()["erasures"][0]["state"] == "running"
    for wait_s in (0.05, 0.2, 0.5):
        with writer_of(apart):
            time.sleep(wait_s)  # killed then
    with writer_of(apart) as writer:
        apart.wait_until(lambda: apart.get("/v1/erasures").json()["erasures"][0]["state"] == "done", seconds_max=120)
        certificate = apart.get("/v1/erasures").json()["erasures"][0]
        assert certificate["lake"]["looked_at"] and certificate["store"]["locations"] == 40
        send(apart, GONE, 5, first=100)
        apart.wait_until(lambda: bronze_end(apart) == 86, seconds_max=60)
        assert writer.stop() == 0
    # A process that never read the record knows the name by the catalog.
    with writer_of(apart) as writer:
        send(apart, GONE, 5, first=200)
        apart.wait_until(lambda: bronze_end(apart) == 91, seconds_max=60)
        assert writer.stop() == 0
    deep = apart.verify("--deep")
    assert deep.returncode == 0, deep.stdout
    answer = run("query", "--format", "csv", "SELECT deliverer_id, count(*) AS n FROM raw.deliverer_location GROUP BY 1", "--data", apart.data)
    assert answer.stdout == f"deliverer_id,n\n{STAYS},40\n"


def test_the_books_balance_when_the_erased_phone_goes_on_sending_meanwhile(tmp_path):
    """What it sends between the record of its erasure and the moment when the door knows is rewritten in the journal: not before
    the lake has it, which it has some time later only."""
    slow = {**APART, "WAYBILL_LAKE_ROLL_SECONDS": "4", "WAYBILL_TRANSFORM_EVERY_SECONDS": "0"}
    with Waybill(tmp_path / "data", environment=slow) as waybill, Role("lake", "write", data=waybill.data, environment=slow) as writer:
        over = threading.Event()

        def phone(number):
            with requests.Session() as session:
                for n in itertools.count():
                    if over.is_set():
                        return
                    session.post(waybill.url + "/v1/locations", timeout=60, json={
                        "deliverer_id": GONE, "event_id": f"{number}-{n}", "latitude": 41, "longitude": -8, "timestamp": "2026-01-15T09:00:00Z"})
        phones = [threading.Thread(target=phone, args=(number,)) for number in range(8)]
        for one in phones:
            one.start()
        try:
            waybill.wait_until(lambda: bronze_end(waybill) > 0, seconds_max=60)
            assert waybill.post("/v1/erasures", {"deliverer_id": GONE}).status_code == 202
            waybill.wait_until(lambda: waybill.get("/v1/erasures").json()["erasures"][0]["state"] == "done", seconds_max=120)
            writer.kill()  # what it had collected it reads again, from the journal as that is now
        finally:
            over.set()
            for one in phones:
                one.join()
        writer.start()
        accepted = int(next(line for line in waybill.verify().stdout.splitlines() if line.startswith("journal")).split()[1])
        waybill.wait_until(lambda: bronze_end(waybill) == accepted, seconds_max=60)
        waybill.stop()
    deep = waybill.verify("--deep")
    assert deep.returncode == 0, deep.stdout
