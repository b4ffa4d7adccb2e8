"""What happens, as viewers see it: streams of orders, deliverers and regions, over everything that may lie between."""
import contextlib
import json
import re
import selectors
import socket
import threading
import time

import pytest
from running import Waybill
from watching import Viewer, deaf

RECONNECTING = 10_000


@pytest.fixture
def waybill(tmp_path):
    with Waybill(tmp_path / "data") as running:
        yield running
        running.kill()
        running.assert_books_balance()


def location(order, second, state=None, **more):
    said = {"order_id": order, "deliverer_id": f"d-{order}", "latitude": 41 + second / 100_000, "longitude": -8,
            "timestamp": f"2026-01-15T09:{second // 60:02}:{second % 60:02}Z", **more}
    return {**said, "delivery_state": state} if state else said


def send(waybill, *locations):
    answer = waybill.post("/v1/locations", list(locations))
    assert answer.status_code == 200, answer.text
    return answer.json()


def watch(waybill, path, **options):
    return Viewer(waybill.url + path, **options)


def metric(waybill, name):
    found = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", waybill.get("/metrics").text, re.M)
    return sum(map(float, found))


def test_an_order_is_shown_as_it_is_and_then_as_it_moves(waybill):
    send(waybill, location("a", 0, "start"))
    with watch(waybill, "/v1/orders/a/live") as viewer:
        assert viewer.answer.headers["Content-Type"] == "text/event-stream"
        assert viewer.answer.headers["X-Accel-Buffering"] == "no" and "no-store" in viewer.answer.headers["Cache-Control"]
        name, order = viewer.next()
        assert name == "snapshot" and order["state"] == "start" and order["last"]["timestamp"] == "2026-01-15T09:00:00Z"
        assert viewer.retry_ms and viewer.retry_ms > 0
        done = send(waybill, location("a", 10, "on_the_way"), location("a", 5), location("other", 1))
        name, state = viewer.next()
        assert name == "state" and (state["was"], state["state"]) == ("start", "on_the_way")
        name, moved = viewer.next()
        assert name == "location" and moved["location"]["timestamp"] == "2026-01-15T09:00:10Z"
        assert moved["fix_age_ms"] >= 0 and moved["state"] == "on_the_way"
        assert viewer.last_id == done["first"]
        name, late = viewer.next()
        assert name == "correction" and late["location"]["timestamp"] == "2026-01-15T09:00:05Z"
        waybill.post("/v1/orders/a/close", {})
        assert viewer.next()[1]["state"] == "closed"


def test_a_deliverer_and_a_region_are_shown_too(waybill):
    send(waybill, location("a", 0, "start"))
    with watch(waybill, "/v1/deliverers/d-a/live") as deliverer, watch(waybill, "/v1/live?bbox=-9,40,-7,42") as region, \
            watch(waybill, "/v1/live?bbox=10,10,11,11") as elsewhere:
        assert deliverer.next()[0] == "snapshot" and region.next()[0] == "snapshot"
        send(waybill, location("a", 10))
        assert deliverer.until("location")[0]["order_id"] == "a"
        assert region.until("location")[0]["deliverer_id"] == "d-a"
        send(waybill, {**location("b", 0), "latitude": 10.5, "longitude": 10.5})
        assert elsewhere.next()[1]["order_id"] == "b"
    assert waybill.get("/v1/live").status_code == 400
    assert waybill.get("/v1/orders/nobody/live").status_code == 404


def test_who_comes_back_after_a_kill_gets_what_it_missed_and_then_the_newest(waybill):
    send(waybill, location("a", 0, "start"), location("a", 10))
    with watch(waybill, "/v1/orders/a/live") as viewer:
        viewer.next()
        send(waybill, location("a", 20))
        viewer.until("location")
        waybill.kill()
        assert viewer.next() is None
        last_id = viewer.last_id
    waybill.start()
    send(waybill, location("a", 40), location("a", 15), location("a", 30))
    with watch(waybill, "/v1/orders/a/live", last_id=last_id) as viewer:
        missed = [viewer.next() for _ in range(4)]
    assert [name for name, _ in missed] == ["correction", "location", "location", "snapshot"]
    assert [data["location"]["timestamp"][17:19] for _, data in missed[:3]] == ["15", "30", "40"]
    assert missed[3][1]["last"]["timestamp"][17:19] == "40"


