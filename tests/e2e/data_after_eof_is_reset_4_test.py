"""DATA after EOF: RESET(4); frames of streams that are gone are ignored (protocol section 6)."""

from harness import EOF, Visitor, bound_port, data, frame, reset, response_head, run, wait_until, window

UPGRADE = "Connection: Upgrade\r\nUpgrade: raw\r\n"


def cannot_send(visitor):
    try:
        visitor.send(b"x")
    except (BrokenPipeError, ConnectionResetError):
        return True
    return False


def on_a_stream_whose_request_goes_on():
    with bound_port() as (_, driver, port), Visitor(port) as visitor:
        visitor.ask("POST", headers="Content-Length: 1000\r\n")
        stream, _ = driver.expect_stream()
        head = response_head(stream, headers=[["content-length", "4"]])
        driver.send(head, data(stream, b"done"), frame(EOF, stream), data(stream, b"more"))
        driver.expect_reset(stream, 4)
        assert visitor.receive_answer()[2] == b"done", "its answer was complete"


def on_an_upgraded_stream():
    with bound_port() as (_, driver, port), Visitor(port) as visitor:
        visitor.ask(headers=UPGRADE)
        stream, _ = driver.expect_stream()
        driver.send(response_head(stream, 101, [["connection", "upgrade"], ["upgrade", "raw"]]))
        assert visitor.receive_head()[0] == 101
        driver.send(data(stream, b"last"), frame(EOF, stream))
        assert visitor.receive(4) == b"last"
        driver.send(data(stream, b"more"))
        driver.expect_reset(stream, 4)
        wait_until(lambda: cannot_send(visitor), "the visitor's own direction is aborted, too")


def on_streams_that_are_gone_everything_is_ignored():
    with bound_port() as (_, driver, port), Visitor(port) as visitor:
        visitor.ask()
        stream, _ = driver.expect_stream()
        driver.expect(EOF, stream)
        driver.answer(stream, b"ok", headers=[["content-length", "2"]])
        assert visitor.receive_answer()[2] == b"ok"
        for gone in (stream, stream + 2, 1, 3, 2**32 - 1):
            driver.send(
                response_head(gone), data(gone, b"x"), frame(EOF, gone), window(gone, 1), reset(gone, 1), reset(gone, 1)
            )
        assert driver.ping() == []
        visitor.ask(target="/next")
        stream, opened = driver.expect_stream()
        assert opened["target"] == "/next"


run(
    on_a_stream_whose_request_goes_on,
    on_an_upgraded_stream,
    on_streams_that_are_gone_everything_is_ignored,
)
