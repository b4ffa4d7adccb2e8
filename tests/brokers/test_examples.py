"""deploy/examples and deploy/haproxy as they are shipped, with this machine's ports in them: run, used, killed, verified."""
import contextlib
import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import services  # noqa: E402
from running import Waybill  # noqa: E402

EXAMPLES = ROOT / "deploy/examples"


class Topology:
    """The first, two that follow it, and HAProxy in front of them."""

    def __init__(self, name, environment, folder):
        self.folder, self.name = folder, name
        port = environment["WAYBILL_TEST_BROKER"].rsplit(":", 1)[1]
        self.told = {}
        if environment.get("WAYBILL_TEST_BROKER_USER"):
            password = folder / "password"
            password.touch(mode=0o600)
            password.write_text(environment["WAYBILL_TEST_BROKER_PASSWORD"])
            self.told = {"WAYBILL_BROKER_USER": environment["WAYBILL_TEST_BROKER_USER"], "WAYBILL_BROKER_PASSWORD_FILE": str(password)}
        for role in ("first", "reads"):
            text, count = re.subn(r'^url = "(\w+)://127.0.0.1:\d+"', rf'url = "\1://127.0.0.1:{port}"',
                                  (EXAMPLES / f"{name}-{role}.toml").read_text(), flags=re.M)
            assert count == 1
            (folder / f"{role}.toml").write_text(text)
        self.first = self.waybill("first", "up")
        self.reads = [self.waybill("reads", "subscribe"),
                      self.waybill("reads", "subscribe", "reads-2", "--broker-name", "reads-2", "--lake-enabled", "false")]
        self.port = self.haproxy = None

    def waybill(self, role, command, data="", *more):
        data = data or ("first" if role == "first" else "reads-1")
        return Waybill(self.folder / data, environment=self.told, command=command, arguments=["--config", self.folder / f"{role}.toml", *more])

    def start(self):
        for one in (self.first, *self.reads):
            one.start()
            one.listen = f"127.0.0.1:{one.port}"  # it comes back there
        self.port, self.stats = services.free_port(), services.free_port()
        text = (ROOT / "deploy/haproxy/haproxy.cfg").read_text()
        for was, now in (("bind :5000", f"bind 127.0.0.1:{self.port}"), ("127.0.0.1:5010", self.first.listen),
                         ("127.0.0.1:5011", self.reads[0].listen), ("127.0.0.1:5012", self.reads[1].listen), ("127.0.0.1:5090", f"127.0.0.1:{self.stats}")):
            assert was in text
            text = text.replace(was, now)
        (self.folder / "haproxy.cfg").write_text(text)
        checked = subprocess.run([haproxy(), "-c", "-f", self.folder / "haproxy.cfg"], capture_output=True, text=True)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        self.haproxy = subprocess.Popen([haproxy(), "-db", "-f", self.folder / "haproxy.cfg"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while self.get("/readyz") != 200 or self.get("/v1/orders") != 200:
            assert time.monotonic() < until
            time.sleep(0.05)
        return self

    def get(self, path):
        try:
            return requests.get(self.url(path), timeout=30).status_code
        except requests.RequestException:
            return 0

    def seen_by_haproxy(self, server):
        listed = csv.DictReader(requests.get(f"http://127.0.0.1:{self.stats}/;csv", timeout=30).text.splitlines())
        return next(row["status"] for row in listed if (row["# pxname"], row["svname"]) == ("reads", server))

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def stop(self):
        for one in (self.first, *self.reads):
            one.kill()
        if self.haproxy:
            self.haproxy.send_signal(signal.SIGKILL)
            self.haproxy.wait()


def haproxy():
    found = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
    assert found, "tools/packages.txt, [live]: haproxy"
    return found


@pytest.fixture(params=["kafka", "mqtt"])
def topology(request, tmp_path):
    with services.running({"kafka": "kafka", "mqtt": "mosquitto"}[request.param]) as environment:
        made = Topology(request.param, environment, tmp_path)
        try:
            yield made.start()
        finally:
            made.stop()


def item(number, order="a"):
    return {"order_id": order, "deliverer_id": "anna", "event_id": f"e{number}", "latitude": 41.15, "longitude": -8.61 - number / 1e5,
            "timestamp": f"2026-01-15T09:{number // 60 % 60:02}:{number % 60:02}Z"}


def post(topology, number):
    answer = requests.post(topology.url("/v1/locations"), json=item(number), timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()["last"]


def test_what_is_posted_at_the_balancer_is_read_there_and_streams_go_on_where_a_follower_dies(topology):
    position = post(topology, 0)
    last = requests.get(topology.url(f"/v1/deliverer_location/last/a?at_least={position}"), timeout=30)
    assert last.status_code == 200 and last.json()["data"][0]["longitude"] == -8.61, last.text
    for _ in range(4):  # whoever else is there has no lake
        assert requests.post(topology.url("/v1/query"), json={"sql": "SELECT 1 AS one"}, timeout=60).json()["rows"] == [[1]]
    seen, newest = set(), [None]
    stop = threading.Event()

    def watch():
        while not stop.is_set():
            headers = {"Last-Event-ID": newest[0]} if newest[0] else {}
            with contextlib.suppress(requests.RequestException), requests.get(
                    topology.url("/v1/orders/a/live"), stream=True, timeout=20, headers=headers) as answer:
                for line in answer.iter_lines():
                    if line.startswith(b"id:"):
                        newest[0] = line[3:].strip().decode()
                    seen.update(int(number) for number in re.findall(rb'"event_id":"e(\d+)"', line))
                    if stop.is_set():
                        return
            time.sleep(0.1)  # as a page waits before it comes back
    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    topology.first.wait_until(lambda: 0 in seen)
    for number in range(1, 60):
        post(topology, number)
        if number in (20, 40):
            one = topology.reads[number // 20 - 1]
            one.kill()
            one.start(ready=False)
        time.sleep(0.02)  # the courier's pace
    topology.first.wait_until(lambda: seen >= set(range(60)), seconds_max=60)
    stop.set()
    for one in (topology.first, *topology.reads):
        one.wait_until(one._ready)
    for one in topology.reads:
        one.wait_until(lambda one=one: len(one.track("a")) == 60)
    for one in (topology.first, *topology.reads):
        one.stop()
        one.assert_books_balance()


def test_followers_are_restarted_one_after_the_other_and_no_reader_sees_it(topology):
    post(topology, 0)
    topology.first.wait_until(lambda: all(one.get("/v1/orders/a").status_code == 200 for one in topology.reads))
    answers, stop = [], threading.Event()

    def read():
        while not stop.is_set():
            answers.append(topology.get("/v1/orders/a"))
    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for name, one in zip(("reads-1", "reads-2"), topology.reads):
        assert one.stop() == 0
        one.wait_until(lambda name=name: topology.seen_by_haproxy(name) == "DOWN")
        one.start()
        one.wait_until(lambda name=name: topology.seen_by_haproxy(name) == "UP")
    stop.set()
    for reader in readers:
        reader.join()
    assert len(answers) > 100 and set(answers) == {200}, {status: answers.count(status) for status in set(answers)}


def test_while_the_first_is_away_followers_are_read_and_nothing_is_acknowledged(topology):
    position = post(topology, 0)
    topology.first.wait_until(lambda: topology.get(f"/v1/orders/a?at_least={position}") == 200)
    topology.first.kill()
    refused = requests.post(topology.url("/v1/locations"), json=item(1), timeout=60)
    assert refused.status_code == 503
    assert topology.get("/v1/orders/a") == 200
    topology.first.start()
    topology.first.wait_until(lambda: requests.post(topology.url("/v1/locations"), json=item(2), timeout=60).status_code == 200)
    for one in topology.reads:
        one.wait_until(lambda one=one: len(one.track("a")) == 2)


def test_the_one_process_of_the_examples_starts(tmp_path):
    with Waybill(tmp_path / "data", arguments=["--config", EXAMPLES / "one.toml"]) as waybill:
        assert waybill.get("/readyz").status_code == 200


def test_the_mosquitto_of_the_examples_lets_each_do_only_what_it_has_to(tmp_path):
    for user in ("waybill-first", "waybill-reads"):
        subprocess.run(["mosquitto_passwd", *(["-c"] if user == "waybill-first" else []), "-b", tmp_path / "passwords", user, "secret"], check=True)
    text = (EXAMPLES / "mosquitto.conf").read_text()
    rules = re.search(r"#   rules:  (.*?)\nlistener", text, re.S)[1]
    (tmp_path / "rules").write_text(re.sub(r"^#\s*", "", rules, flags=re.M) + "\n")
    port = services.free_port()
    root = "user root\n" if os.geteuid() == 0 else ""
    (tmp_path / "mosquitto.conf").write_text(text.replace("listener 1883", f"listener {port}") + root)
    server = subprocess.Popen([shutil.which("mosquitto") or "/usr/sbin/mosquitto", "-c", tmp_path / "mosquitto.conf"], cwd=tmp_path,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text("secret")

    def told(user):
        return {"WAYBILL_BROKER_URL": f"mqtt://127.0.0.1:{port}", "WAYBILL_BROKER_USER": user, "WAYBILL_BROKER_PASSWORD_FILE": str(secret),
                "WAYBILL_RELAY_FOLLOWERS": "reads-1"}
    try:
        with Waybill(tmp_path / "first", environment=told("waybill-first")) as first, Waybill(
                tmp_path / "reads", environment=told("waybill-reads"), command="subscribe", arguments=["--broker-name", "reads-1"]) as reads:
            assert first.post("/v1/locations", item(0)).status_code == 200
            reads.wait_until(lambda: reads.get("/v1/orders/a").status_code == 200)
    finally:
        server.kill()
        server.wait()
