#!/usr/bin/env python3
"""tools/pinned_venv.py REQUIREMENTS — a virtual environment with exactly the packages of a requirements file, every one of them
pinned by its checksum; prints its folder. Made once, kept outside the tree, made again where the file changes."""
import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys


@contextlib.contextmanager
def cached(name):
    """The place of that name in the cache; another process that wants the same one waits until this one is done with it."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "waybill"
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # given back by the system when the file is closed
        yield cache / name


def pinned_venv(requirements):
    text = pathlib.Path(requirements).read_bytes()
    with cached("venv-" + hashlib.sha256(text + sys.version.encode()).hexdigest()[:16]) as folder:
        whole = folder / "whole"  # written last: what was broken off is made again
        if not whole.exists():
            shutil.rmtree(folder, ignore_errors=True)
            for command in ([sys.executable, "-m", "venv", folder],
                            [folder / "bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes",
                             "--only-binary=:all:", "-r", requirements]):
                subprocess.run([str(part) for part in command], check=True, stdout=sys.stderr)
            whole.touch()
        return folder


if __name__ == "__main__":
    print(pinned_venv(sys.argv[1]))
