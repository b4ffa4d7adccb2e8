#!/usr/bin/env python3
"""bench/attack.py — how much an honest client is slowed while others misbehave, and what memory the server takes meanwhile.

Each line is one run of wrk, alone or beside attackers in a process of their own, on one server that runs through all of them.
"""
import argparse
import datetime
import gzip
import pathlib
import re
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time

from stage import ROOT, Runs, books, build, catch_up, commit, get, machine, run_wrk, start_waybill

MIB = 1 << 20
HEAD = b"POST /v1/locations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def connect(port):
    connection = socket.socket()
    connection.settimeout(30)
    connection.connect(("127.0.0.1", port))
    return connection


def again_and_again(port, data):
    """One attacker: sends it, reads what comes, begins anew."""
    while True:
        try:
            with connect(port) as connection:
                connection.sendall(data)
                while connection.recv(1 << 16):
                    pass
        except OSError:
            pass


def many(count, data):
    def begin(port):
        for _ in range(count):
            threading.Thread(target=again_and_again, args=(port, data), daemon=True).start()
    return begin


def held(count, begin_with, drip):
    """Connections that stay: each is opened again when the server ends it, and given a byte now and then."""
    def begin(port):
        connections = []

        def open_one():
            connection = connect(port)
            connection.sendall(begin_with)
            return connection

        connections += [open_one() for _ in range(count)]

        def keep():
            while True:
                for at, connection in enumerate(connections):
                    try:
                        if drip:
                            connection.send(drip)
                    except OSError:
                        connection.close()
                        try:
                            connections[at] = open_one()
                        except OSError:
                            pass
                time.sleep(1)

        threading.Thread(target=keep, daemon=True).start()
    return begin


def body(data, *headers):
    return HEAD + b"".join(header + b"\r\n" for header in headers) + b"Content-Length: %d\r\n\r\n" % len(data) + data


CLOSE = b"Connection: close"
ATTACKS = {
    "nobody else": None,
    "1,000 slow-loris connections": lambda: held(1000, HEAD, b"X: y\r\n"),
    "10,000 idle connections": lambda: held(10_000, b"", b""),
    "16 floods of header fields": lambda: many(16, b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(3000))),
    "8 who send 100 MB bodies": lambda: many(8, HEAD + b"Content-Length: 100000000\r\n\r\n" + bytes(100 * MIB)),
    "4 gzip bombs at a time": lambda: many(4, body(gzip.compress(bytes(200 * MIB)), b"Content-Encoding: gzip", CLOSE)),
    "8 floods of bad JSON, 1 MiB each": lambda: many(8, body(b'[{"a":[' * (MIB // 7), CLOSE)),
    "32 floods of small bad requests": lambda: many(32, body(b"{nonsense") * 50 + b"end\r\n\r\n"),
}


def attack(name, port):
    """The attackers' process: says when they are all there, and goes on until it is stopped."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    ATTACKS[name]()(port)
    print("ready", flush=True)
    threading.Event().wait()


class Attackers:
    def __init__(self, name, port):
        self.process = None
        if ATTACKS[name]:
            self.process = subprocess.Popen([sys.executable, __file__, "--attack", name, "--port", str(port)],
                                            stdout=subprocess.PIPE, text=True)
            if self.process.stdout.readline() != "ready\n":
                sys.exit(f"bench: the attackers did not come: {name}")

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()


def forget_peak(server):
    (pathlib.Path("/proc") / str(server.process.pid) / "clear_refs").write_text("5")


def measure(name, server, seconds, runs):
    forget_peak(server)
    attackers = Attackers(name, server.port)
    try:
        run = runs.next()
        post = run_wrk(server, 64, "post.lua", ["/v1/locations", 1, "object", run], seconds)
        read = run_wrk(server, 64, "get.lua", ["/v1/deliverer_location/last/", "", run, 1000], seconds)
        connections = re.search(r"^waybill_http_connections (\S+)", get(server.port, "/metrics"), re.M)[1]
    finally:
        attackers.stop()
    catch_up(server)
    found = {"post": post, "get": read, "peak": server.memory_bytes("VmHWM") / MIB, "connections": float(connections)}
    print(f"{name}: POST {post['per_s']:,.0f}/s, GET {read['per_s']:,.0f}/s, {found['peak']:.0f} MiB", flush=True)
    return found


def row(name, found, alone):
    def of(kind):
        one, was = found[kind], alone[kind]
        return (f"{one['per_s']:,.0f} | {one['per_s'] / was['per_s']:.2f} | {one['p99_us'] / 1000:,.1f} | "
                f"{one['bad_status'] + one['broken']}")
    return f"| {name} | {of('post')} | {of('get')} | {found['connections']:,.0f} | {found['peak']:,.0f} |"


TEXT = """# An honest client while others misbehave

Written by `script/bench --attack`.

- machine: {machine}
- build: {version}, commit {commit}, {date}
- load: wrk, one thread, 64 connections, {seconds} s of POSTs of one location, then {seconds} s of GETs of an order's last; wrk and the
  attackers run on the same machine and take their share of its cores, so what they cost is more than what the server loses
- idle: {idle:.0f} MiB resident after the start; {each}
- books afterwards: `waybill verify` {books}

*Ratio*: to the first line. *Bad*: answers other than 2xx, and broken connections, of the honest client. *Peak*: the most resident
memory during the line.

| beside | POST/s | ratio | p99 ms | bad | GET/s | ratio | p99 ms | bad | connections | peak MiB |
|---|---|---|---|---|---|---|---|---|---|---|
"""


def idle_cost(server):
    before = server.memory_bytes() / MIB
    attackers = Attackers("10,000 idle connections", server.port)
    try:
        count = float(re.search(r"^waybill_http_connections (\S+)", get(server.port, "/metrics"), re.M)[1])
        grown = server.memory_bytes() / MIB - before
    finally:
        attackers.stop()
    return before, f"{count:,.0f} idle connections take {grown:.0f} MiB, {grown * 1024 / count:.1f} KiB each"


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--seconds", type=int, default=10, help="of each run")
    arguments.add_argument("--results", type=pathlib.Path, default=ROOT / "bench" / "attack.md")
    arguments.add_argument("--only", default="", help="lines whose name holds this, beside the first")
    arguments.add_argument("--attack", help=argparse.SUPPRESS)
    arguments.add_argument("--port", type=int, help=argparse.SUPPRESS)
    asked = arguments.parse_args()
    if asked.attack:
        return attack(asked.attack, asked.port)

    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build", prefix="bench-") as name:
        folder = pathlib.Path(name)
        server = start_waybill(folder)
        try:
            idle, each = idle_cost(server)
            runs = Runs()
            run_wrk(server, 64, "post.lua", ["/v1/locations", 1, "object", runs.next()], asked.seconds)  # to warm up
            catch_up(server)
            found = {line: measure(line, server, asked.seconds, runs)
                     for line, how in ATTACKS.items() if not how or asked.only.lower() in line.lower()}
        finally:
            server.stop()
        said = books(folder / "data")
        text = TEXT.format(machine=machine(folder), version=build(), commit=commit(), date=datetime.date.today().isoformat(),
                           seconds=asked.seconds, idle=idle, each=each, books=said)
    alone = next(iter(found.values()))
    asked.results.write_text(text + "\n".join(row(line, one, alone) for line, one in found.items()) + "\n")
    print(asked.results.read_text())
    return 0 if said == "balances" else 1


if __name__ == "__main__":
    sys.exit(main())
