"""bench/rows.py — posts, batches, reads and what a sync costs, each beside a peer that gets the same load in the same minutes."""
from report import (Goal, Part, bad, middle, number, on_free_cores, quantile, ratio, spread, table, threads)
from stage import (BATCH, TRACK_POINTS, catch_up, books, get, run_redis, run_wrk, running, start_nginx, start_redis, start_waybill)

POSTS = [  # name, wrk's connections, path, is Redis asked too, goal of the ratio
    ("POST one location of 200 bytes", 64, "/v1/locations", True, 0.75),
    ("POST one location of 200 bytes", 256, "/v1/locations", True, 0.9),
    ("POST one location, the first system's API", 64, "/v1/deliverer_location/", False, None),
]
FORMS = {"JSON array": "array", "NDJSON": "ndjson"}
BATCH_CONNECTIONS = 16
LAST = "/v1/deliverer_location/last/"
TRACK = ["/v1/orders/", f"/track?limit={TRACK_POINTS}"]
FIRST_SYSTEM = "The first system's stack answered 889 POST/s, p50 70 ms, on this kind of machine (cited, not measured here)."
COMPARED = ["what", "connections", "requests/s", "p50 / p99 µs", "peer", "peer's requests/s", "peer's p50 / p99 µs", "ratio", "CPU µs",
            "peer's CPU µs", "load's CPU µs", "on free cores /s", "peer's on free cores /s", "bad"]
LEGEND = """*Ratio*: the median of the rounds' ratios. *CPU*: processor time of the server for a request, all its threads: ours holds parsing,
the journal and putting it into the store. *Load's CPU*: what wrk (redis-benchmark beside Redis) took for a request against us; it has one thread, so it
ends at 1,000,000 / that a second. *On free cores*: what the busiest thread on the way to the answer would do if it always had a core,
reckoned from its CPU; syncs, and putting it into the store, are not counted.
"""


def measure_posts(stage):
    found = {"lines": []}
    folder = stage.new_folder()
    with running(start_nginx(folder), start_redis(folder), start_waybill(folder)) as (nginx, redis, waybill):
        for name, connections, path, with_redis, goal in POSTS:
            def run(server):
                if server is redis:
                    return run_redis(redis, connections, stage.seconds)
                done = run_wrk(server, connections, "post.lua", [path, 1, "object", stage.runs.next()], stage.seconds)
                if server is waybill:
                    catch_up(waybill)
                return done
            servers = (nginx, waybill, redis) if with_redis else (nginx, waybill)
            rounds = stage.beside(servers, run)
            print(f"{name}, c={connections}: " + ", ".join(f"{server} {spread(runs)}/s" for server, runs in rounds.items()), flush=True)
            found["lines"].append({"name": name, "connections": connections, "goal": goal, "rounds": rounds})
    return found | {"books": books(folder / "data")}


def compared(name, connections, ours, peer, theirs):
    return [name, connections, spread(ours), f"{middle(ours, 'p50_us'):,.0f} / {middle(ours, 'p99_us'):,.0f}", peer, spread(theirs),
            f"{middle(theirs, 'p50_us'):,.0f} / {middle(theirs, 'p99_us'):,.0f}", f"{ratio(ours, theirs):.2f}",
            *(number(middle(runs, "cpu_us")) for runs in (ours, theirs)), number(middle(ours, "load_us")),
            *(number(on_free_cores(runs)) for runs in (ours, theirs)), bad(ours)]


def text_of_posts(found):
    rows = [compared(line["name"], line["connections"], line["rounds"]["waybill"], peer, theirs) for line in found["lines"]
            for peer, theirs in line["rounds"].items() if peer != "waybill"]
    used = [[line["name"], line["connections"], threads(line["rounds"]["waybill"])] for line in found["lines"]]
    return (f"Every answer is sent after the location is synced to disk. nginx has one worker, the same POST, `return 200`, and keeps nothing.\n"
            f"Redis has `appendfsync always` and gets XADD of 200 bytes to one of 1,000 streams from redis-benchmark: no HTTP, nothing parsed.\n"
            f"{FIRST_SYSTEM} Books: {found['books']}.\n\n{LEGEND}\n{table(COMPARED, rows)}\n"
            f"CPU µs a request in user mode + in the kernel:\n\n{table(['what', 'connections', 'threads'], used)}")


def goals_of_posts(found):
    goals = []
    for line in found["lines"]:
        ours, nginx = line["rounds"]["waybill"], line["rounds"]["nginx"]
        what = f"durable single POSTs, {line['connections']} connections"
        if line["goal"]:
            goals += [Goal(f"{what}: ratio to nginx", ratio(ours, nginx), least=line["goal"],
                           beside=f"{middle(ours, 'per_s'):,.0f} : {middle(nginx, 'per_s'):,.0f}/s"),
                      Goal(f"{what}: p99", middle(ours, "p99_us") / 1000, " ms", most=5)]
    return goals


