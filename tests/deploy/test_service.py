"""The systemd unit, the log's rotation and what the service tells systemd."""
import grp
import gzip
import os
import pwd
import queue
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from running import NotStarted, Waybill

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "deploy/systemd/waybill.service"
LOCATION = {"order_id": 1, "deliverer_id": 1, "latitude": 41, "longitude": -8, "timestamp": "2024-01-15T09:00:00Z"}


def until(true, what, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.01)


def test_the_unit_is_as_closed_as_the_documents_say():
    assert shutil.which("systemd-analyze"), "tools/packages.txt, [test]: systemd"
    said = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", UNIT], capture_output=True, text=True)
    score = re.search(r"Overall exposure level for waybill.service: ([\d.]+)", said.stdout)
    assert score, said.stdout + said.stderr
    documents = (ROOT / "docs/OPERATIONS.md").read_text()
    stated = re.search(r"systemd-analyze security`: ([\d.]+)", documents)
    assert stated and float(score[1]) <= float(stated[1]), f"{score[1]}, stated {stated and stated[1]}"


def test_systemd_understands_every_line_of_the_unit(tmp_path):
    unit = tmp_path / "waybill.service"  # the program and the manual are not installed here
    unit.write_text(re.sub(r"man:waybill\(1\) ", "", UNIT.read_text()).replace("/usr/bin/waybill", "/bin/true"))
    said = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert "waybill.service" not in said.stderr, said.stderr


class Notices:
    """What a process tells systemd, by the socket that systemd would give it: read at once, as systemd does."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.environment = {"NOTIFY_SOCKET": str(path)}
        self.told = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while True:
            self.told.put(self.socket.recv(4096).decode())

    def wait_for(self, word):
        while True:
            said = self.told.get(timeout=60)
            if word in said.split("\n"):
                return said


@pytest.fixture
def told(tmp_path):
    notices = Notices(tmp_path / "notify")
    with Waybill(tmp_path / "data", environment={**notices.environment, "WATCHDOG_USEC": "300000"}) as waybill:
        yield waybill, notices


def test_systemd_is_told_ready_alive_reloading_and_stopping(told):
    waybill, notices = told
    notices.wait_for("READY=1")
    notices.wait_for("WATCHDOG=1")
    notices.wait_for("WATCHDOG=1")
    waybill.process.send_signal(signal.SIGHUP)
    assert "MONOTONIC_USEC=" in notices.wait_for("RELOADING=1")
    notices.wait_for("READY=1")
    assert waybill.post("/v1/locations", LOCATION).status_code == 200
    waybill.process.send_signal(signal.SIGTERM)
    notices.wait_for("STOPPING=1")
    assert waybill.wait() == 0


def log_lines(folder):
    return [line for path in folder.iterdir()
            for line in (gzip.open(path, "rt") if path.suffix == ".gz" else path.open()).read().splitlines()]


def test_logrotate_loses_no_line(tmp_path):
    logs = tmp_path / "log"
    logs.mkdir(mode=0o750)
    with Waybill(tmp_path / "data", arguments=["--log-file", logs / "waybill.log"]) as waybill:
        # The file as it is shipped, with this test's folder, user and process in it, and no waiting for the week to end.
        shipped = (ROOT / "deploy/logrotate/waybill").read_text()
        mine = shipped.replace("/var/log/waybill/", f"{logs}/").replace(
            "su waybill waybill", f"su {pwd.getpwuid(os.getuid()).pw_name} {grp.getgrgid(os.getgid()).gr_name}")
        mine = re.sub(r"if \[ -d /run/systemd.*?fi\n", f"kill -HUP {waybill.process.pid}\n", mine)
        assert mine.count(str(logs)) == 1 and "kill -HUP" in mine
        rules = tmp_path / "logrotate.conf"
        rules.write_text(mine)
        rules.chmod(0o644)
        hangups = 0
        for _ in range(5):
            rotated = subprocess.run(["logrotate", "--force", "--state", tmp_path / "state", rules], capture_output=True, text=True,
                                     env={**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"})
            assert rotated.returncode == 0, rotated.stderr
            hangups += 1
            # "reloaded" is the first line of each new file: it was opened before the line was written.
            until(lambda: (logs / "waybill.log").exists() and "reloaded" in (logs / "waybill.log").read_text(), "reloaded")
        assert waybill.stop() == 0
    lines = log_lines(logs)
    assert sum("reloaded" in line for line in lines) == hangups
    assert sum("stopped" in line for line in lines) == 1
    assert len(list(logs.iterdir())) == 6
    assert "reloaded" not in waybill.log_text(), "standard error has what is printed for people only"


def test_a_log_file_that_cannot_be_opened_stops_the_start(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(NotStarted) as refused:
        Waybill(tmp_path / "data", arguments=["--log-file", tmp_path / "file" / "y.log"]).start()
    assert "y.log" in str(refused.value)
