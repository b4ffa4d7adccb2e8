"""A platform, and one that follows it over a real broker: what one has the other has, whatever is killed between them."""
import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tools"))

import services  # noqa: E402
from gate import Gate  # noqa: E402
from running import Role, Waybill, run  # noqa: E402

SMALL = {"WAYBILL_LAKE_ROLL_SECONDS": "1", "WAYBILL_TRANSFORM_EVERY_SECONDS": "0", "WAYBILL_STORE_FLUSH_SECONDS": "1",
         "WAYBILL_JOURNAL_SEGMENT_MIB": "4", "WAYBILL_JOURNAL_KEEP_MIB": "4"}
LEVEL_S_MAX = 120


class Server:
    """A broker of this test's own, which comes back where it was."""

    def __init__(self, name, folder):
        self.name, self.folder = name, folder
        self.state = services.start(folder, name)
        self.environment = services.environment_of(folder, name)

    def kill(self):
        services.kill(self.folder, self.name)

    def come_back(self, without_data=False):
        if without_data:
            shutil.rmtree(self.folder / self.name / "data")
            (self.folder / self.name / "data").mkdir()
        self.state = services.start(self.folder, self.name, self.state["port"])

    @property
    def is_kafka(self):
        return self.name == "kafka"


@pytest.fixture(params=["kafka", "mosquitto", "nats"])
def server(request, tmp_path):
    try:
        yield Server(request.param, tmp_path)
    finally:
        services.stop(tmp_path, request.param)


def settings_of(server, tmp_path, name, gate=None):
    told, password = server.environment, tmp_path / "password"
    url = told["WAYBILL_TEST_BROKER"]
    if gate:
        url = f"{url.rsplit(':', 1)[0]}:{gate.port}"
    found = {**SMALL, "WAYBILL_BROKER_URL": url, "WAYBILL_BROKER_NAME": name, "WAYBILL_RELAY_FOLLOWERS": "reads"}
    if told.get("WAYBILL_TEST_BROKER_USER"):
        password.touch(mode=0o600)
        password.write_text(told["WAYBILL_TEST_BROKER_PASSWORD"])
        found |= {"WAYBILL_BROKER_USER": told["WAYBILL_TEST_BROKER_USER"], "WAYBILL_BROKER_PASSWORD_FILE": str(password),
                  "WAYBILL_BROKER_MQTT_VERSION": told["WAYBILL_TEST_BROKER_MQTT_VERSION"]}
    return found


@pytest.fixture
def writes(server, tmp_path):
    with Waybill(tmp_path / "writes", environment=settings_of(server, tmp_path, "writes")) as waybill:
        yield waybill


def follower_of(server, tmp_path, **options):
    return Waybill(tmp_path / "reads", environment=settings_of(server, tmp_path, "reads", **options), command="subscribe")


@pytest.fixture
def reads(server, writes, tmp_path):
    with follower_of(server, tmp_path) as waybill:
        yield waybill


def items(count, first=0):
    return [{"order_id": n % 50, "deliverer_id": n % 20, "event_id": f"e{n}", "latitude": 41.15, "longitude": -8.61 - n / 1e6,
             "timestamp": f"2026-01-15T{9 + n // 3600 % 12:02}:{n // 60 % 60:02}:{n % 60:02}Z"} for n in range(first, first + count)]


def send(waybill, count, first=0):
    answer = waybill.post("/v1/locations", items(count, first))
    assert answer.status_code == 200 and answer.json()["accepted"] == count, answer.text


def accepted(waybill):
    """How many records its journal has, and the sum of their identities, once the books balance."""
    said = waybill.verify()
    assert said.returncode == 0, said.stdout + said.stderr
    lines = said.stdout.splitlines()
    return (int(next(line for line in lines if line.startswith("journal")).split()[1]),
            next(line for line in lines if line.startswith("identities")).split()[2])


