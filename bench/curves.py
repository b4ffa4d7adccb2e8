"""bench/curves.py — how the cost grows with what is kept, with the orders under way, and with the connections."""
from chart import svg
from report import Part, bad, middle, number, table
from rows import BATCH_CONNECTIONS, LAST, TRACK
from stage import (BATCH, MILLION, ROOT, TRACK_POINTS, catch_up, fill, run_wrk, running, settle, start_nginx, start_waybill)

IMAGES = ROOT / "docs" / "images"
ORDERS = (1, 10, 100, 1000, 10_000, 100_000)
CONNECTIONS = (1, 8, 64, 256, 1000, 4000, 10_000)
QUICK = 1000  # the largest of these in a quick run


def rounds(stage, run):
    return [run() for _ in range(stage.rounds)]


def summed_up(runs):
    return {"per_s": middle(runs, "per_s"), "p50_us": middle(runs, "p50_us"), "p99_us": middle(runs, "p99_us"),
            "cpu_us": middle(runs, "cpu_us"), "load_us": middle(runs, "load_us"), "bad": bad(runs)}


def wrk(stage, server, connections, script, *arguments):
    """Medians of the rounds; POSTs write under a new number in each."""
    def run():
        given = [stage.runs.next() if argument == "run" else argument for argument in arguments]
        done = run_wrk(server, connections, script, given, stage.seconds)
        if server.data and script == "post.lua":
            catch_up(server)
        return done
    return summed_up(rounds(stage, run))


def measure_kept(stage):
    found = []
    for kept in stage.sizes:
        folder, orders = stage.new_folder(), kept // TRACK_POINTS
        # Without the models, which take longer over 100 million than all of this: bench/lake.py measures them.
        with running(start_waybill(folder, "--transform-every-seconds", 0)) as (server,):
            fill(server, kept)
            settle(server)
            found.append({"at": kept, "last": wrk(stage, server, 64, "get.lua", LAST, "", 0, orders),
                          "track": wrk(stage, server, 1, "get.lua", *TRACK, 0, orders),
                          "post": wrk(stage, server, 64, "post.lua", "/v1/locations", 1, "object", "run"),
                          "batch": wrk(stage, server, BATCH_CONNECTIONS, "post.lua", "/v1/locations", BATCH, "array", "run"),
                          "memory": server.memory_bytes()})
        print(f"{kept:,} kept: POST {found[-1]['post']['per_s']:,.0f}/s, GET {found[-1]['last']['per_s']:,.0f}/s", flush=True)
    return found


def measure_orders(stage):
    found = []
    with running(start_waybill(stage.new_folder())) as (server,):
        for orders in [orders for orders in ORDERS if stage.kept > MILLION or orders <= QUICK]:
            post = wrk(stage, server, 64, "post.lua", "/v1/locations", 1, "object", "run", orders)
            found.append({"at": orders, "post": post,
                          "last": wrk(stage, server, 64, "get.lua", LAST, "", stage.runs.last, min(orders, int(post["per_s"] * stage.seconds)))})
            print(f"{orders:,} orders: POST {post['per_s']:,.0f}/s, GET {found[-1]['last']['per_s']:,.0f}/s", flush=True)
    return found


def measure_connections(stage):
    found, folder = [], stage.new_folder()
    with running(start_nginx(folder), start_waybill(folder)) as (nginx, server):
        for connections in [connections for connections in CONNECTIONS if stage.kept > MILLION or connections <= QUICK]:
            found.append({"at": connections, "nginx": wrk(stage, nginx, connections, "post.lua", "/v1/locations", 1, "object", "run"),
                          "post": wrk(stage, server, connections, "post.lua", "/v1/locations", 1, "object", "run"),
                          "last": wrk(stage, server, connections, "get.lua", LAST, "", stage.runs.last, 1000)})
            print(f"{connections:,} connections: POST {found[-1]['post']['per_s']:,.0f}/s", flush=True)
    return found


# What is drawn of each: (title, [(name, key, figure, factor)])
PANELS = {
    "kept": ("locations kept", [("POST of one location, /s", [("", "post", "per_s", 1)]), ("GET last, /s", [("", "last", "per_s", 1)]),
                                (f"Track of {TRACK_POINTS:,} points, ms", [("p99", "track", "p99_us", 1e-3), ("p50", "track", "p50_us", 1e-3)]),
                                (f"Batches of {BATCH:,}, locations/s", [("", "batch", "per_s", BATCH)])]),
    "orders": ("orders under way", [("POST of one location, /s", [("", "post", "per_s", 1)]), ("GET last, /s", [("", "last", "per_s", 1)])]),
    "connections": ("connections", [("POST of one location, /s", [("waybill", "post", "per_s", 1), ("nginx", "nginx", "per_s", 1)]),
                                    ("its p99, ms", [("waybill", "post", "p99_us", 1e-3), ("nginx", "nginx", "p99_us", 1e-3)]),
                                    ("GET last, /s", [("", "last", "per_s", 1)]), ("its p99, ms", [("", "last", "p99_us", 1e-3)])]),
}
NAMES = {"post": "POST", "last": "GET last", "track": "track", "batch": "batch", "nginx": "nginx POST"}


def draw(name, found):
    x_title, panels = PANELS[name]
    return svg([(title, [(line, [(point["at"], point[key][figure] * factor) for point in found]) for line, key, figure, factor in lines])
                for title, lines in panels], x_title)


def text_of(name):
    def text(found):
        x_title = PANELS[name][0]
        kinds = [kind for kind in NAMES if kind in found[0]]
        head = [x_title] + [f"{NAMES[kind]} {what}" for kind in kinds for what in ("/s", "p50 / p99 ms", "CPU µs (load's)")] + ["bad"]
        rows = [[f"{point['at']:,}"] + [cell for kind in kinds for cell in (
            f"{point[kind]['per_s']:,.0f}", f"{point[kind]['p50_us'] / 1000:.2f} / {point[kind]['p99_us'] / 1000:.2f}",
            f"{number(point[kind]['cpu_us'])} ({number(point[kind]['load_us'])})")] + [sum(point[kind]["bad"] for kind in kinds)]
                for point in found]
        if "memory" in found[0]:
            head.append("resident MiB")
            rows = [row + [f"{point['memory'] / (1 << 20):.0f}"] for row, point in zip(rows, found)]
        return f"![{x_title}](../docs/images/curve_{name}.svg)\n\n{SAID[name]}\n\n{table(head, rows)}"
    return text


SAID = {
    "kept": f"""*Kept*: before the reads; the POSTs and the batches ({BATCH:,} locations each) come after them and add to it. POST and GET last
have 64 connections, tracks 1, batches {BATCH_CONNECTIONS}.""",
    "orders": "Single POSTs of so many orders in turn, then their last, 64 connections.",
    "connections": "Single POSTs of 1,000 orders, then their last; wrk on the same machine holds as many connections as the server.",
}
MEASURES = {"kept": ("As it grows: what is kept", measure_kept), "orders": ("As it grows: orders", measure_orders),
            "connections": ("As it grows: connections", measure_connections)}
PARTS = [Part(name, title, measure, text_of(name), lambda found: []) for name, (title, measure) in MEASURES.items()]
