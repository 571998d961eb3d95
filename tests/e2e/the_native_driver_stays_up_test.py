"""hoody-tunnel after a loss: the session is resumed with its ports, or opened anew with the same ones, and visitors are served
again, without anybody's help; what people have decided is left as it is (protocol sections 3 and 7)."""

import contextlib
import os
import signal
import socket
import threading
import types

from hammer import ABORTED, REFUSED, REQUEST, SILENT, Hammer
from harness import (
    HELLO_OK,
    Daemon,
    Expose,
    Origin,
    Pull,
    RawDriver,
    connect,
    free_port,
    hello,
    http_origin,
    receive_all,
    receive_head,
    run,
    simple_get,
    wait_until,
)
from relay import Relay

RESTLESS = ("--ping-interval", "200ms", "--ping-timeout", "500ms")
FORGETFUL = ("--ping-interval", "200ms", "--pong-timeout", "500ms", "--takeover-grace", "200ms")


def answer(*_):
    return 200, [], b"hello"


def serves(port):
    with contextlib.suppress(OSError, EOFError, AssertionError):  # whoever leaves it answers nothing
        return simple_get(port)[2] == b"hello"
    return False


def wait_until_served(driver):
    wait_until(lambda: serves(driver.port), "the port is served again")


def told(driver, text):
    wait_until(lambda: text in driver.stderr(), f"the driver says '{text}'")


def only_binding(daemon):
    (binding,) = daemon.get_json("/bindings")["bindings"]
    return binding["sessionId"], binding["bindId"], binding["port"]


def expect_end(driver, status, text):
    assert driver.wait() == status and text in driver.stderr(), driver.stderr()
    driver.stop(expect=status)
    driver.process.stdout.close()


class Cut(Relay):
    """A relay whose connections can be cut, and stay away for a while."""

    def cut(self):
        for sock in self.socks:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


def a_cut_connection_is_resumed():
    with http_origin(answer) as origin, Daemon() as daemon, Cut(daemon) as relay, Expose(relay, origin.port) as driver:
        before = only_binding(daemon)
        for times in range(1, 4):
            relay.cut()
            wait_until(lambda times=times: driver.stderr().count("is resumed") == times, "the session is resumed")
            wait_until_served(driver)
            assert only_binding(daemon) == before, (only_binding(daemon), before)
        assert daemon.get_json("/tunnels")["orphanedSessions"] == 0


def a_pull_is_resumed_too():
    with Origin(lambda sock, _: sock.sendall(b"hello")) as origin, Daemon() as daemon, Cut(daemon) as relay:
        with Pull(relay, origin.port) as driver:
            before = only_binding(daemon)
            relay.cut()
            told(driver, "is resumed")
            with connect(driver.port) as visitor:
                assert receive_all(visitor) == b"hello"
            assert only_binding(daemon) == before, (only_binding(daemon), before)


def a_network_that_is_silent_is_noticed_and_survived():
    """No FIN, no RST: only the driver's own PING tells. The network is away for several of its deadlines."""
    with http_origin(answer) as origin, Daemon() as daemon, Relay(daemon) as relay:
        with Expose(relay, origin.port, *RESTLESS) as driver:
            before = only_binding(daemon)
            relay.freeze()
            told(driver, "the daemon does not answer any more")
            relay.thaw()
            told(driver, "is resumed")
            wait_until_served(driver)
            assert only_binding(daemon) == before, (only_binding(daemon), before)


def all_sockets_of_a_session_are_asked():
    with http_origin(answer) as origin, Daemon() as daemon, Relay(daemon) as relay:
        with Expose(relay, origin.port, "--connections", "3", *RESTLESS) as driver:
            told(driver, "all 3 connections")
            relay.freeze()
            told(driver, "the daemon does not answer any more")
            relay.thaw()
            wait_until(lambda: driver.stderr().count("all 3 connections") == 2, "all connections stand again")
            wait_until_served(driver)


def killed(daemon):
    daemon.stop(signal.SIGKILL, expect=-signal.SIGKILL)


