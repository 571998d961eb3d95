"""The other end of websocket_echo, by hand: frames are made and read here, byte by byte, by no WebSocket library and none of the
project's code."""

import base64
import hashlib
import os
import socket
import struct
import subprocess

PATIENCE = 60
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
BIN = os.environ.get("HOODY_BIN", os.path.join(os.path.dirname(__file__), "../../build/dev/bin"))
PROGRAM = os.path.join(BIN, "../tests/websocket_echo")


class Frame:
    """One frame as RFC 6455 section 5.2 draws it; `length_form` 16 or 64 forces a longer form than the shortest."""

    def __init__(self, opcode, payload=b"", fin=True, rsv=0, length_form=None, masked=None, claimed=None):
        self.opcode, self.payload, self.fin, self.rsv = opcode, payload, fin, rsv
        self.length_form, self.masked, self.claimed = length_form, masked, claimed

    def bytes(self, is_client):
        masked = is_client if self.masked is None else self.masked
        length = len(self.payload) if self.claimed is None else self.claimed
        head = bytes([self.fin << 7 | self.rsv << 4 | self.opcode])
        mask_bit = 0x80 if masked else 0
        if self.length_form == 64 or (self.length_form is None and length > 0xFFFF):
            head += bytes([mask_bit | 127]) + struct.pack(">Q", length)
        elif self.length_form == 16 or (self.length_form is None and length > 125):
            head += bytes([mask_bit | 126]) + struct.pack(">H", length)
        else:
            head += bytes([mask_bit | length])
        if not masked:
            return head + self.payload
        key = os.urandom(4)
        return head + key + xor(self.payload, key)


def xor(payload, key):
    if not payload:
        return b""
    stream = (key * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(payload), "big")


def close_payload(code, reason=b""):
    return struct.pack(">H", code) + reason


class Ended(Exception):
    """The connection is over."""


class Peer:
    """One WebSocket to the echo; `is_client`: we are the client, and mask."""

    def __init__(self, sock, is_client, early=b""):
        self.sock, self.is_client = sock, is_client
        self.sock.settimeout(PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = early

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.sock.close()

    def send(self, *frames, chop="whole"):
        """chop: whole, frames, or a number of bytes a piece."""
        pieces = [frame.bytes(self.is_client) for frame in frames]
        if chop != "frames":
            pieces = [b"".join(pieces)]
        if isinstance(chop, int):
            pieces = [pieces[0][at : at + chop] for at in range(0, len(pieces[0]), chop)]
        for piece in pieces:
            self.sock.sendall(piece)

    def send_raw(self, data):
        self.sock.sendall(data)

    def _take(self, length):
        parts, have = [self.input], len(self.input)
        while have < length:
            try:
                piece = self.sock.recv(1 << 20)
            except ConnectionResetError:
                piece = b""
            if not piece:
                self.input = b"".join(parts)
                raise Ended(f"{have} of {length} bytes")
            parts.append(piece)
            have += len(piece)
        data = b"".join(parts)
        self.input = data[length:]
        return data[:length]

    def receive(self):
        """(opcode, payload, fin) of the next frame, checked as strictly as the rules are."""
        first, second = self._take(2)
        assert first & 0x70 == 0, "reserved bits"
        assert bool(second & 0x80) != self.is_client, "clients mask, servers don't"
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack(">H", self._take(2))
            assert length > 125, "not the shortest form"
        elif length == 127:
            (length,) = struct.unpack(">Q", self._take(8))
            assert length > 0xFFFF, "not the shortest form"
        key = self._take(4) if second & 0x80 else None
        payload = self._take(length)
        payload = xor(payload, key) if key else payload
        opcode, fin = first & 0x0F, bool(first & 0x80)
        assert opcode in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG), opcode
        if opcode >= CLOSE:
            assert fin and len(payload) <= 125, "a control frame is whole and short"
        return opcode, payload, fin

    def receive_message(self):
        """(opcode, payload) of the next message or control frame."""
        opcode, payload, fin = self.receive()
        while not fin:
            more, rest, fin = self.receive()
            assert more == CONTINUATION
            payload += rest
        return opcode, payload

    def expect_end(self):
        """Nothing more comes."""
        try:
            frame = self.receive()
        except Ended as ended:
            assert str(ended).startswith("0 of"), f"the last frame was cut: {ended}"
            return
        raise AssertionError(f"a frame after the end: {frame}")


class Echo:
    """The program, and ways to reach it in one of its two roles."""

    def __init__(self, role):
        self.role = role  # the echo's: server or client
        self.dialler = None
        if role == "server":
            self.process = subprocess.Popen([PROGRAM, "listen"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.port = int(self.process.stdout.readline())
        else:
            self.listener = socket.create_server(("127.0.0.1", 0))
            self.listener.settimeout(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if self.role == "client":
            self.listener.close()
            return
        _, said = self.process.communicate(timeout=PATIENCE)
        assert kind is not None or (self.process.returncode == 0 and not said), said.decode()

    def connect(self):
        """A Peer whose opening handshake is done."""
        return self._dial() if self.role == "server" else self._accept()

    def done(self):
        """After each connection: a program in the client's role has ended well with it."""
        if self.dialler is None:
            return
        _, said = self.dialler.communicate(timeout=PATIENCE)
        assert self.dialler.returncode == 0 and not said, said.decode()
        self.dialler = None

    def _dial(self):
        sock = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        key = base64.b64encode(os.urandom(16))
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nSec-WebSocket-Key: " + key + b"\r\n\r\n")
        head, early = read_head(sock)
        assert base64.b64encode(hashlib.sha1(key + GUID).digest()) in head, head
        return Peer(sock, True, early)

    def _accept(self):
        port = str(self.listener.getsockname()[1])
        self.dialler = subprocess.Popen([PROGRAM, "dial", port], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        sock, _ = self.listener.accept()
        head, early = read_head(sock)
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
        key = next(line.split(b": ")[1] for line in head.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key"))
        assert fields[b"sec-websocket-version"] == b"13" and len(base64.b64decode(key)) == 16
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        sock.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        return Peer(sock, False, early)


def read_head(sock):
    sock.settimeout(PATIENCE)
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(4096)
        assert piece, data
        data += piece
    head, early = data.split(b"\r\n\r\n", 1)
    return head, early
