"""The command transform: tests of what is there, and tables of one's own, as docs/LAKE.md shows them."""
import json
import re

import pytest
from running import ROOT, Waybill, run

QUICK = {"WAYBILL_LAKE_ROLL_SECONDS": "1", "WAYBILL_TRANSFORM_EVERY_SECONDS": "0"}


def ask(data, sql):
    answer = run("query", "--data", data, "--format", "json", sql)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)["rows"]


@pytest.fixture
def data(tmp_path):
    """A folder with a lake: an order that stands at a door for a quarter of an hour."""
    with Waybill(tmp_path / "data", environment=QUICK) as waybill:
        fixes = [{"order_id": "o1", "deliverer_id": "anna", "latitude": 41.1 + max(0, minute - 15) * 0.001, "longitude": -8.6,
                  "timestamp": f"2026-01-15T10:{minute:02d}:00Z"} for minute in range(20)]
        assert waybill.post("/v1/locations", fixes).status_code == 200
        assert waybill.stop() == 0
        yield waybill.data


def own_models(folder):
    """What docs/LAKE.md says is to be written."""
    text = (ROOT / "docs" / "LAKE.md").read_text().split("### Tables of your own", 1)[1]
    written = dict(zip(("sql", "toml"), re.findall(r"```(?:sql|toml)\n(.*?)```", text, re.S)))
    (folder / "final").mkdir(parents=True)
    for kind, content in written.items():
        (folder / "final" / f"long_stop.{kind}").write_text(content)
    return folder


def test_a_table_of_ones_own_is_made_tested_and_asked_for_with_the_others(data, tmp_path):
    models = own_models(tmp_path / "models")
    lineage = run("transform", "lineage", "--data", data, "--models", models).stdout
    assert "final.fact_delivery --> final.long_stop" in lineage and "final.fact_delivery --> final.work_by_hour" in lineage
    made = run("transform", "run", "--data", data, env={"WAYBILL_TRANSFORM_MODELS": str(models)})
    assert made.returncode == 0, made.stdout + made.stderr
    assert ask(data, "SELECT order_id, stops, stop_s FROM final.long_stop") == [["o1", 1, 900.0]]
    tested = run("transform", "test", "--data", data, "--models", models)
    assert tested.returncode == 0 and "final.long_stop" in tested.stdout, tested.stdout + tested.stderr


def test_a_table_with_the_name_of_one_of_ours_stands_in_its_place(data, tmp_path):
    models = tmp_path / "models"
    (models / "final").mkdir(parents=True)
    ours = (ROOT / "models/final/dim_time.sql").read_text()
    (models / "final/dim_time.sql").write_text(ours.replace("'night'", "'morning'"))
    (models / "final/dim_time.toml").write_text((ROOT / "models/final/dim_time.toml").read_text())
    assert run("transform", "run", "--data", data, "--models", models).returncode == 0
    assert ask(data, "SELECT count(*) FROM final.dim_time WHERE part_of_day = 'night'") == [[0]]


def test_what_a_table_of_ones_own_may_not_say_is_refused_with_its_reason(data, tmp_path):
    models = own_models(tmp_path / "models")
    (models / "final/long_stop.sql").write_text("SELECT * FROM final.fact_delivery")
    refused = run("transform", "run", "--data", data, "--models", models)
    assert refused.returncode == 1
    assert "final.long_stop" in refused.stderr and "name the columns" in refused.stderr


def test_tests_are_run_alone_and_one_that_fails_is_named_and_ends_with_1(data, tmp_path):
    assert run("transform", "run", "--data", data).returncode == 0
    before = ask(data, "SELECT count(*) FROM treated.test_result")
    fine = run("transform", "test", "--data", data)
    assert fine.returncode == 0, fine.stdout + fine.stderr
    assert re.search(r"treated.location +unique location_key +0\n", fine.stdout), fine.stdout
    assert re.search(r"\n\d+ tests, 0 failed\n", fine.stdout)
    models = tmp_path / "models"
    (models / "treated").mkdir(parents=True)
    for kind in ("sql", "toml"):
        text = (ROOT / f"models/treated/trip.{kind}").read_text()
        if kind == "toml":
            text += '\n[[tests]]\nkind = "distribution"\nwhere = "arrived_us IS NULL"\nmost_share = 0.5\n'
        (models / f"treated/trip.{kind}").write_text(text)
    failing = run("transform", "test", "--data", data, "--models", models)
    assert failing.returncode == 1
    assert re.search(r"treated.trip +distribution arrived_us IS NULL +1 +FAILS\n", failing.stdout), failing.stdout
    assert ask(data, "SELECT count(*) FROM treated.test_result") == before, "tests alone write nothing"
    stopped = run("transform", "run", "--data", data, "--models", models)
    assert stopped.returncode == 1
    assert re.search(r"final.fact_delivery +blocked .*treated.trip failed: distribution arrived_us IS NULL: 1 rows", stopped.stdout)
    assert ask(data, "SELECT failing_rows FROM treated.test_result WHERE model = 'treated.trip' AND failing_rows > 0") == [[1]]


def test_the_document_has_every_table_as_the_command_tells_it(data):
    document = (ROOT / "docs" / "LAKE.md").read_text()
    told = run("transform", "docs", "--data", data)
    assert told.returncode == 0 and told.stdout.strip() in document
    lineage = run("transform", "lineage", "--data", data).stdout.splitlines()
    assert len(lineage) > 10 and all(line in document for line in lineage)
