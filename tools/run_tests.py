#!/usr/bin/env python3
"""tools/run_tests.py dev|live|soak — runs what script/test, script/test live and script/soak have built, and counts.

One line a suite while it runs, each failure in full, and `N passed, N failed` as the last line. Suites are found, not
listed: the test programs by ctest, the Python suites and the fuzzers by their files' names, the rules by tools/tidy.py.
A suite that dies, hangs or finds nothing to run has failed once.
"""
import argparse
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree

import clang_tidy
import races
import tidy
import pinned_venv
import services

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIVE = ["e2e"]  # the suites of tests/ that also meet the release build
LIVE_ONLY = ["api", "brokers", "browser", "mongo", "package", "s3"]  # those that meet no other
LONGEST = ["crash", "e2e"]
PROGRAM_S_MAX = 30 * 60  # a test program or Python suite that runs longer is stopped and has failed
CRASH_CYCLES = 50  # kills of a running process in script/test; script/soak does this many for each of its minutes
ORDERS = 1_000_000  # distinct order ids that one client sends in script/soak; in script/test it is a part of that
OUTPUT_CHARS_MAX = 20_000  # of a failure's output: the end of it is shown
RACES_S_MAX = 3600  # the same for one with ThreadSanitizer
SLOWER = {"tsan": 5, "several": 2}  # what tests/running.py is told of that, and where others run beside a test
YEAR = {"YEAR_DAYS": 365, "YEAR_LOCATIONS_A_DAY": 12 * 86_400, "YEAR_KEEP_DAYS": 7}  # 378 million locations
YEAR_S_MAX = 6 * 3600
ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}


@dataclasses.dataclass
class Outcome:
    passed: int = 0
    failures: list = dataclasses.field(default_factory=list)  # (test, what it said)
    skipped: list = dataclasses.field(default_factory=list)


class Tally:
    """Adds up the suites and tells of each when it ends."""

    def __init__(self):
        self.passed = self.failed = 0
        self.lock = threading.Lock()

    def suite(self, name, run):
        begin = time.monotonic()
        try:
            outcome = run()
        except Exception as error:  # pylint: disable=broad-except; a suite that cannot be run must not hide the others
            outcome = Outcome(failures=[(name, f"could not be run: {error!r}")])
        if not outcome.passed and not outcome.failures and not outcome.skipped:
            outcome.failures.append((name, "found nothing to run"))
        with self.lock:
            for test, said in outcome.failures:
                print(f"\n=== FAILED {name}: {test}\n{said.strip()[-OUTPUT_CHARS_MAX:]}\n===")
            for test in outcome.skipped:
                print(f"    skipped: {test}")
            print(f"{'FAIL' if outcome.failures else ' ok '} {name}: {outcome.passed} passed, {len(outcome.failures)} failed"
                  f", {time.monotonic() - begin:.1f} s", flush=True)
            self.passed += outcome.passed
            self.failed += len(outcome.failures)

    def suites(self, named, jobs):
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            list(pool.map(lambda one: self.suite(*one), named))


