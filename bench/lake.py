"""bench/lake.py — the lake: what a location costs in it, how soon it is treated and final, what one more hour costs, a question."""
import datetime
import json
import os
import re
import subprocess
import sys
import time
import urllib.request

from report import Goal, Part, number, table
from stage import MILLION, ROOT, TRACK_POINTS, WAYBILL, books, filling, metric, post_all, running, start_waybill, wait_until

sys.path.insert(0, str(ROOT / "tools"))
import pinned_venv  # noqa: E402

DATE_ROWS = MILLION  # of each date that is filled
MEMORY_MIB = 1400  # query.memory_mib_max
BRONZE_BENCH = ROOT / "build" / "release" / "src" / "lake" / "bronze_rows_bench"
BRONZE_S_MAX = 900
QUESTIONS = 7
QUERIED = 100 * MILLION
QUERY = "SELECT state, SUM(number) AS number FROM final.state_number WHERE date > DATE '2026-01-03' GROUP BY state"
STATE_NUMBER = {
    "sql": """WITH digit AS (
  SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6
  UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9
)
SELECT
  CAST(DATE '2026-01-01' + INTERVAL '1' DAY * a.n AS DATE) AS date,
  CASE b.n % 3 WHEN 0 THEN 'start' WHEN 1 THEN 'on_the_way' ELSE 'arrived' END AS state,
  {number} AS number
FROM digit AS a {joins}
""",
    "toml": """what = "How often a state was seen."
grain = "a count"

[[columns]]
name = "date"
type = "DATE"
what = "its date"
null = true

[[columns]]
name = "state"
type = "VARCHAR"
what = "the state"
null = true

[[columns]]
name = "number"
type = "INTEGER"
what = "how often"
null = true
"""}


def date_number(number):
    return (datetime.date(2026, 1, 5) + datetime.timedelta(days=number)).isoformat()


def peer(*arguments):
    python = pinned_venv.pinned_venv(ROOT / "bench" / "requirements.txt") / "bin" / "python"
    ran = subprocess.run([python, ROOT / "bench" / "lake_peer.py", *map(str, arguments)], capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)


def bronze(stage):
    """The program that prints what a location costs, and DuckDB with the rows that it wrote."""
    file = stage.new_folder() / "locations.parquet"
    subprocess.run(["ninja", "-C", ROOT / "build" / "release", "bronze_rows_bench"], check=True, stdout=subprocess.DEVNULL)
    couriers = sorted((ROOT / "assets" / "couriers").glob("*.ndjson.gz"))
    said = subprocess.run([BRONZE_BENCH, *couriers, "-o", file], capture_output=True, text=True, check=True).stdout
    found = {kind: {"per_s": float(per_s) * 1e6, "bytes": float(size)} for kind, per_s, size in re.findall(
        r"^(replayed|live): .*?([\d.]+) million a second.*?\*\*all\*\* \| ([\d.]+)", said, re.M | re.S)}
    copied = peer("copy", file, file.with_name("copy.parquet"))
    found["duckdb"] = {"per_s": copied["rows"] / copied["cpu_s"], "bytes": file.with_name("copy.parquet").stat().st_size / copied["rows"]}
    return found


def fill(server, first, dates, hour=9):
    """DATE_ROWS locations of each of these dates, in the lake when it returns."""
    orders = DATE_ROWS // TRACK_POINTS
    for date in range(first, first + dates):
        post_all(server, filling(date * orders, orders, TRACK_POINTS, date_number(date), hour))
    wait_until("everything accepted is in the lake", lambda: metric(server.port, "waybill_lake_lag_records") == 0, BRONZE_S_MAX)


