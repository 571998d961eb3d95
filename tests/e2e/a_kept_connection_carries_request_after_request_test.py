"""Keep-alive and pipelining: answers in the order of the requests, each framed for its own version (section 6)."""

from harness import DATA, EOF, Visitor, bound_port, data, frame, parse_answer, receive_all, response_head, run


def serve(driver, body, headers=None):
    stream, opened = driver.expect_stream()
    driver.expect(EOF, stream, skipping=(DATA,))
    driver.answer(stream, body, headers=headers)
    return opened["target"]


def one_after_the_other():
    with bound_port() as (_, driver, port), Visitor(port) as visitor:
        for number in range(50):
            visitor.ask("POST" if number % 2 else "GET", f"/{number}", body=b"x" * (number % 2 * number))
            body = b"%d" % number
            length = [["Content-Length", str(len(body))]] if number % 3 else None
            assert serve(driver, body, length) == f"/{number}"
            status, headers, received = visitor.receive_answer()
            assert (status, received) == (200, body), (status, received)
            assert ("transfer-encoding" in headers) == (length is None), headers


def pipelined_ones_are_answered_in_order():
    with bound_port() as (_, driver, port), Visitor(port) as visitor:
        visitor.send(b"".join(b"POST /%d HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc" % i for i in range(20)))
        for number in range(20):
            assert serve(driver, b"%d" % number, [["content-length", str(len(str(number)))]]) == f"/{number}"
        for number in range(20):
            assert visitor.receive_answer()[2] == b"%d" % number


def a_pipelined_one_does_not_wait_for_more_input():
    with bound_port() as (_, driver, port), Visitor(port) as visitor:
        for method, status, fields, body in (
            ("GET", 200, [["content-length", "5"]], b"hello"),
            ("GET", 200, [["content-length", "0"]], b""),
            ("GET", 204, [], b""),
            ("HEAD", 200, [["content-length", "5"]], b""),
        ):
            visitor.send(f"{method} /first HTTP/1.1\r\nHost: t\r\n\r\nGET /next HTTP/1.1\r\nHost: t\r\n\r\n".encode())
            stream, _ = driver.expect_stream()
            driver.expect(EOF, stream)
            driver.send(response_head(stream, status, fields), data(stream, body))
            assert visitor.receive_head()[0] == status
            assert visitor.receive(len(body)) == body
            driver.send(frame(EOF, stream))  # the visitor has its answer already, and sends nothing more
            assert serve_next(driver) == "/next"
            assert visitor.receive_answer()[2] == b"next", (method, status)


def an_answer_before_the_bodys_end_is_delivered_and_the_rest_drained():
    with bound_port() as (_, driver, port), Visitor(port) as visitor:
        visitor.ask("POST", headers="Content-Length: 300000\r\n")
        stream, _ = driver.expect_stream()
        visitor.send(b"x" * 1000)
        driver.answer(stream, b"enough", headers=[["content-length", "6"]])
        status, headers, body = visitor.receive_answer()
        assert (status, body) == (200, b"enough"), (status, body)
        if headers.get("connection", "").lower() == "close":
            return
        visitor.send(b"x" * 299000)
        visitor.ask(target="/next")
        stream, opened = driver.expect_stream(skipping=(DATA, EOF, 0x14))
        assert opened["target"] == "/next", opened


def close_is_honoured():
    with bound_port() as (_, driver, port):
        for request in (b"GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"):
            with Visitor(port, request) as visitor:
                serve(driver, b"bye")
                assert parse_answer(receive_all(visitor.sock))[2] == b"bye"


def head_204_and_304_have_no_body():
    with bound_port() as (_, driver, port), Visitor(port) as visitor:
        for method, status, fields in (
            ("HEAD", 200, [["content-length", "5"]]),
            ("HEAD", 200, []),
            ("GET", 204, []),
            ("GET", 204, [["content-length", "5"]]),
            ("GET", 304, [["content-length", "5"]]),
        ):
            visitor.ask(method)
            stream, _ = driver.expect_stream()
            driver.expect(EOF, stream)
            driver.send(response_head(stream, status, fields), data(stream, b"hello"), frame(EOF, stream))
            received, headers = visitor.receive_head()
            assert received == status and "transfer-encoding" not in headers, (received, headers)
            assert status != 204 or "content-length" not in headers, headers
            visitor.ask(target="/next")
            assert serve_next(driver) == "/next"
            assert visitor.receive_answer()[2] == b"next", (method, status)


def serve_next(driver):
    stream, opened = driver.expect_stream(skipping=(0x14,))
    driver.expect(EOF, stream)
    driver.answer(stream, b"next", headers=[["content-length", "4"]])
    return opened["target"]


def events_arrive_byte_by_byte():
    with bound_port() as (_, driver, port), Visitor(port) as visitor:
        visitor.ask(target="/events")
        stream, _ = driver.expect_stream()
        driver.expect(EOF, stream)
        driver.send(response_head(stream, headers=[["content-type", "text/event-stream"]]))
        assert visitor.receive_head()[1]["transfer-encoding"] == "chunked"
        for byte in b"data: hello\n\n" * 10:
            driver.send(data(stream, bytes([byte])))
            assert visitor.receive_chunk() == bytes([byte])
        driver.send(frame(EOF, stream))
        assert visitor.receive_chunk() == b""


run(
    one_after_the_other,
    pipelined_ones_are_answered_in_order,
    a_pipelined_one_does_not_wait_for_more_input,
    an_answer_before_the_bodys_end_is_delivered_and_the_rest_drained,
    close_is_honoured,
    head_204_and_304_have_no_body,
    events_arrive_byte_by_byte,
)
