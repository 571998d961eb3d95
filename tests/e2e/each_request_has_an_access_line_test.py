"""With --access-log each visitor's request has one line, served or refused, whole or not: how it ended, and why."""

import contextlib

from harness import EOF, UNBIND, Daemon, RawDriver, Visitor, data, fetch, frame, reset, response_head, run, simple_get
from logs import events_of, wait_for_event

FIELDS = ("session", "binding", "port", "peer", "method", "target", "status", "received", "sent", "first_byte_ms", "total_ms")


@contextlib.contextmanager
def tunnel(*flags):
    """A daemon with one bound port: (daemon, driver, port, binding)."""
    with Daemon("--access-log", "--log-format", "json", *flags) as daemon, RawDriver(daemon) as driver:
        bound = driver.bind()
        yield daemon, driver, bound["containerPort"], bound["bindId"]


def expect_line(tunnelled, **fields):
    """The only line so far that has those fields; all of them are the tunnel's."""
    daemon, driver, port, binding = tunnelled
    fields = {"session": driver.hello_ok["sessionId"], "binding": binding, "port": port, **fields}
    line = wait_for_event(daemon, "request", **fields)
    assert len(events_of(daemon, "request", **fields)) == 1, events_of(daemon, "request")
    assert set(line) >= set(FIELDS) - ({"target"} if line["method"] == "-" else set()), line
    assert line["total_ms"] >= line["first_byte_ms"] >= 0 and line["peer"].startswith("127.0.0.1:"), line
    assert line["level"] == "info" and line["actor"] == "ws-gateway", line
    return line


def served_ones():
    with tunnel() as tunnelled:
        _, driver, port, _ = tunnelled
        with Visitor(port) as visitor:  # one connection, one line a request
            visitor.ask("POST", "/a?secret=1", body=b"12345")
            stream, _ = driver.expect_stream()
            driver.expect(0x12, stream)
            driver.expect(EOF, stream)
            driver.answer(stream, b"four", headers=[["Content-Length", "4"]])
            assert visitor.receive_answer()[2] == b"four"
            line = expect_line(tunnelled, method="POST", status=200)
            assert (line["target"], line["received"], line["sent"]) == ("/a?secret=1", 5, 4), line
            assert line["reason"] == "complete", line
            visitor.ask("HEAD", "/b")
            stream, _ = driver.expect_stream()
            driver.expect(EOF, stream)
            driver.answer(stream, status=404, headers=[["Content-Length", "9"]])
            assert visitor.receive_head()[0] == 404
            line = expect_line(tunnelled, method="HEAD", status=404)
            assert (line["target"], line["received"], line["sent"], line["reason"]) == ("/b", 0, 0, "complete"), line


def an_upgrade():
    with tunnel() as tunnelled:
        _, driver, port, _ = tunnelled
        with Visitor(port) as visitor:
            visitor.ask(target="/socket", headers="Connection: Upgrade\r\nUpgrade: websocket\r\n")
            stream, _ = driver.expect_stream()
            driver.send(response_head(stream, 101, [["Connection", "Upgrade"], ["Upgrade", "websocket"]]))
            assert visitor.receive_head()[0] == 101
            visitor.send(b"to the service")
            driver.expect(0x12, stream)
            driver.send(data(stream, b"back"))
            assert visitor.receive(4) == b"back"
            visitor.end()
            driver.expect(EOF, stream)
            driver.send(frame(EOF, stream))
            visitor.expect_end()
        line = expect_line(tunnelled, method="GET", status=101)
        assert (line["target"], line["received"], line["sent"]) == ("/socket", len(b"to the service"), 4), line
        assert line["reason"] == "complete", line


def those_that_the_driver_or_the_visitor_ends():
    with tunnel() as tunnelled:
        _, driver, port, _ = tunnelled
        with Visitor(port) as visitor:
            visitor.ask(target="/refused")
            stream, _ = driver.expect_stream(skipping=(EOF,))
            driver.send(reset(stream, 2, "connection refused"))
            assert visitor.receive_answer()[0] == 502
        assert "connection refused" in expect_line(tunnelled, target="/refused", status=502)["reason"]
        with Visitor(port) as visitor:
            visitor.ask(target="/cut")
            stream, _ = driver.expect_stream(skipping=(EOF,))
            driver.send(response_head(stream, 200, [["Content-Length", "10"]]), data(stream, b"half!"), reset(stream, 7, "gone"))
            visitor.expect_abort()
        line = expect_line(tunnelled, target="/cut", status=200)
        assert line["sent"] == 5 and "gone" in line["reason"], line
        with Visitor(port) as visitor:
            visitor.ask(target="/left")
            stream, _ = driver.expect_stream(skipping=(EOF,))
        line = expect_line(tunnelled, target="/left", status=0)
        assert line["reason"] == "the visitor has left", line
        driver.expect_reset(stream, 7, skipping=(EOF,))
        with Visitor(port) as visitor:
            visitor.ask(target="/unbound")
            driver.expect_stream(skipping=(EOF,))
            driver.send(frame(UNBIND, 0, {"bindId": tunnelled[3]}))
            visitor.expect_abort()
        assert expect_line(tunnelled, target="/unbound", status=0)["reason"] == "the port was released"