def a_killed_daemon_may_come_back():
    """Under load; the visitors see nothing but answers, failures that say so, and nobody there."""
    port, base = free_port(), free_port()
    daemon = Daemon(port=base)
    with http_origin(answer) as origin, contextlib.ExitStack() as ends:
        ends.callback(lambda: daemon.process.kill())  # whichever it is then
        daemon.__enter__()
        with Expose(daemon, origin.port, port=port), Hammer(port) as crowd:
            for _ in range(3):
                crowd.wait_for(b"hello", 10)
                killed(daemon)
                crowd.wait_for(REFUSED)
                daemon = Daemon(port=base).__enter__()
                crowd.wait_for(b"hello", 10)
                assert only_binding(daemon)[2] == port
            crowd.expect_only(b"hello", REFUSED, ABORTED, SILENT, 502)  # who is killed says FIN
        daemon.stop()


def a_drained_daemon_may_come_back():
    """To a random port, which stays the same one."""
    base = free_port()
    with http_origin(answer) as origin:
        with Daemon(port=base) as daemon:
            driver = Expose(daemon, origin.port).__enter__()
        told(driver, "kit is shutting down")
        with Daemon(port=base), contextlib.closing(driver.process.stdout):
            wait_until_served(driver)
            assert "a new session" in driver.stderr(), driver.stderr()
            driver.stop()


def beyond_the_grace_the_same_port_is_bound_again():
    with http_origin(answer) as origin, Daemon(*FORGETFUL) as daemon, Relay(daemon) as relay:
        with Expose(relay, origin.port, *RESTLESS) as driver:
            session, _, port = only_binding(daemon)
            relay.freeze()
            wait_until(lambda: daemon.get_json("/bindings")["total"] == 0, "the grace is over")
            relay.thaw()
            told(driver, "a new session")
            wait_until_served(driver)
            assert only_binding(daemon)[2] == port and only_binding(daemon)[0] != session


@contextlib.contextmanager
def away(daemon, target, *flags, **more):
    """A driver whose grace is over; thaw the relay to let it come back. Ends it, if it has not."""
    with Relay(daemon) as relay:
        driver = Expose(relay, target, *RESTLESS, *flags, **more).__enter__()
        relay.freeze()
        wait_until(lambda: daemon.get_json("/bindings")["total"] == 0, "the grace is over")
        yield driver, relay
        if driver.process.poll() is None:
            driver.stop()
        driver.process.stdout.close()


def a_random_port_that_others_hold_becomes_another():
    with http_origin(answer) as origin, Daemon(*FORGETFUL) as daemon, away(daemon, origin.port) as (driver, relay):
        with Expose(daemon, origin.port, port=driver.port):  # it answers the daemon's pings, however long this takes
            relay.thaw()
            url = driver.process.stdout.readline().decode().strip()
            port = int(url.rsplit(":", 1)[1])
            assert port != driver.port and serves(port), url
            assert f"port {driver.port} is not ours any more" in driver.stderr(), driver.stderr()


def a_certain_port_that_others_hold_is_waited_for():
    port = free_port()
    with http_origin(answer) as origin, Daemon(*FORGETFUL) as daemon:
        with away(daemon, origin.port, port=port) as (driver, relay):
            with Expose(daemon, origin.port, port=port):
                relay.thaw()
                told(driver, "ALREADY_BOUND")
            wait_until_served(driver)


def a_port_taken_over_meanwhile_is_the_end():
    with http_origin(answer) as origin, Daemon() as daemon, Relay(daemon) as relay:
        port = free_port()
        driver = Expose(relay, origin.port, *RESTLESS, port=port).__enter__()
        relay.freeze()
        with RawDriver(daemon) as other:
            other.bind(port, takeover=True)
            relay.thaw()
            expect_end(driver, 1, "taken")


def an_admin_who_closes_the_session_is_obeyed():
    with http_origin(answer) as origin, Daemon() as daemon:
        driver = Expose(daemon, origin.port).__enter__()
        session, _, _ = only_binding(daemon)
        assert daemon.request("DELETE", f"/sessions/{session}")[0] == 202
        expect_end(driver, 1, "ended the session: closed by admin\n")


