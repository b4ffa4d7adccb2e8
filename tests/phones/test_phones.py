"""Couriers' phones with the apps that they have: what each sends becomes a track in SI units, and each gets the answer it waits for."""
import base64
import json
import os
import socket
from pathlib import Path
from urllib.parse import unquote

import pytest
import requests
from dialects import DIALECTS, feature, ride
from running import ROOT, NotStarted, Waybill, run

BEGIN = 1768467600  # 2026-01-15T09:00:00Z


def send(waybill, messages, **options):
    for message in messages:
        body = {"json": message.body} if not isinstance(message.body, (str, type(None))) else {"data": message.body}
        headers = {**message.headers, **options.get("headers", {})}
        answer = waybill.session.request(message.method, waybill.url + message.path, headers=headers, timeout=60, **body)
        assert (answer.status_code, answer.text) == (message.status, message.answer), message


def track(waybill, phone):
    answer = waybill.get(f"/v1/deliverers/{phone}/track", params={"limit": 10_000})
    assert answer.status_code == 200, answer.text
    return answer.json()["locations"]


def assert_track(waybill, phone, fixes):
    kept = track(waybill, phone)
    assert [one["timestamp"].replace(".000Z", "Z") for one in kept] == [fix.iso for fix in fixes]
    for one, fix in zip(kept, fixes):
        assert str(one["deliverer_id"]) == phone
        for name in ("latitude", "longitude", "speed", "heading", "accuracy", "altitude"):
            assert one[name] == pytest.approx(getattr(fix, name), abs=1e-9), name
    return kept


def quarantined(waybill, source):
    return [item for item in waybill.get("/v1/quarantine", params={"limit": 1000}).json()["items"] if item["source"] == source]


@pytest.mark.parametrize("name", DIALECTS)
def test_a_ride_becomes_a_track_in_si_units_however_its_messages_come(shared, name):
    """In order; then newest first, split, all of it again, and the last part a day late: each phone has the same track."""
    dialect, fixes = DIALECTS[name], ride(BEGIN)
    label = name.replace(" ", "-")
    ways = {"orderly": [fixes], "newest-first": [fixes[::-1]], "split": [fixes[:5], fixes[5:9], fixes[9:]],
            "repeated": [fixes, fixes[3:], fixes[::-1]], "late": [fixes[6:], fixes[:6]]}
    for way, parts in ways.items():
        phone = f"{label}-{way}"
        for part in parts:
            send(shared, dialect(part, phone))
        assert_track(shared, phone, fixes)


@pytest.mark.parametrize("name", DIALECTS)
def test_what_is_not_ours_is_kept_as_it_was_sent(shared, name):
    phone = f"{name.replace(' ', '-')}-attributes"
    send(shared, DIALECTS[name](ride(BEGIN, 1), phone))
    [location] = track(shared, phone)
    battery = {"owntracks": 81, "overland": 0.81, "transistor": {"level": 0.81, "is_charging": False}}
    kept = location.get("batt", location.get("battery_level", location.get("battery")))
    if name != "mds":
        assert kept == battery.get(name.split(" ")[0], battery["transistor"] if name == "traccar 9" else 81), location
    else:
        assert location["provider_id"] == "c20e08cf" and location["trip_ids"] == []


def test_a_fix_binds_to_the_order_that_its_deliverer_has(shared):
    assert shared.post("/v1/orders", {"order_id": "by-phone", "deliverer_id": "bound", "at": "2026-01-15T08:00:00Z"}).status_code == 200
    send(shared, DIALECTS["overland"](ride(BEGIN, 5), "bound"))
    assert len(shared.track("by-phone")) == 5


def test_the_current_fix_of_overland_is_shown_before_its_batch_comes(shared):
    fixes = ride(BEGIN, 4)
    body = {"locations": [feature(fix, "current") for fix in fixes[:2]], "current": feature(fixes[3], "current")}
    assert shared.post("/overland", body).text == '{"result":"ok"}'
    assert [one["timestamp"] for one in track(shared, "current")] == [fixes[0].iso, fixes[1].iso, fixes[3].iso]
    send(shared, DIALECTS["overland"](fixes, "current"))
    assert_track(shared, "current", fixes)


