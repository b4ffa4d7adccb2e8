"""Tracks in each format, page by page; custody; conditional reads."""
import csv
import io
import json
import xml.etree.ElementTree as xml

import pytest

START = "2024-01-15T09:00:00.000Z"


def at(second):
    return f"2024-01-15T09:{second // 60:02}:{second % 60:02}.000Z"


@pytest.fixture(scope="module")
def ride(shared):
    """An order of 100 locations, 10 s apart, with a gap of ten minutes in the middle."""
    sent = [{"order_id": "ride", "deliverer_id": 5, "delivery_state": "on_the_way", "latitude": 41.1 + number / 1_000,
             "longitude": -8.6 - number / 1_000, "timestamp": at(10 * number + (600 if number >= 50 else 0)), "altitude": 12.5,
             "speed": 4.5} for number in range(100)]
    assert shared.post("/v1/locations", sent).json()["accepted"] == 100
    return sent


def test_json_page_by_page(shared, ride):
    seen, cursor = [], ""
    while True:
        page = shared.get("/v1/orders/ride/track", params={"limit": 33, "cursor": cursor}).json()
        assert page["order_id"] == "ride" and len(page["locations"]) <= 33
        seen += page["locations"]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert [kept["timestamp"] for kept in seen] == [one["timestamp"] for one in ride]
    assert all(kept["position"] and kept["received_at"] for kept in seen)


def test_a_page_goes_on_where_it_stopped_although_locations_came_in_between(fresh):
    send = lambda seconds: fresh.post("/v1/locations", [{"order_id": 1, "latitude": 1, "longitude": 1, "timestamp": at(second)}
                                                         for second in seconds])
    send(range(0, 20, 2))
    page = fresh.get("/v1/orders/1/track", params={"limit": 5}).json()
    send(range(1, 20, 2))
    rest = fresh.track(1, cursor=page["next_cursor"])
    assert [kept["timestamp"] for kept in rest] == [at(second) for second in range(9, 20)]


def test_from_and_to(shared, ride):
    part = shared.track("ride", **{"from": at(100), "to": at(130)})
    assert [kept["timestamp"] for kept in part] == [at(100), at(110), at(120)], "from is included, to is not"


def test_geojson(shared, ride):
    answer = shared.get("/v1/orders/ride/track", params={"format": "geojson", "limit": 10_000})
    assert answer.headers["Content-Type"].startswith("application/geo+json")
    feature = answer.json()
    assert feature["type"] == "Feature" and feature["geometry"]["type"] == "LineString"
    assert [point[:2] for point in feature["geometry"]["coordinates"]] == [[one["longitude"], one["latitude"]] for one in ride]
    assert len(feature["properties"]["coordTimes"]) == 100
    assert shared.get("/v1/orders/ride/track", headers={"Accept": "application/geo+json"}).json() == json.loads(
        shared.get("/v1/orders/ride/track", params={"format": "geojson"}).text)


def test_gpx_with_a_new_segment_at_the_gap(shared, ride):
    answer = shared.get("/v1/orders/ride/track", params={"format": "gpx", "limit": 10_000})
    assert answer.headers["Content-Type"].startswith("application/gpx+xml")
    name = {"g": "http://www.topografix.com/GPX/1/1"}
    segments = xml.fromstring(answer.text).findall("g:trk/g:trkseg", name)
    assert [len(segment.findall("g:trkpt", name)) for segment in segments] == [50, 50]
    point = segments[0].find("g:trkpt", name)
    assert (float(point.get("lat")), float(point.get("lon"))) == (ride[0]["latitude"], ride[0]["longitude"])
    assert point.find("g:time", name).text.startswith("2024-01-15T09:00:00")


def test_csv(shared, ride):
    answer = shared.get("/v1/orders/ride/track", params={"format": "csv", "limit": 10_000})
    assert answer.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [(float(row["latitude"]), row["timestamp"]) for row in rows] == [(one["latitude"], one["timestamp"]) for one in ride]