BROKEN = [
    (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    (b"\x16\x03\x01 no HTTP at all\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nx: " + b"y" * 40000 + b"\r\n\r\n", 431),
    (b"GET /" + b"y" * 20000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 405),
]


def heads_that_are_refused():
    for request, status in BROKEN:
        with tunnel() as tunnelled:
            assert fetch(tunnelled[2], request)[0] == status, request
            line = expect_line(tunnelled, method="-", status=status)
            assert line["reason"] not in ("", "complete") and line["sent"] > 0, line


def heads_that_never_come():
    with tunnel("--head-timeout", "200ms") as tunnelled:
        assert fetch(tunnelled[2], b"GET / HT")[0] == 408
        line = expect_line(tunnelled, method="-", status=408)
        assert line["reason"] == "the request's head did not arrive in time", line
    with tunnel() as tunnelled:
        with Visitor(tunnelled[2], b"GET / HT"):
            pass
        assert expect_line(tunnelled, method="-", status=0)["reason"] == "the visitor has left"
        with Visitor(tunnelled[2]):  # who asks for nothing is no request
            pass
        tunnelled[1].ping()
        assert len(events_of(tunnelled[0], "request")) == 1, events_of(tunnelled[0], "request")


def requests_that_get_no_stream():
    with tunnel("--max-streams", "1") as tunnelled:
        with Visitor(tunnelled[2]) as visitor:
            visitor.ask(target="/first")
            tunnelled[1].expect_stream()
            assert simple_get(tunnelled[2], "/second")[0] == 503
        line = expect_line(tunnelled, target="/second", status=503)
        assert line["reason"] == "max streams exceeded" and line["sent"] == len(line["reason"]), line
    with tunnel() as tunnelled:
        tunnelled[1].sock.close()
        wait_for_event(tunnelled[0], "session-parked")
        assert simple_get(tunnelled[2], "/away")[0] == 503
        assert expect_line(tunnelled, target="/away", status=503)["reason"] == "the tunnel's driver is away"
    with tunnel("--fd-budget", "3") as tunnelled:  # the driver, its port, and one visitor
        with Visitor(tunnelled[2]) as visitor:
            visitor.ask(target="/first")
            tunnelled[1].expect_stream()
            assert fetch(tunnelled[2], b"")[0] == 503
        line = expect_line(tunnelled, method="-", status=503)
        assert line["reason"] == "no file descriptors left", line


def answers_that_never_come():
    with tunnel("--response-timeout", "200ms") as tunnelled:
        assert simple_get(tunnelled[2], "/slow")[0] == 504
        line = expect_line(tunnelled, target="/slow", status=504)
        assert line["reason"] == "the service behind the tunnel did not answer in time", line
        assert line["first_byte_ms"] >= 100, line  # timers count from the turn that set them: a little early


def connections_to_a_port_of_pull():
    with Daemon("--access-log", "--log-format", "json", "--max-streams", "1", "--fd-budget", "4") as daemon:
        with RawDriver(daemon) as driver:
            bound = driver.bind(kind="tcp", mode="pull")
            port = bound["containerPort"]
            whose = {"session": driver.hello_ok["sessionId"], "binding": bound["bindId"], "port": port}
            with Visitor(port, b"to the service") as visitor:
                visitor.end()
                stream, _ = driver.expect_stream()
                driver.expect(0x12, stream)
                driver.expect(EOF, stream)
                with Visitor(port) as second:
                    second.expect_end()
                    line = wait_for_event(daemon, "connection", **whose, reason="max streams exceeded")
                    assert (line["received"], line["sent"]) == (0, 0) and line["peer"].startswith("127.0.0.1:"), line
                driver.send(data(stream, b"back"), frame(EOF, stream))
                assert visitor.receive(4) == b"back"
                visitor.expect_end()
            line = wait_for_event(daemon, "connection", **whose, reason="complete")
            assert (line["received"], line["sent"]) == (len(b"to the service"), 4) and line["total_ms"] >= 0, line
            with Visitor(port, b"x") as visitor:
                stream, _ = driver.expect_stream()
                driver.send(reset(stream, 7))
                visitor.expect_abort()
            wait_for_event(daemon, "connection", **whose, reason="cancel")
        wait_for_event(daemon, "session-parked", session=whose["session"])
        with Visitor(port) as visitor:
            visitor.expect_end()
        wait_for_event(daemon, "connection", **whose, reason="the tunnel's driver is away")
        assert len(events_of(daemon, "connection")) == 4, events_of(daemon, "connection")


def a_long_target_is_cut_and_nothing_else():
    with tunnel() as tunnelled:
        with Visitor(tunnelled[2]) as visitor:
            visitor.ask(target="/" + "x" * 10000)
            stream, _ = tunnelled[1].expect_stream()
            tunnelled[1].expect(EOF, stream)
            tunnelled[1].answer(stream, b"")
            visitor.receive_answer()
        line = expect_line(tunnelled, status=200)
        assert line["target"] == "/" + "x" * 1023 and line["cut"] is True, line


def without_the_flag_there_is_none():
    with Daemon("--log-level", "debug", "--log-format", "json") as daemon, RawDriver(daemon) as driver:
        assert fetch(driver.bind()["containerPort"], b"no HTTP\r\n\r\n")[0] == 400
        driver.ping()
        assert events_of(daemon, "request") == []


run(
    served_ones,
    an_upgrade,
    those_that_the_driver_or_the_visitor_ends,
    heads_that_are_refused,
    heads_that_never_come,
    requests_that_get_no_stream,
    answers_that_never_come,
    connections_to_a_port_of_pull,
    a_long_target_is_cut_and_nothing_else,
    without_the_flag_there_is_none,
)
