"""Clients that are slow, many, deaf or gone: they are bounded, and others are served meanwhile."""
import contextlib
import json
import re
import socket
import struct

import pytest

from attack import (Honest, assert_problem, connect, get, location, memory_grows_at_most, memory_mib, open_files, post,
                    read_replies, say, send)
from running import Waybill, binary

IDLE = 10_000
LORISES = 200
HEAD = b"POST /v1/locations HTTP/1.1\r\nHost: localhost\r\n"


@contextlib.contextmanager
def connections(waybill, count, **options):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(connect(waybill, **options)) for _ in range(count)]


@pytest.mark.parametrize("begin,drop", [(HEAD, b"X: y\r\n"), (HEAD + b"Content-Length: 1000\r\n\r\n", b"x")],
                         ids=["head", "body"])
def test_a_slow_loris_is_told_408_and_others_are_served(waybill, begin, drop):
    with Honest(waybill), connections(waybill, LORISES) as lorises:
        for loris in lorises:
            send(loris, begin)
        for _ in range(10):
            for loris in lorises:
                send(loris, drop)
        for loris in lorises:
            replies = read_replies(loris)
            assert len(replies) == 1
            assert_problem(replies[0], 408, {HEAD: "head"}.get(begin, "body"))


def test_half_requests_leave_nothing_behind(waybill):
    whole = post("/v1/locations", json.dumps(location("half")).encode())
    with Honest(waybill):
        for cut in range(1, len(whole), 3):
            with connect(waybill) as connection:
                send(connection, whole[:cut])
                if cut % 2:  # a reset instead of an end
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert waybill.get("/v1/orders/half").status_code == 404


def test_a_half_closed_client_still_gets_its_answer(waybill):
    assert [reply.status for reply in say(waybill, get("/healthz"))] == [200]


def connections_of(waybill):
    return float(re.search(r"^waybill_http_connections (\S+)$", waybill.get("/metrics").text, re.M)[1])


def test_ten_thousand_idle_connections_are_held_and_others_are_served(waybill):
    if not open_files(IDLE + 500):
        pytest.skip("the system does not allow this process 10,500 open files")
    before = memory_mib(waybill)
    with connections(waybill, IDLE) as idle:
        with Honest(waybill) as honest:
            while honest.asked < 20 and not honest.failures:
                assert waybill.get("/healthz").status_code == 200
        # A connection is there for its client before the server has accepted it.
        waybill.wait_until(lambda: connections_of(waybill) >= IDLE)
        took = memory_mib(waybill) - before
        print(f"\n{IDLE} idle connections: {took:.0f} MiB, {took * 1024 / IDLE:.1f} KiB each")
        assert took * 1024 / IDLE < 64
        for connection in idle[::1000]:
            send(connection, get("/healthz"))
            assert read_replies(connection, 1)[0].status == 200


def test_one_connection_too_many_is_told_503(tmp_path):
    with Waybill(tmp_path / "data", arguments=["--http-connections-max", 5]) as small:
        small.session.close()
        with connections(small, 5) as all_of_them:
            for connection in all_of_them:
                send(connection, get("/healthz"))
                assert read_replies(connection, 1)[0].status == 200
            reply = say(small, b"")[0]
            assert_problem(reply, 503)
            assert reply.headers["retry-after"]


def test_a_system_that_allows_few_open_files_leaves_the_journal_and_the_store_their_own(tmp_path):
    limited = tmp_path / "limited"
    limited.write_text(f"#!/bin/sh\nulimit -n 600\nexec {binary()} \"$@\"\n")
    limited.chmod(0o755)
    with Waybill(tmp_path / "data", binary_path=str(limited)) as small:
        assert "fewer connections than http.connections_max" in small.log_text()
        with connections(small, 250) as many:
            for connection in many:
                send(connection, get("/healthz"))
            with Honest(small) as honest:
                pass
            assert honest.asked
        assert small.stop() == 0
    assert "Too many open files" not in small.log_text()


def tracks_answered(waybill):
    told = re.search(r'^waybill_http_requests_total\{route="GET /v1/orders/\{id\}/track",status="200"\} (\d+)',
                     waybill.get("/metrics").text, re.M)
    return int(told[1]) if told else 0


def test_one_that_never_reads_is_cut_before_its_answers_fill_the_memory(waybill):
    # 15 MB an answer, 30 who ask for it and take nothing: 450 MB, of which 256 MiB may wait.
    sent = [location("deaf", second, note="x" * 15_000) for second in range(1000)]
    for part in range(0, 1000, 500):
        assert waybill.post("/v1/locations", sent[part:part + 500]).status_code == 200
    answered = tracks_answered(waybill)
    with memory_grows_at_most(waybill, 500, "30 who do not read 15 MB each"), Honest(waybill), \
            connections(waybill, 30, SO_RCVBUF=4096) as deaf:
        for connection in deaf:
            send(connection, get("/v1/orders/deaf/track?limit=1000"))
        while tracks_answered(waybill) < answered + len(deaf):
            assert waybill.alive()
        cut = sum(not read_replies(connection, 1) for connection in deaf)
        assert 0 < cut < len(deaf)


def test_thousands_of_requests_in_a_row_are_answered_in_their_order(waybill):
    count = 3000
    kinds = [
        (lambda n: get("/healthz"), 200),
        (lambda n: post("/v1/locations", json.dumps(location("row", n)).encode()), 200),
        (lambda n: get(f"/v1/orders/row-{n}"), 404),
        (lambda n: post("/v1/locations", b"{nonsense"), 400),
        (lambda n: post("/healthz", b"x"), 405),
        (lambda n: post("/v1/locations", b"{}"), 422),
        (lambda n: get(f"/v1/orders/row?at_least=x{n}"), 400),
    ]
    with Honest(waybill), connect(waybill) as connection:
        parts = [kinds[n % len(kinds)] for n in range(count)]
        begun = 0
        replies = []
        while begun < count:  # in rows of 500, so that neither side's socket fills up
            send(connection, b"".join(make(n) for n, (make, _) in list(enumerate(parts))[begun:begun + 500]))
            begun += 500
            replies += read_replies(connection, min(500, count - len(replies)))
    assert [reply.status for reply in replies] == [status for _, status in parts]
    for reply, (_, status) in zip(replies, parts):
        if status >= 400:
            assert_problem(reply, status)
    assert len(waybill.track("row")) == len([n for n in range(count) if n % len(kinds) == 1])


def test_requests_behind_a_bad_one_are_not_answered(waybill):
    good = post("/v1/locations", json.dumps(location("behind", 1)).encode())
    never = post("/v1/locations", json.dumps(location("never", 1)).encode())
    replies = say(waybill, good + good + b"nonsense\r\n\r\n" + never)
    assert [reply.status for reply in replies] == [200, 200, 400]
    assert_problem(replies[-1], 400)
    assert waybill.get("/v1/orders/never").status_code == 404
