"""Other sources in the lake: files, an HTTP API and a PostgreSQL table, beside the platform and joined to its tracks."""
import contextlib
import gzip
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from running import ROOT, SLOWER, Waybill, binary, run

sys.path.insert(0, str(ROOT / "tools"))
import services  # noqa: E402

QUICK = {"WAYBILL_LAKE_ROLL_SECONDS": "1", "WAYBILL_TRANSFORM_EVERY_SECONDS": "0"}
ALLOWED = ("--sources-allow", "127.0.0.0/8")
TOKEN = "secret-token-of-the-shop"


def source(data, *arguments, environment=None, good=True):
    done = run("source", arguments[0], "--data", data, *arguments[1:], env={**os.environ, **(environment or {})})
    assert (done.returncode == 0) == good, done.stdout + done.stderr
    return done


def rows(data, sql):
    asked = run("query", "--data", data, "--format", "json", sql)
    assert asked.returncode == 0, asked.stderr
    return json.loads(asked.stdout)["rows"]


def counted(done):
    """(inputs read, unchanged, rows, quarantined) of a run of one source."""
    return tuple(map(int, re.search(r"(\d+) inputs read +(\d+) unchanged +(\d+) rows +(\d+) quarantined", done.stdout).groups()))


def test_files_become_a_table_and_only_what_has_changed_is_read_again(tmp_path):
    data, folder = tmp_path / "data", tmp_path / "in"
    folder.mkdir()
    (folder / "a.csv").write_text("order_id,promised_at,zip\n1001,2026-01-15T10:00:00+01:00,007\n")
    with gzip.open(folder / "b.csv.gz", "wt") as packed:
        packed.write("order_id,promised_at,zip\n1002,2026-01-15T09:30:00Z,10115\n")
    assert "external.shop_orders" in source(data, "add", "shop.orders", "--files", folder / "*.csv*").stdout
    assert counted(source(data, "run", "shop.orders")) == (2, 0, 2, 0)
    assert rows(data, "SELECT * FROM external.shop_orders ORDER BY order_id") == [
        [1001, "2026-01-15 09:00:00", "007"], [1002, "2026-01-15 09:30:00", "10115"]]
    assert counted(source(data, "run", "shop")) == (0, 2, 0, 0)
    (folder / "a.csv").write_text("order_id,promised_at,zip\n1001,2026-01-15T10:00:00Z,007\n")
    (folder / "c.csv").write_text("order_id,promised_at,zip\n1003,soon,1\n1004,2026-01-15T11:00:00Z,1\n")
    assert counted(source(data, "run")) == (2, 1, 2, 1)
    assert [row[0] for row in rows(data, "SELECT order_id FROM external.shop_orders ORDER BY 1")] == [1001, 1002, 1004]
    assert rows(data, "SELECT input, reason, decode(raw) FROM external.shop_orders_quarantine") == [
        [str(folder / "c.csv"), "promised_at: expected TIMESTAMP, found soon", '{"order_id":"1003","promised_at":"soon","zip":"1"}']]
    assert f"{folder}/*.csv*" in source(data, "list").stdout
    stands = run("lake", "ls", "--data", data).stdout
    assert "external.shop_orders " in stands and "external.shop_orders_quarantine" in stands
    files = run("lake", "files", "--data", data, "external.shop_orders").stdout.split()
    assert all(re.search(r"/lake/raw/external/shop/orders/run=\d+/part-\d+\.parquet$", file) for file in files), files


def test_what_is_removed_with_its_rows_begins_anew(tmp_path):
    data, file = tmp_path / "data", tmp_path / "a.ndjson"
    file.write_text('{"id": 1}\n')
    source(data, "add", "shop.orders", "--files", file)
    source(data, "run")
    again = source(data, "add", "shop.orders", "--files", file, good=False)
    assert "is there already" in again.stderr
    source(data, "remove", "shop.orders")
    assert rows(data, "SELECT id FROM external.shop_orders") == [[1]]
    source(data, "remove", "shop.orders", "--rows")
    assert run("query", "--data", data, "SELECT * FROM external.shop_orders").returncode == 1
    file.write_text('{"id": "one"}\n')
    source(data, "add", "shop.orders", "--files", file)
    assert counted(source(data, "run")) == (1, 0, 1, 0)


