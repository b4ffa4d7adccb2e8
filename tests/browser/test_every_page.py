"""Every page on a phone and on a desk, by day and by night: no violation that axe finds, nothing wider than the screen, and a picture.

SCREENSHOTS names a folder that gets the pictures, as docs/images."""
import gzip
import json
import math
import os
import random
from pathlib import Path

import pytest
from browsing import DESK, PHONE, ago, customers_page, location, send

from running import ROOT, Waybill

SIZES = {"phone": PHONE, "desk": DESK}
PAGES = {"customer": None, "ops": "/ops", "system": "/ops/system", "login": "/login"}


def porto():
    """Where the streets lead to: of each junction the edges that leave it, as (junction at its end, places)."""
    streets = {}
    for edge in json.loads(gzip.decompress((ROOT / "assets/streets/porto.geojson.gz").read_bytes()))["features"]:
        tags, places = edge["properties"], edge["geometry"]["coordinates"]
        streets.setdefault(tags["a"], []).append((tags["b"], places))
        if not tags.get("o"):
            streets.setdefault(tags["b"], []).append((tags["a"], places[::-1]))
    return streets


def walk(streets, seed, fixes, metres=42):
    """A way along the streets, a place every so many metres."""
    chance = random.Random(seed)
    before, junction, at, left, places = None, chance.choice(list(streets)), None, 0.0, []
    while len(places) < fixes:
        ways = streets.get(junction)
        if not ways:
            return walk(streets, f"{seed}, elsewhere", fixes, metres)
        onward = [way for way in ways if way[0] != before] or ways
        before, (junction, line) = junction, chance.choice(onward)
        for place in line:
            far = math.hypot((place[0] - at[0]) * 83_700, (place[1] - at[1]) * 111_200) if at else 0
            while far and left <= far and len(places) < fixes:
                places.append((at[1] + (place[1] - at[1]) * left / far, at[0] + (place[0] - at[0]) * left / far))
                left += metres
            left, at = left - far, place
    return places


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    """Couriers all over Porto: one order was unheard of for a while and stood still, of another one the customer is watching. A lake is made of it."""
    with Waybill(tmp_path_factory.mktemp("city") / "data", arguments=["--lake-roll-seconds", "1", "--transform-every-seconds", "1", "--query-at-once-max", "8"]) as waybill:
        fill(waybill)
        waybill.wait_until(lambda: waybill.post("/v1/query", {"sql": "SELECT count(*) FROM final.fact_delivery"}).status_code == 200, 300)
        yield waybill


def fill(waybill):
    streets = porto()
    ways = [walk(streets, seed, 32) for seed in range(90)]
    for number, way in enumerate(ways):
        state = ["start", "on_the_way", "on_the_way", "on_the_way", "arrived"][number % 5]
        seconds_ago = 400 if number % 30 == 7 else number % 25
        send(waybill, *[location(2000 + number, *place, seconds_ago + 5 * (len(way) - index), state, 100 + number) for index, place in enumerate(way)])
    way = walk(streets, 88, 100)
    odd = [location(1042, *place, 1500 - 5 * index, deliverer=42) for index, place in enumerate(way[:40])]
    odd += [location(1042, *way[40], 1300 - 20 * index, deliverer=42) for index in range(15)]
    odd += [location(1042, *place, 60 - 2 * index, deliverer=42) for index, place in enumerate(way[50:80])]
    send(waybill, *odd[-30:])
    send(waybill, *odd[:-30], location(1042, 141.2, -8.6, deliverer=42))
    way = walk(streets, 358, 80)
    assert waybill.post("/v1/orders", {"order_id": 1001, "deliverer_id": 7, "at": ago(600), "promised_at": ago(-900), "destination": {
        "latitude": way[-1][0], "longitude": way[-1][1], "address": "Rua de Cedofeita 12, Porto"}}).status_code == 200
    send(waybill, *[location(1001, *place, 5 * (50 - index)) for index, place in enumerate(way[:50])])


def settle(page, name):
    page.wait_for_load_state("load")
    if name == "customer":
        page.wait_for_selector(".courier")
    if name == "ops":
        page.locator("#list button").nth(20).wait_for()
    if name == "system":
        page.get_by_text("No hop is ahead").wait_for()
        page.wait_for_function("() => document.querySelector('#tables-told').textContent !== 'Reading…'")
    if name in ("customer", "ops"):
        page.wait_for_function("() => document.querySelector('#attribution').textContent !== ''")


def violations(page, axe):
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [f"{one['id']}: {one['help']}: " + "; ".join(node["html"][:200] for node in one["nodes"]) for one in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_and_can_be_used_by_everybody(city, screens, axe, name, size, scheme):
    url = customers_page(city, 1001) if name == "customer" else city.url + PAGES[name]
    page = screens.open(url, SIZES[size], color_scheme=scheme, bypass_csp=True)  # axe is put in by the test
    settle(page, name)
    if name == "ops" and size == "desk":
        page.locator("#list button").filter(has=page.get_by_text("1042", exact=True)).click()
        page.get_by_text("Came late", exact=True).wait_for()
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{wide} px wider than the screen"
    assert not violations(page, axe)
    if folder := os.environ.get("SCREENSHOTS"):
        page.wait_for_timeout(2500)  # for the map's last tiles: of the picture only
        page.screenshot(path=Path(folder) / f"{name}_{size}{'_dark' if scheme == 'dark' else ''}.png")
