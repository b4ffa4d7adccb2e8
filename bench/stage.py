"""bench/stage.py — what every part of the benchmark stands on: servers, loads, what they used meanwhile, the machine."""
import atexit
import contextlib
import http.client
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
WAYBILL = ROOT / "build" / "release" / "waybill"
BATCH = 1000
MILLION = 1_000_000
TRACK_POINTS = 1000  # of each order that fill() sends
READY_S_MAX = 60
CAUGHT_UP_S_MAX = 900
OPEN_FILES_KEPT = 600  # of the limit, by server or load, for other things than connections

NGINX = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1; worker_rlimit_nofile {files}; {user}
events {{ worker_connections {files}; }}
http {{
  access_log off; keepalive_requests 1000000000; client_max_body_size 64m; client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ default_type application/json; return 200 '{reply}'; }} }}
}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
        return answer.read().decode()


def wait_until(said, condition, seconds_max, every=0.02):
    until = time.monotonic() + seconds_max
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            if condition():
                return
        time.sleep(every)
    sys.exit(f"bench: not within {seconds_max} s: {said}")


def raise_open_files(wanted=0):
    """As many open files as the system lets us have, at least trying for those; servers inherit it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(hard, wanted), max(hard, wanted)))
        return max(hard, wanted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


# --- servers

class Server:
    """A running server, what its threads have used, and its memory."""

    def __init__(self, name, process, port, worker=None, data=None, ready_s=0.0):
        self.name, self.process, self.port, self.data, self.ready_s = name, process, port, data, ready_s
        self.proc = pathlib.Path("/proc") / str(worker or process.pid)
        atexit.register(lambda: process.poll() is None and process.terminate())  # where another one could not be started

    def threads(self):
        """{thread: (name, seconds in user mode, seconds in the kernel)}"""
        found = {}
        for task in (self.proc / "task").iterdir():
            with contextlib.suppress(FileNotFoundError):
                name, fields = re.match(r"\d+ \((.*)\) (.*)", (task / "stat").read_text()).groups()
                user, system = (int(field) / os.sysconf("SC_CLK_TCK") for field in fields.split()[11:13])
                found[task.name] = (name, user, system)
        return found

    def cpu_s(self):
        fields = (self.proc / "stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_bytes(self, what="VmRSS"):
        return int(re.search(rf"^{what}:\s*(\d+)", (self.proc / "status").read_text(), re.M)[1]) * 1024

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(120)

    def kill(self):
        self.process.kill()
        self.process.wait()


def start_nginx(folder, reply='{"status":"OK"}'):
    port = free_port()
    user = "user root;" if os.getuid() == 0 else ""
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, user=user, reply=reply, files=raise_open_files()))
    process = subprocess.Popen([shutil.which("nginx") or "/usr/sbin/nginx", "-p", folder, "-e", folder / "error.log",
                                "-c", folder / "nginx.conf"], stdin=subprocess.DEVNULL)
    wait_until("nginx answers", lambda: get(port, "/"), READY_S_MAX)
    children = (pathlib.Path("/proc") / str(process.pid) / "task" / str(process.pid) / "children").read_text().split()
    return Server("nginx", process, port, int(children[0]))


def start_redis(folder):
    port = free_port()
    log = open(folder / "redis.log", "w")
    process = subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "",
                                "--appendonly", "yes", "--appendfsync", "always"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    wait_until("redis answers", lambda: socket.create_connection(("127.0.0.1", port)).close() is None, READY_S_MAX)
    return Server("redis", process, port)


def start_waybill(folder, *arguments, name="waybill", data=None, command="up"):
    raise_open_files()
    port, data = free_port(), data or folder / "data"
    log = open(f"{data}.log", "w")
    begin = time.monotonic()
    process = subprocess.Popen([WAYBILL, command, "--listen", f"127.0.0.1:{port}", "--data", data, *map(str, arguments)],
                               stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    wait_until(f"waybill is ready; see {data}.log", lambda: get(port, "/readyz"), READY_S_MAX, every=0.002)
    return Server(name, process, port, data=data, ready_s=time.monotonic() - begin)


@contextlib.contextmanager
def running(*servers):
    """Stops them in the end, the last first."""
    try:
        yield servers
    finally:
        for server in reversed(servers):
            if server.process.poll() is None:
                server.stop()


def books(data):
    """What `waybill verify` says of a folder, in one word where it is well."""
    ran = subprocess.run([WAYBILL, "verify", "--data", data], capture_output=True, text=True)
    return "balances" if ran.returncode == 0 else f"**fails**: {ran.stdout}{ran.stderr}"


def metric(port, name):
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", get(port, "/metrics"), re.M))


def histogram(port, name):
    """[(upper bound, observations up to it)]; JSON has nothing infinite, so the last bound is a billion."""
    return [(min(float(bound), 1e9), float(count)) for bound, count in
            re.findall(rf'^{name}_bucket{{le="([^"]+)"}} (\S+)$', get(port, "/metrics"), re.M)]


def catch_up(server):
    """Seconds until everything acknowledged can be read; the next run begins with nothing left over."""
    begin = time.monotonic()
    wait_until("everything accepted is in the store", lambda: metric(server.port, "waybill_ingest_put_total") >=
               metric(server.port, "waybill_ingest_accepted_total"), CAUGHT_UP_S_MAX)
    return time.monotonic() - begin


def settle(server):
    """Until it does nothing for a second: what the lake writes and RocksDB compacts by themselves is done."""
    catch_up(server)
    until, before = time.monotonic() + CAUGHT_UP_S_MAX, -1.0
    while time.monotonic() < until and server.cpu_s() - before > 0.02:
        before = server.cpu_s()
        time.sleep(1)


def folder_bytes(folder):
    """What it takes on disk, not how long its files say they are."""
    return sum(path.stat().st_blocks * 512 for path in pathlib.Path(folder).rglob("*") if path.is_file())


# --- what is used while something runs

def disk_counters(folder):
    """Milliseconds that the device of this folder was busy, its writes, bytes written and flushes; None where it is not known."""
    device = os.stat(folder).st_dev
    for line in pathlib.Path("/proc/diskstats").read_text().splitlines():
        fields = line.split()
        if (int(fields[0]), int(fields[1])) == (os.major(device), os.minor(device)):
            return {"busy_ms": int(fields[12]), "writes": int(fields[7]), "bytes": int(fields[9]) * 512,
                    "flushes": int(fields[18]) if len(fields) > 18 else 0}
    return None


def by_group(before, after, requests):
    """{group of threads: [µs in user mode, µs in the kernel, both of its busiest thread]} a request. Threads with the process's own
    name are those that parse large bodies, and what hardly ever runs."""
    groups = {}
    for thread, (name, user, system) in after.items():
        _, user_before, system_before = before.get(thread, (name, 0, 0))
        used = [(user - user_before) * 1e6 / requests, (system - system_before) * 1e6 / requests]
        sums = groups.setdefault("parsing" if name == "waybill" else re.sub(r"[:\d]+", " ", name).strip(), [0.0, 0.0, 0.0])
        sums[:] = [sums[0] + used[0], sums[1] + used[1], max(sums[2], sum(used))]
    return {group: sums for group, sums in groups.items() if sums[2] > 0}


class Watch:
    """What a server, the loads that it is given, and its disk used between begin and end."""

    def __init__(self, server, folder):
        self.server, self.folder = server, folder
        self.begun, self.disk, self.threads, self.cpu, self.load = (time.monotonic(), disk_counters(folder), server.threads(),
                                                                    server.cpu_s(), self.of_children())
        self.groups = histogram(server.port, "waybill_journal_group_records") if server.data else []

    @staticmethod
    def of_children():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    def end(self, requests):
        seconds = time.monotonic() - self.begun
        found = {"cpu_us": (self.server.cpu_s() - self.cpu) * 1e6 / requests,
                 "load_us": (self.of_children() - self.load) * 1e6 / requests,
                 "threads": by_group(self.threads, self.server.threads(), requests)}
        if self.disk:
            disk = disk_counters(self.folder)
            found |= {"disk_busy": (disk["busy_ms"] - self.disk["busy_ms"]) / 1000 / seconds,
                      "disk_writes_per_s": (disk["writes"] - self.disk["writes"]) / seconds,
                      "disk_bytes_per_s": (disk["bytes"] - self.disk["bytes"]) / seconds}
        if self.groups:
            after = histogram(self.server.port, "waybill_journal_group_records")
            found["groups"] = [[bound, count - was] for (bound, count), (_, was) in zip(after, self.groups)]
        return found


# --- loads

def run_wrk(server, connections, script, arguments, seconds):
    watch = Watch(server, server.data or ROOT)
    ran = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s",
                          ROOT / "bench" / script, f"http://127.0.0.1:{server.port}", "--", *map(str, arguments)],
                         capture_output=True, text=True, check=True)
    result = json.loads(re.search(r"^RESULT (.*)$", ran.stdout, re.M)[1])
    good = result["requests"] - result["bad_status"]
    if good <= 0:
        sys.exit(f"bench: no good answer from {server.name}:\n{ran.stdout}")
    return result | {"good": good, "per_s": good / (result["us"] / 1e6)} | watch.end(result["requests"])


REDIS_VALUE = "x" * 200  # bytes, as a location


def run_redis(server, connections, seconds):
    """XADD of 200 bytes to one of 1,000 streams: the nearest that Redis has to the track of an order."""
    def run(requests):
        watch = Watch(server, ROOT)
        ran = subprocess.run(["redis-benchmark", "-h", "127.0.0.1", "-p", str(server.port), "-c", str(connections), "-n", str(requests),
                              "-r", "1000", "--csv", "XADD", "o-__rand_int__", "*", "v", REDIS_VALUE],
                             capture_output=True, text=True, check=True)
        names, values = (re.findall(r'"([^"]*)"', line) for line in ran.stdout.strip().splitlines()[-2:])
        said = dict(zip(names[1:], map(float, values[1:])))
        return {"per_s": said["rps"], "p50_us": said["p50_latency_ms"] * 1000, "p99_us": said["p99_latency_ms"] * 1000,
                "requests": requests, "bad_status": 0, "broken": 0} | watch.end(requests)

    return run(int(max(2000, run(5000)["per_s"] * seconds)))


def filling(first, orders, points, date="2026-01-05", hour=9):
    """Bodies of BATCH locations that give each of those orders `points` points, a second apart, all of them in step."""
    each = min(orders, BATCH)
    at_once = BATCH // each
    for group in range(first, first + orders, each):
        item = ",".join(
            f'{{"order_id":"o-{order:06d}-0000","deliverer_id":"d-{order:06d}","delivery_state":"on_the_way",'
            f'"timestamp":"{date}T{hour:02d}:@@@@@.000000Z","latitude":41.{order % 10}LLLLLL,"longitude":-8.6{order % 100:02d}OOOOO,'
            f'"accuracy":4.5,"speed":7.25}}' for order in range(group, group + each))
        for point in range(0, points, at_once):
            yield "[" + ",".join(item.replace("@@@@@", f"{at // 60:02d}:{at % 60:02d}").replace("LLLLLL", f"{at * 652:06d}")
                                 .replace("OOOOO", f"{at * 91:05d}") for at in range(point, point + at_once)) + "]"


def post_all(server, bodies, kind="application/json"):
    """Posts them one after the other; answers how many bytes that was."""
    connection, sent = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60), 0
    for body in bodies:
        connection.request("POST", "/v1/locations", body, {"Content-Type": kind})
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            sys.exit(f"bench: a POST of many was answered {answer.status}: {said[:500]}")
        sent += len(body)
    connection.close()
    return sent


def fill(server, locations):
    """So many, TRACK_POINTS of each order; waits until they can be read. Answers the bytes of their JSON."""
    sent = post_all(server, filling(0, locations // TRACK_POINTS, TRACK_POINTS))
    catch_up(server)
    return sent


class Runs:
    """Each run writes under a number of its own, so that no location is sent twice."""

    def __init__(self):
        self.last = 0  # that of fill()

    def next(self):
        self.last += 1
        return self.last


class Stage:
    """What was asked for, and a folder for it."""

    def __init__(self, folder, seconds, rounds, kept, sizes, viewers, idle_viewers):
        self.folder, self.seconds, self.rounds, self.kept, self.sizes = folder, seconds, rounds, kept, sizes
        self.viewers, self.idle_viewers = viewers, idle_viewers
        self.runs, self.filled, self.taken = Runs(), {}, 0

    def new_folder(self):
        self.taken += 1
        folder = self.folder / str(self.taken)
        folder.mkdir()
        return folder

    def filled_folder(self):
        """A folder with as many locations as `kept`, made once; who writes to it takes it away from the others."""
        if not self.filled:
            folder = self.new_folder()
            with running(start_waybill(folder, "--journal-keep-mib", 1 << 20)) as (server,):
                began = time.monotonic()
                json_bytes = fill(server, self.kept)
                print(f"filled with {self.kept:,} locations in {time.monotonic() - began:.0f} s", flush=True)
                settle(server)
                self.filled = {"folder": folder, "json_bytes": json_bytes,
                               "journal_bytes": metric(server.port, "waybill_journal_bytes_total")}
        return self.filled

    def beside(self, servers, run):
        """{server: [what run(server) found in each round]}, in turns first. Nothing of an earlier run is left to do when one begins."""
        found = {server.name: [] for server in servers}
        for number in range(self.rounds):
            for server in servers if number % 2 == 0 else reversed(servers):
                for other in servers:
                    if other.data:
                        settle(other)
                found[server.name].append(run(server))
        return found


# --- the machine

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


def build():
    """Version and data format."""
    return said_by(str(WAYBILL), "version").replace("\n", ", ")


def commit():
    changed = said_by("git", "status", "--porcelain", "--untracked-files=no")
    return said_by("git", "rev-parse", "--short=12", "HEAD") + (" with changes" if changed else "")
