#!/usr/bin/env python3
"""tools/services.py up|down|status [NAME …] — real servers that Waybill works with, for tests and for a trial, from nothing: each
built once into the cache outside the tree, started on a free port of the loopback, with its data and log below build/services.

`up` prints what has to be in the environment to use it. Tests say `with running("versitygw") as environment:` and get servers
of their own, which end with the block."""
import argparse
import concurrent.futures
import contextlib
import hashlib
import json
import os
import pathlib
import pwd
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
USER, READER, PASSWORD = "waybill", "reader", "waybill-password"
KAFKA_CLUSTER = "waybill-waybill-waybil"  # a name of 22 characters, as Kafka wants it
KAFKA_DIGEST = "a53aa0c9dd3b2bf1b32175a5cf64e04ab8873d0651b06a56387278b86f6cbccf"  # of the files that Maven gets


class Failed(Exception):
    """Says what did not work and what to do."""


def go_that_is(needs, to_build, else_at):
    found = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    said = subprocess.run([found, "version"], capture_output=True, text=True, check=True).stdout if found else ""
    have = re.search(r"go(\d+)\.(\d+)", said)
    if not have or (int(have[1]), int(have[2])) < needs:
        raise Failed(f"{to_build} is built with Go {needs[0]}.{needs[1]} or newer, and here is {said.strip() or 'none'}. Debian 12 has "
                     f"none that is new enough: install the Go project's own, or put {to_build} at {else_at}")
    return found


def go_program(module, version, needs, name=""):
    """A program from the Go module proxy, whose checksum database vouches for what is built."""
    name = name or module.rsplit("/", 1)[1]
    folder = CACHE / f"{name}-{version}"
    program = folder / name
    if not program.exists():
        found = go_that_is(needs, name, program)
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


