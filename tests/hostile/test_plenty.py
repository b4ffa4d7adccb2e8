"""One client with more names than anyone has, and phones whose clocks are wrong. ORDERS says how many names (soak: a million)."""
import datetime
import json
import os

from attack import Honest, assert_problem, location, memory_mib, patient_get

ORDERS = int(os.environ.get("ORDERS", 20_000))
BATCH = 1_000
NDJSON = {"Content-Type": "application/x-ndjson"}


def lines(first, count, command=None):
    return "\n".join(json.dumps(command(n) if command else location(f"plenty-{n}", n % 3600)) for n in range(first, first + count))


def told(waybill, path):
    return patient_get(waybill.session, waybill.url + path)


def test_a_million_distinct_order_ids_do_not_fill_the_memory(waybill):
    measured = []
    with Honest(waybill, patient_get):
        for first in range(0, ORDERS, BATCH):
            said = waybill.post("/v1/locations", lines(first, BATCH), headers=NDJSON)
            assert said.status_code == 200 and said.json()["accepted"] == BATCH
            measured.append(memory_mib(waybill))
    print(f"\n{ORDERS} order ids: {measured[0]:.0f} MiB after the first {BATCH}, {measured[len(measured) // 2]:.0f} at half, "
          f"{measured[-1]:.0f} at the end")
    for order in (0, ORDERS // 2, ORDERS - 1):
        assert len(told(waybill, f"/v1/orders/plenty-{order}/track").json()["locations"]) == 1
    # What it takes grows with what is configured (caches, memtables), not with the names.
    assert measured[-1] - measured[0] < 700


def test_as_many_orders_by_command_and_no_location(waybill):
    before = memory_mib(waybill)
    with Honest(waybill, patient_get):
        for first in range(0, ORDERS // 2, BATCH):
            body = lines(first, BATCH, lambda n: {"order_id": f"told-{n}", "deliverer_id": f"t-{n % 7}"})
            said = waybill.post("/v1/orders", body, headers=NDJSON)
            assert said.status_code == 200 and said.json()["accepted"] == BATCH
        # Seven deliverers hold them all: what is told of one is bounded.
        assert len(told(waybill, "/v1/deliverers/t-1").json()["orders"]) == min(1000, -(-(ORDERS // 2) // 7))
    print(f"\n{ORDERS // 2} orders by command: {before:.0f} -> {memory_mib(waybill):.0f} MiB")
    assert memory_mib(waybill) - before < 700


def at(**ago):
    moment = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(**ago)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_a_phone_whose_clock_is_a_day_ahead_is_kept_flagged_and_never_last(waybill):
    good = location("ahead", timestamp=at(seconds=1))
    for sent in (location("ahead", 1, timestamp=at(days=-1)), good, location("ahead", 2, timestamp=at(days=-1, seconds=5))):
        assert waybill.post("/v1/locations", sent).json()["accepted"] == 1
    track = waybill.track("ahead")
    assert [point.get("ahead", False) for point in track] == [False, True, True]
    assert waybill.last("ahead")[0]["latitude"] == good["latitude"]
    assert waybill.get("/v1/orders/ahead").json()["last"]["timestamp"] == good["timestamp"]


def test_a_phone_that_only_knows_tomorrow_has_no_last(waybill):
    waybill.post("/v1/locations", location("tomorrow", timestamp=at(days=-1)))
    assert waybill.last("tomorrow") == []
    assert len(waybill.track("tomorrow")) == 1


def test_a_phone_whose_clock_is_decades_behind_is_kept_and_moves_nobody_back(waybill):
    good = location("behind", timestamp=at(seconds=1))
    for sent in (good, location("behind", 1, timestamp="1970-01-01T00:00:00Z"), location("behind", 2, timestamp=0),
                 location("behind", 3, timestamp="1999-12-31T23:59:59Z")):
        assert waybill.post("/v1/locations", sent).json()["accepted"] == 1
    assert len(waybill.track("behind")) == 4
    assert waybill.last("behind")[0]["timestamp"] == good["timestamp"]


def test_a_time_that_nobody_can_write_is_refused(waybill):
    for timestamp in ("1969-12-31T23:59:59Z", -1, 1e300, "10000-01-01T00:00:00Z", "2024-13-01T00:00:00Z", ""):
        assert_problem(waybill.post("/v1/locations", location("never", timestamp=timestamp)), 400, "timestamp")
