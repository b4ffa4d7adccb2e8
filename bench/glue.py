"""bench/glue.py — waybill beside the usual glue of an API, a broker, a script and a database, under the same load."""
import contextlib
import http.client
import json
import pathlib
import subprocess
import sys
import tempfile
import time

from report import Goal, Part, number, shares, table
from stage import (BATCH, MILLION, READY_S_MAX, ROOT, Server, books, catch_up, free_port, get, metric, post_all, filling,
                   run_wrk, running, start_waybill, wait_until)

sys.path.insert(0, str(ROOT / "tools"))
import pinned_venv  # noqa: E402
import services  # noqa: E402

PATH = "/v1/deliverer_location/"
CONNECTIONS = 64
POSTED_ONE_BY_ONE = 2000  # while something is killed
QUIET_S = 5  # without a new document: nothing more comes
OF_LOAD, OF_KILL = '{"order_id": {"$regex": "^o-"}}', '{"order_id": "seen-b"}'
GLUE = "FastAPI, Mosquitto, a script, MongoDB's protocol"


class Glue:
    """Its two processes, on a Mosquitto and a database of their own."""

    def __init__(self, folder, open_now):
        self.folder, self.open_now = folder, open_now
        self.python = pinned_venv.pinned_venv(ROOT / "bench" / "glue_requirements.txt") / "bin" / "python"
        for name in ("mosquitto", "mongo"):
            open_now.callback(services.stop_all, folder, name)
            services.start(folder, name)
        told = services.environment_of(folder, "mongo")
        self.mongo = told["WAYBILL_TEST_MONGO"].replace("://", f"://{told['WAYBILL_TEST_MONGO_USER']}:{told['WAYBILL_TEST_MONGO_PASSWORD']}@") + (
            "/" + told["WAYBILL_TEST_MONGO_OPTIONS"])
        broker = services.environment_of(folder, "mosquitto")
        self.told = [str(services.state_of(folder, "mosquitto")["port"]), broker["WAYBILL_TEST_BROKER_USER"], broker["WAYBILL_TEST_BROKER_PASSWORD"],
                     self.mongo]
        port = free_port()
        self.script = self.start("subscribe")
        self.api = self.start("api", str(port))
        self.server = Server("glue", self.api, port)
        wait_until("the glue answers", lambda: get(port, PATH + "last/none"), READY_S_MAX)

    def start(self, role, *more):
        process = subprocess.Popen([self.python, ROOT / "bench" / "glue_peer.py", role, *more, *self.told], stdin=subprocess.DEVNULL)
        self.open_now.callback(lambda: (process.kill(), process.wait()))
        return process

    def kept(self, where):
        """How many documents there are of these orders."""
        asked = f"import pymongo; print(pymongo.MongoClient({self.mongo!r}).glue.deliverer_location.count_documents({where}))"
        return int(subprocess.run([self.python, "-c", asked], capture_output=True, text=True, check=True).stdout)

    def wait_kept(self, count, where):
        """Until so many are there, or no more have come for some seconds; how many."""
        before = -1
        while before != (now := self.kept(where)) and now < count:
            before = now
            time.sleep(QUIET_S)
        return now

    def processes(self):
        """All of them, PostgreSQL's children too."""
        below = services.state_of(self.folder, "postgres")["pid"]
        children = pathlib.Path(f"/proc/{below}/task/{below}/children").read_text().split()
        pids = [self.api.pid, self.script.pid, *(services.state_of(self.folder, name)["pid"] for name in ("mosquitto", "mongo")), below, *children]
        return [Server("", self.api, 0, worker=pid) for pid in pids]

    def used(self):
        """Seconds of processor time."""
        return sum(one.cpu_s() for one in self.processes())

    def kill_broker(self):
        services.kill(self.folder, "mosquitto")
        services.start(self.folder, "mosquitto", int(self.told[0]))


def body(order, number):
    return json.dumps({"order_id": f"seen-{order}", "deliverer_id": 7, "delivery_state": "on_the_way", "latitude": 41.15,
                       "longitude": -8.61 - number / 1e6, "timestamp": f"2026-01-15T09:{number // 60:02}:{number % 60:02}"})


def until_seen(port, count):
    """Milliseconds from before a POST to after the GET that shows it, one after the other."""
    connection, took = http.client.HTTPConnection("127.0.0.1", port, timeout=60), []
    for n in range(count):
        begun = time.monotonic()
        connection.request("POST", PATH, body("a", n), {"Content-Type": "application/json"})
        connection.getresponse().read()
        while True:
            connection.request("GET", PATH + "last/seen-a")
            data = json.loads(connection.getresponse().read())["data"]
            if data and round(data[0]["longitude"], 6) == round(-8.61 - n / 1e6, 6):
                break
        took.append((time.monotonic() - begun) * 1000)
    return shares(took)


def posted_while_killed(port_of, kill):
    """How many of the POSTs were acknowledged, with a kill in the middle; who is not answered tries the next one."""
    acknowledged = 0
    for n in range(POSTED_ONE_BY_ONE):
        if n == POSTED_ONE_BY_ONE // 2:
            kill()
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port_of(), timeout=10)
            connection.request("POST", PATH, body("b", n % 3600), {"Content-Type": "application/json"})
            acknowledged += connection.getresponse().status == 200
    return acknowledged


