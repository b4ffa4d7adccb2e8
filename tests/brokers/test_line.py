"""Several platforms that share what Kafka keeps (broker.keeps): each takes in, whatever dies, and all have the same."""
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

import pytest
import requests

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import services  # noqa: E402
from running import Waybill, run  # noqa: E402

SMALL = {"WAYBILL_LAKE_ENABLED": "false", "WAYBILL_STORE_FLUSH_SECONDS": "1", "WAYBILL_JOURNAL_SEGMENT_MIB": "4"}
LEVEL_S_MAX = 120


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    made = services.KafkaCluster(tmp_path_factory.mktemp("kafka"))
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture
def settings(cluster, request):
    """A topic of its own for each test."""
    topic = re.sub(r"\W", "-", request.node.name)[:100]
    return {**SMALL, "WAYBILL_BROKER_URL": cluster.url, "WAYBILL_BROKER_TOPIC": topic, "WAYBILL_BROKER_KEEPS": "true"}


@pytest.fixture
def node(settings, tmp_path):
    """Makes one of them; the first is on duty."""
    made = []

    def make(number, **more):
        own = {"WAYBILL_BROKER_NAME": f"api-{number}", "WAYBILL_BROKER_ON_DUTY": "true" if number == 1 else "false", **more}
        made.append(Waybill(tmp_path / f"api-{number}", environment=settings | own, command="api"))
        return made[-1]
    yield make
    for one in made:
        one.kill()


def items(count, first=0):
    return [{"order_id": n % 50, "deliverer_id": n % 20, "event_id": f"e{n}", "latitude": 41.15, "longitude": -8.61 - n / 1e6,
             "timestamp": f"2026-01-15T{9 + n // 3600 % 12:02}:{n // 60 % 60:02}:{n % 60:02}Z"} for n in range(first, first + count)]


def send(waybill, count, first=0):
    answer = waybill.post("/v1/locations", items(count, first))
    assert answer.status_code == 200 and answer.json()["accepted"] == count, answer.text
    return answer.json()


def level(nodes):
    """Until all show the same, which is all that was acknowledged."""
    def shown(one):
        answer = one.get("/v1/orders?limit=1")
        return answer.json()["as_of"] if answer.status_code == 200 else None
    nodes[0].wait_until(lambda: len({shown(one) for one in nodes}) == 1 and shown(nodes[0]), seconds_max=LEVEL_S_MAX)


def books(waybill):
    said = waybill.verify()
    assert said.returncode == 0, said.stdout + said.stderr
    lines = said.stdout.splitlines()
    return (int(next(line for line in lines if line.startswith("journal")).split()[1]),
            next(line for line in lines if line.startswith("identities")).split()[2])


def assert_all_have_the_same(nodes):
    for one in nodes[1:]:
        one.stop()
        compared = one.verify("--with", nodes[0].url)
        assert compared.returncode == 0, compared.stdout + compared.stderr
    for one in nodes:
        if one.alive():
            one.stop()
        one.assert_books_balance()
    assert len({books(one) for one in nodes}) == 1, [books(one) for one in nodes]


def test_what_one_takes_in_all_show_at_the_same_position(node):
    nodes = [node(number).start() for number in (1, 2, 3)]
    assert nodes[1].post("/v1/orders", {"order_id": "a-1", "deliverer_id": "anna"}).status_code in (200, 201)
    for number, one in enumerate(nodes):
        answer = send(one, 10, first=number * 10)
        position = answer["last"]
        assert int(position.rsplit("-", 1)[1]) == 1 + (number + 1) * 10 - 1, "positions go on, whoever gives them"
        own = one.get(f"/v1/custody/{position}")
        assert own.status_code == 200, "who acknowledged it shows it at once"
        for other in nodes:
            assert other.get(f"/v1/orders/a-1?at_least={position}").json()["deliverer_id"] == "anna"
    answer = nodes[2].post("/v1/locations?detail=all", items(5, 30)).json()
    assert len({row["position"] for row in answer["items"]}) == 5 if "items" in answer else answer["accepted"] == 5
    level(nodes)
    assert nodes[0].track("1") == nodes[1].track("1") == nodes[2].track("1") != []
    assert_all_have_the_same(nodes)


def test_a_viewer_sees_what_is_posted_to_another(node):
    takes, shows = node(1).start(), node(2).start()
    send(takes, 50)
    level([takes, shows])
    seen = []

    def watch():
        with requests.get(shows.url + "/v1/orders/1/live", stream=True, timeout=60) as answer:
            for line in answer.iter_lines():
                if line.startswith(b"data:"):
                    seen.append(line)
                if len(seen) >= 2:
                    return
    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    takes.wait_until(lambda: seen)
    send(takes, 50, first=50)
    watching.join(60)
    assert len(seen) >= 2


