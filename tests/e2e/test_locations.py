"""POST /v1/locations: one object, an array or NDJSON; each item by itself; nothing twice."""
import gzip
import json
import shutil
import subprocess

import pytest

from running import same_location

PATH = "/v1/locations"
NDJSON = {"Content-Type": "application/x-ndjson"}


def location(order, second=0, **more):
    return {"order_id": order, "deliverer_id": f"d-{order}", "delivery_state": "on_the_way", "latitude": 41.1 + second / 10_000,
            "longitude": -8.6, "timestamp": f"2024-01-15T09:{second // 60:02}:{second % 60:02}.000Z", **more}


def ndjson(items):
    return "".join(json.dumps(item) + "\n" for item in items)


def assert_kept(waybill, order, sent):
    kept = waybill.track(order)
    assert len(kept) == len(sent)
    for ours, theirs in zip(sent, kept):
        assert same_location(ours, theirs), (ours, theirs)


def test_one_object(shared):
    answer = shared.post(PATH, location("one"))
    assert answer.status_code == 200
    said = answer.json()
    assert (said["accepted"], said["failed"], said["failures"]) == (1, 0, [])
    assert said["first"] == said["last"]
    assert_kept(shared, "one", [location("one")])


def test_an_array(shared):
    sent = [location("array", second) for second in range(100)]
    said = shared.post(PATH, sent).json()
    assert (said["accepted"], said["failed"]) == (100, 0)
    first, last = (int(said[name].split("-")[2]) for name in ("first", "last"))
    assert last - first == 99
    assert_kept(shared, "array", sent)


def test_ndjson(shared):
    sent = [location("ndjson", second) for second in range(100)]
    assert shared.post(PATH, ndjson(sent), headers=NDJSON).json()["accepted"] == 100
    assert_kept(shared, "ndjson", sent)


def test_gzip(shared):
    sent = [location("gzip", second) for second in range(1_000)]
    answer = shared.post(PATH, gzip.compress(ndjson(sent).encode()), headers={**NDJSON, "Content-Encoding": "gzip"})
    assert answer.json()["accepted"] == 1_000
    assert_kept(shared, "gzip", sent)


@pytest.mark.skipif(shutil.which("zstd") is None, reason="the zstd command is not installed")
def test_zstd(shared):
    sent = [location("zstd", second) for second in range(1_000)]
    packed = subprocess.run(["zstd", "-q", "-c"], input=ndjson(sent).encode(), capture_output=True, check=True).stdout
    assert shared.post(PATH, packed, headers={**NDJSON, "Content-Encoding": "zstd"}).json()["accepted"] == 1_000
    assert_kept(shared, "zstd", sent)


def test_a_body_that_is_not_what_its_encoding_says_is_a_400(shared):
    assert shared.post(PATH, b"{}", headers={"Content-Encoding": "gzip"}).status_code == 400
    assert shared.post(PATH, b"{}", headers={"Content-Encoding": "br"}).status_code in (400, 415)


def test_a_small_body_that_unpacks_to_a_huge_one_is_refused(shared):
    bomb = gzip.compress(b" " * (200 << 20))
    assert shared.post(PATH, bomb, headers={"Content-Encoding": "gzip"}).status_code in (400, 413)
    assert shared.get("/healthz").status_code == 200


def test_a_bad_item_does_not_take_the_batch_with_it(shared):
    sent = [location("partial", 0), location("partial", 1, latitude=91), location("partial", 2),
            {"latitude": 1, "longitude": 2, "timestamp": "2024-01-15T09:00:00Z"}, location("partial", 4, timestamp="yesterday"),
            location("partial", 5), 17, location("partial", 7, latitude="here")]
    for form, headers in ((json.dumps(sent), {}), (ndjson(sent), NDJSON)):
        said = shared.post(PATH, form, headers=headers).json()
        assert (said["accepted"], said["failed"]) == (3, 5)
        assert [failure["item"] for failure in said["failures"]] == [1, 3, 4, 6, 7]
        assert [failure["field"] for failure in said["failures"]][:3:2] == ["latitude", "timestamp"]
        assert all(failure["reason"] for failure in said["failures"])
    assert_kept(shared, "partial", [sent[0], sent[2], sent[5]])


