"""HTTPS: what is served, which certificate, how it changes while serving, and clients that do not speak it well."""
import contextlib
import json
import signal
import socket
import ssl
import time
import warnings

import pytest
from cryptography import x509
from running import NotStarted, Waybill, run
from tls_files import Authority

PATH = "/v1/locations"
WAIT_S_MAX = 60


def location(order, second):
    return {"order_id": order, "deliverer_id": 1, "latitude": 41, "longitude": -8,
            "timestamp": f"2024-01-15T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"}


def serve(folder, authority, *arguments):
    waybill = Waybill(folder / "data", arguments=[*authority.settings(), *arguments])
    waybill.scheme = "https"
    waybill.session.verify = str(authority.file)
    return waybill


@pytest.fixture
def authority(tmp_path):
    made = Authority(tmp_path)
    made.serial = made.issue()
    return made


@pytest.fixture
def secure(tmp_path, authority):
    """A running waybill that speaks HTTPS, with little patience for handshakes."""
    with serve(tmp_path, authority, "--tls-handshake-ms-max", 500) as waybill:
        waybill.authority = authority
        yield waybill


@pytest.fixture(scope="module")
def steady(tmp_path_factory):
    """One for the tests that leave it as it is."""
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority(folder)
    authority.serial = authority.issue()
    with serve(folder, authority) as waybill:
        waybill.authority = authority
        yield waybill
        assert waybill.stop() == 0
        waybill.assert_books_balance()


def client_context(waybill):
    return ssl.create_default_context(cafile=str(waybill.authority.file))


def connect(waybill, context=None):
    plain = socket.create_connection(("127.0.0.1", waybill.port), timeout=WAIT_S_MAX)
    return (context or client_context(waybill)).wrap_socket(plain, server_hostname="localhost")


def serial_of(connection):
    return x509.load_der_x509_certificate(connection.getpeercert(binary_form=True)).serial_number


def served_serial(waybill):
    with connect(waybill) as connection:
        return serial_of(connection)


def read_all(connection):
    received = b""
    while True:
        with contextlib.suppress(ssl.SSLZeroReturnError):
            more = connection.recv(65_536)
            if more:
                received += more
                continue
        return received


def read_answer(connection, buffered=b""):
    """Status, body and what came behind them."""
    while b"\r\n\r\n" not in buffered:
        more = connection.recv(65_536)
        assert more, buffered
        buffered += more
    head, rest = buffered.split(b"\r\n\r\n", 1)
    length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
    while len(rest) < length:
        more = connection.recv(65_536)
        assert more, rest
        rest += more
    return int(head.split(b" ")[1]), rest[:length], rest[length:]


def get_request(path, *headers):
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


def post_request(body, *headers):
    return "\r\n".join([f"POST {PATH} HTTP/1.1", "Host: localhost", "Content-Type: application/json",
                        f"Content-Length: {len(body)}", *headers, "", ""]).encode() + body


def metric(waybill, name):
    lines = waybill.get("/metrics").text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((name + " ", name + "{")))


def until(condition, what):
    end = time.monotonic() + WAIT_S_MAX
    while not condition():
        assert time.monotonic() < end, what


def until_shown(waybill, order):
    """A read right behind a large write is answered 503 where the machine is slow: the store is still at it."""
    until(lambda: waybill.get(f"/v1/orders/{order}/track", params={"limit": 1}).status_code == 200, "it is not shown")


def test_it_takes_and_shows_over_https(steady):
    assert steady.post(PATH, location(1, 5)).status_code == 200
    assert len(steady.track(1)) == 1
    assert f"https://127.0.0.1:{steady.port}/" in steady.log_text()
    assert metric(steady, "waybill_tls_certificate_expiry_timestamp_seconds") == pytest.approx(
        time.time() + 10 * 86_400, abs=3_600)


def test_a_client_that_does_not_know_the_authority_refuses_us(steady):
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(steady, ssl.create_default_context())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_it_speaks_the_versions_of_today(steady, version):
    context = client_context(steady)
    context.minimum_version = context.maximum_version = version
    with connect(steady, context) as connection:
        name, _, bits = connection.cipher()
        assert bits >= 128 and ("ECDHE" in name or name.startswith("TLS_"))
        connection.sendall(get_request("/healthz"))
        assert read_answer(connection)[0] == 200


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_it_refuses_the_versions_of_yesterday(steady, version):
    context = client_context(steady)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    with pytest.raises(ssl.SSLError, match="(?i)version"):
        connect(steady, context)


