"""A daemon that a test plays: it takes drivers up one by one and says what the test wants. Written without the project's code."""

import base64
import hashlib
import json
import re
import socket
import struct
import uuid

from patience import PATIENCE
from raw_driver import BIND, BIND_OK, GOAWAY, HELLO, HELLO_OK, PING, PONG, RawDriver, frame
from sockets import receive_exactly, receive_head

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class RawDaemon:
    """Stands where a daemon is expected: it has a port."""

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE)
        self.port = self.listener.getsockname()[1]
        return self

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        """The next driver that comes: upgraded, and greeted."""
        return Guest(self.listener.accept()[0])


class Guest:
    """The connection of a driver."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(PATIENCE)
        self.waiting = []  # frames of a message, not asked for yet
        head = receive_head(sock)
        key = re.search(rb"(?i)\r\nSec-WebSocket-Key: *(\S+)", head).group(1)
        protocol = re.search(rb"(?i)\r\nSec-WebSocket-Protocol: *([^\s,]+)", head).group(1)
        accept = base64.b64encode(hashlib.sha1(key + MAGIC).digest())
        sock.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\nSec-WebSocket-Protocol: " + protocol + b"\r\n\r\n"
        )
        self.hello = self.hear(HELLO)
        windows = {"streamWindow": 1048576, "sessionWindow": 16777216, "maxStreams": 1024}
        more = {"connectionsGranted": 1, "joinTickets": []}
        self.say(frame(HELLO_OK, 0, {"sessionId": f"S-{uuid.uuid4()}", "resumed": False, "resumedBinds": [], **windows, **more}))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, opcode, payload):
        length = bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + struct.pack(">H", len(payload))
        self.sock.sendall(bytes([0x80 | opcode]) + length + payload)

    def say(self, *frames):
        """All of them in one message."""
        self.send(2, b"".join(frames))

    def receive(self):
        """The frames of the next message; none when it was something else."""
        head = receive_exactly(self.sock, 2)
        length = head[1] & 0x7F
        if length == 126:
            length = struct.unpack(">H", receive_exactly(self.sock, 2))[0]
        mask = receive_exactly(self.sock, 4)
        payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(receive_exactly(self.sock, length)))
        return RawDriver.split(payload) if head[0] == 0x82 else []

    def hear(self, wanted):
        """The payload of the next frame of that kind; a PING is answered."""
        while True:
            while not self.waiting:
                self.waiting = self.receive()
            kind, _, payload = self.waiting.pop(0)
            if kind == PING:
                self.say(frame(PONG, 0, payload))
            elif kind == wanted:
                return json.loads(payload)

    def grant(self, port):
        """Whatever the driver asks for next is bound, there."""
        asked = self.hear(BIND)
        self.say(frame(BIND_OK, 0, {"clientBindRef": asked["clientBindRef"], "bindId": 1, "containerPort": port, "publicUrl": None}))

    def send_away(self, **goaway):
        """GOAWAY, and the end of the connection."""
        self.say(frame(GOAWAY, 0, {"code": 0, "message": "come again", **goaway}))
        self.send(8, struct.pack(">H", 1001))
        self.sock.shutdown(socket.SHUT_WR)
