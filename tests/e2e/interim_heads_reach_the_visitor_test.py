"""Interim heads go to visitors of HTTP/1.1 as they come, and to none of 1.0 (protocol section 6)."""

from harness import DATA, EOF, RESET, Visitor, bound_port, parse_answer, receive_all, response_head, run

INTERIM_MAX = 600  # of 60 KB each: beyond what sockets hold


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


def more_than_the_visitor_takes_end_the_stream():
    link = [["link", "x" * 60000]]
    with bound_port() as (_, driver, port), Visitor(port, receive_buffer=16384) as visitor:
        visitor.ask(headers="Connection: close\r\n")
        stream, _ = driver.expect_stream()
        driver.expect(EOF, stream)
        sent, answered = 0, []
        while not answered and sent < INTERIM_MAX:
            driver.send(response_head(stream, 103, link, final=False))
            answered = driver.ping()
            sent += 1
        assert [(kind, of, payload[:2]) for kind, of, payload in answered] == [(RESET, stream, b"\0\10")], (sent, answered)
        heads = receive_all(visitor.sock).split(b"HTTP/1.1 ")[1:]
        assert [head[:4] for head in heads] == [b"103 "] * sent + [b"502 "]


run(of_1_1, not_of_1_0, continue_is_the_kits_own, more_than_the_visitor_takes_end_the_stream)
