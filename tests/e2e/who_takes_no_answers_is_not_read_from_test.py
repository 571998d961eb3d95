"""Pipelined requests wait while the answers to earlier ones are not taken, on bound ports and on the base port: what the
kit holds for somebody who reads nothing is bounded. Nothing is lost when he reads on."""

import time

from harness import API, EOF, PATIENCE, Daemon, Visitor, bound_port, run

TAKEN_MAX = 32 << 20  # bytes of requests: beyond what sockets hold
PADDING = b"X-Padding: %s\r\n" % (b"x" * 150)  # a request is about as long as its answer


def send_until_blocked(visitor, piece):
    """Bytes taken until no more are, or TAKEN_MAX."""
    taken, polls = 0, 0
    visitor.sock.setblocking(False)
    while polls < 100 and taken < TAKEN_MAX:
        try:
            taken += visitor.sock.send(piece[taken % len(piece) :])
            polls = 0
        except BlockingIOError:
            polls += 1
            time.sleep(0.01)
    visitor.sock.settimeout(PATIENCE)
    return taken


def check(port, request, status):
    with Visitor(port, receive_buffer=16384) as visitor:
        taken = send_until_blocked(visitor, request * 1000)
        assert taken < TAKEN_MAX, "the kit reads on and on"
        count = taken // len(request)
        start = visitor.receive(1000)
        answer = start[: start.index(b"HTTP/1.1 ", 1)]
        assert answer.startswith(b"HTTP/1.1 %d " % status), answer
        rest = visitor.receive(count * len(answer) - len(start))
        assert start + rest == answer * count


def on_a_bound_port():
    """Whose requests the kit answers itself, at once."""
    with bound_port("--max-streams", "1") as (_, driver, port), Visitor(port) as busy:
        busy.ask()
        driver.expect(EOF, driver.expect_stream()[0])
        check(port, b"GET / HTTP/1.1\r\nHost: test\r\n%s\r\n" % PADDING, 503)


def on_the_base_port():
    with Daemon() as daemon:
        check(daemon.port, f"GET {API}/nothing HTTP/1.1\r\nHost: localhost\r\n".encode() + PADDING + b"\r\n", 404)
        assert daemon.get("/health")[0] == 200


run(on_a_bound_port, on_the_base_port)
