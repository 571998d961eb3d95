"""Flow control towards the driver: DATA is cut to the credit at hand, of the stream and of the session (section 6)."""

from harness import DATA, EOF, Visitor, bound_port, pattern, run, window

SMALL = ("--stream-window", "64KiB", "--session-window", "128KiB")


class Credit:
    """Receives DATA of many streams and checks each frame against what was granted."""

    def __init__(self, driver, stream_window, session_window):
        self.driver = driver
        self.stream_window = stream_window
        self.session = session_window
        self.streams = {}
        self.bodies = {}
        self.ended = set()

    def opened(self, stream):
        self.streams[stream] = self.stream_window
        self.bodies[stream] = b""

    def grant(self, stream, increment):
        if stream == 0:
            self.session += increment
        else:
            self.streams[stream] += increment
        self.driver.send(window(stream, increment))

    def take(self, received):
        kind, stream, payload = received
        if kind == EOF:
            self.ended.add(stream)
            return
        assert kind == DATA and stream not in self.ended, received
        self.streams[stream] -= len(payload)
        self.session -= len(payload)
        assert self.streams[stream] >= 0, f"beyond the window of stream {stream}"
        assert self.session >= 0, "beyond the session's window"
        self.bodies[stream] += payload

    def receive_until(self, condition):
        while not condition():
            self.take(self.driver.receive())

    def settle(self):
        """Everything that may come now: round trips until nothing more comes."""
        while frames := self.driver.ping():
            for received in frames:
                self.take(received)


def one_stream_stops_at_its_window():
    body = pattern(300000)
    with bound_port(*SMALL) as (_, driver, port), Visitor(port) as visitor:
        visitor.ask("POST", body=body)
        stream, _ = driver.expect_stream()
        credit = Credit(driver, 65536, 131072)
        credit.opened(stream)
        credit.receive_until(lambda: len(credit.bodies[stream]) == 65536)
        credit.settle()
        for increment in (1, 2, 1000, 30000):
            credit.grant(stream, increment)
            credit.receive_until(lambda: credit.streams[stream] == 0)
            credit.settle()
        credit.grant(stream, 1 << 20)
        credit.receive_until(lambda: credit.session == 0)
        credit.settle()
        credit.grant(0, 7)
        credit.receive_until(lambda: credit.session == 0)
        credit.grant(0, 1 << 20)
        credit.receive_until(lambda: stream in credit.ended)
        assert credit.bodies[stream] == body


def streams_share_the_session_in_turns():
    body = pattern(200000)
    with bound_port(*SMALL) as (_, driver, port):
        visitors = [Visitor(port) for _ in range(4)]
        credit = Credit(driver, 65536, 131072)
        for visitor in visitors:
            visitor.ask("POST", headers=f"Content-Length: {len(body)}\r\n")
            credit.opened(driver.expect_stream()[0])
        streams = list(credit.streams)
        for visitor in visitors:
            visitor.send(body)
        credit.receive_until(lambda: credit.session == 0)
        credit.settle()
        for stream in streams:
            credit.grant(stream, 1 << 20)
        while len(credit.ended) < len(streams):
            credit.grant(0, 65536)
            credit.receive_until(lambda: credit.session == 0 or len(credit.ended) == len(streams))
        assert [credit.bodies[stream] for stream in streams] == [body] * 4
        for visitor in visitors:
            visitor.sock.close()


def ends_and_empty_requests_need_no_credit():
    with bound_port(*SMALL) as (_, driver, port), Visitor(port) as first, Visitor(port) as second, Visitor(port) as third:
        credit = Credit(driver, 65536, 131072)
        for visitor in (first, second):
            visitor.ask("POST", body=b"x" * 65536)
            credit.opened(driver.expect_stream(skipping=(DATA, EOF))[0])
        third.ask()
        stream, _ = driver.expect_stream(skipping=(DATA, EOF))
        driver.expect(EOF, stream, skipping=(DATA, EOF))
        driver.answer(stream, b"no credit left", headers=[["content-length", "14"]])
        assert third.receive_answer()[2] == b"no credit left"


def a_grant_beyond_2_31_is_an_error():
    most = 2**31 - 1
    with bound_port(*SMALL) as (_, driver, port), Visitor(port) as visitor, Visitor(port) as other:
        visitor.ask()
        first, _ = driver.expect_stream()
        driver.expect(EOF, first)
        other.ask()
        second, _ = driver.expect_stream()
        driver.expect(EOF, second)
        driver.send(window(second, most - 65536))  # exactly 2^31-1 is fine
        assert driver.ping() == []
        driver.send(window(first, most))
        driver.expect_reset(first, 3)
        assert visitor.receive_answer()[0] == 502
        driver.send(window(second, 1))
        driver.expect_reset(second, 3)
        assert other.receive_answer()[0] == 502
        driver.send(window(first, most), window(998, most))  # of streams that are gone: ignored
        driver.send(window(0, most - 131072))
        assert driver.ping() == []
        driver.send(window(0, 1))
        driver.expect_goaway(3, 1002)


run(
    one_stream_stops_at_its_window,
    streams_share_the_session_in_turns,
    ends_and_empty_requests_need_no_credit,
    a_grant_beyond_2_31_is_an_error,
)
