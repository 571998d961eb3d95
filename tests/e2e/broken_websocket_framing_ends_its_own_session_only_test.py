"""Receiving: errors of the WebSocket layer, text messages and messages over the limit (protocol section 2, RFC 6455)."""

import json
import struct

from harness import GOAWAY, PING, PONG, Bystander, Daemon, RawDriver, data, frame, run, window

MASK = b"\x11\x22\x33\x44"
PING_FRAME = frame(PING, 0, b"12345678")


def masked(head, payload=b""):
    return head + MASK + bytes(byte ^ MASK[i % 4] for i, byte in enumerate(payload))


BROKEN = {
    "not masked": b"\x82\x11" + PING_FRAME,
    "reserved bit 1": masked(b"\xc2\x91", PING_FRAME),
    "reserved bit 2": masked(b"\xa2\x91", PING_FRAME),
    "reserved bit 3": masked(b"\x92\x91", PING_FRAME),
    "opcode 3": masked(b"\x83\x91", PING_FRAME),
    "opcode 7": masked(b"\x87\x91", PING_FRAME),
    "opcode 11": masked(b"\x8b\x80"),
    "a ping in fragments": masked(b"\x09\x80"),
    "a ping over 125 bytes": masked(b"\x89\xfe\x00\x7e", b"x" * 126),
    "a continuation of nothing": masked(b"\x80\x91", PING_FRAME),
    "a new message inside a message": masked(b"\x02\x84", PING_FRAME[:4]) + masked(b"\x82\x91", PING_FRAME),
    "a length in more bytes than needed": masked(b"\x82\xfe\x00\x11", PING_FRAME),
    "a length beyond 2^63": masked(b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"x"),
    "a close frame of one byte": masked(b"\x88\x81", b"\x03"),
    "a close frame with a forbidden code": masked(b"\x88\x82", struct.pack(">H", 1005)),
}


def each_is_1002():
    with Daemon() as daemon, Bystander(daemon) as bystander:
        for what, wire in BROKEN.items():
            with RawDriver(daemon) as driver:
                driver.bind()
                driver.sock.sendall(wire)
                try:
                    driver.expect_goaway(1, 1002)
                except AssertionError as error:
                    raise AssertionError(what) from error
                bystander.check()


def a_message_over_the_limit_is_1009():
    too_long = masked(b"\x82\xff" + struct.pack(">Q", 262145))
    in_pieces = masked(b"\x02\xff" + struct.pack(">Q", 262144), bytes(262144)) + masked(b"\x80\x81", b"x")
    with Daemon() as daemon, Bystander(daemon) as bystander:
        for wire in (too_long, in_pieces):
            with RawDriver(daemon) as driver:
                driver.sock.sendall(wire)
                message = driver.expect_goaway(5, 1009)
                assert message, message
                bystander.check()


def a_message_of_the_limit_is_taken():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        message = data(998, b"x" * (262144 - 4 * 9 - 13)) + window(998, 1)
        assert len(message) == 262144, len(message)
        driver.send(message)
        driver.ping()


def a_text_message_is_goaway_1_and_the_end():
    with Daemon() as daemon, Bystander(daemon) as bystander:
        for fin in (True, False):
            with RawDriver(daemon) as driver:
                driver.send_websocket(1, b"hello", fin=fin)
                frames, code, _ = driver.expect_closed()
                assert [kind for kind, _, _ in frames] == [GOAWAY], frames
                goaway = json.loads(frames[0][2])
                assert goaway["code"] == 1 and goaway["message"] == "text frames not allowed", goaway
                assert code in (None, 1002), code
                bystander.check()


def websocket_pings_are_answered_even_inside_a_message():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        driver.send_websocket(2, PING_FRAME[:5], fin=False)
        driver.send_websocket(9, b"are you there")
        assert driver.receive_websocket() == (10, b"are you there")
        driver.send_websocket(0, PING_FRAME[5:])
        assert driver.receive()[0] == PONG


run(
    each_is_1002,
    a_message_over_the_limit_is_1009,
    a_message_of_the_limit_is_taken,
    a_text_message_is_goaway_1_and_the_end,
    websocket_pings_are_answered_even_inside_a_message,
)
