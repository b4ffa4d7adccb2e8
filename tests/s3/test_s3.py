"""The lake in a bucket, from outside: written, treated, asked, verified, over a real S3 server of its own (tools/services.py)."""
import json
import os
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tools"))

import services  # noqa: E402
from running import Role, Waybill, run  # noqa: E402


def location(number):
    return {"order_id": 1001, "deliverer_id": "anna", "event_id": f"e{number}", "latitude": 41.15,
            "longitude": -8.61 - number / 1000, "timestamp": f"2026-01-15T09:{number // 60 % 60:02}:{number % 60:02}Z"}


@pytest.fixture(scope="module")
def server():
    with services.running(os.environ.get("S3_SERVER", "versitygw")) as environment:
        yield environment


@pytest.fixture
def bucket(server, tmp_path):
    """What a waybill has to be told: a prefix of its own."""
    return {"WAYBILL_LAKE_LOCATION": f"s3://{server['WAYBILL_TEST_S3_BUCKET']}/{tmp_path.name}",
            "WAYBILL_LAKE_S3_ENDPOINT": server["WAYBILL_TEST_S3_ENDPOINT"], "WAYBILL_LAKE_S3_REGION": server["WAYBILL_TEST_S3_REGION"],
            "AWS_ACCESS_KEY_ID": server["WAYBILL_TEST_S3_ACCESS_KEY"], "AWS_SECRET_ACCESS_KEY": server["WAYBILL_TEST_S3_SECRET_KEY"],
            "WAYBILL_LAKE_ROLL_SECONDS": "1", "WAYBILL_TRANSFORM_EVERY_SECONDS": "1"}


def is_made(waybill, what):
    return waybill.get(f"/v1/custody/{what}").json()["items"][0].get("silver", {}).get("state") == "made"


def told(bucket, *arguments):
    done = run(*arguments, env={**os.environ, **bucket})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rows(text):
    return json.loads(text)["rows"]


def test_a_lake_in_a_bucket_is_treated_asked_and_verified_as_one_in_a_folder(bucket, tmp_path):
    count = "SELECT count(*), count(DISTINCT location_key) FROM treated.location"
    with Waybill(tmp_path / "data", environment=bucket) as waybill:
        assert waybill.post("/v1/locations", [location(number) for number in (0, 1, 2, 1)]).status_code == 200
        waybill.wait_until(lambda: is_made(waybill, "1-0-3"), seconds_max=120)
        assert waybill.post("/v1/query", {"sql": count}).json()["rows"] == [[3, 3]]
        assert rows(told(bucket, "query", "--data", waybill.data, "--format", "json", count)) == [[3, 3]]
        assert not (waybill.data / "lake").exists()
        copies = list((waybill.data / "lake-copies").glob("*/*.parquet"))
        assert {path.parent.name for path in copies} == {"1", "2"}, "the platform's and the command's"
        told(bucket, "query", "--data", waybill.data, count)
        assert {path for path in copies if path.parent.name == "2"} == set((waybill.data / "lake-copies").glob("2/*.parquet")), \
            "nothing was fetched again"
        told(bucket, "lake", "expire", "--data", waybill.data)
        for arguments in (["verify"], ["verify", "--deep"], ["lake", "verify"]):
            told(bucket, *arguments, "--data", waybill.data)
        waybill.stop()
    alone = told(bucket, "lake", "verify", "--data", tmp_path / "none")
    assert "the lake's books balance" in alone and "all read again" in alone


def test_the_processes_of_a_bucket_are_killed_at_any_moment_and_its_books_balance(bucket, tmp_path):
    """The platform, who writes the lake and who makes the models, each a process of its own."""
    posted = 0
    platform = {**bucket, "WAYBILL_TRANSFORM_EVERY_SECONDS": "0", "WAYBILL_LAKE_WRITE": "false"}
    data = tmp_path / "data"
    writer = Role("lake", "write", data=data, environment=platform)
    models = Role("transform", "schedule", data=data, environment=bucket)
    for wait_s in (0.3, 1.2, 1.7, 2.2):
        with Waybill(data, environment=platform) as waybill, writer, models:
            for _ in range(5):
                assert waybill.post("/v1/locations", location(posted)).status_code == 200
                posted += 1
            time.sleep(wait_s)  # killed then
    with Waybill(data, environment=platform) as waybill, writer, models:
        waybill.wait_until(lambda: is_made(waybill, f"e{posted - 1}"), seconds_max=120)
        waybill.wait_until(lambda: f"{posted} locations, each once" in told(bucket, "verify", "--deep", "--data", data), seconds_max=60)
        erased = run("erase", "--data", data, "--order", "1001", env={**os.environ, **platform})
        assert erased.returncode == 0 and f"{posted} rows in" in erased.stdout, erased.stdout + erased.stderr
        assert writer.stop() == 0 and models.stop() == 0
        waybill.stop()
    books = told(bucket, "verify", "--deep", "--data", data)
    assert f"{posted} erased" in books and "treated    0 locations" in books, books


def test_other_sources_become_tables_of_a_bucket(bucket, tmp_path):
    file = tmp_path / "orders.csv"
    file.write_text("id,zip\n1,007\n2,10115\n")
    told(bucket, "source", "add", "shop.orders", "--files", file, "--data", tmp_path / "data")
    assert "2 rows" in told(bucket, "source", "run", "--data", tmp_path / "data")
    file.write_text("id,zip\n1,007\n3,4000\nx,1\n")
    told(bucket, "source", "run", "--data", tmp_path / "data")
    asked = told(bucket, "query", "--data", tmp_path / "data", "--format", "json", "SELECT * FROM external.shop_orders ORDER BY id")
    assert rows(asked) == [[1, "007"], [3, "4000"]]
    assert "the lake's books balance" in told(bucket, "lake", "verify", "--data", tmp_path / "none")


def test_a_server_that_is_away_is_said(bucket, tmp_path):
    with Waybill(tmp_path / "data", environment=bucket) as waybill:
        waybill.post("/v1/locations", location(0))
        waybill.wait_until(lambda: is_made(waybill, "1-0-0"), seconds_max=120)
    away = {**bucket, "WAYBILL_LAKE_S3_ENDPOINT": "http://127.0.0.1:1"}
    refused = run("query", "--data", tmp_path / "data", "SELECT count(*) FROM treated.location", env={**os.environ, **away})
    assert refused.returncode == 1 and "127.0.0.1:1" in refused.stderr
    assert bucket["AWS_SECRET_ACCESS_KEY"] not in refused.stderr
