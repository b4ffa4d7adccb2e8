"""Phones that publish to a real MQTT server, and a platform that takes what they publish into custody, whatever is killed between them."""
import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import services  # noqa: E402
from gate import Gate  # noqa: E402
from running import Waybill, run  # noqa: E402

EXAMPLES = ROOT / "deploy/examples"
SMALL = {"WAYBILL_LAKE_ROLL_SECONDS": "1", "WAYBILL_TRANSFORM_EVERY_SECONDS": "0", "WAYBILL_STORE_FLUSH_SECONDS": "1"}
SECRET = "secret"
ACKNOWLEDGED_S_MAX = 120


class Mosquitto:
    """The server of deploy/examples as it is shipped, on a port of this test's own; it comes back where it was."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        for user in ("waybill", "first-publisher", "anna", "bert"):
            subprocess.run(["mosquitto_passwd", *(["-c"] if user == "waybill" else []), "-b", folder / "passwords", user, SECRET], check=True)
        text = (EXAMPLES / "mosquitto-phones.conf").read_text()
        rules = re.search(r"#   rules:  (.*?)\n# On the internet", text, re.S)[1]
        (folder / "rules").write_text(re.sub(r"^#\s*", "", rules, flags=re.M) + "\n")
        self.port = services.free_port()
        assert "listener 1883" in text
        root = "user root\n" if os.geteuid() == 0 else ""
        (folder / "mosquitto.conf").write_text(text.replace("listener 1883", f"listener {self.port}") + root)
        self.waybill_user, self.version = "waybill", "5"
        self.password = SECRET
        self.process = None
        self.come_back()

    def login(self, user):
        return user, SECRET

    def come_back(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([shutil.which("mosquitto") or "/usr/sbin/mosquitto", "-c", "mosquitto.conf"], cwd=self.folder,
                                            stdout=log, stderr=log)
        until = time.monotonic() + 60
        while not services.answers(self.port):
            assert time.monotonic() < until and self.process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.02)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def wait_saved(self):
        """Until the file on disk is of later than now."""
        file, now = self.folder / "mosquitto.db", time.time()
        until = time.monotonic() + 60
        while not file.exists() or file.stat().st_mtime <= now:
            assert time.monotonic() < until
            time.sleep(0.05)


class Nats:
    """With its MQTT listener; one login for everybody."""

    def __init__(self, folder):
        self.folder = folder
        self.state = services.start(folder, "nats")
        self.port = self.state["port"]
        told = services.environment_of(folder, "nats")
        self.waybill_user, self.password, self.version = told["WAYBILL_TEST_BROKER_USER"], told["WAYBILL_TEST_BROKER_PASSWORD"], "3.1.1"

    def login(self, _user):
        return self.waybill_user, self.password

    def come_back(self):
        self.state = services.start(self.folder, "nats", self.port)

    def kill(self):
        if services.state_of(self.folder, "nats"):
            os.kill(self.state["pid"], signal.SIGKILL)
        services.stop(self.folder, "nats")

    def wait_saved(self):
        pass  # its file is written before it acknowledges


@pytest.fixture(params=["mosquitto", "nats"])
def server(request, tmp_path):
    made = Mosquitto(tmp_path / "mosquitto") if request.param == "mosquitto" else Nats(tmp_path)
    try:
        yield made
    finally:
        made.kill()


def platform(server, tmp_path, port=None, **settings):
    password = tmp_path / "mqtt.password"
    password.touch(mode=0o600)
    password.write_text(server.password)
    return Waybill(tmp_path / "data", arguments=["--config", EXAMPLES / "phones-mqtt.toml"], environment={
        **SMALL, "WAYBILL_MQTT_URL": f"mqtt://127.0.0.1:{port or server.port}", "WAYBILL_MQTT_USER": server.waybill_user,
        "WAYBILL_MQTT_PASSWORD_FILE": str(password), "WAYBILL_MQTT_VERSION": server.version, **settings})


def is_working(waybill):
    return "\nwaybill_mqtt_working 1\n" in waybill.get("/metrics").text


@pytest.fixture
def waybill(server, tmp_path):
    with platform(server, tmp_path) as one:
        one.wait_until(lambda: is_working(one))
        yield one


class Phone:
    """Publishes as a phone does: with QoS 1 it goes on until the server has acknowledged, over connections that break as well."""

    def __init__(self, server, user="anna", version=mqtt.MQTTv311):
        session = {"clean_session": False} if version == mqtt.MQTTv311 else {}
        self.client = mqtt.Client(f"phone-{user}-{random.randrange(10**9)}", protocol=version, **session)
        self.client.username_pw_set(*server.login(user))
        self.client.max_inflight_messages_set(100)
        self.client.reconnect_delay_set(0.1, 0.5)
        self.names, self.numbers = {}, set()  # by the packet's number; and those that were acknowledged
        self.client.on_publish = lambda _client, _data, number: self.numbers.add(number)
        self.client.connect("127.0.0.1", server.port, keepalive=5)
        self.client.loop_start()

    @property
    def acknowledged(self):
        return {name for number, name in list(self.names.items()) if number in self.numbers}

    def publish(self, topic, body, name=None, qos=1, retain=False):
        told = self.client.publish(topic, body, qos=qos, retain=retain)
        self.names[told.mid] = name if name is not None else body
        return told

    def publish_and_wait(self, *arguments, **options):
        self.publish(*arguments, **options).wait_for_publish(ACKNOWLEDGED_S_MAX)

    def wait_acknowledged(self):
        """All that was published up to now."""
        published = set(self.names.values())
        until = time.monotonic() + ACKNOWLEDGED_S_MAX
        while missing := published - self.acknowledged:
            assert time.monotonic() < until, f"{len(missing)} are not acknowledged"
            time.sleep(0.05)

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()


@contextlib.contextmanager
def phone(server, user="anna", **options):
    one = Phone(server, user, **options)
    try:
        yield one
    finally:
        one.stop()


def fix(number, order="o-1"):
    return json.dumps({"order_id": order, "event_id": f"e{number}", "latitude": 41.15, "longitude": -8.61 - number / 1e6,
                       "timestamp": f"2026-01-15T{9 + number // 3600 % 12:02}:{number // 60 % 60:02}:{number % 60:02}Z"})


def kept(waybill, order="o-1"):
    if waybill.get(f"/v1/orders/{order}").status_code == 404:
        return set()
    return {int(one["event_id"][1:]) for one in waybill.track(order)}


def wait_kept(waybill, wanted, order="o-1", seconds_max=90):
    waybill.wait_until(lambda: kept(waybill, order) >= wanted, seconds_max)


def test_each_form_is_taken_and_the_topic_says_whose_it_is(server, waybill):
    first = {"order_id": 17, "deliverer_id": 7, "delivery_state": "start", "timestamp": "2026-01-15T09:00:00", "latitude": 41.15, "longitude": -8.61}
    with phone(server) as anna, phone(server, "first-publisher") as publisher:
        anna.publish_and_wait("waybill/anna", fix(1))
        anna.publish_and_wait("waybill/anna", json.dumps([json.loads(fix(2)), {**json.loads(fix(3)), "deliverer_id": "bert"}]))
        publisher.publish_and_wait("test/deliverer_data", json.dumps(first))
        publisher.publish_and_wait("test/deliverer_data", json.dumps(json.dumps({**first, "timestamp": "2026-01-15T09:00:10"})))
        anna.publish_and_wait("owntracks/anna/phone", json.dumps({
            "_type": "location", "lat": 41.15, "lon": -8.61, "tst": 1768467600, "vel": 36, "tid": "bt", "topic": "owntracks/bert/phone"}), retain=True)
        anna.publish_and_wait("owntracks/anna/phone", json.dumps({"_type": "lwt", "tst": 1768467610}))
        waybill.wait_until(lambda: '"speed":10' in waybill.get("/v1/deliverers/anna/track").text)
        assert waybill.get("/v1/deliverers/bert").status_code == 404
        anna.publish_and_wait("waybill/anna", b"\x00\xff no JSON")
        anna.publish_and_wait("waybill/anna", json.dumps({"latitude": 91, "longitude": 0, "timestamp": 0}))
        wait_kept(waybill, {1, 2, 3})
        assert {one["deliverer_id"] for one in waybill.track("o-1")} == {"anna"}
        waybill.wait_until(lambda: len(waybill.last("17")) == 1 and len(waybill.track("17")) == 2)
        assert waybill.last("17")[0]["deliverer_id"] == 7

        def bad():
            return waybill.get("/v1/quarantine").json()["items"]
        waybill.wait_until(lambda: len(bad()) == 2)
        assert [one["source"] for one in bad()] == ["mqtt waybill/anna"] * 2 and bad()[1]["field"] == "latitude"
    metrics = waybill.get("/metrics").text
    for line in ('{form="waybill",outcome="kept"} 2', '{form="first_system",outcome="kept"} 2', '{form="waybill",outcome="quarantined"} 2',
                 '{form="owntracks",outcome="kept"} 1', '{form="owntracks",outcome="empty"} 1'):
        assert f"waybill_mqtt_messages_total{line}" in metrics
    waybill.stop()
    waybill.assert_books_balance()


def test_a_retained_location_that_comes_again_is_no_new_fix(server, waybill):
    with phone(server) as anna:
        anna.publish_and_wait("waybill/anna", fix(1), retain=True)
        wait_kept(waybill, {1})
        for _ in range(2):
            assert waybill.stop() == 0
            waybill.start()
            waybill.wait_until(lambda: is_working(waybill))
        anna.publish_and_wait("waybill/anna", fix(2))
        wait_kept(waybill, {1, 2})
        assert len(waybill.track("o-1")) == 2
        anna.publish_and_wait("waybill/anna", b"", retain=True)  # takes it back
        waybill.wait_until(lambda: 'outcome="empty"} 1' in waybill.get("/metrics").text)
    assert waybill.get("/v1/quarantine").json()["items"] == []


def test_what_is_published_while_the_platform_is_away_waits_for_it(server, waybill):
    waybill.stop()
    with phone(server) as anna:
        for number in range(3000):
            anna.publish("waybill/anna", fix(number), number)
        anna.wait_acknowledged()
    waybill.start()
    wait_kept(waybill, set(range(3000)))
    waybill.stop()
    waybill.assert_books_balance()


def load(server, stop, qos=1, per_second=500):
    """A phone that publishes until it is told to stop; gives it."""
    one = Phone(server)

    def publish():
        for number in range(10**6):
            if stop.is_set():
                return
            one.publish("waybill/anna", fix(number), number, qos=qos)
            time.sleep(1 / per_second)
    thread = threading.Thread(target=publish)
    thread.start()
    return one, thread


def test_the_platform_is_killed_and_its_connection_cut_again_and_again_and_everything_acknowledged_is_kept(server, tmp_path):
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    print(f"SEED={seed}")
    chance, stop = random.Random(seed), threading.Event()
    with Gate(server.port) as gate, platform(server, tmp_path, gate.port) as waybill:
        waybill.wait_until(lambda: is_working(waybill))
        anna, thread = load(server, stop)
        try:
            for number in range(int(os.environ.get("ROUNDS", "6"))):
                time.sleep(chance.uniform(0.2, 1.5))
                if number % 3 == 0:
                    gate.cut()
                elif number % 3 == 1:
                    waybill.kill()
                    time.sleep(chance.uniform(0, 0.5))
                    waybill.start(ready=False)
                else:
                    gate.held = True
                    time.sleep(chance.uniform(0.1, 0.5))
                    gate.cut()
                    gate.open()
        finally:
            stop.set()
            thread.join()
        anna.wait_acknowledged()
        anna.stop()
        wait_kept(waybill, anna.acknowledged)
        print(f"{len(anna.acknowledged)} acknowledged, {len(kept(waybill))} kept")
        assert kept(waybill) == set(anna.names.values())
        waybill.stop()
        waybill.assert_books_balance()


def test_the_server_is_killed_under_load_and_what_it_loses_is_told(server, tmp_path):
    """Mosquitto acknowledges to phones before it has handed on or saved: what that costs, measured. NATS keeps what it acknowledged."""
    stop = threading.Event()
    with platform(server, tmp_path) as waybill:
        waybill.wait_until(lambda: is_working(waybill))
        anna, thread = load(server, stop)
        try:
            for _ in range(int(os.environ.get("ROUNDS", "5"))):
                time.sleep(1.5)
                server.kill()
                server.come_back()
                waybill.wait_until(lambda: is_working(waybill), seconds_max=60)
                anna.wait_acknowledged()
        finally:
            stop.set()
            thread.join()
        anna.wait_acknowledged()
        anna.stop()
        marker = fix(10**6 - 1)
        with phone(server) as again:
            again.publish_and_wait("waybill/anna", marker)
        wait_kept(waybill, {10**6 - 1})
        lost = sorted(anna.acknowledged - kept(waybill))
        print(f"of {len(anna.acknowledged)} acknowledged {len(lost)} are lost: {lost[:20]}")
        if isinstance(server, Nats):
            assert not lost
        waybill.stop()
        waybill.assert_books_balance()


def test_what_mosquitto_has_saved_waits_over_its_death_as_well(tmp_path):
    server = Mosquitto(tmp_path / "mosquitto")
    try:
        with platform(server, tmp_path) as waybill:
            waybill.wait_until(lambda: is_working(waybill))
            waybill.stop()
            with phone(server) as anna:
                for number in range(500):
                    anna.publish("waybill/anna", fix(number), number)
                anna.wait_acknowledged()
                server.wait_saved()
                for number in range(500, 600):
                    anna.publish("waybill/anna", fix(number), number)
                anna.wait_acknowledged()
                server.kill()
            server.come_back()
            waybill.start()
            wait_kept(waybill, set(range(500)))
            print(f"{len(kept(waybill)) - 500} of the last 100, acknowledged in the second before the kill, are kept")
    finally:
        server.kill()


def test_what_is_published_with_qos_0_waits_as_well_where_the_server_is_told_so(tmp_path):
    server = Mosquitto(tmp_path / "mosquitto")
    try:
        with platform(server, tmp_path) as waybill:
            waybill.wait_until(lambda: is_working(waybill))
            waybill.kill()
            with phone(server) as anna:
                for number in range(100):
                    anna.publish("waybill/anna", fix(number), number, qos=0)
                anna.publish_and_wait("waybill/anna", fix(100))  # behind them
            waybill.start()
            wait_kept(waybill, set(range(101)))
    finally:
        server.kill()


def test_the_rules_of_the_examples_let_a_phone_write_under_its_own_name_only(tmp_path):
    server = Mosquitto(tmp_path / "mosquitto")
    try:
        with platform(server, tmp_path) as waybill:
            waybill.wait_until(lambda: is_working(waybill))
            with phone(server, "anna") as anna, phone(server, "bert") as bert:
                anna.publish_and_wait("waybill/bert", fix(1))
                anna.publish_and_wait("owntracks/bert/phone", fix(1))
                anna.publish_and_wait("test/deliverer_data", fix(1))
                bert.publish_and_wait("waybill/bert", fix(2))
                anna.publish_and_wait("waybill/anna", json.dumps({**json.loads(fix(3)), "deliverer_id": "bert"}))
                wait_kept(waybill, {2, 3})
                assert {one["event_id"]: one["deliverer_id"] for one in waybill.track("o-1")} == {"e2": "bert", "e3": "anna"}
                # And nobody moves an order that only another was given.
                assert waybill.post("/v1/orders", {"order_id": "of-bert", "deliverer_id": "bert"}).status_code in (200, 201)
                assert waybill.get("/v1/orders/of-bert").status_code == 200  # the store shows it
                anna.publish_and_wait("waybill/anna", fix(4, "of-bert"))
                bert.publish_and_wait("waybill/bert", fix(5, "of-bert"))
                wait_kept(waybill, {5}, "of-bert")
                assert kept(waybill, "of-bert") == {5}
                reasons = [one["reason"] for one in waybill.get("/v1/quarantine").json()["items"]]
                assert reasons == ["is an order of another deliverer"]
    finally:
        server.kill()


def test_a_server_that_is_away_or_says_no_is_told_and_holds_up_nobody_else(server, tmp_path):
    wrong = tmp_path / "wrong"
    wrong.touch(mode=0o600)
    wrong.write_text("wrong")
    with platform(server, tmp_path, WAYBILL_MQTT_PASSWORD_FILE=str(wrong)) as waybill:
        assert waybill.get("/readyz").status_code == 200
        waybill.wait_until(lambda: "phones are not heard over MQTT" in waybill.log_text())
        assert not is_working(waybill)
        assert waybill.post("/v1/locations", json.loads(fix(1)) | {"deliverer_id": "anna"}).status_code == 200
    with platform(server, tmp_path) as waybill:
        waybill.wait_until(lambda: is_working(waybill))
        server.kill()
        waybill.wait_until(lambda: not is_working(waybill))
        server.come_back()
        waybill.wait_until(lambda: is_working(waybill), seconds_max=60)
        with phone(server) as anna:
            anna.publish_and_wait("waybill/anna", fix(2))
            wait_kept(waybill, {1, 2})


def test_settings_that_cannot_be_right_stop_the_start(tmp_path):
    for told, said in (({"WAYBILL_MQTT_URL": "http://127.0.0.1:1"}, "mqtt.url is"),
                       ({"WAYBILL_MQTT_TOPICS": "waybill/+"}, "mqtt.topics is"),
                       ({"WAYBILL_MQTT_TOPICS": "a/#/b=waybill"}, "mqtt.topics is"),
                       ({"WAYBILL_MQTT_URL": "mqtt://127.0.0.1:1", "WAYBILL_MQTT_USER": "waybill"}, "mqtt.user and mqtt.password_file belong together")):
        refused = run("up", "--listen", "127.0.0.1:0", "--data", tmp_path / "data", env={**os.environ, **told})
        assert refused.returncode == 1 and said in refused.stderr, refused.stderr


def test_over_tls(tmp_path):
    with services.running("mosquitto-tls") as told:
        password = tmp_path / "mqtt.password"
        password.touch(mode=0o600)
        password.write_text(told["WAYBILL_TEST_BROKER_PASSWORD"])
        port = told["WAYBILL_TEST_BROKER"].rsplit(":", 1)[1]
        with Waybill(tmp_path / "data", environment={
                **SMALL, "WAYBILL_MQTT_URL": f"mqtts://127.0.0.1:{port}", "WAYBILL_MQTT_USER": told["WAYBILL_TEST_BROKER_USER"],
                "WAYBILL_MQTT_PASSWORD_FILE": str(password), "WAYBILL_MQTT_CA_FILE": told["WAYBILL_TEST_BROKER_CA_FILE"]}) as waybill:
            waybill.wait_until(lambda: is_working(waybill))
            lines = "\n".join(fix(number) for number in range(200)) + "\n"
            subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", port, "-u", told["WAYBILL_TEST_BROKER_USER"], "-P",
                            told["WAYBILL_TEST_BROKER_PASSWORD"], "--cafile", told["WAYBILL_TEST_BROKER_CA_FILE"], "-t", "waybill/anna", "-q", "1",
                            "-l"], input=lines, text=True, check=True)
            wait_kept(waybill, set(range(200)))
