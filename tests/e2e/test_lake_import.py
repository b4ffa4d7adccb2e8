"""lake import: the first system's files through the ordinary way in, each line with custody, on after a break, nothing twice."""
import gzip
import json
import os
import re
import subprocess
import time

import pytest
from running import SLOWER, Waybill, binary, run

FOLDER = "raw/internal/deliverer_data/deliverer_location"


def location(number):
    return {"order_id": number % 7, "deliverer_id": 50 + number % 3, "delivery_state": "on_the_way",
            "timestamp": f"2024-01-15T{9 + number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}.000001",
            "latitude": 41 + number / 100_000, "longitude": -8.6}


def write(folder, name, lines, packed=True):
    path = folder / FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    return path


def counts(done):
    """files, damaged, lines, accepted, quarantined, refused, repeats"""
    found = re.search(r"(\d+) files, (\d+) damaged · (\d+) lines: (\d+) accepted, (\d+) quarantined, (\d+) refused · (\d+) repeats", done.stdout)
    assert found, done.stdout + done.stderr
    return tuple(map(int, found.groups()))


def import_into(waybill, folder, *arguments):
    return run("lake", "import", "--data", waybill.data, "--from", folder, *arguments)


def test_every_line_has_custody_and_what_comes_again_counts_as_a_repeat(fresh, tmp_path):
    folder = tmp_path / "first"
    write(folder, "2024/01/15/a.jsonl.gz", [location(number) for number in range(1500)])
    write(folder, "2024/01/15/b.jsonl.gz", [location(number) for number in range(1490, 2000)] + ["{nonsense", {**location(2000), "latitude": 95}])
    write(folder, "2024/01/16/c.json", ["", location(2001)], packed=False)
    write(folder, "2024/01/16/readme.txt", ["not of ours"], packed=False)
    done = import_into(fresh, folder)
    assert done.returncode == 0, done.stderr
    assert counts(done) == (3, 0, 2013, 2011, 2, 0, 10)
    assert sum(len(fresh.track(order)) for order in range(7)) == 2001
    assert fresh.last(3)[0]["order_id"] == 3, "as it was sent"
    assert not (tmp_path / "first.waybill-import").exists()
    again = import_into(fresh, folder, "--batch", 333)
    assert counts(again)[2:] == (2013, 2011, 2, 0, 2011)
    fresh.assert_books_balance()


def test_a_damaged_file_is_told_and_the_others_follow(fresh, tmp_path):
    folder = tmp_path / "first"
    path = write(folder, "a.jsonl.gz", [location(number) for number in range(100)])
    path.write_bytes(path.read_bytes()[:-20])
    write(folder, "b.jsonl.gz", [location(number) for number in range(100, 150)])
    done = import_into(fresh, folder)
    assert done.returncode == 1 and "a.jsonl.gz" in done.stderr and "1 files are damaged" in done.stderr
    assert counts(done)[:2] == (1, 1)
    assert sum(len(fresh.track(order)) for order in range(7)) >= 50


def test_it_goes_on_at_its_file_and_line_when_it_was_killed(fresh, tmp_path):
    folder = tmp_path / "first"
    files, of_each = 6, 5000
    for file in range(files):
        write(folder, f"{file}.jsonl.gz", [location(file * of_each + number) for number in range(of_each)])
    progress = tmp_path / "progress"
    command = [binary(), "lake", "import", "--data", str(fresh.data), "--from", str(folder), "--batch", "1", "--progress", str(progress)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60 * SLOWER
    while not progress.exists() and time.monotonic() < until and process.poll() is None:
        time.sleep(0.01)
    assert process.poll() is None, "it is killed in the middle"
    process.kill()
    process.wait()
    state = json.loads(progress.read_text())
    assert 0 < state["lines"] and state["accepted"] < files * of_each
    assert state["accepted"] == of_each * state["files"] + state["lines"], "counted and done are the same lines"
    done = import_into(fresh, folder, "--progress", progress)
    assert done.returncode == 0 and f"line={state['lines'] + 1}" in done.stderr, done.stderr
    assert counts(done)[:6] == (files, 0, files * of_each, files * of_each, 0, 0)
    assert sum(len(fresh.track(order)) for order in range(7)) == files * of_each
    fresh.assert_books_balance()


def test_it_starts_over_where_the_server_or_the_files_are_others(fresh, tmp_path):
    folder = tmp_path / "first"
    write(folder, "b.jsonl", [location(number) for number in range(10)], packed=False)
    progress = tmp_path / "first.waybill-import"
    progress.write_text(json.dumps({"waybill_import": 1, "folder": str(folder), "url": fresh.url, "before": "", "file": "b.jsonl",
                                    "head_bytes": 0, "head": "", "lines": 5, "files": 0, "damaged": 0, "accepted": 5, "quarantined": 0,
                                    "refused": 0, "repeats": 0, "last_position": ""}))
    done = import_into(fresh, folder)
    assert counts(done)[3] == 10 and "starting at the first file" in done.stderr
    progress.write_text("nonsense")
    assert "not an import's progress" in import_into(fresh, folder).stderr


def test_without_a_server_or_files_it_says_so(tmp_path, fresh):
    (tmp_path / "empty").mkdir()
    assert "has no file" in import_into(fresh, tmp_path / "empty").stderr
    fresh.stop()
    refused = import_into(fresh, tmp_path / "empty")
    assert refused.returncode == 1 and "start `waybill up`" in refused.stderr


def test_a_token_that_may_not_observe_is_refused_before_anything_is_sent(tmp_path):
    folder, data = tmp_path / "first", tmp_path / "data"
    write(folder, "a.jsonl", [location(1)], packed=False)
    token = {}
    for role in ("admin", "service"):
        token[role] = json.loads(run("token", "issue", "--data", data, "--role", role, "--subject", "shop").stdout)["token"]
    with Waybill(data) as waybill:
        assert counts(import_into(waybill, folder))[3] == 1, "its own server lets it in"
        ask = lambda role: run("lake", "import", "--data", data, "--from", folder, "--url", waybill.url,
                               env={**os.environ, "WAYBILL_TOKEN": token[role]})
        assert "administrator" in ask("service").stderr
        assert counts(ask("admin"))[6] == 1
