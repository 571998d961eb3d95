"""STREAM_OPEN: its shape, its stream ids, and what goes out in the same message (protocol section 6)."""

import json

from harness import DATA, EOF, STREAM_OPEN, Visitor, bound_port, run

KEYS = {"kind", "method", "target", "headers", "isUpgrade", "bindId", "containerPort", "peerAddr"}


def message(driver):
    """The next message's frames with STREAM_OPEN decoded."""
    frames = driver.receive_message()
    kind, stream, payload = frames[0]
    assert kind == STREAM_OPEN, frames
    return stream, json.loads(payload), frames[1:]


def finish(driver, visitor, stream):
    driver.answer(stream, headers=[["content-length", "0"]])
    assert visitor.receive_head()[0] == 200


def its_shape():
    with bound_port() as (daemon, driver, port), Visitor(port) as visitor:
        visitor.send(
            b"GET /path/%20x?q=1&q=2 HTTP/1.1\r\nHOST: Example.Com\r\nX-One: a\r\nx-two:  b \r\nX-ONE: c\r\n"
            b"Connection: keep-alive, X-Hop\r\nX-Hop: gone\r\nKeep-Alive: 5\r\nTE: trailers\r\nProxy-Connection: x\r\n"
            b"Proxy-Authorization: x\r\nTrailer: x\r\nX-Utf8: \xc3\xa4\r\nX-Latin: \xe4\r\nX-Empty:\r\n\r\n"
        )
        stream, opened, rest = message(driver)
        assert set(opened) == KEYS, opened
        assert opened["kind"] == "http" and opened["method"] == "GET" and opened["isUpgrade"] is False, opened
        assert opened["target"] == "/path/%20x?q=1&q=2", opened
        assert opened["containerPort"] == port, opened
        assert opened["bindId"] == daemon.get_json("/bindings")["bindings"][0]["bindId"], opened
        assert opened["peerAddr"] == "127.0.0.1:%d" % visitor.sock.getsockname()[1], opened
        assert [pair for pair in opened["headers"] if not pair[0].startswith("x-forwarded-")] == [
            ["host", "Example.Com"],
            ["x-one", "a"],
            ["x-two", "b"],
            ["x-one", "c"],
            ["x-utf8", "ä"],
            ["x-latin", "ä"],
            ["x-empty", ""],
        ], opened
        forwarded = {name: value for name, value in opened["headers"] if name.startswith("x-forwarded-")}
        assert forwarded == {
            "x-forwarded-for": "127.0.0.1",
            "x-forwarded-host": "Example.Com",
            "x-forwarded-proto": "http",
        }, forwarded
        assert rest == [(EOF, stream, b"")], rest


def without_forwarded_headers():
    with bound_port("--no-forwarded-headers") as (_, driver, port), Visitor(port) as visitor:
        visitor.ask(headers="X-Forwarded-For: 1.2.3.4\r\n")
        _, opened, _ = message(driver)
        assert ["host", "test"] in opened["headers"]
        assert not [name for name, _ in opened["headers"] if name in ("x-forwarded-host", "x-forwarded-proto")], opened


def every_bodyless_request_ends_in_the_same_message():
    with bound_port() as (_, driver, port):
        for method in ("GET", "HEAD", "DELETE", "OPTIONS", "POST", "PUT", "PATCH", "PROPFIND", "M-SEARCH", "TRACE"):
            with Visitor(port) as visitor:
                visitor.ask(method)
                stream, opened, rest = message(driver)
                assert opened["method"] == method and rest == [(EOF, stream, b"")], (method, rest)
                finish(driver, visitor, stream)
        with Visitor(port) as visitor:
            visitor.ask("POST", headers="Content-Length: 0\r\n")
            stream, _, rest = message(driver)
            assert rest == [(EOF, stream, b"")], rest


def a_body_at_hand_goes_along():
    with bound_port() as (_, driver, port), Visitor(port) as visitor:
        visitor.ask("POST", body=b"all of it")
        stream, opened, rest = message(driver)
        assert ["content-length", "9"] in opened["headers"], opened
        assert rest == [(DATA, stream, b"all of it"), (EOF, stream, b"")], rest


def a_chunked_body_keeps_its_transfer_encoding():
    with bound_port() as (_, driver, port), Visitor(port) as visitor:
        visitor.ask("POST", headers="Transfer-Encoding: chunked\r\n")
        visitor.send(b"3\r\nabc\r\n")
        stream, opened = driver.expect_stream()
        assert ["transfer-encoding", "chunked"] in opened["headers"], opened
        assert driver.expect(DATA, stream)[2] == b"abc"
        visitor.send(b"2;x=y\r\nde\r\n")
        assert driver.expect(DATA, stream)[2] == b"de"
        visitor.send(b"0\r\nTrailing: x\r\n\r\n")
        driver.expect(EOF, stream)


def get_and_head_go_without_a_body():
    with bound_port() as (_, driver, port):
        for method in ("GET", "HEAD"):
            for body in ("Content-Length: 5\r\n\r\nabcde", "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"):
                with Visitor(port) as visitor:
                    visitor.send(f"{method} /{method} HTTP/1.1\r\nHost: test\r\n{body}".encode())
                    stream, opened, rest = message(driver)
                    names = [name for name, _ in opened["headers"]]
                    assert "content-length" not in names and "transfer-encoding" not in names, opened
                    assert rest == [(EOF, stream, b"")], rest
                    finish(driver, visitor, stream)
                    visitor.ask(target="/next")  # the body was not taken for a request
                    stream, opened, _ = message(driver)
                    assert opened["target"] == "/next", opened
                    finish(driver, visitor, stream)


def an_absolute_target_becomes_its_path():
    with bound_port() as (_, driver, port), Visitor(port) as visitor:
        visitor.send(b"GET http://other.example/a/b?c HTTP/1.1\r\nHost: test\r\n\r\n")
        _, opened, _ = message(driver)
        assert opened["target"] == "/a/b?c", opened


def ids_rise_by_two_from_two():
    with bound_port() as (_, driver, port):
        for expected in range(2, 42, 2):
            with Visitor(port) as visitor:
                visitor.ask()
                stream, _, _ = message(driver)
                assert stream == expected, (stream, expected)
                finish(driver, visitor, stream)


run(
    its_shape,
    without_forwarded_headers,
    every_bodyless_request_ends_in_the_same_message,
    a_body_at_hand_goes_along,
    a_chunked_body_keeps_its_transfer_encoding,
    get_and_head_go_without_a_body,
    an_absolute_target_becomes_its_path,
    ids_rise_by_two_from_two,
)
