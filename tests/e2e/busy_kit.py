"""A kit to which everything has happened once that its metrics count."""

import contextlib

from patience import wait_until
from processes import Daemon
from raw_driver import BIND, BIND_ERR, DATA, EOF, WINDOW, RawDriver, frame, hello, reset, upgrade_request
from visitor import Visitor, fetch, simple_get

ANSWER = b"seven b"
BODY = b"hello"


def serve(driver, port, status, body=b""):
    """One request that is answered; its stream is gone when this returns."""
    with Visitor(port) as visitor:
        visitor.ask("POST" if body else "GET", body=body)
        stream, _ = driver.expect_stream()
        driver.expect(EOF, stream, skipping=(DATA,))
        driver.answer(stream, ANSWER, status, [["content-length", str(len(ANSWER))]])
        assert visitor.receive_answer()[0] == status


def refuse_one_beyond_the_cap(driver, port):
    with Visitor(port) as first:
        first.ask()
        stream, _ = driver.expect_stream(skipping=(WINDOW,))
        driver.expect(EOF, stream)
        assert simple_get(port)[0] == 503
    driver.expect_reset(stream, 7, skipping=(WINDOW,))  # the first visitor has left


def fail_one(driver, port):
    with Visitor(port) as visitor:
        visitor.ask()
        stream, _ = driver.expect_stream()
        driver.expect(EOF, stream)
        driver.send(reset(stream, 6, "no"))
        assert visitor.receive_answer()[0] == 502


def park_and_resume(daemon):
    driver = RawDriver(daemon)
    port = driver.bind()["containerPort"]
    driver.sock.close()
    wait_until(lambda: daemon.get_json("/tunnels")["orphanedSessions"] == 1, "the session is parked")
    assert simple_get(port)[0] == 503
    RawDriver(daemon, resume={"sessionId": driver.hello_ok["sessionId"]}).close()


def fail_handshakes(daemon):
    refused = RawDriver(daemon, says_hello=False)
    refused.send(hello("no-such-version"))
    refused.expect_goaway(1, 1002)
    dropped = RawDriver(daemon, says_hello=False)
    dropped.send(frame(EOF, 2))
    assert dropped.expect_closed()[1] is None
    assert fetch(daemon.port, upgrade_request(headers="Origin: null\r\n"))[0] == 403


def break_the_protocol(daemon):
    driver = RawDriver(daemon)
    driver.send(frame(0x3F))  # no frame type
    driver.expect_goaway(1, 1002)


@contextlib.contextmanager
def busy_kit():
    """Yields (daemon, driver): one session with one port is left."""
    with Daemon("--max-streams", "1") as daemon, RawDriver(daemon) as driver:
        port = driver.bind()["containerPort"]
        driver.send(frame(BIND, 0, {"clientBindRef": 2, "kind": "http", "mode": "expose", "containerPort": 7}))
        assert driver.expect_json(BIND_ERR)[1]["code"] == "RESERVED_PORT"
        serve(driver, port, 200, BODY)
        serve(driver, port, 404)
        refuse_one_beyond_the_cap(driver, port)
        fail_one(driver, port)
        assert fetch(port, b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n")[0] == 400
        park_and_resume(daemon)
        fail_handshakes(daemon)
        break_the_protocol(daemon)
        wait_until(lambda: daemon.get_json("/sessions")["total"] == 1, "the others are gone")
        wait_until(lambda: daemon.get_json("/tunnels")["totalStreams"] == 0, "no stream is left")
        yield daemon, driver
