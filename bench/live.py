#!/usr/bin/env python3
"""bench/live.py — how soon viewers see what is posted, with many of them and under load, and what memory a viewer takes.

Viewers, senders and the server share the machine. A location carries the time at which its POST was sent; a viewer compares that with
the time at which it read the event, by the same clock.
"""
import argparse
import datetime
import json
import multiprocessing
import pathlib
import re
import resource
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import time

from bench import ROOT, WAYBILL, catch_up, commit, machine, metric, said_by, start_waybill

SENT = re.compile(rb'"sent_us":(\d+)')
MIB = 1 << 20


def now_us():
    return time.time_ns() // 1000


def connect(port):
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def location(order):
    return {"order_id": order, "deliverer_id": f"d-{order}", "delivery_state": "on_the_way", "latitude": 41.15, "longitude": -8.61,
            "speed": 7.25, "accuracy": 4.5,
            "timestamp": datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds"), "sent_us": now_us()}


class Sender:
    """One phone's connection: POSTs, and reads each answer."""

    def __init__(self, port):
        self.connection = connect(port)

    def post(self, locations):
        body = json.dumps(locations).encode()
        self.connection.sendall(b"POST /v1/locations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                                b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        answer = self.connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200"), answer


def move(port, orders, seconds):
    """Each order moves once a second, each by a POST of its own; so many phones send at a time as it takes."""
    begun, phones = time.monotonic(), 16

    def drive(first):
        sender = Sender(port)
        for step in range(first, int(seconds * orders), phones):
            wait = begun + step / orders - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            sender.post(location(f"o-{step % orders}"))

    driving = [threading.Thread(target=drive, args=(first,)) for first in range(phones)]
    for one in driving:
        one.start()
    for one in driving:
        one.join()


def load(port, per_second, seconds):
    """Locations of other orders, a hundred in a POST."""
    sender = Sender(port)
    begun = time.monotonic()
    for step in range(int(seconds * per_second / 100)):
        wait = begun + step * 100 / per_second - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        sender.post([location(f"x-{(step * 100 + number) % 5000}") for number in range(100)])


def resident(process):
    return int(re.search(r"^VmRSS:\s*(\d+)", pathlib.Path(f"/proc/{process.pid}/status").read_text(), re.M)[1]) * 1024


def seconds_of_cpu(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


class Viewers:
    def __init__(self, port, orders, count):
        self.selector = selectors.EpollSelector()
        self.connections = []
        for number in range(count):
            connection = connect(port)
            connection.sendall(f"GET /v1/orders/o-{number % orders}/live HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            connection.setblocking(False)
            self.selector.register(connection, selectors.EVENT_READ)
            self.connections.append(connection)

    def read(self, until):
        """Latencies in microseconds of all events that come until then."""
        found = []
        while (left := until - time.monotonic()) > 0:
            for key, _ in self.selector.select(left):
                got = key.fileobj.recv(1 << 16)
                now = now_us()
                if not got:
                    raise ConnectionError("a viewer was cut off")
                found += [now - int(sent) for sent in SENT.findall(got.rpartition(b"event: snapshot")[2] if b"event: snapshot" in got
                                                                  else got)]
        return found

    def close(self):
        for connection in self.connections:
            connection.close()
        self.selector.close()


def shares(latencies):
    ordered = sorted(latencies)
    return [ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1000 for share in (0.5, 0.99)] if ordered else [0, 0]


def many_viewers(server, orders, viewers, seconds):
    for first in range(0, orders, 100):
        Sender(server.port).post([location(f"o-{number}") for number in range(first, min(first + 100, orders))])
    before = resident(server.process)
    watching = Viewers(server.port, orders, viewers)
    watching.read(time.monotonic() + 3)  # the snapshots
    while metric(server.port, "waybill_live_viewers") < viewers:
        watching.read(time.monotonic() + 0.5)
    idle = (resident(server.process) - before) / viewers
    mover = multiprocessing.Process(target=move, args=(server.port, orders, seconds))
    cpu = seconds_of_cpu(server.process)
    mover.start()
    latencies = watching.read(time.monotonic() + seconds + 2)
    mover.join()
    used = seconds_of_cpu(server.process) - cpu
    moving = (resident(server.process) - before) / viewers
    watching.close()
    expected = int(seconds * orders) * viewers // orders
    p50, p99 = shares(latencies)
    return (f"| {viewers:,} viewers of {orders:,} orders that move once a second | {len(latencies) / seconds:,.0f} | "
            f"{len(latencies) / expected:.4f} | {p50:.1f} | {p99:.1f} | {used / max(1, len(latencies)) * 1e6:.0f} | "
            f"{idle:,.0f} / {moving:,.0f} |")


def under_load(server, per_second, seconds):
    """A viewer of one order, and its phone's POST then GET, while others send."""
    order = "o-0"
    sender, watching = Sender(server.port), Viewers(server.port, 1, 1)
    watching.read(time.monotonic() + 1)
    loader = multiprocessing.Process(target=load, args=(server.port, per_second, seconds))
    loader.start()
    seen, read = [], []
    ended = threading.Event()

    def ask():
        asker = connect(server.port)
        while not ended.is_set():
            begun = now_us()
            sender.post(location(order))
            asker.sendall(f"GET /v1/orders/{order} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert asker.recv(65536).startswith(b"HTTP/1.1 200")
            read.append(now_us() - begun)
            time.sleep(0.005)

    asking = threading.Thread(target=ask)
    asking.start()
    seen = watching.read(time.monotonic() + seconds)
    ended.set()
    asking.join()
    loader.join()
    watching.close()
    rows = []
    for what, latencies in (("POST to its event at a viewer", seen), ("POST and its answer, then GET and its answer", read)):
        p50, p99 = shares(latencies)
        rows.append(f"| {what}, at {per_second:,} locations/s | {len(latencies) / seconds:,.0f} | – | {p50:.1f} | {p99:.1f} | – | – |")
    return rows


TEXT = """# How soon it is seen

Written by `script/bench --live`.

- machine: {machine}
- build: {version}, commit {commit}, {date}
- viewers and senders run on the same machine, in Python, and take their share of its cores: what is told here is what is left
- books afterwards: `waybill verify` {books}

*p50, p99*: from before the POST is sent to after the event is read. *Told*: of the events that there should be. *CPU*: the server's, an event,
its share of the POSTs included. *Memory*: resident bytes a viewer that waits / after the run.

| what | events/s | told | p50 ms | p99 ms | CPU µs | memory |
|---|---|---|---|---|---|---|
"""


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--seconds", type=int, default=20)
    arguments.add_argument("--viewers", type=int, default=10_000)
    arguments.add_argument("--results", type=pathlib.Path, default=ROOT / "bench" / "live.md")
    asked = arguments.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build", prefix="bench-") as name:
        folder = pathlib.Path(name)
        server = start_waybill(folder, "--http-connections-max", asked.viewers + 100)
        try:
            rows = [many_viewers(server, 1000, asked.viewers, asked.seconds)]
            rows += under_load(server, 10_000, asked.seconds)
            catch_up(server)
        finally:
            server.stop()
        books = subprocess.run([WAYBILL, "verify", "--data", folder / "data"], capture_output=True, text=True)
        text = TEXT.format(machine=machine(folder), version=said_by(str(WAYBILL), "version").splitlines()[0], commit=commit(),
                           date=datetime.date.today().isoformat(),
                           books="balances" if books.returncode == 0 else f"**fails**: {books.stdout}{books.stderr}")
    asked.results.write_text(text + "\n".join(rows) + "\n")
    print(asked.results.read_text())
    return books.returncode


if __name__ == "__main__":
    sys.exit(main())