def measure_glue(stage):
    with contextlib.ExitStack() as open_now:
        # Not in the tree: PostgreSQL does not run as root, and must come there.
        folder = open_now.enter_context(tempfile.TemporaryDirectory(prefix="waybill-glue-"))
        glue = Glue(pathlib.Path(folder), open_now)
        seen = until_seen(glue.server.port, 50)
        cpu, begun = glue.used(), time.monotonic()
        posts = run_wrk(glue.server, CONNECTIONS, "post.lua", [PATH, 1, "object", stage.runs.next()], stage.seconds)
        wanted = posts["good"]
        kept = glue.wait_kept(wanted, OF_LOAD)
        took = time.monotonic() - begun
        used = glue.used() - cpu
        memory = sum(one.memory_bytes("RssAnon") for one in glue.processes())
        acknowledged = posted_while_killed(lambda: glue.server.port, glue.kill_broker)
        there = glue.wait_kept(acknowledged, OF_KILL)
        return {"posts_per_s": posts["per_s"], "ms": [posts["p50_us"] / 1000, posts["p99_us"] / 1000], "seen_ms": seen, "kept": kept, "posted": wanted,
                "kept_per_s": kept / took, "cpu_s": used * MILLION / max(kept, 1), "memory": memory, "acknowledged": acknowledged, "there": there}


def measure_ours(stage):
    folder = stage.new_folder()
    with running(start_waybill(folder)) as (waybill,):
        seen = until_seen(waybill.port, 50)
        before, cpu, begun = metric(waybill.port, "waybill_ingest_put_total"), waybill.cpu_s(), time.monotonic()
        posts = run_wrk(waybill, CONNECTIONS, "post.lua", [PATH, 1, "object", stage.runs.next()], stage.seconds)
        catch_up(waybill)
        took, kept = time.monotonic() - begun, metric(waybill.port, "waybill_ingest_put_total") - before
        used, memory = waybill.cpu_s() - cpu, waybill.memory_bytes("VmHWM")
        begun, many = time.monotonic(), min(stage.kept, MILLION)
        post_all(waybill, filling(0, BATCH, many // BATCH))
        catch_up(waybill)
        batched = many / (time.monotonic() - begun)
        now = {"server": waybill}

        def kill():
            waybill.kill()
            now["server"] = start_waybill(folder)
        before = metric(waybill.port, "waybill_ingest_put_total")
        acknowledged = posted_while_killed(lambda: now["server"].port, kill)
        with running(now["server"]):
            catch_up(now["server"])
            lines = json.loads(get(now["server"].port, "/v1/orders/seen-b/track?limit=10000"))["locations"]
    return {"posts_per_s": posts["per_s"], "ms": [posts["p50_us"] / 1000, posts["p99_us"] / 1000], "seen_ms": seen, "kept": kept, "posted": posts["good"],
            "kept_per_s": kept / took, "batched_per_s": batched, "cpu_s": used * MILLION / kept, "memory": memory, "acknowledged": acknowledged,
            "there": len(lines), "books": books(folder / "data")}


def measure(stage):
    found = {"glue": measure_glue(stage), "waybill": measure_ours(stage)}
    print(f"kept: glue {found['glue']['kept_per_s']:,.0f}/s, waybill {found['waybill']['kept_per_s']:,.0f}/s", flush=True)
    return found


def row(name, one):
    return [name, f"{one['posts_per_s']:,.0f}", " / ".join(map(number, one["ms"])), f"{one['kept']:,.0f} of {one['posted']:,.0f}", f"{one['kept_per_s']:,.0f}",
            " / ".join(map(number, one["seen_ms"])), number(one["cpu_s"]), f"{one['memory'] / 1e6:,.0f}", f"{one['there']:,} of {one['acknowledged']:,}"]


def text(found):
    ours = found["waybill"]
    return (f"The same POSTs of one location to the first system's path, {CONNECTIONS} connections, on the same two cores. The glue (bench/glue_peer.py): {GLUE}; each "
            "acknowledges what Mosquitto has acknowledged, the script inserts one document a message. The database is FerretDB on PostgreSQL, since MongoDB itself "
            "is not to be had here: its rates are not MongoDB's. *Kept*: what could be read in the end, and a second until then. *Seen*: from a POST to the GET that shows it, "
            f"one after the other. *Killed*: {POSTED_ONE_BY_ONE:,} POSTs one by one, in the middle of which Mosquitto, or waybill, is killed and started again: how many of "
            f"the acknowledged ones are there. Mosquitto acknowledges also what it drops because the script is slower (`max_queued_messages`). In bodies of {BATCH:,} waybill keeps {ours['batched_per_s']:,.0f}/s. Books: {ours['books']}.\n\n"
            + table(["what", "POST/s", "p50 / p99 ms", "kept", "kept/s", "seen, p50 / p99 ms", "CPU s a million kept", "memory MB", "killed: there"],
                    [row("the glue", found["glue"]), row("waybill", ours)]))


def goals(found):
    glue, ours = found["glue"], found["waybill"]
    beside = f"{ours['kept_per_s']:,.0f} : {glue['kept_per_s']:,.0f}/s"
    return [Goal("kept, beside the usual glue: times", ours["kept_per_s"] / glue["kept_per_s"], least=50, beside=beside),
            Goal("kept in batches, beside the usual glue: times", ours["batched_per_s"] / glue["kept_per_s"], least=500,
                 beside=f"{ours['batched_per_s']:,.0f} : {glue['kept_per_s']:,.0f}/s")]


PARTS = [Part("glue", "Beside the usual glue", measure, text, goals)]
