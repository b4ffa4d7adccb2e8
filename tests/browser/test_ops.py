"""The dispatcher's and the system's screens, /ops and /ops/system."""
import json

import pytest
from browsing import DESK, drive, location, send

from running import Waybill, run

ROAD = [(41.1496 + 0.0006 * i, -8.6110 - 0.0009 * i) for i in range(20)]


def row(page, order):
    return page.locator("#list button").filter(has=page.get_by_text(order, exact=True))


def test_orders_are_listed_searched_and_filtered(fresh, screens):
    drive(fresh, "o-way", deliverer=1)
    send(fresh, location("o-picked", 41.15, -8.61, state="start", deliverer=2))
    send(fresh, location("o-quiet", 41.151, -8.612, 900, deliverer=3))
    page = screens.open(fresh.url + "/ops")
    for order in ("o-way", "o-picked", "o-quiet"):
        row(page, order).wait_for()
    assert page.locator("#list button").first.inner_text().startswith("o-quiet"), "who is silent comes first"
    page.get_by_label("silent only").check()
    row(page, "o-way").wait_for(state="detached")
    assert page.locator("#list button").count() == 1
    page.get_by_label("silent only").uncheck()
    page.get_by_label("State").select_option("start")
    row(page, "o-way").wait_for(state="detached")
    row(page, "o-picked").wait_for()
    page.get_by_label("State").select_option("")
    page.get_by_label("Order or deliverer").fill("3")
    row(page, "o-way").wait_for(state="detached")
    row(page, "o-quiet").wait_for()
    page.get_by_label("Order or deliverer").fill("")
    send(fresh, location("o-new", 41.1505, -8.6125, deliverer=9))
    row(page, "o-new").wait_for()  # told by the stream


def test_a_track_shows_its_stops_gaps_late_and_quarantined_points(fresh, screens):
    fixes = [location("o-odd", *ROAD[i], 2400 - i * 10) for i in range(5)]
    fixes += [location("o-odd", *ROAD[5], 2300 - i * 30) for i in range(10)]  # stands still for 4.5 minutes
    fixes += [location("o-odd", *ROAD[6 + i], 900 - i * 10) for i in range(5)]  # nothing for 18 minutes, and all of it late
    send(fresh, *fixes)
    send(fresh, location("o-odd", *ROAD[12]))
    bad = fresh.post("/v1/locations", [location("o-odd", 141.15, -8.61), location("o-odd", *ROAD[13])])
    assert bad.json()["failed"] == 1, bad.text
    page = screens.open(fresh.url + "/ops")
    row(page, "o-odd").click()
    detail = page.get_by_role("complementary", name="The order")
    detail.get_by_text("Track", exact=True).wait_for()
    told = dict(zip(detail.locator("dt").all_inner_texts(), detail.locator("dd").all_inner_texts()))
    assert told["Fixes"] == "22" and told["Stops"] == "1" and told["Gaps"].startswith("2, the longest") and told["In quarantine"] == "1", told
    assert int(told["Came late"]) == 20, told
    detail.get_by_role("button", name="Customer's link").click()
    link = detail.get_by_role("link", name="/t/")
    link.wait_for()
    customer = screens.open(link.get_attribute("href"))
    customer.wait_for_selector(".courier")
    page.keyboard.press("Tab")
    detail.get_by_role("button", name="Close the order").click()
    detail.wait_for(state="hidden")


def test_what_is_quarantined_is_shown_with_its_reason_and_sent_again(fresh, screens):
    wrong = location("o-mended", 141.15, -8.61)
    assert fresh.post("/v1/locations", [wrong, location("o-mended", 41.15, -8.61, 60)]).json()["failed"] == 1
    page = screens.open(fresh.url + "/ops")
    page.get_by_role("tab", name="Quarantine 1").click()
    page.get_by_text("latitude: expected").first.wait_for()
    item = page.locator("#quarantined details")
    item.locator("summary").click()
    item.locator("textarea").fill(json.dumps({**wrong, "latitude": 41.1515}))
    item.get_by_role("button", name="Send again").click()
    item.get_by_text("Taken.").wait_for()
    assert 41.1515 in [one["latitude"] for one in fresh.track("o-mended")]


