"""A driver that changes connection in the middle of a stream: connections overtake each other, its bytes must not
(protocol section 4)."""

import contextlib

from harness import (
    CONNECT,
    DATA,
    EOF,
    PONG,
    STREAM_OPEN,
    WINDOW,
    Closed,
    Daemon,
    RawDriver,
    Visitor,
    connect,
    data,
    frame,
    pattern,
    receive_exactly,
    response_head,
    run,
    wait_until,
)
from relay import DOWN, UP, Relay

PULL = {"kind": "tcp", "mode": "pull"}
V2 = {"subprotocol": "hoody-tunnel.v2", "capabilities": ["multi-ws"]}
WEBSOCKET_PING, WEBSOCKET_PONG = 9, 10


@contextlib.contextmanager
def two_connections(**bind):
    """A session of two connections, the second one through a relay: (primary, secondary, relay, port, daemon)."""
    with Daemon() as daemon, Relay(daemon) as relay, RawDriver(daemon, maxConnections=2, **V2) as primary:
        granted = primary.hello_ok["connectionsGranted"], primary.hello_ok["joinTickets"]
        assert granted[0] == 2 and len(granted[1]) == 1, granted
        ticket = {"index": granted[1][0]["index"], "nonce": granted[1][0]["nonce"]}
        with primary.join(relay, ticket) as secondary:
            yield primary, secondary, relay, primary.bind(**bind)["containerPort"], daemon


def open_on_secondary(primary, secondary, port, visit):
    """Visitors until the STREAM_OPEN of one goes to the secondary; (visitor, stream)."""
    for _ in range(2):
        visitor = visit(port)
        for connection in (primary, secondary):
            connection.sock.settimeout(0.5 if connection is primary else None)
        try:
            stream, _ = primary.expect_stream()
        except TimeoutError:
            primary.sock.settimeout(20)
            return visitor, secondary.expect_stream()[0]
    raise AssertionError("no stream came on the secondary")


def test_streams_are_spread():
    with two_connections() as (primary, secondary, _, port, _):
        visitors = [Visitor(port) for _ in range(4)]
        for visitor in visitors:
            visitor.ask()
        for connection in (primary, secondary):
            for _ in range(2):
                stream, _ = connection.expect_stream(skipping=(EOF,))
                connection.answer(stream, b"on its connection")
        for visitor in visitors:
            assert visitor.receive_answer()[2] == b"on its connection"


run(test_streams_are_spread)
