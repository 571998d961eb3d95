"""Receiving: many frames in a message, messages in fragments, bytes one by one (protocol section 2, RFC 6455)."""

from harness import BIND, BIND_OK, DATA, EOF, PING, PONG, Daemon, RawDriver, Visitor, bound_port, frame, response_head, run


def sixty_four_in_one_message():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        driver.send(*[frame(PING, 0, b"%08d" % i) for i in range(64)])
        assert [driver.receive() for _ in range(64)] == [(PONG, 0, b"%08d" % i) for i in range(64)]


def fragments_of_every_length():
    message = b"".join(frame(PING, 0, b"%08d" % i) for i in range(4))
    with Daemon() as daemon, RawDriver(daemon) as driver:
        for length in (1, 2, 3, 5, 8, 9, 10, 16, 17, 18, len(message) - 1):
            pieces = [message[i : i + length] for i in range(0, len(message), length)]
            for index, piece in enumerate(pieces):
                driver.send_websocket(2 if index == 0 else 0, piece, fin=index == len(pieces) - 1)
                if index < len(pieces) - 1:
                    driver.send_websocket(10, b"unasked pong")
                    driver.send_websocket(0, b"", fin=False)
            assert [driver.receive() for _ in range(4)] == [(PONG, 0, b"%08d" % i) for i in range(4)], length


def bytes_one_by_one():
    """A bind and an answer, each byte in its own segment."""
    with bound_port() as (_, driver, port):
        driver.send_byte_by_byte(
            frame(BIND, 0, {"clientBindRef": 7, "kind": "http", "mode": "expose", "containerPort": 0})
        )
        assert driver.expect_json(BIND_OK)[1]["clientBindRef"] == 7

        with Visitor(port) as visitor:
            for byte in b"GET /slow HTTP/1.1\r\nHost: test\r\n\r\n":
                visitor.send(bytes([byte]))
            stream, opened = driver.expect_stream()
            assert opened["target"] == "/slow"
            driver.expect(EOF, stream)
            body = [frame(DATA, stream, b"abc"), frame(DATA, stream), frame(DATA, stream, b"def")]
            head = response_head(stream, headers=[["content-length", "6"]])
            driver.send_byte_by_byte(head, *body, frame(EOF, stream))
            assert visitor.receive_answer()[2] == b"abcdef"


run(sixty_four_in_one_message, fragments_of_every_length, bytes_one_by_one)
