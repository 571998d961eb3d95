"""What every end-to-end test stands on: real binaries, real sockets, exact bytes.

A test is a file `<sentence>_test.py` that calls run(test_function, ...). Each function gets a fresh daemon when it asks for
one. The processes' standard error is kept: a sanitizer's report, or an exit status that is not expected, fails the test.
"""

import contextlib
import hashlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.parse

BIN = os.environ.get("HOODY_BIN", os.path.join(os.path.dirname(__file__), "../../build/dev/bin"))
SANITIZED = os.environ.get("HOODY_SANITIZE", "") != ""
PATIENCE = 60 if SANITIZED else 20  # seconds until a wait is given up: never a measure of anything
API = "/api/v1/tunnel"
CONNECT = API + "/connect"
SKIPPED = 77


def free_port():
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, what):
    """Returns the first true value of condition(); asks again until PATIENCE is over."""
    deadline = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain until {what}")
        time.sleep(0.02)


def receive_exactly(sock, length):
    """Exactly so many bytes; EOFError when the peer ends before."""
    parts = []
    while length > 0:
        part = sock.recv(min(length, 1 << 20))
        if not part:
            raise EOFError("the peer has closed")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def receive_all(sock):
    """Everything until the peer's end."""
    parts = []
    while True:
        part = sock.recv(1 << 16)
        if not part:
            return b"".join(parts)
        parts.append(part)