def test_a_queue_with_nonsense_at_its_head_is_emptied(shared):
    """Traccar Client and OwnTracks repeat what is not answered with success for ever: nonsense gets it, and is quarantined."""
    before = len(quarantined(shared, "osmand"))
    queue = ["id=queue&lat=95&lon=-8.61&timestamp=1768467600", "id=queue&lat=41.15&lon=-8.61&timestamp=never",
             "lat=41.15&lon=-8.61&timestamp=1768467600&nobody=1", "id=queue&lat=41.15&lon=-8.61&timestamp=1768467600"]
    while queue:
        answer = shared.get("/osmand?" + queue[0])
        assert answer.status_code == 200
        queue.pop(0)
    assert len(track(shared, "queue")) == 1
    bad = quarantined(shared, "osmand")
    assert len(bad) == before + 3 and {"latitude", "timestamp", "deliverer_id"} <= {item["field"] for item in bad}
    for body in ("{", "[1,2]", "\xff", '{"_type":"location"}', '{"some":"thing"}'):
        answer = shared.post("/pub", body.encode("latin-1"))
        assert (answer.status_code, answer.text) == (200, "[]")
        assert shared.post("/overland", body.encode("latin-1")).json() == {"result": "ok"}
    metrics = shared.get("/metrics").text
    assert 'waybill_phones_quarantined_total{app="osmand",reason="latitude"}' in metrics
    assert 'waybill_phones_quarantined_total{app="owntracks",reason="form"}' in metrics


def test_mds_hears_which_of_its_items_failed(shared):
    good = {"device_id": "mds-1", "telemetry_id": "a", "timestamp": BEGIN * 1000, "location": {"lat": 1, "lng": 2}}
    bad = {**good, "telemetry_id": "b", "location": {"lat": 100, "lng": 2}}
    answer = shared.post("/mds/telemetry", [good, bad])
    assert answer.status_code == 201
    told = answer.json()
    assert (told["success"], told["total"]) == (1, 2)
    [failure] = told["failures"]
    assert failure["item"] == bad and failure["error"] == "bad_param" and "latitude" in failure["error_description"]


def test_a_heartbeat_is_no_location(shared):
    assert shared.get("/osmand?id=beat&timestamp=1768467600&cell=257,02,16,2224&cell=257,02,16,2223").status_code == 200
    assert shared.get("/v1/deliverers/beat").status_code == 404
    assert 'waybill_phones_messages_total{app="osmand",kind="heartbeat"}' in shared.get("/metrics").text


def test_the_page_is_where_it_was(shared):
    page = shared.get("/")
    assert page.status_code == 200 and page.headers["Content-Type"].startswith("text/html")
    assert shared.get("/?order=7").text == page.text
    assert shared.session.head(shared.url + "/?id=head&lat=1&lon=2&timestamp=1768467600").status_code == 200
    assert shared.get("/v1/deliverers/head").status_code == 404


def test_a_whole_ride_is_uploaded_as_gpx_and_geojson_and_comes_back_the_same(shared):
    fixes = ride(BEGIN, 6)
    send(shared, DIALECTS["gpslogger"](fixes, "rider"))
    for form, phone in (("gpx", "rider-gpx"), ("geojson", "rider-geojson")):
        exported = shared.get("/v1/deliverers/rider/track", params={"format": form})
        assert exported.status_code == 200
        uploaded = shared.post("/v1/rides", exported.content, params={"deliverer_id": phone})
        assert uploaded.status_code == 200 and uploaded.json()["accepted"] == 6, uploaded.text
        again = shared.post("/v1/rides", exported.content, params={"deliverer_id": phone})
        assert again.json()["accepted"] == 6
        kept = track(shared, phone)
        assert [(one["timestamp"], one["latitude"], one["altitude"]) for one in kept] == [
            (fix.iso, fix.latitude, fix.altitude) for fix in fixes]
    for nonsense in ("", "<gpx>", "<gpx/>", "{}", "a,b\n1,2"):
        assert shared.post("/v1/rides", nonsense, params={"deliverer_id": "7"}).status_code == 400


