"""RESET before the head: 502. After it: the visitor's connection is reset, never a clean end (protocol section 6)."""

from harness import EOF, Visitor, bound_port, data, frame, reset, response_head, run


def asks(driver, visitor, **how):
    visitor.ask(**how)
    stream, _ = driver.expect_stream()
    driver.expect(EOF, stream)
    return stream


def before_the_head():
    with bound_port() as (_, driver, port), Visitor(port) as visitor:
        for code in (0, 1, 2, 6, 7, 14, 999, 65535):
            stream = asks(driver, visitor)
            driver.send(reset(stream, code, "it is down"))
            status, headers, body = visitor.receive_answer()  # and the connection is kept
            assert status == 502 and b"it is down" in body, (code, status, body)
            assert headers["content-type"].startswith("text/plain"), headers
        stream = asks(driver, visitor)
        driver.send(reset(stream, 2, "no\r\nX-Evil: 1\x1b[31m\xff"))
        _, headers, body = visitor.receive_answer()
        assert "x-evil" not in headers and b"\x1b" not in body, (headers, body)


def after_an_interim_head():
    with bound_port() as (_, driver, port), Visitor(port) as visitor:
        stream = asks(driver, visitor)
        driver.send(response_head(stream, 103, final=False), reset(stream, 2))
        assert visitor.receive_head()[0] == 103
        assert visitor.receive_answer()[0] == 502


def after_the_head():
    with bound_port() as (_, driver, port):
        for headers in ([], [["content-length", "100"]]):
            with Visitor(port) as visitor:
                stream = asks(driver, visitor)
                driver.send(response_head(stream, headers=headers), data(stream, b"part of it"))
                assert visitor.receive_head()[0] == 200
                driver.send(reset(stream, 2, "gone"))
                visitor.expect_abort()


def of_http_1_0_too():
    with bound_port() as (_, driver, port), Visitor(port) as visitor:
        visitor.send(b"GET / HTTP/1.0\r\n\r\n")
        stream, _ = driver.expect_stream()
        driver.send(response_head(stream), data(stream, b"ends with the connection"))
        assert visitor.receive_head()[0] == 200
        driver.send(reset(stream, 2, "gone"))
        visitor.expect_abort()


def a_driver_that_dies_is_the_same():
    with bound_port() as (_, driver, port), Visitor(port) as before, Visitor(port) as after:
        asks(driver, before)
        stream = asks(driver, after)
        driver.send(response_head(stream))
        assert after.receive_head()[0] == 200
        driver.sock.close()
        before.expect_abort_or_502()
        after.expect_abort()


def too_few_bytes_abort_and_too_many_are_cut():
    with bound_port() as (_, driver, port):
        with Visitor(port) as visitor:
            stream = asks(driver, visitor)
            driver.send(response_head(stream, headers=[["content-length", "10"]]), data(stream, b"short"), frame(EOF, stream))
            visitor.expect_abort()
            driver.expect_reset(stream, 1)
        with Visitor(port) as visitor:
            stream = asks(driver, visitor)
            driver.send(response_head(stream, headers=[["content-length", "4"]]), data(stream, b"more than that"))
            assert visitor.receive_answer()[2] == b"more"
            driver.expect_reset(stream, 1)
            stream = asks(driver, visitor, target="/again")
            driver.answer(stream, headers=[["content-length", "0"]])
            assert visitor.receive_answer()[0] == 200


run(
    before_the_head,
    after_an_interim_head,
    after_the_head,
    of_http_1_0_too,
    a_driver_that_dies_is_the_same,
    too_few_bytes_abort_and_too_many_are_cut,
)
