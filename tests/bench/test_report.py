"""What bench/ makes of figures: goals, ratios, tables, curves, the whole report. Nothing is measured here."""
import json
import sys
import xml.etree.ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

import bench  # noqa: E402
import chart  # noqa: E402
import curves  # noqa: E402
import report  # noqa: E402
import stage  # noqa: E402


def run(per_s, loop=(2.0, 3.0), **more):
    return {"per_s": per_s, "good": per_s, "us": 1e6, "requests": per_s, "p50_us": 400, "p99_us": 900, "bad_status": 0, "broken": 0,
            "cpu_us": 9.0, "load_us": 10.0, "threads": {"event loop": [*loop, sum(loop)], "rocksdb low": [9.0, 0.0, 9.0]}, "catch_up_s": 0.5, **more}


def test_a_ratio_is_the_median_of_each_rounds_own():
    assert report.ratio([run(50), run(90), run(10)], [run(100), run(100), run(100)]) == 0.5


@pytest.mark.parametrize("goal, met", [
    (report.Goal("x", 0.75, least=0.75), "yes"), (report.Goal("x", 0.74, least=0.75), "**no**"),
    (report.Goal("x", 4.9, " ms", most=5), "yes"), (report.Goal("x", 5, " ms", most=5), "**no**"),
    (report.Goal("x", None, " s", most=2), "–")])
def test_a_goal_is_met_or_not_and_one_that_was_not_measured_is_neither(goal, met):
    assert goal.row("posts")[4] == met


@pytest.mark.parametrize("value, said", [(0, "0"), (0.00123, "0.00123"), (0.5, "0.5"), (9.999, "10"), (50.0, "50"), (1234567.8, "1,234,568"),
                                         (None, "–")])
def test_numbers_have_the_digits_that_say_something(value, said):
    assert report.number(value) == said


def test_a_quantile_of_a_histogram_is_the_bound_of_its_bucket():
    buckets = [[1, 10], [2, 60], [5, 99], [10, 100]]
    assert (report.quantile(buckets, 0.5), report.quantile(buckets, 0.99), report.quantile([[1, 0]], 0.5)) == (2, 5, None)


def test_free_cores_are_reckoned_from_the_busiest_thread_before_the_answer():
    assert report.on_free_cores([run(1, (4, 6)), run(1, (2, 3)), run(1, (1, 2))]) == 200_000


def test_threads_are_added_up_by_their_names():
    before = {"1": ("event loop", 1, 1), "2": ("waybill", 1, 1), "3": ("rocksdb:low0", 0, 0), "5": ("keep", 3, 3)}
    after = {"1": ("event loop", 2, 1), "2": ("waybill", 3, 2), "3": ("rocksdb:low0", 1, 0), "4": ("rocksdb:low1", 1, 2), "5": ("keep", 3, 3)}
    assert stage.by_group(before, after, 1_000_000) == {"event loop": [1, 0, 1], "parsing": [2, 1, 3], "rocksdb low": [2, 2, 3]}


@pytest.mark.parametrize("orders", [100, 2000])
def test_filling_gives_each_order_its_points_and_no_two_locations_alike(orders):
    texts = list(stage.filling(0, orders, 20))
    bodies = [json.loads(text) for text in texts]
    locations = [(one["order_id"], one["timestamp"]) for body in bodies for one in body]
    assert len(set(locations)) == len(locations) == orders * 20
    assert {len(body) for body in bodies} == {stage.BATCH}
    assert {len(text) for text in texts} == {1 + stage.BATCH * (200 + 1)}


@pytest.mark.parametrize("name", curves.PANELS)
def test_a_curve_is_an_svg_that_reads_in_dark_too(name):
    point = {key: run(1000) for _, lines in curves.PANELS[name][1] for _, key, _, _ in lines}
    drawn = curves.draw(name, [{"at": 1, **point}, {"at": 10_000, **point}])
    picture = xml.etree.ElementTree.fromstring(drawn)
    lines = list(picture.iter("{http://www.w3.org/2000/svg}polyline"))
    assert len(lines) == sum(len(lines) for _, lines in curves.PANELS[name][1])
    assert all(0 <= float(value) <= 400 for line in lines for value in line.get("points").replace(",", " ").split())
    assert "prefers-color-scheme: dark" in drawn


@pytest.mark.parametrize("value, end", [(0, 1), (7, 10), (44_000, 50_000), (1.0, 1), (2.1, 2.5)])
def test_an_axis_ends_at_a_round_number(value, end):
    assert chart.ceiling(value) == end


def made(seconds):
    return {"tables": {"treated.location": 6 * seconds}, "treated": 10 * seconds, "final": 5 * seconds, "memory_bytes": 1.5e9}


def carried(servers):
    return {"locations": 1000, "records": 1000, "seconds": 0.1, "level_s": 0.2, "cpu_s": [0.1] * servers, "memory": [1 << 27] * servers}


