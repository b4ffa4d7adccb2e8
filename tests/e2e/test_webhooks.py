"""Webhooks: each event at least once, of one order in order, whoever is killed meanwhile."""
import base64
import hashlib
import hmac
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from running import Waybill, run
from tls_files import Authority

WAIT_S_MAX = 60
QUICK = ("--notify-allow", "127.0.0.0/8", "--notify-retry-ms-first", "20", "--notify-retry-seconds-max", "1")


class Receiver:
    """Takes webhooks on a port of its own, over HTTPS where an authority gives it a certificate; can be away, and answers as `answer` says."""

    def __init__(self, authority=None):
        self.context = None
        if authority:
            authority.issue()
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(authority.cert_file, authority.key_file)
        self.got = []  # (id, body, headers), in their order
        self.answer = lambda event: 200
        self.lock = threading.Lock()
        self.server = None
        self.port = 0
        self.begin()

    def begin(self):
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                event = json.loads(body)
                with receiver.lock:
                    status = receiver.answer(event)
                    if status == 200:
                        receiver.got.append((self.headers["webhook-id"], body, dict(self.headers)))
                if status is None:  # it took it, and nobody hears of that
                    self.close_connection = True
                    self.connection.close()
                    return
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        ThreadingHTTPServer.allow_reuse_address = True
        ThreadingHTTPServer.request_queue_size = 128
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.handle_error = lambda *_: None  # a client that does not trust it goes away
        if self.context:
            self.server.socket = self.context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def away(self):
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self):
        return f"http{'s' if self.context else ''}://127.0.0.1:{self.port}/hook"

    def ids(self):
        with self.lock:
            return [each[0] for each in self.got]

    def wait_for(self, count):
        until = time.monotonic() + WAIT_S_MAX
        while len(set(self.ids())) < count:
            assert time.monotonic() < until, f"{len(set(self.ids()))} of {count} events came"
            time.sleep(0.01)

    def states(self):
        """The states of each order as they came for the first time."""
        seen, orders = set(), {}
        with self.lock:
            for event_id, body, _ in self.got:
                if event_id not in seen:
                    seen.add(event_id)
                    data = json.loads(body)["data"]
                    orders.setdefault(data["order_id"], []).append(data["state"])
        return orders


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.away()


@pytest.fixture
def server(tmp_path):
    with Waybill(tmp_path / "data", arguments=QUICK) as waybill:
        yield waybill


