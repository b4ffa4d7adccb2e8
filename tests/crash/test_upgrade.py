"""`waybill upgrade` killed at each of its steps: the next one ends it, and everything is there."""
from formats import assert_holds, unpack
from running import Waybill, run


def test_killed_at_every_step_of_the_upgrade(tmp_path, killed, chance, cycles):
    clean = unpack(1, tmp_path / "clean")
    code, steps = killed.run(["upgrade", "--data", clean], clean)
    assert code == 0 and steps > 5
    points = [(step, after) for step in range(1, steps + 1) for after in (0, 1)]
    for step, after in chance.sample(points, min(len(points), max(4, cycles // 5))):
        data = unpack(1, tmp_path / f"{step}-{after}")
        killed.run(["upgrade", "--data", data], data, step, after)
        ended = run("upgrade", "--data", data, binary=killed.binary)
        assert ended.returncode == 0, f"killed at step {step}: {ended.stdout}{ended.stderr}"
        books = run("verify", "--deep", "--data", data, binary=killed.binary)
        assert books.returncode == 0, f"killed at step {step}: {books.stdout}{books.stderr}"
    with Waybill(data, killed.binary) as waybill:
        assert_holds(waybill, 1)
