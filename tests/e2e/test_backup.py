"""Backup and restore, met from outside: under load, killed, damaged, upgraded; each ends with the books."""
import json
import subprocess
import threading

import pytest

from formats import assert_holds, unpack
from running import Waybill, binary, run

SMALL = ["--journal-segment-mib", 4, "--journal-keep-mib", 0, "--store-flush-seconds", 1]


def locations(order, first, count):
    return [{"order_id": order, "deliverer_id": f"d-{order}", "latitude": 41, "longitude": -8, "number": number,
             "timestamp": f"2024-01-15T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}.000Z"}
            for number in range(first, first + count)]


def post(waybill, order, first, count):
    answer = waybill.post("/v1/locations", locations(order, first, count))
    assert answer.status_code == 200, answer.text
    return answer.json()


def numbers(waybill, order):
    return [kept["number"] for kept in waybill.track(order)]


def back_up(data, to, *arguments):
    """What it said: {"generation", "files", "bytes", "copied"}."""
    done = run("backup", to, "--data", data, *arguments)
    assert done.returncode == 0, done.stderr
    words = done.stdout.split()
    return {"generation": int(words[words.index("generation") + 1].rstrip(":")), "bytes": int(words[words.index("bytes,") - 1]),
            "copied": int(words[words.index("copied") - 3])}


