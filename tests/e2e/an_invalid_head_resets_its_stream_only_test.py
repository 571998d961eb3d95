"""Heads that parse but cannot be, DATA or EOF before the head, a second final head: RESET(1), 502 or an abort (section 6)."""

from harness import DATA, EOF, STREAM_RESPONSE_HEAD, Visitor, bound_port, data, frame, response_head, run

INVALID = [
    {"status": 99, "headers": [], "final": True},
    {"status": 600, "headers": [], "final": True},
    {"status": 0, "headers": [], "final": True},
    {"status": -200, "headers": [], "final": True},
    {"status": 2**40, "headers": [], "final": True},
    {"status": "200", "headers": [], "final": True},
    {"status": 200.5, "headers": [], "final": True},
    {"headers": [], "final": True},
    {"status": 200, "headers": {}, "final": True},
    {"status": 200, "headers": ["a: b"], "final": True},
    {"status": 200, "headers": [["a"]], "final": True},
    {"status": 200, "headers": [["a", "b", "c"]], "final": True},
    {"status": 200, "headers": [["a", 1]], "final": True},
    {"status": 200, "headers": [[None, "b"]], "final": True},
    {"status": 101, "headers": [["upgrade", "x"]], "final": True},  # the request asked for none
    {"status": 200, "headers": [], "final": False},  # interim heads are 1xx
]


def asks(driver, visitor):
    visitor.ask()
    stream, _ = driver.expect_stream()
    driver.expect(EOF, stream)
    return stream


def expect_502(port, driver, *frames_of):
    with Visitor(port) as visitor:
        stream = asks(driver, visitor)
        driver.send(*[make(stream) for make in frames_of])
        reason = driver.expect_reset(stream, 1)
        assert reason, reason
        status, headers, body = visitor.receive_answer()
        while status < 200:  # an interim head that came before
            status, headers, body = visitor.receive_answer()
        assert status == 502 and headers["content-type"].startswith("text/plain") and body, (status, headers, body)
        driver.send(data(stream, b"late"), frame(EOF, stream))  # ignored: it is gone
        assert driver.ping() == []


def invalid_heads():
    with bound_port() as (_, driver, port):
        for head in INVALID:
            expect_502(port, driver, lambda stream, head=head: frame(STREAM_RESPONSE_HEAD, stream, head))


def data_before_the_head():
    with bound_port() as (_, driver, port):
        expect_502(port, driver, lambda stream: data(stream, b"early"))
        expect_502(port, driver, lambda stream: response_head(stream, 103, final=False), lambda stream: data(stream, b"x"))


def eof_before_the_head():
    with bound_port() as (_, driver, port):
        expect_502(port, driver, lambda stream: frame(EOF, stream))


def a_second_final_head():
    with bound_port() as (_, driver, port), Visitor(port) as visitor, Visitor(port) as other:
        stream = asks(driver, visitor)
        second = asks(driver, other)
        driver.send(response_head(stream), data(stream, b"part"), response_head(stream))
        driver.expect_reset(stream, 1, skipping=(DATA,))
        visitor.expect_abort()
        driver.answer(second, b"fine", headers=[["content-length", "4"]])
        assert other.receive_answer()[2] == b"fine"


def headers_that_could_split_the_answer_are_dropped():
    bad = [["x-a", "1\r\nx-evil: 1"], ["x-b\r\nx-evil", "1"], ["x c", "1"], ["", "1"], ["x-d", "a\0b"], ["x-e:", "1"]]
    with bound_port() as (_, driver, port), Visitor(port) as visitor:
        stream = asks(driver, visitor)
        driver.answer(stream, b"ok", headers=bad + [["X-Good", "ä"], ["content-length", "2"]])
        status, headers, body = visitor.receive_answer()
        assert status == 200 and body == b"ok", (status, body)
        assert set(headers) <= {"x-good", "content-length", "date", "connection"}, headers
        assert headers["x-good"] == "Ã¤", headers  # its UTF-8 bytes, read as Latin-1 here


run(
    invalid_heads,
    data_before_the_head,
    eof_before_the_head,
    a_second_final_head,
    headers_that_could_split_the_answer_are_dropped,
)