def shown(waybill):
    """Up to where it reads; of the one that takes in that is all that was acknowledged."""
    answer = waybill.get("/v1/orders?limit=1")
    return answer.json()["as_of"] if answer.status_code == 200 else None


def wait_level(writes, reads):
    """Until the follower shows all that the other does; gives the seconds."""
    begun = time.monotonic()
    writes.wait_until(lambda: shown(writes) == shown(reads) is not None, seconds_max=LEVEL_S_MAX)
    return time.monotonic() - begun


def assert_both_have_the_same(writes, reads):
    reads.wait_until(lambda: f"store      {accepted(writes)[0]} records" in reads.verify().stdout, seconds_max=60)
    compared = reads.verify("--with", writes.url)
    assert compared.returncode == 0 and "records compared" in compared.stdout, compared.stdout + compared.stderr
    for one in (writes, reads):
        one.stop()  # with everything durable in the store, up to where the identities are summed up
        one.assert_books_balance()
    assert accepted(writes) == accepted(reads)


def events(waybill, path, into):
    with contextlib.suppress(requests.RequestException), requests.get(waybill.url + path, stream=True, timeout=60) as answer:
        for line in answer.iter_lines():
            if line.startswith(b"data:"):
                into.append(json.loads(line[5:]))


def test_what_one_takes_in_the_other_shows_and_pushes(writes, reads):
    assert writes.post("/v1/orders", {"order_id": "a-1", "deliverer_id": "anna"}).status_code in (200, 201)
    send(writes, 10)
    position = writes.get("/v1/orders").json()["as_of"]
    order = reads.get(f"/v1/orders/a-1?at_least={position}")
    assert order.status_code == 200 and order.json()["deliverer_id"] == "anna", order.text
    seen = []
    threading.Thread(target=events, args=(reads, "/v1/orders/a-1/live", seen), daemon=True).start()
    reads.wait_until(lambda: seen)
    answer = writes.post("/v1/locations", {"order_id": "a-1", "deliverer_id": "anna", "latitude": 41.16, "longitude": -8.6,
                                           "timestamp": "2026-01-15T10:00:00Z"})
    assert answer.status_code == 200
    reads.wait_until(lambda: any(one.get("longitude") == -8.6 or one.get("location", {}).get("longitude") == -8.6 for one in seen))
    wait_level(writes, reads)
    assert writes.track("a-1") == reads.track("a-1")
    assert_both_have_the_same(writes, reads)


def test_one_that_follows_takes_nothing_in_and_says_where_to(writes, reads):
    refused = reads.post("/v1/locations", items(1))
    assert refused.status_code == 503 and "only follows another's journal" in refused.text
    assert reads.post("/v1/orders", {"order_id": "x"}).status_code == 503
    assert accepted(reads)[0] == 0
    assert reads.get("/v1/orders/x?at_least=1-0-5").status_code == 503, "it waits for it, and it does not come"


def test_a_viewer_goes_on_at_the_other_process_where_it_was(writes, reads):
    send(writes, 200)
    wait_level(writes, reads)
    ids = []
    with requests.get(writes.url + "/v1/orders/1/live", stream=True, timeout=60) as answer:
        for line in answer.iter_lines():
            if line.startswith(b"id:"):
                ids.append(line[3:].strip().decode())
                break
    send(writes, 100, first=200)
    wait_level(writes, reads)
    missed = []
    with requests.get(reads.url + "/v1/orders/1/live", stream=True, timeout=60, headers={"Last-Event-ID": ids[0]}) as answer:
        assert answer.status_code == 200, answer.text
        for line in answer.iter_lines():
            if line.startswith(b"data:"):
                missed.append(json.loads(line[5:]))
            if len(missed) >= 2:
                break
    assert len(missed) == 2, "order 1 has moved twice meanwhile"


def test_a_follower_that_comes_late_or_is_away_gets_everything(server, writes, tmp_path):
    for part in range(30):
        send(writes, 1000, first=part * 1000)
    with follower_of(server, tmp_path) as reads:
        wait_level(writes, reads)
        reads.stop()
        for part in range(30, 60):
            send(writes, 1000, first=part * 1000)
        reads.start(ready=False)
        wait_level(writes, reads)
        assert_both_have_the_same(writes, reads)


