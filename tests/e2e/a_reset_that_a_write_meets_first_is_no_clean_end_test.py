"""A reset is passed on as one, also to whom it becomes known only because bytes were on their way there: the kernel tells of it once,
to the first who asks, and calls it a clean end afterwards (section 6, RESET)."""

import contextlib
import os
import queue
import signal
import socket

from harness import PATIENCE, Daemon, Expose, Origin, Pull, Visitor, receive_exactly, run
from patience import wait_until
from sockets import receive_all, receive_head
from strict_answer import AnswerReader, abort

UPGRADE = b"GET / HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n"
HALF_AN_UPLOAD = b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 8\r\n\r\nhalf"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\nhalf"


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


@contextlib.contextmanager
def tunnel(kind):
    with Service() as service, Daemon() as daemon, kind(daemon, service.port) as driver, Visitor(driver.port) as visitor:
        yield daemon, driver, service, visitor.sock


@contextlib.contextmanager
def stopped(process):
    """Its end of each socket, and with it the order in which it hears of what happens meanwhile, is the test's."""
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def reset_while_written(between, other_side, resetting):
    """`between` is given bytes for the one who resets, then his last words and the reset, all while it is stopped."""
    with stopped(between):
        before = between.unread_bytes()
        other_side.sendall(b"on their way")
        wait_until(lambda: between.unread_bytes() > before, "the bytes to wait there")
        resetting.sendall(b"torn")
        abort(resetting)


def expect_reset(sock):
    try:
        rest = receive_all(sock)
    except ConnectionResetError:
        return
    raise AssertionError(f"a clean end after {rest!r}")


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


def of_a_service():
    for kind, begin in ((Expose, upgraded), (Pull, pulled)):
        with tunnel(kind) as (_, driver, service, visitor):
            reset_while_written(driver, visitor, begin(service, visitor))
            expect_reset(visitor)


def of_a_service_whose_answer_lasts_until_its_end():
    with tunnel(Expose) as (_, driver, service, visitor):
        visitor.sendall(HALF_AN_UPLOAD)
        local = service.accept()
        receive_head(local)
        local.sendall(UNTIL_CLOSE)
        while b"half" not in visitor.recv(65536, socket.MSG_PEEK):
            pass
        with stopped(driver):
            visitor.sendall(b"more")
            wait_until(lambda: driver.unread_bytes() > 0, "the bytes to wait there")
            abort(local)
        outcome = AnswerReader(visitor).read()
        assert (outcome.status, outcome.end) == (200, "reset"), outcome


def of_a_visitor():
    for kind, begin in ((Expose, upgraded), (Pull, pulled)):
        with tunnel(kind) as (daemon, _, service, visitor):
            local = begin(service, visitor)
            reset_while_written(daemon, local, visitor)
            expect_reset(local)
            local.close()


run(of_a_service, of_a_service_whose_answer_lasts_until_its_end, of_a_visitor)
