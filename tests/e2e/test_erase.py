"""`waybill erase`: nothing of somebody is left anywhere, everybody else's data and the books stay."""
import json

import pytest

from running import Waybill, run

GONE, STAYS = "courier-who-goes", "courier-who-stays"
QUICK = {"WAYBILL_STORE_FLUSH_SECONDS": "1", "WAYBILL_LAKE_ROLL_SECONDS": "1", "WAYBILL_TRANSFORM_EVERY_SECONDS": "1", "WAYBILL_JOURNAL_SEGMENT_MIB": "4"}


def locations(deliverer, count, first=0, order=None):
    return [{"deliverer_id": deliverer, **({"order_id": order} if order else {}), "latitude": 41.1 + i / 10_000, "longitude": -8.6,
             "timestamp": f"2026-01-15T{9 + i // 3600:02}:{i // 60 % 60:02}:{i % 60:02}Z"} for i in range(first, first + count)]


def send(waybill, items, path="/v1/locations"):
    answer = waybill.post(path, items)
    assert answer.status_code == 200, answer.text
    return answer.json()


def fill(waybill, count=60):
    send(waybill, [{"order_id": "parcel-1", "deliverer_id": GONE}, {"order_id": "parcel-2", "deliverer_id": STAYS}], "/v1/orders")
    send(waybill, locations(GONE, count, order="parcel-1"))
    send(waybill, locations(STAYS, count, order="parcel-2"))
    send(waybill, [*locations(GONE, 3, first=count), {"deliverer_id": GONE, "latitude": 91}])


def files_with(data, text):
    """Files of the data folder that have these bytes, but for the audit, of which the certificate says so. What Parquet packs is asked by SQL."""
    return [str(path.relative_to(data)) for path in data.rglob("*")
            if path.is_file() and not path.name.startswith("audit.ndjson") and text.encode() in path.read_bytes()]


def ask(waybill, sql):
    answer = waybill.post("/v1/query", {"sql": sql})
    assert answer.status_code == 200, answer.text
    return answer.json()["rows"]


def treated_are_made(waybill, deliverer, table="treated.location"):
    answer = waybill.post("/v1/query", {"sql": f"SELECT count(*) FROM {table} WHERE deliverer_id = '{deliverer}'"})
    return answer.status_code == 200 and answer.json()["rows"][0][0] > 0


def is_done(waybill):
    erasures = waybill.get("/v1/erasures").json()["erasures"]
    return erasures and all(one["state"] == "done" for one in erasures)


def assert_nothing_is_left(waybill, text=GONE):
    """After the next start, as the certificate says: until then the store's list of its files may have a key."""
    deep = waybill.verify("--deep")
    assert deep.returncode == 0 and "UNFINISHED" not in deep.stdout, deep.stdout
    assert waybill.stop() == 0
    waybill.start()
    for table in ("raw.deliverer_location", "treated.location", "final.dim_deliverer"):
        assert ask(waybill, f"SELECT count(*) FROM {table} WHERE deliverer_id = '{text}'") == [[0]], table
    assert ask(waybill, f"SELECT count(*) FROM raw.order_command WHERE deliverer_id = '{text}'") == [[0]]
    assert files_with(waybill.data, text) == []


@pytest.fixture
def quick(tmp_path):
    with Waybill(tmp_path / "data", environment=QUICK) as waybill:
        yield waybill


def test_nothing_of_an_erased_courier_is_left_and_the_other_is_as_it_was(quick):
    fill(quick)
    quick.wait_until(lambda: treated_are_made(quick, GONE) and treated_are_made(quick, STAYS), seconds_max=90)
    quick.wait_until(lambda: "on the way" not in quick.verify().stdout, seconds_max=90)
    assert files_with(quick.data, GONE) != []
    before = quick.track("parcel-2")
    erased = run("erase", "--data", quick.data, "--deliverer", GONE)
    assert erased.returncode == 0, erased.stderr
    assert "done" in erased.stdout and "still held" in erased.stdout and GONE not in erased.stdout
    assert quick.track("parcel-2") == before
    assert quick.track("parcel-1") == []
    assert quick.get(f"/v1/deliverers/{GONE}").status_code == 404
    certificate = quick.get("/v1/erasures").json()["erasures"][0]
    assert certificate["state"] == "done" and certificate["kind"] == "deliverer"
    assert certificate["store"]["locations"] == 63 and certificate["journal"]["records"] == 65
    assert certificate["lake"]["raw_rows"] == 65 and certificate["lake"]["table_files_made_anew"] > 0
    assert_nothing_is_left(quick)
    assert ask(quick, f"SELECT count(*) FROM treated.location WHERE deliverer_id = '{STAYS}'") == [[60]]
    assert quick.track("parcel-2") == before


