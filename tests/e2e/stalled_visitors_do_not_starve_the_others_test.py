"""Seventeen visitors that stop reading hold more than the session's window; another one still gets its answer (section 6).
Nor does one that is slow hold it. The driver is like the official one: a stream takes session credit for a frame first, then
waits for its own."""

import struct

from harness import EOF, RESET, STREAM_OPEN, WINDOW, Daemon, RawDriver, Visitor, data, response_head, run, wait_until

BLOCK = 65536
STALLED = 17


class Sender:
    """Answers every stream without end, as far as credit goes."""

    def __init__(self, driver):
        self.driver = driver
        self.session = driver.hello_ok["sessionWindow"]
        self.windows = {}  # stream: credit
        self.owns = set()  # streams that have taken session credit for their next frame
        self.resets = {}  # stream: code

    def take(self, received):
        kind, stream, payload = received
        if kind == WINDOW:
            increment = struct.unpack(">I", payload)[0]
            if stream == 0:
                self.session += increment
            elif stream in self.windows:
                self.windows[stream] += increment
        elif kind == STREAM_OPEN:
            self.windows[stream] = self.driver.hello_ok["streamWindow"]
            self.driver.send(response_head(stream))
        elif kind == RESET:
            self.resets[stream] = struct.unpack(">H", payload[:2])[0]
            del self.windows[stream]
            if stream in self.owns:
                self.owns.remove(stream)
                self.session += BLOCK
        else:
            assert kind == EOF, received

    def turn(self):
        """At most one frame for each stream. false: none could be sent."""
        sent = False
        for stream in list(self.windows):
            if stream not in self.owns and self.session >= BLOCK:
                self.session -= BLOCK
                self.owns.add(stream)
            if stream in self.owns and self.windows[stream] >= BLOCK:
                self.owns.remove(stream)
                self.windows[stream] -= BLOCK
                self.driver.send(data(stream, b"z" * BLOCK))
                sent = True
        return sent

    def open(self):
        """The stream that opens next."""
        before = set(self.windows)
        while set(self.windows) == before:
            self.take(self.driver.receive())
        return (set(self.windows) - before).pop()

    def spend_all(self):
        """Sends until round trips bring no more credit."""
        quiet = 0
        while quiet < 50:
            if self.turn():
                quiet = 0
                continue
            for received in self.driver.ping():
                self.take(received)
            quiet += 1


def stall(driver, port):
    """STALLED visitors that read nothing, with all the credit that can be had spent on them."""
    sender = Sender(driver)
    visitors = []
    for _ in range(STALLED):
        visitors.append(Visitor(port, receive_buffer=4096))
        visitors[-1].ask()
        sender.open()
    sender.spend_all()
    return visitors, sender


def an_eighteenth_gets_its_answer():
    with Daemon("--stream-window", "64KiB", "--session-window", "1MiB") as daemon, RawDriver(daemon) as driver:
        port = driver.bind()["containerPort"]
        visitors, sender = stall(driver, port)
        stuck = sum(window < BLOCK for window in sender.windows.values())
        assert sender.session < BLOCK or stuck == STALLED, "the visitors are not stalled"
        with Visitor(port) as another:
            another.ask()
            stream = sender.open()
            assert another.receive_head()[0] == 200
            blocks = 0
            while blocks < 64:  # more than the session's window
                before = sender.windows[stream]
                sender.turn()
                if sender.windows[stream] < before:
                    assert another.receive_chunk() == b"z" * BLOCK
                    blocks += 1
                else:
                    sender.take(driver.receive())
        assert not sender.resets, sender.resets
        for visitor in visitors:
            visitor.sock.close()


def the_longest_stalled_are_reset_when_the_budget_is_used_up():
    flags = ("--stream-window", "256KiB", "--session-window", "8MiB", "--buffer-budget", "256KiB")
    with Daemon(*flags) as daemon, RawDriver(daemon) as driver:
        visitors, sender = stall(driver, driver.bind()["containerPort"])
        while len(sender.resets) < STALLED - 2:  # what remains fits the budget
            sender.take(driver.receive())
        assert set(sender.resets.values()) == {8}, sender.resets
        for visitor in visitors:
            visitor.sock.close()


def a_slow_visitor_does_not_hold_the_session():
    """It reads all the time, so it never counts as stalled; what it leaves is given back all the same."""
    with Daemon("--stream-window", "1MiB", "--session-window", "1MiB") as daemon, RawDriver(daemon) as driver:
        port = driver.bind()["containerPort"]
        sender = Sender(driver)
        with Visitor(port, receive_buffer=16384) as slow, Visitor(port) as another:
            slow.ask()
            sender.open()
            assert slow.receive_head()[0] == 200

            def is_given_back():
                sender.spend_all()
                slow.receive(65536)
                return daemon.metric("hoody_tunnel_stalled_buffer_bytes") > 0

            wait_until(is_given_back, "what the slow visitor leaves is given back")
            another.ask()
            stream = sender.open()
            assert another.receive_head()[0] == 200
            while sender.windows[stream] == driver.hello_ok["streamWindow"]:
                if not sender.turn():
                    sender.take(driver.receive())
            assert another.receive_chunk() == b"z" * BLOCK
        assert not sender.resets, sender.resets


run(an_eighteenth_gets_its_answer, a_slow_visitor_does_not_hold_the_session, the_longest_stalled_are_reset_when_the_budget_is_used_up)
