"""The treated and final tables say what somebody else counts from the raw files: PyArrow, and Python without SQL."""
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from running import ROOT, Waybill, courier_files, read_ndjson, run

sys.path.insert(0, str(ROOT / "tools"))
import pinned_venv  # noqa: E402

HERE = Path(__file__).parent
QUICK = {"WAYBILL_LAKE_ROLL_SECONDS": "1", "WAYBILL_TRANSFORM_EVERY_SECONDS": "0"}
BATCH = 5000


def asked(waybill, sql):
    answer = run("query", "--data", waybill.data, "--format", "json", "--limit", "10000000", sql)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)["rows"]


def files_of(waybill, table):
    found = run("lake", "files", "--data", waybill.data, table)
    return ",".join(found.stdout.split()) if found.returncode == 0 else ""


def recounted(waybill):
    python = pinned_venv.pinned_venv(HERE / "requirements.txt") / "bin/python"
    counted = subprocess.run([python, HERE / "recount.py", files_of(waybill, "raw.deliverer_location"),
                              files_of(waybill, "raw.order_command")], capture_output=True, text=True)
    assert counted.returncode == 0, counted.stderr
    return json.loads(counted.stdout)


def near(value):
    return pytest.approx(value, rel=1e-9, abs=1e-6)


def assert_equal_to_a_recount(waybill):
    """Silver and gold, by date, hour and trip."""
    expected = recounted(waybill)
    silver = asked(waybill, "SELECT fix_date, count(*), sum(repeats), sum(is_zero::INT), sum(is_clock::INT), sum(is_low_accuracy::INT), "
                   "sum(is_jump::INT), coalesce(sum(distance_m), 0) FROM treated.location GROUP BY fix_date")
    names = ("locations", "repeats", "is_zero", "is_clock", "is_low_accuracy", "is_jump", "metres")
    assert {row[0]: row[1:] for row in silver} == {
        date: [near(counted.get(name, 0)) for name in names] for date, counted in expected["dates"].items()}
    assert dict(asked(waybill, "SELECT fix_date, count(*) FROM final.fact_location GROUP BY fix_date")) == {
        date: counted["locations"] for date, counted in expected["dates"].items()}
    hours = asked(waybill, "SELECT hour_us, sum(locations), sum(kilometres), sum(deliveries) FROM final.work_by_hour GROUP BY hour_us")
    assert {str(row[0]): row[1:] for row in hours} == {
        hour: [near(counted.get(name, 0)) for name in ("locations", "kilometres", "deliveries")]
        for hour, counted in expected["hours"].items()}

    trips = {(trip["order"], trip["start_us"]): trip for trip in expected["trips"]}
    for table, order in (("treated.trip", "order_id"), ("final.fact_delivery", "order_id")):
        rows = asked(waybill, f"SELECT {order}, start_us, locations, metres FROM {table}")
        assert len(rows) == len(trips)
        assert {(row[0], row[1]): row[2:] for row in rows} == {
            key: [trip["locations"], near(trip["metres"])] for key, trip in trips.items()}
    delivered = asked(waybill, "SELECT order_id, start_us, delivered_us FROM final.fact_delivery")
    assert {(row[0], row[1]): row[2] for row in delivered} == {key: trip["delivered_us"] for key, trip in trips.items()}
    states = asked(waybill, "SELECT d.order_id, d.start_us, n.delivery_state, s.from_us FROM final.fact_delivery_state s "
                   "JOIN final.fact_delivery d USING (delivery_key, order_key) JOIN final.dim_delivery_state n USING (delivery_state_key)")
    assert sorted(map(tuple, states)) == sorted(
        (*key, state, at) for key, trip in trips.items() for state, at in trip["states"].items())
    return expected


def post(waybill, locations):
    for begin in range(0, len(locations), BATCH):
        assert waybill.post("/v1/locations", locations[begin:begin + BATCH]).status_code == 200


def transform(waybill):
    made = run("transform", "run", "--data", waybill.data)
    assert made.returncode == 0, made.stdout + made.stderr


@pytest.fixture
def waybill(tmp_path):
    with Waybill(tmp_path / "data", environment=QUICK) as running:
        yield running


def ride(deliverer, begin, count, **named):
    """A fix a minute, 110 m apart, from minute `begin` of 2026-01-15 on."""
    return [{"deliverer_id": deliverer, "latitude": 41.1 + minute * 0.001, "longitude": -8.6,
             "timestamp": f"2026-01-{15 + (begin + minute) // 1440}T{(begin + minute) // 60 % 24:02d}:{(begin + minute) % 60:02d}:00Z", **named}
            for minute in range(count)]


