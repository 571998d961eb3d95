"""What a visitor has said to its end reaches the service to its end, although the daemon drains, finds nothing that runs any more,
and says GOAWAY right behind it: its streams may finish (section 7, SIGTERM)."""

import contextlib
import os
import signal
import socket

from harness import run
from patience import wait_until
from raw_bytes import KINDS, TAKEN_LATE, expect_reset, expect_whole, tunnel
from sockets import receive_all

LAST_WORDS = b"the last words"


@contextlib.contextmanager
def listening_service(kind, begin):
    """It has said all that it has to say. (daemon, driver, visitor, its own end)"""
    with tunnel(kind) as (daemon, driver, service, visitor):
        local = begin(service, visitor)
        local.shutdown(socket.SHUT_WR)
        assert receive_all(visitor) == b""
        yield daemon, driver, visitor, local


def say_it_all(daemon, visitor, words):
    visitor.sendall(words)
    visitor.shutdown(socket.SHUT_WR)
    wait_until(lambda: daemon.metric("hoody_tunnel_streams_active") == 0, "nothing runs any more")


def all_comes_in_one_turn_of_the_driver():
    for kind, begin in KINDS:
        with listening_service(kind, begin) as (daemon, driver, visitor, local):
            os.kill(driver.pid, signal.SIGSTOP)
            try:
                say_it_all(daemon, visitor, LAST_WORDS)
                daemon.stop()
            finally:
                os.kill(driver.pid, signal.SIGCONT)
            expect_whole(kind.command, local, len(LAST_WORDS))


def the_service_takes_its_time():
    for kind, begin in KINDS:
        with listening_service(kind, begin) as (daemon, _, visitor, local):
            say_it_all(daemon, visitor, bytes(TAKEN_LATE))
            daemon.stop()
            expect_whole(kind.command, local, TAKEN_LATE)


def a_driver_that_ends_meanwhile_leaves_no_clean_end():
    for kind, begin in KINDS:
        with listening_service(kind, begin) as (daemon, driver, visitor, local):
            say_it_all(daemon, visitor, bytes(TAKEN_LATE))
            daemon.stop()
            driver.process.terminate()
            driver.wait()
            expect_reset(kind.command, local)


run(all_comes_in_one_turn_of_the_driver, the_service_takes_its_time, a_driver_that_ends_meanwhile_leaves_no_clean_end)
