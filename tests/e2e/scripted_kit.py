"""A kit that answers what a test says, and is silent otherwise: the other end of a native driver. Written without the project's
code."""

import base64
import collections
import contextlib
import hashlib
import json
import re
import socket
import struct
import threading
import time

from patience import wait_until
from raw_driver import (
    BIND,
    BIND_ERR,
    BIND_OK,
    GOAWAY,
    HELLO,
    HELLO_OK,
    JOIN,
    JOIN_OK,
    PING,
    PONG,
    REISSUE_JOIN_TICKETS,
    UNBIND,
    UNBIND_OK,
    RawDriver,
    frame,
)
from sockets import receive_exactly, receive_head

UPGRADE, CLOSE = "upgrade", "close"
TEXTS = re.compile(rb"\r\n([a-z-]+): ([^\r]*)", re.IGNORECASE)
WINDOW_BYTES = 1 << 20
SESSION = "S-11111111-2222-4333-8444-555555555555"


class Kit:
    """`answers` holds what it answers, of UPGRADE, frame types and CLOSE; a test may change it at any time. Connections are in
    the order in which they came, `arrivals` tells when that was (time.monotonic)."""

    def __init__(self, *answers):
        self.answers = set(answers)
        self.refuses = None  # the code with which a BIND is refused
        self.heard = collections.Counter()
        self.connections = []
        self.arrivals = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            connection.drop()

    def hears(self, what, times=1):
        wait_until(lambda: self.heard[what] >= times, f"the kit hears {what} {times} times")

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.arrivals.append(time.monotonic())
            connection = KitConnection(self, sock)
            self.connections.append(connection)
            threading.Thread(target=connection.run, daemon=True).start()


class KitConnection:
    def __init__(self, kit, sock):
        self.kit = kit
        self.sock = sock

    def drop(self):
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def say(self, *frames):
        """All of them in one message."""
        self.say_websocket(2, b"".join(frames))

    def say_close(self, code):
        self.say_websocket(8, struct.pack(">H", code))

    def say_websocket(self, opcode, payload):
        assert len(payload) < 65536
        length = bytes([len(payload)]) if len(payload) < 126 else struct.pack(">BH", 126, len(payload))
        self.sock.sendall(bytes([0x80 | opcode]) + length + payload)

    def say_goaway(self, code, retry_after_ms=0):
        self.say(frame(GOAWAY, 0, {"code": code, "message": "bye", "lastStreamId": 0, "retryAfterMs": retry_after_ms}))

    def ping(self):
        """Returns when it was answered."""
        before = self.kit.heard[PONG]
        self.say(frame(PING, 0, b"12345678"))
        self.kit.hears(PONG, before + 1)

    def run(self):
        with self.sock, contextlib.suppress(OSError, EOFError):
            self._upgrade(receive_head(self.sock))
            while True:
                opcode, payload = self._receive()
                if opcode == 8:
                    self._hear(CLOSE, payload)
                elif opcode == 2:
                    for kind, _, content in RawDriver.split(payload):
                        self._hear(kind, content)

    def _receive(self):
        head = receive_exactly(self.sock, 2)
        assert head[0] & 0x80 and head[1] & 0x80, head
        length = head[1] & 0x7F
        if length >= 126:
            wide = 2 if length == 126 else 8
            length = int.from_bytes(receive_exactly(self.sock, wide), "big")
        mask, payload = receive_exactly(self.sock, 4), receive_exactly(self.sock, length)
        key = (mask * (length // 4 + 1))[:length]
        return head[0] & 0x0F, bytes(a ^ b for a, b in zip(payload, key))

    def _upgrade(self, head):
        fields = {name.lower(): value.decode() for name, value in TEXTS.findall(head)}
        accept = hashlib.sha1(fields[b"sec-websocket-key"].encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        self.kit.heard[UPGRADE] += 1
        if UPGRADE in self.kit.answers:
            self.sock.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Accept: %b\r\nSec-WebSocket-Protocol: %b\r\n\r\n"
                % (base64.b64encode(accept), fields[b"sec-websocket-protocol"].split(",")[0].encode())
            )

    def _hear(self, what, payload):
        answer = {
            HELLO: self._hello_ok,
            BIND: self._bound,
            UNBIND: lambda asked: self.say(frame(UNBIND_OK, 0, asked)),
            JOIN: lambda asked: self.say(frame(JOIN_OK, 0, {"index": asked["index"]})),
            REISSUE_JOIN_TICKETS: lambda asked: None,
            CLOSE: lambda asked: self.say_websocket(8, payload),
        }.get(what, lambda asked: None)
        if what in self.kit.answers:
            answer(json.loads(payload) if what != CLOSE else None)
        self.kit.heard[what] += 1

    def _hello_ok(self, hello):
        granted = hello.get("maxConnections", 1)
        tickets = [{"index": index, "nonce": f"{index:032x}", "expiresMs": 30000} for index in range(1, granted)]
        multiple = {"connectionsGranted": granted, "joinTickets": tickets} if "maxConnections" in hello else {}
        ok = {"sessionId": SESSION, "resumed": False, "resumedBinds": [], "maxStreams": 64, **multiple}
        self.say(frame(HELLO_OK, 0, {**ok, "streamWindow": WINDOW_BYTES, "sessionWindow": WINDOW_BYTES}))

    def _bound(self, asked):
        ref = {"clientBindRef": asked["clientBindRef"]}
        if self.kit.refuses:
            self.say(frame(BIND_ERR, 0, {**ref, "code": self.kit.refuses, "message": "no"}))
        else:
            port = asked["containerPort"] or 20001
            self.say(frame(BIND_OK, 0, {**ref, "bindId": 1, "containerPort": port, "publicUrl": None}))
