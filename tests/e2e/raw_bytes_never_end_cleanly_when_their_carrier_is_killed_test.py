"""Whose bytes have no other end than the connection's own is told when the program between is killed: an upgraded connection
and a PULL are then reset on the other side, as an answer that lasts until its end is, and never look complete (section 6, RESET)."""

from harness import receive_exactly, run
from patience import wait_until
from raw_bytes import KINDS, TAKEN_LATE, expect_reset, tunnel

CLOSE_WAIT = 8


def both_are_in_the_middle(visitor, local):
    visitor.sendall(b"half of it")
    assert receive_exactly(local, 10) == b"half of it"
    local.sendall(b"half an answer")
    assert receive_exactly(visitor, 14) == b"half an answer"


def kill(choose):
    for kind, begin in KINDS:
        with tunnel(kind) as (daemon, driver, service, visitor):
            local = begin(service, visitor)
            both_are_in_the_middle(visitor, local)
            choose(daemon, driver).process.kill()
            expect_reset(f"{kind.command}, the visitor", visitor)
            expect_reset(f"{kind.command}, the service", local)


def the_daemon_is_killed():
    kill(lambda daemon, _: daemon)


def the_driver_is_killed():
    kill(lambda _, driver: driver)


def knows_an_end(driver):
    """A FIN has come, and nothing waits in front of it."""
    return driver.unread_bytes() == 0 and CLOSE_WAIT in driver.tcp_states()


def the_daemon_ends_before_a_visitor_has_taken_all():
    """The service has said everything and is gone, as bytes for it have shown: nobody but the daemon has the rest."""
    for kind, begin in KINDS:
        with tunnel(kind, receive_buffer=4096) as (daemon, driver, service, visitor):
            local = begin(service, visitor)
            local.sendall(bytes(TAKEN_LATE))
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
