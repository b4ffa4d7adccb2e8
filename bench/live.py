"""bench/live.py — how soon viewers see what is posted, with many of them and under load, and what memory a viewer takes.

A location carries the time at which its POST was sent; a viewer compares that with the time at which it read the event, by the same clock.
"""
import datetime
import json
import multiprocessing
import re
import selectors
import socket
import threading
import time

from report import Goal, Part, number, shares, table
from stage import OPEN_FILES_KEPT, books, catch_up, metric, raise_open_files, running, start_waybill

SENT = re.compile(rb'"sent_us":(\d+)')
VIEWERS_PER_ADDRESS = 20_000  # an address has some 28,000 ports
IDLE_S = 5  # so long idle viewers are watched


def now_us():
    return time.time_ns() // 1000


def in_ms(latencies_us):
    return [one and one / 1000 for one in shares(latencies_us)]


def connect(port, source="127.0.0.1"):
    connection = socket.create_connection(("127.0.0.1", port), timeout=60, source_address=(source, 0) if source != "127.0.0.1" else None)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def seed(server, orders):
    """Something to see for the viewers of each."""
    for first in range(0, orders, 100):
        Sender(server.port).post([location(f"o-{number}") for number in range(first, min(first + 100, orders))])


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


class Viewers:
    def __init__(self, port, orders, count):
        self.selector = selectors.EpollSelector()
        self.connections = []
        for number in range(count):
            connection = connect(port, f"127.0.0.{1 + number // VIEWERS_PER_ADDRESS}")
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

    def wait_for_all(self, server):
        """Until the server knows of them and they have read their snapshots."""
        self.read(time.monotonic() + 3)
        while metric(server.port, "waybill_live_viewers") < len(self.connections):
            self.read(time.monotonic() + 0.5)

    def close(self):
        for connection in self.connections:
            connection.close()
        self.selector.close()


def many_viewers(server, orders, viewers, seconds):
    seed(server, orders)
    before = server.memory_bytes()
    watching = Viewers(server.port, orders, viewers)
    watching.wait_for_all(server)
    idle = (server.memory_bytes() - before) / viewers
    mover = multiprocessing.Process(target=move, args=(server.port, orders, seconds))
    cpu = server.cpu_s()
    mover.start()
    latencies = watching.read(time.monotonic() + seconds + 2)
    mover.join()
    used = server.cpu_s() - cpu
    moving = (server.memory_bytes() - before) / viewers
    watching.close()
    expected = int(seconds * orders) * viewers // orders
    return {"viewers": viewers, "orders": orders, "per_s": len(latencies) / seconds, "told": len(latencies) / expected,
            "ms": in_ms(latencies), "cpu_us": used / max(1, len(latencies)) * 1e6, "bytes": [idle, moving]}


