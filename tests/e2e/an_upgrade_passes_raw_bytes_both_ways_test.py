"""Upgrades: held bytes come after the 101, half-close both ways, a refused one is closed after its answer (section 6)."""

from harness import (
    DATA,
    EOF,
    WINDOW,
    Visitor,
    bound_port,
    data,
    frame,
    parse_answer,
    pattern,
    receive_all,
    reset,
    response_head,
    run,
    wait_until,
)

UPGRADE = "Connection: Upgrade\r\nUpgrade: raw\r\n"
SWITCH = [["connection", "Upgrade"], ["upgrade", "raw"]]


def begins(driver, visitor, after=b""):
    visitor.ask(headers=UPGRADE, target="/up")
    if after:
        visitor.send(after)
    stream, opened = driver.expect_stream()
    assert opened["isUpgrade"] is True, opened
    assert ["upgrade", "raw"] in opened["headers"] and ["connection", "Upgrade"] in opened["headers"], opened
    return stream


def switches(driver, visitor, stream):
    driver.send(response_head(stream, 101, SWITCH))
    status, headers = visitor.receive_head()
    assert status == 101 and headers["upgrade"] == "raw" and headers["connection"].lower() == "upgrade", headers


def held_bytes_come_after_the_101():
    with bound_port() as (_, driver, port), Visitor(port) as visitor:
        stream = begins(driver, visitor, b"early bird")
        assert driver.ping() == [], "sent before the 101"
        switches(driver, visitor, stream)
        assert driver.expect(DATA, stream)[2] == b"early bird"
        visitor.send(b"\x00\x01GET / HTTP/1.1\r\n\r\n")
        assert driver.expect(DATA, stream)[2] == b"\x00\x01GET / HTTP/1.1\r\n\r\n"
        driver.send(data(stream, b"\xff\x00raw"))
        assert visitor.receive(5) == b"\xff\x00raw"


def many_held_bytes_come_too():
    early = pattern(300000)
    with bound_port() as (_, driver, port), Visitor(port) as visitor:
        stream = begins(driver, visitor, early)
        assert driver.ping() == [], "sent before the 101"
        switches(driver, visitor, stream)
        received = b""
        while len(received) < len(early):
            received += driver.expect(DATA, stream)[2]
        assert received == early


def the_visitor_may_end_first():
    with bound_port() as (daemon, driver, port), Visitor(port) as visitor:
        stream = begins(driver, visitor)
        switches(driver, visitor, stream)
        visitor.send(b"last words")
        visitor.end()
        assert driver.expect(DATA, stream)[2] == b"last words"
        driver.expect(EOF, stream)
        driver.send(data(stream, b"still talking"))
        assert visitor.receive(13) == b"still talking"
        driver.send(frame(EOF, stream))
        visitor.expect_end()
        assert driver.ping() == []
        assert daemon.get_json("/tunnels")["totalStreams"] == 0


def the_driver_may_end_first():
    with bound_port() as (daemon, driver, port), Visitor(port) as visitor:
        stream = begins(driver, visitor)
        switches(driver, visitor, stream)
        driver.send(data(stream, b"last words"), frame(EOF, stream))
        assert visitor.receive(10) == b"last words"
        visitor.expect_end()
        visitor.send(b"still talking")
        assert driver.expect(DATA, stream)[2] == b"still talking"
        visitor.end()
        driver.expect(EOF, stream)
        assert driver.ping() == []
        assert daemon.get_json("/tunnels")["totalStreams"] == 0


def large_streams_cross():
    up, down = pattern(700000, 1), pattern(700000, 2)
    with bound_port() as (_, driver, port), Visitor(port) as visitor:
        stream = begins(driver, visitor)
        switches(driver, visitor, stream)
        driver.send(data(stream, down[:200000]))
        visitor.send(up)
        driver.send(data(stream, down[200000:400000]))
        driver.send(data(stream, down[400000:600000]))
        driver.send(data(stream, down[600000:]))
        assert visitor.receive(len(down)) == down
        received = b""
        while len(received) < len(up):
            received += driver.expect(DATA, stream, skipping=(WINDOW,))[2]
        assert received == up


def a_reset_is_an_abort():
    with bound_port() as (_, driver, port), Visitor(port) as visitor:
        stream = begins(driver, visitor)
        switches(driver, visitor, stream)
        driver.send(frame(0x14, stream, b"\0\2gone"))
        visitor.expect_abort()


def a_refused_one_is_delivered_and_closed():
    with bound_port() as (_, driver, port):
        for body in (b"", b"no such room"):
            with Visitor(port) as visitor:
                stream = begins(driver, visitor, b"held and dropped")
                driver.send(response_head(stream, 404, [["content-length", str(len(body))], ["X-Why", "gone"]]))
                driver.expect(EOF, stream)  # the kit's: nothing of what was held
                status, headers = visitor.receive_head()
                assert status == 404 and headers["connection"].lower() == "close", (status, headers)
                assert headers["x-why"] == "gone", headers
                driver.send(*([data(stream, body)] if body else []), frame(EOF, stream))
                assert visitor.receive(len(body)) == body
                visitor.expect_end()


def a_refused_one_may_answer_without_length():
    with bound_port() as (_, driver, port), Visitor(port) as visitor:
        stream = begins(driver, visitor)
        driver.send(response_head(stream, 426, []), data(stream, b"another protocol"), frame(EOF, stream))
        status, headers, body = parse_answer(receive_all(visitor.sock))
        assert status == 426 and headers["connection"].lower() == "close", (status, headers)
        assert body == b"another protocol", (headers, body)


def an_upgrade_with_a_body_or_to_h2c_is_a_plain_request():
    with bound_port() as (_, driver, port):
        for method, headers, body in (
            ("POST", UPGRADE, b"body"),
            ("GET", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n", b""),
        ):
            with Visitor(port) as visitor:
                visitor.ask(method, headers=headers, body=body)
                stream, opened = driver.expect_stream()
                names = [name for name, _ in opened["headers"]]
                assert opened["isUpgrade"] is False and "upgrade" not in names and "connection" not in names, opened
                driver.expect(EOF, stream, skipping=(DATA,))
                driver.answer(stream, b"ok", headers=[["content-length", "2"]])
                assert visitor.receive_answer()[2] == b"ok"


def who_reads_no_more_has_still_said_everything():
    """RESET(0) behind EOF, before the visitor has read."""
    last = pattern(900_000)
    with bound_port() as (daemon, driver, port), Visitor(port) as visitor:
        stream = begins(driver, visitor)
        switches(driver, visitor, stream)
        for start in range(0, len(last), 60_000):
            driver.send(data(stream, last[start : start + 60_000]))
        driver.send(frame(EOF, stream), reset(stream, 0))
        driver.ping()  # all of it was handled
        assert receive_all(visitor.sock) == last
        wait_until(lambda: daemon.get_json("/tunnels")["totalStreams"] == 0, "the stream is over")


run(
    held_bytes_come_after_the_101,
    many_held_bytes_come_too,
    the_visitor_may_end_first,
    the_driver_may_end_first,
    large_streams_cross,
    who_reads_no_more_has_still_said_everything,
    a_reset_is_an_abort,
    a_refused_one_is_delivered_and_closed,
    a_refused_one_may_answer_without_length,
    an_upgrade_with_a_body_or_to_h2c_is_a_plain_request,
)
