"""Whoever goes away in the middle of an answer, the visitor sees that it is not whole: an answer that lasts until the
connection's end is ended by a reset, never by a FIN (section 6, RESET)."""

import http.client
import signal
import subprocess
import threading
import urllib.request

from harness import (
    EOF,
    PATIENCE,
    UNBIND,
    Daemon,
    Expose,
    Origin,
    RawDriver,
    Visitor,
    data,
    frame,
    receive_exactly,
    response_head,
    run,
)
from strict_answer import AnswerReader, abort

REQUESTS = {
    "end": b"GET / HTTP/1.0\r\n\r\n",
    "chunks": b"GET / HTTP/1.1\r\nHost: t\r\n\r\n",
}


def begin(port):
    """A visitor of each kind that has seen the first half of its answer."""
    visitors = []
    for request in REQUESTS.values():
        visitor = Visitor(port, request)
        visitors.append(visitor)
    return visitors


def expect_torn(visitors):
    for visitor in visitors:
        with visitor:
            outcome = AnswerReader(visitor.sock).read()
            assert outcome.status == 200 and outcome.end == "reset", outcome


def await_half(visitors):
    """The head and the bytes so far have come, and are read again by expect_torn."""
    for visitor in visitors:
        seen = b""
        while b"half" not in seen:
            seen = visitor.sock.recv(65536, 2)  # MSG_PEEK
            assert seen, "ended too early"


def tear_with_native_driver(tear, **expected):
    go_on = threading.Event()

    def service(sock, _address):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += receive_exactly(sock, 1)
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        go_on.wait(PATIENCE)

    with Origin(service) as origin:
        daemon = Daemon("--drain-timeout", "100ms").__enter__()
        driver = Expose(daemon, origin.port).__enter__()
        try:
            visitors = begin(driver.port)
            await_half(visitors)
            tear(daemon, driver)
            expect_torn(visitors)
        finally:
            go_on.set()
            for process in (driver, daemon):
                if process.process.poll() is None:
                    process.process.terminate()
                process.wait()
                process.check_sanitizers()
            driver.process.stdout.close()


def clients_that_others_wrote_say_so():
    halves = {
        "length": (b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf", False),
        "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", False),
        "end": (b"HTTP/1.1 200 OK\r\n\r\nhalf", True),
    }

    def service(sock, _address):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += receive_exactly(sock, 1)
        said, resets = halves[head.split(b" ")[1][1:].decode()]
        sock.sendall(said)
        if resets:
            abort(sock)

    with Origin(service) as origin, Daemon() as daemon, Expose(daemon, origin.port) as driver:
        for half in halves:
            url = f"http://127.0.0.1:{driver.port}/{half}"
            for version in ("--http1.0", "--http1.1"):
                command = ["curl", "-sSf", "--noproxy", "*", "--max-time", str(PATIENCE), version, url]
                done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
                # 22: a 502; 18: cut short; 56: reset; 52: reset before any byte
                assert done.returncode in (18, 22, 52, 56), (half, version, done)
            try:
                status = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=PATIENCE).read()
            except (OSError, http.client.HTTPException):
                continue
            raise AssertionError(f"{half}: Python takes it for a whole answer: {status}")


def by_the_native_drivers_end():
    tear_with_native_driver(lambda _, driver: driver.process.terminate())
    tear_with_native_driver(lambda _, driver: driver.process.kill())


def by_the_daemons_end():
    tear_with_native_driver(lambda daemon, _: daemon.process.terminate())


def by_the_daemons_death():
    """Of what is in chunks, the missing end tells."""
    for signals in ((signal.SIGKILL,), (signal.SIGTERM, signal.SIGTERM)):
        daemon = Daemon().__enter__()
        with RawDriver(daemon) as driver, Visitor(driver.bind()["containerPort"], REQUESTS["end"]) as visitor:
            stream, _ = driver.expect_stream()
            driver.send(response_head(stream), data(stream, b"half"))
            await_half([visitor])
            for sig in signals:
                daemon.process.send_signal(sig)
            expect_torn([visitor])
        daemon.wait()
        daemon.check_sanitizers()


def by_the_end_of_session_or_binding():
    def delete(daemon, driver, bound):
        session = driver.hello_ok["sessionId"]
        assert daemon.request("DELETE", f"/sessions/{session}?grace_ms=0")[0] == 202

    def unbind(daemon, driver, bound):
        driver.send(frame(UNBIND, 0, {"bindId": bound["bindId"]}))

    def take_over(daemon, driver, bound):
        others.append(RawDriver(daemon))
        others[-1].bind(bound["containerPort"], takeover=True)

    def leave(daemon, driver, bound):
        driver.close()

    def vanish(daemon, driver, bound):
        driver.sock.close()

    def err(daemon, driver, bound):
        driver.send(frame(0x3F, 0))

    others = []
    for tear in (delete, unbind, take_over, leave, vanish, err):
        with Daemon() as daemon, RawDriver(daemon) as driver:
            bound = driver.bind()
            visitors = begin(bound["containerPort"])
            for _ in visitors:
                stream, _ = driver.expect_stream(skipping=(EOF,))
                driver.send(response_head(stream), data(stream, b"half"))
            await_half(visitors)
            tear(daemon, driver, bound)
            expect_torn(visitors)
            for other in others:
                other.sock.close()


def by_the_visitors_own_half_close():
    """Which counts as leaving (section 6), and yet it may be reading."""
    with Daemon() as daemon, RawDriver(daemon) as driver:
        visitors = begin(driver.bind()["containerPort"])
        for _ in visitors:
            stream, _ = driver.expect_stream(skipping=(EOF,))
            driver.send(response_head(stream), data(stream, b"half"))
        await_half(visitors)
        for visitor in visitors:
            visitor.end()
        expect_torn(visitors)


run(
    clients_that_others_wrote_say_so,
    by_the_native_drivers_end,
    by_the_daemons_end,
    by_the_daemons_death,
    by_the_end_of_session_or_binding,
    by_the_visitors_own_half_close,
)