def transform(folder, *arguments):
    """Seconds of each table, and the memory that it took at most."""
    ran = subprocess.Popen([WAYBILL, "transform", "run", "--data", folder / "data", *map(str, arguments)], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, text=True, env={**os.environ, "WAYBILL_QUERY_MEMORY_MIB_MAX": str(MEMORY_MIB)})
    said = ran.stdout.read()
    _, status, used = os.wait4(ran.pid, 0)
    ran.returncode = os.waitstatus_to_exitcode(status)
    if ran.returncode != 0:
        sys.exit(f"bench: the models failed:\n{said}")
    tables = {name: float(seconds) for name, seconds in re.findall(r"^(\S+) .* dates +([\d.]+) s", said, re.M)}
    zones = {zone: sum(seconds for name, seconds in tables.items() if name.startswith(zone)) for zone in ("treated", "final")}
    return zones | {"tables": tables, "memory_bytes": used.ru_maxrss * 1024}


def files_of(folder, table):
    return subprocess.run([WAYBILL, "lake", "files", "--data", folder / "data", table], capture_output=True, text=True, check=True).stdout.split()


def raw_bytes(folder):
    said = subprocess.run([WAYBILL, "lake", "ls", "--data", folder / "data"], capture_output=True, text=True, check=True).stdout
    return {name: int(size) / int(rows) for name, rows, size in
            re.findall(r"^(raw\.deliverer_location|treated\.location) +\d+ +(\d+) +(\d+)", said, re.M) if int(rows)}


