"""A waybill process to test from outside: start, ask, stop, kill, and its books."""
import gzip
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parent.parent
SLOWER = int(os.environ.get("SLOWER", 1))  # than with ASan: how many times the time that a binary with ThreadSanitizer is given
START_S_MAX = 60 * SLOWER
STOP_S_MAX = 60 * SLOWER
BEHIND_S_MAX = 20 * (SLOWER - 1)  # the store may be behind what was accepted, after the server itself has waited for it


def binary():
    return os.environ.get("WAYBILL", str(ROOT / "build/dev/waybill"))


def run(*arguments, **options):
    """Runs a command of the binary to its end."""
    return subprocess.run([options.pop("binary", None) or binary(), *map(str, arguments)], capture_output=True, text=True,
                          timeout=options.pop("timeout", 300) * SLOWER, **options)


class NotStarted(Exception):
    pass


class Waybill:
    def __init__(self, data, binary_path=None, environment=None, arguments=(), command="up"):
        self.data = Path(data)
        self.command = command
        self.binary = binary_path or binary()
        self.environment = environment or {}
        self.arguments = list(map(str, arguments))
        self.port_file = Path(str(data) + ".port")
        self.log = Path(str(data) + ".log")
        self.process = None
        self.url = None
        self.listen = "127.0.0.1:0"
        self.scheme = "http"
        self.session = requests.Session()
        self.session.trust_env = False

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()

    def start(self, ready=True):
        self.port_file.unlink(missing_ok=True)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self.binary, self.command, "--listen", self.listen, "--data", str(self.data), "--port-file", str(self.port_file),
                 *self.arguments], stdout=log, stderr=log, env={**os.environ, **self.environment})
        until = time.monotonic() + START_S_MAX
        while not (self.port_file.exists() and self.port_file.read_text().strip()):
            self._still_starting(until)
        self.port = int(self.port_file.read_text())
        self.url = f"{self.scheme}://127.0.0.1:{self.port}"
        while ready and not self._ready():
            self._still_starting(until)
        return self

    def _ready(self):
        try:
            return self.session.get(self.url + "/readyz", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def _still_starting(self, until):
        if self.process.poll() is not None:
            raise NotStarted(f"exit code {self.process.returncode}: {self.log_text()[-2000:]}")
        if time.monotonic() > until:
            self.kill()
            raise NotStarted(f"not ready after {START_S_MAX} s: {self.log_text()[-2000:]}")
        time.sleep(0.01)

    def stop(self):
        """SIGTERM; gives the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self):
        return self.process.wait(STOP_S_MAX)

    def kill(self):
        """SIGKILL, as a power cut that spares the disk."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def alive(self):
        return self.process.poll() is None

    def log_text(self):
        return self.log.read_text(errors="replace")

    def get(self, path, **options):
        return self.session.get(self.url + path, timeout=60 * SLOWER, **options)

    def post(self, path, body=None, **options):
        if isinstance(body, (bytes, str)):
            options["data"] = body
        elif body is not None:
            options["json"] = body
        return self.session.post(self.url + path, timeout=60 * SLOWER, **options)

    def track(self, order, **query):
        """All locations of an order, page by page."""
        locations, cursor, until = [], None, time.monotonic() + BEHIND_S_MAX
        while True:
            parameters = {"limit": 10_000, **query, **({"cursor": cursor} if cursor else {})}
            answer = self.get(f"/v1/orders/{order}/track", params=parameters)
            if answer.status_code == 503 and time.monotonic() < until:
                continue
            assert answer.status_code == 200, answer.text
            page = answer.json()
            locations += page["locations"]
            cursor = page.get("next_cursor")
            if not cursor:
                return locations

    def metric(self, name):
        return float(re.search(rf"^{re.escape(name)} (\S+)", self.get("/metrics").text, re.M)[1])

    def last(self, order):
        return self.get(f"/v1/deliverer_location/last/{order}").json()["data"]

    def wait_until(self, condition, seconds_max=30):
        """What takes a moment by its nature: a credential that was taken back, a file that is read again."""
        until = time.monotonic() + seconds_max * SLOWER
        while not condition():
            assert time.monotonic() < until, f"not within {seconds_max} s"
            time.sleep(0.05)

    def verify(self, *arguments):
        return run("verify", "--data", self.data, *arguments, binary=self.binary)

    def assert_books_balance(self):
        for depth in ([], ["--deep"]):
            books = self.verify(*depth)
            assert books.returncode == 0, f"{books.stdout}\n{books.stderr}"


def read_ndjson(path):
    opened = gzip.open(path, "rt") if str(path).endswith(".gz") else open(path)
    with opened as lines:
        return [json.loads(line) for line in lines if line.strip()]


def same_location(sent, kept):
    """Every field that was sent stands in what is kept, as it was sent."""
    return all(name in kept and kept[name] == value for name, value in sent.items())


def courier_files():
    """Files of real couriers: the one that comes with the project and those of WAYBILL_DATA."""
    folders = [ROOT / "assets/couriers"]
    extra = os.environ.get("WAYBILL_DATA")
    extra = Path(extra) if extra else ROOT.parent / "shared/data/couriers"
    if extra.is_dir():
        folders.append(extra)
    files = {}
    for folder in folders:
        for path in sorted(folder.glob("*.ndjson.gz")):
            files.setdefault(path.name, path)
    return list(files.values())


class Role:
    """A process of one role beside a platform that leaves it to it: `waybill lake write`, `waybill transform schedule`."""

    def __init__(self, *command, data, environment=None):
        self.command, self.data, self.environment = command, Path(data), environment or {}
        self.metrics_file = Path(f"{data}.{command[0]}.prom")
        self.log = Path(f"{data}.{command[0]}.log")
        self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [binary(), *self.command, "--data", str(self.data), "--metrics-file", str(self.metrics_file)],
                stdout=log, stderr=log, env={**os.environ, **self.environment})
        return self

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S_MAX)

    def metrics(self):
        return self.metrics_file.read_text() if self.metrics_file.exists() else ""
