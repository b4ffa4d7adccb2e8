"""`waybill status`: beside a running process, without one, at a terminal and for programs."""
import http.server
import json
import os
import pty
import re
import select
import signal
import subprocess
import threading
import time

import pytest

from running import binary, run

PATH = "/v1/locations"
COLUMNS = 80


def location(order, second):
    return {"order_id": order, "deliverer_id": 1, "latitude": 41, "longitude": -8,
            "timestamp": f"2024-01-15T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"}


def status(waybill, *arguments):
    return run("status", "--data", waybill.data, *arguments)


def test_it_finds_the_process_by_its_folder(fresh):
    fresh.post(PATH, [location(1, second) for second in range(100)] + [{"latitude": "north"}])
    shown = status(fresh, "--json")
    assert shown.returncode == 0, shown.stderr
    said = json.loads(shown.stdout)
    assert said["state"] == "ready" and said["reasons"] == [] and said["where"] == fresh.url
    assert said["locations"]["total"] == 100 and said["locations"]["per_second"] == 0
    assert said["quarantined"]["total"] + said["rejected"]["total"] == 1
    assert 0 < said["request_seconds"]["p99_since_start"] < 60
    assert said["journal_begin"] == 0 and said["resident_bytes"] > 1 << 20 and said["uptime_seconds"] < 600
    assert re.fullmatch(r"\d+\.\d+\.\d+", said["version"])


def test_the_watermarks_are_not_older_than_a_few_seconds(fresh):
    fresh.post(PATH, [location(1, second) for second in range(100)])
    until = time.monotonic() + 60
    while json.loads(status(fresh, "--json").stdout)["store_visible"] != 100:
        assert time.monotonic() < until, "although the store is made durable each minute only"


def test_a_url_says_the_same(fresh):
    shown = run("status", "--url", fresh.url, "--once")
    assert shown.returncode == 0 and shown.stdout.startswith("waybill ") and "  ready  " in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= COLUMNS
    for part in ("locations", "rejected", "quarantined", "fix-visible", "journal", "store durable", "disk", "connections"):
        assert re.search(rf"^ *{part} ", shown.stdout, re.M), shown.stdout
    assert "\x1b" not in shown.stdout, "what is not a terminal gets no steering"


def test_without_a_process_the_folder_is_read_and_left_as_it_is(fresh):
    fresh.post(PATH, [location(1, second) for second in range(50)] + [location(1, 1)])
    assert fresh.stop() == 0
    before = sorted((path.relative_to(fresh.data), path.stat().st_mtime_ns) for path in fresh.data.rglob("*"))
    shown = status(fresh)
    assert shown.returncode == 1, "nobody serves"
    assert "  stopped  " in shown.stdout and "50 stored, 1 repeats, 0 quarantined" in shown.stdout, shown.stdout
    assert "[0, 51)" in shown.stdout and "51 (0 behind)" in shown.stdout
    assert before == sorted((path.relative_to(fresh.data), path.stat().st_mtime_ns) for path in fresh.data.rglob("*"))


def test_a_killed_process_is_not_taken_for_a_running_one(fresh):
    fresh.post(PATH, location(1, 1))
    fresh.kill()
    shown = status(fresh, "--json")
    assert shown.returncode == 1 and json.loads(shown.stdout)["state"] == "stopped", shown.stderr


def test_a_process_that_does_not_answer_is_named(fresh):
    line = (fresh.data / "serving").read_text()
    (fresh.data / "serving").write_text("http://127.0.0.1:1\n")
    shown = status(fresh)
    assert shown.returncode == 1 and "NO ANSWER" in shown.stdout
    assert f"process {fresh.process.pid} holds" in shown.stdout, shown.stdout
    (fresh.data / "serving").write_text(line)


class Answers(http.server.BaseHTTPRequestHandler):
    """A waybill that is not ready, as far as a client can see."""
    pages = {}

    def do_GET(self):
        code, body = self.pages[self.path]
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def not_ready():
    reason = "journal: full: the disk or its budget has no room, nothing more is accepted until there is \x1b[2J"
    Answers.pages = {"/readyz": (503, json.dumps({"ready": False, "reasons": [reason]}).encode()),
                     "/metrics": (200, b'waybill_ready 0\nwaybill_build_info{version="9.9.9"} 1\n')}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_not_ready_says_why(not_ready):
    shown = run("status", "--url", not_ready)
    assert shown.returncode == 1 and shown.stdout.startswith("waybill 9.9.9  NOT READY  ")
    assert "\n  ! journal: full: the disk" in shown.stdout and "\x1b" not in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= COLUMNS
    said = json.loads(run("status", "--url", not_ready, "--json").stdout)
    assert said["state"] == "not_ready" and len(said["reasons"]) == 1 and said["connections"] is None


@pytest.mark.parametrize("code, body, word", [(403, b"", "403"), (200, b"<html>", "line 1")])
def test_metrics_that_cannot_be_had_are_told(not_ready, code, body, word):
    Answers.pages["/metrics"] = (code, body)
    shown = run("status", "--url", not_ready)
    assert shown.returncode == 1 and word in shown.stderr


def test_neither_process_nor_folder_is_told(tmp_path):
    shown = run("status", "--data", tmp_path / "nothing")
    assert shown.returncode == 1 and "nothing" in shown.stderr
    shown = run("status", "--url", "http://127.0.0.1:1", "--once")
    assert shown.returncode == 1 and "127.0.0.1:1" in shown.stderr


class Terminal:
    """A process at a terminal of its own."""

    def __init__(self, *arguments):
        self.end, other = pty.openpty()
        self.process = subprocess.Popen([binary(), *map(str, arguments)], stdin=other, stdout=other, stderr=other,
                                        start_new_session=True)
        os.close(other)
        self.text = ""

    def read_until(self, true):
        end = time.monotonic() + 60
        while not true(self.text):
            assert time.monotonic() < end, repr(self.text[-3000:])
            if select.select([self.end], [], [], 0.1)[0]:
                try:
                    self.text += os.read(self.end, 65536).decode()
                except OSError:  # it ended
                    return

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.end)


@pytest.fixture
def terminal():
    opened = []

    def start(*arguments):
        opened.append(Terminal(*arguments))
        return opened[-1]
    yield start
    for one in opened:
        one.close()


def test_a_terminal_shows_it_live_and_is_left_clean(fresh, terminal):
    shown = terminal("status", "--data", fresh.data)
    shown.read_until(lambda text: text.count("  ready  ") >= 3)
    fresh.post(PATH, [location(9, second) for second in range(77)])
    shown.read_until(lambda text: re.search(r"locations +[\d.]+/s +77\b", text))
    frames = shown.text.split("\x1b[J")
    assert re.match(r"\x1b\[\d+A\r", frames[1].lstrip("\r\n")) or re.match(r"\x1b\[\d+A\r", frames[1]), "drawn over the one before"
    assert "\x1b[2J" not in shown.text and "\x1b[H" not in shown.text, "never cleared in between"
    fresh.kill()
    shown.read_until(lambda text: "  stopped  " in text)
    shown.process.send_signal(signal.SIGINT)
    assert shown.process.wait(60) == 1, "the last that it saw was a stopped one"
    shown.read_until(lambda text: text.endswith("\x1b[?25h"))
    assert shown.text.count("\x1b[?25l") == 1 and shown.text.count("\x1b[?25h") == 1


def test_on_a_terminal_too_once_is_once(fresh, terminal):
    shown = terminal("status", "--data", fresh.data, "--once")
    assert shown.process.wait(60) == 0
    shown.read_until(lambda text: "connections" in text)
    assert "\x1b" not in shown.text