def a_session_that_others_resumed_is_left_to_them():
    with http_origin(answer) as origin, Daemon() as daemon:
        driver = Expose(daemon, origin.port).__enter__()
        session, _, _ = only_binding(daemon)
        with RawDriver(daemon, says_hello=False) as other:
            other.send(hello(resume={"sessionId": session}))
            assert other.expect_json(HELLO_OK)[1]["resumed"] is True
            expect_end(driver, 1, "resumed on another connection")


def a_laptop_that_slept_serves_again():
    with http_origin(answer) as origin, Daemon(*FORGETFUL) as daemon:
        with Expose(daemon, origin.port) as driver:
            os.kill(driver.pid, signal.SIGSTOP)
            wait_until(lambda: daemon.get_json("/bindings")["total"] == 0, "the daemon has forgotten it")
            os.kill(driver.pid, signal.SIGCONT)
            wait_until_served(driver)


def a_laptop_that_slept_while_its_daemon_was_replaced_serves_again():
    """Nobody says FIN or RST to who sleeps: after the wake only its own PING tells."""
    base, port = free_port(), free_port()
    daemon = Daemon(port=base).__enter__()
    with http_origin(answer) as origin, Relay(daemon) as relay, Expose(relay, origin.port, *RESTLESS, port=port) as driver:
        os.kill(driver.pid, signal.SIGSTOP)
        relay.forget()
        killed(daemon)
        with Daemon(port=base) as other:
            assert not serves(port)
            os.kill(driver.pid, signal.SIGCONT)
            told(driver, "the daemon does not answer any more")
            wait_until_served(driver)
            assert only_binding(other)[2] == port
            driver.stop()


def a_driver_may_wait_for_its_daemon():
    base = free_port()
    with http_origin(answer) as origin:
        driver = Expose(types.SimpleNamespace(port=base), origin.port, "--wait")
        told(driver, "can't reach the daemon")
        with Daemon(port=base), driver:
            wait_until_served(driver)


def ctrl_c_ends_a_driver_that_is_away():
    with http_origin(answer) as origin:
        daemon = Daemon().__enter__()
        driver = Expose(daemon, origin.port).__enter__()
        killed(daemon)
        told(driver, "can't reach the daemon")
        driver.stop(signal.SIGINT)
        driver.process.stdout.close()


def the_local_connections_of_lost_streams_are_ended():
    ended = threading.Event()

    def slow(sock, _address):
        receive_head(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst")
        with contextlib.suppress(ConnectionResetError):
            assert sock.recv(1) == b""
        ended.set()

    with Origin(slow) as origin, Daemon() as daemon, Cut(daemon) as relay, Expose(relay, origin.port) as driver:
        with connect(driver.port) as visitor:
            visitor.sendall(REQUEST)
            receive_head(visitor)
            relay.cut()
            wait_until(ended.is_set, "the service sees the end")
        told(driver, "is resumed")
        assert not origin.failures, origin.failures


run(
    a_cut_connection_is_resumed,
    a_pull_is_resumed_too,
    a_network_that_is_silent_is_noticed_and_survived,
    all_sockets_of_a_session_are_asked,
    a_killed_daemon_may_come_back,
    a_drained_daemon_may_come_back,
    beyond_the_grace_the_same_port_is_bound_again,
    a_random_port_that_others_hold_becomes_another,
    a_certain_port_that_others_hold_is_waited_for,
    a_port_taken_over_meanwhile_is_the_end,
    an_admin_who_closes_the_session_is_obeyed,
    a_session_that_others_resumed_is_left_to_them,
    a_laptop_that_slept_serves_again,
    a_laptop_that_slept_while_its_daemon_was_replaced_serves_again,
    a_driver_may_wait_for_its_daemon,
    ctrl_c_ends_a_driver_that_is_away,
    the_local_connections_of_lost_streams_are_ended,
)