def models(stage):
    """Everything of so many locations, then one more hour of one date."""
    found = {}
    for kept in stage.sizes:
        if kept < DATE_ROWS:
            continue
        folder = stage.new_folder()
        server_of = ("--transform-every-seconds", 0, "--lake-roll-seconds", 5)
        with running(start_waybill(folder, *server_of)) as (server,):
            fill(server, 0, kept // DATE_ROWS)
        made = transform(folder)
        with running(start_waybill(folder, *server_of)) as (server,):
            orders = DATE_ROWS // TRACK_POINTS
            post_all(server, filling(0, orders, 100, date_number(kept // DATE_ROWS - 1), 11))
            wait_until("the hour is in the lake", lambda: metric(server.port, "waybill_lake_lag_records") == 0, BRONZE_S_MAX)
        found[str(kept)] = {"whole": made, "hour": transform(folder), "bytes": raw_bytes(folder)}
        if kept == max(size for size in stage.sizes if size <= 10 * MILLION):
            found["polars"] = peer("silver", ",".join(files_of(folder, "raw.deliverer_location")), folder / "polars.parquet") | {"kept": kept}
            found["books"] = books(folder / "data")
        print(f"models of {kept:,}: treated {made['treated']:.1f} s, final {made['final']:.1f} s", flush=True)
    return found


def question(stage):
    """A sum by state over many rows of a table of one's own, asked of the running platform again and again."""
    folder, rows = stage.new_folder(), QUERIED if max(stage.sizes) >= 10 * MILLION else MILLION
    own = folder / "models" / "final"
    own.mkdir(parents=True)
    names = "bcdefgh"[:len(str(rows)) - 2]
    (own / "state_number.sql").write_text(STATE_NUMBER["sql"].format(
        joins=" ".join(f"CROSS JOIN digit AS {name}" for name in names), number=" + ".join(f"{name}.n" for name in names)))
    (own / "state_number.toml").write_text(STATE_NUMBER["toml"])
    arguments = ("--transform-every-seconds", 0, "--lake-roll-seconds", 1, "--query-memory-mib-max", MEMORY_MIB)
    with running(start_waybill(folder, *arguments)) as (server,):
        fill_little(server)
    transform(folder, "--models", folder / "models")
    with running(start_waybill(folder, *arguments)) as (server,):
        took = [asked(server, QUERY) for _ in range(QUESTIONS)]
    duckdb = peer("ask", ",".join(files_of(folder, "final.state_number")), QUERY)
    return {"rows": rows, "cold_s": took[0], "seconds": sorted(took[1:])[len(took[1:]) // 2], "duckdb": duckdb}


def fill_little(server):
    post_all(server, filling(0, 1, 1))
    wait_until("it is in the lake", lambda: metric(server.port, "waybill_lake_lag_records") == 0, BRONZE_S_MAX)


def asked(server, sql):
    begun = time.monotonic()
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}/v1/query", json.dumps({"sql": sql}).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert len(json.loads(answer.read())["rows"]) == 3
    return time.monotonic() - begun


def measure(stage):
    return {"bronze": bronze(stage), "models": models(stage), "question": question(stage)}


def sizes_of(found):
    return {int(kept): made for kept, made in found["models"].items() if kept.isdigit()}


def text(found):
    bronze_rows = [[name, f"{made['per_s']:,.0f}", f"{made['bytes']:.2f}"] for name, made in found["bronze"].items()]
    models_rows = [[f"{kept:,}", number(made["whole"]["tables"]["treated.location"]), number(made["whole"]["treated"]),
                    number(made["whole"]["final"]), f"{made['whole']['memory_bytes'] / 1e6:,.0f}", number(made["hour"]["treated"]),
                    number(made["hour"]["final"]), *(f"{size:.1f}" for size in made["bytes"].values())]
                   for kept, made in sizes_of(found).items()]
    polars, asked_of = found["models"]["polars"], found["question"]
    return (f"Raw files of a million locations, seconds of one core's time. *duckdb*: its own COPY of the rows of the last one, zstd.\n\n"
            + table(["rows", "rows/s", "bytes a location"], bronze_rows)
            + f"\nThe models, {DATE_ROWS:,} locations a date, with their tests, `query.memory_mib_max` {MEMORY_MIB}; then once more after one "
            f"more hour of the newest date. Books: {found['models']['books']}.\n\n"
            + table(["locations", "treated.location s", "treated s", "final s", "memory MB", "hour: treated s", "hour: final s",
                     "raw bytes", "treated.location bytes"], models_rows)
            + f"\nPolars made of {polars['kept']:,} rows what treated.location is for most of them in {polars['seconds']:.1f} s with "
            f"{polars['memory_bytes'] / 1e6:,.0f} MB, all at once.\n\n`{QUERY}` over {asked_of['rows']:,} rows by `/v1/query`: "
            f"{asked_of['seconds'] * 1000:.0f} ms, the first time {asked_of['cold_s'] * 1000:.0f} ms; DuckDB itself, of the same file on all cores, "
            f"{asked_of['duckdb']['seconds'] * 1000:.0f} ms.\n")


def goals(found):
    sizes = sizes_of(found)
    kept, made = max((item for item in sizes.items() if item[0] <= 10 * MILLION), key=lambda item: item[0])
    polars, asked_of = found["models"]["polars"], found["question"]
    least, most = sizes[min(sizes)], sizes[max(sizes)]
    hours = [one["hour"]["treated"] + one["hour"]["final"] for one in (least, most)]
    return [Goal("raw rows of one core", found["bronze"]["replayed"]["per_s"], "/s", least=MILLION,
                 beside=f"DuckDB's COPY {found['bronze']['duckdb']['per_s']:,.0f}/s"),
            Goal("bytes of a raw location, real couriers", found["bronze"]["replayed"]["bytes"], "", most=12,
                 beside=f"DuckDB's COPY {found['bronze']['duckdb']['bytes']:.1f}"),
            Goal(f"silver of {kept:,} locations", made["whole"]["treated"], " s", most=15,
                 beside=f"treated.location {made['whole']['tables']['treated.location']:.1f} s of it; Polars that {polars['seconds']:.1f} s"),
            Goal(f"gold of {kept:,} locations", made["whole"]["final"], " s", most=10),
            Goal("memory of both", made["whole"]["memory_bytes"] / 1e9, " GB", most=2, beside=f"Polars {polars['memory_bytes'] / 1e9:.1f} GB"),
            Goal(f"one more hour on {max(sizes):,}: times that on {min(sizes):,}", hours[1] / hours[0], "", most=2,
                 beside=f"{hours[1]:.1f} : {hours[0]:.1f} s"),
            Goal(f"a sum by state over {asked_of['rows']:,} rows, warm", asked_of["seconds"], " s", most=0.2,
                 beside=f"DuckDB itself {asked_of['duckdb']['seconds']:.2f} s")]


PARTS = [Part("lake", "The lake", measure, text, goals)]
