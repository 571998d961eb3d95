"""Flow control from the driver: WINDOW returns what visitors have taken, a stream's before half of its window is used
up, the session's whenever 1/16 of it waits (protocol section 6)."""

import struct

from harness import EOF, RESET, WINDOW, Visitor, bound_port, data, frame, pattern, response_head, run

KIB = 1024
STREAM, SESSION = 256 * KIB, 1024 * KIB
FLAGS = ("--stream-window", "256KiB", "--session-window", "1MiB")


class Sender:
    """A driver that sends DATA only with credit."""

    def __init__(self, driver, session=SESSION):
        self.driver = driver
        self.credit = {0: session}
        self.granted = {0: 0}

    def open(self, stream, window=STREAM):
        self.credit[stream] = window
        self.granted[stream] = 0

    def may(self, stream, length):
        return min(self.credit[stream], self.credit[0]) >= length

    def send(self, stream, body):
        self.credit[stream] -= len(body)
        self.credit[0] -= len(body)
        self.driver.send(data(stream, body))

    def take(self, received):
        kind, stream, payload = received
        assert kind == WINDOW, received
        increment = struct.unpack(">I", payload)[0]
        assert increment > 0
        self.credit[stream] += increment
        self.granted[stream] += increment

    def receive_grant(self):
        self.take(self.driver.receive())

    def poll(self):
        for received in self.driver.ping():
            self.take(received)


def asks(driver, visitor):
    visitor.ask()
    stream, _ = driver.expect_stream(skipping=(WINDOW,))
    driver.expect(EOF, stream, skipping=(WINDOW,))
    return stream


def what_is_read_comes_back_in_time():
    block = pattern(16 * KIB)
    with bound_port(*FLAGS) as (_, driver, port), Visitor(port) as visitor:
        stream = asks(driver, visitor)
        sender = Sender(driver)
        sender.open(stream)
        driver.send(response_head(stream, headers=[["content-length", str(4096 * KIB)]]))
        visitor.receive_head()
        for index in range(256):
            sender.send(stream, block)  # the credit must suffice without asking: see below
            assert visitor.receive(len(block)) == block
            sent = (index + 1) * len(block)
            # Read by the visitor, so consumed: all but less than half of a stream's, 1/16 of a session's window is back.
            while sender.granted[stream] <= sent - STREAM // 2 or sender.granted[0] <= sent - SESSION // 16:
                sender.receive_grant()
            assert sender.granted[stream] <= sent and sender.granted[0] <= sent, "more than was consumed"


def who_waits_for_a_whole_frames_credit_gets_it():
    """As drivers do, with the smallest windows that can be asked for."""
    for flags, window, session in (
        (("--stream-window", "64KiB"), 64 * KIB, 16384 * KIB),
        (("--session-window", "64KiB"), 1024 * KIB, 64 * KIB),
    ):
        with bound_port(*flags) as (_, driver, port), Visitor(port) as visitor:
            stream = asks(driver, visitor)
            sender = Sender(driver, session)
            sender.open(stream, window)
            driver.send(response_head(stream, headers=[["content-length", str(1000 + 8 * 64 * KIB)]]))
            visitor.receive_head()
            for block in (b"x" * 1000, *[b"y" * 64 * KIB] * 8):
                while not sender.may(stream, len(block)):
                    sender.receive_grant()
                sender.send(stream, block)
                assert visitor.receive(len(block)) == block