@pytest.mark.parametrize("arguments", [
    ("shop", "--files", "a.csv"), ("shop.orders",), ("shop.orders", "--files", "a.csv", "--url", "http://x.example/"),
    ("shop.orders", "--url", "ftp://x.example/"), ("shop.orders", "--url", "http://user:password@x.example/"),
    ("shop.orders", "--files", "a.csv", "--type", "id=NUMBER"), ("shop.orders", "--files", "a.csv", "--every", "soon"),
    ("shop.orders", "--postgres", "postgresql://x@x.example/x"), ("shop.orders", "--files", "a.csv", "--items", "/a")])
def test_a_definition_that_makes_no_sense_is_refused(tmp_path, arguments):
    source(tmp_path / "data", "add", *arguments, good=False)
    assert not (tmp_path / "data/sources").exists()


class Shop(ThreadingHTTPServer):
    """An API with pages that wants a token; what it is asked and how it fails is told by the test."""

    def __init__(self, pages, fails=()):
        super().__init__(("127.0.0.1", 0), Answers)
        self.pages, self.fails, self.asked, self.refused = pages, list(fails), [], 0
        self.url = f"http://127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        shop = self.server
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            shop.refused += 1
            return self.answer(401, "{}")
        shop.asked.append(self.path)
        if shop.fails and self.path == shop.fails[0]:
            shop.fails.pop(0)
            return self.answer(500, "out of order")
        content, headers = shop.pages.get(self.path, ({"error": "no such page"}, {}))
        self.answer(200, json.dumps(content), headers)

    def answer(self, status, body, headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def shop_with(pages, fails=()):
    with Shop(pages, fails) as shop:
        serving = threading.Thread(target=shop.serve_forever)
        serving.start()
        try:
            yield shop
        finally:
            shop.shutdown()
            serving.join()


PAGES = {"/orders?limit=2": ({"data": [{"id": 1, "price": 2.5}, {"id": 2, "price": 3}], "links": {"next": "/orders?limit=2&at=b"}}, {}),
         "/orders?limit=2&at=b": ({"data": [{"id": 3, "price": None}], "links": {"next": None}}, {})}


def test_an_http_api_is_read_page_by_page_with_a_token_although_one_page_fails_first(tmp_path):
    data = tmp_path / "data"
    with shop_with(PAGES, fails=["/orders?limit=2&at=b"]) as shop:
        source(data, "add", "shop.orders", "--url", shop.url + "/orders?limit=2", "--items", "/data", "--next", "/links/next",
               "--secret-variable", "SHOP_TOKEN")
        missing = source(data, "run", *ALLOWED, good=False)
        assert "SHOP_TOKEN" in missing.stderr
        secret = {"SHOP_TOKEN": TOKEN}
        assert counted(source(data, "run", *ALLOWED, environment=secret)) == (1, 0, 3, 0)
        assert shop.asked == ["/orders?limit=2", "/orders?limit=2&at=b", "/orders?limit=2&at=b"]
        assert rows(data, "SELECT * FROM external.shop_orders ORDER BY id") == [[1, 2.5], [2, 3], [3, None]]
        assert counted(source(data, "run", *ALLOWED, environment=secret)) == (0, 1, 0, 0), "the same rows are not taken again"
        shop.pages["/orders?limit=2&at=b"] = ({"data": [{"id": "four", "price": 1}]}, {})
        assert counted(source(data, "run", *ALLOWED, environment=secret)) == (1, 0, 2, 1)
        assert rows(data, "SELECT id FROM external.shop_orders ORDER BY id") == [[1], [2]]
        refused = source(data, "run", *ALLOWED, environment={"SHOP_TOKEN": "wrong"}, good=False)
        assert "401" in refused.stderr and "wrong" not in refused.stderr
        elsewhere = source(data, "run", environment=secret, good=False)
        assert "not on the public internet" in elsewhere.stderr
    for path in data.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("how, pages", [
    ((), {"/o": ([{"id": 1}], {"Link": '</o?p=2>; rel="next", </o?p=9>; rel="last"'}), "/o?p=2": ([{"id": 2}], {})}),
    (("--page", "p"), {"/o?p=1": ([{"id": 1}], {}), "/o?p=2": ([{"id": 2}], {}), "/o?p=3": ([], {})}),
    (("--items", "/a~1b/c", "--next", "/n", "--cursor", "after"),
     {"/o": ({"a/b": {"c": [{"id": 1}]}, "n": 77}, {}), "/o?after=77": ({"a/b": {"c": [{"id": 2}]}}, {})})])
def test_pages_follow_in_each_way(tmp_path, how, pages):
    secret = tmp_path / "token"
    secret.write_text(TOKEN + "\n")
    secret.chmod(0o600)
    with shop_with(pages) as shop:
        source(tmp_path / "data", "add", "shop.orders", "--url", shop.url + "/o", "--secret-file", secret, *how)
        assert counted(source(tmp_path / "data", "run", *ALLOWED)) == (1, 0, 2, 0)
        secret.chmod(0o644)
        assert "chmod 600" in source(tmp_path / "data", "run", *ALLOWED, good=False).stderr


def test_a_next_page_on_another_server_gets_no_token(tmp_path):
    with shop_with({}) as other, shop_with({"/o": ([{"id": 1}], {"Link": f'<{other.url}/o>; rel="next"'})}) as shop:
        source(tmp_path / "data", "add", "shop.orders", "--url", shop.url + "/o", "--secret-variable", "SHOP_TOKEN")
        refused = source(tmp_path / "data", "run", *ALLOWED, environment={"SHOP_TOKEN": TOKEN}, good=False)
        assert other.url in refused.stderr and (other.asked, other.refused) == ([], 0)


def test_a_run_that_is_killed_in_the_middle_and_repeated_leaves_each_row_once(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number:02}.ndjson").write_text("".join(json.dumps({"id": number * 1000 + i}) + "\n" for i in range(1000)))
    with Waybill(tmp_path / "data", environment=QUICK) as waybill:
        source(waybill.data, "add", "shop.orders", "--files", folder / "*.ndjson")
        lake = waybill.data / "lake/raw/external/shop/orders"
        for parts in (1, 20):
            process = subprocess.Popen([binary(), "source", "run", "--data", str(waybill.data)], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            until = time.monotonic() + 60 * SLOWER
            while len(list(lake.rglob("*.parquet"))) < parts and process.poll() is None and time.monotonic() < until:
                pass
            process.kill()
            process.wait()
        source(waybill.data, "run")
        assert rows(waybill.data, "SELECT count(*), count(DISTINCT id), max(id) FROM external.shop_orders") == [[40000, 40000, 39999]]
        named = run("lake", "files", "--data", waybill.data, "external.shop_orders").stdout.split()
        assert sorted(named) == sorted(map(str, lake.rglob("*.parquet"))), "what the killed ones left is gone"


def location(order, second, longitude):
    return {"order_id": order, "deliverer_id": "anna", "delivery_state": "start" if second == 0 else "on_the_way" if second < 50 else "arrived",
            "latitude": 41.15, "longitude": longitude, "timestamp": f"2026-01-15T09:00:{second:02}Z"}


def test_the_example_of_the_documents_joins_orders_deliverers_and_zones_to_the_tracks(tmp_path):
    """The commands between the marks in docs/LAKE.md, as they stand there."""
    text = (ROOT / "docs/LAKE.md").read_text()
    example = text.split("<!-- example: sources -->")[1].split("<!-- end of the example -->")[0]
    commands = "\n".join(re.findall(r"```\n(.*?)```", example, re.S))
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "waybill").symlink_to(binary())
    with Waybill(tmp_path / "data", environment=QUICK) as waybill:
        sent = [location("1001", second, -8.61 - second / 10_000) for second in (0, 20, 59)]
        sent += [location("1002", second, -8.65) for second in (0, 59)]
        assert waybill.post("/v1/locations", sent).status_code == 200
        waybill.wait_until(lambda: rows(waybill.data, "SELECT count(*) FROM raw.deliverer_location") == [[5]], seconds_max=60)
        done = subprocess.run(["bash", "-euc", commands], cwd=tmp_path, capture_output=True, text=True, timeout=300 * SLOWER,
                              env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"})
    assert done.returncode == 0, done.stdout + done.stderr
    said = [line.split() for line in done.stdout.splitlines()]
    assert ["1001", "Anna", "centre", "2026-01-15", "09:00:59", "true"] in said, done.stdout
    assert ["1002", "Anna", "west", "2026-01-15", "09:00:59", "false"] in said, done.stdout


def test_a_model_reads_a_source_and_is_made_anew_when_it_changes(tmp_path):
    data, models, file = tmp_path / "data", tmp_path / "models/final", tmp_path / "a.csv"
    models.mkdir(parents=True)
    (models / "promise.sql").write_text("SELECT order_id, promised FROM external.shop_orders\n")
    (models / "promise.toml").write_text('what = "Promises."\ngrain = "an order"\nkey = ["order_id"]\ncolumns = [\n'
                                         '  { name = "order_id", type = "BIGINT", what = "order" },\n'
                                         '  { name = "promised", type = "DATE", what = "day" },\n]\n')
    source(data, "add", "shop.orders", "--files", file)
    for day in ("2026-11-29", "2026-11-30"):
        file.write_text(f"order_id,promised\n1,{day}\n")
        source(data, "run")
        made = run("transform", "run", "--data", data, "--models", models.parent)
        assert made.returncode == 0, made.stdout + made.stderr
        assert rows(data, "SELECT * FROM final.promise") == [[1, day]]


def test_up_runs_what_is_due_and_says_what_came_of_it(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("id\n1\n")
    with Waybill(tmp_path / "data", environment=QUICK) as waybill:
        source(waybill.data, "add", "shop.orders", "--files", file, "--every", "1s")
        count = "SELECT count(*) FROM external.shop_orders"
        asked = lambda: run("query", "--data", waybill.data, "--format", "csv", count).stdout.split()
        waybill.wait_until(lambda: asked()[1:] == ["1"], seconds_max=60)
        file.write_text("id\n1\n2\nthree\n")
        waybill.wait_until(lambda: asked()[1:] == ["2"], seconds_max=60)
        metrics = waybill.get("/metrics").text
        assert "waybill_source_quarantined_rows_total 1" in metrics and "waybill_source_rows_total 3" in metrics
        file.unlink()
        waybill.wait_until(lambda: "waybill_source_failures_total 0" not in waybill.get("/metrics").text, seconds_max=60)
        assert asked()[1:] == ["2"]
        assert waybill.stop() == 0
        waybill.assert_books_balance()


def test_an_analyst_reads_a_source_where_the_grants_say_so(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("id\n1\n")
    grants = ("--query-grants", "analyst=external; admin=*")
    data = tmp_path / "data"
    issued = {}
    for role in ("admin", "analyst"):
        made = run("token", "issue", "--data", data, "--role", role, "--subject", "sales")
        assert made.returncode == 0, made.stderr
        issued[role] = json.loads(made.stdout)["token"]
    source(data, "add", "shop.orders", "--files", file)
    source(data, "run")
    with Waybill(data, environment=QUICK, arguments=grants) as waybill:
        ask = lambda sql: waybill.post("/v1/query", {"sql": sql}, headers={"Authorization": "Bearer " + issued["analyst"]})
        assert ask("SELECT id FROM external.shop_orders").json()["rows"] == [[1]]
        assert ask("SELECT * FROM raw.deliverer_location").status_code == 403


class Database:
    """A PostgreSQL server of this test's own."""

    def __init__(self, environment):
        self.uri, self.password = environment["WAYBILL_TEST_POSTGRES"], environment["WAYBILL_TEST_POSTGRES_PASSWORD"]
        self.ca_file = environment["WAYBILL_TEST_POSTGRES_CA_FILE"]

    def run(self, sql):
        done = subprocess.run(["psql", "-v", "ON_ERROR_STOP=1", "-qX", self.uri, "-c", sql], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "PGPASSWORD": self.password})
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def database():
    if not services.postgres_folder():
        pytest.skip("PostgreSQL's server is not installed here")
    with services.running("postgres") as environment:
        yield Database(environment)


def test_a_postgresql_table_is_read_in_full_with_the_types_that_it_has_there(tmp_path, database):
    data, secret = tmp_path / "data", {"SHOP_PASSWORD": database.password}
    database.run("CREATE SCHEMA shop; CREATE TABLE shop.orders (id bigint PRIMARY KEY, zip text, price numeric(10,2), share double precision,"
                 " paid boolean, day date, at timestamptz, plain timestamp, more jsonb);"
                 "INSERT INTO shop.orders VALUES (1, '007', 12.50, 0.1, true, '2026-11-29', '2026-11-29 10:00:00.5+02', '2026-11-29 10:00', '{\"a\": 1}'),"
                 " (2, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL), (3, E'a,\\n\"b\"', 1, 2, false, '2026-01-01', now(), now(), 'null')")
    source(data, "add", "shop.orders", "--postgres", database.uri, "--relation", "shop.orders", "--secret-variable", "SHOP_PASSWORD")
    assert "not on the public internet" in source(data, "run", environment=secret, good=False).stderr
    wrong = source(data, "run", *ALLOWED, environment={"SHOP_PASSWORD": "wrong-password"}, good=False)
    assert "wrong-password" not in wrong.stderr
    assert counted(source(data, "run", *ALLOWED, environment=secret)) == (1, 0, 3, 0)
    assert rows(data, "SELECT * REPLACE (CAST(paid AS INTEGER) AS paid) FROM external.shop_orders WHERE id < 3 ORDER BY id") == [
        [1, "007", 12.5, 0.1, 1, "2026-11-29", "2026-11-29 08:00:00.5", "2026-11-29 10:00:00", '{"a": 1}'],
        [2, "", None, None, None, None, None, None, None]]
    assert rows(data, "SELECT zip FROM external.shop_orders WHERE id = 3") == [['a,\n"b"']]
    assert counted(source(data, "run", *ALLOWED, environment=secret)) == (0, 1, 0, 0)
    database.run("DELETE FROM shop.orders WHERE id = 2")
    assert counted(source(data, "run", *ALLOWED, environment=secret)) == (1, 0, 2, 0)
    database.run("ALTER TABLE shop.orders ALTER COLUMN id TYPE text")
    changed = source(data, "run", *ALLOWED, environment=secret, good=False)
    assert "id: expected BIGINT, the database has VARCHAR" in changed.stderr
    assert rows(data, "SELECT count(*) FROM external.shop_orders") == [[2]]
    for path in data.rglob("*"):
        assert not path.is_file() or database.password.encode() not in path.read_bytes(), path


def test_a_postgresql_table_is_read_by_its_growing_column(tmp_path, database):
    data, secret = tmp_path / "data", {"SHOP_PASSWORD": database.password}
    database.run("CREATE TABLE events (id bigint PRIMARY KEY, what text); INSERT INTO events SELECT n, 'e' || n FROM generate_series(1, 5000) AS n")
    source(data, "add", "shop.events", "--postgres", database.uri, "--relation", "events", "--growing", "id", "--secret-variable", "SHOP_PASSWORD")
    assert counted(source(data, "run", *ALLOWED, environment=secret)) == (1, 0, 5000, 0)
    assert counted(source(data, "run", *ALLOWED, environment=secret)) == (0, 0, 0, 0)
    database.run("INSERT INTO events VALUES (5001, NULL), (10000, 'x')")
    assert counted(source(data, "run", *ALLOWED, environment=secret)) == (1, 0, 2, 0)
    assert rows(data, "SELECT count(*), count(DISTINCT id), max(id) FROM external.shop_events") == [[5002, 5002, 10000]]


def test_a_database_behind_tls_is_read_where_its_certificate_is_trusted_and_not_otherwise(tmp_path):
    if not services.postgres_folder():
        pytest.skip("PostgreSQL's server is not installed here")
    data = tmp_path / "data"
    with services.running("postgres-tls") as environment:
        database = Database(environment)
        secret = {"SHOP_PASSWORD": database.password}
        database.run("CREATE TABLE seen AS SELECT 1 AS id; CREATE VIEW secured AS SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        checked = database.uri + "?sslmode=verify-full"
        source(data, "add", "shop.seen", "--postgres", checked, "--relation", "seen", "--secret-variable", "SHOP_PASSWORD")
        refused = source(data, "run", *ALLOWED, environment=secret, good=False)
        assert "certificate verify failed" in refused.stderr and database.password not in refused.stderr
        source(data, "add", "erp.secured", "--postgres", checked, "--relation", "secured", "--secret-variable", "SHOP_PASSWORD",
               "--ca-file", database.ca_file)
        assert counted(source(data, "run", "erp", *ALLOWED, environment=secret)) == (1, 0, 1, 0)
        assert rows(data, "SELECT CAST(ssl AS INTEGER) FROM external.erp_secured") == [[1]]
