"""An upgraded visitor that has closed its side is still sent to: the kit ends it, with RESET(10), 30 s after the last byte, not
30 s after the half-close (protocol section 6)."""

import time

from harness import EOF, Visitor, bound_port, data, frame, response_head, run

HALF_CLOSED = 30  # seconds; the protocol's, no flag


def half_closed(driver, visitor):
    visitor.ask(headers="Connection: Upgrade\r\nUpgrade: raw\r\n")
    stream, _ = driver.expect_stream()
    driver.send(response_head(stream, 101, [["connection", "Upgrade"], ["upgrade", "raw"]]))
    assert visitor.receive_head()[0] == 101
    visitor.end()
    driver.expect(EOF, stream)
    return stream


def bytes_to_the_visitor_are_traffic():
    with bound_port() as (_, driver, port), Visitor(port) as silent, Visitor(port) as visitor:
        forgotten = half_closed(driver, silent)
        stream = half_closed(driver, visitor)
        until = time.monotonic() + HALF_CLOSED + 3
        while time.monotonic() < until:
            driver.send(data(stream, b"."))
            assert visitor.receive(1) == b"."
            time.sleep(0.5)
        driver.expect_reset(forgotten, 10)
        silent.expect_end()
        assert driver.ping() == []
        driver.send(frame(EOF, stream))
        visitor.expect_end()


run(bytes_to_the_visitor_are_traffic)