def test_it_refuses_ciphers_without_forward_secrecy(steady):
    context = client_context(steady)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES256-SHA:AES128-GCM-SHA256:ECDHE+AES:!ECDHE+AESGCM")
    with pytest.raises(ssl.SSLError):
        connect(steady, context)


def test_it_names_its_protocol_and_refuses_clients_of_another(steady):
    context = client_context(steady)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with connect(steady, context) as connection:
        assert connection.selected_alpn_protocol() == "http/1.1"
    context = client_context(steady)
    context.set_alpn_protocols(["h2"])
    with pytest.raises(ssl.SSLError):
        connect(steady, context)


def test_a_session_is_taken_up_again(steady):
    context = client_context(steady)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with connect(steady, context) as connection:
        session = connection.session
    plain = socket.create_connection(("127.0.0.1", steady.port), timeout=WAIT_S_MAX)
    with context.wrap_socket(plain, server_hostname="localhost", session=session) as connection:
        assert connection.session_reused
        connection.sendall(get_request("/healthz"))
        assert read_answer(connection)[0] == 200


def test_thousands_of_requests_on_one_connection(steady):
    requests = [post_request(json.dumps(location(2, second)).encode()) for second in range(3_000)]
    with connect(steady) as connection:
        rest = b""
        for first in range(0, len(requests), 50):
            connection.sendall(b"".join(requests[first:first + 50]))
            for _ in range(50):
                status, _, rest = read_answer(connection, rest)
                assert status == 200
        for request in requests[:200]:
            connection.sendall(request)
            status, _, rest = read_answer(connection, rest)
            assert status == 200 and not rest
    until_shown(steady, 2)
    assert len(steady.track(2)) == 3_000


def test_a_large_body_in_and_a_large_answer_out(steady):
    count = 20_000
    body = json.dumps([location(3, second) for second in range(count)]).encode()
    assert len(body) > 2 << 20
    assert steady.post(PATH, body, headers={"Content-Type": "application/json"}).status_code == 200
    until_shown(steady, 3)
    answer = steady.get("/v1/orders/3/track", params={"limit": 10_000})
    assert len(answer.content) > 1 << 20 and len(answer.json()["locations"]) == 10_000
    assert len(steady.track(3)) == count


def test_a_slow_reader_gets_all_of_a_large_answer(steady):
    steady.post(PATH, [location(4, second) for second in range(10_000)])
    until_shown(steady, 4)
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    plain.settimeout(WAIT_S_MAX)
    plain.connect(("127.0.0.1", steady.port))
    with client_context(steady).wrap_socket(plain, server_hostname="localhost") as connection:
        connection.sendall(get_request("/v1/orders/4/track?limit=10000", "Connection: close"))
        received = bytearray()
        while piece := connection.recv(997):
            received += piece
    assert len(json.loads(bytes(received).split(b"\r\n\r\n", 1)[1])["locations"]) == 10_000


def test_the_last_answer_ends_with_close_notify(steady):
    with connect(steady) as connection:
        connection.sendall(get_request("/healthz", "Connection: close"))
        assert b" 200 " in read_all(connection)
        assert connection.unwrap() is not None, "both sides said that they end"


def test_a_client_that_ends_its_half_gets_its_answer(steady):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_context(steady).wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", steady.port), timeout=WAIT_S_MAX) as plain:
        def step(function):
            while True:
                try:
                    result = function()
                    plain.sendall(outgoing.read())
                    return result
                except ssl.SSLWantReadError:
                    plain.sendall(outgoing.read())
                    incoming.write(plain.recv(65_536))
        step(tls.do_handshake)
        tls.write(post_request(json.dumps(location(5, 1)).encode()))
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.unwrap()  # our close_notify, in the same packet as the request; theirs is not there yet
        plain.sendall(outgoing.read())
        received = b""
        while piece := plain.recv(65_536):
            received += piece
        assert len(received) > 100, "an answer, encrypted, and an end"
    assert len(steady.track(5)) == 1


