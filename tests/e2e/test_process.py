"""The process: ready, measured, stopped, started again; its data folder and its books."""
import subprocess
import time
import tomllib

import pytest

from running import NotStarted, SLOWER, Waybill, run

PATH = "/v1/locations"


def location(order, second):
    return {"order_id": order, "deliverer_id": 1, "latitude": 41, "longitude": -8,
            "timestamp": f"2024-01-15T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"}


def test_it_is_ready_and_says_so(shared):
    assert shared.get("/healthz").status_code == 200
    answer = shared.get("/readyz")
    assert answer.status_code == 200 and answer.json() == {"ready": True, "reasons": []}


def test_unknown_paths_and_methods_are_told(shared):
    assert shared.get("/v1/nowhere").status_code == 404
    answer = shared.session.delete(shared.url + PATH)
    assert answer.status_code == 405 and "POST" in answer.headers["Allow"]


def test_metrics_count_what_was_sent(fresh):
    fresh.post(PATH, [location(1, second) for second in range(10)] + [location(1, 0)])
    fresh.last(1)
    lines = fresh.get("/metrics").text.splitlines()
    values = {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line and not line.startswith("#")}
    assert any("location" in name and value == 11 for name, value in values.items()), "11 locations were accepted"
    taken = {outcome: values[f'waybill_store_taken_total{{outcome="{outcome}"}}'] for outcome in ("stored", "repeat", "quarantined")}
    assert taken == {"stored": 10, "repeat": 1, "quarantined": 0}
    for name in ("waybill_journal_sync_seconds_count", "waybill_ingest_lag_records", "waybill_ingest_fix_to_visible_seconds_count"):
        assert name in values, name


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_started_again_it_has_everything(fresh, end):
    for second in range(0, 500, 100):
        fresh.post(PATH, [location(7, later) for later in range(second, second + 100)])
    fresh.post("/v1/orders", {"order_id": 7, "destination": {"latitude": 41, "longitude": -8}})
    before = (fresh.track(7), fresh.last(7), fresh.get("/v1/orders/7").json()["destination"])
    if end == "stop":
        assert fresh.stop() == 0
    else:
        fresh.kill()
    fresh.assert_books_balance()
    fresh.start()
    assert (fresh.track(7), fresh.last(7), fresh.get("/v1/orders/7").json()["destination"]) == before
    said = fresh.post(PATH, location(7, 500)).json()
    assert int(said["first"].split("-")[2]) == 501, "positions go on where they were"
    fresh.post(PATH, [location(7, second) for second in range(500)])
    assert len(fresh.track(7)) == 501, "what was known before the restart still counts once"


def test_it_is_ready_within_a_second_of_a_clean_stop(fresh):
    fresh.post(PATH, [location(1, second) for second in range(1_000)])
    fresh.stop()
    began = time.monotonic()
    fresh.start()
    assert time.monotonic() - began < 5 * SLOWER  # 1 s is for the release; a build with sanitizers is given more


def test_a_second_writer_is_refused_clearly(fresh):
    second = Waybill(fresh.data)
    second.log = fresh.data.with_suffix(".second")
    second.port_file = fresh.data.with_suffix(".second-port")
    with pytest.raises(NotStarted) as refused:
        second.start()
    assert "exit code 1" in str(refused.value)
    assert str(fresh.data) in str(refused.value) and "another" in str(refused.value)
    assert fresh.post(PATH, location(1, 1)).status_code == 200


def test_a_folder_of_a_newer_format_is_refused(fresh):
    fresh.post(PATH, location(1, 1))
    fresh.stop()
    form = fresh.data / "FORMAT"
    line = form.read_text()
    form.write_text(line.replace(line.split()[-1], "999"))
    with pytest.raises(NotStarted) as refused:
        fresh.start()
    assert "999" in str(refused.value)
    assert fresh.verify().returncode == 1
    form.write_text(line)
    fresh.start()
    assert len(fresh.track(1)) == 1


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path):
    data = tmp_path / "photos"
    data.mkdir()
    (data / "summer.jpg").write_text("not ours")
    with pytest.raises(NotStarted):
        Waybill(data).start()
    assert sorted(path.name for path in data.iterdir() if path.name != "LOCK") == ["summer.jpg"]


def test_verify_beside_the_running_server(fresh):
    for second in range(0, 2_000, 100):
        fresh.post(PATH, [location(second, later) for later in range(second, second + 100)])
        assert fresh.verify().returncode == 0


