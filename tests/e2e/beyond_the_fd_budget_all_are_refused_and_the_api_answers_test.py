"""--fd-budget used up: visitors get 503, drivers 1013, BIND gets INTERNAL, the API answers, nothing spins, and every permit
comes back (protocol sections 3, 6 and 8)."""

import contextlib
import time

from harness import BIND, BIND_ERR, EOF, Daemon, RawDriver, Visitor, bound_port, frame, hello, run, wait_until

BUDGET = 64
VISITORS = BUDGET - 2  # a driver and its listener have one each
IDLE_SECONDS = 2.0
FLAGS = ("--fd-budget", str(BUDGET))


def permits(daemon):
    """As the API and the metrics have it: one is asked after the other, so they are asked until they agree."""

    def agreed():
        available = daemon.get_json("/tunnels")["fdPermitsAvailable"]
        return (available,) if available == daemon.metric("hoody_tunnel_fd_permits_available") else None

    return wait_until(agreed, "API and metrics agree")[0]


def serve(driver, visitor):
    visitor.ask()
    stream, _ = driver.expect_stream()
    driver.expect(EOF, stream)
    driver.answer(stream, b"served")
    assert visitor.receive_answer()[2] == b"served"


def expect_503(port):
    with Visitor(port) as visitor:
        status, headers, body = visitor.receive_answer()
        assert status == 503 and headers["retry-after"] == "1" and body == b"no file descriptors left", (status, headers, body)
        visitor.expect_end()


def visitors_get_503_and_permits_come_back():
    with bound_port(*FLAGS) as (daemon, driver, port):
        with contextlib.ExitStack() as stack:
            visitors = [stack.enter_context(Visitor(port)) for _ in range(VISITORS)]
            wait_until(lambda: permits(daemon) == 0, "the budget is used up")
            for _ in range(40):
                expect_503(port)
            cpu = daemon.cpu_seconds()
            time.sleep(IDLE_SECONDS)  # the span that is measured
            cpu = daemon.cpu_seconds() - cpu
            print(f"{cpu:.2f} s CPU in {IDLE_SECONDS:.0f} s with the budget used up")
            assert cpu <= 0.1, "it spins"
            for visitor in visitors[::20]:  # those that are in are served
                serve(driver, visitor)
            visitors[0].sock.close()
            wait_until(lambda: permits(daemon) == 1, "one is free")
            with Visitor(port) as another:
                serve(driver, another)
                assert permits(daemon) == 0
                expect_503(port)
        wait_until(lambda: permits(daemon) == VISITORS, "all permits of visitors are back")
        driver.close()
        driver.expect_closed()
        wait_until(lambda: permits(daemon) == BUDGET, "the driver's and its listener's are back")


def a_bind_gets_internal_and_a_driver_1013():
    with bound_port("--fd-budget", "3") as (daemon, driver, port):
        with Visitor(port):
            wait_until(lambda: permits(daemon) == 0, "the budget is used up")
            driver.send(frame(BIND, 0, {"clientBindRef": 1, "kind": "http", "mode": "expose", "containerPort": 0}))
            error = driver.expect_json(BIND_ERR)[1]
            assert error["code"] == "INTERNAL" and "file descriptors" in error["message"], error
            for _ in range(3):
                with RawDriver(daemon, says_hello=False) as another:
                    another.send(hello())
                    assert another.expect_closed() == ([], 1013, "no file descriptors left")
            assert daemon.metric('hoody_tunnel_handshakes_dropped_total{reason="no_descriptor"}') == 3
        wait_until(lambda: permits(daemon) == 1, "the visitor's is back")
        with RawDriver(daemon) as another:
            another.ping()
            assert permits(daemon) == 0
        wait_until(lambda: permits(daemon) == 1, "the driver's is back")
        driver.bind()


run(visitors_get_503_and_permits_come_back, a_bind_gets_internal_and_a_driver_1013)