def test_a_client_that_shuts_its_socket_down_gets_its_answer(steady):
    with connect(steady) as connection:
        connection.sendall(get_request("/healthz"))
        socket.socket.shutdown(connection, socket.SHUT_WR)  # without close_notify
        assert read_answer(connection)[0] == 200


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_plain_http_is_told_to_come_with_https(secure, method):
    before = metric(secure, "waybill_http_handshakes_failed_total")
    with socket.create_connection(("127.0.0.1", secure.port), timeout=WAIT_S_MAX) as plain:
        plain.sendall(f"{method} {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".encode())
        answer = read_all(plain)
    assert answer.startswith(b"HTTP/1.1 400 ") and b"https://" in answer
    assert metric(secure, "waybill_http_handshakes_failed_total") == before + 1


def test_what_is_no_handshake_at_all_comes_to_an_end(secure):
    before = metric(secure, "waybill_http_handshakes_failed_total")
    for junk in (b"\x00" * 200, b"\x16\x03\x01\x00\x05hello", bytes(range(256)) * 100, b"SSH-2.0-x\r\n"):
        with socket.create_connection(("127.0.0.1", secure.port), timeout=WAIT_S_MAX) as plain:
            with contextlib.suppress(ConnectionError):
                plain.sendall(junk)
                read_all(plain)
    assert metric(secure, "waybill_http_handshakes_failed_total") == before + 4
    assert secure.alive()


def test_a_connection_that_says_nothing_and_leaves_is_no_failed_handshake(secure):
    before = metric(secure, "waybill_http_handshakes_failed_total")
    for _ in range(20):
        socket.create_connection(("127.0.0.1", secure.port), timeout=WAIT_S_MAX).close()
    until(lambda: metric(secure, "waybill_http_connections") == 1, "they are still counted as open")
    assert metric(secure, "waybill_http_handshakes_failed_total") == before


def test_handshakes_that_stall_are_cut_and_hold_up_nobody(secure):
    before = metric(secure, "waybill_http_handshakes_failed_total")
    incoming, hello = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        client_context(secure).wrap_bio(incoming, hello, server_hostname="localhost").do_handshake()
    hello = hello.read()
    stalled = [socket.create_connection(("127.0.0.1", secure.port), timeout=WAIT_S_MAX) for _ in range(100)]
    for number, connection in enumerate(stalled):
        connection.sendall(hello[:number * 3])
    assert secure.post(PATH, location(1, 1)).status_code == 200
    with connect(secure) as other:
        other.sendall(get_request("/healthz"))
        assert read_answer(other)[0] == 200
    for connection in stalled:
        with contextlib.suppress(ConnectionError):
            read_all(connection)  # to its end, or the time of the socket is up and the test fails
        connection.close()
    assert metric(secure, "waybill_http_handshakes_failed_total") == before + 100


def test_sighup_changes_the_certificate_while_connections_go_on(secure):
    old = secure.authority.serial
    with connect(secure) as before:
        assert serial_of(before) == old
        before.sendall(get_request("/healthz"))
        assert read_answer(before)[0] == 200
        new = secure.authority.issue()
        assert served_serial(secure) == old, "nobody asked for it yet"
        secure.process.send_signal(signal.SIGHUP)
        until(lambda: served_serial(secure) == new, "the new certificate is not served")
        before.sendall(post_request(json.dumps(location(1, 1)).encode()))
        assert read_answer(before)[0] == 200
    assert metric(secure, "waybill_tls_reload_failed_total") == 0
    assert len(secure.track(1)) == 1


@pytest.mark.parametrize("damage", ["no PEM", "another key", "missing", "readable by others"])
def test_a_bad_certificate_leaves_the_old_one_in_use(secure, damage):
    authority = secure.authority
    if damage == "no PEM":
        authority.cert_file.write_text("-----BEGIN CERTIFICATE-----\nnot base64 at all\n")
    elif damage == "another key":
        authority.issue(replace=("key",))
    elif damage == "missing":
        authority.cert_file.unlink()
    else:
        authority.issue()
        authority.key_file.chmod(0o644)
    secure.process.send_signal(signal.SIGHUP)
    until(lambda: metric(secure, "waybill_tls_reload_failed_total") == 1, "the failure is not counted")
    assert served_serial(secure) == authority.serial
    assert "stays in use" in secure.log_text() and str(authority.folder) in secure.log_text()
    new = authority.issue()
    secure.process.send_signal(signal.SIGHUP)
    until(lambda: served_serial(secure) == new, "the repaired certificate is not served")


