"""The first system's API: its publisher and its readers go on working unchanged."""
import json
from datetime import datetime, timezone

import pytest

from running import Waybill

PATH = "/v1/deliverer_location/"


def location(order, **more):
    return {"order_id": order, "deliverer_id": 7, "delivery_state": "start", "timestamp": "2024-01-15T09:00:00.123456",
            "latitude": 41.15, "longitude": -8.61, **more}


def test_takes_an_object(shared):
    answer = shared.post(PATH, location(1001))
    assert (answer.status_code, answer.json()) == (200, {"status": "OK"})
    assert shared.last(1001) == [location(1001)]


def test_takes_an_object_that_is_encoded_twice(shared):
    # As the published script sends it: requests.post(url, json=json.dumps(location)).
    answer = shared.post(PATH, json.dumps(json.dumps(location(1002))), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()) == (200, {"status": "OK"})
    assert shared.last(1002) == [location(1002)]


def test_takes_any_content_type_or_none(shared):
    for number, headers in enumerate(({}, {"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"})):
        answer = shared.post(PATH, json.dumps(location(1010 + number)), headers=headers)
        assert answer.status_code == 200, answer.text
        assert len(shared.last(1010 + number)) == 1


def test_the_path_works_without_its_last_slash(shared):
    assert shared.post(PATH.rstrip("/"), location(1020)).status_code == 200
    assert len(shared.last(1020)) == 1


def test_ids_come_back_as_they_were_sent(shared):
    shared.post(PATH, location(1003))
    shared.post(PATH, location("text-1003", deliverer_id="courier-é"))
    assert shared.last(1003)[0]["order_id"] == 1003
    kept = shared.last("text-1003")[0]
    assert (kept["order_id"], kept["deliverer_id"]) == ("text-1003", "courier-é")


def test_a_timestamp_without_zone_is_utc_and_comes_back_as_it_was(shared):
    shared.post(PATH, location(1004, timestamp="2024-01-15T09:00:00"))
    assert shared.last(1004)[0]["timestamp"] == "2024-01-15T09:00:00"
    assert shared.track(1004, **{"from": "2024-01-15T09:00:00Z", "to": "2024-01-15T09:00:01Z"}) != []
    assert shared.track(1004, **{"from": "2024-01-15T09:00:01Z"}) == []


def test_last_is_the_newest_fix_not_the_newest_arrival(shared):
    for second in (10, 30, 20):
        shared.post(PATH, location(1005, timestamp=f"2024-01-15T09:00:{second}", latitude=41 + second / 1000))
    assert shared.last(1005)[0]["latitude"] == 41.03


def test_an_order_that_nobody_knows_has_no_data(shared):
    answer = shared.get("/v1/deliverer_location/last/99999999")
    assert (answer.status_code, answer.json()) == (200, {"data": []})


@pytest.mark.parametrize("body", ["", "{", "[1", "nonsense", '"{"', '"nonsense"', '{"order_id":1,}', b"\xff\xfe"])
def test_what_is_not_json_is_a_400(shared, body):
    assert shared.post(PATH, body).status_code == 400


@pytest.mark.parametrize("body", [{}, {"latitude": 1, "longitude": 2},
                                  {name: value for name, value in location(1).items() if name != "order_id"}])
def test_without_an_order_it_is_a_422(shared, body):
    assert shared.post(PATH, body).status_code == 422


def test_the_publishers_own_loop(shared):
    """What the published script does for one order, with its clock and its double encoding."""
    sent = []
    for step in range(15):
        state = "start" if step == 0 else "arrived" if step == 14 else "on_the_way"
        sent.append({"order_id": 1006, "deliverer_id": 51, "delivery_state": state,
                     "timestamp": datetime.now(timezone.utc).replace(tzinfo=None).isoformat(),
                     "latitude": -23.5 + step / 1000, "longitude": -46.6 - step / 1000})
        assert shared.post(PATH, json.dumps(json.dumps(sent[-1]))).json() == {"status": "OK"}
        assert shared.last(1006) == [sent[-1]]
    assert [kept["latitude"] for kept in shared.track(1006)] == [one["latitude"] for one in sent]


def test_a_timestamp_without_zone_is_at_the_offset_that_is_set(tmp_path):
    with Waybill(tmp_path / "data", arguments=["--time-naive-offset", "-03:00"]) as waybill:
        assert waybill.post(PATH, location(1, timestamp="2024-01-15T09:00:00")).status_code == 200
        assert waybill.last(1)[0]["timestamp"] == "2024-01-15T09:00:00"
        assert waybill.track(1)[0]["timestamp"] == "2024-01-15T12:00:00Z"
        assert len(waybill.track(1, **{"from": "2024-01-15T09:00:00", "to": "2024-01-15T12:00:01Z"})) == 1
