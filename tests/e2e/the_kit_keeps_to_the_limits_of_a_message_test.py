"""Sending: at most 64 frames and 262,144 bytes in a message, payloads of at most 65,536 (protocol section 2). The
harness checks each message that it splits; here the kit is given every reason to exceed them."""

from harness import DATA, EOF, PING, PONG, STREAM_OPEN, Visitor, bound_port, frame, run

VISITORS = 150
BODY = b"y" * 400000


def many_small_frames_at_once():
    with bound_port() as (_, driver, port):
        visitors = [Visitor(port) for _ in range(VISITORS)]
        for visitor in visitors:
            visitor.ask()
        opened, ended = set(), set()
        while len(ended) < VISITORS:
            kind, stream, _ = driver.receive()
            (opened if kind == STREAM_OPEN else ended).add(stream)
            assert kind in (STREAM_OPEN, EOF), kind
        assert opened == ended == set(range(2, 2 * VISITORS + 2, 2))
        for visitor in visitors:
            visitor.sock.close()


def many_pongs_at_once():
    with bound_port() as (_, driver, _port):
        for _ in range(8):
            driver.send(*[frame(PING, 0, b"12345678")] * 64)
        for _ in range(8 * 64):
            driver.expect(PONG)


def large_bodies_at_once():
    with bound_port() as (_, driver, port):
        visitors = [Visitor(port) for _ in range(8)]
        for visitor in visitors:
            visitor.ask("POST", body=BODY)
        bodies, ended = {}, 0
        while ended < len(visitors):
            kind, stream, payload = driver.receive()
            if kind == DATA:
                bodies[stream] = bodies.get(stream, b"") + payload
            ended += kind == EOF
        assert all(body == BODY for body in bodies.values()) and len(bodies) == len(visitors)
        for visitor in visitors:
            visitor.sock.close()


run(many_small_frames_at_once, many_pongs_at_once, large_bodies_at_once)
