"""bench/size.py — how soon it is ready with much kept, what memory an idle one takes, and what a location takes on disk."""
import gzip
import json
import pathlib
import statistics
import subprocess
import time

from report import Goal, Part, table
from rows import LAST
from stage import (BATCH, MILLION, ROOT, TRACK_POINTS, books, filling, folder_bytes, get, metric, post_all, running, settle, start_waybill)

STARTS = 5  # of each kind
DROP_CACHES = pathlib.Path("/proc/sys/vm/drop_caches")
TRACKS = [ROOT / "assets" / "couriers", ROOT.parent / "shared" / "data" / "couriers"]  # the second is beside a checkout, or is not
MIB = 1 << 20


def forget_pages():
    """Whether the system let go of what it had read of the disk."""
    try:
        subprocess.run(["sync"], check=True)
        DROP_CACHES.write_text("1")
        return True
    except OSError:
        return False


def starts(folder, cold):
    """Of each start after a clean end: seconds until ready, bytes resident then, seconds of the first read."""
    found = []
    for _ in range(STARTS):
        if cold and not forget_pages():
            return []
        with running(start_waybill(folder)) as (server,):
            found.append(just_started(server))
    return found


def just_started(server):
    resident, begun = server.memory_bytes(), time.monotonic()
    get(server.port, f"{LAST}o-000000-0000")
    return [server.ready_s, resident, time.monotonic() - begun]


def start_after_a_kill(stage):
    """The same when what was sent last is in the journal only."""
    folder = stage.new_folder()
    server = start_waybill(folder)
    try:
        post_all(server, synthetic(min(stage.kept, MILLION)))
    finally:
        server.kill()
    with running(start_waybill(folder)) as (again,):
        return just_started(again)


def synthetic(locations):
    return filling(0, locations // TRACK_POINTS, TRACK_POINTS)


def copies(lines, locations):
    """NDJSON bodies: the same tracks under other names until it is so many locations or more."""
    for copy in range(-(-locations // len(lines))):
        for first in range(0, len(lines), BATCH):
            yield "".join(json.dumps({**line, "order_id": f"{line['order_id']}-{copy}", "deliverer_id": f"{line['deliverer_id']}-{copy}"},
                                     separators=(",", ":")) + "\n" for line in lines[first:first + BATCH])


def disk_of(stage, bodies, kind):
    """What locations take once the store has flushed and compacted them."""
    folder = stage.new_folder()
    with running(start_waybill(folder, "--journal-keep-mib", MIB)) as (server,):
        sent = post_all(server, bodies, kind)
        settle(server)
        records = metric(server.port, "waybill_store_taken_total")
        journal = metric(server.port, "waybill_journal_bytes_total")
    return {"json_bytes": sent, "journal_bytes": journal} | compacted(folder, records)


def compacted(folder, records):
    """A clean end flushes; a start compacts what there is to compact."""
    with running(start_waybill(folder, "--journal-keep-mib", MIB)) as (server,):
        settle(server)
    return {"locations": records, "store_bytes": folder_bytes(folder / "data" / "store"),
            "journal_folder_bytes": folder_bytes(folder / "data" / "journal"), "books": books(folder / "data")}


def measure(stage):
    folder = stage.new_folder()
    with running(start_waybill(folder)) as (server,):
        idle = server.memory_bytes()
    filled = stage.filled_folder()
    found = {"kept": stage.kept, "idle": idle, "disk": {}}
    found["disk"]["synthetic, a point a second"] = ({key: filled[key] for key in ("json_bytes", "journal_bytes")} |
                                                    compacted(filled["folder"], stage.kept))
    found |= {"warm": starts(filled["folder"], False), "cold": starts(filled["folder"], True), "killed": start_after_a_kill(stage)}
    print(f"ready with {stage.kept:,} kept: {found['warm'][0][0]:.2f} s, idle {idle / MIB:.0f} MiB", flush=True)
    for path in [path for place in TRACKS if place.is_dir() for path in sorted(place.glob("*.ndjson.gz"))]:
        name = path.name.removesuffix(".ndjson.gz")
        if name not in found["disk"]:
            with gzip.open(path, "rt") as text:
                lines = [json.loads(line) for line in text]
            found["disk"][name] = disk_of(stage, copies(lines, min(stage.kept, MILLION)), "application/x-ndjson")
    return found


def text(found):
    rows = []
    for name, runs in (("after a clean end", found["warm"]), ("the same, nothing of the disk in memory", found["cold"]),
                       ("after kill -9, what came last in the journal only", [found["killed"]])):
        seconds = [run[0] for run in runs]
        rows.append([name, len(runs), f"{statistics.median(seconds):.2f} ({min(seconds):.2f} – {max(seconds):.2f})" if runs else "not allowed here",
                     f"{statistics.median(run[1] for run in runs) / MIB:.0f}" if runs else "–",
                     f"{statistics.median(run[2] for run in runs) * 1000:.1f}" if runs else "–"])
    disk = []
    for name, used in found["disk"].items():
        each = {key: used[f"{key}_bytes"] / used["locations"] for key in ("json", "journal", "store", "journal_folder")}
        disk.append([name, f"{used['locations']:,.0f}", *(f"{each[key]:.1f}" for key in ("json", "journal", "store")),
                     *(f"{each[key] / each['json']:.2f}" for key in ("journal", "store")), f"{each['journal_folder']:.1f}", used["books"]])
    return (f"From the start of the process to the first 200 of `/readyz`, {found['kept']:,} locations kept (after the kill: "
            f"{min(found['kept'], MILLION):,}).\nA fresh one with nothing kept has {found['idle'] / MIB:.0f} MiB resident.\n\n"
            + table(["start", "times", "ready s", "resident MiB", "first GET last ms"], rows)
            + "\nBytes a location, when the store has flushed and compacted. The journal is trimmed in ordinary running "
            "(`journal.keep_mib`); here it is whole.\n*Folder*: what the journal's files take, those made ahead included. Real tracks "
            "are sent under so many names that there are enough.\n\n"
            + table(["data", "locations", "JSON", "journal", "store", "journal / JSON", "store / JSON", "journal folder", "books"], disk))


def goals(found):
    slowest = {kind: max((run[0] for run in found[kind]), default=None) for kind in ("warm", "cold")}
    return [Goal(f"ready with {found['kept']:,} kept, slowest start", slowest["warm"], " s", most=2),
            Goal(f"ready with {found['kept']:,} kept, slowest cold start", slowest["cold"], " s", most=2),
            Goal("resident, idle and fresh", found["idle"] / 1e6, " MB", most=50)]


PARTS = [Part("size", "Start, memory, disk", measure, text, goals)]
