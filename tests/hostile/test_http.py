"""Bytes that are not quite HTTP, heads and bodies that are too large, paths that want to be others."""
import json
import threading

import pytest

from attack import Honest, assert_problem, connect, get, location, memory_grows_at_most, post, read_replies, say, send

BODY = json.dumps(location("smuggled")).encode()
SMUGGLED = post("/v1/locations", BODY)
MIB = 1 << 20


def posted(*headers, version="1.1", path="/v1/locations", host="Host: localhost"):
    return "\r\n".join([f"POST {path} HTTP/{version}", *([host] if host else []), *headers]).encode() + b"\r\n\r\n"


CHUNKED = "Transfer-Encoding: chunked"
NO_CHUNKS = b"0\r\n\r\n"
# name: what is sent before a request that must never be understood as one, the status
SHAPES = {
    "length and chunked": (posted("Content-Length: 5", CHUNKED) + NO_CHUNKS, 400),
    "chunked and length": (posted(CHUNKED, "Content-Length: 5") + NO_CHUNKS, 400),
    "two lengths": (posted("Content-Length: 0", "Content-Length: 5"), 400),
    "two equal lengths": (posted("Content-Length: 0", "Content-Length: 0"), 400),
    "a list of lengths": (posted("Content-Length: 0, 0"), 400),
    "a length with a sign": (posted("Content-Length: +0"), 400),
    "a length in hexadecimal": (posted("Content-Length: 0x0"), 400),
    "a length beyond 64 bit": (posted("Content-Length: 18446744073709551617"), 400),
    "a negative length": (posted("Content-Length: -1"), 400),
    "chunked twice": (posted(CHUNKED, CHUNKED) + NO_CHUNKS, 400),
    "another coding": (posted("Transfer-Encoding: gzip, chunked") + NO_CHUNKS, 501),
    "identity": (posted("Transfer-Encoding: identity") + NO_CHUNKS, 501),
    "chunked that is not last": (posted("Transfer-Encoding: chunked, identity") + NO_CHUNKS, 501),
    "nearly chunked": (posted("Transfer-Encoding: xchunked") + NO_CHUNKS, 501),
    "chunked behind a vertical tab": (posted("Transfer-Encoding: \x0bchunked") + NO_CHUNKS, (400, 501)),
    "chunked in HTTP/1.0": (posted(CHUNKED, version="1.0") + NO_CHUNKS, 400),
    "a space before the colon": (posted("Transfer-Encoding : chunked") + NO_CHUNKS, 400),
    "a folded line": (posted("X: y\r\n z") + NO_CHUNKS, 400),
    "a folded coding": (posted("Transfer-Encoding:\r\n chunked") + NO_CHUNKS, 400),
    "a bare LF": (posted("X: y\nContent-Length: 5"), 400),
    "only LF": (b"POST /v1/locations HTTP/1.1\nHost: localhost\n\n", (400, 505)),
    "a bare CR": (posted("X: y\rContent-Length: 5"), 400),
    "NUL in a value": (posted("X: y\0z"), 400),
    "NUL in a name": (posted("X\0: y"), 400),
    "a name that is not ASCII": (posted("Content-Lenğth: 5"), 400),
    "no name": (posted(": y"), 400),
    "a line without a colon": (posted("nonsense"), 400),
    "no Host": (posted(host=""), 400),
    "two Hosts": (posted("Host: other"), 400),
    "a chunk size that is none": (posted(CHUNKED) + b"x\r\n", 400),
    "a chunk size with a prefix": (posted(CHUNKED) + b"0x1\r\na\r\n0\r\n\r\n", 400),
    "a negative chunk size": (posted(CHUNKED) + b"-1\r\n", 400),
    "a chunk size beyond 64 bit": (posted(CHUNKED) + b"10000000000000000\r\n", 400),
    "the largest chunk size": (posted(CHUNKED) + b"ffffffffffffffff\r\n", 413),
    "a chunk that is longer than its size": (posted(CHUNKED) + b"1\r\nab\r\n0\r\n\r\n", 400),
    "a chunk that ends with LF": (posted(CHUNKED) + b"1\r\na\n0\r\n\r\n", 400),
    "a chunk size that ends with LF": (posted(CHUNKED) + b"1\na\r\n0\r\n\r\n", 400),
    "a chunk extension with a bare CR": (posted(CHUNKED) + b"1;a\rb\r\na\r\n0\r\n\r\n", 400),
    "a length among the trailers": (posted(CHUNKED) + b"0\r\nContent-Length: 9\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /v1/orders\r\n", (400, 505)),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "HTTP/1.2": (posted(version="1.2"), 505),
    "another protocol's version": (b"GET / RTSP/1.0\r\n\r\n", (400, 505)),
    "a request line of two spaces": (b"GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64), 400),
    "noise": (bytes(range(128, 256)) + b"\r\n\r\n", 400),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_is_smuggled_past_a_server_in_front(waybill, shape):
    data, statuses = SHAPES[shape]
    replies = say(waybill, data + SMUGGLED)
    assert len(replies) == 1, "one refusal and the end of the connection"
    assert_problem(replies[0], statuses)
    assert replies[0].headers["connection"] == "close"
    assert waybill.get("/v1/orders/smuggled").status_code == 404


def test_junk_behind_a_body_is_the_next_request_and_refused(waybill):
    replies = say(waybill, post("/v1/locations", json.dumps(location("junk")).encode()) + b"junk\r\n\r\n" + SMUGGLED)
    assert [reply.status for reply in replies] == [200, 400]
    assert waybill.get("/v1/orders/smuggled").status_code == 404


def test_a_chunked_body_is_the_same_as_a_plain_one(waybill):
    body = json.dumps(location("chunks")).encode()
    chunks = b"".join(b"%x;a=\"b\"\r\n%b\r\n" % (len(part), part) for part in (body[:1], body[1:7], body[7:]))
    assert say(waybill, posted(CHUNKED) + chunks + b"000\r\nX: y\r\n\r\n")[0].status == 200
    assert len(waybill.track("chunks")) == 1


def test_the_absolute_form_of_a_target_is_served_by_its_path(waybill):
    asked = b"GET http://elsewhere:1/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert [reply.status for reply in say(waybill, asked)] == [200]


def test_a_hundred_megabytes_are_refused_before_they_are_taken(waybill):
    with memory_grows_at_most(waybill, 100, "100 MB announced"), Honest(waybill):
        with connect(waybill) as connection:
            send(connection, posted("Content-Length: 100000000"))
            replies = read_replies(connection)
            assert len(replies) == 1
            assert_problem(replies[0], 413, "body")
        # Whoever sends them all the same costs no memory.
        for _ in range(3):
            with connect(waybill) as connection:
                send(connection, posted("Content-Length: 100000000") + b" " * (100 * MIB))
                for reply in read_replies(connection):  # or a reset
                    assert_problem(reply, 413, "body")


def test_a_hundred_megabytes_of_chunks_are_cut_at_the_limit(waybill):
    chunk = b"100000\r\n" + b" " * MIB + b"\r\n"
    with memory_grows_at_most(waybill, 150, "100 MB in chunks"), Honest(waybill), connect(waybill) as connection:
        reader = []
        thread = threading.Thread(target=lambda: reader.extend(read_replies(connection)))
        thread.start()
        send(connection, posted(CHUNKED))
        for _ in range(100):
            send(connection, chunk)
        thread.join()
        if reader:  # a reset may overtake the answer of one who goes on sending
            assert_problem(reader[0], 413, "body")


def test_many_large_bodies_at_once_are_bounded(waybill):
    half = posted("Content-Length: 16000000") + b" " * (15 * MIB)
    with memory_grows_at_most(waybill, 600, "40 bodies of 15 MiB at once"), Honest(waybill):
        connections = [connect(waybill) for _ in range(40)]
        threads = [threading.Thread(target=send, args=(connection, half)) for connection in connections]
        for thread in threads:
            thread.start()
        statuses = [[reply.status for reply in read_replies(connection)] for connection in connections]
        for thread in threads:
            thread.join()
        for connection in connections:
            connection.close()
    assert all(told in ([408], [503], []) for told in statuses), statuses


@pytest.mark.parametrize("flood", [
    b"".join(b"X-%d: y\r\n" % n for n in range(10_000)),
    b"a:\r\n" * 3000,
    b"X: " + b"y" * 200_000 + b"\r\n",
    b"".join(b"X-%d: %b\r\n" % (n, b"y" * 1000) for n in range(50)),
    b"Cookie: " + b"a=b; " * 10_000 + b"\r\n",
], ids=["ten thousand fields", "three thousand empty ones", "one of 200 kB", "fifty of 1 kB", "cookies"])
def test_floods_of_header_fields_are_refused(waybill, flood):
    replies = say(waybill, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + flood + b"\r\n")
    for reply in replies:  # or a reset, where the flood goes on behind the answer
        assert_problem(reply, 431, "head")
    with connect(waybill) as connection:
        send(connection, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + flood[:36_000])
        assert_problem(read_replies(connection, 1)[0], 431, "head")


def test_many_header_floods_at_once_do_not_fill_the_memory(waybill):
    flood = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + b"a:\r\n" * 97 + b"X: " + b"y" * 14_000
    with memory_grows_at_most(waybill, 100, "500 half heads of 14 kB"), Honest(waybill):
        connections = [connect(waybill) for _ in range(500)]
        for connection in connections:
            send(connection, flood)
        for connection in connections:
            assert_problem(read_replies(connection)[0], 408, "head")
            connection.close()


PATHS = ["/v1/orders/../../etc/passwd", "/../../../../etc/passwd", "/web/../../../../etc/passwd", "/web/%2e%2e/%2e%2e/LOCK",
         "/web/..%2f..%2fLOCK", "/web/....//LOCK", "/web/\\..\\LOCK", "//v1/orders", "/v1//orders", "/v1/orders/a/../b",
         "/./healthz", "/healthz%00", "/healthz%20", "/HEALTHZ", "/%68ealthz", "/healthz;a=b", "/v1/%6frders",
         "/v1/orders/a%2ftrack", "/web/waybill.js%00.html", "/web/", "/.git/config", "*", "healthz", "x://y/healthz",
         "/v1/orders/a/b/c", "/v1/orders/%2e%2e%2ftrack", "/v1/deliverer_location/last/..%2f..%2f1" ]


@pytest.mark.parametrize("path", PATHS)
def test_paths_that_want_to_be_others_are_not_known(waybill, path):
    reply = say(waybill, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())[0]
    if path.startswith("/v1/deliverer_location/last/"):  # an id like any other, of an order that nobody has heard of
        assert reply.status == 200 and json.loads(reply.body) == {"data": []}
    else:
        assert_problem(reply, 404)


@pytest.mark.parametrize("id_", ["%00", "a%00b", "%0a", "%7f", "%ff%fe", "%c0%af", "%ed%a0%80", "x" * 129, "%0d%0aX:%20y"])
def test_ids_that_cannot_be_are_refused(waybill, id_):
    for path in (f"/v1/orders/{id_}", f"/v1/orders/{id_}/track", f"/v1/deliverer_location/last/{id_}", f"/v1/deliverers/{id_}"):
        assert_problem(say(waybill, get(path))[0], 400, "id")
    assert_problem(say(waybill, post(f"/v1/orders/{id_}/close", b""))[0], 400, "order_id")
    assert_problem(say(waybill, get(f"/v1/custody/{id_}"))[0], (400, 404))


def test_bytes_of_a_path_that_are_not_ascii_are_an_id_or_a_refusal(waybill):
    assert_problem(say(waybill, b"GET /v1/orders/\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n")[0], 400, "id")
    assert_problem(say(waybill, b"GET /v1/orders/\xc3\xa9 HTTP/1.1\r\nHost: localhost\r\n\r\n")[0], 404)


def test_very_long_paths_are_refused(waybill):
    for size in (17_000, 100_000):
        for reply in say(waybill, b"GET /" + b"a" * size + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            assert_problem(reply, 431, "head")


def test_bad_parameters_are_named(waybill):
    for query, field in (("limit=0", "limit"), ("limit=99999999999999999999", "limit"), ("limit=-1", "limit"),
                         ("limit=1e3", "limit"), ("bbox=nan,nan,nan,nan", "bbox"), ("bbox=1e400,0,0,0", "bbox"),
                         ("updated_since=1e400", "updated_since"), ("updated_since=yesterday", "updated_since"),
                         ("state=flying", "state"), ("cursor=%00", "cursor"), ("cursor=" + "00" * 5000, "cursor"),
                         ("at_least=1-0-99999999999999999999", "at_least")):
        assert_problem(waybill.get("/v1/orders?" + query), 400, field)


def test_a_method_that_a_path_does_not_know_is_a_405_that_says_which_it_knows(waybill):
    for method in ("DELETE", "PUT", "PATCH", "TRACE", "CONNECT", "BREW", "x" * 1000):
        reply = say(waybill, f"{method} /v1/orders HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())[0]
        assert_problem(reply, 405, "method")
        assert reply.headers["allow"] == "POST, GET, HEAD"
