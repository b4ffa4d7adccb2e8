"""The Debian package: made from the release, looked into, laid out below a folder, and its program run from there."""
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from running import Waybill

ROOT = Path(__file__).resolve().parents[2]
LOCATION = {"order_id": 1, "deliverer_id": 1, "latitude": 41, "longitude": -8, "timestamp": "2024-01-15T09:00:00Z"}

# What Debian does not have, brought along.
LIBRARIES = {"/usr/lib/waybill/libduckdb.so", "/usr/lib/waybill/libarrow.so.2600", "/usr/lib/waybill/libparquet.so.2600"}
OURS = {"/usr/lib/waybill/waybill_lake_parquet.so", "/usr/lib/waybill/waybill_transform_duckdb.so",
        "/usr/lib/waybill/waybill_transform_postgres.so", "/usr/lib/waybill/waybill_broker_kafka.so",
        "/usr/lib/waybill/waybill_broker_mqtt.so", "/usr/lib/waybill/waybill_store_mongo.so"}  # loaded when first used


def said(*command, **options):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=1200, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def package():
    return Path(said(ROOT / "script/package", cwd=ROOT).splitlines()[-1])


@pytest.fixture(scope="module")
def laid_out(package, tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    said("dpkg-deb", "-x", ROOT / package, root)
    return root


@pytest.fixture(scope="module")
def control(package, tmp_path_factory):
    folder = tmp_path_factory.mktemp("control")
    said("dpkg-deb", "-e", ROOT / package, folder)
    return folder


def test_its_name_and_version_are_those_of_the_program(package, laid_out):
    version = said(laid_out / "usr/bin/waybill", "--version").strip()
    architecture = said("dpkg", "--print-architecture").strip()
    assert package.name == f"waybill_{version}_{architecture}.deb"
    fields = said("dpkg-deb", "-f", ROOT / package, "Package", "Version", "Architecture")
    assert fields.split("\n")[:3] == ["Package: waybill", f"Version: {version}", f"Architecture: {architecture}"]


def test_it_depends_on_every_library_that_the_program_loads(package, laid_out):
    depends = said("dpkg-deb", "-f", ROOT / package, "Depends")
    needed = re.findall(r"NEEDED\s+(\S+)", said("objdump", "-p", laid_out / "usr/bin/waybill"))
    assert len(needed) > 10
    known = said("ldd", laid_out / "usr/bin/waybill")
    for library in needed:
        path = re.search(rf"(?:{re.escape(library)} => )?(/\S*{re.escape(library)}) ", known)[1]
        owners = [line.split(":")[0] for name in {path, os.path.realpath(path), path.removeprefix("/usr"), "/usr" + path}
                  for line in subprocess.run(["dpkg", "-S", name], capture_output=True, text=True).stdout.splitlines()]
        assert any(re.search(rf"\b{re.escape(owner)} \(", depends) or re.search(rf"\b{re.escape(owner)}\b", depends)
                   for owner in owners), f"{library}: {owners} in {depends}"


def test_the_libraries_that_it_brings_along_are_found_there_and_need_only_debians(laid_out):
    searched = re.findall(r"R(?:UN)?PATH\s+(\S+)", said("objdump", "-p", laid_out / "usr/bin/waybill"))
    assert searched == ["$ORIGIN/../lib/waybill"]
    for library in LIBRARIES | OURS:
        known = said("ldd", laid_out / library.lstrip("/"))
        assert "not found" not in known
        said(sys.executable, "-c", "import ctypes, sys; ctypes.CDLL(sys.argv[1])", laid_out / library.lstrip("/"))
        foreign = [path for path in re.findall(r"=> (/\S+)", known) if not re.match(r"(/usr)?/lib/x86_64-linux-gnu/", path)]
        assert all(path.startswith(f"{laid_out}/usr/lib/waybill/") for path in foreign), foreign
    copyright_file = (laid_out / "usr/share/doc/waybill/copyright").read_text()
    assert all(library in copyright_file for library in LIBRARIES)


def test_it_holds_what_a_service_needs_and_nothing_writable_or_foreign(package, control):
    listed = [line.split(None, 5) for line in said("dpkg-deb", "-c", ROOT / package).splitlines()]
    files = {parts[5].lstrip(".") for parts in listed if not parts[5].endswith("/")}
    assert files == {
        "/usr/bin/waybill", "/etc/waybill/waybill.toml", "/etc/logrotate.d/waybill",
        *(f"/lib/systemd/system/{path.name}" for path in (ROOT / "deploy/systemd").glob("*.service")),
        *(f"/lib/systemd/system/{units}.service.d/10-waybill.conf" for units in ("waybill", "waybill-")),
        "/usr/lib/sysusers.d/waybill.conf", "/usr/share/man/man1/waybill.1.gz", "/usr/share/doc/waybill/changelog.gz",
        "/usr/share/doc/waybill/copyright", "/usr/share/doc/waybill/OPERATIONS.md", "/usr/share/doc/waybill/FORMATS.md",
        "/usr/share/doc/waybill/examples/waybill.rules.yml", "/usr/share/doc/waybill/examples/prometheus.yml",
        "/usr/share/doc/waybill/examples/waybill.json", "/usr/share/doc/waybill/duckdb.LICENSE",
        "/usr/share/doc/waybill/arrow.LICENSE", "/usr/share/doc/waybill/arrow.NOTICE", "/usr/share/doc/waybill/maplibre.LICENSE", *LIBRARIES, *OURS,
        *(f"/usr/share/doc/waybill/examples/{path.name}" for folder in ("examples", "haproxy") for path in (ROOT / "deploy" / folder).iterdir())}
    for mode, owner, *_, name in listed:
        assert owner == "root/root", name
        assert mode[5] == "-" and mode[8] == "-", f"{name} is {mode}"
    configuration = set((control / "conffiles").read_text().split())
    assert configuration == {name for name in files if name.startswith("/etc/")}


def test_its_scripts_are_shell_and_its_service_starts_as_a_user_of_its_own(laid_out, control):
    for script in ("postinst", "prerm", "postrm"):
        said("sh", "-n", control / script)
        assert os.access(control / script, os.X_OK)
        assert "set -e" in (control / script).read_text()
    units = laid_out / "lib/systemd/system"
    for unit in units.glob("*.service"):
        drop_in = "waybill.service.d" if unit.name == "waybill.service" else "waybill-.service.d"
        assert "User=waybill\n" in (units / drop_in / "10-waybill.conf").read_text() and unit.name.startswith("waybill")
        for script in ("postinst", "prerm", "postrm"):
            assert unit.name in (control / script).read_text(), f"{script} knows {unit.name}"
    assert re.search(r"^u waybill ", (laid_out / "usr/lib/sysusers.d/waybill.conf").read_text(), re.M)
    said("systemd-sysusers", f"--root={laid_out}", laid_out / "usr/lib/sysusers.d/waybill.conf")
    assert re.search(r"^waybill:", (laid_out / "etc/passwd").read_text(), re.M)


def test_the_settings_that_it_installs_are_read(laid_out):
    shown = said(laid_out / "usr/bin/waybill", "config", "--config", laid_out / "etc/waybill/waybill.toml")
    assert re.search(r'^data = "/var/lib/waybill/data" .*# file ', shown, re.M)


def test_the_manual_names_every_command(laid_out):
    manual = said("zcat", laid_out / "usr/share/man/man1/waybill.1.gz")
    listed = said(laid_out / "usr/bin/waybill", "--help").split("Subcommands:")[1]
    commands = re.findall(r"^  (\S+) ", listed, re.M)
    assert len(commands) > 5
    assert sorted(re.findall(r"^\.B ([a-z]+)$", manual.split(".SH COMMANDS")[1].split(".SH SIGNALS")[0], re.M)) == sorted(commands)


def test_the_program_runs_from_there(laid_out, tmp_path):
    with Waybill(tmp_path / "data", binary_path=str(laid_out / "usr/bin/waybill")) as waybill:
        assert waybill.post("/v1/locations", LOCATION).status_code == 200
        assert waybill.stop() == 0
        waybill.assert_books_balance()
