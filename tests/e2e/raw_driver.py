"""A driver of raw frames that can say anything, right or wrong. Written without the project's code."""

import json
import socket
import struct
import time

from patience import PATIENCE
from processes import API
from sockets import connect, receive_exactly, receive_head

CONNECT = API + "/connect"
HELLO, HELLO_OK, BIND, BIND_OK, BIND_ERR, UNBIND, UNBIND_OK, UNBIND_ERR = range(1, 9)
JOIN, JOIN_OK, JOIN_ERR, SHARD_MAP, REISSUE_JOIN_TICKETS = range(9, 14)
STREAM_OPEN, DATA, EOF, RESET, WINDOW, STREAM_RESPONSE_HEAD = 0x10, 0x12, 0x13, 0x14, 0x15, 0x16
PING, PONG, GOAWAY, BIND_REVOKED = 0x20, 0x21, 0x30, 0x40
ROUND_TRIP_TOKEN = 4  # bytes of the kit's WebSocket pings that measure the link


def frame(kind, stream=0, payload=b""):
    if isinstance(payload, (dict, list)):
        payload = json.dumps(payload).encode()
    return struct.pack(">BII", kind, stream, len(payload)) + payload


def response_head(stream, status=200, headers=None, final=True):
    return frame(STREAM_RESPONSE_HEAD, stream, {"status": status, "headers": headers or [], "final": final})


def data(stream, body):
    """DATA frames that hold body."""
    return b"".join(frame(DATA, stream, body[i : i + 65536]) for i in range(0, len(body), 65536))


def reset(stream, code, reason=""):
    return frame(RESET, stream, struct.pack(">H", code) + reason.encode())


def window(stream, increment):
    return frame(WINDOW, stream, struct.pack(">I", increment))


def hello(version="hoody-tunnel.v1", **more):
    return frame(HELLO, 0, {"version": version, "capabilities": [], **more})


def upgrade_request(headers="", subprotocol="hoody-tunnel.v1", query="", host="localhost"):
    """The bytes of a good upgrade, changed by what is given. subprotocol None: none is offered."""
    protocol = f"Sec-WebSocket-Protocol: {subprotocol}\r\n" if subprotocol is not None else ""
    return (
        f"GET {CONNECT}{query} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{protocol}{headers}\r\n"
    ).encode()


class Closed(Exception):
    """The kit has closed: code is the close frame's, None when there was none."""

    def __init__(self, code, reason=""):
        super().__init__(f"closed with {code} {reason}")
        self.code = code
        self.reason = reason