def test_an_order_that_nothing_is_heard_of_is_told_with_the_reason_that_its_phone_gave(tmp_path):
    with Waybill(tmp_path / "data", arguments=["--stale-after-seconds", 1]) as waybill:
        send(waybill, location("a", 0, "on_the_way", silence_reason="low_battery"))
        with watch(waybill, "/v1/orders/a/live") as viewer:
            silent, _ = viewer.until("silent")
            assert silent["reason"] == "low_battery" and silent["state"] == "on_the_way" and silent["fix_age_ms"] > 0
            order = waybill.get("/v1/orders/a").json()
            assert order["silent_since"] == silent["at"] and order["silence_reason"] == "low_battery"
            send(waybill, location("a", 5))
            _, passed = viewer.until("location")
            assert passed == ["heard"]
        waybill.kill()
        waybill.assert_books_balance()


def test_a_stream_ends_with_what_it_was_opened_with(tmp_path):
    from test_access import bearer, token
    data = tmp_path / "data"
    admin = bearer(token(data, "--role", "admin"))
    with Waybill(data, arguments=["--http-heartbeat-seconds", 1]) as waybill:
        waybill.session.headers.update(admin)
        send(waybill, location("a", 0, "start"), location("b", 0, "start"))
        given = waybill.post("/v1/orders/a/links", {}).json()
        link = {"Authorization": f"Bearer {given['link']}"}
        assert watch(waybill, "/v1/orders/a/live").answer.status_code == 401
        assert watch(waybill, "/v1/orders/b/live", headers=link).answer.status_code == 403
        assert watch(waybill, "/v1/live?bbox=-9,40,-7,42", headers=link).answer.status_code == 403
        with watch(waybill, "/v1/orders/a/live", headers=link) as viewer:
            name, order = viewer.next()
            assert name == "snapshot" and "deliverer_id" not in order
            send(waybill, location("a", 10))
            assert "deliverer" not in json.dumps(viewer.until("location")[0])
            assert waybill.session.delete(f"{waybill.url}/v1/links/{given['link']}").status_code in (200, 204)
            while viewer.next() is not None:
                pass


def test_a_viewer_that_does_not_read_costs_no_more_than_its_place_and_is_shown_the_newest_when_it_does(waybill):
    send(waybill, location("a", 0, "start"))
    last = 150
    with contextlib.ExitStack() as stack:
        many = [stack.enter_context(deaf(waybill, "/v1/orders/a/live")) for _ in range(100)]
        viewer = stack.enter_context(watch(waybill, "/v1/orders/a/live"))
        viewer.next()
        waybill.wait_until(lambda: metric(waybill, "waybill_live_viewers") == len(many) + 1)
        before = metric(waybill, "process_resident_memory_bytes")
        for second in range(1, last + 1):
            send(waybill, location("a", second, note="x" * 12_000))
            assert viewer.next()[0] == "location"
        # All of it for each of them would be 180 MB; what the order's ring and the store hold is a little, more with sanitizers.
        assert metric(waybill, "process_resident_memory_bytes") - before < 120 << 20
        for connection in many:
            connection.settimeout(30)
            heard = b""
            while f'"timestamp":"2026-01-15T09:{last // 60:02}:{last % 60:02}Z"'.encode() not in heard:
                assert (got := connection.recv(1 << 20)), heard[-1000:]
                heard += got
            assert heard.count(b"event: snapshot") == 2 and len(heard) < last * 12_000 / 2
        assert metric(waybill, "waybill_live_behind_total") == len(many)


