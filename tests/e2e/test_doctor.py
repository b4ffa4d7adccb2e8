"""`waybill doctor`: what it finds on a machine that is well, and on one that is not."""
import os
import re
import shutil

import pytest

from running import Waybill, run

LOCATION = {"order_id": 1, "deliverer_id": 1, "latitude": 41, "longitude": -8, "timestamp": "2024-01-15T09:00:00Z"}
AREAS = ["settings", "clock", "open files", "memory", "backlog", "file system", "disk space", "disk speed",
         "clock steps", "port", "folder"]


def findings(shown):
    """{area: (mark, text)}; a finding of several lines as one."""
    found, area = {}, None
    for line in shown.stdout.splitlines():
        begun = re.match(r"(ok|warning|PROBLEM) +(\S.*?)(?:  +|$)(.*)", line)
        if begun:
            area = begun[2]
            found[area] = [begun[1], begun[3]]
        elif area and line.strip():
            found[area][1] += " " + line.strip()
        else:
            area = None
    return found


def doctor(data, *arguments, **options):
    shown = run("doctor", "--data", data, "--listen", "127.0.0.1:0", *arguments, **options)
    assert max(map(len, shown.stdout.splitlines())) <= 80
    return shown, findings(shown)


def test_a_folder_that_is_not_there_yet(tmp_path):
    shown, found = doctor(tmp_path / "data")
    assert list(found) == AREAS, shown.stdout + shown.stderr
    assert found["folder"][0] == "ok" and not (tmp_path / "data").exists()
    assert re.search(r"p50 [\d.e+]+ ms, p99 [\d.e+]+ ms", found["disk speed"][1])
    assert list(tmp_path.iterdir()) == [], "what it wrote to measure the disk is gone"
    problems = [area for area, (mark, _) in found.items() if mark == "PROBLEM"]
    assert (shown.returncode == 1) == bool(problems)
    assert re.search(r"^(no|\d+) problems?, (no|\d+) warnings?$", shown.stdout, re.M)


def test_beside_a_running_process_and_after_it(fresh):
    fresh.post("/v1/locations", LOCATION)
    shown = run("doctor", "--data", fresh.data, "--listen", f"127.0.0.1:{fresh.port}")
    found = findings(shown)
    assert found["port"][0] == "ok" and fresh.url in found["port"][1]
    assert str(fresh.process.pid) in found["lock"][1]
    assert found["books"][0] == "ok"
    assert fresh.post("/v1/locations", LOCATION).status_code == 200
    fresh.stop()
    _, found = doctor(fresh.data)
    assert "no process" in found["lock"][1] and found["books"][0] == "ok" and "2 records" in found["books"][1]


def test_a_port_that_another_has_is_a_problem(fresh, tmp_path):
    shown = run("doctor", "--data", tmp_path / "other", "--listen", f"127.0.0.1:{fresh.port}")
    mark, text = findings(shown)["port"]
    assert shown.returncode == 1 and mark == "PROBLEM" and "a waybill answers there" in text and "-> " in text


def test_a_port_for_phones_that_another_has_is_a_problem(fresh, tmp_path):
    shown = run("doctor", "--data", tmp_path / "other", "--listen", "127.0.0.1:0", "--phones-ports", fresh.port)
    mark, text = findings(shown)["phones"]
    assert shown.returncode == 1 and mark == "PROBLEM" and "phones.ports" in text


def test_settings_that_cannot_be_read_are_a_problem(tmp_path):
    settings = tmp_path / "waybill.toml"
    settings.write_text("no_such_setting = 1\n")
    shown = run("doctor", "--config", settings)
    assert shown.returncode == 1 and findings(shown)["settings"][0] == "PROBLEM"
    assert "no_such_setting" in findings(shown)["settings"][1]
    assert "PROBLEM" in run("doctor", "--config", tmp_path / "missing.toml").stdout


def test_settings_that_make_no_sense_together_are_told(tmp_path):
    shown, found = doctor(tmp_path / "data", "--journal-disk-mib-max", "100")
    assert shown.returncode == 1 and found["settings"][0] == "PROBLEM" and "three segments" in found["settings"][1]


def test_a_folder_of_something_else_is_a_problem(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "summer.jpg").write_text("not ours")
    shown, found = doctor(tmp_path / "photos")
    assert shown.returncode == 1 and found["folder"][0] == "PROBLEM" and "FORMAT" in found["folder"][1]


def test_a_folder_that_everybody_may_write_is_a_problem(fresh):
    fresh.stop()
    fresh.data.chmod(0o777)
    shown, found = doctor(fresh.data)
    assert shown.returncode == 1 and found["folder rights"][0] == "PROBLEM" and "chmod o-w" in found["folder rights"][1]


def test_a_key_that_others_may_read_is_a_problem(fresh):
    fresh.stop()
    keys = fresh.data / "keys"
    keys.mkdir(mode=0o700)
    (keys / "signing.pem").write_text("secret")
    (keys / "signing.pem").chmod(0o600)
    shown, found = doctor(fresh.data)
    assert found["keys"][0] == "ok"
    (keys / "signing.pem").chmod(0o640)
    shown, found = doctor(fresh.data)
    assert shown.returncode == 1 and found["keys"][0] == "PROBLEM" and "chmod 0600" in found["keys"][1]


def test_books_that_cannot_be_read_are_a_problem(fresh):
    for _ in range(20):
        fresh.post("/v1/locations", [LOCATION] * 100)
    fresh.stop()
    segment = sorted((fresh.data / "journal").glob("*.log"))[0]
    with open(segment, "r+b") as file:
        file.seek(2_000)
        byte = file.read(1)
        file.seek(2_000)
        file.write(bytes([byte[0] ^ 1]))
    shown, found = doctor(fresh.data)
    assert shown.returncode == 1 and found["books"][0] == "PROBLEM"


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="there is no folder in memory here")
def test_a_folder_in_memory_is_a_problem(tmp_path):
    data = f"/dev/shm/waybill-test-{os.getpid()}"
    try:
        with Waybill(data):
            _, found = doctor(data)
            assert found["file system"][0] == "PROBLEM" and "tmpfs" in found["file system"][1]
    finally:
        shutil.rmtree(data, ignore_errors=True)
        for ending in (".port", ".log"):
            if os.path.exists(data + ending):
                os.remove(data + ending)