def test_verify_finds_a_record_that_was_changed(fresh):
    for second in range(0, 1_000, 100):
        fresh.post(PATH, [location(1, later) for later in range(second, second + 100)])
    fresh.stop()
    segment = sorted((fresh.data / "journal").glob("*.log"))[0]
    with open(segment, "r+b") as file:
        file.seek(2_000)
        byte = file.read(1)
        file.seek(2_000)
        file.write(bytes([byte[0] ^ 1]))
    assert fresh.verify().returncode == 1
    with pytest.raises(NotStarted):
        fresh.start()


def test_verify_without_a_data_folder_says_so(tmp_path):
    books = run("verify", "--data", tmp_path / "nothing")
    assert books.returncode == 1 and "nothing" in books.stderr


def test_the_port_in_use_is_told(fresh, tmp_path):
    other = run("up", "--listen", f"127.0.0.1:{fresh.port}", "--data", tmp_path / "other")
    assert other.returncode == 1 and str(fresh.port) in other.stderr


def test_what_config_prints_is_a_file_that_can_be_used(tmp_path):
    printed = run("config", cwd=tmp_path).stdout
    settings = tomllib.loads(printed)
    assert settings["http"]["threads"] == 1 and settings["privacy"]["metres_max"] == "off"
    (tmp_path / "again.toml").write_text(printed)
    again = run("config", "--config", tmp_path / "again.toml", cwd=tmp_path)
    assert again.returncode == 0 and tomllib.loads(again.stdout) == settings, again.stderr


def test_settings_come_from_file_variable_and_flag(tmp_path):
    import os
    settings = tmp_path / "waybill.toml"
    settings.write_text("stale_after_seconds = 60\n[log]\nlevel = \"warning\"\n[http]\nthreads = 3\n")
    shown = run("config", "--config", settings, "--http-threads", "2",
                env={**os.environ, "WAYBILL_LOG_LEVEL": "error"}).stdout
    for text in ("stale_after_seconds = 60", 'level = "error"', "threads = 2"):
        assert text in shown, shown
    settings.write_text("no_such_setting = 1\n")
    refused = run("config", "--config", settings)
    assert refused.returncode == 1 and "no_such_setting" in refused.stderr
    settings.write_text("[lake]\nlocation = \"ftp://somewhere\"\n")
    refused = run("config", "--config", settings)
    assert refused.returncode == 1 and "lake.location" in refused.stderr and "s3://BUCKET" in refused.stderr


@pytest.mark.parametrize("command", ["up", "api", "simulate", "replay", "verify", "backup", "restore", "upgrade", "token", "user", "link", "status",
                                     "doctor", "config", "version"])
def test_each_command_has_help(command):
    shown = run(command, "--help")
    assert shown.returncode == 0 and "--help" in shown.stdout


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["up", "--no-such-flag"], ["simulate", "-n", "0"], ["replay"]])
def test_a_command_line_that_makes_no_sense_is_told(arguments):
    assert run(*arguments).returncode in (1, 2)


def test_a_number_that_makes_no_sense_is_told_with_its_flag():
    for arguments in (["simulate", "-n", "0"], ["simulate", "--rate", "-1"], ["replay", "file", "--batch", "0"]):
        told = run(*arguments)
        assert told.returncode == 2 and arguments[-2] in told.stderr and "is not above 0" in told.stderr, told.stderr


def test_a_slow_reader_or_half_a_request_does_not_hold_up_the_others(fresh):
    import socket
    idle = [socket.create_connection(("127.0.0.1", fresh.port)) for _ in range(100)]
    for number, connection in enumerate(idle):
        connection.sendall(b"POST /v1/locations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"[:10 + number % 60])
    began = time.monotonic()
    assert fresh.post(PATH, location(1, 1)).status_code == 200
    assert time.monotonic() - began < 2
    for connection in idle:
        connection.close()


def test_it_stops_although_clients_are_connected(fresh):
    import socket
    idle = [socket.create_connection(("127.0.0.1", fresh.port)) for _ in range(10)]
    began = time.monotonic()
    assert fresh.stop() == 0
    assert time.monotonic() - began < 20
    for connection in idle:
        connection.close()


def test_api_is_the_same_without_the_rest(tmp_path):
    port_file = tmp_path / "port"
    from running import binary
    process = subprocess.Popen([binary(), "api", "--listen", "127.0.0.1:0", "--data", str(tmp_path / "data"), "--port-file",
                                str(port_file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while not port_file.exists() and time.monotonic() < until:
            time.sleep(0.02)
        assert int(port_file.read_text()) > 0
    finally:
        process.terminate()
        assert process.wait(60) == 0
