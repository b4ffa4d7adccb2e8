"""replay: real couriers through the HTTP API, in order, on after a break, nothing twice; the books to the row."""
import gzip
import json
import signal
import subprocess
import time
from collections import defaultdict

import pytest

from running import binary, courier_files, read_ndjson, run, same_location


def replay(waybill, file, *arguments, **options):
    return run("replay", file, "--url", waybill.url, "--speed", "max", *arguments, **options)


def location(number):
    return {"order_id": f"o-{number % 7}", "deliverer_id": f"d-{number % 7}", "delivery_state": "on_the_way",
            "latitude": 41 + number / 100_000, "longitude": -8.6,
            "timestamp": f"2024-01-15T{9 + number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}.000Z"}


def write(path, count):
    path.write_text("".join(json.dumps(location(number)) + "\n" for number in range(count)))
    return path


def kept(waybill):
    return sum(len(waybill.track(f"o-{number}")) for number in range(7))


def accepted(waybill):
    """Since it was started."""
    return waybill.metric('waybill_ingest_accepted_total{kind="location"}')


def assert_tracks_equal(waybill, sent):
    orders = defaultdict(list)
    for one in sent:
        orders[one["order_id"]].append(one)
    for order, ours in orders.items():
        theirs = waybill.track(order)
        assert [one["timestamp"] for one in theirs] == sorted(one["timestamp"] for one in theirs)
        # Fixes of the same moment have no order of their own.
        key = lambda one: (one["timestamp"], one["latitude"], one["longitude"], one["delivery_state"])
        assert len(ours) == len(theirs), order
        for one, other in zip(sorted(ours, key=key), sorted(theirs, key=key)):
            assert same_location(one, other), (order, one, other)


@pytest.mark.parametrize("file", courier_files(), ids=lambda path: path.name)
def test_real_couriers_balance_to_the_row_and_every_track_equals_its_input(fresh, file, tmp_path):
    sent = read_ndjson(file)
    progress = ["--progress", tmp_path / "progress"]
    done = replay(fresh, file, "--connections", 2, *progress)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "progress").exists()
    assert_tracks_equal(fresh, sent)
    fresh.assert_books_balance()
    # Once more: nothing counts twice.
    assert replay(fresh, file, "--batch", 333, *progress).returncode == 0
    assert_tracks_equal(fresh, sent)
    books = fresh.verify("--deep").stdout
    assert f"{2 * len(sent)} records accepted" in books, books
    fresh.stop()
    fresh.assert_books_balance()
    books = fresh.verify("--deep").stdout
    assert f"{len(sent)} stored, {len(sent)} repeats, 0 quarantined" in books, books


