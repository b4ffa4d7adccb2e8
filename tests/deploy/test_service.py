"""The systemd units, the log's rotation and what the processes tell systemd."""
import contextlib
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

from running import STOP_S_MAX, NotStarted, Waybill, binary

ROOT = Path(__file__).resolve().parents[2]
SYSTEMD = ROOT / "deploy/systemd"
UNITS = sorted(path.name for path in SYSTEMD.glob("*.service"))
ROLES = sorted(set(UNITS) - {"waybill.service"})
LOCATION = {"order_id": 1, "deliverer_id": 1, "latitude": 41, "longitude": -8, "timestamp": "2024-01-15T09:00:00Z"}


def until(true, what, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The units as cmake/package.cmake lays them down, but that neither the program nor the manual is there."""
    folder = tmp_path_factory.mktemp("units")
    for path, text in [(path, path.read_text()) for path in SYSTEMD.iterdir()]:
        text = text.replace("man:waybill(1) ", "").replace("/usr/bin/waybill", "/bin/true")
        places = [folder] if path.suffix == ".service" else [folder / "waybill.service.d", folder / "waybill-.service.d"]
        for place in places:
            place.mkdir(exist_ok=True)
            (place / path.name).write_text(text)
    return folder


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_as_closed_as_the_documents_say(installed, unit):
    assert shutil.which("systemd-analyze"), "tools/packages.txt, [test]: systemd"
    said = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", installed / unit], capture_output=True, text=True)
    score = re.search(rf"Overall exposure level for {unit}: ([\d.]+)", said.stdout)
    assert score, said.stdout + said.stderr
    documents = (ROOT / "docs/OPERATIONS.md").read_text()
    stated = re.search(r"systemd-analyze security`: ([\d.]+)", documents)
    assert stated and float(score[1]) <= float(stated[1]), f"{score[1]}, stated {stated and stated[1]}"


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_understands_every_line_of_a_unit(installed, unit):
    said = subprocess.run(["systemd-analyze", "verify", installed / unit], capture_output=True, text=True)
    assert "waybill" not in said.stderr, said.stderr


def calls_in(group):
    """The system calls of a group of systemd's."""
    said = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True).stdout
    names = [line.strip() for line in said.splitlines()[1:] if line.strip() and "#" not in line]
    return set().union(*(calls_in(name) if name.startswith("@") else {name} for name in names))


def test_the_units_let_a_thread_step_back_and_take_nothing_else_of_the_machine():
    allowed = set()
    for words in re.findall(r"^SystemCallFilter=(.*)$", (SYSTEMD / "10-waybill.conf").read_text(), re.M):
        named = set().union(*(calls_in(word) if word.startswith("@") else {word} for word in words.removeprefix("~").split()))
        allowed = allowed - named if words.startswith("~") else allowed | named
    assert {"getpriority", "setpriority", "fdatasync", "epoll_wait", "renameat2"} <= allowed
    assert allowed & calls_in("@resources") == {"setpriority"}
    assert not allowed & (calls_in("@privileged") | calls_in("@mount") | calls_in("@debug"))


def test_what_is_documented_of_the_roles_is_what_is_there():
    documents = (ROOT / "docs/OPERATIONS.md").read_text().split("### Roles as services", 1)[1].split("\n## ", 1)[0]
    listed = dict(re.findall(r"^\| `(waybill-[a-z]+)` \| `waybill ([a-z ]+)`", documents, re.M))
    assert listed == {unit.removesuffix(".service"): re.search(r"^ExecStart=/usr/bin/waybill (.+) --config", (SYSTEMD / unit).read_text(), re.M)[1]
                      for unit in ROLES}


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


SETTINGS = """
listen = "127.0.0.1:0"
data = "{data}"
[log]
file = "{log}"
[lake]
write = false
[transform]
every_seconds = 0
[relay]
enabled = false
[broker]
url = "kafka://127.0.0.1:1"
"""


@pytest.mark.parametrize("unit", ROLES)
def test_a_unit_of_a_role_runs_beside_the_platform_by_the_same_settings(tmp_path, unit):
    """Its command and environment, with this test's settings, beside `waybill up` with these; `waybill subscribe` in its place."""
    text = (SYSTEMD / unit).read_text()
    settings, log = tmp_path / "waybill.toml", tmp_path / "waybill.log"
    settings.write_text(SETTINGS.format(data=tmp_path / "data", log=log))
    command = re.search(r"^ExecStart=/usr/bin/waybill (.+)$", text, re.M)[1].replace("/etc/waybill/waybill.toml", str(settings)).split()
    environment = dict(line.split("=", 1) for line in re.findall(r"^Environment=(.*)$", text, re.M))
    notices = Notices(tmp_path / "notify")
    in_its_place = "Conflicts=waybill.service" in text
    with contextlib.nullcontext() if in_its_place else Waybill(tmp_path / "data", arguments=["--config", settings]):
        with open(tmp_path / "stderr", "wb") as stderr:
            role = subprocess.Popen([binary(), *command], stderr=stderr, env={**os.environ, **environment, **notices.environment})
        try:
            notices.wait_for("READY=1")
            role.send_signal(signal.SIGTERM)
            assert role.wait(STOP_S_MAX) == 0
        finally:
            if role.poll() is None:
                role.kill()
                role.wait()
    lines = (log if in_its_place else tmp_path / "stderr").read_text()
    assert "info stopped" in lines, "a role's lines are systemd's, log.file is the platform's"


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
