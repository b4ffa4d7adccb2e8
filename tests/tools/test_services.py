"""tools/services.py starts a server once, knows its own by more than a number, and ends with what it started."""
import json
import os
import pathlib
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import services  # noqa: E402


@pytest.fixture
def some_server(monkeypatch):
    """A service that anybody can start: Python's own web server."""
    monkeypatch.setitem(services.SERVICES, "some", lambda folder, port: (
        [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", folder], {}))
    monkeypatch.setattr(services, "make_bucket", lambda environment: None)


def answers(state):
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{state['port']}/", timeout=10).status == 200
    except urllib.error.URLError:
        return False


def test_what_runs_is_not_started_again_and_what_is_stopped_has_ended(tmp_path, some_server):
    state = services.start(tmp_path, "some")
    assert answers(state)
    assert services.start(tmp_path, "some") == state == services.state_of(tmp_path, "some")
    services.stop(tmp_path, "some")
    assert not answers(state)
    assert services.state_of(tmp_path, "some") is None
    services.stop(tmp_path, "some")


def test_a_process_that_only_has_the_number_is_left_alone(tmp_path, some_server):
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "state.json").write_text(json.dumps({"pid": os.getpid(), "born": "1", "port": 1}))
    assert services.state_of(tmp_path, "some") is None
    services.stop(tmp_path, "some")


def test_a_server_that_dies_at_once_is_told_with_its_own_words(tmp_path, monkeypatch):
    monkeypatch.setitem(services.SERVICES, "some", lambda folder, port: (["sh", "-c", "echo no disk here; exit 1"], {}))
    with pytest.raises(services.Failed, match="no disk here"):
        services.start(tmp_path, "some")


def test_a_test_gets_a_server_of_its_own_and_it_ends_with_the_block(some_server):
    with services.running("some") as environment, services.running("some") as other:
        assert environment["WAYBILL_TEST_S3_ENDPOINT"] != other["WAYBILL_TEST_S3_ENDPOINT"]
        port = int(environment["WAYBILL_TEST_S3_ENDPOINT"].rsplit(":", 1)[1])
        assert answers({"port": port})
    assert not answers({"port": port})


def test_without_go_it_says_what_is_needed(tmp_path, monkeypatch):
    monkeypatch.setattr(services, "CACHE", tmp_path)
    monkeypatch.setattr(services.shutil, "which", lambda *_, **__: None)
    with pytest.raises(services.Failed, match=r"Go 1\.25 or newer, and here is none"):
        services.versitygw(tmp_path, 1)


def test_a_name_that_it_does_not_know_is_refused():
    said = subprocess.run([sys.executable, services.__file__, "up", "nothing"], capture_output=True, text=True)
    assert said.returncode == 2 and "versitygw" in said.stderr
