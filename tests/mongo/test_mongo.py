"""The store in a server that speaks MongoDB's protocol: the same answers as RocksDB's, whatever is killed, cut or slow in between."""
import contextlib
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import pymongo
import pytest
import requests

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import services  # noqa: E402
from gate import Gate  # noqa: E402
from running import NotStarted, Waybill, run  # noqa: E402

QUICK = {"WAYBILL_STORE_FLUSH_SECONDS": "1", "WAYBILL_LAKE_ENABLED": "false",
         "WAYBILL_STALE_AFTER_SECONDS": "86400"}  # no order is said to be silent while a machine is slow
OPTIONS = "authSource=ferretdb&authMechanism=SCRAM-SHA-256"


class Server:
    """FerretDB and the PostgreSQL below it, of one test's own; both come back where they were."""

    def __init__(self, folder):
        self.folder = folder
        self.mongo = services.start(folder, "mongo")
        self.postgres = services.state_of(folder, "postgres")
        self.environment = services.environment_of(folder, "mongo")
        self.password = folder / "secret"
        self.password.touch(mode=0o600)
        self.password.write_text(services.PASSWORD)

    def kill(self, name="mongo"):
        os.kill(getattr(self, name)["pid"], signal.SIGKILL)
        services.stop(self.folder, name)

    def come_back(self):
        self.postgres = services.start(self.folder, "postgres", self.postgres["port"])
        self.mongo = services.start(self.folder, "mongo", self.mongo["port"])

    def settings(self, database="waybill", port=None):
        return {**QUICK, "WAYBILL_STORE_ENGINE": "mongo", "WAYBILL_STORE_USER": services.USER, "WAYBILL_STORE_PASSWORD_FILE": str(self.password),
                "WAYBILL_STORE_URL": f"mongodb://127.0.0.1:{port or self.mongo['port']}/{database}?{OPTIONS}"}

    def client(self):
        return pymongo.MongoClient(f"mongodb://127.0.0.1:{self.mongo['port']}/?{OPTIONS}", username=services.USER, password=services.PASSWORD)


@pytest.fixture
def server():
    with tempfile.TemporaryDirectory(prefix="waybill-mongo-") as scratch:  # PostgreSQL's user has to get there
        folder = Path(scratch)
        try:
            yield Server(folder)
        finally:
            services.stop_all(folder, "mongo")


@pytest.fixture
def waybill(server, tmp_path):
    with Waybill(tmp_path / "data", environment=server.settings()) as started:
        yield started


def verify(waybill, *arguments):
    return run("verify", "--data", waybill.data, *arguments, env={**os.environ, **waybill.environment})


def assert_books_balance(waybill):
    for depth in ([], ["--deep"]):
        books = verify(waybill, *depth)
        assert books.returncode == 0, f"{books.stdout}\n{books.stderr}"