def measure_batches(stage):
    found = {"lines": []}
    folder = stage.new_folder()
    alone = start_waybill(folder, "--lake-enabled", "false", name="without", data=folder / "without")
    with running(start_nginx(folder), alone, start_waybill(folder)) as servers:
        for name, form in FORMS.items():
            def run(server):
                done = run_wrk(server, BATCH_CONNECTIONS, "post.lua", ["/v1/locations", BATCH, form, stage.runs.next()], stage.seconds)
                if not server.data:
                    return done
                caught = catch_up(server)
                return done | {"catch_up_s": caught, "kept_up_per_s": done["good"] * BATCH / (done["us"] / 1e6 + caught)}
            rounds = stage.beside(servers, run)
            print(f"batches, {name}: waybill {spread(rounds['waybill'])}/s", flush=True)
            found["lines"].append({"name": name, "rounds": rounds})
    return found | {"books": books(folder / "data")}


def text_of_batches(found):
    rows, kept, used = [], [], []
    for line in found["lines"]:
        ours, theirs = line["rounds"]["waybill"], line["rounds"]["nginx"]
        name = f"POST {BATCH:,} locations, {line['name']}"
        rows.append(compared(name, BATCH_CONNECTIONS, ours, "nginx", theirs))
        used.append([name, threads(ours, BATCH), number(middle(ours, "load_us") / BATCH)])
        for server, into in (("without", "store"), ("waybill", "store and lake")):
            runs = line["rounds"].get(server)
            if not runs:
                continue
            kept.append([name, into, f"{middle(runs, 'us') / 1e6:.0f} + {middle(runs, 'catch_up_s'):.1f}", spread(runs, "kept_up_per_s"),
                         number(middle(runs, "load_us") / BATCH)])
    return (f"{table(COMPARED, rows)}\n*On free cores*: reckoned as above. Books: {found['books']}.\n\n"
            f"CPU µs a location in user mode + in the kernel:\n\n{table(['what', 'threads', 'load'], used)}\n"
            f"*Kept up*: locations of a run / (the run + the time until all of it could be read). *Into*: with `lake.enabled = false` the store\n"
            f"alone; as `waybill up` is, another thread writes the lake on the same two cores.\n\n"
            + table(["what", "into", "run + catch up s", "kept up, locations/s", "load's CPU µs"], kept))


def goals_of_batches(found):
    goals = []
    for line in found["lines"]:
        ours, alone = line["rounds"]["waybill"], line["rounds"].get("without")
        goals += [Goal(f"batches of {BATCH:,}, {line['name']}: durable locations", middle(ours, "per_s") * BATCH, "/s", least=2_000_000,
                       beside=f"{(on_free_cores(ours) or 0) * BATCH:,.0f}/s on free cores"),
                  Goal(f"batches of {BATCH:,}, {line['name']}: with the store keeping up", alone and middle(alone, "kept_up_per_s"), "/s", least=400_000,
                       beside=f"store and lake {middle(ours, 'kept_up_per_s'):,.0f}/s")]
    return goals


def measure_reads(stage):
    folder, orders = stage.filled_folder()["folder"], stage.kept // TRACK_POINTS
    with running(start_waybill(folder)) as (waybill,):
        same = get(waybill.port, f"{LAST}o-{orders // 2:06d}-0000")
        with running(start_nginx(stage.new_folder(), same)) as (nginx,):
            assert get(nginx.port, LAST) == same
            last = stage.beside((nginx, waybill),
                                lambda server: run_wrk(server, 64, "get.lua", [LAST, "", 0, orders], stage.seconds))
        track = {}
        for connections in (1, 8):
            def run(server, connections=connections):
                return run_wrk(server, connections, "get.lua", [*TRACK, 0, orders], stage.seconds)
            track[str(connections)] = stage.beside((waybill,), run)["waybill"]
        size = len(get(waybill.port, f"{TRACK[0]}o-{orders // 2:06d}-0000{TRACK[1]}"))
    print(f"GET last: waybill {spread(last['waybill'])}/s, track: p99 {middle(track['1'], 'p99_us'):,.0f} µs", flush=True)
    return {"kept": stage.kept, "orders": orders, "bytes": len(same), "last": last, "track": track, "track_bytes": size}


