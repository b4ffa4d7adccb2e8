"""bench/lake_peer.py copy|silver|ask … — what DuckDB and Polars do with the same rows, in a process of its own; prints JSON."""
import json
import resource
import sys
import time


def cpu_s():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def copy(file, into):
    """DuckDB's own COPY of a raw file's rows, from memory, on one core."""
    import duckdb
    duck = duckdb.connect(config={"threads": 1})
    duck.execute("CREATE TABLE rows AS FROM read_parquet(?)", [file])
    begun = cpu_s()
    rows = duck.execute(f"COPY rows TO '{into}' (FORMAT parquet, COMPRESSION zstd)").fetchone()[0]
    return {"rows": rows, "cpu_s": cpu_s() - begun}


def silver(files, into):
    """treated.location without its rarer flags, in Polars: once, by scope in time, the way from the point before, written."""
    import polars as pl
    begun = time.monotonic()
    rows = pl.scan_parquet(files.split(","))
    scope = pl.coalesce(pl.lit("d") + pl.col("deliverer_id"), pl.lit("o") + pl.col("order_id"))
    identity = ["fix_us", "order_id", "deliverer_id", "latitude_e7", "longitude_e7", "delivery_state"]
    latitude, longitude = ((pl.col(name) / 1e7).radians() for name in ("latitude_e7", "longitude_e7"))
    before = (pl.col("latitude").shift(1).over("scope"), pl.col("longitude").shift(1).over("scope"))
    inner = (((pl.col("latitude") - before[0]) / 2).sin() ** 2 +
             before[0].cos() * pl.col("latitude").cos() * ((pl.col("longitude") - before[1]) / 2).sin() ** 2)
    made = (rows.with_columns(scope=scope, latitude=latitude, longitude=longitude)
            .unique(subset=identity, keep="first", maintain_order=False)
            .sort("scope", "fix_us", "journal_offset")
            .with_columns(distance_m=2 * 6371008.8 * inner.sqrt().arcsin(),
                          since_s=(pl.col("fix_us") - pl.col("fix_us").shift(1).over("scope")) / 1e6)
            .with_columns(is_jump=pl.col("distance_m") > 42 * pl.max_horizontal(pl.col("since_s"), 1.0)))
    made.collect().write_parquet(into, compression="zstd", compression_level=1)
    return {"seconds": time.monotonic() - begun, "memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def ask(files, sql):
    """The same question to DuckDB itself, of the same files, on all cores; the median when it is warm."""
    import duckdb
    duck = duckdb.connect()
    duck.execute("CREATE SCHEMA final")
    duck.execute(f"CREATE VIEW final.state_number AS FROM read_parquet({files.split(',')!r})")
    took = []
    for _ in range(7):
        begun = time.monotonic()
        duck.execute(sql).fetchall()
        took.append(time.monotonic() - begun)
    return {"seconds": sorted(took[1:])[len(took[1:]) // 2]}


if __name__ == "__main__":
    print(json.dumps({"copy": copy, "silver": silver, "ask": ask}[sys.argv[1]](*sys.argv[2:])))
