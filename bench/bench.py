#!/usr/bin/env python3
"""bench/bench.py — durable locations a second beside what nginx answers without keeping anything, in the same minutes.

Each line of the result is a number of rounds; a round is one run against nginx and one against waybill, in turns first. The
ratio is the median of the rounds' ratios, because the machine's own speed drifts more between minutes than they differ.
"""
import argparse
import contextlib
import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
WAYBILL = ROOT / "build" / "release" / "waybill"
BATCH = 1000
READY_S_MAX = 20
CAUGHT_UP_S_MAX = 600

NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1; {user}
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; client_max_body_size 64m; client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ default_type application/json; return 200 '{{"status":"OK"}}'; }} }}
}}
"""

# name, wrk's connections, script and its arguments, locations a request (0: a read)
CASES = [
    ("POST one location of 200 bytes", 64, "post.lua", ["/v1/locations", 1, "object"], 1),
    ("POST one location of 200 bytes", 256, "post.lua", ["/v1/locations", 1, "object"], 1),
    ("POST one location, the first system's API", 64, "post.lua", ["/v1/deliverer_location/", 1, "object"], 1),
    (f"POST {BATCH:,} locations, JSON array", 16, "post.lua", ["/v1/locations", BATCH, "array"], BATCH),
    (f"POST {BATCH:,} locations, NDJSON", 16, "post.lua", ["/v1/locations", BATCH, "ndjson"], BATCH),
    ("GET last of an order", 64, "get.lua", ["/v1/deliverer_location/last/"], 0),
]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return answer.read().decode()


def wait_until(said, condition, seconds_max):
    until = time.monotonic() + seconds_max
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            if condition():
                return
        time.sleep(0.02)
    sys.exit(f"bench: not within {seconds_max} s: {said}")


class Server:
    """A running server and the processor time that it has used."""

    def __init__(self, name, process, port, worker=None):
        self.name, self.process, self.port, self.worker = name, process, port, worker or process.pid

    def cpu_s(self):
        fields = (pathlib.Path("/proc") / str(self.worker) / "stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)


def start_nginx(folder):
    port = free_port()
    user = "user root;" if os.getuid() == 0 else ""
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, user=user))
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    process = subprocess.Popen([program, "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"],
                               stdin=subprocess.DEVNULL)
    wait_until("nginx answers", lambda: get(port, "/"), READY_S_MAX)
    children = (pathlib.Path("/proc") / str(process.pid) / "task" / str(process.pid) / "children").read_text().split()
    return Server("nginx", process, port, int(children[0]))


def start_waybill(folder, *arguments):
    port = free_port()
    log = open(folder / "waybill.log", "w")
    process = subprocess.Popen([WAYBILL, "up", "--listen", f"127.0.0.1:{port}", "--data", folder / "data",
                                *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    wait_until(f"waybill is ready; see {folder}/waybill.log", lambda: get(port, "/readyz"), READY_S_MAX)
    return Server("waybill", process, port)


def metric(port, name):
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", get(port, "/metrics"), re.M))


def catch_up(server):
    """Seconds until everything acknowledged can be read; the next run begins with nothing left over."""
    begin = time.monotonic()
    wait_until("everything accepted is in the store", lambda: metric(server.port, "waybill_ingest_put_total") >=
               metric(server.port, "waybill_ingest_accepted_total"), CAUGHT_UP_S_MAX)
    return time.monotonic() - begin


def run_wrk(server, connections, script, arguments, seconds):
    cpu = server.cpu_s()
    ran = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s",
                          ROOT / "bench" / script, f"http://127.0.0.1:{server.port}", "--", *map(str, arguments)],
                         capture_output=True, text=True, check=True)
    cpu = server.cpu_s() - cpu
    result = json.loads(re.search(r"^RESULT (.*)$", ran.stdout, re.M)[1])
    good = result["requests"] - result["bad_status"]
    if good <= 0:
        sys.exit(f"bench: no good answer from {server.name}:\n{ran.stdout}")
    result |= {"good": good, "per_s": good / (result["us"] / 1e6), "cpu_us": cpu * 1e6 / result["requests"]}
    return result


class Runs:
    """Each run writes under a number of its own, so that no location is sent twice; reads ask for an earlier run's orders."""

    def __init__(self):
        self.last = 0

    def next(self):
        self.last += 1
        return self.last


def measure(case, servers, rounds, seconds, runs):
    name, connections, script, arguments, locations = case
    nginx, waybill = servers
    if not locations:
        known = runs.next()
        run_wrk(waybill, 16, "post.lua", ["/v1/locations", BATCH, "array", known], 1)
        catch_up(waybill)
    found = {"nginx": [], "waybill": [], "catch_up_s": []}
    for number in range(rounds):
        for server in (nginx, waybill) if number % 2 == 0 else (waybill, nginx):
            run = runs.next() if locations else known
            found[server.name].append(run_wrk(server, connections, script, [*arguments, run], seconds))
            if server is waybill:
                found["catch_up_s"].append(catch_up(waybill))
        print(f"{name}, c={connections}, round {number + 1}: nginx {found['nginx'][-1]['per_s']:,.0f}/s, "
              f"waybill {found['waybill'][-1]['per_s']:,.0f}/s, then {found['catch_up_s'][-1]:.1f} s to catch up", flush=True)
    return found