def test_a_phone_with_a_token_speaks_for_its_deliverer_only(tmp_path):
    data = tmp_path / "data"
    issued = {role: json.loads(run("token", "issue", "--role", role, "--subject", subject, "--data", data).stdout)["token"]
              for role, subject in (("deliverer", "7"), ("admin", "ann"))}
    basic = {"Authorization": "Basic " + base64.b64encode(f"anybody:{issued['deliverer']}".encode()).decode()}
    fixes = ride(BEGIN, 3)
    with Waybill(data) as waybill:
        waybill.session.headers["Authorization"] = f"Bearer {issued['admin']}"
        send(waybill, DIALECTS["owntracks"](fixes[:1], "somebody-else"), headers=basic)
        send(waybill, DIALECTS["overland"](fixes[1:2], "somebody-else"), headers={"Authorization": f"Bearer {issued['deliverer']}"})
        without = requests.get(f"{waybill.url}/osmand", timeout=60, params={
            "id": "somebody-else", "token": issued["deliverer"], "lat": fixes[2].latitude, "lon": fixes[2].longitude, "timestamp": fixes[2].epoch,
            "speed": fixes[2].speed, "bearing": fixes[2].heading, "accuracy": fixes[2].accuracy, "altitude": fixes[2].altitude, "speed_unit": "mps"})
        assert (without.status_code, without.text) == (200, "")
        kept = assert_track(waybill, "7", fixes)
        assert issued["deliverer"] not in json.dumps(kept)
        assert waybill.get("/v1/deliverers/somebody-else").status_code == 404
        for path in ("/pub", "/overland", "/osmand", "/", "/transistor", "/mds/telemetry", "/v1/rides"):
            assert requests.post(waybill.url + path, "{}", timeout=60).status_code == 401
            assert requests.post(waybill.url + path, "{}", timeout=60, headers={"Authorization": "Bearer x.y.z"}).status_code == 401
        assert requests.get(waybill.url + "/?id=7&lat=1&lon=2", timeout=60).status_code == 401
        assert requests.get(waybill.url + "/", timeout=60).status_code == 200
        assert waybill.stop() == 0
        waybill.assert_books_balance()


# {"_type":"location","lat":41,"lon":-8,"tst":1768467590,"vel":36} under "correct horse", by libsodium.
SEALED = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXirG99Pr1EWnfvgYi20fNVqwP6tI472fOl80/VsQLiPPXCvF8Efgah/mSYkjYZa8UdPjZmZ355CTMc9Pr5G1N/OomYxqBhJKfvNWlW3GTLgk="


def test_an_encrypted_phone_is_opened_with_its_deliverers_passphrase(tmp_path):
    passphrases = tmp_path / "passphrases"
    passphrases.write_text("# OwnTracks\n7 correct horse\n")
    arguments = ["--phones-passphrases-file", passphrases]
    with pytest.raises(NotStarted) as refused:
        Waybill(tmp_path / "data", arguments=arguments).start()
    assert "chmod 600" in str(refused.value)
    passphrases.chmod(0o600)
    with Waybill(tmp_path / "data", arguments=arguments) as waybill:
        for user in ("7", "8"):
            assert waybill.post(f"/pub?u={user}&d=x", {"_type": "encrypted", "data": SEALED}).text == "[]"
        [location] = track(waybill, "7")
        assert (location["latitude"], location["speed"]) == (41, 10)
        [kept] = quarantined(waybill, "owntracks")
        assert kept["field"] == "data" and SEALED in kept["raw"]
        assert "correct horse" not in waybill.log_text() + waybill.get("/v1/quarantine").text


def test_what_a_phone_was_told_is_kept_over_a_kill(tmp_path):
    fixes = ride(BEGIN)
    with Waybill(tmp_path / "data") as waybill:
        for name in ("owntracks", "traccar 10", "overland"):
            send(waybill, DIALECTS[name](fixes[:8], name.replace(" ", "-")))
        assert waybill.get("/osmand?id=x&lat=95&lon=1").status_code == 200
        waybill.kill()
        waybill.start()
        for name in ("owntracks", "traccar 10", "overland"):
            send(waybill, DIALECTS[name](fixes[4:], name.replace(" ", "-")))  # it repeats what it is not sure of
            assert_track(waybill, name.replace(" ", "-"), fixes)
        assert len(quarantined(waybill, "osmand")) == 1
        assert waybill.stop() == 0
        waybill.assert_books_balance()


