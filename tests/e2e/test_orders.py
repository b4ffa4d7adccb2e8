"""Orders: their life, who has them, and what of it changes later."""
import pytest

from running import same_location


def location(order=None, deliverer=None, minute=0, state=None, **more):
    made = {"latitude": 41.1 + minute / 1_000, "longitude": -8.6, "timestamp": f"2024-01-15T09:{minute:02}:00.000Z", **more}
    for name, value in (("order_id", order), ("deliverer_id", deliverer), ("delivery_state", state)):
        if value is not None:
            made[name] = value
    return made


def at(minute):
    return f"2024-01-15T09:{minute:02}:00.000Z"


def post(waybill, path, body=None, **options):
    answer = waybill.post(path, body, **options)
    assert answer.status_code == 200, answer.text
    return answer.json()


def order(waybill, order_id):
    answer = waybill.get(f"/v1/orders/{order_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def fixes(waybill, order_id):
    return [kept["timestamp"] for kept in waybill.track(order_id)]


def test_an_order_is_what_was_said_of_it(shared):
    said = {"order_id": 3001, "deliverer_id": 31, "destination": {"latitude": 41.16, "longitude": -8.63, "address": "Rua 1"},
            "promised_at": "2024-01-15T10:00:00.000Z", "sequence": 3, "shop": "north"}
    assert post(shared, "/v1/orders", said)["accepted"] == 1
    kept = order(shared, 3001)
    assert (kept["order_id"], kept["deliverer_id"], kept["state"], kept["last"]) == (3001, 31, "open", None)
    assert (kept["destination"], kept["sequence"]) == (said["destination"], 3)
    assert kept["promised_at"] == said["promised_at"]
    assert kept["attributes"] == {"shop": "north"}


def test_an_order_that_nobody_knows_is_a_404(shared):
    for path in ("/v1/orders/unknown", "/v1/orders/unknown/track", "/v1/deliverers/unknown", "/v1/custody/unknown"):
        assert shared.get(path).status_code == 404, path


def test_many_orders_at_once_each_by_itself(shared):
    said = post(shared, "/v1/orders", [{"order_id": "many-1"}, {"deliverer_id": 1}, {"order_id": "many-3", "sequence": 2}])
    assert (said["accepted"], [failure["item"] for failure in said["failures"]]) == (2, [1])
    assert order(shared, "many-3")["sequence"] == 2


def test_orders_as_csv(shared):
    csv = ("order_id,deliverer_id,destination_latitude,destination_longitude,destination_address,promised_at,sequence\r\n"
           'csv-1,d-csv,41.16,-8.63,"Rua 1, ""Porto""",2024-01-15T10:00:00Z,1\r\n'
           "csv-2,d-csv,,,,,2\r\n")
    said = post(shared, "/v1/orders", csv, headers={"Content-Type": "text/csv"})
    assert said["accepted"] == 2, said
    kept = order(shared, "csv-1")
    assert kept["deliverer_id"] == "d-csv" and kept["sequence"] == 1
    assert kept["destination"] == {"latitude": 41.16, "longitude": -8.63, "address": 'Rua 1, "Porto"'}
    assert order(shared, "csv-2")["destination"] is None


def test_an_order_comes_into_being_by_its_first_location(shared):
    post(shared, "/v1/locations", location("born", "d-born", 0, "start"))
    kept = order(shared, "born")
    assert (kept["state"], kept["deliverer_id"]) == ("start", "d-born")
    assert same_location(location("born", "d-born", 0, "start"), kept["last"])
    assert kept["fix_age_ms"] > 0 and kept["stale"] is True


def test_its_state_follows_its_locations_and_arrived_is_not_closed(shared):
    for minute, state in enumerate(("start", "on_the_way", "arrived")):
        post(shared, "/v1/locations", location("life", "d-life", minute, state))
        assert order(shared, "life")["state"] == state
    post(shared, "/v1/locations", location("life", "d-life", 3, "on_the_way"))
    assert order(shared, "life")["state"] == "on_the_way"
    post(shared, "/v1/locations", location("life", "d-life", 1, "start", latitude=1))
    assert order(shared, "life")["state"] == "on_the_way", "an older fix does not change the state"


def test_closed_it_keeps_what_comes_and_a_newer_start_reopens_it(shared):
    post(shared, "/v1/locations", location("close", "d-close", 0, "start"))
    post(shared, "/v1/orders/close/close", {"at": at(10)})
    assert order(shared, "close")["state"] == "closed"
    post(shared, "/v1/locations", location("close", "d-close", 11, "on_the_way"))
    assert order(shared, "close")["state"] == "closed"
    assert len(shared.track("close")) == 2
    post(shared, "/v1/locations", location("close", "d-close", 5, "start"))
    assert order(shared, "close")["state"] == "closed", "a start from before the close does not reopen it"
    post(shared, "/v1/locations", location("close", "d-close", 12, "start"))
    assert order(shared, "close")["state"] == "start"


def test_cancelled_it_stays_so_and_its_locations_are_kept(shared):
    post(shared, "/v1/locations", location("cancel", "d-cancel", 0, "start"))
    post(shared, "/v1/orders/cancel/cancel")
    post(shared, "/v1/locations", location("cancel", "d-cancel", 5, "start"))
    assert order(shared, "cancel")["state"] == "cancelled"
    assert len(shared.track("cancel")) == 2


def test_an_assignment_gives_the_order_the_deliverers_locations_of_its_time(shared):
    post(shared, "/v1/orders", {"order_id": "assigned", "deliverer_id": "d-assigned", "at": at(2)})
    post(shared, "/v1/locations", [location(None, "d-assigned", minute) for minute in range(5)])
    assert fixes(shared, "assigned") == [at(2), at(3), at(4)]
    assert "assigned" in shared.get("/v1/deliverers/d-assigned").json()["orders"]


def test_an_assignment_made_later_changes_the_track(shared):
    post(shared, "/v1/locations", [location(None, "d-later", minute) for minute in range(6)])
    post(shared, "/v1/orders", {"order_id": "later"})
    assert fixes(shared, "later") == []
    post(shared, "/v1/orders", {"order_id": "later", "deliverer_id": "d-later", "at": at(3)})
    assert fixes(shared, "later") == [at(3), at(4), at(5)]
    assert order(shared, "later")["last"]["timestamp"] == at(5)


def test_reassigned_it_has_each_deliverers_part(shared):
    post(shared, "/v1/orders", {"order_id": "handed", "deliverer_id": "d-first", "at": at(0)})
    post(shared, "/v1/locations", [location(None, "d-first", minute) for minute in range(6)])
    post(shared, "/v1/locations", [location(None, "d-second", minute, latitude=42) for minute in range(6)])
    post(shared, "/v1/orders/handed/reassign", {"deliverer_id": "d-second", "at": at(3)})
    track = shared.track("handed")
    assert [kept["timestamp"] for kept in track] == [at(minute) for minute in range(6)]
    assert [kept["deliverer_id"] for kept in track] == ["d-first"] * 3 + ["d-second"] * 3
    assert order(shared, "handed")["deliverer_id"] == "d-second"


def test_a_corrected_assignment_changes_the_track_back(shared):
    post(shared, "/v1/orders", {"order_id": "wrong", "deliverer_id": "d-wrong", "at": at(0)})
    post(shared, "/v1/locations", [location(None, "d-wrong", minute) for minute in range(4)])
    post(shared, "/v1/locations", [location(None, "d-right", minute) for minute in range(4)])
    assert {kept["deliverer_id"] for kept in shared.track("wrong")} == {"d-wrong"}
    post(shared, "/v1/orders", {"order_id": "wrong", "assignments": [{"deliverer_id": "d-right", "from": at(1), "to": at(3)}]})
    track = shared.track("wrong")
    assert [(kept["deliverer_id"], kept["timestamp"]) for kept in track] == [("d-right", at(1)), ("d-right", at(2))]


def test_a_location_of_another_order_does_not_slip_in(shared):
    post(shared, "/v1/orders", {"order_id": "mine", "deliverer_id": "d-shared", "at": at(0)})
    post(shared, "/v1/locations", [location("other", "d-shared", 1), location(None, "d-shared", 2)])
    assert fixes(shared, "mine") == [at(2)]
    assert fixes(shared, "other") == [at(1)]


def test_orders_by_state_box_and_update_page_by_page(shared):
    for number in range(25):
        post(shared, "/v1/locations", location(f"list-{number:02}", f"d-list-{number}", 1, "on_the_way",
                                               latitude=-33.0 - number / 1_000, longitude=151.0))
    def listed(**query):
        found, cursor = [], None
        while True:
            page = shared.get("/v1/orders", params={**query, **({"cursor": cursor} if cursor else {})}).json()
            found += [one["order_id"] for one in page["orders"]]
            cursor = page["next_cursor"]
            if not cursor:
                assert len(found) == len(set(found))
                return sorted(found)
    everywhere = "150,-34,152,-32"
    assert listed(bbox=everywhere, limit=7) == [f"list-{number:02}" for number in range(25)]
    assert listed(bbox="150,-33.0045,152,-32") == [f"list-{number:02}" for number in range(5)]
    assert listed(bbox=everywhere, state="arrived") == []
    assert len(listed(bbox=everywhere, state="on_the_way")) == 25
    assert len(listed(bbox=everywhere, updated_since="2024-01-01T00:00:00Z")) == 25
    assert listed(bbox=everywhere, updated_since="2999-01-01T00:00:00Z") == []


@pytest.mark.parametrize("query", ["state=lost", "bbox=1,2,3", "bbox=a,b,c,d", "updated_since=yesterday", "limit=0", "limit=x",
                                   "limit=1000000", "cursor=nonsense"])
def test_a_query_that_makes_no_sense_is_a_400(shared, query):
    assert shared.get("/v1/orders?" + query).status_code == 400
