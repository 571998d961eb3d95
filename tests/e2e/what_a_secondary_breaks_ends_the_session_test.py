"""A protocol error on a secondary ends the whole session: GOAWAY and close 1002 (1009) on the primary (protocol sections 2
and 4). So does a driver's GOAWAY, wherever it comes."""

from harness import (
    BIND_OK,
    DATA,
    EOF,
    GOAWAY,
    HELLO,
    HELLO_OK,
    JOIN,
    PING,
    RESET,
    STREAM_OPEN,
    WINDOW,
    Bystander,
    frame,
    hello,
    run,
    wait_until,
    window,
)
from joined import joined

PROTOCOL_ERROR, FRAME_SIZE = 1, 5
BROKEN = [
    (PROTOCOL_ERROR, 1002, lambda c: c.send(frame(0x3F))),
    (PROTOCOL_ERROR, 1002, lambda c: c.send(frame(HELLO_OK, 0, {}))),
    (PROTOCOL_ERROR, 1002, lambda c: c.send(hello("hoody-tunnel.v2"))),
    (PROTOCOL_ERROR, 1002, lambda c: c.send(frame(JOIN, 0, {"sessionId": "S-x", "index": 1, "nonce": "x"}))),
    (PROTOCOL_ERROR, 1002, lambda c: c.send(frame(BIND_OK, 0, {}))),
    (PROTOCOL_ERROR, 1002, lambda c: c.send(frame(STREAM_OPEN, 2, {}))),
    (PROTOCOL_ERROR, 1002, lambda c: c.send(frame(DATA, 0, b"x"))),
    (PROTOCOL_ERROR, 1002, lambda c: c.send(frame(PING, 2, b"12345678"))),
    (PROTOCOL_ERROR, 1002, lambda c: c.send(b"")),
    (PROTOCOL_ERROR, 1002, lambda c: c.send(frame(EOF, 2)[:-1])),
    (PROTOCOL_ERROR, 1002, lambda c: c.send(*[frame(EOF, 2)] * 65)),
    (PROTOCOL_ERROR, 1002, lambda c: c.send(window(0, 0))),
    (PROTOCOL_ERROR, 1002, lambda c: c.send_websocket(1, b"text")),
    (PROTOCOL_ERROR, 1002, lambda c: c.sock.sendall(b"\xff" * 20)),
    (FRAME_SIZE, 1002, lambda c: c.send(frame(DATA, 2, bytes(65537)))),
    (FRAME_SIZE, 1002, lambda c: c.send(frame(EOF, 2, b"x"))),
    (FRAME_SIZE, 1002, lambda c: c.send(frame(PING, 0, b"short"))),
    (FRAME_SIZE, 1002, lambda c: c.send(frame(RESET, 2, b"x"))),
    (FRAME_SIZE, 1009, lambda c: c.send(*[frame(DATA, 2, bytes(65527))] * 4 + [frame(EOF, 2)])),
]


def every_error_is_answered_on_the_primary():
    for code, close, break_it in BROKEN:
        with joined(secondaries=2) as session, Bystander(session.daemon) as bystander:
            visitor, _ = session.open_on(session.primary, session.get)
            session.settle()
            break_it(session.secondaries[0])
            session.primary.expect_goaway(code, close)
            assert visitor.receive_answer()[0] == 502
            frames, closed, _ = session.secondaries[1].expect_closed()
            assert closed == close and all(kind != GOAWAY for kind, _, _ in frames), (frames, closed)
            wait_until(lambda: len(session.daemon.get_json("/tunnels")["sessions"]) == 1, "the bystander's is left")
            assert session.daemon.get_json("/tunnels")["orphanedSessions"] == 0
            bystander.check()


def a_goaway_on_it_is_the_sessions_end():
    with joined() as session:
        visitor, _ = session.open_on(session.primary, session.get)
        session.secondaries[0].send(frame(GOAWAY, 0, b"whatever"))
        for connection in session.connections:
            frames, closed, _ = connection.expect_closed()
            assert closed == 1000 and all(kind in (EOF, WINDOW) for kind, _, _ in frames), (frames, closed)
        assert visitor.receive_answer()[0] == 502
        wait_until(lambda: session.daemon.get_json("/bindings")["total"] == 0, "its port is free")


run(every_error_is_answered_on_the_primary, a_goaway_on_it_is_the_sessions_end)