def test_the_journal_keeps_what_was_not_handed_on(server, writes, tmp_path):
    def oldest():
        return min(int(path.stem) for path in (writes.data / "journal").glob("*.log"))
    server.kill()
    sent = 0
    while len(list((writes.data / "journal").glob("*.log"))) < 4:
        send(writes, 5000, first=sent)
        sent += 5000
    writes.wait_until(lambda: f"store      {sent} records" in writes.verify().stdout, seconds_max=60)
    flushed = writes.metric("waybill_store_flush_seconds_count")

    def more():
        nonlocal sent
        send(writes, 10, first=sent)
        sent += 10

    def has_flushed_again():
        more()
        return writes.metric("waybill_store_flush_seconds_count") >= flushed + 3
    writes.wait_until(has_flushed_again)  # the journal is trimmed after each
    assert oldest() == 0
    assert "waybill_relay_working 0" in writes.get("/metrics").text
    assert writes.get("/readyz").status_code == 200, "it goes on to take in"
    server.come_back()
    with follower_of(server, tmp_path) as reads:
        wait_level(writes, reads)

        def is_trimmed():
            more()
            return oldest() > 0
        writes.wait_until(is_trimmed, seconds_max=60)
        wait_level(writes, reads)
        assert_both_have_the_same(writes, reads)


def test_handing_on_is_a_process_of_its_own_where_it_is_asked_for(server, tmp_path):
    apart = settings_of(server, tmp_path, "writes") | {"WAYBILL_RELAY_ENABLED": "false"}
    with Waybill(tmp_path / "writes", environment=apart) as writes:
        send(writes, 100)
        with Role("relay", data=writes.data, environment=apart) as relay, follower_of(server, tmp_path) as reads:
            writes.wait_until(lambda: "handing the journal on" in relay.log.read_text())
            wait_level(writes, reads)
            second = run("relay", "--data", writes.data, env={**os.environ, **apart})
            assert second.returncode == 1 and "another waybill process has the role relay" in second.stderr
            for part in range(1, 6):
                relay.kill()
                send(writes, 1000, first=part * 1000)
                relay.start()
            wait_level(writes, reads)
            assert relay.stop() == 0
            assert_both_have_the_same(writes, reads)
    both = run("relay", "--data", writes.data, env={**os.environ, **apart, "WAYBILL_RELAY_ENABLED": "true"})
    assert both.returncode == 1 and "relay.enabled is true" in both.stderr


def test_a_broker_that_was_away_while_nothing_was_sent_is_found_again(server, writes, reads):
    send(writes, 10)
    wait_level(writes, reads)
    server.kill()
    reads.wait_until(lambda: not reads._ready(), seconds_max=60)
    server.come_back()
    reads.wait_until(reads._ready, seconds_max=60)
    send(writes, 10, first=10)
    wait_level(writes, reads)
    writes.wait_until(lambda: "\nwaybill_relay_working 1\n" in writes.get("/metrics").text)


def test_nobody_writes_records_of_its_own_into_a_followers_folder(server, writes, reads, tmp_path):
    send(writes, 10)
    wait_level(writes, reads)
    reads.stop()
    for command in (["up", "--listen", "127.0.0.1:0"], ["token", "revoke", "some"]):
        refused = run(*command, "--data", reads.data)
        assert refused.returncode == 1 and "follows another's journal" in refused.stderr, refused.stderr
    writes.stop()
    mistaken = settings_of(server, tmp_path, "reads")
    refused = run("subscribe", "--listen", "127.0.0.1:0", "--data", writes.data, env={**os.environ, **mistaken})
    assert refused.returncode == 1 and "has records of its own" in refused.stderr
    shutil.copytree(writes.data, tmp_path / "copy")
    writes.start()
    send(writes, 10, first=10)
    with Waybill(tmp_path / "copy", environment=mistaken, command="subscribe", arguments=["--copy"]) as copy:
        wait_level(writes, copy)
        assert_both_have_the_same(writes, copy)