def test_a_phone_is_added_by_one_command(tmp_path):
    data = tmp_path / "data"
    assert run("token", "key", "--data", data).returncode == 0
    without_server = run("phone", "add", "7", "--data", data)
    assert without_server.returncode == 1 and "no waybill process serves" in without_server.stderr
    with Waybill(data) as waybill:
        added = run("phone", "add", "7", "--data", data, "--url", "https://waybill.example/", "--qr")
        assert added.returncode == 0, added.stderr
        token = added.stdout.splitlines()[1]
        assert added.stdout.count("\x1b[30;107m") > 5 * 15
        [overland] = [line for line in added.stdout.splitlines() if line.startswith("overland://setup?")]
        assert f"url=https%3A%2F%2Fwaybill.example%2Foverland&device_id=7&token={token}" in overland
        [link] = [line for line in added.stdout.splitlines() if line.startswith("owntracks:///config?inline=")]
        config = json.loads(base64.b64decode(unquote(link.split("=", 1)[1])))
        assert (config["_type"], config["mode"], config["url"], config["password"]) == ("configuration", 3, "https://waybill.example/pub", token)
        fixes = ride(BEGIN, 1)
        send(waybill, DIALECTS["owntracks"](fixes, "whoever"), headers={
            "Authorization": "Basic " + base64.b64encode(f"{config['username']}:{config['password']}".encode()).decode()})
        admin = json.loads(run("token", "issue", "--role", "admin", "--data", data).stdout)["token"]
        waybill.session.headers["Authorization"] = f"Bearer {admin}"
        assert_track(waybill, "7", fixes)
        one = run("phone", "add", "8", "--data", data, "--app", "osmand")
        assert one.returncode == 0 and waybill.url + "/osmand?token=" in one.stdout and "overland" not in one.stdout
    assert run("phone", "add", "7", "--data", data, "--url", "waybill.example").returncode == 1


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def test_phones_that_are_set_to_a_traccar_server_find_this_one_at_its_ports(tmp_path):
    fixes = ride(BEGIN, 2)
    ports = free_ports(2)
    with Waybill(tmp_path / "data", arguments=["--phones-ports", ",".join(map(str, ports))]) as waybill:
        usual = waybill.url
        waybill.url = f"http://127.0.0.1:{ports[0]}"
        send(waybill, DIALECTS["traccar 10"](fixes[:1], "moved"))
        waybill.url = f"http://127.0.0.1:{ports[1]}"
        [message] = DIALECTS["owntracks"](fixes[1:], "moved")
        assert waybill.post("/", message.body).text == "[]"
        waybill.url = usual
        assert_track(waybill, "moved", fixes)


PAYLOADS = Path(os.environ.get("WAYBILL_PHONES", ROOT.parent / "shared/data/phones"))


@pytest.mark.skipif(not PAYLOADS.is_dir(), reason="recorded payloads of others are not part of the project: WAYBILL_PHONES")
def test_recorded_requests_of_traccar_client_and_osmand_are_read(shared):
    for number, line in enumerate((PAYLOADS / "traccar_fixtures/payloads.jsonl").read_text().splitlines()):
        payload = json.loads(line)
        if payload["kind"] == "query":
            assert shared.get("/osmand" + payload["raw"][1:]).text == ""
        else:
            assert shared.post(f"/pub?u=real-{number}", payload["raw"]).text == "[]"
            assert len(track(shared, f"real-{number}")) == 1
    [old] = [one for one in track(shared, "123456789012345") if one["speed"] > 20]
    assert old["speed"] == pytest.approx(40 * 1852 / 3600) and (old["ignition"], old["rpm"]) == (True, 933)
    assert len(track(shared, "902064")) == 2 and track(shared, "353861053849681")[0]["timestamp"] == "2014-06-04T09:10:11Z"


@pytest.mark.skipif(not PAYLOADS.is_dir(), reason="recorded payloads of others are not part of the project: WAYBILL_PHONES")
def test_a_recorded_iphone_of_owntracks_is_read(shared):
    sent = 0
    for line in (PAYLOADS / "owntracks_fixtures/recorder_demo-iphone.rec").read_text().splitlines():
        message = json.loads(line.split("\t")[-1])
        sent += message["_type"] == "location"
        assert shared.post("/pub?u=iphone&d=1", message).text == "[]"
    kept = track(shared, "iphone")
    assert len(kept) == sent and not any("speed" in one and one["speed"] < 0 for one in kept)