def text_of_reads(found):
    rows = [compared(f"GET last of an order, {found['bytes']} bytes", 64, found["last"]["waybill"], "nginx", found["last"]["nginx"])]
    tracks = [[connections, spread(runs), f"{middle(runs, 'p50_us') / 1000:.2f}", f"{middle(runs, 'p99_us') / 1000:.2f}",
               number(middle(runs, "cpu_us")), number(middle(runs, "load_us")), bad(runs)]
              for connections, runs in found["track"].items()]
    return (f"{found['kept']:,} locations of {found['orders']:,} orders are kept, all of them asked for, far apart in turn. nginx answers the same\n"
            f"{found['bytes']} bytes from memory.\n\n{table(COMPARED, rows)}\nCPU µs a request in user mode + in the kernel: "
            f"{threads(found['last']['waybill'])}.\n\nTrack of {TRACK_POINTS:,} points, {found['track_bytes']:,} bytes of JSON:\n\n"
            + table(["connections", "tracks/s", "p50 ms", "p99 ms", "CPU µs", "load's CPU µs", "bad"], tracks))


def goals_of_reads(found):
    last = found["last"]
    return [Goal(f"GET last with {found['kept']:,} kept: ratio to nginx", ratio(last["waybill"], last["nginx"]), least=0.7,
                 beside=f"{middle(last['waybill'], 'per_s'):,.0f} : {middle(last['nginx'], 'per_s'):,.0f}/s"),
            *(Goal(f"track of {TRACK_POINTS:,} points, {connections} at a time: p99", middle(runs, "p99_us") / 1000, " ms", most=5)
              for connections, runs in found["track"].items())]


PRICED = [("POST one location", 64, 1, "object"), ("POST one location", 256, 1, "object"),
          (f"POST {BATCH:,} locations, JSON array", BATCH_CONNECTIONS, BATCH, "array")]


def measure_price(stage):
    found, folder = {"lines": []}, stage.new_folder()
    without = start_waybill(folder, "--journal-sync", "false", name="without", data=folder / "without")
    with running(without, start_waybill(folder)) as servers:
        for name, connections, items, form in PRICED:
            def run(server):
                done = run_wrk(server, connections, "post.lua", ["/v1/locations", items, form, stage.runs.next()], stage.seconds)
                return done | {"catch_up_s": catch_up(server)}
            rounds = stage.beside(servers, run)
            print(f"{name}, c={connections}: synced {spread(rounds['waybill'])}/s, not {spread(rounds['without'])}/s", flush=True)
            found["lines"].append({"name": name, "connections": connections, "items": items, "rounds": rounds})
    return found | {"books": books(folder / "data")}


def added_up(results):
    """The rounds' histograms of records that shared a sync, as one."""
    return [[bounds[0][0], sum(count for _, count in bounds)] for bounds in zip(*(result["groups"] for result in results))]


def text_of_price(found):
    rows = []
    for line in found["lines"]:
        ours, without = line["rounds"]["waybill"], line["rounds"].get("without")
        groups, disk = added_up(ours), "disk_busy" in ours[0]
        syncs = groups[-1][1] / sum(result["us"] / 1e6 for result in ours) if groups else None
        records = sum(result["good"] for result in ours) * line["items"] / groups[-1][1] if groups and groups[-1][1] else None
        rows.append([line["name"], line["connections"], spread(ours), spread(without), f"{ratio(ours, without):.2f}",
                     f"{middle(ours, 'p99_us'):,.0f} / {middle(without, 'p99_us'):,.0f}", number(syncs), number(records),
                     f"≤ {number(quantile(groups, 0.5))} / {number(quantile(groups, 0.99))}",
                     *((f"{middle(runs, 'disk_busy'):.0%}" for runs in (ours, without)) if disk else ("–", "–")),
                     number(middle(ours, "disk_bytes_per_s") / 1e6) if disk else "–"])
    return (f"""The same with `journal.sync = false`, which acknowledges what a crash loses, for the comparison only. *Records a sync*:
the mean, and the bound below which half and 99 % of the groups are. *Disk busy*: share of the run in which the device had a request,
the store's included. Books: {found['books']}.

"""
            + table(["what", "connections", "requests/s", "without sync", "ratio", "p99 µs with / without", "syncs/s", "records a sync",
                     "half / 99 % of groups", "disk busy", "without sync", "MB/s written"], rows))


PARTS = [Part("posts", "Single locations", measure_posts, text_of_posts, goals_of_posts),
         Part("batches", f"Batches of {BATCH:,}", measure_batches, text_of_batches, goals_of_batches),
         Part("reads", "Reads", measure_reads, text_of_reads, goals_of_reads),
         Part("durability", "What durability costs", measure_price, text_of_price, lambda found: [])]