def run_program(command, seconds_max=PROGRAM_S_MAX, **variables):
    """(exit code, output). The whole process group ends with it, so that nothing is left behind to disturb the next."""
    environment = ENVIRONMENT | os.environ | {key: str(value) for key, value in variables.items()}
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        process = subprocess.Popen([str(part) for part in command], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
                                   stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            code, note = process.wait(seconds_max), ""
        except subprocess.TimeoutExpired:
            code, note = 124, f"\nstopped: it ran longer than {seconds_max} s"
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        output.seek(0)
        return code, output.read() + note


def gtest_outcome(command, seconds_max=PROGRAM_S_MAX, **variables):
    """A GoogleTest program by its own report; any other program by its exit code."""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        code, output = run_program(command, seconds_max, GTEST_OUTPUT=f"json:{report}", TMPDIR=folder, **variables)
        outcome = Outcome()
        if report.exists():
            for suite in json.loads(report.read_text())["testsuites"]:
                for test in suite["testsuite"]:
                    name = f"{suite['name']}.{test['name']}"
                    if test.get("failures"):
                        outcome.failures.append((name, "\n".join(one["failure"] for one in test["failures"])))
                    elif test["result"] == "SKIPPED":
                        outcome.skipped.append(name)
                    elif test["status"] == "RUN":
                        outcome.passed += 1
        else:
            outcome.passed = output.count("[       OK ]") or int(code == 0)
        if code != 0 and not outcome.failures:
            outcome.failures.append((f"{pathlib.Path(command[0]).name} ended with {code}", output))
        return outcome


def pytest_outcome(folder, seconds_max=PROGRAM_S_MAX, before=(), **variables):
    """Tests of several files run several at once, each with processes, a folder and ports of its own."""
    several = ["-n", os.cpu_count()] if len(list(folder.glob("test_*.py"))) > 1 else []
    variables = {"SLOWER": SLOWER["several"]} | variables
    with tempfile.TemporaryDirectory() as scratch:
        report = pathlib.Path(scratch) / "report.xml"
        code, output = run_program([*before, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=long", *several,
                                    f"--junitxml={report}", folder], seconds_max, PYTHONDONTWRITEBYTECODE=1, **variables)
        outcome = Outcome()
        for case in xml.etree.ElementTree.parse(report).iter("testcase") if report.exists() else ():
            name = f"{case.get('classname')}.{case.get('name')}"
            faults = [child for child in case if child.tag in ("failure", "error")]
            if faults:
                outcome.failures.append((name, "\n".join(fault.text or fault.get("message", "") for fault in faults)))
            elif case.find("skipped") is not None:
                outcome.skipped.append(f"{name}: {case.find('skipped').get('message')}")
            else:
                outcome.passed += 1
        if code != 0 and not outcome.failures:
            outcome.failures.append((f"pytest ended with {code}", output))
        return outcome


def races_outcome(run):
    """What run() says of programs with ThreadSanitizer, and each race that was seen in one of them, however it ended."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(TSAN_OPTIONS=f"exitcode=0:second_deadlock_stack=1:history_size=7:log_path='{folder}/race'")
        for path in sorted(pathlib.Path(folder).iterdir()):
            outcome.failures += [(path.name, report) for report in races.that_count(path.read_text(errors="replace"))]
        return outcome


def rules_outcome():
    outcome, tree = Outcome(), tidy.Tree(ROOT)
    for rule in tidy.RULES:
        problems = list(rule(tree))
        if problems:
            outcome.failures.append((rule.__name__, "\n".join(problems)))
        else:
            outcome.passed += 1
    return outcome


def format_outcome():
    sources = [str(path) for folder in ("src", "tests") for path in sorted((ROOT / folder).rglob("*.[hc]*"))
               if path.suffix in (".h", ".cc")]
    code, output = run_program(["clang-format-19", "--dry-run", "-Werror", "--ferror-limit=3", *sources])
    return Outcome(passed=1) if code == 0 else Outcome(failures=[("clang-format", output)])


def clang_tidy_outcome(build):
    findings, sources, checked = clang_tidy.run(build)
    print(f"    clang-tidy: {checked} of {sources} sources have changed", flush=True)
    if findings:
        return Outcome(failures=[(f"clang-tidy {source}", said) for source, said in sorted(findings.items())])
    return Outcome(passed=1)


def unit_suites(build, run=gtest_outcome):
    """[(name, run)] of every test program that the build knows."""
    shown = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"], capture_output=True, text=True, check=True)
    tests = json.loads(shown.stdout)["tests"]
    if not tests:
        return [("unit", Outcome)]
    # ctest gives no command for a program that was not built: naming it as one makes its suite fail with that name.
    return [(f"unit {test['name']}", lambda command=test.get("command", [test["name"]]): run(command)) for test in tests]


def race_suites(build):
    """[(name, run)] of tests/e2e and every test program, with ThreadSanitizer."""
    # That of g++ 12 cannot live with the address randomisation of newer kernels.
    steady = ["setarch", "--addr-no-randomize"]
    if not shutil.which("setarch") or subprocess.run([*steady, "true"], capture_output=True).returncode != 0:
        steady = []

    def e2e(**options):
        return pytest_outcome(ROOT / "tests" / "e2e", RACES_S_MAX, steady, WAYBILL=build / "waybill", SLOWER=SLOWER["tsan"], **options)

    def unit(command):
        return races_outcome(lambda **options: gtest_outcome([*steady, *command], RACES_S_MAX, **options))
    return [(f"{name}, tsan", run) for name, run in [("e2e", lambda: races_outcome(e2e)), *unit_suites(build, unit)]]


def python_suites():
    found = {path.parent for path in (ROOT / "tests").glob("*/test_*.py") if path.parent.name not in LIVE_ONLY}
    return sorted(found, key=lambda folder: (folder.name not in LONGEST, folder.name))


def fuzz_outcome(fuzzer, minutes):
    name = fuzzer.stem
    program = ROOT / "build" / "fuzz" / "src" / fuzzer.relative_to(ROOT).parts[1] / name
    grown = ROOT / "build" / "fuzz" / "corpus" / name
    grown.mkdir(parents=True, exist_ok=True)
    code, output = run_program([program, f"-max_total_time={minutes * 60}", "-rss_limit_mb=4096", "-timeout=30",
                                f"-artifact_prefix={grown.parent}/{name}-", grown, ROOT / "tests" / "corpus" / name],
                               minutes * 60 + 600)
    return Outcome(passed=1) if code == 0 else Outcome(failures=[(name, output)])


def run_dev(tally):
    build = ROOT / "build" / "dev"
    tally.suite("rules", rules_outcome)
    tally.suite("format", format_outcome)
    tally.suites(unit_suites(build), os.cpu_count())
    variables = {"WAYBILL": build / "waybill", "CYCLES": CRASH_CYCLES}
    # They wait more than they compute, so two at a time, the longest first.
    tally.suites([(folder.name, lambda folder=folder: pytest_outcome(folder, **variables)) for folder in python_suites()]
                 + [("clang-tidy", lambda: clang_tidy_outcome(build))], os.cpu_count())


def live_outcome(folder):
    variables = {"WAYBILL": ROOT / "build" / "release" / "waybill"}
    if folder.name == "api":
        variables["SCHEMATHESIS"] = pinned_venv.pinned_venv(folder / "requirements.txt") / "bin" / "st"
    return pytest_outcome(folder, **variables)


def server_outcome(program, server, tests):
    """The tests of a program that want a real server, with one of its own; that it has none is a failure."""
    with services.running(server) as environment:
        return gtest_outcome([program, f"--gtest_filter={tests}"], **environment)


def run_live(tally):
    lake = ROOT / "build" / "dev" / "src" / "lake" / "lake_tests"
    broker = ROOT / "build" / "dev" / "src" / "broker" / "broker_tests"
    tally.suite("lake, versitygw", lambda: server_outcome(lake, "versitygw", "*LiveS3*"))
    tally.suite("lake, versitygw with TLS", lambda: server_outcome(lake, "versitygw-tls", "LiveS3/ObjectsContract*:*LiveS3Tls*"))
    for server in services.BROKERS:
        tally.suite(f"broker, {server}", lambda server=server: server_outcome(broker, server, "*LiveBroker*"))
    store = ROOT / "build" / "dev" / "src" / "store" / "store_tests"
    tally.suite("store, mongo", lambda: server_outcome(store, "mongo", "*LiveMongo*"))
    for name in LIVE + LIVE_ONLY:
        tally.suite(f"{name}, release", lambda: live_outcome(ROOT / "tests" / name))


def run_soak(tally, minutes):
    tally.suites(race_suites(ROOT / "build" / "tsan"), os.cpu_count())
    tally.suites([(f"fuzz {path.stem}", lambda path=path: fuzz_outcome(path, minutes))
                  for path in sorted((ROOT / "src").rglob("*_fuzz.cc"))], os.cpu_count())
    tally.suite("lake, minio", lambda: server_outcome(
        ROOT / "build" / "soak" / "src" / "lake" / "lake_tests", "minio", "*LiveS3*"))
    tally.suite("s3, minio", lambda: pytest_outcome(ROOT / "tests" / "s3", WAYBILL=ROOT / "build" / "release" / "waybill",
                                                    S3_SERVER="minio"))
    tally.suite("a year", lambda: gtest_outcome(
        [ROOT / "build" / "soak" / "src" / "ingest" / "ingest_tests", "--gtest_filter=Year.*"], YEAR_S_MAX, **YEAR))
    tally.suite("crash", lambda: pytest_outcome(ROOT / "tests" / "crash", seconds_max=minutes * 600 + 3600,
                                                WAYBILL=ROOT / "build" / "release" / "waybill",
                                                CYCLES=CRASH_CYCLES * minutes))
    tally.suite("hostile", lambda: pytest_outcome(ROOT / "tests" / "hostile", seconds_max=minutes * 600 + 3600,
                                                  WAYBILL=ROOT / "build" / "release" / "waybill", ORDERS=ORDERS))


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("kind", choices=["dev", "live", "soak"])
    arguments.add_argument("--minutes", type=int, default=60, help="of each fuzzer in soak")
    asked = arguments.parse_args()
    tally = Tally()
    if asked.kind == "dev":
        run_dev(tally)
    elif asked.kind == "live":
        run_live(tally)
    else:
        run_soak(tally, asked.minutes)
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
