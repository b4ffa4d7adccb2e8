"""What the hostile tests share: raw connections, what a refusal must look like, an honest client beside them, memory."""
import contextlib
import json
import re
import resource
import socket
import threading
import time

import requests

TIMEOUT_S = 120  # of a socket: a test that hangs fails


def connect(waybill, **options):
    connection = socket.socket()
    connection.settimeout(TIMEOUT_S)
    for option, value in options.items():
        connection.setsockopt(socket.SOL_SOCKET, getattr(socket, option), value)
    connection.connect(("127.0.0.1", waybill.port))
    return connection


def send(connection, data):
    """As much of it as the server takes: it may have answered and closed."""
    with contextlib.suppress(ConnectionError):
        connection.sendall(data)


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:500]}"


def read_replies(connection, wanted=None):
    """The replies up to the end of the connection, or so many."""
    bytes_, replies = bytearray(), []
    while wanted is None or len(replies) < wanted:
        head_end = bytes_.find(b"\r\n\r\n")
        if head_end >= 0:
            head = bytes_[:head_end].decode("latin-1")
            status = int(re.match(r"HTTP/1\.1 (\d{3}) ", head)[1])
            headers = {name.lower(): value for name, value in re.findall(r"^([^:\r\n]+): ([^\r\n]*)", head, re.M)}
            length = int(headers.get("content-length", 0))
            if len(bytes_) >= head_end + 4 + length:
                body = bytes(bytes_[head_end + 4:head_end + 4 + length])
                del bytes_[:head_end + 4 + length]
                if status != 100:
                    replies.append(Reply(status, headers, body))
                continue
        try:
            more = connection.recv(1 << 16)
        except ConnectionError:
            more = b""
        if not more:
            break
        bytes_ += more
    return replies


def say(waybill, data):
    """All replies to these bytes from a client that sends nothing more."""
    with connect(waybill) as connection:
        send(connection, data)
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
        return read_replies(connection)


def assert_problem(reply, statuses, field=None):
    """RFC 9457, with the field that is to blame and what is expected there."""
    status = getattr(reply, "status", None) or reply.status_code
    body = getattr(reply, "body", None) or reply.content
    assert status in ([statuses] if isinstance(statuses, int) else statuses), reply
    assert reply.headers.get("content-type") == "application/problem+json", reply.headers
    said = json.loads(body)
    assert said["status"] == status and said["title"] and said["type"] and said["detail"], said
    if status not in (500, 503):
        assert said["field"] and said["expected"], said
    if field:
        assert said["field"] == field, said
    return said


def post(path, body, *headers):
    head = "\r\n".join([f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers])
    return head.encode() + b"\r\n\r\n" + body


def get(path):
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def location(order, second=0, **more):
    return {"order_id": order, "deliverer_id": f"d-{order}", "delivery_state": "on_the_way",
            "latitude": 41 + second / 1_000_000, "longitude": -8.6,
            "timestamp": f"2024-01-15T{9 + second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z", **more}


def plain_get(session, url):
    return session.get(url, timeout=TIMEOUT_S)


def patient_get(session, url):
    """As a client reads that knows Retry-After: while more is accepted than the store can show, it is told 503."""
    until = time.monotonic() + TIMEOUT_S
    while True:
        answer = plain_get(session, url)
        if answer.status_code != 503 or "Retry-After" not in answer.headers or time.monotonic() > until:
            return answer


class Honest:
    """Somebody who sends locations and asks for them while others misbehave; every request must succeed."""

    numbers = iter(range(1_000_000))

    def __init__(self, waybill, get=plain_get):
        self.waybill, self.order, self.get = waybill, f"honest-{next(self.numbers)}", get
        self.asked, self.failures, self.over = 0, [], threading.Event()
        self.thread = threading.Thread(target=self._run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, kind, *_):
        self.over.set()
        self.thread.join()
        if kind is None:
            assert self.asked and not self.failures, self.failures

    def _run(self):
        with requests.Session() as session:
            session.trust_env = False
            while not self.failures and (not self.asked or not self.over.is_set()):
                sent = location(self.order, self.asked)
                try:
                    told = session.post(self.waybill.url + "/v1/locations", json=sent, timeout=TIMEOUT_S)
                    seen = self.get(session, self.waybill.url + f"/v1/deliverer_location/last/{self.order}")
                    if (told.status_code, seen.status_code) != (200, 200) or \
                            seen.json()["data"][0]["latitude"] != sent["latitude"]:
                        self.failures.append((told.status_code, told.text, seen.status_code, seen.text))
                except requests.RequestException as error:
                    self.failures.append(repr(error))
                self.asked += 1


def memory_mib(waybill, what="VmRSS"):
    with open(f"/proc/{waybill.process.pid}/status", encoding="utf-8") as status:
        return int(re.search(rf"^{what}:\s*(\d+) kB", status.read(), re.M)[1]) / 1024


@contextlib.contextmanager
def memory_grows_at_most(waybill, mib, what):
    """By the most that was resident at any moment, not by what is left."""
    with open(f"/proc/{waybill.process.pid}/clear_refs", "w", encoding="ascii") as forget:
        forget.write("5")
    before = memory_mib(waybill, "VmRSS")
    yield
    peak = memory_mib(waybill, "VmHWM")
    print(f"\n{what}: {before:.0f} MiB, at most {peak:.0f} MiB")
    assert peak - before < mib


def open_files(count):
    """Lets this process, and those that it starts, have so many open files; false where the system does not."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        return False
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    return True
