"""Interim heads go to visitors of HTTP/1.1 as they come, and to none of 1.0 (protocol section 6)."""

from harness import DATA, EOF, Visitor, bound_port, parse_answer, receive_all, response_head, run


def of_1_1():
    with bound_port() as (_, driver, port), Visitor(port) as visitor:
        visitor.ask()
        stream, _ = driver.expect_stream()
        driver.send(response_head(stream, 103, [["link", "</a.css>"]], final=False))
        status, headers = visitor.receive_head()
        assert status == 103 and headers["link"] == "</a.css>", (status, headers)
        assert "content-length" not in headers and "transfer-encoding" not in headers, headers
        driver.send(response_head(stream, 102, final=False))
        assert visitor.receive_head()[0] == 102
        driver.answer(stream, b"final", headers=[["content-length", "5"]])
        status, _, body = visitor.receive_answer()
        assert (status, body) == (200, b"final")


def not_of_1_0():
    with bound_port() as (_, driver, port), Visitor(port) as visitor:
        visitor.send(b"GET / HTTP/1.0\r\nHost: test\r\n\r\n")
        stream, _ = driver.expect_stream()
        driver.send(response_head(stream, 103, final=False))
        driver.answer(stream, b"final")
        status, headers, body = parse_answer(receive_all(visitor.sock))
        assert (status, body) == (200, b"final") and "transfer-encoding" not in headers, (status, headers, body)


def continue_is_the_kits_own():
    with bound_port() as (_, driver, port), Visitor(port) as visitor:
        visitor.ask("POST", headers="Content-Length: 4\r\nExpect: 100-continue\r\n")
        stream, opened = driver.expect_stream()
        assert "expect" not in [name for name, _ in opened["headers"]], opened
        assert visitor.receive_head()[0] == 100
        visitor.send(b"body")
        assert driver.expect(DATA, stream)[2] == b"body"
        driver.expect(EOF, stream)
        driver.answer(stream, headers=[["content-length", "0"]])
        assert visitor.receive_head()[0] == 200


run(of_1_1, not_of_1_0, continue_is_the_kits_own)
