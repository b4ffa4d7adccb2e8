#!/usr/bin/env python3
"""tools/pinned_venv.py REQUIREMENTS — a virtual environment with exactly the packages of a requirements file, every one of them
pinned by its checksum; prints its folder. Made once, kept outside the tree, made again where the file changes."""
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys


def pinned_venv(requirements):
    text = pathlib.Path(requirements).read_bytes()
    name = "venv-" + hashlib.sha256(text + sys.version.encode()).hexdigest()[:16]
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "waybill"
    folder = cache / name
    whole = folder / "whole"  # written last: what was broken off is made again
    if not whole.exists():
        shutil.rmtree(folder, ignore_errors=True)
        cache.mkdir(parents=True, exist_ok=True)
        for command in ([sys.executable, "-m", "venv", folder],
                        [folder / "bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes",
                         "--only-binary=:all:", "-r", requirements]):
            subprocess.run([str(part) for part in command], check=True, stdout=sys.stderr)
        whole.touch()
    return folder


if __name__ == "__main__":
    print(pinned_venv(sys.argv[1]))
