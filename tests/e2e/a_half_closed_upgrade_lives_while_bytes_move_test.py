"""An upgraded visitor that has closed its side is still sent to. Old drivers never end such a stream: the kit does, with
RESET(10), 30 s after the last byte, not 30 s after the half-close (protocol section 6), and never while bytes wait for the
visitor: that would cut them off with a clean end. Others end theirs themselves."""

import contextlib
import time

from harness import DATA, EOF, WINDOW, Daemon, RawDriver, Visitor, connect, data, frame, pattern, receive_all, response_head, run

HALF_CLOSED = 30  # seconds; the protocol's, no flag
WINDOW_BYTES = 7 << 20  # more than the kernel takes for a visitor that does not read
OLD = {"auth": {"kind": "bearer", "token": "old"}}


def half_closed(driver, visitor):
    visitor.ask(headers="Connection: Upgrade\r\nUpgrade: raw\r\n")
    stream, _ = driver.expect_stream()
    driver.send(response_head(stream, 101, [["connection", "Upgrade"], ["upgrade", "raw"]]))
    assert visitor.receive_head()[0] == 101
    visitor.end()
    driver.expect(EOF, stream)
    return stream


class Sleepers:
    """An upgraded visitor and one of a PULL port, both half-closed, who read nothing for a while."""

    def __init__(self, stack, daemon):
        self.driver = stack.enter_context(RawDriver(daemon, **OLD))
        upgraded = stack.enter_context(Visitor(self.driver.bind()["containerPort"]))
        pulling = stack.enter_context(connect(self.driver.bind(ref=2, kind="tcp", mode="pull")["containerPort"]))
        stream = self.driver.expect_stream()[0]
        pulling.shutdown(1)
        self.driver.expect(EOF, stream)
        self.streams = {stream: pulling, half_closed(self.driver, upgraded): upgraded.sock}
        self.body = pattern(WINDOW_BYTES)
        for stream in self.streams:
            for start in range(0, WINDOW_BYTES, 65536):
                self.driver.send(frame(DATA, stream, self.body[start : start + 65536]))

    def wake(self):
        kinds = {kind for kind, _, _ in self.driver.ping()}
        assert kinds <= {WINDOW}, kinds
        for stream, sock in self.streams.items():
            self.driver.send(frame(EOF, stream))
            assert receive_all(sock) == self.body


def bytes_to_the_visitor_are_traffic():
    with contextlib.ExitStack() as stack:
        daemon = stack.enter_context(Daemon("--stream-window", str(WINDOW_BYTES)))
        driver, new = stack.enter_context(RawDriver(daemon, **OLD)), stack.enter_context(RawDriver(daemon))
        port, new_port = driver.bind()["containerPort"], new.bind()["containerPort"]
        sleepers = Sleepers(stack, daemon)
        silent, visitor, patient = (stack.enter_context(Visitor(where)) for where in (port, port, new_port))
        check_half_closed(driver, silent, visitor, new, patient)
        sleepers.wake()


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