def test_real_couriers_are_counted_alike(waybill):
    sent = 0
    for file in courier_files():
        locations = read_ndjson(file)
        post(waybill, locations)
        sent += len(locations)
    post(waybill, read_ndjson(courier_files()[0])[:1000])
    assert waybill.stop() == 0
    transform(waybill)
    expected = assert_equal_to_a_recount(waybill)
    counted = list(expected["dates"].values())
    assert sum(one["locations"] + one["repeats"] for one in counted) == sent + 1000
    assert sum(one["repeats"] for one in counted) >= 1000
    assert waybill.verify("--deep").returncode == 0


def test_what_comes_late_is_counted_as_if_it_had_come_in_time(waybill):
    named = {"order_id": "o1"}
    over_midnight = ride("anna", 1430, 20, **named)
    over_midnight[0]["delivery_state"], over_midnight[-1]["delivery_state"] = "start", "arrived"
    late_rows = {"an hour": [over_midnight.pop(7)], "a day": [over_midnight.pop(12)],
                 "a year": [{**ride("anna", 0, 1, **named)[0], "timestamp": "2025-01-15T10:00:00Z"}]}
    odd = [{**ride("anna", 1441, 1)[0], "latitude": 0, "longitude": 0}, {**ride("anna", 1442, 1)[0], "accuracy": 500},
           {**ride("anna", 1443, 1)[0], "latitude": 45.0}]
    post(waybill, over_midnight + odd)
    assert waybill.stop() == 0
    transform(waybill)
    assert len(assert_equal_to_a_recount(waybill)["trips"]) == 1
    for rows in late_rows.values():
        waybill.start()
        post(waybill, rows)
        assert waybill.stop() == 0
        transform(waybill)
        expected = assert_equal_to_a_recount(waybill)
    assert sorted(trip["locations"] for trip in expected["trips"]) == [1, 20]


def test_an_assignment_binds_what_names_no_order_also_where_it_comes_later(waybill):
    post(waybill, ride("anna", 600, 30) + ride("bert", 600, 30))
    assert waybill.stop() == 0
    transform(waybill)
    assert assert_equal_to_a_recount(waybill)["trips"] == []

    def told(path, body):
        assert waybill.post(path, body).status_code in (200, 201), body

    commands = [("/v1/orders", {"order_id": "o1", "deliverer_id": "anna", "at": "2026-01-15T10:05:00Z", "promised_at": "2026-01-15T10:20:00Z"}),
                ("/v1/orders", {"order_id": "o2", "deliverer_id": "anna", "at": "2026-01-15T10:00:00Z"}),
                ("/v1/orders/o1/reassign", {"deliverer_id": "bert", "at": "2026-01-15T10:10:00Z"}),
                ("/v1/orders/o1/close", {"at": "2026-01-15T10:15:30Z"})]
    for command in commands:
        waybill.start()
        told(*command)
        assert waybill.stop() == 0
        transform(waybill)
        expected = assert_equal_to_a_recount(waybill)
    by_order = {trip["order"]: trip for trip in expected["trips"]}
    assert by_order["o1"]["locations"] == 11, "anna's from 10:05 to 10:09, bert's from 10:10 to 10:15"
    assert by_order["o2"]["locations"] == 30
    assert asked(waybill, "SELECT is_on_time FROM final.fact_delivery WHERE order_id = 'o1'") == [[True]]
    waybill.start()
    assert len(waybill.track("o1")) == by_order["o1"]["locations"], "the track has the same locations"
    for order, its in by_order.items():
        assert len(waybill.track(order)) == its["locations"]


def test_an_order_that_nobody_closes_counts_on_seven_dates_and_up_to_its_end_when_it_has_one(waybill):
    post(waybill, [fix for day in range(9) for fix in ride("anna", day * 1440 + 600, 2)])
    opened = {"order_id": "o1", "deliverer_id": "anna", "at": "2026-01-15T10:00:00Z"}
    assert waybill.post("/v1/orders", opened).status_code in (200, 201)

    def by_date():
        assert waybill.stop() == 0
        transform(waybill)
        assert_equal_to_a_recount(waybill)
        return asked(waybill, "SELECT fix_date, count(*) FROM final.fact_location WHERE order_id = 'o1' GROUP BY 1 ORDER BY 1")

    assert by_date() == [[f"2026-01-{date}", 2] for date in range(15, 22)]
    left_open = re.search(r'waybill query "(SELECT order_id, deliverer_id, make.*)"\n', (ROOT / "docs/LAKE.md").read_text())[1]
    assert [row[:2] for row in asked(waybill, left_open)] == [["o1", "anna"]]
    waybill.start()
    assert len(waybill.track("o1")) == 18, "its track has no such limit"
    assert waybill.post("/v1/orders/o1/close", {"at": "2026-01-23T10:01:00Z"}).status_code == 200
    assert by_date() == [[f"2026-01-{date}", 2] for date in range(15, 23)] + [["2026-01-23", 1]]
    assert asked(waybill, left_open) == []
