"""`waybill bench`: what it prints, that it ends with a verdict, and that nothing of it is left behind."""
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

from running import STOP_S_MAX, Waybill, binary, run

SHORT = ("--seconds", "1", "--connections", "4")


def left_behind(folder):
    """What is still there of it: files below, processes that name the folder."""
    processes = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder).encode() in path.read_bytes() and int(path.parent.name) != os.getpid():
                processes.append(path.parent.name)
        except OSError:
            pass  # it has ended meanwhile
    return list(folder.iterdir()) + processes


def test_it_measures_prints_a_table_and_leaves_nothing_behind(tmp_path):
    ran = run("bench", *SHORT, "--only", "post one", "--folder", tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    # connections, requests and locations a second, p50, p99, processor time of both, how far behind, bad
    assert re.search(r"^POST one location, 200 bytes +4( +[\d,.]+){7} +0$", ran.stdout, re.M), ran.stdout
    assert ran.stdout.count("POST one") == 1, "with the same connections for all, the two lines are one"
    assert "waybill verify: the books balance" in ran.stdout
    for part in ("waybill", "machine", "disk", "load", "books"):
        assert re.search(rf"^{part} ", ran.stdout, re.M), ran.stdout
    assert ran.stderr == "" and "\x1b" not in ran.stdout
    assert left_behind(tmp_path) == []


def test_as_json_it_is_one_object_with_every_row(tmp_path):
    ran = run("bench", *SHORT, "--json", "--only", "GET", "--folder", tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    said = json.loads(ran.stdout)
    assert said["good"] is True and said["books"]["balance"] is True
    assert said["books"]["sent"] == said["books"]["acknowledged"] == said["books"]["kept"] > 0
    rows = {row["what"]: row for row in said["rows"]}
    assert len(rows) == len(said["rows"]) == 5
    for what, row in rows.items():
        assert row["bad"] == 0 and row["per_s"] > 0 and row["p99_us"] >= row["p50_us"] > 0, what
    for what in ("GET last of an order", "GET track of 1,000 points", "POST 100 locations, 10,000/s"):
        assert rows[what]["server_cpu_us"] > 0 and rows[what]["load_cpu_us"] > 0
    assert said["machine"]["cores"] > 0 and said["machine"]["file_system"]
    assert left_behind(tmp_path) == []


def test_neither_settings_of_the_folder_nor_of_the_environment_are_measured(tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "waybill.toml").write_text("nonsense = 1\n")
    ran = run("bench", *SHORT, "--only", "POST one", "--folder", tmp_path / "here", cwd=tmp_path,
              env={**os.environ, "WAYBILL_HTTP_THREADS": "nonsense"})
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_ctrl_c_takes_server_and_folder_away(tmp_path):
    bench = subprocess.Popen([binary(), "bench", "--seconds", "600", "--only", "GET last", "--folder", tmp_path],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert any(line.startswith("what ") for line in bench.stdout), "it begins to measure"
        assert len(left_behind(tmp_path)) > 1
        bench.send_signal(signal.SIGINT)
        assert bench.wait(STOP_S_MAX) == 1
        assert "stopped before it was done" in bench.stderr.read()
        assert left_behind(tmp_path) == []
    finally:
        bench.kill()
        bench.wait()
        bench.stdout.close()
        bench.stderr.close()


def test_the_server_does_not_outlive_a_bench_that_is_killed(tmp_path):
    with subprocess.Popen([binary(), "bench", "--seconds", "600", "--only", "GET last", "--folder", tmp_path],
                          stdout=subprocess.PIPE, text=True) as bench:
        assert any(line.startswith("what ") for line in bench.stdout)
        bench.kill()
    until = time.monotonic() + STOP_S_MAX
    while any(isinstance(left, str) for left in left_behind(tmp_path)):
        assert time.monotonic() < until, left_behind(tmp_path)


def test_another_server_is_measured_by_its_url_and_keeps_what_was_sent(fresh):
    ran = run("bench", *SHORT, "--url", fresh.url, "--json", "--only", "POST one")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    said = json.loads(ran.stdout)
    assert said["books"] is None and said["rows"][0]["server_cpu_us"] is None
    assert said["rows"][0]["per_s"] > 0 and said["server"] == fresh.url
    assert fresh.stop() == 0
    fresh.assert_books_balance()


def test_bad_answers_end_it_with_1(tmp_path):
    with Waybill(tmp_path / "data", arguments=["--limits-address-per-second", "5"]) as limited:
        ran = run("bench", *SHORT, "--url", limited.url, "--only", "POST one")
        assert ran.returncode == 1
        assert "the first that was bad: 429" in ran.stdout


def test_what_makes_no_sense_is_refused():
    for arguments in (["--only", "nothing is called that"], ["--url", "https://127.0.0.1:1"], ["--url", "http://127.0.0.1:1"],
                      ["--folder", "/nowhere"]):
        ran = run("bench", *arguments)
        assert ran.returncode == 1 and ran.stderr.startswith("waybill: "), arguments
    assert run("bench", "--seconds", "0").returncode == 2
