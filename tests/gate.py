"""A TCP gate between a client and a server on this machine: lets through, or delays, throttles, holds back, cuts, by what it is told."""
import contextlib
import selectors
import socket
import threading
import time


class Gate:
    """`delay_s`: each piece is so much later; `bytes_per_s`: no faster than this; `held`: nothing gets through and nothing breaks."""

    def __init__(self, port):
        self.server_port = port
        self.delay_s, self.bytes_per_s, self.held, self.shut = 0.0, None, False, False
        self.pairs, self.lock = [], threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.cut()

    def cut(self):
        """Every connection is reset."""
        with self.lock:
            pairs, self.pairs = self.pairs, []
        for pair in pairs:
            for one in pair:
                with contextlib.suppress(OSError):
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
                with contextlib.suppress(OSError):
                    one.close()

    def close(self):
        """And nobody new gets in."""
        self.shut = True
        self.cut()

    def open(self):
        self.delay_s, self.bytes_per_s, self.held, self.shut = 0.0, None, False, False

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                if self.shut:
                    raise OSError("shut")
                server = socket.create_connection(("127.0.0.1", self.server_port), 5)
            except OSError:
                client.close()
                continue
            with self.lock:
                self.pairs.append((client, server))
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._forward, args=(source, target), daemon=True).start()

    def _forward(self, source, target):
        with contextlib.suppress(OSError, ValueError), selectors.DefaultSelector() as selector:
            selector.register(source, selectors.EVENT_READ)
            while True:
                if not selector.select(0.2):
                    continue
                while self.held:
                    time.sleep(0.02)
                piece = source.recv(self.bytes_per_s // 10 if self.bytes_per_s else 1 << 16)
                if not piece:
                    break
                if self.delay_s:
                    time.sleep(self.delay_s)
                if self.bytes_per_s:
                    time.sleep(len(piece) / self.bytes_per_s)
                target.sendall(piece)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