def test_one_that_comes_late_or_lost_its_folder_gets_everything(node, tmp_path):
    first, second = node(1).start(), node(2).start()
    for part in range(20):
        send((first, second)[part % 2], 1000, first=part * 1000)
    late = node(3).start(ready=False)
    level([first, second, late])
    second.kill()
    shutil.rmtree(tmp_path / "api-2")
    send(first, 1000, first=20_000)
    second.start(ready=False)
    level([first, second, late])
    assert_all_have_the_same([first, second, late])


def test_a_platform_moves_into_kafka_and_goes_on_and_its_copies_join(node, settings, tmp_path):
    alone = {name: value for name, value in settings.items() if "BROKER" not in name}
    with Waybill(tmp_path / "api-1", environment=alone) as platform:
        send(platform, 500)
        assert platform.stop() == 0
    moved = node(1).start()
    assert send(moved, 10, first=500)["first"] == "1-0-500", "positions go on"
    refused = node(2)
    refused.start(ready=False)
    assert refused.wait() == 1 and "begin with a copy" in refused.log_text()
    moved.stop()
    shutil.copytree(tmp_path / "api-1", tmp_path / "api-3")
    moved.start()
    joined = node(3).start()
    send(joined, 10, first=510)
    level([moved, joined])
    assert_all_have_the_same([moved, joined])
    for command in (["up", "--listen", "127.0.0.1:0"], ["token", "revoke", "some"]):
        denied = run(*command, "--data", moved.data, env={**os.environ, **alone})
        assert denied.returncode == 1 and "copy of a broker's line" in denied.stderr, denied.stderr


def test_settings_that_make_no_sense_together_are_told(settings, tmp_path):
    for command, more, told in (("subscribe", {}, "nobody follows"),
                                ("up", {"WAYBILL_BROKER_URL": "mqtt://127.0.0.1:1"}, "an MQTT server loses"),
                                ("up", {"WAYBILL_BROKER_URL": ""}, "broker")):
        said = run(command, "--listen", "127.0.0.1:0", "--data", tmp_path / command, env={**os.environ, **settings, **more})
        assert said.returncode == 1 and told in said.stderr, said.stderr


def test_a_message_of_somebody_else_harms_nothing(node, settings, cluster):
    one = node(1).start()
    send(one, 10)
    subprocess.run(["kcat", "-b", cluster.url.split("://")[1], "-t", settings["WAYBILL_BROKER_TOPIC"], "-p", "0", "-P"],
                   input=b"\x00WBO1 nonsense", check=True)
    one.wait_until(lambda: "waybill_line_foreign_total 1" in one.get("/metrics").text)
    assert send(one, 10, first=10)["first"] == "1-0-10"
    late = node(2).start(ready=False)
    level([one, late])
    assert_all_have_the_same([one, late])


def test_more_than_kafka_takes_at_once_is_refused_whole(node):
    one = node(1).start()
    large = [{"order_id": 1, "deliverer_id": n, "latitude": 1, "longitude": 1, "timestamp": "2026-01-15T09:00:00Z", "note": "x" * 5000}
             for n in range(400)]
    refused = one.post("/v1/locations", large)
    assert refused.status_code == 400 and "send fewer in one request" in refused.text, refused.text
    assert send(one, 1)["first"] == "1-0-0"


def test_with_two_of_three_brokers_dead_nothing_is_acknowledged_and_all_is_still_shown(node, cluster):
    nodes = [node(number).start() for number in (1, 2)]
    send(nodes[0], 100)
    level(nodes)
    cluster.kill("kafka-1")
    nodes[0].wait_until(lambda: nodes[0].post("/v1/locations", items(10, 100)).status_code == 200, seconds_max=60)
    cluster.kill("kafka-2")
    try:
        for one in nodes:
            refused = one.post("/v1/locations", items(10, 200))
            assert refused.status_code == 503 and "Retry-After" in refused.headers, refused.text
            assert one.get("/v1/orders/1").status_code == 200
    finally:
        cluster.start("kafka-1", "kafka-2")
    for one in nodes:
        one.wait_until(lambda one=one: one.post("/v1/locations", items(10, 300)).status_code == 200, seconds_max=120)
    level(nodes)
    assert_all_have_the_same(nodes)


