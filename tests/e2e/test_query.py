"""Questions to the lake: by command and over HTTP, as people and programs ask them."""
import csv
import io
import json
import pathlib
import re
import subprocess

import pytest
from running import Waybill, binary, run

QUICK = {"WAYBILL_LAKE_ROLL_SECONDS": "1", "WAYBILL_TRANSFORM_EVERY_SECONDS": "1"}
COUNT = "SELECT count(*) AS n FROM raw.deliverer_location"


def location(number):
    return {"order_id": 1001, "deliverer_id": "anna", "latitude": 41.15, "longitude": -8.61 - number / 1000,
            "timestamp": f"2026-01-15T09:00:0{number}Z"}


def ask(waybill, sql, **options):
    return waybill.post("/v1/query", {"sql": sql}, **options)


@pytest.fixture
def filled(tmp_path):
    """A platform whose lake has three locations."""
    with Waybill(tmp_path / "data", environment=QUICK) as waybill:
        assert waybill.post("/v1/locations", [location(number) for number in range(3)]).status_code == 200
        waybill.wait_until(lambda: ask(waybill, COUNT).json().get("rows") == [[3]], seconds_max=60)
        yield waybill


def test_a_location_is_asked_for_in_every_form(filled, tmp_path):
    sql = "SELECT order_id, longitude, fix_at, sent_at FROM raw.deliverer_location ORDER BY fix_at LIMIT 1"
    table = run("query", "--data", filled.data, sql)
    assert table.stdout.splitlines()[2].split() == ["1001", "-8.61", "2026-01-15", "09:00:00", "NULL"], table.stderr
    assert table.stdout.splitlines()[-1] == "1 row"
    answered = json.loads(run("query", "--data", filled.data, "--format", "json", sql).stdout)
    assert answered["rows"] == [["1001", -8.61, "2026-01-15 09:00:00", None]]
    assert ask(filled, sql).json() == answered
    text = ask(filled, sql, headers={"Accept": "text/csv"}).text
    assert list(csv.reader(io.StringIO(text))) == [["order_id", "longitude", "fix_at", "sent_at"],
                                                   ["1001", "-8.61", "2026-01-15 09:00:00", ""]]
    out = tmp_path / "out.parquet"
    assert run("query", "--data", filled.data, "--format", "parquet", "--out", out, sql).returncode == 0
    assert out.read_bytes()[:4] == b"PAR1"


def test_a_statement_comes_from_standard_input_and_what_is_wrong_goes_to_standard_error(filled):
    asked = subprocess.run([binary(), "query", "--data", filled.data, "--format", "csv"], input=COUNT + ";\n", text=True,
                           capture_output=True, timeout=60)
    assert asked.stdout == "n\n3\n"
    refused = run("query", "--data", filled.data, "SELECT nothing FROM raw.deliverer_location")
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert '"nothing" not found' in refused.stderr


@pytest.mark.parametrize("sql", ["SELECT * FROM read_text('/etc/passwd')", "COPY (SELECT 1) TO '/tmp/waybill-query'",
                                 "ATTACH '/tmp/waybill-query.db'", "INSTALL httpfs", "SET memory_limit = '100GB'"])
def test_nothing_but_the_tables_can_be_reached(filled, sql):
    refused = ask(filled, sql)
    assert refused.status_code == 403, refused.text
    assert run("query", "--data", filled.data, sql).returncode == 1


def test_a_body_that_is_no_statement_is_refused(filled):
    for body, status in [([], 400), ({}, 422), ({"sql": 1}, 422), ({"sql": "SELECT 1", "more": 2}, 422), ({"sql": "SELEC"}, 400)]:
        assert filled.post("/v1/query", body).status_code == status, body


def test_a_location_is_in_the_treated_and_final_tables_a_little_later(filled):
    for table in ("treated.location", "final.fact_location"):
        filled.wait_until(lambda table=table: ask(filled, f"SELECT count(*) FROM {table}").json().get("rows") == [[3]], seconds_max=60)
    assert ask(filled, "SELECT deliverer_id, count(*) FROM treated.location GROUP BY deliverer_id").json()["rows"] == [["anna", 3]]
    filled.stop()
    again = run("transform", "run", "--data", filled.data)
    assert again.returncode == 0 and "current" in again.stdout, again.stdout + again.stderr
    lake = [line for line in filled.verify("--deep").stdout.splitlines() if line.startswith("lake")]
    assert lake and "3 locations" in lake[0]


def test_a_bit_that_is_flipped_in_a_file_of_the_lake_is_found(filled):
    filled.stop()
    file = sorted(filled.data.glob("lake/raw/internal/deliverer_data/deliverer_location/*/*/*.parquet"))[0]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert filled.verify().returncode == 0, "the books alone do not tell"
    deep = filled.verify("--deep")
    assert deep.returncode == 1 and "checksum" in deep.stdout and file.name in deep.stdout, deep.stdout


def test_what_is_killed_while_the_lake_is_written_balances_when_it_has_started_again(filled):
    for number in range(3, 9):
        assert filled.post("/v1/locations", [location(number)]).status_code == 200
        filled.kill()
        filled.start()
    filled.wait_until(lambda: ask(filled, COUNT).json().get("rows") == [[9]], seconds_max=60)
    filled.stop()
    assert filled.verify("--deep").returncode == 0
    assert json.loads(run("query", "--data", filled.data, "--format", "json",
                          "SELECT count(DISTINCT journal_offset) FROM raw.deliverer_location").stdout)["rows"] == [[9]]


def test_a_restored_folder_begins_a_lake_of_its_own_and_its_models_are_made(filled, tmp_path):
    assert run("backup", tmp_path / "backup", "--data", filled.data).returncode == 0
    filled.stop()
    assert run("restore", tmp_path / "backup", "--data", tmp_path / "restored").returncode == 0
    with Waybill(tmp_path / "restored", environment=QUICK) as restored:
        assert restored.post("/v1/locations", [location(7)]).status_code == 200
        restored.wait_until(lambda: ask(restored, "SELECT count(*) FROM treated.location").json().get("rows") == [[4]], seconds_max=60)
        restored.stop()
        assert restored.verify("--deep").returncode == 0


def test_a_lake_that_cannot_be_reached_holds_up_nobody(tmp_path):
    nobody = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    place = ["--lake-location", "s3://bucket/lake", "--lake-s3-endpoint", "http://127.0.0.1:1"]
    with Waybill(tmp_path / "data", environment=nobody, arguments=place) as waybill:
        assert waybill.post("/v1/locations", [location(0)]).status_code == 200
        assert waybill.get("/v1/deliverer_location/last/1001").status_code == 200


def test_the_lake_says_what_it_holds(filled):
    tables = run("lake", "ls", "--data", filled.data)
    assert tables.returncode == 0 and re.search(r"raw.deliverer_location +\d+ +3 ", tables.stdout), tables.stdout + tables.stderr
    files = run("lake", "files", "--data", filled.data, "raw.deliverer_location").stdout.splitlines()
    assert files and all(pathlib.Path(file).is_file() for file in files)
    history = run("lake", "history", "--data", filled.data).stdout
    assert "bronze" in history
    assert run("lake", "files", "--data", filled.data, "raw.nothing").returncode == 1
