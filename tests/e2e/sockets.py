"""Sockets of the tests: connecting, and reading exactly so much."""

import contextlib
import random
import socket
import ssl
import struct

from patience import PATIENCE


# Below the ports that the kernel gives to outgoing connections and the daemon to EXPOSE: nobody takes one by chance in between.
FREE_PORTS = range(10000, 20000)


def free_port():
    """A port that was free a moment ago, and that only another test's choice could take since."""
    while True:
        port = random.choice(FREE_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def own_address():
    """An address of this machine that is not on loopback; None: there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))  # sends nothing
        except OSError:
            return None
        address = probe.getsockname()[0]
        return None if address.startswith("127.") or address == "0.0.0.0" else address


def connect(port, timeout=PATIENCE, host="127.0.0.1", source=None):
    sock = socket.create_connection((host, port), timeout=timeout, source_address=(source, 0) if source else None)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


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


def receive_head(sock):
    """An HTTP head, to its empty line; what comes after it stays in the socket."""
    end, head = b"\r\n\r\n", b""
    while isinstance(sock, ssl.SSLSocket) and not head.endswith(end):  # there is no peeking into TLS
        head += receive_exactly(sock, 1)
    while not head.endswith(end):
        part = sock.recv(1 << 16, socket.MSG_PEEK)
        if not part:
            raise EOFError("the peer has closed")
        place = (head + part).find(end)
        head += receive_exactly(sock, len(part) if place < 0 else place + len(end) - len(head))
    return head


def receive_all(sock):
    """Everything until the peer's end."""
    parts = []
    while True:
        part = sock.recv(1 << 16)
        if not part:
            return b"".join(parts)
        parts.append(part)


def abort(sock):
    """Closes with RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
