"""simulate: couriers as the first publisher had them, on real streets, with the faults of real phones."""
import json
import re
import signal
import subprocess
import time
from collections import defaultdict

import pytest

from running import binary, read_ndjson, run, same_location


def simulate(waybill, *arguments):
    return run("simulate", "--url", waybill.url, *arguments)


def by_order(locations):
    orders = defaultdict(dict)
    for one in locations:
        orders[one["order_id"]][one["timestamp"], one["latitude"], one["longitude"], one["delivery_state"]] = one
    return orders


def assert_tracks_are_what_was_acknowledged(waybill, log):
    acknowledged = by_order(read_ndjson(log))
    for order, ours in acknowledged.items():
        theirs = by_order(waybill.track(order))[order]
        assert set(ours) == set(theirs), order
        assert all(same_location(ours[key], theirs[key]) for key in ours)
    return acknowledged


def test_orders_are_driven_from_start_to_arrival(fresh, tmp_path):
    done = simulate(fresh, "--orders", 40, "-n", 10, "--rate", 400, "--log", tmp_path / "log", "--seed", 7)
    assert done.returncode == 0, done.stderr
    assert "600 sent" in done.stdout, done.stdout
    orders = assert_tracks_are_what_was_acknowledged(fresh, tmp_path / "log")
    assert len(orders) == 40 and all(isinstance(order, int) for order in orders)
    for order in orders:
        states = [one["delivery_state"] for one in fresh.track(order)]
        assert states == ["start"] + ["on_the_way"] * 13 + ["arrived"]
    fresh.assert_books_balance()


@pytest.mark.parametrize("batch", [1, 50])
def test_all_faults_at_once_lose_nothing_and_count_nothing_twice(fresh, tmp_path, batch):
    done = simulate(fresh, "--orders", 60, "-n", 12, "--rate", 600, "--log", tmp_path / "log", "--batch", batch, "--repeats", 0.2,
                    "--disorder", 0.2, "--gaps", 0.1, "--jumps", 0.1, "--skew", 60)
    assert done.returncode == 0, done.stderr
    orders = assert_tracks_are_what_was_acknowledged(fresh, tmp_path / "log")
    assert sum(map(len, orders.values())) == 60 * 15
    assert len(read_ndjson(tmp_path / "log")) > 60 * 15, "some were sent twice"
    fresh.assert_books_balance()


def test_over_the_first_systems_api(fresh, tmp_path):
    done = simulate(fresh, "--api", "first", "--orders", 5, "-n", 5, "--rate", 200, "--log", tmp_path / "log")
    assert done.returncode == 0, done.stderr
    orders = by_order(read_ndjson(tmp_path / "log"))
    assert len(orders) == 5
    for order, sent in orders.items():
        assert len(fresh.track(order)) == 15
        assert fresh.last(order) == [max(sent.values(), key=lambda one: one["timestamp"])]


def test_the_same_seed_drives_the_same_ways(fresh, tmp_path):
    ways = []
    for name in ("one", "two"):
        assert simulate(fresh, "--orders", 5, "-n", 5, "--rate", 300, "--seed", 42, "--log", tmp_path / name).returncode == 0
        locations = sorted(read_ndjson(tmp_path / name), key=lambda one: one["timestamp"])
        ways.append([(one["deliverer_id"], one["latitude"], one["longitude"]) for one in locations])
    assert sorted(ways[0]) == sorted(ways[1])


def test_rate_and_time_are_kept(fresh):
    began = time.monotonic()
    done = simulate(fresh, "--rate", 200, "--for", "3s")
    assert done.returncode == 0 and 2.5 < time.monotonic() - began < 8
    sent = int(re.search(r"([\d,]+) sent", done.stdout).group(1).replace(",", ""))
    assert 400 < sent < 800


def orders_of(waybill):
    return waybill.get("/v1/orders").json()["orders"]


def test_a_signal_ends_it_with_a_summary(fresh):
    process = subprocess.Popen([binary(), "simulate", "--url", fresh.url, "--rate", "100"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    fresh.wait_until(lambda: orders_of(fresh))
    process.send_signal(signal.SIGINT)
    out, told = process.communicate(timeout=20)
    assert process.returncode == 0 and "sent" in out and "seed" in told, told


def test_own_streets(fresh, tmp_path):
    streets = tmp_path / "square.geojson"
    corner = [[10, 50], [10.001, 50], [10.001, 50.001], [10, 50.001], [10, 50]]
    streets.write_text(json.dumps({"type": "FeatureCollection", "features": [
        {"type": "Feature", "properties": {"k": "road", "a": number, "b": (number + 1) % 4, "o": 0},
         "geometry": {"type": "LineString", "coordinates": corner[number:number + 2]}} for number in range(4)]}))
    assert simulate(fresh, "--streets", streets, "--orders", 3, "-n", 3, "--rate", 300, "--log", tmp_path / "log").returncode == 0
    for one in read_ndjson(tmp_path / "log"):
        assert 9.9999 <= one["longitude"] <= 10.0011 and 49.9999 <= one["latitude"] <= 50.0011
    streets.write_text("{}")
    refused = simulate(fresh, "--streets", streets)
    assert refused.returncode == 1 and "square.geojson" in refused.stderr


def test_it_outlives_the_servers_death(fresh, tmp_path):
    process = subprocess.Popen([binary(), "simulate", "--url", fresh.url, "--rate", "300", "--orders", "80", "-n", "16", "--log",
                                str(tmp_path / "log")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    fresh.wait_until(lambda: orders_of(fresh))
    fresh.kill()
    fresh.listen = f"127.0.0.1:{fresh.port}"
    fresh.start()
    _, told = process.communicate(timeout=120)
    assert process.returncode == 0, told
    orders = assert_tracks_are_what_was_acknowledged(fresh, tmp_path / "log")
    assert sum(map(len, orders.values())) == 80 * 15
    fresh.assert_books_balance()


def test_demo_drives_couriers_in_the_same_process(tmp_path):
    from running import Waybill
    with Waybill(tmp_path / "data", arguments=["--demo"]) as waybill:
        waybill.wait_until(lambda: len(orders_of(waybill)) >= 20)
        assert waybill.stop() == 0
        waybill.assert_books_balance()
