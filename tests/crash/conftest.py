"""The seed of a run, and waybill with kill_at.c in it."""
import mmap
import os
import random
import struct
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from running import Waybill, binary  # noqa: E402


@pytest.fixture(scope="session")
def seed():
    value = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"SEED={value} replays this run")
    return value


@pytest.fixture(scope="session")
def cycles():
    return int(os.environ.get("CYCLES", "50"))


@pytest.fixture
def chance(seed, request):
    """Random numbers of this test, by the seed."""
    print(f"SEED={seed} replays this run")
    return random.Random(f"{seed} {request.node.name}")


@pytest.fixture(scope="session")
def shim(tmp_path_factory):
    """What to preload. A binary with sanitizers wants its own library first."""
    built = tmp_path_factory.mktemp("shim") / "kill_at.so"
    source = Path(__file__).with_name("kill_at.c")
    subprocess.run(["cc", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", built, source, "-ldl"],
                   check=True)
    return built


def shimmed_binary():
    release = os.environ.get("WAYBILL_RELEASE")
    return release if release and Path(release).exists() else binary()


def preloads(path, shim):
    linked = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
    first = [line.split()[2] for line in linked.splitlines() if line.split()[0].startswith(("libasan", "libtsan"))]
    return ":".join([*first, str(shim)])


class Steered(Waybill):
    """A waybill that dies, fails, fills up or stalls as it is told, while it runs."""
    NAMES = ("steps", "syncs", "kill_at", "kill_after", "full", "fail_syncs", "fail_journal", "stall_us", "clock_ns")

    def __init__(self, data, shim, arguments=()):
        path = shimmed_binary()
        control = Path(str(data) + ".control")
        control.write_bytes(bytes(4096))
        super().__init__(data, path, {"LD_PRELOAD": preloads(path, shim), "KILL_AT_CONTROL": str(control),
                                      "KILL_AT_FOLDER": str(data)}, arguments)
        with open(control, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 4096)

    def tell(self, **values):
        for name, value in values.items():
            struct.pack_into("<q", self.memory, 8 * self.NAMES.index(name), int(value))

    def ask(self, name):
        return struct.unpack_from("<q", self.memory, 8 * self.NAMES.index(name))[0]


@pytest.fixture
def steered(tmp_path, shim):
    made = []

    def make(name="data", arguments=()):
        made.append(Steered(tmp_path / name, shim, arguments))
        return made[-1]
    yield make
    for waybill in made:
        waybill.kill()


class Killed:
    """Commands of the binary that die at one of their steps below a folder."""

    def __init__(self, control, shim):
        self.control, self.shim, self.binary = control, shim, shimmed_binary()

    def run(self, arguments, folder, step=0, after=0):
        """(exit code, steps that it took)."""
        self.control.write_bytes(struct.pack("<4q", 0, 0, step, after).ljust(4096, b"\0"))
        environment = {**os.environ, "LD_PRELOAD": preloads(self.binary, self.shim), "KILL_AT_CONTROL": str(self.control),
                       "KILL_AT_FOLDER": str(folder)}
        ended = subprocess.run([self.binary, *map(str, arguments)], env=environment, capture_output=True, timeout=300)
        return ended.returncode, struct.unpack_from("<q", self.control.read_bytes())[0]


@pytest.fixture
def killed(tmp_path, shim):
    return Killed(tmp_path / "command.control", shim)
