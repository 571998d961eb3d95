"""No descriptor is left in the process: connections are shed rather than left hanging, nothing spins, who is in is served,
and when descriptors come back all is as before."""

import contextlib
import itertools
import os
import resource
import time

from harness import BIND, BIND_ERR, EOF, HELLO_OK, Daemon, RawDriver, Visitor, bound_port, frame, hello, run, wait_until
from sockets import free_port

FLAGS = ("--fd-budget", "100000", "--max-binds-per-session", "100")  # the budget is no help here
VISITORS = 60
IDLE_SECONDS = 2.0


def allow(daemon, descriptors):
    _, hard = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (descriptors, hard))


def allow_no_more(daemon):
    """Up to the first that is free, and no fewer: poll() takes no more of them than the limit, whatever their numbers."""
    used = {int(number) for number in os.listdir(f"/proc/{daemon.pid}/fd")}
    allow(daemon, next(number for number in itertools.count() if number not in used))


def is_shed(visitor):
    """Closed unheard. False: it waits in the queue, or is in."""
    visitor.sock.settimeout(0.01)
    try:
        return visitor.sock.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def answers(daemon):
    try:
        return daemon.is_up()
    except AssertionError:  # shed: a clean end without an answer
        return False


def serve(driver, visitor):
    visitor.sock.settimeout(20)
    visitor.ask()
    stream, _ = driver.expect_stream()
    driver.expect(EOF, stream)
    driver.answer(stream, b"served")
    assert visitor.receive_answer()[2] == b"served"


def visitors_take_all_of_them():
    with bound_port(*FLAGS) as (daemon, driver, port):
        allow(daemon, daemon.open_fds() + 20)
        with contextlib.ExitStack() as stack:
            visitors = [stack.enter_context(Visitor(port)) for _ in range(VISITORS)]
            wait_until(lambda: "accept-failed" in daemon.stderr(), "the log says so")
            assert "Too many open files" in daemon.stderr(), daemon.stderr()
            shed = wait_until(lambda: [v for v in visitors if is_shed(v)], "those beyond are closed")
            wait_until(lambda: not answers(daemon), "the API has no descriptor either")
            cpu = daemon.cpu_seconds()
            time.sleep(IDLE_SECONDS)  # the span that is measured
            cpu = daemon.cpu_seconds() - cpu
            print(f"{cpu:.2f} s CPU in {IDLE_SECONDS:.0f} s without descriptors")
            assert cpu <= 0.1, "it spins"
            driver.ping()
            serve(driver, next(visitor for visitor in visitors if visitor not in shed))
        wait_until(lambda: answers(daemon), "the API answers again")
        assert daemon.metric("hoody_tunnel_connections_shed_total") >= len(shed)
        with Visitor(port) as visitor:
            serve(driver, visitor)


def a_driver_is_let_in_and_binds_later():
    with Daemon(*FLAGS) as daemon, RawDriver(daemon, says_hello=False) as driver:
        ask = frame(BIND, 0, {"clientBindRef": 1, "kind": "http", "mode": "expose", "containerPort": 0})
        wait_until(lambda: len(daemon.tcp_sockets()) == 2, "the base port and the driver are all it has")
        allow_no_more(daemon)
        driver.send(hello())
        driver.expect(HELLO_OK)
        driver.send(ask)
        error = driver.expect_json(BIND_ERR)[1]
        assert error["code"] == "INTERNAL" and "Too many open files" in error["message"], error
        allow(daemon, 1024)
        ports = [driver.bind(free_port())["containerPort"] for _ in range(3)]  # which nobody takes while nobody has them
        assert len(daemon.tcp_sockets()) == 5
        allow_no_more(daemon)
        driver.close()
        driver.expect_closed()
        wait_until(lambda: [port for port, _ in daemon.tcp_sockets()] == [daemon.port], "its ports are closed")
        allow(daemon, 1024)
        with RawDriver(daemon) as another:
            for port in ports:
                another.bind(port)


def sixty_four_are_enough_to_begin_with():
    with Daemon(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))) as daemon:
        with contextlib.ExitStack() as stack:
            driver = stack.enter_context(RawDriver(daemon))
            port = driver.bind()["containerPort"]
            for _ in range(VISITORS):
                stack.enter_context(Visitor(port))
            wait_until(lambda: "accept-failed" in daemon.stderr(), "the log says so")
            driver.ping()
        wait_until(lambda: answers(daemon), "the API answers again")


run(visitors_take_all_of_them, a_driver_is_let_in_and_binds_later, sixty_four_are_enough_to_begin_with)
