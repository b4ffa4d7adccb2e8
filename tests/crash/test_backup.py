"""`waybill backup` and `restore` killed at their steps: the generation before stays whole, half a restore is no data folder."""
import shutil

from formats import assert_holds, unpack
from running import Waybill, run


def upgraded(tmp_path, binary):
    data = unpack(1, tmp_path)
    assert run("upgrade", "--data", data, binary=binary).returncode == 0
    return data


def assert_restores(to, target, binary, point):
    done = run("restore", to, "--data", target, binary=binary)
    assert done.returncode == 0 and "the books balance" in done.stdout, f"{point}: {done.stdout}{done.stderr}"


def test_killed_at_every_step_of_a_backup(tmp_path, killed, chance, cycles):
    data = upgraded(tmp_path, killed.binary)
    first = tmp_path / "first"
    assert killed.run(["backup", first, "--data", data], first)[0] == 0
    with Waybill(data, killed.binary) as waybill:
        one = {"order_id": "new", "latitude": 41, "longitude": -8, "timestamp": "2024-01-16T09:00:00.000Z"}
        assert waybill.post("/v1/locations", one).status_code == 200
        assert waybill.stop() == 0
    clean = shutil.copytree(first, tmp_path / "clean")
    code, steps = killed.run(["backup", clean, "--data", data, "--keep", 1], clean)
    assert code == 0 and steps > 10
    points = [(step, after) for step in range(1, steps + 1) for after in (0, 1)]
    for step, after in chance.sample(points, min(len(points), max(4, cycles // 5))):
        point = f"killed at step {step} of {steps}"
        to = shutil.copytree(first, tmp_path / f"to-{step}-{after}")
        killed.run(["backup", to, "--data", data, "--keep", 1], to, step, after)
        assert_restores(to, tmp_path / f"restored-{step}-{after}", killed.binary, point)
        again = run("backup", to, "--data", data, "--keep", 1, binary=killed.binary)
        assert again.returncode == 0, f"{point}: {again.stderr}"
        kept = {path.name for path in (to / "generations").iterdir()}
        assert len(kept) == 1 and not (to / "files/new.tmp").exists(), point
    assert_restores(to, tmp_path / "last", killed.binary, "at the end")
    with Waybill(tmp_path / "last", killed.binary) as waybill:
        assert_holds(waybill, 1)
        assert len(waybill.track("new")) == 1


def test_killed_at_every_step_of_a_restore(tmp_path, killed, chance, cycles):
    data = upgraded(tmp_path, killed.binary)
    to = tmp_path / "backup"
    assert run("backup", to, "--data", data, binary=killed.binary).returncode == 0
    code, steps = killed.run(["restore", to, "--data", tmp_path / "clean"], tmp_path / "clean")
    assert code == 0 and steps > 10
    points = [(step, after) for step in range(1, steps + 1) for after in (0, 1)]
    for step, after in chance.sample(points, min(len(points), max(4, cycles // 5))):
        target = tmp_path / f"half-{step}-{after}"
        killed.run(["restore", to, "--data", target], target, step, after)
        books = run("verify", "--deep", "--data", target, binary=killed.binary)
        whole = (target / "FORMAT").exists() and (target / "FORMAT").stat().st_size > 0
        assert (books.returncode == 0) == whole, f"killed at step {step} of {steps}: {books.stdout}{books.stderr}"
