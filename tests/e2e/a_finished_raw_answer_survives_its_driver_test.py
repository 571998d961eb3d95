"""Both sides of a raw connection have said everything, and the daemon has it all: a driver that is then killed takes nothing from a
visitor that is still reading, as it takes nothing of an HTTP answer. Frames for streams that are gone are ignored (section 6), and
one whose two directions have ended is."""

import contextlib
import queue
import signal
import socket

from harness import PATIENCE, Daemon, Expose, Origin, Pull, Visitor, run
from patience import wait_until
from sockets import receive_all, receive_head

UPGRADE = b"GET / HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n"
WINDOW = "8MiB"
TAKEN_LATE = 6000000  # bytes: more than the kernel keeps for a visitor that does not read, less than the window


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


def ask_http(service, visitor):
    visitor.sendall(b"GET / HTTP/1.0\r\n\r\n")
    local = service.accept()
    receive_head(local)
    local.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    receive_head(visitor)
    return local


def ask_upgrade(service, visitor):
    visitor.sendall(UPGRADE)
    local = service.accept()
    receive_head(local)
    local.sendall(SWITCHED)
    receive_head(visitor)
    visitor.shutdown(socket.SHUT_WR)
    assert receive_all(local) == b""
    return local


def ask_pull(service, visitor):
    visitor.sendall(b"hello")
    local = service.accept()
    visitor.shutdown(socket.SHUT_WR)
    assert receive_all(local) == b"hello"
    return local


@contextlib.contextmanager
def tunnel(kind):
    with Service() as service, Daemon("--stream-window", WINDOW) as daemon:
        driver = kind(daemon, service.port).__enter__()
        try:
            with Visitor(driver.port, receive_buffer=4096) as visitor:
                yield daemon, driver, service, visitor.sock
        finally:
            driver.process.kill()
            driver.wait()
            driver.check_sanitizers()
            driver.process.stdout.close()


def take_late(kind, ask):
    with tunnel(kind) as (daemon, driver, service, visitor):
        local = ask(service, visitor)
        local.sendall(bytes(TAKEN_LATE))
        local.close()
        wait_until(lambda: driver.open_sockets() == 1, "the driver has nothing but its connection to the daemon")
        wait_until(lambda: daemon.unread_bytes() == 0, "the daemon has read it all")
        driver.process.send_signal(signal.SIGKILL)
        driver.wait()
        received = 0
        try:
            while part := visitor.recv(1 << 16):
                received += len(part)
        except ConnectionResetError:
            raise AssertionError(f"{ask.__name__}: a reset after {received} of {TAKEN_LATE} bytes") from None
        assert received == TAKEN_LATE, (ask.__name__, received)


def of_http():
    take_late(Expose, ask_http)


def of_an_upgrade():
    take_late(Expose, ask_upgrade)


def of_a_pull():
    take_late(Pull, ask_pull)


run(of_http, of_an_upgrade, of_a_pull)
