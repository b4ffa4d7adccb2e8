"""JSON that is not, or that wants more than there is: refused or kept as tests/data/json says, through HTTP."""
import gzip
import json
import os
import subprocess

import pytest

from attack import Honest, assert_problem, connect, memory_grows_at_most, post, read_replies, send
from running import ROOT

CORPUS = sorted((ROOT / "tests/data/json").glob("*.json"))
MEMBERS = b'"order_id":"%b","deliverer_id":"d","latitude":41.5,"longitude":-8.6,"timestamp":"2024-01-15T09:00:00Z"'
NDJSON = {"Content-Type": "application/x-ndjson"}
MIB = 1 << 20
FULL = "ORDERS" in os.environ  # script/soak


def skipped(order, value):
    return b"{" + MEMBERS % order.encode() + b',"skipped":' + value + b"}"


def accepted(path):
    return path.name.startswith(("y_", "i_yes_"))


def refused(answer):
    return assert_problem(answer, 400)


@pytest.mark.parametrize("entry", ["/v1/locations", "/v1/deliverer_location/", "/v1/orders", "/v1/orders/corpus/cancel"])
def test_the_corpus_as_the_value_of_a_field_that_is_skipped(waybill, entry):
    for path in CORPUS:
        answer = waybill.post(entry, skipped("corpus", path.read_bytes()))
        if accepted(path):
            assert answer.status_code == 200, (path, answer.text)
        else:
            refused(answer)


@pytest.mark.parametrize("entry", ["/v1/locations", "/v1/deliverer_location/", "/v1/orders", "/v1/orders/corpus/cancel"])
def test_the_corpus_as_a_whole_body(waybill, entry):
    for path in CORPUS:
        if path.read_bytes().strip() == b"" and entry.endswith("cancel"):
            continue  # a command may come without a body
        answer = waybill.post(entry, path.read_bytes())
        if not accepted(path):
            refused(answer)
        elif answer.status_code != 200:
            assert_problem(answer, (400, 422))


def test_the_corpus_as_lines_spoils_no_other_line(waybill):
    cases = [path for path in CORPUS if b"\n" not in path.read_bytes()]
    body = b"\n".join(part for path in cases for part in
                      (skipped("lines-good", b"1"), skipped("lines", path.read_bytes())))
    said = waybill.post("/v1/locations", body, headers=NDJSON).json()
    failed = {failure["item"] for failure in said["failures"]}
    assert failed == {2 * at + 1 for at, path in enumerate(cases) if not accepted(path)}
    assert said["accepted"] == 2 * len(cases) - len(failed)


def test_the_corpus_inside_a_text(waybill):
    for path in CORPUS:
        try:
            inner = skipped("text", path.read_bytes()).decode()
        except UnicodeDecodeError:
            continue
        answer = waybill.post("/v1/deliverer_location/", json.dumps(inner, ensure_ascii=False).encode())
        if accepted(path):
            assert answer.status_code == 200, (path, answer.text)
        else:
            refused(answer)


@pytest.mark.parametrize("field,value", [
    ("latitude", b"NaN"), ("latitude", b"Infinity"), ("latitude", b"1e400"), ("latitude", b"-1e400"), ("latitude", b"91"),
    ("longitude", b"180.1"), ("order_id", b"18446744073709551616"), ("order_id", b"-9223372036854775809"),
    ("order_id", b'"\\u0000"'), ("order_id", b'"\xff"'), ("order_id", b'"' + b"x" * 129 + b'"'), ("timestamp", b"1e400"),
    ("timestamp", b'"2024-02-30T00:00:00Z"'), ("timestamp", b'"-2024-01-15T09:00:00Z"'), ("timestamp", b"-1"),
    ("timestamp", b'"10000-01-01T00:00:00Z"'), ("delivery_state", b'"flying"'), ("speed", b"-1"), ("heading", b"361"),
    ("accuracy", b"1e309"), ("event_id", b'""'), ("deliverer_id", b"{}")])