def test_it_goes_on_after_a_break(fresh, tmp_path):
    file = write(tmp_path / "ride.ndjson", 20_000)
    progress = tmp_path / "ride.ndjson.waybill-replay"
    process = subprocess.Popen([binary(), "replay", str(file), "--url", fresh.url, "--speed", "2000", "--batch", "5"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not progress.exists() and time.monotonic() < until and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.wait()
    done = json.loads(progress.read_text())["lines"]
    assert 0 < done < 20_000
    again = replay(fresh, file)
    assert again.returncode == 0 and f"line={done + 1}" in again.stderr, again.stderr
    assert kept(fresh) == 20_000
    assert not progress.exists()
    all_that_came = int(fresh.verify().stdout.split("records accepted")[0].split()[-1])
    assert all_that_came < 2 * 20_000 - done + 5_000, "what was done is not sent again"


def test_stopped_by_a_signal_it_keeps_its_place(fresh, tmp_path):
    file = write(tmp_path / "ride.ndjson", 1_000)
    process = subprocess.Popen([binary(), "replay", str(file), "--url", fresh.url, "--speed", "100"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    fresh.wait_until(lambda: accepted(fresh) > 100)  # the answer to the first of them has come long ago
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 1 and "stopped behind line" in told
    done = json.loads((tmp_path / "ride.ndjson.waybill-replay").read_text())["lines"]
    assert 0 < done < 1_000
    assert kept(fresh) >= done
    assert replay(fresh, file).returncode == 0
    assert kept(fresh) == 1_000


def test_a_server_with_an_empty_folder_gets_everything_from_the_start(fresh, tmp_path):
    file = write(tmp_path / "ride.ndjson", 100)
    replay(fresh, file, "--progress", tmp_path / "other")
    (tmp_path / "ride.ndjson.waybill-replay").write_text(json.dumps(
        {"waybill_replay": 1, "lines": 90, "head_bytes": 0, "head": "", "url": fresh.url, "last_position": "1-0-5000"}) + "\n")
    done = replay(fresh, file)
    assert done.returncode == 0 and "first line" in done.stderr
    assert kept(fresh) == 100


def test_it_outlives_the_servers_death(fresh, tmp_path):
    file = write(tmp_path / "ride.ndjson", 30_000)
    port = fresh.port
    process = subprocess.Popen([binary(), "replay", str(file), "--url", fresh.url, "--speed", "5000", "--batch", "10",
                                "--connections", "3"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for _ in range(3):
        before = accepted(fresh)
        fresh.wait_until(lambda before=before: accepted(fresh) > before)
        fresh.kill()
        time.sleep(0.2)  # so long it is away
        fresh.listen = f"127.0.0.1:{port}"
        fresh.start()
    out, told = process.communicate(timeout=300)
    assert process.returncode == 0, told
    assert kept(fresh) == 30_000
    fresh.assert_books_balance()


def test_failed_lines_are_told_and_make_the_exit_code_1(fresh, tmp_path):
    lines = [json.dumps(location(number)) for number in range(20)]
    lines[4] = "{nonsense"
    lines[9] = json.dumps({**location(9), "latitude": 91})
    lines[15] = ""
    file = tmp_path / "bad.ndjson"
    file.write_text("\n".join(lines))
    done = replay(fresh, file, "--batch", 3)
    assert done.returncode == 1
    assert "2 of 19" in done.stderr and "line=5" in done.stderr and "line=10" in done.stderr, done.stderr
    assert kept(fresh) == 17


def test_nothing_but_bad_lines(fresh, tmp_path):
    file = tmp_path / "bad.ndjson"
    file.write_text("nonsense\n" * 50)
    done = replay(fresh, file)
    assert done.returncode == 1 and "50 of 50" in done.stderr, done.stderr


def test_csv_with_mapped_columns(fresh, tmp_path):
    file = tmp_path / "buses.csv"
    file.write_text("vehicle_id,timestamp,speed,route_id,trip_id,lat,lng,trip_headsign\r\n" + "".join(
        f'8924,2016-09-01T17:{minute:02}:45-05:00,{minute}.5,1,1669518,30.4{minute:02},-97.66912,"1-Metric, South"\r\n'
        for minute in range(10)))
    done = replay(fresh, file, "--map", "deliverer_id=vehicle_id,order_id=trip_id,latitude=lat,longitude=lng")
    assert done.returncode == 0, done.stderr
    track = fresh.track("1669518")
    assert [one["latitude"] for one in track] == [float(f"30.4{minute:02}") for minute in range(10)]
    assert track[0]["timestamp"].startswith("2016-09-01T22:00:45") and track[3]["speed"] == 3.5
    assert track[0]["trip_headsign"] == "1-Metric, South"
    assert replay(fresh, file, "--map", "latitude=nowhere").returncode == 1


def test_gpx(fresh, tmp_path):
    file = tmp_path / "ride.gpx"
    file.write_text('<?xml version="1.0"?><gpx version="1.1" creator="x" xmlns="http://www.topografix.com/GPX/1/1"><trk>'
                    "<name>rider</name><trkseg>" + "".join(
                        f'<trkpt lat="41.{number}" lon="-8.{number}"><ele>7</ele><time>2024-01-15T09:00:0{number}Z</time></trkpt>'
                        for number in range(1, 9)) + "</trkseg></trk></gpx>")
    assert replay(fresh, file).returncode == 0
    track = fresh.get("/v1/deliverers/rider/track").json()["locations"]
    assert [one["latitude"] for one in track] == [float(f"41.{number}") for number in range(1, 9)]


def test_gzip_and_standard_input(fresh, tmp_path):
    file = tmp_path / "ride.ndjson.gz"
    text = "".join(json.dumps(location(number)) + "\n" for number in range(5_000))
    file.write_bytes(gzip.compress(text[:100_000].encode()) + gzip.compress(text[100_000:].encode()))
    assert replay(fresh, file).returncode == 0
    assert kept(fresh) == 5_000
    more = "".join(json.dumps(location(number)) + "\n" for number in range(5_000, 5_100))
    assert replay(fresh, "-", input=more).returncode == 0
    assert kept(fresh) == 5_100


def test_a_gzip_file_that_was_cut_off_is_told_after_what_could_be_read(fresh, tmp_path):
    file = tmp_path / "cut.ndjson.gz"
    text = "".join(json.dumps(location(number)) + "\n" for number in range(5_000))
    packed = gzip.compress(text.encode())
    file.write_bytes(packed[:len(packed) // 2])
    done = replay(fresh, file)
    assert done.returncode == 1 and "gzip" in done.stderr
    assert 1_000 < kept(fresh) < 5_000


def test_speed_1_takes_as_long_as_it_took_and_faster_less(fresh, tmp_path):
    file = write(tmp_path / "ride.ndjson", 4)
    began = time.monotonic()
    assert run("replay", file, "--url", fresh.url, "--speed", "1").returncode == 0
    assert 2.9 < time.monotonic() - began < 6
    file = write(tmp_path / "long.ndjson", 101)
    began = time.monotonic()
    assert run("replay", file, "--url", fresh.url, "--speed", "50").returncode == 0
    assert 1.9 < time.monotonic() - began < 5


def test_what_cannot_be_replayed_is_told(fresh, tmp_path):
    assert "no-such-file" in replay(fresh, tmp_path / "no-such-file").stderr
    file = write(tmp_path / "ride.ndjson", 3)
    assert run("replay", file, "--url", fresh.url + "/wrong").returncode == 1
    assert run("replay", file, "--url", "nowhere").returncode == 1
    assert run("replay", file, "--url", fresh.url, "--speed", "0").returncode != 0
