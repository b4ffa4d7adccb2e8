"""tools/run_tests.py counts what ran, and nothing that did not run counts as passed."""
import json
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import run_tests  # noqa: E402


def program(tmp_path, text):
    path = tmp_path / "program"
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return [path]


def is_alive(status):
    try:
        return "State:\tZ" not in status.read_text()
    except OSError:
        return False


def report(*tests):
    return json.dumps({"testsuites": [{"name": "Store", "testsuite": list(tests)}]})


GOOD = {"name": "keeps", "status": "RUN", "result": "COMPLETED"}
BAD = {"name": "loses", "status": "RUN", "result": "COMPLETED", "failures": [{"failure": "expected 1, was 2"}]}
SKIPPED = {"name": "waits", "status": "RUN", "result": "SKIPPED"}
WRITE = "cat > \"${GTEST_OUTPUT#json:}\" <<'END'\n%s\nEND\n"


def test_a_test_program_is_counted_by_its_report(tmp_path):
    outcome = run_tests.gtest_outcome(program(tmp_path, WRITE % report(GOOD, BAD, SKIPPED) + "exit 1\n"))
    assert outcome.passed == 1
    assert outcome.failures == [("Store.loses", "expected 1, was 2")]
    assert outcome.skipped == ["Store.waits"]


def test_a_leak_after_the_last_test_is_a_failure(tmp_path):
    outcome = run_tests.gtest_outcome(program(tmp_path, WRITE % report(GOOD) + "echo leaked 8 bytes; exit 23\n"))
    assert outcome.passed == 1
    assert outcome.failures == [("program ended with 23", "leaked 8 bytes\n")]


def test_a_program_that_dies_keeps_what_had_passed_and_fails_once(tmp_path):
    outcome = run_tests.gtest_outcome(program(tmp_path, "echo '[       OK ] a'; echo '[       OK ] b'; kill -9 $$\n"))
    assert (outcome.passed, len(outcome.failures)) == (2, 1)


def test_a_program_that_hangs_is_stopped_and_fails(tmp_path):
    code, output = run_tests.run_program(program(tmp_path, "echo begun; sleep 1000\n"), seconds_max=0.2)
    assert code == 124 and "begun" in output and "longer than" in output


def test_what_a_program_leaves_behind_ends_with_it(tmp_path):
    marker = tmp_path / "pid"
    run_tests.run_program(program(tmp_path, f"sleep 1000 & echo $! > {marker}\n"))
    status = pathlib.Path("/proc") / marker.read_text().strip() / "status"
    until = time.monotonic() + 10
    while is_alive(status) and time.monotonic() < until:  # a signal takes a moment to arrive
        time.sleep(0.01)
    assert not is_alive(status)


def test_a_python_suite_is_counted_by_its_report(tmp_path):
    (tmp_path / "test_x.py").write_text(
        "import pytest\ndef test_a(): pass\ndef test_b(): assert 1 == 2\n@pytest.mark.skip(reason='no disk')\ndef test_c(): pass\n")
    outcome = run_tests.pytest_outcome(tmp_path)
    assert outcome.passed == 1
    assert [name.split(".")[-1] for name, _ in outcome.failures] == ["test_b"]
    assert len(outcome.skipped) == 1 and "no disk" in outcome.skipped[0]


def test_a_python_suite_that_cannot_be_read_fails(tmp_path):
    (tmp_path / "test_x.py").write_text("import no_such_module\n")
    assert len(run_tests.pytest_outcome(tmp_path).failures) == 1


def test_a_race_in_a_process_that_was_killed_is_a_failure(tmp_path):
    server = program(tmp_path, """reports=$(echo "$TSAN_OPTIONS" | sed "s/.*log_path='//; s/'.*//")
echo "WARNING: ThreadSanitizer: data race" > "$reports.$$"; kill -9 $$
""")
    (tmp_path / "test_x.py").write_text(
        f"import subprocess\ndef test_a(): assert subprocess.run({[str(part) for part in server]}).returncode == -9\n")
    outcome = run_tests.races_outcome(lambda **options: run_tests.pytest_outcome(tmp_path, before=["env", "--"], **options))
    assert outcome.passed == 1
    assert [said for _, said in outcome.failures] == ["WARNING: ThreadSanitizer: data race\n"]


def test_a_suite_without_tests_fails(tmp_path, capsys):
    tally = run_tests.Tally()
    tally.suite("empty", lambda: run_tests.pytest_outcome(tmp_path))
    tally.suite("none", run_tests.Outcome)
    tally.suite("broken", lambda: 1 / 0)
    tally.suite("good", lambda: run_tests.Outcome(passed=3))
    assert (tally.passed, tally.failed) == (3, 3)
    assert "ZeroDivisionError" in capsys.readouterr().out


def test_ci_adds_up_both_runs_and_fails_where_either_does(tmp_path):
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / "run").write_text((ROOT / ".ci" / "run").read_text())
    (tmp_path / "script").mkdir()

    def ci(dev, live):
        path = tmp_path / "script" / "test"
        path.write_text(f'#!/bin/sh\nif [ "$1" = live ]; then {live}; else {dev}; fi\n')
        path.chmod(0o755)
        ran = subprocess.run(["bash", tmp_path / ".ci" / "run"], capture_output=True, text=True)
        return ran.stdout.strip().splitlines()[-1], ran.returncode

    assert ci("echo 5 passed, 0 failed", "echo 2 passed, 0 failed") == ("7 passed, 0 failed", 0)
    assert ci("echo 5 passed, 1 failed; exit 1", "echo 2 passed, 0 failed") == ("7 passed, 1 failed", 1)
    assert ci("echo broken build; exit 1", "echo 2 passed, 0 failed") == ("2 passed, 1 failed", 1)
    assert ci("echo 5 passed, 0 failed; exit 3", "echo 2 passed, 0 failed") == ("7 passed, 1 failed", 1)