def middle(results, what):
    return statistics.median(result[what] for result in results)


def row(case, found):
    name, connections, _, _, locations = case
    ours, theirs = found["waybill"], found["nginx"]
    ratio = statistics.median(a["per_s"] / b["per_s"] for a, b in zip(ours, theirs))
    low, high = (limit(result["per_s"] for result in ours) for limit in (min, max))
    bad = sum(result["bad_status"] + result["broken"] for result in ours)
    return (f"| {name} | {connections} | {middle(ours, 'per_s'):,.0f} ({low:,.0f} – {high:,.0f}) | "
            f"{middle(ours, 'per_s') * locations:,.0f} | {middle(theirs, 'per_s'):,.0f} | {ratio:.2f} | "
            f"{middle(ours, 'p50_us'):,.0f} / {middle(ours, 'p99_us'):,.0f} | "
            f"{middle(theirs, 'p50_us'):,.0f} / {middle(theirs, 'p99_us'):,.0f} | "
            f"{middle(ours, 'cpu_us'):.1f} / {middle(theirs, 'cpu_us'):.1f} | {statistics.median(found['catch_up_s']):.1f} | {bad} |")


def sync_us(folder):
    """Median and 99th percentile of an fdatasync of 4 KiB in a file of zeros, as the journal has it."""
    took = []
    with open(folder / "sync", "wb", buffering=0) as file:
        file.write(bytes(4 << 20))
        os.fdatasync(file.fileno())
        for number in range(500):
            begin = time.monotonic()
            os.pwrite(file.fileno(), b"x" * 4096, number * 4096)
            os.fdatasync(file.fileno())
            took.append((time.monotonic() - begin) * 1e6)
    took.sort()
    return f"median {took[len(took) // 2]:.0f} µs, p99 {took[len(took) * 99 // 100]:.0f} µs"


def said_by(*command):
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    return ran.stdout.strip() if ran.returncode == 0 else "unknown"


def machine(folder):
    cpu = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    memory = int(re.search(r"^MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text(), re.M)[1]) / (1 << 20)
    mount = said_by("findmnt", "-no", "FSTYPE", "-T", str(folder))
    return (f"{os.cpu_count()} × {cpu[1] if cpu else 'unknown'}, {memory:.0f} GiB, {os.uname().sysname} {os.uname().release}, "
            f"{mount}; write and sync of 4 KiB: {sync_us(folder)}")


def commit():
    changed = said_by("git", "status", "--porcelain", "--untracked-files=no")
    return said_by("git", "rev-parse", "--short=12", "HEAD") + (" with changes" if changed else "")


HEAD = """# What one machine does

Written by `script/bench`; nginx (one worker, `return 200`, keeps nothing) gets the same requests in the same rounds.

- command: `script/bench {command}`; {rounds} rounds of {seconds} s for each of the two, in turns first
- machine: {machine}
- build: {version}, commit {commit}, {date}
- load: wrk, one thread, keep-alive, loopback, on the same machine: it takes its share of the cores from both. No two locations are alike
- books afterwards: `waybill verify` {books}

Every answer to a POST is sent after the location is synced to disk. Figures are medians of the rounds, the range in brackets;
the ratio is the median of the rounds' ratios waybill / nginx. *CPU* is the server's processor time for a request, all its
threads: waybill's holds parsing, the journal and putting it into the store. *Catch up*: seconds after the run until all of it
could be read. *Bad*: answers other than 2xx, and broken connections.

| what | connections | requests/s | durable locations/s | nginx requests/s | ratio | p50 / p99 µs | nginx p50 / p99 µs | CPU µs / nginx's | catch up s | bad |
|---|---|---|---|---|---|---|---|---|---|---|
"""


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--seconds", type=int, default=10, help="of each run")
    arguments.add_argument("--rounds", type=int, default=3, help="of each line")
    arguments.add_argument("--only", default="", help="lines whose name holds this")
    arguments.add_argument("--results", type=pathlib.Path, default=ROOT / "bench" / "results.md")
    asked = arguments.parse_args()

    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build", prefix="bench-") as name:
        folder = pathlib.Path(name)
        servers = []
        try:
            servers += [start_nginx(folder), start_waybill(folder)]
            runs, rows = Runs(), []
            for case in CASES:
                if asked.only.lower() in case[0].lower():
                    rows.append(row(case, measure(case, servers, asked.rounds, asked.seconds, runs)))
        finally:
            for server in reversed(servers):
                server.stop()
        books = subprocess.run([WAYBILL, "verify", "--data", folder / "data"], capture_output=True, text=True)
        text = HEAD.format(command=" ".join(sys.argv[1:]), rounds=asked.rounds, seconds=asked.seconds,
                           machine=machine(folder), version=said_by(str(WAYBILL), "version").replace("\n", ", "), commit=commit(),
                           date=datetime.date.today().isoformat(),
                           books="balances" if books.returncode == 0 else f"**fails**: {books.stdout}{books.stderr}")
    asked.results.write_text(text + "\n".join(rows) + "\n")
    print(asked.results.read_text())
    return books.returncode


if __name__ == "__main__":
    sys.exit(main())
