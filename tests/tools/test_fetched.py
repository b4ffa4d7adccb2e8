"""tools/fetched.py takes what has the right checksum, once, whatever breaks off or runs beside it."""
import hashlib
import os
import pathlib
import subprocess
import sys
import tarfile

import pytest

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools" / "fetched.py"
NPM = """#!/bin/sh
echo "$@" >> {log}
cp {archive} .
"""


@pytest.fixture
def registry(tmp_path):
    """A npm that brings one archive and writes down that it was asked; what runs the tool with it; the archive."""
    archive, log, npm = tmp_path / "thing-1.0.tgz", tmp_path / "asked", tmp_path / "bin" / "npm"
    log.touch()
    for name in ("lib.so", "other.txt", "include/a.h", "include/deep/b.h"):
        (tmp_path / "package" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "package" / name).write_text(name)
    with tarfile.open(archive, "w:gz") as file:
        file.add(tmp_path / "package", "package")
    npm.parent.mkdir()
    npm.write_text(NPM.format(log=log, archive=archive))
    npm.chmod(0o755)

    def start(*patterns, sha256=hashlib.sha256(archive.read_bytes()).hexdigest()):
        environment = os.environ | {"PATH": f"{npm.parent}:{os.environ['PATH']}", "XDG_CACHE_HOME": str(tmp_path / "cache")}
        return subprocess.Popen([sys.executable, TOOL, "npm", "thing@1.0", sha256, *patterns], env=environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    start.archive, start.npm, start.cache = archive, npm, tmp_path / "cache" / "waybill"
    start.asked = lambda: log.read_text().splitlines()
    return start


def folder_of(process):
    said, wrong = process.communicate(timeout=60)
    assert process.returncode == 0, wrong
    return pathlib.Path(said.strip())


def error_of(process):
    said, wrong = process.communicate(timeout=60)
    assert process.returncode != 0, said
    return wrong


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_what_is_needed_is_unpacked_and_nothing_else(registry):
    folder = folder_of(registry("package/lib.so", "package/include/*"))
    assert names(folder) == ["package/include/a.h", "package/include/deep/b.h", "package/lib.so"]
    assert registry.asked() == ["pack --silent --ignore-scripts thing@1.0"]


def test_the_second_time_and_for_more_of_it_the_registry_is_not_asked(registry):
    first = folder_of(registry("package/lib.so"))
    registry.npm.write_text("#!/bin/sh\nexit 1\n")  # no network any more
    assert folder_of(registry("package/lib.so")) == first
    assert names(folder_of(registry("package/lib.so", "package/other.txt"))) == ["package/lib.so", "package/other.txt"]


def test_a_wrong_checksum_is_told_and_leaves_nothing(registry):
    wrong = error_of(registry("package/lib.so", sha256="0" * 64))
    assert f"thing@1.0: its sha256 is {hashlib.sha256(registry.archive.read_bytes()).hexdigest()}, it must be {'0' * 64}" in wrong
    assert names(registry.cache) == [name for name in names(registry.cache) if name.endswith(".lock")]


def test_a_registry_that_fails_is_told_and_asked_again(registry):
    script = registry.npm.read_text()
    registry.npm.write_text("#!/bin/sh\necho cut > thing-1.0.tgz\nexit 7\n")
    assert "thing@1.0: could not be fetched: " in error_of(registry("package/lib.so"))
    registry.npm.write_text(script)
    assert names(folder_of(registry("package/lib.so"))) == ["package/lib.so"]


def test_a_pattern_that_nothing_matches_is_told_and_leaves_nothing(registry):
    assert "holds nothing like package/lib.so.2" in error_of(registry("package/lib.so.2", "package/include/*"))
    assert not [path for path in registry.cache.glob("fetched-*") if path.suffix != ".lock"]


def test_two_builds_at_once_fetch_it_once(registry):
    registry.npm.write_text(registry.npm.read_text() + "sleep 0.3\n")
    folders = [folder_of(process) for process in [registry("package/lib.so") for _ in range(4)]]
    assert len(set(folders)) == 1 and names(folders[0]) == ["package/lib.so"]
    assert len(registry.asked()) == 1
