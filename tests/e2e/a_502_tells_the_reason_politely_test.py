"""A RESET's reason reaches the visitor in the body of its 502: as plain text, printable, and no longer than a line; the native
driver's names the local service (section 6; the driver)."""

import queue
import re
import struct

from harness import RESET, Daemon, Expose, Origin, Visitor, bound_port, frame, receive_exactly, run, wait_until
from strict_answer import AnswerReader, abort

FIN, RST = "FIN", "RST"


def expect_polite(outcome):
    assert outcome.is_whole and outcome.status == 502, outcome
    assert outcome.values(b"content-type") == [b"text/plain; charset=utf-8"], outcome
    assert [name for name, _ in outcome.fields if name not in (b"Content-Type", b"Content-Length", b"Connection")] == [], outcome
    assert re.fullmatch(rb"the tunnel gave no answer: [ -~]{1,250}", outcome.body), outcome.body
    return outcome.body.decode()


def of_any_driver():
    reasons = [b"", b"it is down", b"a" * 65000, b"\0" * 1000, bytes(range(256)), b"\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", b"\xff\xfe"]
    reasons += ["gr\u00fc\u00df".encode(), b"\x1b]0;evil\x07", b"<script>alert(1)</script>", b"%s%n%s", "\u202e\u2066".encode()]
    with bound_port() as (_, driver, port):
        for code in (0, 2, 7, 65535):
            for reason in reasons:
                with Visitor(port) as visitor:
                    visitor.ask()
                    stream, _ = driver.expect_stream(skipping=(0x13, 0x15))
                    driver.send(frame(RESET, stream, struct.pack(">H", code) + reason))
                    text = expect_polite(AnswerReader(visitor.sock).read())
                    if reason.isascii() and reason.decode().isprintable():
                        assert reason.decode()[:150] in text, (reason, text)


def of_the_native_driver():
    scripts = queue.Queue()

    def service(sock, _address):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += receive_exactly(sock, 1)
        said, end = scripts.get()
        sock.sendall(said)
        if end == RST:
            abort(sock)

    with Origin(service) as origin, Daemon() as daemon:
        with Expose(daemon, origin.port) as driver:
            for said, end, word in (
                (b"hello", FIN, "broken answer"),
                (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", FIN, "Content-Length"),
                (b"HTTP/1.1 101 Switch\r\n\r\n", FIN, "switched protocols"),
                (b"", FIN, "without an answer"),
                (b"", RST, "without an answer"),
                (b"HTTP/1.1 200", FIN, "without an answer"),
            ):
                scripts.put((said, end))
                with Visitor(driver.port) as visitor:
                    visitor.send(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n")
                    text = expect_polite(AnswerReader(visitor.sock).read())
                    assert word in text and f"127.0.0.1:{origin.port}" in text, (said, text)


def of_a_service_that_is_down():
    with Daemon() as daemon:
        with Origin(lambda sock, _: sock.recv(1)) as origin:
            driver = Expose(daemon, origin.port).__enter__()
        for _ in range(3):
            with Visitor(driver.port) as visitor:
                visitor.ask()
                text = expect_polite(AnswerReader(visitor.sock).read())
                assert f"127.0.0.1:{origin.port}" in text and "refused" in text, text
        wait_until(lambda: "refused the connection" in driver.stderr(), "the driver says so, too")
        assert driver.stderr().count("refused the connection") == 1, driver.stderr()
        driver.__exit__(None, None, None)


run(of_any_driver, of_the_native_driver, of_a_service_that_is_down)