class Load:
    """Posts to whoever answers, until it is stopped; what was acknowledged, and what nobody knows of."""

    def __init__(self, url_of):
        self.url_of, self.acknowledged, self.unclear = url_of, {}, 0
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.post, args=(number,)) for number in range(3)]
        for thread in self.threads:
            thread.start()

    def post(self, number):
        first = number * 1_000_000
        while not self.stopped.is_set():
            try:
                answer = requests.post(self.url_of(number) + "/v1/locations", json=items(20, first), timeout=30)
                if answer.status_code == 200:
                    self.acknowledged[first] = answer.json()["first"]
                else:
                    self.unclear += 20
            except requests.RequestException:
                self.unclear += 20
            first += 20
            self.stopped.wait(0.02)

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()


def test_killed_again_and_again_under_load_all_have_the_same(node, cluster):
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    print(f"SEED={seed}")
    chance = random.Random(seed)
    nodes = [node(number).start() for number in (1, 2, 3)]
    for one in nodes:
        one.listen = f"127.0.0.1:{one.port}"
    load = Load(lambda number: nodes[number].url)
    try:
        for number in range(int(os.environ.get("ROUNDS", "6"))):
            load.stopped.wait(chance.uniform(0.2, 1.5))
            if number % 2:
                broker = f"kafka-{1 + chance.randrange(3)}"
                cluster.kill(broker)
                load.stopped.wait(chance.uniform(0, 2))
                cluster.start(broker)
            else:
                one = nodes[chance.randrange(3)]
                one.kill()
                one.start(ready=False)
    finally:
        load.stop()
    for one in nodes:
        one.wait_until(one._ready, seconds_max=60)
    begun = time.monotonic()
    level(nodes)
    print(f"level again after {time.monotonic() - begun:.1f} s; {len(load.acknowledged) * 20} acknowledged")
    assert load.acknowledged
    for first, position in load.acknowledged.items():
        epoch, partition, offset = position.split("-")
        kept = nodes[first % 3].get(f"/v1/custody/{epoch}-{partition}-{int(offset) + 7}")
        assert kept.status_code == 200 and f"e{first + 7}" in kept.text, f"{position}: {kept.text}"
    count, _ = books(nodes[0])
    assert len(load.acknowledged) * 20 <= count <= len(load.acknowledged) * 20 + load.unclear
    assert_all_have_the_same(nodes)


def test_the_example_behind_haproxy_loses_nothing_and_says_no_to_nobody_while_one_is_restarted(cluster, settings, tmp_path):
    example = ROOT / "deploy/examples/kafka-keeps.toml"
    text, count = re.subn(r'^url = "kafka://[^"]+"', f'url = "{cluster.url}"', example.read_text(), flags=re.M)
    assert count == 1
    (tmp_path / "keeps.toml").write_text(text)
    topic = {"WAYBILL_BROKER_TOPIC": settings["WAYBILL_BROKER_TOPIC"]}
    nodes = []
    for number in (1, 2, 3):
        more = [] if number == 1 else ["--broker-name", f"api-{number}", "--broker-on-duty", "false", "--lake-enabled", "false"]
        nodes.append(Waybill(tmp_path / f"api-{number}", environment=topic, command="api", arguments=["--config", tmp_path / "keeps.toml", *more]))
    haproxy = None
    try:
        port, stats = services.free_port(), services.free_port()
        text = (ROOT / "deploy/haproxy/haproxy-keeps.cfg").read_text().replace("bind :5000", f"bind 127.0.0.1:{port}").replace(
            "127.0.0.1:5090", f"127.0.0.1:{stats}")
        for number, one in enumerate(nodes, 1):
            one.start()
            one.listen = f"127.0.0.1:{one.port}"
            text = text.replace(f"127.0.0.1:501{number}", one.listen)
        (tmp_path / "haproxy.cfg").write_text(text)
        program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
        haproxy = subprocess.Popen([program, "-db", "-f", tmp_path / "haproxy.cfg"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        url = f"http://127.0.0.1:{port}"

        def status(path):
            try:
                return requests.get(url + path, timeout=30).status_code
            except requests.RequestException:
                return 0
        nodes[0].wait_until(lambda: status("/v1/orders") == 200 and status("/readyz") == 200, seconds_max=60)
        load = Load(lambda _: url)
        for one in nodes[1:]:
            load.stopped.wait(1)
            assert one.stop() == 0
            one.start()
        nodes[2].kill()
        nodes[2].start()
        load.stopped.wait(1)
        load.stop()
        assert load.acknowledged and load.unclear <= 20 * 10, "only what the killed one had in hand"
        asked = requests.post(url + "/v1/query", json={"sql": "SELECT 1 AS one"}, timeout=60)
        assert asked.json()["rows"] == [[1]]
        level(nodes)
        assert_all_have_the_same(nodes)
    finally:
        for one in nodes:
            one.kill()
        if haproxy:
            haproxy.send_signal(signal.SIGKILL)
            haproxy.wait()