def digest_of(folder):
    """One checksum of all files in a folder, by name."""
    whole = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        whole.update(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()


def maven_jars(name, version, coordinates, digest):
    """The folder with these artifacts and all that they need, from Maven Central."""
    folder = CACHE / f"{name}-{version}"
    if not folder.exists():
        if not shutil.which("mvn"):
            raise Failed(f"{name} {version} is got by Maven: apt-get install maven")
        with tempfile.TemporaryDirectory(dir=made(CACHE), prefix=f"{name}-") as scratch:
            wanted = "".join("<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>".format(
                *one.split(":")) for one in coordinates)
            (pathlib.Path(scratch) / "pom.xml").write_text(
                "<project><modelVersion>4.0.0</modelVersion><groupId>waybill</groupId><artifactId>jars</artifactId><version>1</version>"
                f"<dependencies>{wanted}</dependencies></project>")
            print(f"fetching {name} {version}, once", file=sys.stderr, flush=True)
            got = subprocess.run(["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=jars", "-DincludeScope=runtime"],
                                 cwd=scratch, stdout=sys.stderr)
            if got.returncode != 0:
                raise Failed(f"{name} {version} could not be fetched")
            jars = pathlib.Path(scratch) / "jars"
            if digest_of(jars) != digest:
                raise Failed(f"{name} {version}: expected files with the checksum {digest}, got {digest_of(jars)}")
            with contextlib.suppress(OSError):  # another one was first
                jars.rename(folder)
    return folder


def made(folder):
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def mosquitto(folder, port, more=""):
    """MQTT 5 and 3.1.1; one user may write and read everything, the other only read."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if not program:
        raise Failed("Mosquitto is not installed: apt-get install mosquitto")
    passwords, rules = folder / "passwords", folder / "rules"
    passwords.touch(mode=0o600)
    for user in (USER, READER):
        subprocess.run(["mosquitto_passwd", "-b", passwords, user, PASSWORD], check=True, capture_output=True)
    rules.write_text(f"user {USER}\ntopic readwrite #\nuser {READER}\ntopic read #\n")
    user = "root" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    (folder / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\nacl_file {rules}\nuser {user}\n"
        f"persistence true\npersistence_location {made(folder / 'data')}/\nautosave_interval 1\n{more}")
    return [program, "-c", folder / "mosquitto.conf"], {}


def mosquitto_tls(folder, port):
    certificate, key = make_certificate(folder)
    return mosquitto(folder, port, f"certfile {certificate}\nkeyfile {key}\n")


def nats(folder, port):
    """NATS with its MQTT 3.1.1 listener."""
    program = go_program("github.com/nats-io/nats-server/v2", "v2.15.2", (1, 25), "nats-server")
    (folder / "nats.conf").write_text(
        f'server_name: waybill\nlisten: "127.0.0.1:{free_port()}"\njetstream {{ store_dir: "{folder}/data" }}\n'
        f'authorization {{ user: "{USER}", password: "{PASSWORD}" }}\n'
        f'mqtt {{ host: "127.0.0.1", port: {port}, max_ack_pending: 1000, ack_wait: "5s" }}\n')
    return [program, "-c", folder / "nats.conf"], {}


def java(*arguments):
    program = shutil.which("java")
    if not program:
        raise Failed("Java is not installed: apt-get install default-jre-headless")
    return [program, *arguments]


KAFKA = """process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/data
default.replication.factor={replicas}
min.insync.replicas={in_sync}
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions=1
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.cleaner.dedupe.buffer.size=16777216
"""
LOG4J = """log4j.rootLogger=WARN, stdout
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
log4j.appender.stdout.layout.ConversionPattern=[%d] %p %m (%c)%n
"""


def kafka(folder, port, node=1, controllers=()):
    """One broker, which is its own controller; or one of several that are. controllers: their ports, by node."""
    jars = maven_jars("kafka", "3.9.1", ["org.apache.kafka:kafka_2.13:3.9.1", "org.apache.kafka:kafka-tools:3.9.1"], KAFKA_DIGEST)
    settings, logging = folder / "server.properties", folder / "log4j.properties"
    controllers = controllers or [free_port()]
    settings.write_text(KAFKA.format(port=port, controller=controllers[node - 1], folder=folder, node=node, replicas=len(controllers),
                                     in_sync=len(controllers) // 2 + 1,
                                     voters=",".join(f"{number}@127.0.0.1:{at}" for number, at in enumerate(controllers, 1))))
    logging.write_text(LOG4J)
    if not (folder / "data").exists():
        made_ready = subprocess.run([*java("-cp", f"{jars}/*"), "kafka.tools.StorageTool", "format", "-t", KAFKA_CLUSTER, "-c", settings],
                                    capture_output=True, text=True)
        if made_ready.returncode != 0:
            raise Failed(f"kafka's folder could not be made: {made_ready.stderr[-2000:]}")
    return [*java("-Xms128m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", f"-Dlog4j.configuration=file:{logging}",
                  "-cp", f"{jars}/*"), "kafka.Kafka", settings], {}


class KafkaCluster:
    """Three brokers that keep each message three times and take nothing with only one of them alive."""
    NODES = ("kafka-1", "kafka-2", "kafka-3")

    def __init__(self, folder):
        self.folder = folder
        self.ports = {name: free_port() for name in self.NODES}
        self.controllers = [free_port() for _ in self.NODES]

    def start(self, *names):
        """Those named, all where none is; at the same time, since the first does not come up without a second."""
        def one(name):
            place = self.folder / name
            place.mkdir(parents=True, exist_ok=True)
            launch(place, kafka(place.resolve(), self.ports[name], self.NODES.index(name) + 1, self.controllers), self.ports[name])
            wait_for(self.folder, name, self.ports[name])
        with concurrent.futures.ThreadPoolExecutor() as several:
            list(several.map(one, names or self.NODES))
        return self

    def kill(self, name):
        kill(self.folder, name)

    def stop(self):
        for name in self.NODES:
            stop(self.folder, name)

    @property
    def url(self):
        return "kafka://" + ",".join(f"127.0.0.1:{port}" for port in self.ports.values())


# What FerretDB 1.24.0 needs so that a store can stand on it: (file, what is there once, what is to be there).
NAMESPACE_LOCK = """package handler

import "sync"

// nsLocks serializes commands that read, change and write back, by collection, within this process.
var nsLocks sync.Map

func lockNS(db, coll string) func() {
	v, _ := nsLocks.LoadOrStore(db+"."+coll, new(sync.Mutex))
	mu := v.(*sync.Mutex)
	mu.Lock()

	return mu.Unlock
}
"""
FERRETDB_PATCHES = [
    # An update of many statements held a connection of the pool for each until its end, and waited for ever for one more.
    ("msg_update.go", r"(closer := iterator\.NewMultiCloser\(\)\n)\t\tdefer closer\.Close\(\)\n", r"\1"),
    ("msg_update.go", r'(result, err := common\.UpdateDocument\(ctx, c, "update", iter, &u\)\n)', r"\1\t\tcloser.Close()\n"),
    # What is read, changed and written back was not locked: one of two at a time was lost.
    ("msg_update.go", r"(?s)(func \(h \*Handler\) updateDocument\(.*?\{\n)", r"\1\tdefer lockNS(params.DB, params.Collection)()\n\n"),
    ("msg_findandmodify.go", r"(?s)(func \(h \*Handler\) findAndModifyDocument\(.*?\{\n)",
     r"\1\tdefer lockNS(params.DB, params.Collection)()\n\n")]
# FerretDB asks for documents by an expression that none of its own indexes serves.
FERRETDB_SETUP = """
alter database ferretdb set jit = off;
alter database ferretdb set enable_seqscan = off;
create or replace function index_ids() returns event_trigger language plpgsql as $$
declare made record;
begin
  for made in select * from pg_event_trigger_ddl_commands() where object_type = 'table' loop
    if exists (select from pg_attribute where attrelid = made.objid and attname = '_jsonb') then
      execute format('create index on %s using gin ((_jsonb->''_id'') jsonb_path_ops) with (fastupdate=off)', made.object_identity);
    end if;
  end loop;
end $$;
drop event trigger if exists index_ids;
create event trigger index_ids on ddl_command_end when tag in ('CREATE TABLE') execute function index_ids();
"""


def ferretdb():
    """MongoDB's protocol over PostgreSQL, with the patches that make it keep what it acknowledges."""
    version = "v1.24.0"
    program = CACHE / f"ferretdb-{version}-patched" / "ferretdb"
    if program.exists():
        return program
    go = go_that_is(needs=(1, 22), to_build="FerretDB", else_at=program)
    with tempfile.TemporaryDirectory(dir=made(CACHE), prefix="ferretdb-") as scratch:
        scratch = pathlib.Path(scratch)
        (scratch / "get").mkdir()
        (scratch / "get/go.mod").write_text("module get\n\ngo 1.22\n")
        print(f"building ferretdb {version}, once; this takes some minutes", file=sys.stderr, flush=True)
        # Not `go install`, which would ask for a list of all its versions.
        got = subprocess.run([go, "mod", "download", "-json", f"github.com/FerretDB/FerretDB@{version}"], cwd=scratch / "get",
                             capture_output=True, text=True)
        if got.returncode != 0:
            raise Failed(f"ferretdb {version} could not be fetched: {got.stdout[-2000:]} {got.stderr[-2000:]}")
        source = scratch / "source"
        shutil.copytree(json.loads(got.stdout)["Dir"], source)
        for path in [source, *source.rglob("*")]:
            path.chmod(path.stat().st_mode | 0o200)
        (source / "build/version/version.txt").write_text(version)
        (source / "build/version/package.txt").write_text("unknown")
        handler = source / "internal/handler"
        (handler / "nslock.go").write_text(NAMESPACE_LOCK)
        for name, was, now in FERRETDB_PATCHES:
            text, count = re.subn(was, now, (handler / name).read_text())
            if count != 1:
                raise Failed(f"ferretdb {version}: a patch of {name} fits {count} times")
            (handler / name).write_text(text)
        built = subprocess.run(["nice", go, "build", "-ldflags", "-s -w", "-o", scratch / "ferretdb", "./cmd/ferretdb"], cwd=source,
                               stdout=sys.stderr, env=os.environ | {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod -p=1 -buildvcs=false"})
        if built.returncode != 0:
            raise Failed(f"ferretdb {version} could not be built")
        made(program.parent)
        os.replace(scratch / "ferretdb", program)
    return program


def mongo(folder, port):
    """What speaks MongoDB's protocol and can be had: FerretDB, over the postgres of the same folder. It is one server, so it shows nothing
    of replicas, elections or shards."""
    program = ferretdb()
    below = state_of(folder.parent, "postgres")["port"]
    asked = ["psql", "-q", "-At", "-h", "127.0.0.1", "-p", str(below), "-U", "waybill", "-v", "ON_ERROR_STOP=1"]

    def say(database, sql):
        until = time.monotonic() + START_S_MAX
        while True:
            said = subprocess.run([*asked, "-d", database], input=sql, env=os.environ | {"PGPASSWORD": PASSWORD}, capture_output=True, text=True)
            if said.returncode == 0:
                return said.stdout.strip()
            if "starting up" not in said.stderr or time.monotonic() > until:
                raise Failed(f"the database below FerretDB could not be made: {said.stderr}")
            time.sleep(0.1)
    if not say("postgres", "select 1 from pg_database where datname = 'ferretdb'"):
        say("postgres", "create database ferretdb")
    say("ferretdb", FERRETDB_SETUP)
    place = f"127.0.0.1:{below}/ferretdb"
    return [program, "--handler=postgresql", f"--postgresql-url=postgres://waybill:{PASSWORD}@{place}?pool_max_conns=40",
            f"--listen-addr=127.0.0.1:{port}", "--debug-addr=-", "--telemetry=disable", "--log-level=warn", f"--state-dir={made(folder / 'state')}",
            "--test-enable-new-auth", f"--setup-username={USER}", f"--setup-password={PASSWORD}", "--setup-database=ferretdb"], {}


# Each: what starts it in a folder on a port, as a command and its environment.
SERVICES = {"versitygw": versitygw, "versitygw-tls": versitygw_tls, "minio": minio, "postgres": postgres,
            "postgres-tls": postgres_tls, "mosquitto": mosquitto, "mosquitto-tls": mosquitto_tls, "nats": nats, "kafka": kafka,
            "mongo": mongo}
NEEDS = {"mongo": "postgres"}  # that runs in the same folder
MQTT = ("mosquitto", "mosquitto-tls", "nats")
BROKERS = ("kafka", *MQTT)
BUCKETS = ("versitygw", "versitygw-tls", "minio")
STARTED_BY_DEFAULT = ["versitygw"]


def environment_of(folder, name):
    """What has to be known to use one that runs."""
    port, certificate = state_of(folder, name)["port"], (folder / name / CERTIFICATE).resolve()
    tls = certificate.exists()
    if name.startswith("postgres"):
        return {"WAYBILL_TEST_POSTGRES": f"postgresql://waybill@127.0.0.1:{port}/postgres", "WAYBILL_TEST_POSTGRES_PASSWORD": PASSWORD,
                "WAYBILL_TEST_POSTGRES_CA_FILE": str(certificate) if tls else ""}
    if name == "mongo":
        return {"WAYBILL_TEST_MONGO": f"mongodb://127.0.0.1:{port}", "WAYBILL_TEST_MONGO_USER": USER, "WAYBILL_TEST_MONGO_PASSWORD": PASSWORD,
                "WAYBILL_TEST_MONGO_OPTIONS": "?authSource=ferretdb&authMechanism=SCRAM-SHA-256"}
    if name == "kafka":
        return {"WAYBILL_TEST_BROKER": f"kafka://127.0.0.1:{port}"}
    if name in MQTT:
        return {"WAYBILL_TEST_BROKER": f"{'mqtts' if tls else 'mqtt'}://127.0.0.1:{port}", "WAYBILL_TEST_BROKER_USER": USER,
                "WAYBILL_TEST_BROKER_READER": READER if name != "nats" else "", "WAYBILL_TEST_BROKER_PASSWORD": PASSWORD,
                "WAYBILL_TEST_BROKER_CA_FILE": str(certificate) if tls else "",
                "WAYBILL_TEST_BROKER_MQTT_VERSION": "3.1.1" if name == "nats" else "5"}
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


def start(folder, name, port=0):
    """On this port, where it has to be the one that it had."""
    if name in NEEDS:
        start(folder, NEEDS[name])
    state = state_of(folder, name)
    for last in (False, False, True):  # another program may take the free port before the server does
        if state:
            return state
        state = try_to_start(folder, name, port or free_port(), last)
    return state


def launch(place, started_by, port):
    command, environment = started_by
    with open(place / "log", "ab") as log:
        process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   env=os.environ | environment, start_new_session=True)
    state = {"pid": process.pid, "born": born(process.pid), "port": port}
    (place / "state.json").write_text(json.dumps(state) + "\n")
    return state


def wait_for(folder, name, port):
    until = time.monotonic() + START_S_MAX
    while not answers(port):
        if not state_of(folder, name) or time.monotonic() > until:
            stop(folder, name)
            raise Failed(f"{name} did not start: {(folder / name / 'log').read_text(errors='replace')[-2000:]}")
        time.sleep(0.02)


def try_to_start(folder, name, port, last):
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    state = launch(place, SERVICES[name](place.resolve(), port), port)
    try:
        wait_for(folder, name, port)
    except Failed:
        if last:
            raise
        return None
    if name in BUCKETS:
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


def kill(folder, name):
    """As a crash does."""
    os.kill(state_of(folder, name)["pid"], signal.SIGKILL)
    stop(folder, name)


def stop_all(folder, name):
    """With what it needed."""
    stop(folder, name)
    if name in NEEDS:
        stop(folder, NEEDS[name])


@contextlib.contextmanager
def running(name):
    """One of its own, empty at first; gives the environment that tests find it by."""
    with tempfile.TemporaryDirectory(prefix="waybill-services-") as scratch:
        folder = pathlib.Path(scratch)
        try:
            start(folder, name)
            yield environment_of(folder, name)
        finally:
            stop_all(folder, name)


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
            stop_all(FOLDER, name)
        else:
            state = state_of(FOLDER, name)
            print(f"{name}: " + (f"runs as {state['pid']} at {next(iter(environment_of(FOLDER, name).values()))}" if state else "does not run"))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failed:
        sys.exit(f"script/services: {failed}")
