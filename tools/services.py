#!/usr/bin/env python3
"""tools/services.py up|down|status [NAME …] — real servers that Waybill works with, for tests and for a trial, from nothing: each
built once into the cache outside the tree, started on a free port of the loopback, with its data and log below build/services.

`up` prints what has to be in the environment to use it. Tests say `with running("versitygw") as environment:` and get servers
of their own, which end with the block."""
import argparse
import contextlib
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "services"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "waybill"
START_S_MAX = 60
STOP_S_MAX = 20
CERTIFICATE = "certificate.pem"
ACCESS_KEY, SECRET_KEY, BUCKET, REGION = "waybill", "waybill-secret", "waybill", "us-east-1"
PASSWORD = "waybill-password"


class Failed(Exception):
    """Says what did not work and what to do."""


def go_program(module, version, needs):
    """A program from the Go module proxy, whose checksum database vouches for what is built."""
    name = module.rsplit("/", 1)[1]
    folder = CACHE / f"{name}-{version}"
    program = folder / name
    if not program.exists():
        found = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
        said = subprocess.run([found, "version"], capture_output=True, text=True, check=True).stdout if found else ""
        have = re.search(r"go(\d+)\.(\d+)", said)
        if not have or (int(have[1]), int(have[2])) < needs:
            raise Failed(f"{name} is built with Go {needs[0]}.{needs[1]} or newer, and here is {said.strip() or 'none'}. Debian 12 has "
                         f"none that is new enough: install the Go project's own, or put {name} at {program}")
        making = CACHE / f"{name}-{version}.{os.getpid()}"
        print(f"building {name} {version}, once; this takes some minutes", file=sys.stderr, flush=True)
        built = subprocess.run([found, "install", "-ldflags", "-s -w", f"{module}@{version}"], stdout=sys.stderr,
                               env=os.environ | {"GOBIN": str(making), "GOFLAGS": "-p=1 -buildvcs=false"})
        if built.returncode != 0:
            raise Failed(f"{name} {version} could not be built")
        folder.mkdir(parents=True, exist_ok=True)
        os.replace(making / name, program)
        making.rmdir()
    return program