def test_quarantine_is_listed_page_by_page_and_can_be_sent_again(fresh):
    sent = [location("sick", second) for second in range(10)]
    bad = [{**one, "latitude": str(one["latitude"])} for one in sent[:7]]
    assert fresh.post(PATH, bad + sent[7:]).json()["failed"] == 7
    assert fresh.post("/v1/orders", [{"order_id": "sick"}, {"sequence": 1}]).json()["failed"] == 1
    items, cursor = [], ""
    while cursor is not None:
        page = fresh.get("/v1/quarantine", params={"limit": 3, "cursor": cursor}).json()
        assert len(page["items"]) <= 3
        items, cursor = items + page["items"], page["next_cursor"]
    assert [json.loads(item["raw"]) for item in items] == [*bad, {"sequence": 1}]
    assert {(item["source"], item["field"]) for item in items} == {("locations", "latitude"), ("orders", "order_id")}
    mended = [{**json.loads(item["raw"]), "latitude": float(json.loads(item["raw"])["latitude"])} for item in items
              if item["source"] == "locations"]
    assert fresh.post(PATH, mended).json()["accepted"] == 7
    assert_kept(fresh, "sick", sent)
    for query in ("limit=0", "limit=1001", "cursor=nonsense", "cursor=9-9-9"):
        assert fresh.get("/v1/quarantine?" + query).status_code == 400, query


def test_a_line_that_is_not_json_fails_alone(shared):
    lines = [json.dumps(location("lines", 0)), "{nonsense", json.dumps(location("lines", 2))]
    said = shared.post(PATH, "\n".join(lines), headers=NDJSON).json()
    assert (said["accepted"], [failure["item"] for failure in said["failures"]]) == (2, [1])
    assert len(shared.track("lines")) == 2


def test_an_array_that_is_not_json_is_a_400_and_nothing_of_it_is_kept(shared):
    assert shared.post(PATH, json.dumps([location("broken")])[:-1]).status_code == 400
    assert shared.get("/v1/orders/broken").status_code == 404


def test_every_item_is_told_when_asked_for(shared):
    said = shared.post(PATH + "?detail=all", [location("detail", 0), location("detail", 1, latitude=91)]).json()
    assert said["accepted"] == 1
    items = said["items"]
    assert len(items) == 2
    assert items[0]["position"] == said["first"]


def test_the_same_location_counts_once(shared):
    for _ in range(3):
        assert shared.post(PATH, [location("twice"), location("twice")]).status_code == 200
    assert len(shared.track("twice")) == 1


def test_an_event_id_counts_once_whatever_else_changed(shared):
    shared.post(PATH, location("event", 0, event_id="e1"))
    shared.post(PATH, location("event", 9, event_id="e1"))
    shared.post(PATH, location("event", 0, event_id="e2"))
    assert [kept["event_id"] for kept in shared.track("event")] == ["e1", "e2"]


def test_nobodys_event_id_swallows_another_delivererers_location(shared):
    shared.post(PATH, location("scope", 0, event_id="e1", deliverer_id="one"))
    shared.post(PATH, location("scope", 1, event_id="e1", deliverer_id="two"))
    assert len(shared.track("scope")) == 2


def test_an_idempotency_key_makes_a_repeated_batch_count_once(shared):
    first = [location("key", second) for second in range(3)]
    for _ in range(2):
        assert shared.post(PATH, first, headers={"Idempotency-Key": "batch-1"}).status_code == 200
    # The same key with other content: the items are known already.
    shared.post(PATH, [location("key", second) for second in range(10, 13)], headers={"Idempotency-Key": "batch-1"})
    assert len(shared.track("key")) == 3
    shared.post(PATH, first, headers={"Idempotency-Key": "batch-2"})
    assert len(shared.track("key")) == 6


