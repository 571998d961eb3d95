"""A session of several connections, each secondary through a relay of its own, with one bound port (protocol section 4)."""

import contextlib

from harness import (
    EOF,
    WINDOW,
    Daemon,
    RawDriver,
    Visitor,
    connect,
    frame,
)
from relay import Relay

PULL = {"kind": "tcp", "mode": "pull"}
V2 = {"subprotocol": "hoody-tunnel.v2", "capabilities": ["multi-ws"]}
WEBSOCKET_PING, WEBSOCKET_PONG = 9, 10


def tickets_of(payload):
    """{index: what JOIN says of it}, of a HELLO_OK or REISSUE_JOIN_TICKETS."""
    return {ticket["index"]: {"index": ticket["index"], "nonce": ticket["nonce"]} for ticket in payload["joinTickets"]}


class Joined:
    """connections[0] is the primary. Streams go to connections in turn while nothing is queued, so that tests know where the
    next one comes."""

    def __init__(self, daemon, primary, secondaries, relays, bound, pulls):
        self.daemon = daemon
        self.primary = primary
        self.secondaries = secondaries
        self.connections = [primary, *secondaries]
        self.relays = relays
        self.bound = bound
        self.port = bound["containerPort"]
        self.pulls = pulls
        self.turn = 0
        self.visitors = []

    def settle(self):
        """What was sent before has been handled, and nothing is queued. Nothing came but grants and the ends of visitors who had
        their answer: whether they left before the kit was done with them is chance."""
        for connection in self.connections:
            before = connection.ping()
            assert all(kind in (WINDOW, EOF) or payload[:2] in (b"\0\0", b"\0\7") for kind, _, payload in before), before

    def open(self, visit):
        """The visitor that visit() makes, and where its stream comes: (visitor, connection, stream)."""
        self.settle()
        visitor = visit()
        self.visitors.append(visitor)
        connection = self.connections[self.turn % len(self.connections)]
        self.turn += 1
        return visitor, connection, connection.expect_stream()[0]

    def open_on(self, connection, visit):
        """The same, on that connection; streams that come on others before are opened and ended. Returns (visitor, stream)."""
        while self.connections[self.turn % len(self.connections)] is not connection:
            visitor, other, stream = self.open(self.dial if self.pulls else self.get)
            if self.pulls:
                other.send(frame(EOF, stream))
                visitor.close()
            else:
                other.answer(stream, headers=[["content-length", "0"]])
                assert visitor.receive_answer()[0] == 200
                visitor.sock.close()
            other.expect(EOF, stream)
        visitor, _, stream = self.open(visit)
        return visitor, stream

    def get(self, target="/"):
        """A whole request: STREAM_OPEN and EOF in one message."""
        visitor = Visitor(self.port)
        visitor.ask(target=target)
        return visitor

    def post(self, length=5):
        """A request whose body does not come by itself."""
        visitor = Visitor(self.port)
        visitor.send(f"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n".encode())
        return visitor

    def dial(self):
        """A visitor of a PULL port."""
        return connect(self.port)


@contextlib.contextmanager
def joined(*flags, secondaries=1, hello=None, **bind):
    """Yields a Joined of one primary and so many secondaries."""
    with contextlib.ExitStack() as stack:
        daemon = stack.enter_context(Daemon(*flags))
        primary = stack.enter_context(RawDriver(daemon, maxConnections=1 + secondaries, **{**V2, **(hello or {})}))
        tickets = tickets_of(primary.hello_ok)
        relays, others = [], []
        for index in range(1, 1 + secondaries):
            relays.append(stack.enter_context(Relay(daemon)))
            others.append(stack.enter_context(primary.join(relays[-1], tickets[index])))
        session = Joined(daemon, primary, others, relays, primary.bind(**bind), bind.get("mode") == "pull")
        yield session
        for visitor in session.visitors:  # the daemon's end would wait for them a while
            getattr(visitor, "sock", visitor).close()


def expect_ping(connection):
    """The kit's WebSocket ping on that connection, not answered yet; returns its token."""
    opcode, token = connection.receive_websocket()
    assert opcode == WEBSOCKET_PING, (opcode, token)
    return token


def pong(connection, token):
    connection.send_websocket(WEBSOCKET_PONG, token)


def resume(daemon, primary, subprotocol="hoody-tunnel.v2", **more):
    """Its session on a new connection."""
    v2 = {"capabilities": ["multi-ws"]} if subprotocol == "hoody-tunnel.v2" else {}
    return RawDriver(daemon, subprotocol, resume={"sessionId": primary.hello_ok["sessionId"]}, **v2, **more)
