"""Whoever connects to a bound port: requests as bytes, answers read strictly."""

import socket

from patience import PATIENCE
from sockets import connect, receive_all, receive_exactly, receive_head


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

    def __init__(self, port, request=b"", receive_buffer=None, host="127.0.0.1"):
        if receive_buffer:  # must be set before the handshake to bound the window
            self.sock = socket.socket()
            self.sock.settimeout(PATIENCE)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            self.sock.connect((host, port))
        else:
            self.sock = connect(port, host=host)
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
        line, fields, _ = split_head(receive_head(self.sock))
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