class Proxy:
    """Between a client and the server: gives on what comes back only in whole blocks, as a proxy that buffers."""

    def __init__(self, port, block):
        self.block, self.port = block, port
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        client, _ = self.listening.accept()
        server = socket.create_connection(("127.0.0.1", self.port))
        server.sendall(client.recv(65536).replace(self.url[7:].encode(), f"127.0.0.1:{self.port}".encode()))
        held = b""
        with contextlib.suppress(ConnectionError):  # the client goes first
            while got := server.recv(65536):
                held += got
                whole = len(held) // self.block * self.block
                client.sendall(held[:whole])
                held = held[whole:]
        client.close()


def test_behind_a_proxy_that_buffers_nothing_is_lost_it_only_comes_later(waybill):
    send(waybill, location("a", 0, "start"))
    proxy = Proxy(waybill.port, 4096)
    driving = threading.Thread(target=lambda: [send(waybill, location("a", second)) for second in range(1, 200)])
    driving.start()
    with Viewer(proxy.url + "/v1/orders/a/live") as viewer:
        seen = []
        while len(seen) < 150:
            name, data = viewer.next()
            if name == "location":
                seen.append(data["location"]["timestamp"])
        driving.join()
        assert seen == sorted(seen) and len(set(seen)) == len(seen)


def test_a_stop_ends_the_streams_and_does_not_wait_for_their_viewers(waybill):
    send(waybill, location("a", 0, "start"))
    with watch(waybill, "/v1/orders/a/live") as viewer, deaf(waybill, "/v1/orders/a/live"):
        viewer.next()
        begun = time.monotonic()
        assert waybill.stop() == 0
        assert viewer.next() is None
        assert time.monotonic() - begun < 60
    waybill.start()


def test_ten_thousand_viewers_that_come_back_at_once_after_a_restart_all_see_the_newest(tmp_path):
    resource = pytest.importorskip("resource")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < RECONNECTING + 1000:
        pytest.skip("the system does not allow so many open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    orders = 100
    with Waybill(tmp_path / "data", arguments=["--http-connections-max", RECONNECTING + 100]) as waybill:
        first = send(waybill, *[location(f"o{number}", 0, "start") for number in range(orders)])
        send(waybill, *[location(f"o{number}", 10) for number in range(orders)])
        waybill.kill()
        waybill.start()
        wanted = {number: f'"timestamp":"2026-01-15T09:00:10Z"'.encode() for number in range(orders)}
        with selectors.DefaultSelector() as selector:
            for number in range(RECONNECTING):
                connection = socket.create_connection(("127.0.0.1", waybill.port), timeout=60)
                connection.sendall((f"GET /v1/orders/o{number % orders}/live HTTP/1.1\r\nHost: localhost\r\n"
                                    f"Last-Event-ID: {first['last']}\r\n\r\n").encode())
                selector.register(connection, selectors.EVENT_READ, [number % orders, b""])
            waiting = RECONNECTING
            until = time.monotonic() + 120
            while waiting and time.monotonic() < until:
                for key, _ in selector.select(1):
                    got = key.fileobj.recv(65536)
                    assert got, "cut off"
                    if key.data[1] is None:
                        continue
                    key.data[1] += got
                    if b"event: snapshot" in key.data[1] and wanted[key.data[0]] in key.data[1].split(b"event: snapshot")[1]:
                        assert b"event: location" in key.data[1]
                        key.data[1] = None
                        waiting -= 1
            assert waiting == 0
            assert metric(waybill, "waybill_live_viewers") == RECONNECTING
            # All of them are told of what happens next.
            send(waybill, *[location(f"o{number}", 20) for number in range(orders)])
            told = set()
            while len(told) < RECONNECTING and time.monotonic() < until:
                for key, _ in selector.select(1):
                    if b"09:00:20Z" in key.fileobj.recv(65536):
                        told.add(key.fd)
            assert len(told) == RECONNECTING
            for key in list(selector.get_map().values()):
                key.fileobj.close()
        assert waybill.alive()