def found():
    both, with_groups = {"nginx": [run(100)], "waybill": [run(80)]}, run(90, groups=[[1, 1], [100, 2]], disk_busy=0.5, disk_bytes_per_s=1e6)
    point = {kind: {"per_s": 1, "p50_us": 1, "p99_us": 2, "cpu_us": 3, "load_us": 4, "bad": 0} for kind in ("post", "last")}
    disk = {"json_bytes": 200, "journal_bytes": 50, "store_bytes": 40, "journal_folder_bytes": 60, "locations": 1, "books": "balances"}
    return {
        "posts": {"lines": [{"name": "POST", "connections": 64, "goal": 0.75, "rounds": {**both, "redis": [run(70)]}}], "books": "balances"},
        "batches": {"lines": [{"name": "NDJSON", "rounds": {**both, "waybill": [run(50, kept_up_per_s=3e5)], "without": [run(60, kept_up_per_s=5e5)]}}],
                    "books": "balances"},
        "reads": {"kept": 10, "orders": 1, "bytes": 180, "last": both, "track": {"1": [run(9)]}, "track_bytes": 9},
        "durability": {"lines": [{"name": "POST", "connections": 64, "items": 1,
                                  "rounds": {"waybill": [with_groups], "without": [with_groups]}}], "books": "balances"},
        "size": {"kept": 10, "idle": 34e6, "disk": {"synthetic": disk}, "warm": [[0.5, 1e6, 0.001]], "cold": [], "killed": [1.5, 1e6, 0.001]},
        "kept": [{"at": 10, **point, "track": point["post"], "batch": point["post"], "memory": 1 << 20}],
        "orders": [{"at": 1, **point}],
        "connections": [{"at": 1, **point, "nginx": point["post"]}],
        "live": {"many": {"viewers": 10, "orders": 1, "per_s": 10, "told": 1, "ms": [1, 2], "cpu_us": 30, "bytes": [6000, 7000]},
                 "load": {"reached_per_s": 10, "event_ms": [1, 2], "event_per_s": 9, "visible_ms": [1, 6],
                          "visible_per_s": 9},
                 "idle": {"wanted": 20, "viewers": 10, "seconds": 1, "bytes": 6000, "cpu_share": 0.01, "ms": [None, None]}, "books": "balances"},
        "lake": {"bronze": {name: {"per_s": 2e6, "bytes": 10.5} for name in ("replayed", "live", "duckdb")},
                 "models": {**{kept: {"whole": made(1), "hour": made(hour), "bytes": {"raw.deliverer_location": 10, "treated.location": 30}}
                               for kept, hour in (("1000000", 0.5), ("10000000", 0.8))},
                            "polars": {"kept": 10_000_000, "seconds": 20, "memory_bytes": 3e9}, "books": "balances"},
                 "question": {"rows": 100, "cold_s": 0.5, "seconds": 0.1, "duckdb": {"seconds": 0.1}}},
        "glue": {name: {"posts_per_s": 10 * speed, "ms": [1, 2], "seen_ms": [3, 4], "kept": 9, "posted": 10, "kept_per_s": speed, "batched_per_s": 1000,
                        "cpu_s": 5.0, "memory": 1e8, "acknowledged": 20, "there": 19, "books": "balances"} for name, speed in (("glue", 1), ("waybill", 100))},
        "brokers": {"alone": {"here_ms": [1, 2], "many": carried(1)},
                    "kafka": {"here_ms": [1, 2], "there_ms": [3, 20], "many": carried(2), "books": ["balances", "balances"]}},
    }


def test_the_report_has_every_part_and_holds_it_against_its_goals():
    about = {"command": "script/bench", "build": "waybill 1", "commit": "abc", "date": "2026-01-01", "seconds": 1, "rounds": 1}
    text = bench.report({"machine": "this one", "parts": {name: {**about, "found": one} for name, one in found().items()}})
    assert set(found()) == set(bench.PARTS)
    assert all(f"\n## {part.title}\n" in text for part in bench.PARTS.values())
    assert "ratio to nginx | ≥ 0.75 | 0.8 | 80 : 100/s | yes |" in text
    assert "POST to visible in GET at 10,000/s: p99 | < 5 ms | 6 ms | 10/s reached | **no** |" in text
    assert "silver of 10,000,000 locations | < 15 s | 10 s | treated.location 6.0 s of it; Polars that 20.0 s | yes |" in text
    assert "one more hour on 10,000,000: times that on 1,000,000 | < 2 | 1.6 | 12.0 : 7.5 s | yes |" in text
    assert "a POST to one seen at another over Kafka 3.9, one broker: p99 | < 50 ms | 20 ms | at the first 2 ms | yes |" in text
    assert "slowest cold start | < 2 s | not measured | – | – |" in text
    for block in text.split("\n\n"):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.strip().splitlines()}) == 1, block
