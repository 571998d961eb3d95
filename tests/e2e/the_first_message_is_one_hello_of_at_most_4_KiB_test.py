"""Handshake: the first message is exactly one HELLO of at most 4 KiB, in time; else the socket closes with no code
(protocol section 3)."""

import json
import struct

from harness import BIND, HELLO, HELLO_OK, JOIN, PING, Bystander, Daemon, RawDriver, data, frame, hello, run


def hello_of(length, version="hoody-tunnel.v1"):
    """A HELLO frame of exactly that many bytes, header included."""
    payload = json.dumps({"version": version, "capabilities": [], "padding": ""}).encode()
    filled = payload[:-2] + b"x" * (length - 9 - len(payload)) + payload[-2:]
    return frame(HELLO, 0, filled)


def dropped(daemon, *messages, subprotocol="hoody-tunnel.v1", opcode=2):
    with RawDriver(daemon, subprotocol, says_hello=False) as driver:
        for message in messages:
            driver.send_websocket(opcode, message)
        frames, code, _ = driver.expect_closed()
        assert frames == [] and code is None, (messages, frames, code)


def four_KiB_are_enough_and_one_byte_more_is_too_much():
    with Daemon() as daemon:
        with RawDriver(daemon, says_hello=False) as driver:
            driver.send(hello_of(4096))
            driver.expect(HELLO_OK)
        dropped(daemon, hello_of(9 + 4097))


def a_hello_is_alone():
    bind = frame(BIND, 0, {"clientBindRef": 1, "kind": "http", "mode": "expose", "containerPort": 0})
    with Daemon() as daemon, Bystander(daemon) as bystander:
        dropped(daemon, hello() + bind)
        dropped(daemon, hello() + hello())
        dropped(daemon, hello() + frame(PING, 0, b"12345678"))
        bystander.check()


def anything_else_is_dropped():
    with Daemon() as daemon:
        dropped(daemon, b"")
        dropped(daemon, b"\x01")
        dropped(daemon, b"\x01\x00\x00\x00\x00\x00\x00\x00\x09{")
        dropped(daemon, frame(PING, 0, b"12345678"))
        dropped(daemon, frame(0x55, 0, b"unknown"))
        dropped(daemon, frame(BIND, 0, {"clientBindRef": 1, "kind": "http", "mode": "expose", "containerPort": 0}))
        dropped(daemon, frame(JOIN, 0, {"sessionId": "S-x", "index": 1, "nonce": "x"}))
        dropped(daemon, data(2, b"early"))
        dropped(daemon, struct.pack(">BII", HELLO, 2, 2) + b"{}")
        dropped(daemon, b"x" * 300000)


def a_text_message_is_dropped():
    with Daemon() as daemon:
        dropped(daemon, b"hello", opcode=1)


def silence_is_dropped():
    with Daemon("--hello-timeout", "200ms") as daemon:
        dropped(daemon)
        dropped(daemon, subprotocol="hoody-tunnel.v2")
        with RawDriver(daemon, says_hello=False) as driver:
            driver.send_websocket(9, b"are you there")  # a WebSocket ping is no HELLO
            frames, code, _ = driver.expect_closed()
            assert frames == [] and code is None, (frames, code)
        with RawDriver(daemon, says_hello=False) as driver:
            driver.sock.sendall(b"\x82\xfe")  # nor is half a message
            frames, code, _ = driver.expect_closed()
            assert frames == [] and code is None, (frames, code)


run(
    four_KiB_are_enough_and_one_byte_more_is_too_much,
    a_hello_is_alone,
    anything_else_is_dropped,
    a_text_message_is_dropped,
    silence_is_dropped,
)