def items(count, first=0):
    return [{"order_id": n % 13, "deliverer_id": f"d{n % 5}", "delivery_state": ("start", "on_the_way", "arrived")[n // 50 % 3], "event_id": f"e{n}",
             "latitude": 41.15, "longitude": -8.61 - n / 1e6, "battery": n % 100,
             "timestamp": f"2026-01-15T{9 + n // 3600 % 12:02}:{n // 60 % 60:02}:{n % 60:02}Z"} for n in range(first, first + count)]


def send(waybill, some, path="/v1/locations"):
    answer = waybill.post(path, some)
    assert answer.status_code in (200, 201), answer.text


def wait_level(waybill):
    """Until the store has all that was acknowledged: before that it is not read."""
    waybill.wait_until(lambda: waybill.get("/v1/orders/1").status_code == 200, seconds_max=120)


def some_of_everything(waybill):
    send(waybill, [{"order_id": n, "deliverer_id": f"d{n % 5}", "destination": {"latitude": 41, "longitude": -8}} for n in range(3)], "/v1/orders")
    send(waybill, items(300))
    send(waybill, items(40, first=100)[::-1])  # again, and newest first
    send(waybill, [{"deliverer_id": "d1", "latitude": 41, "longitude": -8.7, "timestamp": "2026-01-15T09:30:00.5Z"},
                   {"deliverer_id": "d1", "latitude": 91, "longitude": 0}, "nonsense"])
    assert waybill.post("/v1/orders/1/reassign", {"deliverer_id": "d4", "at": "2026-01-15T09:02:00Z"}).status_code == 200
    assert waybill.post("/v1/orders/2/close", {"at": "2026-01-15T09:03:00Z"}).status_code == 200
    assert waybill.post("/v1/orders/7/cancel", {}).status_code == 200


QUESTIONS = ["/v1/orders?limit=5", "/v1/orders?state=on_the_way", "/v1/orders?bbox=-8.6102,41,-8.61,42", "/v1/quarantine", "/v1/custody/1-0-7",
             "/v1/custody/e17?deliverer_id=d2",
             *(f"/v1/orders/{n}" for n in range(14)), *(f"/v1/deliverer_location/last/{n}" for n in range(14)),
             *(f"/v1/orders/{n}/track?limit={{limit}}" for n in range(13)), "/v1/orders/1/track?format=geojson", "/v1/orders/1/track?format=csv",
             "/v1/orders/1/track?from=2026-01-15T09:01:00Z&to=2026-01-15T09:02:30Z",
             *(f"/v1/deliverers/d{n}" for n in range(6)), *(f"/v1/deliverers/d{n}/track?limit=1000" for n in range(6))]


def answers(waybill, limit=1000):
    """Of every question the status and, of all pages of it, the text; what changes with the clock left out."""
    said = {}
    for question in (one.format(limit=limit) for one in QUESTIONS):
        path, texts = question, []
        while path and len(texts) < 200:
            answer = waybill.get(path)
            texts.append((answer.status_code, re.sub(r'"(fix_age_ms|as_of|stale)":("[^"]*"|[\w.-]+),?', "", answer.text)))
            cursor = re.search(r'"next_cursor":"([^"]+)"', answer.text)
            path = f"{question}&cursor={cursor[1]}" if cursor and "?" in question else None
        said[question] = texts
    return said


def answers_of_rocksdb(waybill, folder, **options):
    """What RocksDB says of the same journal."""
    shutil.copytree(waybill.data, folder, ignore=shutil.ignore_patterns("LOCK", "store.id"))
    with Waybill(folder, environment=QUICK) as other:
        said = answers(other, **options)
        assert other.stop() == 0
        other.assert_books_balance()
    return said


def test_every_answer_is_that_of_rocksdb_and_stays_so(server, waybill, tmp_path):
    some_of_everything(waybill)
    wait_level(waybill)
    said = answers(waybill, limit=7)
    assert sum(status == 200 for texts in said.values() for status, _ in texts) > 60
    assert verify(waybill).returncode == 0, "beside it"
    assert waybill.stop() == 0
    assert_books_balance(waybill)
    assert not (waybill.data / "store").exists()
    assert said == answers_of_rocksdb(waybill, tmp_path / "rocksdb", limit=7)
    waybill.start()
    assert answers(waybill, limit=7) == said


def test_who_reads_the_database_finds_locations_in_words(server, waybill):
    some_of_everything(waybill)
    wait_level(waybill)
    database = server.client()["waybill"]
    assert database.deliverer_location.count_documents({}) == 301
    found = list(database.deliverer_location.find({"deliverer_id": "d2", "order_id": 4}).sort("timestamp", 1))
    track = [one for one in waybill.track(4) if one["deliverer_id"] == "d2"]
    assert [(one["latitude"], one["longitude"], one["timestamp"].isoformat() + "Z", one["delivery_state"]) for one in found] == [
        (one["latitude"], one["longitude"], one["timestamp"], one["delivery_state"]) for one in track]
    assert all(one["received_at"] and one["position"] >= 3 for one in found)
    order = database.order.find_one({"order_id": 4})
    assert order["state"] == track[-1]["delivery_state"] and order["longitude"] == waybill.last(4)[0]["longitude"]
    assert database.deliverer.find_one({"deliverer_id": "d2"})["updated_at"]


def test_killed_again_and_again_under_load_nothing_is_lost(server, waybill, tmp_path):
    seed = int(os.environ.get("SEED", random.randrange(10**6)))
    print(f"SEED={seed}")
    chance, stop, acknowledged, unclear = random.Random(seed), threading.Event(), [0], [0]
    waybill.listen = f"127.0.0.1:{waybill.port}"

    def load():
        first = 0
        while not stop.is_set():
            try:
                answer = requests.post(waybill.url + "/v1/locations", json=items(10, first), timeout=60)
                (acknowledged if answer.status_code == 200 else unclear)[0] += 10
            except requests.RequestException:
                unclear[0] += 10
                time.sleep(0.1)
            first += 10
            time.sleep(0.1)
    loading = threading.Thread(target=load)
    loading.start()
    try:
        for number in range(int(os.environ.get("ROUNDS", "6"))):
            time.sleep(chance.uniform(0.5, 2))
            if number % 3 == 0:
                waybill.kill()
            else:
                server.kill("mongo" if number % 3 == 1 else "postgres")
                time.sleep(chance.uniform(0, 2))
                server.come_back()
            if not waybill.alive():
                waybill.start(ready=False)
    finally:
        stop.set()
        loading.join()
    waybill.wait_until(waybill._ready, seconds_max=120)
    wait_level(waybill)
    said = answers(waybill)
    assert waybill.stop() == 0
    assert_books_balance(waybill)
    count = int(re.search(r"journal +(\d+) records", verify(waybill).stdout)[1])
    assert acknowledged[0] <= count <= acknowledged[0] + unclear[0] and acknowledged[0] > 100
    assert said == answers_of_rocksdb(waybill, tmp_path / "rocksdb")


def test_while_the_server_is_away_locations_are_taken_and_reads_are_told(server, waybill):
    send(waybill, items(20))
    assert waybill.get("/v1/orders/1").status_code == 200
    server.kill()
    send(waybill, items(20, first=20))
    waybill.wait_until(lambda: not waybill._ready(), seconds_max=60)
    assert waybill.get("/v1/orders/1").status_code == 503
    server.come_back()
    waybill.wait_until(waybill._ready, seconds_max=60)
    wait_level(waybill)
    assert len(waybill.track(1)) == len([one for one in items(40) if one["order_id"] == 1])
    assert waybill.stop() == 0
    assert_books_balance(waybill)


def test_whatever_the_network_does_the_store_gets_level(server, tmp_path):
    sent = 0
    with Gate(server.mongo["port"]) as gate, Waybill(tmp_path / "data", environment=server.settings(port=gate.port)) as waybill:
        for trouble in ({"held": True}, {"delay_s": 0.5}, {"bytes_per_s": 20_000}, {"shut": True}):
            for name, value in trouble.items():
                setattr(gate, name, value)
            if gate.shut:
                gate.cut()
            for _ in range(6):
                send(waybill, items(50, first=sent))
                sent += 50
                time.sleep(0.3)
                if not gate.held:
                    gate.cut()  # in the middle of something
            gate.open()
            gate.cut()
            begun = time.monotonic()
            wait_level(waybill)
            print(f"{trouble}: level {time.monotonic() - begun:.1f} s after it was over")
        waybill.wait_until(waybill._ready, seconds_max=60)
        said = answers(waybill)
        assert waybill.stop() == 0
        assert_books_balance(waybill)
        assert said == answers_of_rocksdb(waybill, tmp_path / "rocksdb")


def test_another_folder_is_refused_and_a_copy_takes_over_from_the_first(server, waybill, tmp_path):
    send(waybill, items(20))
    with pytest.raises(NotStarted, match="another data folder"):
        Waybill(tmp_path / "other", environment=server.settings()).start()
    with Waybill(tmp_path / "other", environment=server.settings(database="elsewhere")) as other:
        send(other, items(10))
        assert len(other.track(1)) == 1
    shutil.copytree(waybill.data, tmp_path / "copy", ignore=shutil.ignore_patterns("LOCK"))
    with Waybill(tmp_path / "copy", environment=server.settings()) as copy:
        send(copy, items(20, first=20))
        with contextlib.suppress(requests.RequestException):
            waybill.post("/v1/locations", items(20, first=20))
        assert waybill.wait() != 0
        assert "another process has opened this store" in waybill.log_text()
        assert len(copy.track(1)) == len([one for one in items(40) if one["order_id"] == 1])


def test_a_location_that_is_gone_from_the_database_is_told_by_verify(server, waybill):
    for first in (0, 50):  # the rows of the last batch would be put again
        send(waybill, items(50, first=first))
        wait_level(waybill)
    assert waybill.stop() == 0
    assert_books_balance(waybill)
    server.client()["waybill"].deliverer_location.delete_one({"order_id": 3, "position": 3})
    assert verify(waybill).returncode == 0, "its books are what was written"
    deep = verify(waybill, "--deep")
    assert deep.returncode == 1 and "stored: rows: 99" in deep.stdout, deep.stdout


def test_nothing_of_somebody_erased_is_left_in_the_database(server, waybill):
    send(waybill, [{**one, "deliverer_id": "courier-who-goes" if one["deliverer_id"] == "d3" else "stays"} for one in items(200)])
    wait_level(waybill)
    erased = run("erase", "--data", waybill.data, "--deliverer", "courier-who-goes", env={**os.environ, **waybill.environment})
    assert erased.returncode == 0 and "MongoDB's oplog" in erased.stdout, erased.stdout + erased.stderr
    database, name = server.client()["waybill"], b"courier-who-goes"
    for collection in database.list_collection_names():
        for document in database[collection].find():
            assert name not in document.get("v", b"") and name.hex() not in document["_id"] and name.decode() not in str(document), collection
    assert waybill.stop() == 0
    assert_books_balance(waybill)


def test_a_backup_is_refused_with_what_to_do(waybill, tmp_path):
    send(waybill, items(5))
    refused = run("backup", "--data", waybill.data, tmp_path / "backup", env={**os.environ, **waybill.environment})
    assert refused.returncode == 1 and "back up the database with its own means" in refused.stdout + refused.stderr


def test_settings_that_do_not_fit_together_are_told(server, tmp_path):
    settings = server.settings()
    for name, value, said in (("WAYBILL_STORE_URL", "", "store.url is not given"), ("WAYBILL_STORE_USER", "", "belong together"),
                              ("WAYBILL_STORE_DISK_MIB_MAX", "10", "store.keep_days"),
                              ("WAYBILL_STORE_URL", "mongodb://me:secret@127.0.0.1/waybill", "without a password")):
        with pytest.raises(NotStarted, match=said):
            Waybill(tmp_path / "data", environment=settings | {name: value}).start()


def test_a_follower_keeps_its_store_there_as_well(server, tmp_path):
    with services.running("mosquitto") as broker:
        secret = tmp_path / "secret"
        secret.touch(mode=0o600)
        secret.write_text(broker["WAYBILL_TEST_BROKER_PASSWORD"])
        line = {**QUICK, "WAYBILL_BROKER_URL": broker["WAYBILL_TEST_BROKER"], "WAYBILL_BROKER_USER": broker["WAYBILL_TEST_BROKER_USER"],
                "WAYBILL_BROKER_PASSWORD_FILE": str(secret), "WAYBILL_RELAY_FOLLOWERS": "reads"}
        with Waybill(tmp_path / "writes", environment={**line, "WAYBILL_BROKER_NAME": "writes"}) as writes, Waybill(
                tmp_path / "reads", environment={**line, **server.settings(), "WAYBILL_BROKER_NAME": "reads"}, command="subscribe") as reads:
            some_of_everything(writes)
            end = writes.get("/v1/orders?limit=1").json()["as_of"]
            reads.wait_until(lambda: reads.get("/v1/orders?limit=1").json().get("as_of") == end, seconds_max=60)
            assert answers(reads) == answers(writes)
            assert reads.stop() == 0
            assert_books_balance(reads)


def test_the_example_works_as_it_is_shipped(server, tmp_path):
    text = (ROOT / "deploy/examples/mongo.toml").read_text()
    assert text.count("mongodb://127.0.0.1:27017/waybill\"") == 1
    (tmp_path / "mongo.toml").write_text(text.replace("127.0.0.1:27017/waybill", f"127.0.0.1:{server.mongo['port']}/waybill?{OPTIONS}"))
    login = {"WAYBILL_STORE_USER": services.USER, "WAYBILL_STORE_PASSWORD_FILE": str(server.password)}
    with Waybill(tmp_path / "data", environment=login, arguments=["--config", tmp_path / "mongo.toml"]) as waybill:
        send(waybill, items(20))
        assert len(waybill.track(1)) == 2
        assert not (waybill.data / "store").exists() and (waybill.data / "lake").exists()
        assert server.client()["waybill"].deliverer_location.count_documents({}) == 20