def under_load(server, per_second, seconds):
    """A viewer of one order, and its phone's POST, then GETs until it is there, while others send."""
    order = "o-0"
    sender, watching = Sender(server.port), Viewers(server.port, 1, 1)
    watching.read(time.monotonic() + 1)
    loader = multiprocessing.Process(target=load, args=(server.port, per_second, seconds))
    accepted = metric(server.port, "waybill_ingest_accepted_total")
    loader.start()
    visible, ended = [], threading.Event()

    def ask():
        asker = connect(server.port)
        while not ended.is_set():
            sent = location(order)
            begun = now_us()
            sender.post(sent)
            fix = sent["timestamp"].replace("+00:00", "Z").encode()
            while True:
                asker.sendall(f"GET /v1/deliverer_location/last/{order} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                if fix in asker.recv(65536):
                    break
            visible.append(now_us() - begun)
            time.sleep(0.005)

    asking = threading.Thread(target=ask)
    asking.start()
    seen = watching.read(time.monotonic() + seconds)
    ended.set()
    asking.join()
    loader.join()
    watching.close()
    reached = (metric(server.port, "waybill_ingest_accepted_total") - accepted) / seconds
    return {"reached_per_s": reached, "event_ms": in_ms(seen), "event_per_s": len(seen) / seconds,
            "visible_ms": in_ms(visible), "visible_per_s": len(visible) / seconds}


def idle_viewers(server, wanted, files):
    """As many as the machine lets us have, from several addresses: one has fewer ports than that."""
    viewers = min(wanted, files - OPEN_FILES_KEPT)
    seed(server, 1000)
    before, began = server.memory_bytes(), time.monotonic()
    watching = Viewers(server.port, 1000, viewers)
    watching.wait_for_all(server)
    took, cpu = time.monotonic() - began, server.cpu_s()
    found = {"wanted": wanted, "viewers": viewers, "seconds": took, "bytes": (server.memory_bytes() - before) / viewers}
    began = time.monotonic()
    watching.read(began + IDLE_S)
    found["cpu_share"] = (server.cpu_s() - cpu) / (time.monotonic() - began)
    sender = Sender(server.port)
    sender.post(location("o-0"))
    found["ms"] = in_ms(watching.read(time.monotonic() + 3))
    watching.close()
    return found


def measure(stage):
    folder, files = stage.new_folder(), raise_open_files(stage.idle_viewers + OPEN_FILES_KEPT)
    with running(start_waybill(folder, "--http-connections-max", stage.viewers + 100)) as (server,):
        found = {"many": many_viewers(server, 1000, stage.viewers, stage.seconds), "load": under_load(server, 10_000, stage.seconds)}
        catch_up(server)
    print(f"{stage.viewers:,} viewers: p99 {found['many']['ms'][1]} ms; under load {found['load']['event_ms'][1]} ms", flush=True)
    with running(start_waybill(folder, "--http-connections-max", stage.idle_viewers + 100)) as (server,):
        found["idle"] = idle_viewers(server, stage.idle_viewers, files)
    print(f"{found['idle']['viewers']:,} idle viewers: {found['idle']['bytes']:,.0f} bytes each", flush=True)
    return found | {"books": books(folder / "data")}


def text(found):
    many, under, idle = found["many"], found["load"], found["idle"]
    rows = [[f"{many['viewers']:,} viewers of {many['orders']:,} orders that move once a second", f"{many['per_s']:,.0f}",
             f"{many['told']:.4f}", *map(number, many["ms"]), number(many["cpu_us"]), " / ".join(f"{one:,.0f}" for one in many["bytes"])]]
    for what, kind in (("POST to its event at a viewer", "event"), ("POST to the first GET that shows it", "visible")):
        rows.append([f"{what}, beside {under['reached_per_s']:,.0f} locations/s", f"{under[f'{kind}_per_s']:,.0f}", "–",
                     *map(number, under[f"{kind}_ms"]), "–", "–"])
    rows.append([f"{idle['viewers']:,} idle viewers of 1,000 orders, one of which moves", "–", "–", *map(number, idle["ms"]), "–",
                 f"{idle['bytes']:,.0f}"])
    limit = ("" if idle["viewers"] == idle["wanted"] else
             f" The system's limit of open files lets no more than {idle['viewers']:,} of {idle['wanted']:,} in.")
    return (f"""Viewers, senders and the server share the machine. *p50, p99*: from before the POST is sent to after the event (the answer)
is read. *Told*: of the events that there should be. *CPU*: the server's, an event, its share of the POSTs included. *Memory*: resident
bytes a viewer that waits / after the run. Idle viewers connected in {idle['seconds']:.0f} s and cost {idle['cpu_share']:.1%} of a
core.{limit} Books: {found['books']}.

""" + table(["what", "a second", "told", "p50 ms", "p99 ms", "CPU µs", "memory"], rows))


def goals(found):
    many, under, idle = found["many"], found["load"], found["idle"]
    return [Goal("POST to visible in GET at 10,000/s: p99", under["visible_ms"][1], " ms", most=5,
                 beside=f"{under['reached_per_s']:,.0f}/s reached"),
            Goal("POST to its event at 10,000/s: p99", under["event_ms"][1], " ms", most=5,
                 beside=f"{under['reached_per_s']:,.0f}/s reached"),
            Goal(f"{many['viewers']:,} viewers of {many['orders']:,} orders: p99", many["ms"][1], " ms", most=50,
                 beside=f"{many['bytes'][0]:,.0f} bytes a viewer"),
            Goal("idle viewers", idle["viewers"], "", least=idle["wanted"], beside=f"{idle['bytes']:,.0f} bytes a viewer")]


PARTS = [Part("live", "How soon it is seen", measure, text, goals)]