def what_is_not_read_does_not_come_back():
    total = 64 << 20
    with bound_port(*FLAGS) as (_, driver, port), Visitor(port, receive_buffer=16 * KIB) as visitor:
        stream = asks(driver, visitor)
        sender = Sender(driver)
        sender.open(stream)
        driver.send(response_head(stream, headers=[["content-length", str(total)]]))
        visitor.receive_head()
        body = pattern(total)
        sent, without_grants = 0, 0
        while without_grants < 200:  # round trips in which nothing came back
            if sender.may(stream, 64 * KIB) and sent < total:
                sender.send(stream, body[sent : sent + 64 * KIB])
                sent += 64 * KIB
                without_grants = 0
            else:
                before = sender.granted[stream]
                sender.poll()
                without_grants = without_grants + 1 if before == sender.granted[stream] else 0
        assert sent < total, "64 MiB went to a visitor who reads nothing"
        received = 0
        while received < total:
            while sender.may(stream, 64 * KIB) and sent < total:
                sender.send(stream, body[sent : sent + 64 * KIB])
                sent += 64 * KIB
            part = visitor.receive(min(64 * KIB, sent - received))
            assert part == body[received : received + len(part)], f"wrong bytes near {received}"
            received += len(part)
            if received == sent < total:
                while not sender.may(stream, 64 * KIB):
                    sender.receive_grant()
            else:
                sender.poll()


def beyond_the_stream_window_is_reset_3():
    with bound_port("--stream-window", "64KiB", "--session-window", "1MiB") as (_, driver, port):
        with Visitor(port) as visitor, Visitor(port) as other:
            stream, second = asks(driver, visitor), asks(driver, other)
            driver.send(response_head(stream), data(stream, b"x" * 65536), data(stream, b"x"))
            driver.expect_reset(stream, 3, skipping=(WINDOW,))
            visitor.expect_abort()
            driver.answer(second, b"x" * 65536, headers=[["content-length", "65536"]])
            assert other.receive_answer()[2] == b"x" * 65536


def beyond_the_session_window_is_goaway_3():
    with bound_port("--stream-window", "64KiB", "--session-window", "64KiB") as (_, driver, port):
        with Visitor(port) as visitor, Visitor(port) as other:
            stream, second = asks(driver, visitor), asks(driver, other)
            driver.send(
                response_head(stream), response_head(second), data(stream, b"x" * 65536), data(second, b"x")
            )
            driver.expect_goaway(3, 1002)
            visitor.expect_abort()
            other.expect_abort()


def data_of_unknown_streams_gives_credit_back():
    with bound_port(*FLAGS) as (_, driver, _port):
        sender = Sender(driver)
        for index in range(64):  # four times the session's window
            for stream in (998, 2):
                sender.open(stream)
                sender.send(stream, b"x" * (32 * KIB))
            while sender.granted[0] <= (index + 1) * 64 * KIB - SESSION // 16:
                sender.receive_grant()
        assert set(sender.granted) == {0, 998, 2} and sender.granted[998] == sender.granted[2] == 0


def data_of_reset_streams_gives_credit_back():
    with bound_port(*FLAGS) as (_, driver, port):
        sender = Sender(driver)
        sent = 0
        for _ in range(32):
            with Visitor(port) as visitor:
                visitor.ask()
                received = driver.receive()
                while received[0] == WINDOW:
                    sender.take(received)
                    received = driver.receive()
                stream = received[1]
                driver.expect(EOF, stream)
                sender.open(stream)
                driver.send(response_head(stream))
                sender.send(stream, b"x" * (64 * KIB))
                sent += 64 * KIB
            received = driver.receive()
            while received[0] != RESET:
                sender.take(received)
                received = driver.receive()
            while sender.granted[0] <= sent - SESSION // 16:
                sender.receive_grant()
            assert sender.granted[0] <= sent


def empty_data_costs_nothing():
    with bound_port(*FLAGS) as (_, driver, port), Visitor(port) as visitor:
        stream = asks(driver, visitor)
        driver.send(response_head(stream), *[frame(0x12, stream)] * 60)
        for _ in range(100):
            driver.send(*[frame(0x12, stream)] * 64)
        driver.send(data(stream, b"x" * STREAM)[: 9 + 65536], frame(EOF, stream))
        assert visitor.receive_answer()[2] == b"x" * 65536


run(
    what_is_read_comes_back_in_time,
    who_waits_for_a_whole_frames_credit_gets_it,
    what_is_not_read_does_not_come_back,
    beyond_the_stream_window_is_reset_3,
    beyond_the_session_window_is_goaway_3,
    data_of_unknown_streams_gives_credit_back,
    data_of_reset_streams_gives_credit_back,
    empty_data_costs_nothing,
)
