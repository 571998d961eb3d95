"""Whose bytes have no other end than the connection's own is told when the program between is killed: an upgraded connection
and a PULL are then reset on the other side, as an answer that lasts until its end is, and never look complete (section 6, RESET)."""

import contextlib
import queue
import socket

from harness import PATIENCE, Daemon, Expose, Origin, Pull, Visitor, receive_exactly, run
from patience import wait_until
from sockets import receive_all, receive_head

UPGRADE = b"GET / HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n"
CLOSE_WAIT = 8
WINDOW = "8MiB"
TAKEN_BY_NOBODY = 6000000  # bytes: more than the kernel keeps for a visitor, less than the window


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
def tunnel(kind, begin, **visitor):
    """Either program may be dead at the end."""
    with Service() as service:
        daemon = Daemon("--stream-window", WINDOW).__enter__()
        driver = kind(daemon, service.port).__enter__()
        try:
            with Visitor(driver.port, **visitor) as guest:
                yield daemon, driver, guest.sock, begin(service, guest.sock)
        finally:
            for process in (driver, daemon):
                if process.process.poll() is None:
                    process.process.terminate()
                process.wait()
                process.check_sanitizers()
            driver.process.stdout.close()


def expect_reset(who, sock):
    try:
        rest = receive_all(sock)
    except ConnectionResetError:
        return
    raise AssertionError(f"{who}: a clean end after {len(rest)} bytes")


def both_are_in_the_middle(visitor, local):
    visitor.sendall(b"half of it")
    assert receive_exactly(local, 10) == b"half of it"
    local.sendall(b"half an answer")
    assert receive_exactly(visitor, 14) == b"half an answer"


def the_daemon_is_killed():
    for kind, begin in KINDS:
        with tunnel(kind, begin) as (daemon, _, visitor, local):
            both_are_in_the_middle(visitor, local)
            daemon.process.kill()
            expect_reset(f"{kind.command}, the visitor", visitor)
            expect_reset(f"{kind.command}, the service", local)


def the_driver_is_killed():
    for kind, begin in KINDS:
        with tunnel(kind, begin) as (_, driver, visitor, local):
            both_are_in_the_middle(visitor, local)
            driver.process.kill()
            expect_reset(f"{kind.command}, the visitor", visitor)
            expect_reset(f"{kind.command}, the service", local)


def knows_an_end(driver):
    """A FIN has come, and nothing waits in front of it."""
    return driver.unread_bytes() == 0 and CLOSE_WAIT in driver.tcp_states()


def the_daemon_ends_before_a_visitor_has_taken_all():
    """The service has said everything and is gone, as bytes for it have shown: nobody but the daemon has the rest."""
    for kind, begin in KINDS:
        with tunnel(kind, begin, receive_buffer=4096) as (daemon, driver, visitor, local):
            local.sendall(bytes(TAKEN_BY_NOBODY))
            local.close()
            wait_until(lambda: knows_an_end(driver), "the driver has read it all")

            def is_over():
                visitor.send(b"?")
                return daemon.metric("hoody_tunnel_streams_active") == 0

            wait_until(is_over, "the service's end is known")
            daemon.process.terminate()
            daemon.wait()
            expect_reset(kind.command, visitor)


run(the_daemon_is_killed, the_driver_is_killed, the_daemon_ends_before_a_visitor_has_taken_all)