def test_other_formats_link_to_their_next_page(shared, ride):
    answer = shared.get("/v1/orders/ride/track", params={"format": "csv", "limit": 60})
    following = shared.get(answer.links["next"]["url"])
    rows = [list(csv.DictReader(io.StringIO(page.text, newline=""))) for page in (answer, following)]
    assert [len(page) for page in rows] == [60, 40]
    assert "next" not in following.links


def test_the_deliverers_track_is_the_same_ride(shared, ride):
    answer = shared.get("/v1/deliverers/5/track", params={"limit": 10_000}).json()
    assert answer["deliverer_id"] == 5
    assert [kept["timestamp"] for kept in answer["locations"]] == [one["timestamp"] for one in ride]


@pytest.mark.parametrize("query", ["format=pdf", "limit=0", "limit=10001", "limit=-1", "from=yesterday", "cursor=nonsense"])
def test_a_query_that_makes_no_sense_is_a_400(shared, ride, query):
    answer = shared.get("/v1/orders/ride/track?" + query)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("application/problem+json") and answer.json()["detail"]


def test_custody_by_position_and_by_the_clients_own_id(shared):
    said = shared.post("/v1/locations", {"order_id": "custody", "deliverer_id": "d-custody", "latitude": 1, "longitude": 2,
                                         "timestamp": START, "event_id": "custody-event"}).json()
    shared.last("custody")
    for name in (said["first"], "custody-event"):
        items = shared.get("/v1/custody/" + name).json()["items"]
        assert [(item["position"], item["durable"], item["stored"]) for item in items] == [(said["first"], True, True)]
        assert items[0]["location"]["event_id"] == "custody-event"
    assert shared.get("/v1/custody/custody-event", params={"deliverer_id": "somebody"}).status_code == 404


def test_custody_of_what_was_quarantined_tells_the_reason(shared):
    said = shared.post("/v1/locations", [{"order_id": "q", "latitude": 1, "longitude": 2, "timestamp": START},
                                         {"order_id": "q", "latitude": 100, "longitude": 2, "timestamp": START}]).json()
    position = said["failures"][0]["quarantined"]
    shared.last("q")
    item = shared.get("/v1/custody/" + position).json()["items"][0]
    assert item["quarantined"] is True and item["reason"] and item["field"] == "latitude"


def test_last_is_not_sent_again_while_it_is_the_same(shared):
    path = "/v1/deliverer_location/last/etag"
    send = lambda second: shared.post("/v1/locations", {"order_id": "etag", "latitude": 1, "longitude": 2, "timestamp": at(second)})
    send(0)
    first = shared.get(path)
    again = shared.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    send(1)
    changed = shared.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200 and changed.headers["ETag"] != first.headers["ETag"]


def test_an_order_is_not_sent_again_although_its_age_grows(shared):
    shared.post("/v1/locations", {"order_id": "age", "latitude": 1, "longitude": 2, "timestamp": START})
    first = shared.get("/v1/orders/age")
    assert shared.get("/v1/orders/age", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304


def test_a_read_waits_for_the_position_that_it_asks_for(shared):
    said = shared.post("/v1/locations", {"order_id": "wait", "latitude": 1, "longitude": 2, "timestamp": START}).json()
    assert shared.get("/v1/orders/wait", params={"at_least": said["last"]}).status_code == 200
    epoch, partition, offset = said["last"].split("-")
    beyond = shared.get("/v1/orders/wait", params={"at_least": f"{epoch}-{partition}-{int(offset) + 1_000_000}"})
    assert beyond.status_code == 503 and beyond.headers["Retry-After"]
    assert shared.get("/v1/orders/wait", params={"at_least": f"{epoch}-{partition}-{2**64 - 1}"}).status_code == 503
    assert shared.get("/v1/orders/wait", params={"at_least": "soon"}).status_code == 400
