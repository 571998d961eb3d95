"""A request's body may take any time as long as it moves; who makes no progress is given up: the visitor with 408, a service that takes
nothing with 504 (protocol sections 6 and 9)."""

import contextlib
import time

from harness import DATA, EOF, RESET, Visitor, bound_port, data, frame, receive_all, response_head, run, window

WINDOW_BYTES = 65536
CHUNKED = "Transfer-Encoding: chunked\r\n"


def opens(driver, visitor, headers, begin=b""):
    visitor.ask("POST", headers=headers)
    visitor.send(begin)
    return driver.expect_stream()[0]


def a_body_that_stops_is_408():
    with bound_port("--body-timeout", "500ms") as (_, driver, port), contextlib.ExitStack() as visitors:
        stopped = {}
        for headers, begin in (
            ("Content-Length: 9\r\n", b""),
            ("Content-Length: 9\r\n", b"part"),
            (CHUNKED, b"4"),
            (CHUNKED, b"4\r\npa"),
            (CHUNKED, b"4\r\npart\r\n"),
            (CHUNKED, b"4\r\npart\r\n0\r\nX: y\r\n"),
        ):
            visitor = visitors.enter_context(Visitor(port))
            visitor.ask("POST", headers=headers)
            visitor.send(begin)
            stopped[driver.expect_stream(skipping=(DATA, RESET))[0]] = visitor
        for visitor in stopped.values():
            status, answered, _ = visitor.receive_answer()
            assert (status, answered["connection"]) == (408, "close"), (status, answered)
            visitor.expect_end()


def a_stopped_body_resets_its_stream():
    with bound_port("--body-timeout", "500ms") as (_, driver, port), Visitor(port) as visitor:
        driver.expect_reset(opens(driver, visitor, "Content-Length: 9\r\n", b"part"), 7, skipping=(DATA,))


def framing_alone_is_no_progress():
    with bound_port("--body-timeout", "2s") as (_, driver, port), Visitor(port) as visitor:
        stream = opens(driver, visitor, CHUNKED, b"1\r\nx\r\n0\r\nX-Trailer: ")
        visitor.sock.settimeout(0.2)
        begun = b""
        while not begun:
            visitor.send(b"x")
            with contextlib.suppress(TimeoutError):
                begun = visitor.receive(1)
        assert (begun + receive_all(visitor.sock)).startswith(b"HTTP/1.1 408 ")
        driver.expect_reset(stream, 7, skipping=(DATA,))


def behind_the_answers_head_it_is_an_abort():
    with bound_port("--body-timeout", "500ms") as (_, driver, port), Visitor(port) as visitor:
        stream = opens(driver, visitor, "Content-Length: 9\r\n", b"part")
        driver.send(response_head(stream, 200, [["content-length", "9"]]), data(stream, b"half"))
        assert visitor.receive_head()[0] == 200
        driver.expect_reset(stream, 7, skipping=(DATA,))
        visitor.expect_abort()


def an_answered_upload_that_stops_is_closed():
    with bound_port("--body-timeout", "500ms") as (_, driver, port), Visitor(port) as visitor:
        stream = opens(driver, visitor, "Content-Length: 9\r\n", b"part")
        driver.answer(stream, b"enough", headers=[["content-length", "6"]])
        assert visitor.receive_answer()[2] == b"enough"
        visitor.expect_end()


def fills(driver, visitor, stream):
    """Until the kit reads no more from the visitor, whose body has more to come."""
    visitor.send(b"x" * 200000)
    received = 0
    while received < WINDOW_BYTES:
        received += len(driver.expect(DATA, stream)[2])


def a_service_that_takes_nothing_is_not_the_visitors_fault():
    flags = ("--body-timeout", "500ms", "--stream-window", "64KiB")
    with bound_port(*flags) as (_, driver, port), Visitor(port) as visitor:
        stream = opens(driver, visitor, "Content-Length: 200000\r\n")
        fills(driver, visitor, stream)
        for _ in range(3):  # the same time, three times over, for somebody else
            with Visitor(port) as other:
                stopped = opens(driver, other, "Content-Length: 9\r\n")
                driver.expect_reset(stopped, 7)
                assert other.receive_answer()[0] == 408
        driver.send(window(stream, 200000))
        driver.expect(EOF, stream, skipping=(DATA,))
        driver.answer(stream, headers=[["content-length", "0"]])
        assert visitor.receive_answer()[0] == 200


