"""The lake from outside: how far a location has come, what is done to it by command, and its books."""
import json
import os
import pathlib
import re
import time

import pytest
from running import Role, Waybill, run

QUICK = {"WAYBILL_LAKE_ROLL_SECONDS": "1", "WAYBILL_TRANSFORM_EVERY_SECONDS": "1"}


def location(number, second=0):
    return {"deliverer_id": "anna", "event_id": f"e{number}", "latitude": 41.15,
            "longitude": -8.61 - number / 1000, "timestamp": f"2026-01-15T09:00:{second:02}Z"}


def custody(waybill, what):
    return waybill.get(f"/v1/custody/{what}").json()["items"][0]


def is_made(waybill, what):
    return custody(waybill, what).get("silver", {}).get("state") == "made"


def lake(waybill, *arguments):
    return run("lake", *arguments, "--data", waybill.data)


def models_ended(waybill):
    """When a run of them ended well, or there was nothing to do."""
    return float(re.search(r"^waybill_transform_last_success_timestamp_seconds (.*)$", waybill.get("/metrics").text, re.M)[1])


@pytest.fixture
def filled(tmp_path):
    """A platform that has three locations, one of them twice, in every zone of its lake, whose treated tables were made twice."""
    with Waybill(tmp_path / "data", environment=QUICK) as waybill:
        for numbers, last in (([0, 1, 2], "1-0-2"), ([1], "1-0-3")):
            assert waybill.post("/v1/locations", [location(number, number) for number in numbers]).status_code == 200
            waybill.wait_until(lambda last=last: is_made(waybill, last), seconds_max=120)
        now = time.time()
        waybill.wait_until(lambda: models_ended(waybill) > now, seconds_max=120)
        yield waybill


def test_a_location_is_shown_on_every_hop(filled):
    for what in ("1-0-1", "e1"):
        hops = custody(filled, what)
        assert hops["durable"] and hops["stored"] and hops["in_journal"], hops
        assert hops["bronze"]["state"] == "taken"
        (file,) = hops["bronze"]["files"]
        assert file["key"].startswith("raw/internal/deliverer_data/deliverer_location/date=") and file["version"] >= 1
        assert (filled.data / "lake" / file["key"]).exists()
        assert hops["silver"]["state"] == "made" and hops["silver"]["dates"] == ["2026-01-15"]
        assert hops["silver"]["version"] >= file["version"]


def test_a_location_waits_for_the_lake_and_what_is_no_location_is_never_treated(tmp_path):
    with Waybill(tmp_path / "data", environment={"WAYBILL_LAKE_ROLL_SECONDS": "3600"}) as waybill:
        waybill.post("/v1/locations", location(0))
        assert waybill.post("/v1/orders", {"order_id": 7, "deliverer_id": "anna"}).status_code == 200
        assert custody(waybill, "1-0-0")["bronze"] == {"state": "waiting"}
        assert "silver" not in custody(waybill, "1-0-0")
        waybill.stop()  # what the journal has goes into the lake
        waybill.start()
        assert custody(waybill, "1-0-0")["silver"]["state"] == "waiting"
        command = custody(waybill, "1-0-1")
        assert "/order_command/" in command["bronze"]["files"][0]["key"] and "silver" not in command


def test_without_a_lake_nothing_is_said_of_one(tmp_path):
    with Waybill(tmp_path / "data", environment={"WAYBILL_LAKE_ENABLED": "false"}) as waybill:
        waybill.post("/v1/locations", location(0))
        assert not {"bronze", "silver"} & custody(waybill, "1-0-0").keys()
        refused = lake(waybill, "compact")
        assert refused.returncode == 1 and "writes no lake" in refused.stderr


def test_status_shows_the_lake_beside_its_process_and_without_one(filled):
    filled.wait_until(lambda: json.loads(run("status", "--data", filled.data, "--json").stdout)["lake_rows_not_treated"] == 0,
                      seconds_max=60)
    shown = run("status", "--data", filled.data, "--once").stdout
    assert "lake raw           4 (0 behind)" in shown and "lake treated       0 rows behind; up to date " in shown
    filled.stop()
    said = json.loads(run("status", "--data", filled.data, "--json").stdout)
    assert said["state"] == "stopped" and said["lake_end"] == 4 and said["lake_rows_not_treated"] == 0


def test_verify_compares_the_treated_locations_with_the_raw_ones(filled):
    for depth, said in (([], "3 locations, made of"), (["--deep"], "3 locations, each once, made of")):
        books = filled.verify(*depth)
        assert books.returncode == 0, books.stdout + books.stderr
        (treated,) = [line for line in books.stdout.splitlines() if line.startswith("treated")]
        assert said in treated and "1 dates compared" in treated