def test_what_the_same_phone_sends_later_is_answered_and_counted_as_erased(quick):
    fill(quick)
    assert run("erase", "--data", quick.data, "--deliverer", GONE, "--no-wait").returncode == 0
    assert send(quick, locations(GONE, 5, first=100))["accepted"] == 5
    again = run("erase", "--data", quick.data, "--deliverer", GONE)
    assert again.returncode == 0, again.stderr
    assert len(quick.get("/v1/erasures").json()["erasures"]) == 1, "who is erased already stays so"
    assert send(quick, locations(GONE, 7, first=200))["accepted"] == 7
    send(quick, {"order_id": "parcel-3", "deliverer_id": GONE}, "/v1/orders")
    assert "deliverer_id" not in {name for name, value in quick.get("/v1/orders/parcel-3").json().items() if value}
    assert quick.get(f"/v1/deliverers/{GONE}").status_code == 404
    quick.wait_until(lambda: "76 erased" in next(line for line in quick.verify().stdout.splitlines() if line.startswith("store")),
                     seconds_max=90)
    quick.wait_until(lambda: treated_are_made(quick, STAYS, "final.dim_deliverer"), seconds_max=90)
    quick.wait_until(lambda: "on the way" not in quick.verify().stdout, seconds_max=90)
    assert files_with(quick.data, GONE) == [] or assert_nothing_is_left(quick) is None


def test_an_erased_order_takes_what_was_sent_for_it(quick):
    fill(quick)
    erased = run("erase", "--data", quick.data, "--order", "parcel-1")
    assert erased.returncode == 0, erased.stderr
    assert quick.get("/v1/orders/parcel-1").status_code == 404
    assert len(quick.get(f"/v1/deliverers/{GONE}/track").json()["locations"]) == 3
    deep = quick.verify("--deep")
    assert deep.returncode == 0 and "61 erased" in deep.stdout, deep.stdout


def test_of_two_who_are_erased_at_once_each_certificate_counts_its_own(quick):
    fill(quick)
    quick.wait_until(lambda: "on the way" not in quick.verify().stdout, seconds_max=90)
    for name in ({"deliverer_id": GONE}, {"order_id": "parcel-2"}):
        assert quick.post("/v1/erasures", name).status_code == 202
    quick.wait_until(lambda: is_done(quick), seconds_max=120)
    deliverer, order = quick.get("/v1/erasures").json()["erasures"]
    for certificate, locations_of_it, records in ((deliverer, 63, 65), (order, 60, 61)):
        assert certificate["starts"] == 1, certificate
        assert certificate["store"]["locations"] == locations_of_it, certificate
        assert certificate["journal"]["records"] == records and certificate["lake"]["raw_rows"] == records, certificate
    deep = quick.verify("--deep")
    assert deep.returncode == 0 and "125 erased" in deep.stdout, deep.stdout


def test_killed_again_and_again_it_is_done_in_the_end(quick):
    fill(quick, count=2000)
    quick.wait_until(lambda: treated_are_made(quick, GONE), seconds_max=90)
    asked = quick.post("/v1/erasures", {"deliverer_id": GONE})
    assert asked.status_code == 202, asked.text
    for kill in range(12):
        steps = {"journal", "store", "lake", "tables", "history"}
        quick.wait_until(lambda wanted=kill: is_done(quick) or kill_at(quick, wanted, steps))
        quick.kill()
        assert quick.verify("--deep").returncode == 0, quick.verify("--deep").stdout
        quick.start()
    quick.wait_until(lambda: is_done(quick), seconds_max=90)
    assert quick.get("/v1/erasures").json()["erasures"][0]["starts"] >= 1
    assert_nothing_is_left(quick)


def kill_at(waybill, number, steps):
    """Another step each time, or wherever it is."""
    step = waybill.get("/v1/erasures").json()["erasures"][0].get("step")
    return number % 2 == 0 or step in sorted(steps)[number % len(steps):] or step is None


def test_without_a_process_it_is_kept_and_the_next_start_does_it(quick):
    fill(quick)
    assert quick.stop() == 0
    asked = run("erase", "--data", quick.data, "--deliverer", GONE)
    assert asked.returncode == 0 and "the next `waybill up`" in asked.stdout, asked.stderr
    unfinished = quick.verify()
    assert unfinished.returncode == 0 and "UNFINISHED erasure" in unfinished.stdout
    quick.start()
    quick.wait_until(lambda: is_done(quick) and treated_are_made(quick, STAYS, "final.dim_deliverer"), seconds_max=90)
    assert_nothing_is_left(quick)


@pytest.mark.parametrize("body, status", [({}, 422), ({"deliverer_id": 1, "order_id": 2}, 400), ([], 400), ({"name": "x"}, 400),
                                          ({"deliverer_id": ""}, 400)])
def test_a_body_that_names_nobody_is_refused(quick, body, status):
    assert quick.post("/v1/erasures", body).status_code == status
    assert json.loads(quick.get("/v1/erasures").text) == {"erasures": []}
    assert quick.get("/v1/erasures/1-0-7").status_code == 404
