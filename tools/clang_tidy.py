#!/usr/bin/env python3
"""tools/clang_tidy.py BUILD_FOLDER — clang-tidy over every source of src/, only where something it reads has changed.

A file that was found clean is remembered under a key of everything that the answer depends on: the checks, the tool, the
command line and the content of each file that the compiler read for it (ninja knows them, so BUILD_FOLDER must be built).
The memory is a folder of empty files outside the tree: ${XDG_CACHE_HOME:-~/.cache}/waybill/clang-tidy.
"""
import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import time

import pinned_venv

ROOT = pathlib.Path(__file__).resolve().parent.parent
WANTED = ROOT / "tools" / "clang-tidy.txt"
KEPT_S_MAX = 30 * 24 * 3600  # a key that nobody asked for this long is forgotten


@functools.cache
def tool():
    program, = pinned_venv.pinned_venv(WANTED).glob("lib/python*/site-packages/clang_tidy/data/bin/clang-tidy")
    return program


def memory():
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "waybill" / "clang-tidy"


def read_by_object(build):
    """Object file -> the files that its compiler read, from ninja's own log."""
    text = subprocess.run(["ninja", "-C", build, "-t", "deps"], capture_output=True, text=True, check=True).stdout
    found = {}
    for block in text.split("\n\n"):
        lines = block.strip("\n").split("\n")
        match = re.match(r"(\S+): #deps \d+, .*\(VALID\)", lines[0])
        if match:
            found[match[1]] = [line.strip() for line in lines[1:]]
    return found


class Keys:
    def __init__(self, build):
        self.build = build
        self.reads = read_by_object(build)
        version = subprocess.run([tool(), "--version"], capture_output=True, text=True, check=True).stdout
        self.common = version + (ROOT / ".clang-tidy").read_text()
        self.seen = {}

    def of_file(self, name):
        """Our own files by content, the system's by size and time: a package that changes changes those."""
        if name not in self.seen:
            path = pathlib.Path(self.build) / name
            if path.resolve().is_relative_to(ROOT):
                self.seen[name] = hashlib.sha256(path.read_bytes()).hexdigest()
            else:
                about = path.stat()
                self.seen[name] = f"{about.st_size} {about.st_mtime_ns}"
        return self.seen[name]

    def of_command(self, entry):
        """None where the object was not built, so that nothing is known of what it reads."""
        output = re.search(r" -o (\S+)", entry["command"])
        reads = self.reads.get(output[1]) if output else None
        if reads is None:
            return None
        command = entry["command"].replace(str(ROOT), "")
        text = "\n".join([self.common, command] + [f"{name} {self.of_file(name)}" for name in sorted(reads)])
        return hashlib.sha256(text.encode()).hexdigest()


def check(build, source):
    """What clang-tidy says of one source; empty where it is clean. g++ has given its warnings already, so -w; with its sanitizers,
    system headers ask for headers that come with clang's only."""
    ran = subprocess.run([tool(), "-p", build, "--quiet", "--extra-arg=-w", "--extra-arg=-fno-sanitize=all", source],
                         capture_output=True, text=True)
    if ran.returncode == 0:
        return ""
    return (ran.stdout + "\n".join(line for line in ran.stderr.splitlines() if "warnings" not in line)).strip()


def run(build, jobs=None):
    """Returns ({source: findings}, sources, checked now)."""
    entries = [entry for entry in json.loads((pathlib.Path(build) / "compile_commands.json").read_text())
               if pathlib.Path(entry["file"]).is_relative_to(ROOT / "src")]
    keys, clean = Keys(build), memory()
    clean.mkdir(parents=True, exist_ok=True)
    for old in clean.iterdir():
        if time.time() - old.stat().st_mtime > KEPT_S_MAX:
            old.unlink(missing_ok=True)

    due = {}
    for entry in entries:
        key = keys.of_command(entry)
        if key and (clean / key).exists():
            (clean / key).touch()
        else:
            due[entry["file"]] = key
    findings = {}
    with concurrent.futures.ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
        answers = {pool.submit(check, str(build), source): source for source in due}
        for answer in concurrent.futures.as_completed(answers):
            source = answers[answer]
            if answer.result():
                findings[str(pathlib.Path(source).relative_to(ROOT))] = answer.result()
            elif due[source]:
                (clean / due[source]).touch()
    return findings, len(entries), len(due)


def main():
    findings, sources, checked = run(sys.argv[1])
    for source in sorted(findings):
        print(f"{source}\n{findings[source]}\n")
    print(f"clang-tidy: {sources} sources, {checked} checked now, {len(findings)} with findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
