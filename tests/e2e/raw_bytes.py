"""Connections that carry raw bytes through a tunnel, upgraded or pulled, both ends of which are the test's."""

import contextlib
import os
import queue
import signal
import socket

from origin import Origin
from patience import PATIENCE
from processes import Daemon, Expose, Pull
from sockets import receive_all, receive_exactly, receive_head
from visitor import Visitor

UPGRADE = b"GET / HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n"
WINDOW = "8MiB"
TAKEN_LATE = 6000000  # bytes: more than the kernel keeps for who does not read, less than the window


class Service(Origin):
    """Whose connections are the test's."""

    def __init__(self):
        self.connections = queue.Queue()
        super().__init__(self._hand_over)

    def _hand_over(self, sock, _address):
        if sock.recv(1, socket.MSG_PEEK):  # else the driver only looked whether somebody is there
            self.connections.put(sock.dup())

    def accept(self):
        sock = self.connections.get(timeout=PATIENCE)
        sock.settimeout(PATIENCE)
        return sock


def upgraded(service, visitor):
    visitor.sendall(UPGRADE)
    local = service.accept()
    receive_head(local)
    local.sendall(SWITCHED)
    receive_head(visitor)
    return local


def pulled(service, visitor):
    visitor.sendall(b"hello")
    local = service.accept()
    assert receive_exactly(local, 5) == b"hello"
    return local


KINDS = ((Expose, upgraded), (Pull, pulled))


@contextlib.contextmanager
def tunnel(kind, **visitor):
    """(daemon, driver, service, the visitor's socket). Either program may be dead at the end."""
    with Service() as service:
        daemon = Daemon("--stream-window", WINDOW).__enter__()
        driver = kind(daemon, service.port).__enter__()
        try:
            with Visitor(driver.port, **visitor) as guest:
                yield daemon, driver, service, guest.sock
        finally:
            for process in (driver, daemon):
                if process.process.poll() is None:
                    process.process.terminate()
                process.wait()
                process.check_sanitizers()
            driver.process.stdout.close()


@contextlib.contextmanager
def stopped(process):
    """Its end of each socket, and with it the order in which it hears of what happens meanwhile, is the test's."""
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def expect_reset(who, sock):
    try:
        rest = receive_all(sock)
    except ConnectionResetError:
        return
    raise AssertionError(f"{who}: a clean end after {len(rest)} bytes: {rest[-100:]!r}")


def expect_whole(who, sock, length):
    received = 0
    try:
        while part := sock.recv(1 << 16):
            received += len(part)
    except ConnectionResetError:
        raise AssertionError(f"{who}: a reset after {received} of {length} bytes") from None
    assert received == length, f"{who}: {received} of {length}"