def restore(to, data, *arguments):
    done = run("restore", to, "--data", data, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rows       read again" in done.stdout and "the books balance" in done.stdout
    return done.stdout


class Load:
    """A thread that posts until it is told to end, or the server is gone."""

    def __init__(self, waybill, order):
        self.waybill, self.order, self.acknowledged, self.over = waybill, order, 0, threading.Event()
        self.some = threading.Event()
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        session = Waybill(self.waybill.data).session
        while not self.over.is_set():
            try:
                answer = session.post(self.waybill.url + "/v1/locations", json=locations(self.order, self.acknowledged, 20))
            except OSError:
                return
            if answer.status_code == 200:
                self.acknowledged += 20
                if self.acknowledged > 200:
                    self.some.set()

    def end(self):
        self.over.set()
        self.thread.join(60)


def test_a_backup_under_load_has_everything_acknowledged_before_it_began(tmp_path):
    with Waybill(tmp_path / "data", arguments=SMALL) as waybill:
        load = Load(waybill, "load")
        assert load.some.wait(60)
        before = load.acknowledged
        back_up(waybill.data, tmp_path / "backup")
        waybill.kill()
        load.end()
        waybill.assert_books_balance()
        said = restore(tmp_path / "backup", tmp_path / "new")
        end = int(said.split("positions go on as ")[1].split(";")[0].split("-")[2])
        with Waybill(tmp_path / "new", arguments=SMALL) as restored:
            kept = numbers(restored, "load")
            assert kept == list(range(len(kept))) and len(kept) == end >= before
            waybill.start()
            assert waybill.track("load")[:len(kept)] == restored.track("load")
            assert post(restored, "load", len(kept), 10)["first"].endswith(f"-{end}")
            assert numbers(restored, "load") == list(range(end + 10))
            assert restored.stop() == 0
            restored.assert_books_balance()


def test_positions_that_the_restored_folder_lost_are_told_and_the_others_hold(tmp_path):
    with Waybill(tmp_path / "data") as waybill:
        kept = post(waybill, "a", 0, 10)
        back_up(waybill.data, tmp_path / "backup")
        lost = post(waybill, "a", 10, 5)
    restore(tmp_path / "backup", tmp_path / "new")
    with Waybill(tmp_path / "new") as restored:
        again = post(restored, "a", 10, 7)
        assert again["first"].split("-")[2] == lost["first"].split("-")[2] and again["first"] != lost["first"]
        assert restored.get(f"/v1/custody/{kept['last']}").json()["items"][0]["location"]["number"] == 9
        assert restored.get(f"/v1/custody/{again['first']}").json()["items"][0]["location"]["number"] == 10
        for asked in (f"/v1/custody/{lost['first']}", f"/v1/orders/a/track?at_least={lost['last']}"):
            answer = restored.get(asked)
            assert answer.status_code == 409, answer.text
            detail = answer.json()["detail"]
            assert lost["first"].split("-")[0] in detail and "ends at offset 10" in detail, detail
        for position in (kept["last"], again["last"]):
            assert restored.get(f"/v1/orders/a/track?at_least={position}").status_code == 200
        assert [one["position"].split("-")[0] for one in restored.track("a")] == ["1"] * 10 + [again["first"].split("-")[0]] * 7


def test_the_next_backup_copies_little_and_old_generations_go(tmp_path):
    to = tmp_path / "backup"
    rarely_flushed = [*SMALL[:-1], 3600]  # few store files, so that none are compacted between two backups
    with Waybill(tmp_path / "data", arguments=rarely_flushed) as waybill:
        for first in range(0, 20_000, 1_000):
            post(waybill, "many", first, 1_000)
        full = back_up(waybill.data, to, "--keep", 2)
        assert full["copied"] == full["bytes"] > 500_000
        # A file that was written while somebody read a snapshot is written once more by RocksDB, at a time of its own.
        few = 0
        while True:
            post(waybill, "few", few, 10)
            few += 10
            small = back_up(waybill.data, to, "--keep", 2)
            if small["copied"] < full["copied"] / 10:
                break
            assert few < 50, (full, small)
        last = small["generation"]
        assert sorted(path.name for path in (to / "generations").iterdir()) == [f"{last - 1:08}.json", f"{last:08}.json"]
        assert waybill.stop() == 0
    # The same by the command alone, nobody serving.
    alone = back_up(waybill.data, to, "--keep", 2)
    assert alone["generation"] == last + 1 and alone["copied"] < alone["bytes"]
    for generation in (last, last + 1):
        restore(to, tmp_path / f"new-{generation}", "--generation", generation)
        with Waybill(tmp_path / f"new-{generation}", arguments=SMALL) as restored:
            assert numbers(restored, "many") == list(range(20_000))
            assert numbers(restored, "few") == list(range(few))
    gone = run("restore", to, "--data", tmp_path / "gone", "--generation", last - 1)
    assert gone.returncode == 1 and f"generation {last - 1}" in gone.stderr and f"{last}, {last + 1}" in gone.stderr


def test_a_flipped_bit_in_the_backup_is_found_by_restore(tmp_path):
    with Waybill(tmp_path / "data") as waybill:
        post(waybill, "a", 0, 500)
        back_up(waybill.data, tmp_path / "backup")
    for pattern in ("*.sst", "*.log", "*MANIFEST*", "*FORMAT"):
        victim = max((tmp_path / "backup/files").glob(pattern), key=lambda path: path.stat().st_size)
        whole = victim.read_bytes()
        victim.write_bytes(whole[:len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 4]) + whole[len(whole) // 2 + 1:])
        target = tmp_path / f"new-{victim.name}"
        damaged = run("restore", tmp_path / "backup", "--data", target)
        assert damaged.returncode == 1 and victim.name in damaged.stderr, damaged.stderr
        refused = run("up", "--listen", "127.0.0.1:0", "--data", target)
        assert refused.returncode == 1, "what was not restored to its end is no data folder"
        victim.write_bytes(whole)
    restore(tmp_path / "backup", tmp_path / "new")


def test_killed_while_it_backs_up_the_generation_before_is_whole(tmp_path):
    """Again and again, at other moments: the process that serves, and the command that works alone."""
    to = tmp_path / "backup"
    with Waybill(tmp_path / "data", arguments=SMALL) as waybill:
        post(waybill, "a", 0, 1_000)
        back_up(waybill.data, to)
        count = 1_000
        for attempt in range(3):
            post(waybill, "a", count, 3_000)
            count += 3_000
            asked = waybill.post("/v1/backup", {"to": str(to)})
            assert asked.status_code == 202 and asked.json()["state"] in ("running", "done")
            while attempt and waybill.get("/v1/backup").json()["state"] == "running" and len(list((to / "files").iterdir())) % 5:
                pass
            waybill.kill()
            waybill.start()
        assert numbers(waybill, "a") == list(range(count))
    alone = subprocess.Popen([binary(), "backup", str(to), "--data", str(waybill.data)], stdout=subprocess.DEVNULL)
    alone.kill()
    alone.wait()
    restore(to, tmp_path / "new")
    with Waybill(tmp_path / "new", arguments=SMALL) as restored:
        kept = numbers(restored, "a")
        assert kept == list(range(len(kept))) and len(kept) >= 1_000
    after = back_up(waybill.data, to)
    restore(to, tmp_path / "newest", "--generation", after["generation"])
    with Waybill(tmp_path / "newest", arguments=SMALL) as restored:
        assert numbers(restored, "a") == list(range(count))


def test_one_backup_at_a_time_and_what_is_asked_for_is_checked(tmp_path):
    with Waybill(tmp_path / "data") as waybill:
        post(waybill, "a", 0, 10)
        assert waybill.get("/v1/backup").json() == {"state": "none"}
        for body in ({}, {"to": "relative"}, {"to": 7}, [], {"to": "/x", "keep": 0}, {"to": "/x", "keep": 1.5},
                     {"to": "/x", "other": 1}, "{", {"to": ["/x"]}):
            answer = waybill.post("/v1/backup", body if isinstance(body, str) else json.dumps(body))
            assert answer.status_code == 400, (body, answer.text)
        to = str(tmp_path / "backup")
        answers = [waybill.post("/v1/backup", {"to": to}).status_code for _ in range(20)]
        assert answers[0] == 202 and set(answers) <= {202, 409}
        while waybill.get("/v1/backup").json()["state"] == "running":
            pass
        state = waybill.get("/v1/backup").json()
        assert state["state"] == "done" and state["journal_end"] == 10 and state["copied_bytes"] <= state["bytes"]
        (tmp_path / "photos").mkdir()
        (tmp_path / "photos/summer.jpg").write_text("not ours")
        refused = run("backup", tmp_path / "photos", "--data", waybill.data)
        assert refused.returncode == 1 and "summer.jpg" in refused.stderr
        assert waybill.get("/v1/backup").json()["state"] == "failed"


def test_keys_stay_private(tmp_path):
    with Waybill(tmp_path / "data") as waybill:
        post(waybill, "a", 0, 1)
        waybill.stop()
    keys = waybill.data / "keys"
    keys.mkdir(exist_ok=True)
    (keys / "test.pem").write_text("secret")
    back_up(waybill.data, tmp_path / "backup")
    restore(tmp_path / "backup", tmp_path / "new")
    copies = [*(tmp_path / "backup/files").glob("*test.pem"), tmp_path / "new/keys/test.pem"]
    assert len(copies) == 2
    for path in copies:
        assert path.read_text() == "secret" and path.stat().st_mode & 0o777 == 0o600


def test_restore_refuses_a_folder_that_is_not_empty(tmp_path):
    with Waybill(tmp_path / "data") as waybill:
        post(waybill, "a", 0, 5)
        back_up(waybill.data, tmp_path / "backup")
        for target in (waybill.data, tmp_path):
            refused = run("restore", tmp_path / "backup", "--data", target)
            assert refused.returncode == 1 and "not empty" in refused.stderr
        assert len(waybill.track("a")) == 5
    nothing = run("restore", tmp_path, "--data", tmp_path / "new")
    assert nothing.returncode == 1 and "not a backup" in nothing.stderr
    nothing = run("backup", tmp_path / "backup", "--data", tmp_path / "nowhere")
    assert nothing.returncode == 1 and not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("number", [1])
def test_an_upgraded_folder_is_backed_up_and_restored(tmp_path, number):
    data = unpack(number, tmp_path)
    refused = run("backup", tmp_path / "backup", "--data", data)
    assert refused.returncode == 1 and "waybill upgrade" in refused.stderr
    assert run("upgrade", "--data", data).returncode == 0
    back_up(data, tmp_path / "backup")
    restore(tmp_path / "backup", tmp_path / "new")
    with Waybill(tmp_path / "new", arguments=SMALL) as waybill:
        assert_holds(waybill, number)
        post(waybill, "new", 0, 10)
        assert waybill.stop() == 0
        waybill.assert_books_balance()
