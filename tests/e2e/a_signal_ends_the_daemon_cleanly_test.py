"""SIGTERM and SIGINT: nobody new, running streams get their time, drivers GOAWAY(0) and 1001 last, exit 0 (section 7)."""

import json
import os
import signal
import subprocess
import tempfile

from harness import (
    BIN,
    EOF,
    GOAWAY,
    PATIENCE,
    Daemon,
    RawDriver,
    Visitor,
    connect,
    data,
    frame,
    free_port,
    response_head,
    run,
    wait_until,
)

GOODBYE = {"code": 0, "message": "kit is shutting down", "lastStreamId": 0, "retryAfterMs": 0}


def expect_goodbye(driver):
    frames, code, _ = driver.expect_closed()
    assert [(kind, json.loads(payload)) for kind, _, payload in frames] == [(GOAWAY, GOODBYE)], frames
    assert code == 1001, code


def with_nothing_to_do():
    for sig in (signal.SIGTERM, signal.SIGINT):
        with Daemon() as daemon:
            daemon.stop(sig)


def idle_drivers_are_told():
    for sig in (signal.SIGTERM, signal.SIGINT):
        with Daemon() as daemon:
            drivers = [RawDriver(daemon) for _ in range(5)]
            waits_for_hello = RawDriver(daemon, says_hello=False)
            for driver in drivers[:3]:
                driver.bind()
            daemon.process.send_signal(sig)
            for driver in drivers:
                expect_goodbye(driver)
                driver.close(1001)
                driver.sock.close()
            waits_for_hello.expect_closed()
            waits_for_hello.sock.close()
            assert daemon.wait() == 0


def a_driver_that_does_not_answer_the_close_holds_nothing_up():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        driver.bind()
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.wait() == 0
        expect_goodbye(driver)


def running_streams_end_first():
    with Daemon("--drain-timeout", "60s") as daemon, RawDriver(daemon) as driver, RawDriver(daemon) as idle:
        port = driver.bind()["containerPort"]
        with Visitor(port) as visitor:
            visitor.ask()
            stream, _ = driver.expect_stream()
            driver.expect(EOF, stream)
            driver.send(response_head(stream, headers=[["content-length", "8"]]), data(stream, b"half"))
            assert visitor.receive_head()[0] == 200
            daemon.process.send_signal(signal.SIGTERM)
            expect_goodbye(idle)  # it has nothing to wait for
            assert driver.ping() == [], "told while its stream runs"
            driver.send(data(stream, b"done"), frame(EOF, stream))
            assert visitor.receive(8) == b"halfdone"
            expect_goodbye(driver)
        driver.close(1001)
        idle.close(1001)
        assert daemon.wait() == 0


def nobody_new_comes_in_meanwhile():
    with Daemon("--drain-timeout", "60s") as daemon, RawDriver(daemon) as driver, RawDriver(daemon) as idle:
        port = driver.bind()["containerPort"]
        with Visitor(port) as visitor:
            visitor.ask()
            stream, _ = driver.expect_stream()
            driver.expect(EOF, stream)
            daemon.process.send_signal(signal.SIGTERM)
            expect_goodbye(idle)
            wait_until(lambda: refuses_drivers(daemon), "no new drivers")
            driver.answer(stream, b"late", headers=[["content-length", "4"]])
            assert visitor.receive_answer()[2] == b"late"
            expect_goodbye(driver)
        assert daemon.wait() == 0


def refuses_drivers(daemon):
    try:
        with RawDriver(daemon):
            return False
    except Exception:  # pylint: disable=broad-except # refused, dropped or told to go: each is a refusal
        return True


def streams_that_outlast_the_drain_are_aborted():
    with Daemon("--drain-timeout", "200ms") as daemon, RawDriver(daemon) as driver:
        with Visitor(driver.bind()["containerPort"]) as visitor:
            visitor.ask()
            stream, _ = driver.expect_stream()
            driver.expect(EOF, stream)
            driver.send(response_head(stream))
            assert visitor.receive_head()[0] == 200
            daemon.process.send_signal(signal.SIGTERM)
            visitor.expect_abort()
            frames, code, _ = driver.expect_closed()
            assert frames[-1][0] == GOAWAY and json.loads(frames[-1][2]) == GOODBYE and code == 1001, (frames, code)
        assert daemon.wait() == 0


def no_drain_at_all():
    with Daemon("--drain-timeout", "0") as daemon, RawDriver(daemon) as driver:
        with Visitor(driver.bind()["containerPort"]) as visitor:
            visitor.ask()
            driver.expect_stream()
            daemon.process.send_signal(signal.SIGTERM)
            visitor.expect_abort_or_502()
        assert daemon.wait() == 0


def a_second_signal_ends_it_at_once():
    daemon = Daemon("--drain-timeout", "1h")
    wait_until(daemon.is_up, "the daemon answers")
    with RawDriver(daemon) as driver, RawDriver(daemon) as idle:
        with Visitor(driver.bind()["containerPort"]) as visitor:
            visitor.ask()
            driver.expect_stream()
            daemon.process.send_signal(signal.SIGTERM)
            expect_goodbye(idle)  # so the first one was handled
            daemon.process.send_signal(signal.SIGTERM)
            # Under ThreadSanitizer a handler cannot raise: it ends as process 1 does.
            assert daemon.wait() in (-signal.SIGTERM, 128 + signal.SIGTERM), "its stream would go on for an hour"
            visitor.expect_abort_or_502()
    daemon.check_sanitizers()


def also_as_process_1():
    """Of a container, where the kernel ignores signals that nobody handles."""
    program = os.path.join(BIN, "hoody-tunneld")
    enter = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--"]
    if subprocess.run([*enter, "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        print("     also_as_process_1: no namespaces here")
        return
    port = free_port()
    with tempfile.TemporaryFile() as log:
        arguments = ["--listen", f"127.0.0.1:{port}", "--drain-timeout", "1h"]
        outside = subprocess.Popen([*enter, program, *arguments], stderr=log)
        try:
            children = f"/proc/{outside.pid}/task/{outside.pid}/children"
            daemon = wait_until(lambda: open(children, encoding="ascii").read().split(), "it is forked")
            wait_until(lambda: is_open(port), "the daemon listens")
            with RawDriver(connect(port)) as driver, RawDriver(connect(port)) as idle:
                with Visitor(driver.bind()["containerPort"]) as visitor:
                    visitor.ask()
                    driver.expect_stream()
                    os.kill(int(daemon[0]), signal.SIGTERM)
                    expect_goodbye(idle)
                    os.kill(int(daemon[0]), signal.SIGTERM)
                    assert outside.wait(timeout=PATIENCE) == 128 + signal.SIGTERM
                    visitor.expect_abort_or_502()
        finally:
            outside.kill()
            outside.wait()


def is_open(port):
    try:
        connect(port).close()
        return True
    except ConnectionRefusedError:
        return False


def the_port_is_free_afterwards():
    with Daemon() as daemon:
        port = daemon.port
        with RawDriver(daemon):
            daemon.stop()
    try:
        connect(port).close()
    except ConnectionRefusedError:
        return
    raise AssertionError("somebody still listens")


run(
    with_nothing_to_do,
    idle_drivers_are_told,
    a_driver_that_does_not_answer_the_close_holds_nothing_up,
    running_streams_end_first,
    nobody_new_comes_in_meanwhile,
    streams_that_outlast_the_drain_are_aborted,
    no_drain_at_all,
    a_second_signal_ends_it_at_once,
    also_as_process_1,
    the_port_is_free_afterwards,
)
