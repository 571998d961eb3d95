"""Receiving: each error of a driver gets GOAWAY with its code, then close 1002, and nobody else notices (section 2)."""

import struct

from harness import (
    BIND,
    BIND_ERR,
    BIND_OK,
    BIND_REVOKED,
    DATA,
    EOF,
    GOAWAY,
    HELLO,
    HELLO_OK,
    JOIN,
    JOIN_ERR,
    JOIN_OK,
    PING,
    PONG,
    REISSUE_JOIN_TICKETS,
    RESET,
    SHARD_MAP,
    STREAM_OPEN,
    STREAM_RESPONSE_HEAD,
    UNBIND,
    UNBIND_ERR,
    UNBIND_OK,
    WINDOW,
    Bystander,
    Daemon,
    RawDriver,
    frame,
    hello,
    run,
    window,
)

PING_FRAME = frame(PING, 0, b"12345678")
GOOD_BIND = {"clientBindRef": 1, "kind": "http", "mode": "expose", "containerPort": 0}
CUT = struct.pack(">BII", PING, 0, 8) + b"1234567"
LONG = struct.pack(">BII", DATA, 2, 65537) + b"x" * 65537
REVOKED_NOT = frame(0x41, 0, b"")

PROTOCOL_ERRORS = {
    "an empty message": b"",
    "a type below the known ones": frame(0x00),
    "a type between the known ones": frame(0x0E),
    "a type that was never given": frame(0x11, 2),
    "a type after the known ones": frame(0x31),
    "a type of 3F": frame(0x3F),
    "a type of 80": frame(0x80),
    "a type of FF": frame(0xFF),
    "a header cut short": PING_FRAME[:8],
    "one byte": b"\x20",
    "a payload cut short": CUT,
    "a payload that is not there at all": struct.pack(">BII", DATA, 2, 65536),
    "trailing bytes": PING_FRAME + b"\x20",
    "more than 64 frames": PING_FRAME * 65,
    "more than 64 frames, skipped ones counted": REVOKED_NOT * 64 + PING_FRAME,
    "a second HELLO": hello(),
    "a JOIN on a live session": frame(JOIN, 0, {"sessionId": "S-x", "index": 1, "nonce": "x"}),
    "a BIND that is no JSON": frame(BIND, 0, b"{"),
    "a BIND that is no object": frame(BIND, 0, b"[1]"),
    "a BIND with a key twice": frame(
        BIND, 0, b'{"clientBindRef":1,"kind":"http","mode":"expose","containerPort":0,"kind":"http"}'
    ),
    "a BIND with rubbish behind": frame(BIND, 0, b'{"clientBindRef":1} {}'),
    "a BIND with invalid UTF-8": frame(BIND, 0, b'{"clientBindRef":1,"kind":"\xff","mode":"expose","containerPort":0}'),
    "a BIND without its ref": frame(BIND, 0, {"kind": "http", "mode": "expose", "containerPort": 0}),
    "a BIND whose ref is text": frame(BIND, 0, {**GOOD_BIND, "clientBindRef": "1"}),
    "a BIND whose ref is a fraction": frame(BIND, 0, {**GOOD_BIND, "clientBindRef": 1.5}),
    "a BIND whose ref is null": frame(BIND, 0, {**GOOD_BIND, "clientBindRef": None}),
    "an UNBIND that is no JSON": frame(UNBIND, 0, b"\x00"),
    "an empty UNBIND": frame(UNBIND),
    "a head that is no JSON": frame(STREAM_RESPONSE_HEAD, 2, b"{status:200}"),
    "a head nested too deep": frame(STREAM_RESPONSE_HEAD, 2, b"[" * 60000),
    "a session frame on a stream: PING": frame(PING, 2, b"12345678"),
    "a session frame on a stream: BIND": frame(BIND, 2, GOOD_BIND),
    "a session frame on a stream: GOAWAY": frame(GOAWAY, 4, b"{}"),
    "a stream frame on stream 0: DATA": frame(DATA, 0, b"x"),
    "a stream frame on stream 0: EOF": frame(EOF, 0),
    "a stream frame on stream 0: RESET": frame(RESET, 0, b"\0\1"),
    "a stream frame on stream 0: head": frame(STREAM_RESPONSE_HEAD, 0, {"status": 200, "headers": [], "final": True}),
    "WINDOW 0 for the session": window(0, 0),
    "WINDOW 0 for a stream": window(2, 0),
}
PROTOCOL_ERRORS.update(
    {
        f"a frame that only the kit sends: {kind:#x}": frame(kind, stream, b"{}")
        for kind, stream in (
            (HELLO_OK, 0),
            (BIND_OK, 0),
            (BIND_ERR, 0),
            (UNBIND_OK, 0),
            (UNBIND_ERR, 0),
            (JOIN_OK, 0),
            (JOIN_ERR, 0),
            (SHARD_MAP, 0),
            (STREAM_OPEN, 2),
            (BIND_REVOKED, 0),
        )
    }
)

FRAME_SIZE_ERRORS = {
    "a payload over 65,536": LONG,
    "a payload of 4 GiB in its header": struct.pack(">BII", DATA, 2, 0xFFFFFFFF) + b"x",
    "a PING of 7 bytes": frame(PING, 0, b"1234567"),
    "a PING of 9 bytes": frame(PING, 0, b"123456789"),
    "an empty PING": frame(PING),
    "a PONG of 7 bytes": frame(PONG, 0, b"1234567"),
    "a WINDOW of 3 bytes": frame(WINDOW, 0, b"\0\0\1"),
    "a WINDOW of 5 bytes": frame(WINDOW, 2, b"\0\0\0\1\0"),
    "an empty WINDOW": frame(WINDOW, 0),
    "a RESET of 1 byte": frame(RESET, 2, b"\0"),
    "an empty RESET": frame(RESET, 2),
    "an EOF with payload": frame(EOF, 2, b"x"),
}


def expect(errors, code):
    with Daemon() as daemon, Bystander(daemon) as bystander:
        for what, message in errors.items():
            with RawDriver(daemon) as driver:
                driver.bind()
                driver.send(message)
                try:
                    driver.expect_goaway(code, 1002)
                except AssertionError as error:
                    raise AssertionError(what) from error
                bystander.check()
        assert len(daemon.get_json("/sessions")["sessions"]) == 1
        assert len(daemon.get_json("/bindings")["bindings"]) == 1  # released at once, not parked


def protocol_errors_are_1():
    expect(PROTOCOL_ERRORS, 1)


def frame_size_errors_are_5():
    expect(FRAME_SIZE_ERRORS, 5)


def what_came_before_the_error_still_counts():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        driver.send(PING_FRAME, frame(0x3F), PING_FRAME)
        frames, code, _ = driver.expect_closed()
        assert [kind for kind, _, _ in frames] == [PONG, GOAWAY] and code == 1002, (frames, code)


run(protocol_errors_are_1, frame_size_errors_are_5, what_came_before_the_error_still_counts)
