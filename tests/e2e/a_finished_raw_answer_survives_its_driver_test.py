"""Both sides of a raw connection have said everything, and the daemon has it all: a driver that is then killed takes nothing from a
visitor that is still reading, as it takes nothing of an HTTP answer. Frames for streams that are gone are ignored (section 6), and
one whose two directions have ended is."""

import signal
import socket

from harness import Expose, run
from patience import wait_until
from raw_bytes import KINDS, TAKEN_LATE, expect_whole, tunnel
from sockets import receive_all, receive_head


def asked_for_a_page(service, visitor):
    visitor.sendall(b"GET / HTTP/1.0\r\n\r\n")
    local = service.accept()
    receive_head(local)
    local.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    receive_head(visitor)
    return local


def take_late(kind, begin, ends_first):
    with tunnel(kind, receive_buffer=4096) as (daemon, driver, service, visitor):
        local = begin(service, visitor)
        if ends_first:
            visitor.shutdown(socket.SHUT_WR)
            assert receive_all(local) == b""
        local.sendall(bytes(TAKEN_LATE))
        local.close()
        wait_until(lambda: driver.open_sockets() == 1, "the driver has nothing but its connection to the daemon")
        wait_until(lambda: daemon.unread_bytes() == 0, "the daemon has read it all")
        driver.process.send_signal(signal.SIGKILL)
        driver.wait()
        expect_whole(begin.__name__, visitor, TAKEN_LATE)


def of_http():
    take_late(Expose, asked_for_a_page, False)


def of_raw_bytes():
    for kind, begin in KINDS:
        take_late(kind, begin, True)


run(of_http, of_raw_bytes)