def a_service_that_takes_nothing_and_says_nothing_is_504():
    flags = ("--response-timeout", "1s", "--stream-window", "64KiB")
    with bound_port(*flags) as (_, driver, port), Visitor(port) as visitor:
        stream = opens(driver, visitor, "Content-Length: 1000000\r\n")
        fills(driver, visitor, stream)
        driver.expect_reset(stream, 7)
        status, headers, _ = visitor.receive_answer()
        assert (status, headers["connection"]) == (504, "close"), (status, headers)
        visitor.expect_end()


def what_moves_may_take_longer_than_its_timeout():
    """A visitor that sends a byte now and then, and a service that takes a little now and then."""
    flags = ("--body-timeout", "3s", "--response-timeout", "3s", "--stream-window", "64KiB")
    with bound_port(*flags) as (_, driver, port), Visitor(port) as slow, Visitor(port) as full:
        filled = opens(driver, full, "Content-Length: 200000\r\n")
        fills(driver, full, filled)
        dripping = opens(driver, slow, "Content-Length: 10\r\n")
        for byte in range(9):
            time.sleep(0.5)
            slow.send(b"%d" % byte)
            driver.send(window(filled, 1000))
            moved = {stream: body for _, stream, body in (driver.expect(DATA), driver.expect(DATA))}
            assert moved[dripping] == b"%d" % byte and len(moved[filled]) == 1000, moved
        slow.send(b"9")
        driver.expect(EOF, dripping, skipping=(DATA,))
        driver.send(window(filled, 200000))
        driver.expect(EOF, filled, skipping=(DATA,))
        for visitor, stream in ((slow, dripping), (full, filled)):
            driver.answer(stream, headers=[["content-length", "0"]])
            assert visitor.receive_answer()[0] == 200


def an_idle_connection_is_closed_and_no_more():
    with bound_port("--keepalive-timeout", "500ms", "--head-timeout", "60s") as (_, driver, port), Visitor(port) as visitor:
        for _ in range(2):
            visitor.ask()
            stream, _ = driver.expect_stream()
            driver.expect(EOF, stream)
            driver.answer(stream, headers=[["content-length", "0"]])
            assert visitor.receive_answer()[0] == 200
        visitor.expect_end()


def a_broken_body_is_400_or_an_abort():
    with bound_port() as (_, driver, port):
        for answered in (False, True):
            with Visitor(port) as visitor:
                stream = opens(driver, visitor, CHUNKED, b"4\r\npart\r\n")
                assert driver.expect(DATA, stream)[2] == b"part"
                if answered:
                    driver.send(response_head(stream, 200, [["content-length", "9"]]))
                    assert visitor.receive_head()[0] == 200
                visitor.send(b"0x4\r\nmore\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: t\r\n\r\n")
                driver.expect_reset(stream, 7)
                if answered:
                    visitor.expect_abort()
                else:
                    assert visitor.receive_answer()[0] == 400
                    visitor.expect_end()
        assert driver.ping() == []  # nothing of what came behind


def who_waits_for_continue_is_closed_when_refused():
    """It may send its body now, or its next request."""
    with bound_port("--max-streams", "1") as (_, driver, port), Visitor(port) as busy, Visitor(port) as visitor:
        busy.ask()
        stream, _ = driver.expect_stream()
        driver.expect(EOF, stream)
        visitor.ask("POST", headers="Content-Length: 4\r\nExpect: 100-continue\r\n")
        status, headers, body = visitor.receive_answer()
        assert (status, body, headers["connection"]) == (503, b"max streams exceeded", "close"), (status, headers)
        visitor.expect_end()
        with Visitor(port) as other:  # who doesn't wait goes on
            other.ask("POST", body=b"body")
            status, headers, _ = other.receive_answer()
            assert status == 503 and headers.get("connection") != "close", (status, headers)


run(
    a_body_that_stops_is_408,
    a_stopped_body_resets_its_stream,
    framing_alone_is_no_progress,
    behind_the_answers_head_it_is_an_abort,
    an_answered_upload_that_stops_is_closed,
    a_service_that_takes_nothing_is_not_the_visitors_fault,
    a_service_that_takes_nothing_and_says_nothing_is_504,
    what_moves_may_take_longer_than_its_timeout,
    an_idle_connection_is_closed_and_no_more,
    a_broken_body_is_400_or_an_abort,
    who_waits_for_continue_is_closed_when_refused,
)