@pytest.mark.parametrize("key", ["k" * 101, "a\tb", b"a\xff"])
def test_an_idempotency_key_that_cannot_be_an_id_is_refused(shared, key):
    shared.post("/v1/orders", {"order_id": "bad-key"})
    for path, body in ((PATH, [location("bad-key")]), ("/v1/orders", [{"order_id": "bad-key"}]), ("/v1/orders/bad-key/close", {})):
        answer = shared.post(path, body, headers={"Idempotency-Key": key})
        assert (answer.status_code, answer.json()["field"]) == (400, "Idempotency-Key"), answer.text
    assert shared.get("/v1/orders/bad-key").json()["state"] == "open"


def test_a_detail_that_is_not_known_is_refused(shared):
    answer = shared.post(PATH + "?detail=some", [location("detail-unknown")])
    assert (answer.status_code, answer.json()["field"]) == (400, "detail")
    assert shared.get("/v1/orders/detail-unknown").status_code == 404


def test_a_deliverer_without_an_order_is_enough(shared):
    sent = {"deliverer_id": "alone", "latitude": 41.1, "longitude": -8.6, "timestamp": "2024-01-15T09:00:00Z"}
    assert shared.post(PATH, sent).json()["accepted"] == 1
    answer = shared.get("/v1/deliverers/alone/track").json()
    assert len(answer["locations"]) == 1 and same_location(sent, answer["locations"][0])
    assert shared.get("/v1/deliverers/alone").status_code == 200


def test_unknown_fields_are_kept(shared):
    more = {"battery": 0.5, "note": "Straße \"7\"", "nested": {"a": [1, 2, {"b": None}]}, "flag": True, "accuracy": 4.5,
            "altitude": 120.25, "speed": 3.5, "heading": 270.5, "sent_at": "2024-01-15T09:00:05.000Z"}
    assert shared.post(PATH, location("fields", 0, **more)).json()["accepted"] == 1
    assert_kept(shared, "fields", [location("fields", 0, **more)])


def test_the_last_of_an_answered_post_is_in_the_next_get(shared):
    for second in range(50):
        shared.post(PATH, location("read-own", second))
        assert shared.last("read-own")[0]["latitude"] == location("read-own", second)["latitude"]


def test_newest_first_gives_the_same_track_as_in_order(shared):
    seconds = list(range(200))
    shared.post(PATH, [location("in-order", second) for second in seconds])
    for second in reversed(seconds[100:]):
        shared.post(PATH, location("reversed", second))
    shared.post(PATH, [location("reversed", second) for second in reversed(seconds[:100])])
    strip = lambda track: [(kept["timestamp"], kept["latitude"]) for kept in track]
    assert strip(shared.track("reversed")) == strip(shared.track("in-order"))
    assert shared.last("reversed")[0]["timestamp"] == shared.last("in-order")[0]["timestamp"]


def test_a_day_late_upload_extends_the_track_not_the_position(shared):
    shared.post(PATH, location("late", 0, timestamp="2024-01-16T09:00:00Z", latitude=41.9))
    shared.post(PATH, [location("late", second) for second in range(5)])
    assert len(shared.track("late")) == 6
    assert shared.last("late")[0]["latitude"] == 41.9


def test_a_fix_far_ahead_of_the_clock_is_kept_but_never_last(shared):
    shared.post(PATH, location("ahead", 0))
    shared.post(PATH, location("ahead", 1, timestamp="2999-01-01T00:00:00Z", latitude=1))
    assert len(shared.track("ahead")) == 2
    assert shared.last("ahead")[0]["latitude"] == location("ahead", 0)["latitude"]


@pytest.mark.parametrize("body", [b"", b"nonsense", b"\x00" * 1000, b"[" * 100_000, b"17", b'"text"'])
def test_nonsense_is_refused_and_the_server_goes_on(shared, body):
    assert 400 <= shared.post(PATH, body).status_code < 500
    assert shared.get("/readyz").status_code == 200


def test_a_body_above_the_limit_is_a_413(shared):
    assert shared.post(PATH, b" " * ((16 << 20) + 1)).status_code == 413