def test_a_value_that_cannot_be_is_refused_with_its_field(waybill, field, value):
    parts = {b"order_id": b'"odd"', b"latitude": b"1", b"longitude": b"2", b"timestamp": b"1705309200"}
    parts[field.encode()] = value
    body = b"{" + b",".join(b'"%b":%b' % part for part in parts.items()) + b"}"
    for entry in ("/v1/locations", "/v1/deliverer_location/"):
        said = refused(waybill.post(entry, body))
        assert said["field"] in (field, "body"), said  # body: it is not JSON at all
    said = waybill.post("/v1/locations", skipped("odd-good", b"1") + b"\n" + body, headers=NDJSON).json()
    assert (said["accepted"], said["failed"]) == (1, 1)


def test_a_name_given_twice_is_refused_where_it_is_ours_and_kept_where_it_is_not(waybill):
    body = skipped("twice", b"1")[:-1]
    assert refused(waybill.post("/v1/locations", body + b',"latitude":1}'))["field"] == "latitude"
    assert refused(waybill.post("/v1/locations", body + b',"l\\u0061titude":1}'))["field"] == "latitude"
    assert waybill.post("/v1/locations", body + b',"skipped":2}').status_code == 200
    assert waybill.get("/v1/orders/twice/track").text.count('"skipped":') == 2


def test_too_much_in_skipped_fields_is_refused(waybill):
    assert refused(waybill.post("/v1/locations", skipped("much", b'"' + b"x" * 17_000 + b'"')))["expected"]
    assert waybill.post("/v1/locations", skipped("much", b'"' + b"x" * 16_000 + b'"')).status_code == 200


@pytest.mark.parametrize("junk", [b"[" * (2 * MIB), b'{"a":' * 300_000, b'"' + b"x" * (2 * MIB) + b'"', b"\xff" * (2 * MIB),
                                  b"9" * (2 * MIB), b"\\" * (2 * MIB), b'"' * (2 * MIB), b"\0" * (2 * MIB)],
                         ids=["arrays", "objects", "text", "ff", "digits", "backslashes", "quotes", "zeros"])
def test_megabytes_of_junk_are_refused_alone(waybill, junk):
    with Honest(waybill):
        for entry in ("/v1/locations", "/v1/deliverer_location/", "/v1/orders", "/v1/orders/x/cancel"):
            refused(waybill.post(entry, junk))
            refused(waybill.post(entry, skipped("junk", junk)))
        said = waybill.post("/v1/locations", skipped("lines-good", b"1") + b"\n" + skipped("junk", junk), headers=NDJSON)
        assert said.json()["accepted"] == 1 and said.json()["failed"] == 1


def test_more_items_than_a_body_may_have_are_refused(waybill):
    with memory_grows_at_most(waybill, 700, "millions of items"), Honest(waybill):
        refused(waybill.post("/v1/locations", b"[" + b"0," * 2_000_000 + b"0]"))
        refused(waybill.post("/v1/locations", b"0\n" * 1_000_000, headers=NDJSON))
        refused(waybill.post("/v1/orders", b"[" + b"{}," * 200_000 + b"0]"))
        refused(waybill.post("/v1/locations", b"a,b\n" * 1_000_000, headers={"Content-Type": "text/csv"}))


@pytest.mark.parametrize("csv", [b"", b"\xff\xfe\n1", b'a"b\n1', b'"open\n1,2', b"a\n" + b"x" * (2 * MIB), b"," * 2000 + b"\n1",
                                 b"\0\n\0\n", b"order_id,latitude\n\"1\"x,2\n"],
                         ids=["empty", "utf16", "quote inside", "open quote", "huge field", "many columns", "zeros",
                              "junk behind a quote"])
def test_tables_that_are_none_are_refused(waybill, csv):
    for entry in ("/v1/locations", "/v1/orders"):
        answer = waybill.post(entry, csv, headers={"Content-Type": "text/csv"})
        if not (answer.status_code == 200 and answer.json()["accepted"] == 0):  # a header and no row
            assert_problem(answer, (400, 422))


# ---- packed bodies

def zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout


def bombs():
    zeros, digits = bytes(200 * MIB), b"[" + b"0," * (70 * MIB) + b"0]"
    member = gzip.compress(bytes(MIB))
    return {
        ("gzip", "zeros"): (gzip.compress(zeros), 413), ("gzip", "numbers"): (gzip.compress(digits, 1), 413),
        ("gzip", "many members"): (member * 300, 413), ("gzip", "empty members"): (gzip.compress(b"") * 100_000, 400),
        ("gzip", "packed twice"): (gzip.compress(gzip.compress(zeros)), 400),
        ("gzip", "cut"): (gzip.compress(b" " * 1000)[:-9], 400), ("gzip", "cut in the head"): (gzip.compress(b" ")[:5], 400),
        ("gzip", "wrong checksum"): (gzip.compress(b"[]")[:-8] + bytes(8), 400),
        ("gzip", "wrong length"): (gzip.compress(b"[]")[:-4] + b"\xff" * 4, 400),
        ("gzip", "junk behind"): (gzip.compress(b"[]") + b"junk", 400), ("gzip", "plain"): (b"[]", 400),
        ("gzip", "empty"): (b"", 400), ("gzip", "reserved flags"): (b"\x1f\x8b\x08\xff" + bytes(100), 400),
        ("zstd", "zeros"): (zstd(zeros), 413), ("zstd", "numbers"): (zstd(digits), 413),
        ("zstd", "many frames"): (zstd(bytes(MIB)) * 300, 413), ("zstd", "packed twice"): (zstd(zstd(zeros)), 400),
        ("zstd", "empty frames"): (zstd(b"") * 100_000, 400), ("zstd", "cut"): (zstd(b" " * 1000)[:-3], 400),
        ("zstd", "a window of 2 GiB"): (b"\x28\xb5\x2f\xfd\x00\xa8" + bytes(100), 400),
        ("zstd", "skippable frames"): (b"\x50\x2a\x4d\x18\0\0\0\0" * 100_000, 400),
        ("zstd", "a skippable frame of 4 GiB"): (b"\x50\x2a\x4d\x18\xff\xff\xff\xff" + bytes(100), 400),
        ("zstd", "junk behind"): (zstd(b"[]") + b"junk", 400), ("zstd", "empty"): (b"", 400),
        ("br", "plain"): (b"[]", 415), ("gzip, gzip", "packed twice"): (gzip.compress(gzip.compress(b"[]")), 415),
        ("gzip\x80", "plain"): (b"[]", 415),
    }


@pytest.fixture(scope="module")
def packed():
    return bombs()


@pytest.mark.parametrize("entry", ["/v1/locations", "/v1/orders", "/v1/deliverer_location/", "/v1/orders/x/cancel"])
def test_bombs_and_broken_packings_are_refused(waybill, packed, entry):
    with memory_grows_at_most(waybill, 800, f"bombs at {entry}"), Honest(waybill):
        for (encoding, name), (body, status) in packed.items():
            if entry.endswith("cancel") and name in ("empty members", "empty frames", "skippable frames"):
                continue  # an empty body, which a command may have
            if entry != "/v1/locations" and name in ("numbers", "many members", "many frames"):
                continue  # unpacked by the same function
            answer = waybill.post(entry, body, headers={"Content-Encoding": encoding.encode("latin-1")})
            assert_problem(answer, status)


def test_many_bombs_at_once_are_unpacked_a_few_at_a_time(waybill, packed):
    bomb = packed["gzip", "zeros"][0]
    with memory_grows_at_most(waybill, 1000, "12 bombs at once"), Honest(waybill):
        connections = [connect(waybill) for _ in range(12)]
        for connection in connections:
            send(connection, post("/v1/locations", bomb, "Content-Encoding: gzip"))
        for connection in connections:
            assert_problem(read_replies(connection, 1)[0], 413, "body")
            connection.close()


def test_a_packed_body_below_the_limit_is_taken_apart_in_bounded_memory(waybill):
    mib = 120 if FULL else 24
    large = b"[" + b"0," * (mib * MIB // 2) + b"0]"
    with memory_grows_at_most(waybill, 24 * mib, f"{mib} MiB of numbers"), Honest(waybill):
        refused(waybill.post("/v1/locations", gzip.compress(large, 1), headers={"Content-Encoding": "gzip"}))