class Process:
    """A program of ours with its standard error kept in a file."""

    def __init__(self, name, arguments, stdout=subprocess.DEVNULL, environment=None, **popen):
        self.name = name
        self.stderr_file = tempfile.TemporaryFile()
        env = {k: v for k, v in os.environ.items() if not k.startswith("HOODY_TUNNEL_")}
        env.update(environment or {})
        self.process = subprocess.Popen(
            [os.path.join(BIN, name), *arguments], stdin=subprocess.DEVNULL, stdout=stdout, stderr=self.stderr_file, env=env, **popen
        )

    @property
    def pid(self):
        return self.process.pid

    def stderr(self):
        position = self.stderr_file.tell()
        self.stderr_file.seek(0)
        text = self.stderr_file.read().decode("utf-8", "replace")
        self.stderr_file.seek(position)
        return text

    def check_sanitizers(self):
        text = self.stderr()
        for mark in ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:", "WARNING: ThreadSanitizer"):
            assert mark not in text, f"{self.name}: {text[-8000:]}"

    def wait(self):
        return self.process.wait(timeout=PATIENCE)

    def stop(self, sig=signal.SIGTERM, expect=0):
        if self.process.poll() is None:
            self.process.send_signal(sig)
        try:
            status = self.wait()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.name} does not end: {self.stderr()[-4000:]}")
        self.check_sanitizers()
        assert status == expect, f"{self.name} ended with {status}: {self.stderr()[-4000:]}"

    def rss(self):
        """Resident bytes now."""
        with open(f"/proc/{self.pid}/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def peak_rss(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        raise AssertionError("no VmHWM")

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def open_fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


class Daemon(Process):
    """hoody-tunneld on a port of its own; a context manager that expects a clean end."""

    def __init__(self, *flags, environment=None, listen="127.0.0.1"):
        self.port = free_port()
        super().__init__("hoody-tunneld", ["--listen", f"{listen}:{self.port}", *flags], environment=environment)

    def __enter__(self):
        wait_until(self.is_up, "the daemon answers")
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.stop()
        else:
            self.process.kill()
            self.process.wait()
            sys.stderr.write(f"--- {self.name}\n{self.stderr()[-8000:]}\n")

    def is_up(self):
        assert self.process.poll() is None, f"the daemon ended: {self.stderr()}"
        try:
            return self.get("/health")[0] == 200
        except OSError:
            return False

    def request(self, method, path, headers=None):
        """An API call; returns (status, headers, body)."""
        head = f"{method} {API}{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        for name, value in (headers or {}).items():
            head += f"{name}: {value}\r\n"
        with connect(self.port) as sock:
            sock.sendall((head + "\r\n").encode())
            return parse_answer(receive_all(sock), method)

    def get(self, path):
        return self.request("GET", path)

    def get_json(self, path):
        status, _, body = self.get(path)
        assert status == 200, (status, body)
        return json.loads(body)

    def metric(self, series):
        """The value of one series, e.g. 'hoody_tunnel_sessions_active'; 0 when it is not there."""
        for line in self.get("/metrics")[2].decode().splitlines():
            if line.startswith(series + " "):
                return float(line.rsplit(" ", 1)[1])
        return 0.0


class Expose(Process):
    """The native driver publishing a local port."""

    def __init__(self, daemon, target, *flags, port=0):
        arguments = ["expose", str(target), "--url", f"ws://127.0.0.1:{daemon.port}", *flags]
        if port:
            arguments += ["--port", str(port)]
        super().__init__("hoody-tunnel", arguments, stdout=subprocess.PIPE)

    def __enter__(self):
        line = self.process.stdout.readline().decode().strip()
        assert line, f"the driver ended: {self.stderr()}"
        self.url = line
        self.port = urllib.parse.urlparse(line).port
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.stop()
        else:
            self.process.kill()
            self.process.wait()
            sys.stderr.write(f"--- {self.name}\n{self.stderr()[-8000:]}\n")
        self.process.stdout.close()


def connect(port, timeout=PATIENCE, host="127.0.0.1", source=None):
    sock = socket.create_connection((host, port), timeout=timeout, source_address=(source, 0) if source else None)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def split_head(data):
    head, _, rest = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    fields = [tuple(part.strip().decode("latin-1") for part in line.split(b":", 1)) for line in lines[1:]]
    return lines[0].decode("latin-1"), fields, rest


def unchunk(data):
    body = b""
    while True:
        size, _, data = data.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        if length == 0:
            assert data == b"\r\n", f"after the last chunk: {data[:100]!r}"
            return body
        assert data[length : length + 2] == b"\r\n", "a chunk's end"
        body += data[:length]
        data = data[length + 2 :]


def parse_answer(data, method="GET"):
    """One whole answer on a closed connection: (status, {lower-case name: value}, body). Wrong framing is an error."""
    line, fields, rest = split_head(data)
    assert line.startswith("HTTP/1."), f"no answer: {data[:200]!r}"
    status = int(line.split(" ")[1])
    headers = {name.lower(): value for name, value in fields}
    if headers.get("transfer-encoding") == "chunked":
        return status, headers, unchunk(rest)
    if "content-length" in headers and method != "HEAD" and status not in (204, 304):
        assert len(rest) == int(headers["content-length"]), (len(rest), headers)
    return status, headers, rest


def fetch(port, request, method="GET"):
    """Sends raw request bytes on a fresh connection, reads until its end."""
    with connect(port) as sock:
        sock.sendall(request)
        return parse_answer(receive_all(sock), method)


def simple_get(port, path="/", headers=""):
    return fetch(port, f"GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}\r\n".encode())


class Visitor:
    """Whoever connects to a bound port, step by step."""

    def __init__(self, port, request=b"", receive_buffer=None):
        if receive_buffer:  # must be set before the handshake to bound the window
            self.sock = socket.socket()
            self.sock.settimeout(PATIENCE)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            self.sock.connect(("127.0.0.1", port))
        else:
            self.sock = connect(port)
        if request:
            self.send(request)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def ask(self, method="GET", target="/", headers="", body=b""):
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        self.send(f"{method} {target} HTTP/1.1\r\nHost: test\r\n{length}{headers}\r\n".encode() + body)

    def end(self):
        """Half-close."""
        self.sock.shutdown(socket.SHUT_WR)

    def receive(self, length):
        return receive_exactly(self.sock, length)

    def receive_head(self):
        """The next head: (status, {lower-case name: value})."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.receive(1)
        line, fields, _ = split_head(head)
        return int(line.split(" ")[1]), {name.lower(): value for name, value in fields}

    def receive_chunk(self):
        """One chunk of a chunked body; b"" is the last."""
        size = b""
        while not size.endswith(b"\r\n"):
            size += self.receive(1)
        data = self.receive(int(size, 16) + 2)
        assert data.endswith(b"\r\n"), data[-10:]
        return data[:-2]

    def receive_answer(self):
        """A whole answer on a connection that may stay open: (status, headers, body)."""
        status, headers = self.receive_head()
        if headers.get("transfer-encoding") == "chunked":
            return status, headers, b"".join(iter(self.receive_chunk, b""))
        return status, headers, self.receive(int(headers.get("content-length", 0)))

    def expect_end(self):
        """A clean end with nothing before it."""
        rest = receive_all(self.sock)
        assert rest == b"", f"more than expected: {rest[:200]!r}"

    def expect_abort(self):
        """The connection is reset, whatever comes before."""
        try:
            rest = receive_all(self.sock)
        except ConnectionResetError:
            return
        raise AssertionError(f"a clean end after {len(rest)} bytes: {rest[:200]!r}")


    def expect_abort_or_502(self):
        """What a visitor may see whose driver is gone: no answer went out yet."""
        try:
            status, _, _ = self.receive_answer()
        except (ConnectionResetError, EOFError):
            return
        assert status == 502, status


class Origin:
    """A local service: one thread a connection, handler(sock, address) owns the socket."""

    def __init__(self, handler):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.handler = handler
        self.failures = []

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                sock, address = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(sock, address), daemon=True).start()

    def _serve(self, sock, address):
        with sock:
            try:
                self.handler(sock, address)
            except (OSError, EOFError):
                pass  # the driver has dropped its connection: a test that minds looks itself
            except Exception:  # pylint: disable=broad-except
                self.failures.append(traceback.format_exc())


def read_request(reader):
    """One request off a socket's makefile('rb'): (method, target, {lower-case name: value}, body); None: clean end."""
    line = reader.readline()
    if not line:
        return None
    method, target, _ = line.decode("latin-1").split(" ")
    headers = {}
    while True:
        field = reader.readline().rstrip(b"\r\n")
        if not field:
            break
        name, _, value = field.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    body = b""
    if headers.get("transfer-encoding") == "chunked":
        while True:
            length = int(reader.readline().split(b";")[0], 16)
            body += reader.read(length)
            reader.readline()
            if length == 0:
                break
    elif "content-length" in headers:
        body = reader.read(int(headers["content-length"]))
    return method, target, headers, body


def http_origin(answer):
    """An Origin whose answer(method, target, headers, body) returns (status, [(name, value)...], body)."""

    def handler(sock, _address):
        reader = sock.makefile("rb")
        while True:
            request = read_request(reader)
            if request is None:
                return
            status, fields, body = answer(*request)
            head = f"HTTP/1.1 {status} Whatever\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields)
            if status not in (204, 304):
                head += f"Content-Length: {len(body)}\r\n"
            sock.sendall(head.encode("latin-1") + b"\r\n" + (b"" if request[0] == "HEAD" else body))

    return Origin(handler)


# ---- a driver of raw frames -----------------------------------------------------------------------------------------------

HELLO, HELLO_OK, BIND, BIND_OK, BIND_ERR, UNBIND, UNBIND_OK, UNBIND_ERR = range(1, 9)
JOIN, JOIN_OK, JOIN_ERR, SHARD_MAP, REISSUE_JOIN_TICKETS = range(9, 14)
STREAM_OPEN, DATA, EOF, RESET, WINDOW, STREAM_RESPONSE_HEAD = 0x10, 0x12, 0x13, 0x14, 0x15, 0x16
PING, PONG, GOAWAY, BIND_REVOKED = 0x20, 0x21, 0x30, 0x40


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
        self.sock = connect(daemon.port)
        self.sock.sendall(upgrade_request(headers, subprotocol))
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += receive_exactly(self.sock, 1)
        assert head.startswith(b"HTTP/1.1 101 "), head
        assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head, head
        self.head = head
        self.subprotocol = subprotocol
        self.waiting = []  # frames of a message, not asked for yet
        self.hello_ok = None
        if says_hello:
            self.send(hello(subprotocol, **more_hello))
            self.hello_ok = json.loads(self.expect(HELLO_OK)[2])

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

    def receive_message(self):
        """The frames of the next message as (kind, stream, payload); Closed when the kit has closed."""
        while True:
            try:
                opcode, payload = self.receive_websocket()
            except (EOFError, ConnectionResetError) as end:
                raise Closed(None) from end
            if opcode == 8:
                code = struct.unpack(">H", payload[:2])[0] if payload else 1005
                raise Closed(code, payload[2:].decode())
            if opcode == 9:
                self.send_websocket(10, payload)
            if opcode == 2:
                return self.split(payload)

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
        while True:
            while not self.waiting:
                self.waiting = self.receive_message()
            received = self.waiting.pop(0)
            if received[0] != PING:
                return received
            self.send(frame(PONG, 0, received[2]))

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


# ---- running ------------------------------------------------------------------------------------------------------------------


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def pattern(length, seed=0):
    """Bytes that tell their place: no two 64 KiB blocks are alike."""
    block = hashlib.sha256(str(seed).encode()).digest() * 2048
    parts = []
    for index in range(0, length, len(block)):
        parts.append(struct.pack(">Q", index) + block[8:])
    return b"".join(parts)[:length]


def run(*tests):
    """Runs each test function, says which, and ends the process with the verdict."""
    failed = 0
    for test in tests:
        try:
            test()
            print(f"ok   {test.__name__}", flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            traceback.print_exc()
            print(f"FAIL {test.__name__}", flush=True)
    sys.exit(1 if failed else 0)


@contextlib.contextmanager
def exposed(answer, *daemon_flags):
    """Daemon, native driver and an origin with that answer function; yields (daemon, driver, origin)."""
    with http_origin(answer) as origin, Daemon(*daemon_flags) as daemon, Expose(daemon, origin.port) as driver:
        yield daemon, driver, origin
        assert not origin.failures, origin.failures


@contextlib.contextmanager
def bound_port(*daemon_flags, **bind):
    """A daemon, a raw driver, and a port of it; yields (daemon, driver, port)."""
    with Daemon(*daemon_flags) as daemon, RawDriver(daemon) as driver:
        yield daemon, driver, driver.bind(**bind)["containerPort"]


class Bystander:
    """Another driver on the same daemon: nothing that happens to others may touch it."""

    def __init__(self, daemon):
        self.driver = RawDriver(daemon)
        self.port = self.driver.bind()["containerPort"]
        self.visitor = Visitor(self.port)  # its connection stays open all the time

    def __enter__(self):
        self.check()
        return self

    def __exit__(self, kind, value, trace):
        with self.visitor, self.driver:
            if kind is None:
                self.check()

    def check(self):
        """It still serves."""
        self.visitor.ask(target="/bystander")
        stream, opened = self.driver.expect_stream(skipping=(WINDOW, EOF))
        assert opened["target"] == "/bystander", opened
        self.driver.answer(stream, b"still here", headers=[["content-length", "10"]])
        assert self.visitor.receive_answer()[2] == b"still here"
