"""A viewer of a stream of server-sent events, as a browser's EventSource is one."""
import json
import socket
from urllib.parse import urlsplit

import requests

WAIT_S_MAX = 30


class Viewer:
    """Reads events one by one; `last_id` is what a browser would come back with."""

    def __init__(self, url, headers=None, last_id=None):
        asked = dict(headers or {})
        if last_id:
            asked["Last-Event-ID"] = last_id
        self.session = requests.Session()
        self.session.trust_env = False
        self.answer = self.session.get(url, headers=asked, stream=True, timeout=WAIT_S_MAX)
        self.lines = self.answer.iter_lines(chunk_size=None) if self.answer.status_code == 200 else iter(())
        self.last_id = last_id
        self.comments = 0
        self.retry_ms = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.answer.close()
        self.session.close()

    def next(self):
        """(name, data) of the next event; None when the stream has ended."""
        name, data = "message", None
        try:
            for line in self.lines:
                line = line.decode()
                if line == "":
                    if data is not None:
                        return name, json.loads(data)
                    name = "message"
                elif line.startswith(":"):
                    self.comments += 1
                else:
                    field, _, value = line.partition(":")
                    value = value.removeprefix(" ")
                    if field == "event":
                        name = value
                    elif field == "data":
                        data = value
                    elif field == "id":
                        self.last_id = value
                    elif field == "retry":
                        self.retry_ms = int(value)
        except requests.exceptions.ChunkedEncodingError:
            pass  # killed
        return None

    def until(self, name):
        """The data of the next event of that name, and the names of those before it."""
        passed = []
        while (event := self.next()) is not None:
            if event[0] == name:
                return event[1], passed
            passed.append(event[0])
        raise AssertionError(f"the stream ended without {name}, after {passed}")


def deaf(waybill, path, receive_bytes=4096):
    """A viewer that asks and never reads."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    connection.connect(("127.0.0.1", urlsplit(waybill.url).port))
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return connection