def test_a_message_of_somebody_else_harms_nothing(server, writes, reads):
    poison = b"\x00WBP1 nonsense"
    if server.is_kafka:
        told = ["kcat", "-b", server.environment["WAYBILL_TEST_BROKER"].split("://")[1], "-t", "waybill", "-p", "0", "-P"]
    else:
        host, port = server.environment["WAYBILL_TEST_BROKER"].split("://")[1].split(":")
        told = ["mosquitto_pub", "-h", host, "-p", port, "-u", server.environment["WAYBILL_TEST_BROKER_USER"], "-P",
                server.environment["WAYBILL_TEST_BROKER_PASSWORD"], "-t", "waybill/0", "-q", "1", "-s"]
    send(writes, 10)
    wait_level(writes, reads)
    subprocess.run(told, input=poison, check=True)
    reads.wait_until(lambda: "waybill_replica_foreign_total 1" in reads.get("/metrics").text)
    send(writes, 10, first=10)
    wait_level(writes, reads)
    assert_both_have_the_same(writes, reads)


def test_killed_again_and_again_under_load_both_have_the_same(server, writes, reads, tmp_path):
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    print(f"SEED={seed}")
    chance, stop, acknowledged, unclear = random.Random(seed), threading.Event(), [0], [0]

    def load():
        first = 0
        while not stop.is_set():
            try:
                answer = requests.post(writes.url + "/v1/locations", json=items(100, first), timeout=30)
                if answer.status_code == 200:
                    acknowledged[0] += 100
            except requests.RequestException:
                unclear[0] += 100
                time.sleep(0.1)  # as a phone that waits before it sends the next
            first += 100
            time.sleep(0.01)  # their pace
    loading = threading.Thread(target=load)
    loading.start()
    rounds = int(os.environ.get("ROUNDS", "6"))
    try:
        for number in range(rounds):
            time.sleep(chance.uniform(0.2, 1.5))  # killed then
            what = ("writes", "reads", "server")[number % 3]
            if what == "server":
                server.kill()
                time.sleep(chance.uniform(0, 2))  # so long it is away
                # What a wire has is of no worth; Kafka's data is the custody itself.
                server.come_back(without_data=not server.is_kafka and chance.random() < 0.5)
            else:
                one = writes if what == "writes" else reads
                one.kill()
                one.start(ready=False)
    finally:
        stop.set()
        loading.join()
    for one in (writes, reads):
        one.wait_until(one._ready, seconds_max=60)
    level_s = wait_level(writes, reads)
    print(f"level again after {level_s:.1f} s; {acknowledged[0]} acknowledged")
    count, _ = accepted(writes)
    assert acknowledged[0] <= count <= acknowledged[0] + unclear[0]
    assert_both_have_the_same(writes, reads)


@pytest.mark.parametrize("server", ["mosquitto", "nats"], indirect=True)  # Kafka tells its clients where it is itself
def test_whatever_the_network_does_the_follower_gets_level(server, writes, tmp_path):
    with Gate(server.state["port"]) as gate, follower_of(server, tmp_path, gate=gate) as reads:
        sent = 0

        def more(count=2000):
            nonlocal sent
            send(writes, count, first=sent)
            sent += count
        more()
        wait_level(writes, reads)
        for trouble in ({"held": True}, {"delay_s": 1.0}, {"bytes_per_s": 20_000}, {"shut": True}):
            for name, value in trouble.items():
                setattr(gate, name, value)
            if gate.shut:
                gate.cut()
            more()
            time.sleep(3)  # so long it lasts
            gate.cut()
            gate.open()
            took = wait_level(writes, reads)
            print(f"{trouble}: level {took:.1f} s after it was over")
        assert_both_have_the_same(writes, reads)
