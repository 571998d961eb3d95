"""An upgraded visitor that has closed its side is still sent to. Old drivers never end such a stream: the kit does, with
RESET(10), 30 s after the last byte, not 30 s after the half-close (protocol section 6). Others end theirs themselves."""

import time

from harness import EOF, Daemon, RawDriver, Visitor, data, frame, response_head, run

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
    with Daemon() as daemon, RawDriver(daemon, auth={"kind": "bearer", "token": "old"}) as driver, RawDriver(daemon) as new:
        port, new_port = driver.bind()["containerPort"], new.bind()["containerPort"]
        with Visitor(port) as silent, Visitor(port) as visitor, Visitor(new_port) as patient:
            check_half_closed(driver, silent, visitor, new, patient)


def check_half_closed(driver, silent, visitor, new, patient):
    forgotten = half_closed(driver, silent)
    stream = half_closed(driver, visitor)
    waiting = half_closed(new, patient)
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
    assert new.ping() == []
    new.send(data(waiting, b"at last"), frame(EOF, waiting))
    assert patient.receive(7) == b"at last"
    patient.expect_end()


run(bytes_to_the_visitor_are_traffic)