def add(waybill, url, **more):
    answer = waybill.post("/v1/webhooks", {"url": url, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def move(waybill, order, state, minute=0):
    answer = waybill.post("/v1/locations", {"order_id": order, "deliverer_id": "d" + order, "delivery_state": state, "latitude": 41,
                                            "longitude": -8, "timestamp": f"2024-01-15T09:{minute:02}:00Z"})
    assert answer.status_code == 200, answer.text


STATES = ("start", "on_the_way", "arrived")


def live(waybill, order):
    for minute, state in enumerate(STATES):
        move(waybill, order, state, minute)


def signature(secret, event_id, timestamp, body):
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = event_id.encode() + b"." + timestamp.encode() + b"." + body
    return "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()


def test_an_event_comes_signed_and_says_what_happened(server, receiver):
    hook = add(server, receiver.url, events=["state", "location"], note="the shop")
    assert hook["state"] == "active" and hook["events"] == ["location", "state"]
    move(server, "1001", "start")
    receiver.wait_for(2)
    for event_id, body, headers in receiver.got:
        event = json.loads(body)
        assert event["id"] == event_id == headers["webhook-id"]
        assert headers["webhook-signature"] == signature(hook["secret"], event_id, headers["webhook-timestamp"], body)
        assert abs(int(headers["webhook-timestamp"]) - time.time()) < 300
        assert event["data"]["order_id"] == "1001" and event["data"]["location"]["position"] in event_id
    assert {json.loads(body)["type"] for _, body, _ in receiver.got} == {"order.state", "order.location"}
    assert server.get(f"/v1/webhooks/{hook['id']}/secret").json()["secret"] == hook["secret"]
    assert "secret" not in server.get(f"/v1/webhooks/{hook['id']}").json()
    kept = b"".join(path.read_bytes() for path in server.data.rglob("*") if path.is_file())
    assert hook["secret"].removeprefix("whsec_").encode() not in kept


def test_private_addresses_are_refused_unless_they_are_named(tmp_path, receiver):
    with Waybill(tmp_path / "data") as waybill:
        for url in (receiver.url, "http://10.0.0.1/", "http://[::1]/", "http://169.254.169.254/latest/meta-data", "file:///etc/passwd",
                    "http://a:b@shop.example/", "http://2130706433/"):
            answer = waybill.post("/v1/webhooks", {"url": url})
            assert answer.status_code == 422 and answer.json()["field"] == "url", url
        # A name that means such an address is found out when it is connected to.
        hook = add(waybill, f"http://localhost:{receiver.port}/")
        assert waybill.post(f"/v1/webhooks/{hook['id']}/test").status_code == 202
        delivery = wait_for_delivery(waybill, hook)
        assert delivery["state"] == "failed" and "notify.allow" in delivery["error"]
        assert receiver.ids() == []


def test_over_https_only_the_authorities_of_ca_file_are_trusted(tmp_path):
    for name in ("trusted", "other"):
        (tmp_path / name).mkdir()
    trusted, other = (Authority(tmp_path / name, name) for name in ("trusted", "other"))
    good, bad = Receiver(trusted), Receiver(other)
    with Waybill(tmp_path / "data", arguments=[*QUICK, "--notify-ca-file", trusted.file]) as waybill:
        told, untold = add(waybill, good.url), add(waybill, bad.url)
        live(waybill, "safe")
        good.wait_for(3)
        assert wait_for_delivery(waybill, told)["state"] == "delivered"
        delivery = wait_for_delivery(waybill, untold)
        assert (delivery["state"], delivery["status"]) == ("failed", None) and "certificate" in delivery["error"]
        assert bad.ids() == []
        # Neither is it without the setting, by the system's authorities.
        waybill.stop()
        waybill.arguments = list(QUICK)
        waybill.start()
        seen = len(good.ids())
        waybill.post(f"/v1/webhooks/{told['id']}/test")
        assert "certificate" in wait_for_delivery(waybill, told, state="failed")["error"]
        assert len(good.ids()) == seen
    good.away()
    bad.away()


def wait_for_delivery(waybill, hook, **query):
    until = time.monotonic() + WAIT_S_MAX
    while True:
        page = waybill.get(f"/v1/webhooks/{hook['id']}/deliveries", params=query).json()
        if page["deliveries"]:
            return page["deliveries"][0]
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_redirect_is_not_followed(server, receiver):
    receiver.answer = lambda event: 302
    hook = add(server, receiver.url)
    server.post(f"/v1/webhooks/{hook['id']}/test")
    assert wait_for_delivery(server, hook)["status"] == 302


def test_a_server_that_is_killed_under_load_loses_no_event_and_no_order(tmp_path, receiver):
    orders = [f"o{i}" for i in range(60)]
    with Waybill(tmp_path / "data", arguments=QUICK) as waybill:
        add(waybill, receiver.url, events=["state"])
        for at, order in enumerate(orders):
            live(waybill, order)
            if at % 20 == 10:
                waybill.kill()
                waybill.start()
        receiver.wait_for(3 * len(orders))
        assert waybill.stop() == 0
        waybill.assert_books_balance()
    assert receiver.states() == {order: list(STATES) for order in orders}


def test_a_receiver_that_dies_while_it_answers_gets_all_of_it_when_it_is_back(server, receiver):
    hook = add(server, receiver.url, events=["state"])
    turn = iter(range(10**9))
    receiver.answer = lambda event: (200, None, 503, 200)[next(turn) % 4]
    orders = [f"o{i}" for i in range(30)]
    for order in orders[:15]:
        live(server, order)
    receiver.away()
    for order in orders[15:]:
        live(server, order)
    assert wait_for_delivery(server, hook, state="failed")
    receiver.begin()
    receiver.wait_for(3 * len(orders))
    assert receiver.states() == {order: list(STATES) for order in orders}


def test_what_was_told_is_told_again_when_it_is_replayed(server, receiver):
    hook = add(server, receiver.url)
    live(server, "again")
    receiver.wait_for(3)
    first = receiver.ids()
    receiver.got.clear()
    assert server.post(f"/v1/webhooks/{hook['id']}/replay", {"from": first[1]}).status_code == 202
    receiver.wait_for(2)
    assert receiver.ids() == first[1:]
    answer = server.post(f"/v1/webhooks/{hook['id']}/replay", {"from": "yesterday"})
    assert answer.status_code == 422 and answer.json()["field"] == "from"


def test_the_delivery_log_is_read_page_by_page(server, receiver):
    hook = add(server, receiver.url)
    live(server, "log")
    receiver.wait_for(3)
    path, read, cursor = f"/v1/webhooks/{hook['id']}/deliveries", [], ""
    while len(read) < 3:
        page = server.get(path, params={"limit": 2, "cursor": cursor}).json()
        read += page["deliveries"]
        cursor = page["next_cursor"] or ""
        if not cursor:
            read = read if len(read) == 3 else []
    assert [each["id"] for each in read] == receiver.ids()[::-1]
    assert {each["state"] for each in read} == {"delivered"}
    assert server.get(path, params={"state": "failed"}).json()["deliveries"] == []
    assert server.get(path, params={"cursor": "x"}).status_code == 400


def test_a_webhook_that_was_removed_is_told_nothing_more(server, receiver):
    hook = add(server, receiver.url)
    move(server, "before", "start")
    receiver.wait_for(1)
    assert server.session.delete(f"{server.url}/v1/webhooks/{hook['id']}").status_code == 200
    for path in ("", "/secret", "/deliveries"):
        assert server.get(f"/v1/webhooks/{hook['id']}{path}").status_code == 404
    other = add(server, receiver.url)
    move(server, "after", "start")
    receiver.wait_for(2)
    assert len(receiver.ids()) == 2
    assert [each["id"] for each in server.get("/v1/webhooks").json()["webhooks"]] == [other["id"]]


def test_the_command_adds_lists_replays_and_removes(server, receiver):
    data = ("--data", server.data)
    added = json.loads(run("webhook", "add", receiver.url, "--events", "state", "--note", "shop", *data).stdout)
    assert added["secret"].startswith("whsec_")
    live(server, "command")
    receiver.wait_for(3)
    assert added["id"] in run("webhook", "list", *data).stdout
    wait_for_delivery(server, added)
    assert "delivered" in run("webhook", "log", added["id"], *data).stdout
    assert run("webhook", "replay", added["id"], "--from", "2024-01-01T00:00:00Z", *data).returncode == 0
    assert run("webhook", "test", added["id"], *data).returncode == 0
    assert run("webhook", "remove", added["id"], *data).returncode == 0
    assert added["id"] not in run("webhook", "list", *data).stdout
    refused = run("webhook", "add", "http://10.0.0.1/", *data)
    assert refused.returncode == 1 and "notify.allow" in refused.stderr