def test_sighup_reads_the_log_level_again_and_names_what_wants_a_restart(tmp_path):
    settings = tmp_path / "waybill.toml"
    settings.write_text('[log]\nlevel = "error"\n')
    with Waybill(tmp_path / "data", arguments=["--config", settings]) as waybill:
        settings.write_text('stale_after_seconds = 60\n[log]\nlevel = "info"\n')
        waybill.process.send_signal(signal.SIGHUP)
        until(lambda: "reloaded" in waybill.log_text(), "the level is still error")
        assert "restart" in waybill.log_text() and "stale_after_seconds" in waybill.log_text()
        settings.write_text("no_such_setting = 1\n")
        waybill.process.send_signal(signal.SIGHUP)
        until(lambda: "no_such_setting" in waybill.log_text(), "the bad file is not told")
        assert waybill.get("/healthz").status_code == 200
        assert waybill.stop() == 0


def test_sigterm_finishes_what_runs(secure):
    with connect(secure) as idle, connect(secure) as busy:
        body = json.dumps(location(1, 1)).encode()
        request = post_request(body)
        busy.sendall(request[:-10])
        idle.sendall(get_request("/healthz"))
        assert read_answer(idle)[0] == 200
        secure.process.send_signal(signal.SIGTERM)
        assert read_all(idle) == b"", "a resting connection is ended in order"
        busy.sendall(request[-10:])
        assert read_answer(busy)[0] == 200
        assert read_all(busy) == b""
    assert secure.wait() == 0
    secure.assert_books_balance()


def test_it_stops_although_handshakes_are_under_way(tmp_path, authority):
    with serve(tmp_path, authority, "--tls-handshake-ms-max", 600_000) as waybill:
        stalled = [socket.create_connection(("127.0.0.1", waybill.port)) for _ in range(10)]
        assert waybill.stop() == 0
        for connection in stalled:
            connection.close()


def test_too_many_connections_are_told_over_tls(tmp_path, authority):
    with serve(tmp_path, authority, "--http-connections-max", 2) as waybill:
        waybill.authority = authority
        waybill.session.close()
        with connect(waybill) as first, connect(waybill) as second:
            for connection in (first, second):
                connection.sendall(get_request("/healthz"))
                assert read_answer(connection)[0] == 200
            with connect(waybill) as third:
                assert read_answer(third)[0] == 503


def start_fails(folder, authority, *arguments):
    waybill = Waybill(folder / "refused", arguments=arguments)
    with pytest.raises(NotStarted) as refused:
        waybill.start()
    assert "exit code 1" in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_key_that_others_may_read_is_refused(tmp_path, authority, mode):
    authority.key_file.chmod(mode)
    said = start_fails(tmp_path, authority, *authority.settings())
    assert str(authority.key_file) in said and "others" in said


def test_half_a_setting_or_a_missing_file_is_refused(tmp_path, authority):
    assert "tls.key" in start_fails(tmp_path, authority, "--tls-certificate", authority.cert_file)
    assert "tls.key" in start_fails(tmp_path, authority, "--tls-key", authority.key_file)
    nowhere = tmp_path / "nowhere.pem"
    assert str(nowhere) in start_fails(tmp_path, authority, "--tls-certificate", nowhere, "--tls-key", authority.key_file)


@pytest.mark.parametrize("command", ["simulate", "replay"])
def test_our_clients_check_whom_they_talk_to(steady, tmp_path, command):
    recording = tmp_path / "recording.ndjson"
    recording.write_text("".join(json.dumps(location(6, second)) + "\n" for second in range(20)))
    arguments = {"simulate": ["-n", 2, "--orders", 2, "-l", 2, "--rate", 100],
                 "replay": [recording, "--speed", "max"]}[command] + ["--url", steady.url]
    unknown = run(command, *arguments)
    assert unknown.returncode == 1 and "certificate" in unknown.stderr
    missing = run(command, *arguments, "--ca-file", tmp_path / "none.pem")
    assert missing.returncode == 1
    known = run(command, *arguments, "--ca-file", steady.authority.file)
    assert known.returncode == 0, known.stderr
    if command == "replay":
        assert len(steady.track(6)) == 20


def test_the_demo_talks_to_itself_whatever_its_certificate_names(tmp_path, authority):
    with serve(tmp_path, authority, "--demo") as waybill:
        until(lambda: metric(waybill, "waybill_ingest_put_total") > 10, "no courier reports")
        assert waybill.stop() == 0