def test_the_last_hour_is_played_again(fresh, screens):
    send(fresh, *[location("o-replay", *ROAD[i], 1800 - i * 60) for i in range(20)])
    page = screens.open(fresh.url + "/ops")
    row(page, "o-replay").wait_for()
    page.get_by_role("tab", name="Replay").click()
    page.get_by_role("button", name="Load").click()
    page.get_by_text("1 deliverers").wait_for()
    speed = page.get_by_label("Speed")
    speed.fill("3")
    assert speed.get_attribute("aria-valuetext") == "1000 times"
    page.get_by_role("button", name="Play").wait_for()  # an hour at a thousand times is over in seconds
    assert page.get_by_label("Time").input_value() == "1000"
    page.get_by_label("Time").fill("500")
    page.get_by_role("button", name="Back to now").click()
    page.locator("#player").wait_for(state="hidden")


def test_thousands_of_couriers_move_on_the_map(fresh, screens):
    couriers = 3000
    send(fresh, *[location(f"m{i}", 41.14 + (i % 60) * 0.0008, -8.66 + (i // 60) * 0.002, 5, deliverer=f"d{i}") for i in range(couriers)])
    page = screens.open(fresh.url + "/ops")
    page.wait_for_function("count => document.querySelector('#count').textContent.includes(`${count} of ${count} orders`)", arg=couriers)
    page.wait_for_function("""() => {
      const canvas = document.querySelector("#couriers");
      const drawn = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
      let inked = 0;
      for (let at = 3; at < drawn.length; at += 4) inked += drawn[at] > 0;
      return inked > 20_000;
    }""")
    send(fresh, *[location(f"m{i}", 41.1405 + (i % 60) * 0.0008, -8.66 + (i // 60) * 0.002, deliverer=f"d{i}") for i in range(couriers)])
    page.wait_for_function("() => document.querySelector('#count').textContent.includes('orders')")


def test_with_keys_the_screens_ask_for_a_login_and_come_back(tmp_path, screens):
    data = tmp_path / "data"
    made = run("token", "issue", "--role", "operator", "--data", data)
    assert made.returncode == 0, made.stderr
    screens.expected = ("Failed to load resource: the server responded with a status of 401",)
    with Waybill(data) as waybill:
        page = screens.open(waybill.url + "/ops")
        page.wait_for_url("**/login?next=%2Fops")
        page.get_by_label("Token").fill(json.loads(made.stdout)["token"])
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/ops")
        page.get_by_text("No order was moved").wait_for()
        screens.close()


def test_the_pipeline_and_the_books_are_live(fresh, screens):
    drive(fresh, "s-1")
    page = screens.open(fresh.url + "/ops/system")
    page.locator("#hops").get_by_text("13", exact=True).wait_for()  # the journal: 12 locations and a command
    send(fresh, location("s-1", 41.16, -8.62))
    page.locator("#hops").get_by_text("14", exact=True).wait_for()
    page.get_by_text("No hop is ahead").wait_for()
    position = fresh.get("/v1/orders/s-1").json()["last"]["position"]
    page.get_by_label("Its position").fill(position)
    page.get_by_role("button", name="Follow it").click()
    page.get_by_text(f"on disk in the journal as {position}").wait_for()
    page.get_by_text("in the store, shown").wait_for()


@pytest.fixture
def with_lake(tmp_path):
    with Waybill(tmp_path / "data", arguments=["--lake-roll-seconds", "1", "--transform-every-seconds", "1"]) as waybill:
        yield waybill


def test_the_lake_is_asked_and_answers_as_a_table_and_a_chart(with_lake, screens):
    for order in ("l-1", "l-2", "l-3"):
        drive(with_lake, order)
    with_lake.wait_until(lambda: with_lake.post("/v1/query", {"sql": "SELECT count(*) FROM final.fact_delivery"}).status_code == 200, 300)
    page = screens.open(with_lake.url + "/ops/system", DESK)
    page.locator("#tables").get_by_text("raw.deliverer_location", exact=True).wait_for()
    page.get_by_label("A question in SQL").fill("SELECT order_id, count(*) AS n FROM raw.deliverer_location GROUP BY 1 ORDER BY 1")
    page.get_by_role("button", name="Ask").click()
    page.locator("#answer").get_by_text("l-2").wait_for()
    assert page.locator("#answer tbody tr").count() == 3
    assert page.locator("#chart rect").count() == 3
    screens.expected = ("Failed to load resource: the server responded with a status of 400",)
    page.get_by_label("A question in SQL").fill("SELECT nonsense")
    page.get_by_label("A question in SQL").press("Control+Enter")
    page.locator("#ask-told", has_text="nonsense").wait_for()
