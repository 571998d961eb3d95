"""Five hundred connections that send a byte of their head each second (protocol section 6, slow heads): they keep nobody from being
served, cost next to no CPU and memory, get 408 when the time of a head is over, and give their permits back."""

import selectors
import time

from harness import PATIENCE, SANITIZED, bound_port, connect, parse_answer, run, wait_until

COUNT = 500
HEAD_SECONDS = 8
HEAD = b"GET /slow HTTP/1.1\r\nHost: test\r\nX-Slow: " + b"x" * 1000
CPU_SHARE_MAX = 0.2  # of one core, sanitizers aside; far above what it takes, far below what a busy loop would
BYTES_EACH_MAX = 65536  # of resident memory
PERMITS = "hoody_tunnel_fd_permits_available"


class SlowVisitors:
    """Each sends the next byte of its head when told, and keeps what it gets."""

    def __init__(self, port):
        self.selector = selectors.DefaultSelector()
        self.open, self.answers, self.sent = set(), [], 0
        for _ in range(COUNT):
            sock = connect(port)
            self.open.add(sock)
            self.selector.register(sock, selectors.EVENT_READ, bytearray())

    def send_a_byte(self):
        for sock in list(self.open):
            try:
                sock.sendall(HEAD[self.sent : self.sent + 1])
            except (BrokenPipeError, ConnectionResetError):
                pass  # it was answered and closed in the meantime: what it got is read below
        self.sent += 1

    def receive_for(self, seconds):
        until = time.monotonic() + seconds
        while self.open and (left := until - time.monotonic()) > 0:
            for key, _ in self.selector.select(left):
                self.receive(key.fileobj, key.data)

    def receive(self, sock, received):
        part = sock.recv(65536)
        received += part
        if not part:
            self.selector.unregister(sock)
            self.open.remove(sock)
            sock.close()
            self.answers.append(bytes(received))


def answers_everybody_else(driver, port):
    """A whole exchange of another visitor, while the slow ones are there."""
    with connect(port) as other:
        other.sendall(b"GET /quick HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        stream, opened = driver.expect_stream(skipping=(0x13, 0x15))
        assert opened["target"] == "/quick", opened  # none of the slow ones' became a stream
        driver.answer(stream, b"quick", headers=[["content-length", "5"]])
        received = b""
        while part := other.recv(65536):
            received += part
        assert parse_answer(received)[2] == b"quick", received


def they_get_408_and_nobody_waits_for_them():
    with bound_port("--head-timeout", f"{HEAD_SECONDS}s", "--fd-budget", "1000") as (daemon, driver, port):
        answers_everybody_else(driver, port)
        before = wait_until(lambda: daemon.metric(PERMITS), "the permits are known")
        memory, cpu, began = daemon.rss(), daemon.cpu_seconds(), time.monotonic()
        slow = SlowVisitors(port)
        wait_until(lambda: daemon.metric(PERMITS) == before - COUNT, "each holds a permit, and one only")
        while slow.open:
            assert time.monotonic() - began < HEAD_SECONDS + PATIENCE, f"{len(slow.open)} are still there"
            slow.send_a_byte()
            slow.receive_for(1)
            answers_everybody_else(driver, port)
            peak = daemon.rss() - memory
        report(daemon.cpu_seconds() - cpu, time.monotonic() - began, peak)
        assert len(slow.answers) == COUNT
        for answer in slow.answers:
            assert parse_answer(answer)[0] == 408, answer
        assert slow.sent < len(HEAD)
        wait_until(lambda: daemon.metric(PERMITS) == before, "all permits are back")


def report(cpu, elapsed, memory):
    print(f"{COUNT} slow visitors: {cpu:.2f} s of CPU in {elapsed:.1f} s, {memory / COUNT / 1024:.1f} KiB resident each")
    if not SANITIZED:
        assert cpu < elapsed * CPU_SHARE_MAX, f"{cpu:.2f} s of CPU in {elapsed:.1f} s"
        assert memory < COUNT * BYTES_EACH_MAX, f"{memory} bytes"


run(they_get_408_and_nobody_waits_for_them)
