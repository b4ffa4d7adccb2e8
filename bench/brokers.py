"""bench/brokers.py — a platform that follows another over a broker: how soon it shows what was posted to the first, and what that costs."""
import contextlib
import multiprocessing
import sys
import time

from live import Viewers, in_ms, move, seed
from report import Goal, Part, number, table
from stage import BATCH, CAUGHT_UP_S_MAX, MILLION, ROOT, TRACK_POINTS, books, catch_up, filling, metric, post_all, running, start_waybill, wait_until

sys.path.insert(0, str(ROOT / "tools"))
import services  # noqa: E402

OVER = {"kafka": "Kafka 3.9, one broker", "mosquitto": "Mosquitto 2.0", "nats": "NATS 2.15, MQTT", "kept": "the same Kafka is the journal"}
ORDERS, VIEWERS = 1000, 100


def settings(environment, folder):
    """What both processes are told of the broker."""
    told = ["--broker-url", environment["WAYBILL_TEST_BROKER"], "--transform-every-seconds", 0, "--relay-followers", "reads"]
    if environment.get("WAYBILL_TEST_BROKER_USER"):
        password = folder / "password"
        password.touch(mode=0o600)
        password.write_text(environment["WAYBILL_TEST_BROKER_PASSWORD"])
        told += ["--broker-user", environment["WAYBILL_TEST_BROKER_USER"], "--broker-password-file", password, "--broker-mqtt-version",
                 environment["WAYBILL_TEST_BROKER_MQTT_VERSION"]]
    return told


def watched(first, at, seconds):
    """Milliseconds from a POST to `first` to its event at a viewer of `at`, 1,000 POSTs a second, each of another order."""
    viewers = Viewers(at.port, ORDERS, VIEWERS)
    viewers.wait_for_all(at)
    mover = multiprocessing.Process(target=move, args=(first.port, ORDERS, seconds))
    mover.start()
    latencies = viewers.read(time.monotonic() + seconds + 2)
    mover.join()
    viewers.close()
    return in_ms(latencies)


def shown(server):
    return metric(server.port, "waybill_ingest_put_total")


def many(first, follower, locations):
    """So many in bodies of a thousand to the first, until the follower shows them."""
    servers = [server for server in (first, follower) if server]
    cpu, begun = [server.cpu_s() for server in servers], time.monotonic()
    before = shown(first)
    post_all(first, filling(ORDERS, locations // TRACK_POINTS, TRACK_POINTS))
    catch_up(first)
    took = time.monotonic() - begun
    if follower:
        wait_until("the follower has everything", lambda: shown(follower) >= shown(first), CAUGHT_UP_S_MAX)
    level = time.monotonic() - begun
    return {"locations": locations, "records": shown(first) - before, "seconds": took, "level_s": level,
            "cpu_s": [server.cpu_s() - used for server, used in zip(servers, cpu)],
            "memory": [server.memory_bytes("VmHWM") for server in servers]}


def alone(stage, locations):
    with running(start_waybill(stage.new_folder(), "--transform-every-seconds", 0)) as (first,):
        seed(first, ORDERS)
        return {"here_ms": watched(first, first, stage.seconds), "many": many(first, None, locations)}


def over(stage, name, locations):
    """The second follows the first; or, where Kafka keeps the journal, both take in and one of them is sent to."""
    folder, keeps = stage.new_folder(), name == "kept"
    with services.running("kafka" if keeps else name) as environment, contextlib.ExitStack() as open_now:
        told = settings(environment, folder) + (["--broker-keeps", "true"] if keeps else [])
        first, = open_now.enter_context(running(start_waybill(folder, *told, "--broker-name", "first")))
        follower, = open_now.enter_context(running(start_waybill(folder, *told, "--broker-name", "reads", data=folder / "reads",
                                                                 command="api" if keeps else "subscribe")))
        seed(first, ORDERS)
        wait_until("the follower has the orders", lambda: shown(follower) >= shown(first), CAUGHT_UP_S_MAX)
        found = {"here_ms": watched(first, first, stage.seconds), "there_ms": watched(first, follower, stage.seconds),
                 "many": many(first, follower, locations)}
    print(f"{name}: {locations / found['many']['level_s']:,.0f}/s to the follower, event there p99 {found['there_ms'][1]} ms", flush=True)
    return found | {"books": [books(folder / "data"), books(folder / "reads")]}


def measure(stage):
    locations = min(stage.kept, MILLION)
    return {"alone": alone(stage, locations)} | {name: over(stage, name, locations) for name in OVER}


def row(what, made):
    took = made["many"]
    each = MILLION / took["locations"]
    return [what, f"{took['locations'] / took['seconds']:,.0f}", f"{took['locations'] / took['level_s']:,.0f}",
            " / ".join(number(used * each) for used in took["cpu_s"]), " / ".join(f"{bytes / 1e6:,.0f}" for bytes in took["memory"]),
            " / ".join(map(number, made["here_ms"])), " / ".join(map(number, made.get("there_ms", [None, None])))]


def text(found):
    rows = [row("no broker, nobody follows", found["alone"])] + [row(OVER[name], made) for name, made in found.items() if name in OVER]
    told = {said for name, made in found.items() if name in OVER for said in made["books"]}
    return (f"{found['alone']['many']['locations']:,} locations in bodies of {BATCH}, one after the other on one connection: a second until the first shows "
            "them, and until the follower does, which writes them to its own journal, store and lake. Where Kafka is the journal there is no first: both copy what comes from it. Then 1,000 POSTs of one a second, from before the POST "
            "is sent to after a viewer has read its event, at the first and at the follower. First, follower, broker, load and viewers share the machine. "
            f"Books of all: {', '.join(sorted(told))}.\n\n"
            + table(["over", "locations/s", "to the other", "CPU s a million, first / other", "memory MB, first / other",
                     "event at the first, p50 / p99 ms", "at the other, p50 / p99 ms"], rows))


def goals(found):
    return [Goal(f"a POST to one seen at another over {OVER[name]}: p99", made["there_ms"][1], " ms", most=50,
                 beside=f"at the first {number(made['here_ms'][1])} ms") for name, made in found.items() if name in OVER]


PARTS = [Part("brokers", "Over a broker", measure, text, goals)]