class RawDriver:
    """A WebSocket client of the tunnel protocol that can say anything, right or wrong. Written without the project's code."""

    def __init__(self, daemon, subprotocol="hoody-tunnel.v1", headers="", says_hello=True, **more_hello):
        own = isinstance(daemon, socket.socket)  # one's own connection to it
        dial = getattr(daemon, "dial", None) or (lambda: connect(daemon.port))
        self.attach(daemon if own else dial(), subprotocol)
        self.sock.sendall(upgrade_request(headers, subprotocol))
        self.receive_upgrade()
        if says_hello:
            self.send(hello(subprotocol, **more_hello))
            self.hello_ok = json.loads(self.expect(HELLO_OK)[2])

    @classmethod
    def on(cls, sock, subprotocol="hoody-tunnel.v1"):
        """On a connected socket: what is said on it, from the upgrade on, is the caller's."""
        driver = cls.__new__(cls)
        driver.attach(sock, subprotocol)
        return driver

    def attach(self, sock, subprotocol):
        self.sock = sock
        self.subprotocol = subprotocol
        self.head = b""
        self.waiting = []  # frames of a message, not asked for yet
        self.hello_ok = None

    def join(self, where, ticket):
        """A secondary connection of this session, through `where` (a daemon or a relay)."""
        secondary = RawDriver(where, "hoody-tunnel.v2", says_hello=False)
        secondary.send(frame(JOIN, 0, {"sessionId": self.hello_ok["sessionId"], **ticket}))
        assert secondary.expect_json(JOIN_OK)[1] == {"index": ticket["index"]}
        return secondary

    def receive_upgrade(self):
        self.head = receive_head(self.sock)
        assert self.head.startswith(b"HTTP/1.1 101 "), self.head
        assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in self.head, self.head

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    @staticmethod
    def websocket_frame(opcode, payload, fin=True, mask=b"\x11\x22\x33\x44"):
        """Its bytes on the wire."""
        length = len(payload)
        head = bytes([(0x80 if fin else 0) | opcode])
        if length < 126:
            head += bytes([0x80 | length])
        elif length < 65536:
            head += bytes([0x80 | 126]) + struct.pack(">H", length)
        else:
            head += bytes([0x80 | 127]) + struct.pack(">Q", length)
        key = (mask * (length // 4 + 1))[:length]
        masked = (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(length, "big") if length else b""
        return head + mask + masked

    def send_websocket(self, opcode, payload, fin=True):
        self.sock.sendall(self.websocket_frame(opcode, payload, fin))

    def send_byte_by_byte(self, *frames):
        """All of them in one message, each byte in its own segment."""
        for byte in self.websocket_frame(2, b"".join(frames)):
            self.sock.sendall(bytes([byte]))

    def send(self, *frames):
        """All of them in one message."""
        self.send_websocket(2, b"".join(frames))

    def close(self, code=1000):
        self.send_websocket(8, struct.pack(">H", code))

    def receive_websocket(self):
        head = receive_exactly(self.sock, 2)
        assert head[0] & 0x80 and not head[1] & 0x80, head
        length = head[1]
        if length == 126:
            length = struct.unpack(">H", receive_exactly(self.sock, 2))[0]
        elif length == 127:
            length = struct.unpack(">Q", receive_exactly(self.sock, 8))[0]
        return head[0] & 0x0F, receive_exactly(self.sock, length)

    def receive_some(self):
        """The frames of the next WebSocket frame as (kind, stream, payload), none when it was a ping; Closed when the kit has closed."""
        try:
            opcode, payload = self.receive_websocket()
        except (EOFError, ConnectionResetError) as end:
            raise Closed(None) from end
        if opcode == 8:
            code = struct.unpack(">H", payload[:2])[0] if payload else 1005
            raise Closed(code, payload[2:].decode())
        if opcode == 9 and len(payload) != ROUND_TRIP_TOKEN:  # unanswered, no window grows, whatever the machine's load
            self.send_websocket(10, payload)
        return self.split(payload) if opcode == 2 else []

    def receive_message(self):
        """The frames of the next message, which is waited for as long as any other thing, whatever pings come before it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            frames = self.receive_some()
            if frames:
                return frames
        raise TimeoutError("nothing but WebSocket pings came")

    @staticmethod
    def split(payload):
        frames = []
        assert 0 < len(payload) <= 262144, len(payload)
        while payload:
            kind, stream, length = struct.unpack(">BII", payload[:9])
            assert length <= 65536 and len(payload) >= 9 + length, (kind, stream, length)
            frames.append((kind, stream, payload[9 : 9 + length]))
            payload = payload[9 + length :]
        assert len(frames) <= 64, len(frames)
        return frames

    def receive(self):
        """The next frame but PING, which is answered."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            received = self.next_waiting()
            if received:
                return received
            self.waiting = self.receive_message()
        raise TimeoutError("nothing but PING frames came")

    def next_waiting(self):
        """The next frame that came already, but PING, which is answered; None when there is none."""
        while self.waiting:
            received = self.waiting.pop(0)
            if received[0] != PING:
                return received
            self.send(frame(PONG, 0, received[2]))
        return None

    def expect(self, kind, stream=None, skipping=()):
        """The next frame, which must be of that kind (and stream); frames of the kinds in `skipping` may come before."""
        received = self.receive()
        while received[0] in skipping and received[0] != kind:
            received = self.receive()
        assert received[0] == kind and stream in (None, received[1]), f"expected frame {kind:#x} on {stream}, got {received}"
        return received

    def expect_json(self, kind, stream=None, skipping=()):
        _, stream, payload = self.expect(kind, stream, skipping)
        return stream, json.loads(payload)

    def expect_reset(self, stream, code, skipping=()):
        """RESET with that code on that stream; returns its reason."""
        payload = self.expect(RESET, stream, skipping)[2]
        assert struct.unpack(">H", payload[:2])[0] == code, payload
        return payload[2:].decode()

    def expect_stream(self, skipping=()):
        """The next STREAM_OPEN: (stream, what it says)."""
        return self.expect_json(STREAM_OPEN, skipping=skipping)

    def ping(self, token=b"a token."):
        """A round trip: what was sent before has been handled. Returns the frames that came before the PONG."""
        self.send(frame(PING, 0, token))
        before = []
        while True:
            received = self.receive()
            if received[0] == PONG and received[2] == token:
                return before
            before.append(received)

    def expect_goaway(self, code, close):
        """The kit ends the session: GOAWAY with that code, then that close code. Returns GOAWAY's message."""
        frames, closed, reason = self.expect_closed()
        goaways = [json.loads(payload) for kind, _, payload in frames if kind == GOAWAY]
        assert len(goaways) == 1 and frames[-1][0] == GOAWAY, f"expected one GOAWAY, last: {frames}, {closed}"
        goaway = goaways[0]
        assert set(goaway) == {"code", "message", "lastStreamId", "retryAfterMs"}, goaway
        assert goaway["code"] == code and goaway["message"], (goaway, code)
        assert goaway["lastStreamId"] == 0 and goaway["retryAfterMs"] == 0, goaway
        assert closed == close, (closed, reason, close, goaway)
        return goaway["message"]

    def bind(self, port=0, ref=1, **more):
        request = {"clientBindRef": ref, "kind": "http", "mode": "expose", "containerPort": port, **more}
        self.send(frame(BIND, 0, request))
        return self.expect_json(BIND_OK)[1]

    def answer(self, stream, body=b"", status=200, headers=None):
        """A whole small answer in one message."""
        frames = [response_head(stream, status, headers)]
        frames += [frame(DATA, stream, body[i : i + 65536]) for i in range(0, len(body), 65536)]
        self.send(*frames, frame(EOF, stream))

    def expect_closed(self):
        """Reads until the kit closes: (frames seen, close code, reason)."""
        frames = list(self.waiting)
        self.waiting = []
        while True:
            try:
                frames += self.receive_message()
            except Closed as closed:
                return frames, closed.code, closed.reason