@pytest.mark.parametrize("stopped", [False, True], ids=["beside the process", "without one"])
def test_hours_are_compacted_and_what_was_replaced_goes_by_command(filled, stopped):
    if stopped:
        filled.stop()
    assert lake(filled, "compact").stdout == "files made of several: 0\n", "the hour is not over"
    before = lake(filled, "verify")
    assert before.returncode == 0, before.stdout
    assert "the lake's books balance" in before.stdout and "all read again" in before.stdout
    late = lake(filled, "expire", "--older-than", 1)
    assert late.stdout == "files removed: 0\n", late.stdout + late.stderr
    expired = lake(filled, "expire")
    assert expired.returncode == 0 and int(expired.stdout.split()[-1]) > 0, expired.stdout + expired.stderr
    beside = int(re.search(r"beside them (\d+) replaced", lake(filled, "verify").stdout)[1])
    assert beside <= 2, "what the newest version has replaced stays"
    if not stopped:
        filled.post("/v1/locations", location(9, 30))
        filled.wait_until(lambda: is_made(filled, "e9"), seconds_max=60)
        assert filled.alive(), "it still holds its roles"
        filled.stop()
    filled.assert_books_balance()


def test_purge_lets_go_only_of_whole_spans_that_the_lake_has(filled):
    for arguments in (["--before", "2100-01-01"], ["--keep", 0]):
        purged = lake(filled, "purge", *arguments)
        assert purged.stdout == "the store has let go of everything below offset 0\n", purged.stderr
    assert custody(filled, "1-0-2")["stored"] and "let_go" not in custody(filled, "1-0-2")
    for wrong in ([], ["--before", "soon"], ["--before", "2100-01-01", "--keep", 1]):
        assert lake(filled, "purge", *wrong).returncode == 1


def test_chores_are_asked_of_the_process_in_a_form_that_is_checked(filled):
    for body, status in [([], 400), ({"do": "dance"}, 422), ({}, 422), ({"do": "purge"}, 422), ({"do": "compact", "before": "2026-01-01"}, 422),
                         ({"do": "expire", "older_than_hours": -1}, 422), ({"do": "purge", "before": 7, "more": 1}, 422)]:
        assert filled.post("/v1/lake", body).status_code == status, body


def test_a_flipped_bit_is_found_by_the_lakes_own_books(filled):
    filled.stop()
    (file, *_) = lake(filled, "files", "treated.location").stdout.splitlines()
    with open(file, "r+b") as opened:
        opened.seek(20)
        byte = opened.read(1)
        opened.seek(20)
        opened.write(bytes([byte[0] ^ 1]))
    assert lake(filled, "verify", "--quick").returncode == 0, "it is there, in its size"
    found = lake(filled, "verify")
    assert found.returncode == 1 and "its checksum differs" in found.stdout
    pathlib.Path(file).unlink()
    gone = lake(filled, "verify", "--quick")
    assert gone.returncode == 1 and "is not there" in gone.stdout


def test_a_lake_elsewhere_is_verified_without_a_data_folder(tmp_path):
    place = tmp_path / "elsewhere"
    with Waybill(tmp_path / "data", environment={**QUICK, "WAYBILL_LAKE_LOCATION": str(place)}) as waybill:
        waybill.post("/v1/locations", location(0))
        waybill.wait_until(lambda: is_made(waybill, "1-0-0"), seconds_max=60)
    arguments = ["--data", tmp_path / "none", "--lake-location", place]
    assert run("lake", "verify", *arguments).returncode == 0
    assert "treated.location" in run("lake", "ls", *arguments).stdout
    assert not os.path.exists(tmp_path / "none")


NO_MODELS = {"WAYBILL_LAKE_ROLL_SECONDS": "1", "WAYBILL_TRANSFORM_EVERY_SECONDS": "0"}


def schedule_of(waybill):
    return Role("transform", "schedule", data=waybill.data, environment={"WAYBILL_TRANSFORM_EVERY_SECONDS": "1"})


def test_models_are_made_by_a_process_of_their_own_beside_the_platform(tmp_path):
    with Waybill(tmp_path / "data", environment=NO_MODELS) as waybill, schedule_of(waybill) as schedule:
        waybill.post("/v1/locations", location(0))
        waybill.wait_until(lambda: is_made(waybill, "1-0-0"), seconds_max=120)
        waybill.wait_until(lambda: "waybill_transform_runs_total 1" in schedule.metrics(), seconds_max=60)
        second = run("transform", "schedule", "--data", waybill.data)
        assert second.returncode == 1 and "another waybill process has the role transform" in second.stderr
        assert schedule.stop() == 0
        waybill.assert_books_balance()
        waybill.stop()
        assert run("transform", "schedule", "--data", waybill.data, "--transform-every-seconds", 0).returncode == 1


def test_a_process_of_the_models_that_is_killed_at_any_moment_leaves_tables_that_agree(tmp_path):
    with Waybill(tmp_path / "data", environment=NO_MODELS) as waybill:
        posted = 0
        for wait_s in (0.2, 1.2, 1.4, 1.6, 1.9, 2.3):
            with schedule_of(waybill):
                for _ in range(5):
                    waybill.post("/v1/locations", location(posted, posted % 60))
                    posted += 1
                time.sleep(wait_s)  # killed then
        with schedule_of(waybill) as schedule:
            waybill.wait_until(lambda: is_made(waybill, f"1-0-{posted - 1}"), seconds_max=120)
            schedule.stop()
        waybill.stop()
        waybill.assert_books_balance()
        treated = [line for line in waybill.verify("--deep").stdout.splitlines() if line.startswith("treated")]
        assert f"{posted} locations, each once" in treated[0]