def versitygw(folder, port):
    for name in ("data", "iam", "versions"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    program = go_program("github.com/versity/versitygw/cmd/versitygw", "v1.8.0", (1, 25))
    return ([program, "--port", f"127.0.0.1:{port}", "--iam-dir", folder / "iam", "posix", "--versioning-dir", folder / "versions",
             folder / "data"], {"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY})


def make_certificate(folder):
    """(certificate, key): one that nobody but itself vouches for."""
    certificate, key = folder / CERTIFICATE, folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                    "-subj", "/CN=waybill tests", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    return certificate, key


def versitygw_tls(folder, port):
    """The same behind TLS, with a certificate that only WAYBILL_TEST_S3_CA_FILE vouches for."""
    certificate, key = make_certificate(folder)
    command, environment = versitygw(folder, port)
    return [command[0], "--cert", certificate, "--key", key, *command[1:]], environment


def minio(folder, port):
    program = go_program("github.com/minio/minio", "v0.0.0-20260212201848-7aac2a2c5b7c", (1, 24))
    return ([program, "server", "--address", f"127.0.0.1:{port}", folder / "data"],
            {"MINIO_ROOT_USER": ACCESS_KEY, "MINIO_ROOT_PASSWORD": SECRET_KEY, "MINIO_UPDATE": "off", "MINIO_BROWSER": "off"})


def postgres_folder():
    """Of PostgreSQL's programs as Debian lays them out, the newest; None: its server is not installed."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


def postgres(folder, port):
    """With a password that is asked for. It does not run as root, so there it is the user postgres that Debian's package makes."""
    programs = postgres_folder()
    if not programs:
        raise Failed("PostgreSQL's server is not installed: apt-get install postgresql")
    user = []
    data, password = folder / "data", folder / "password"
    password.write_text(PASSWORD)
    if os.geteuid() == 0:
        user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
        for place in (folder.parent, folder):
            place.chmod(0o755)
        data.mkdir(exist_ok=True)
        shutil.chown(data, "postgres", "postgres")
    if not (data / "PG_VERSION").exists():
        made = subprocess.run([*user, programs / "initdb", "-D", data, "-A", "scram-sha-256", "-U", "waybill", "--pwfile", password,
                               "--no-instructions", "--no-sync"], capture_output=True, text=True, cwd="/")
        if made.returncode != 0:
            raise Failed(f"initdb: {made.stderr}")
    return [*user, programs / "postgres", "-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
            "-c", "fsync=off"], {}


def postgres_tls(folder, port):
    """The same that offers TLS, with a certificate that only WAYBILL_TEST_POSTGRES_CA_FILE vouches for."""
    command, environment = postgres(folder, port)
    certificate, key = make_certificate(folder)
    key.chmod(0o600)
    if os.geteuid() == 0:
        shutil.chown(key, "postgres", "postgres")
    return [*command, "-c", "ssl=on", "-c", f"ssl_cert_file={certificate}", "-c", f"ssl_key_file={key}"], environment


# Each: what starts it in a folder on a port, as a command and its environment.
SERVICES = {"versitygw": versitygw, "versitygw-tls": versitygw_tls, "minio": minio, "postgres": postgres,
            "postgres-tls": postgres_tls}
STARTED_BY_DEFAULT = ["versitygw"]


def environment_of(folder, name):
    """What has to be known to use one that runs."""
    port, certificate = state_of(folder, name)["port"], (folder / name / CERTIFICATE).resolve()
    tls = certificate.exists()
    if name.startswith("postgres"):
        return {"WAYBILL_TEST_POSTGRES": f"postgresql://waybill@127.0.0.1:{port}/postgres", "WAYBILL_TEST_POSTGRES_PASSWORD": PASSWORD,
                "WAYBILL_TEST_POSTGRES_CA_FILE": str(certificate) if tls else ""}
    return {"WAYBILL_TEST_S3_ENDPOINT": f"{'https' if tls else 'http'}://127.0.0.1:{port}",
            "WAYBILL_TEST_S3_CA_FILE": str(certificate) if tls else "", "WAYBILL_TEST_S3_BUCKET": BUCKET,
            "WAYBILL_TEST_S3_REGION": REGION, "WAYBILL_TEST_S3_ACCESS_KEY": ACCESS_KEY, "WAYBILL_TEST_S3_SECRET_KEY": SECRET_KEY}


def make_bucket(environment):
    """curl signs it as our own client does; 409: it is there."""
    authorities = ["--cacert", environment["WAYBILL_TEST_S3_CA_FILE"]] if environment["WAYBILL_TEST_S3_CA_FILE"] else []
    said = subprocess.run(["curl", "-sS", "-X", "PUT", "--aws-sigv4", f"aws:amz:{REGION}:s3", "--user", f"{ACCESS_KEY}:{SECRET_KEY}",
                           "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "--noproxy", "*", "-w", "%{http_code}", "-o", "/dev/null",
                           *authorities, f"{environment['WAYBILL_TEST_S3_ENDPOINT']}/{BUCKET}"], capture_output=True, text=True)
    if said.stdout not in ("200", "409"):
        raise Failed(f"the bucket could not be made: {said.stdout} {said.stderr}")


def born(pid):
    """When the process began, so that another one that got its number later is not taken for it; None: it has ended."""
    try:
        after_name = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return None if after_name[0] == "Z" else after_name[19]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def state_of(folder, name):
    """{"pid", "born", "port"} of one that runs, else None."""
    try:
        state = json.loads((folder / name / "state.json").read_text())
    except (OSError, ValueError):
        return None
    return state if state["born"] and born(state["pid"]) == state["born"] else None


def start(folder, name):
    state = state_of(folder, name)
    for last in (False, False, True):  # another program may take the free port before the server does
        if state:
            return state
        state = try_to_start(folder, name, last)
    return state


def try_to_start(folder, name, last):
    place, port = folder / name, free_port()
    place.mkdir(parents=True, exist_ok=True)
    command, environment = SERVICES[name](place.resolve(), port)
    with open(place / "log", "ab") as log:
        process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   env=os.environ | environment, start_new_session=True)
    state = {"pid": process.pid, "born": born(process.pid), "port": port}
    (place / "state.json").write_text(json.dumps(state) + "\n")
    until = time.monotonic() + START_S_MAX
    while not answers(port):
        if process.poll() is not None or time.monotonic() > until:
            stop(folder, name)
            if last:
                raise Failed(f"{name} did not start: {(place / 'log').read_text(errors='replace')[-2000:]}")
            return None
        time.sleep(0.02)
    if not name.startswith("postgres"):
        make_bucket(environment_of(folder, name))
    return state


def stop(folder, name):
    state = state_of(folder, name)
    if not state:
        return
    until = time.monotonic() + STOP_S_MAX
    asked = False
    while born(state["pid"]) == state["born"]:
        with contextlib.suppress(ProcessLookupError):
            if not asked or time.monotonic() > until:
                os.kill(state["pid"], signal.SIGKILL if asked else signal.SIGTERM)
        asked = True
        with contextlib.suppress(ChildProcessError):
            os.waitpid(state["pid"], os.WNOHANG)
        time.sleep(0.02)
    (folder / name / "state.json").unlink(missing_ok=True)


@contextlib.contextmanager
def running(name):
    """One of its own, empty at first; gives the environment that tests find it by."""
    with tempfile.TemporaryDirectory(prefix="waybill-services-") as scratch:
        folder = pathlib.Path(scratch)
        try:
            start(folder, name)
            yield environment_of(folder, name)
        finally:
            stop(folder, name)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split(" — ")[1].splitlines()[0])
    arguments.add_argument("what", choices=["up", "down", "status"])
    arguments.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SERVICES)}")
    asked = arguments.parse_args()
    unknown = set(asked.names) - SERVICES.keys()
    if unknown:
        arguments.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(SERVICES)}")
    names = asked.names or (STARTED_BY_DEFAULT if asked.what == "up" else list(SERVICES))
    for name in names:
        if asked.what == "up":
            state = start(FOLDER, name)
            print(f"# {name} runs as {state['pid']}, its log is {(FOLDER / name / 'log').relative_to(ROOT)}")
            for key, value in environment_of(FOLDER, name).items():
                print(f"export {key}={shlex.quote(value)}")
        elif asked.what == "down":
            stop(FOLDER, name)
        else:
            state = state_of(FOLDER, name)
            print(f"{name}: " + (f"runs as {state['pid']} at {next(iter(environment_of(FOLDER, name).values()))}" if state else "does not run"))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failed:
        sys.exit(f"script/services: {failed}")
