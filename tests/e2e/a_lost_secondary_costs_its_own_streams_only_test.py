"""A secondary that is lost, or closed: the streams opened on it are reset, the others and the session go on, and its index is
free again (protocol section 4)."""

import struct

from harness import (
    DATA,
    EOF,
    REISSUE_JOIN_TICKETS,
    RESET,
    WINDOW,
    frame,
    receive_all,
    receive_exactly,
    response_head,
    run,
    wait_until,
)
from joined import PULL, expect_ping, joined, pong, tickets_of

CANCEL = 7


def dropped(connection):
    connection.sock.close()


def closed(code):
    def close(connection):
        connection.close(code)
        connection.expect_closed()

    return close


WAYS = (dropped, closed(1000), closed(1001), closed(4000))


def resets(connection, count):
    """That many RESETs come on it: {stream: code}."""
    codes = {}
    while len(codes) < count:
        kind, stream, payload = connection.receive()
        assert kind in (RESET, EOF, WINDOW), (kind, stream)
        if kind == RESET:
            codes[stream] = struct.unpack(">H", payload[:2])[0]
    return codes


def left(session):
    """How many connections have left it, as the kit sees it."""
    return session.daemon.stderr().count(" connection-left ")


def rejoin(session):
    def tickets():
        session.primary.send(frame(REISSUE_JOIN_TICKETS, 0, {}))
        return tickets_of(session.primary.expect_json(REISSUE_JOIN_TICKETS, skipping=(WINDOW, EOF))[1])

    ticket = wait_until(tickets, "the index is free")[1]
    return session.primary.join(session.daemon, ticket)


def its_streams_are_reset_on_the_primary():
    for lose in WAYS:
        with joined(secondaries=2) as session:
            first, second = session.secondaries
            permits = session.daemon.get_json("/tunnels")["fdPermitsAvailable"]
            whole, without_head = session.open_on(first, session.get)
            begun, with_head = session.open_on(first, session.post)
            on_the_other, other = session.open_on(second, session.post)
            on_the_primary, mine = session.open_on(session.primary, session.get)
            first.send(response_head(with_head, headers=[["content-length", "5"]]), frame(DATA, with_head, b"he"))
            assert begun.receive_head()[0] == 200 and begun.receive(2) == b"he"
            lose(first)
            assert resets(session.primary, 2) == {without_head: CANCEL, with_head: CANCEL}
            assert whole.receive_answer()[0] == 502
            begun.expect_abort()
            second.answer(other, b"there")
            session.primary.answer(mine, b"here")
            assert on_the_other.receive_answer()[2] == b"there"
            assert on_the_primary.receive_answer()[2] == b"here"
            for visitor in (whole, on_the_other, on_the_primary):
                visitor.sock.close()
            with rejoin(session) as again:
                session.connections[1] = again
                wait_until(
                    lambda: session.daemon.get_json("/tunnels")["fdPermitsAvailable"] == permits, "the permits are back"
                )
                assert session.daemon.metric("hoody_tunnel_streams_active") == 0
                visitor, stream = session.open_on(again, session.get)
                again.answer(stream, b"again")
                assert visitor.receive_answer()[2] == b"again"


def a_tcp_stream_on_it_is_aborted():
    for lose in WAYS:
        with joined(**PULL) as session:
            visitor, stream = session.open_on(session.secondaries[0], session.dial)
            session.secondaries[0].send(frame(DATA, stream, b"begun"))
            assert receive_exactly(visitor, 5) == b"begun"
            lose(session.secondaries[0])
            assert resets(session.primary, 1) == {stream: CANCEL}
            try:
                rest = receive_all(visitor)
                raise AssertionError(f"a clean end after {rest}")
            except ConnectionResetError:
                pass
            session.connections.pop()
            other, on_primary = session.open_on(session.primary, session.dial)
            session.primary.send(frame(DATA, on_primary, b"lives"))
            assert receive_exactly(other, 5) == b"lives"


def a_stream_that_has_moved_to_another_connection_goes_on():
    """Its request was complete there, and the driver answers elsewhere: nothing is lost with it."""
    for lose in WAYS:
        with joined() as session:
            visitor, stream = session.open_on(session.secondaries[0], session.get)
            session.primary.send(response_head(stream, headers=[["content-length", "9"]]), frame(DATA, stream, b"begun"))
            assert visitor.receive_head()[0] == 200 and visitor.receive(5) == b"begun"
            lose(session.secondaries[0])
            wait_until(lambda: left(session) == 1, "it has left")
            session.primary.send(frame(DATA, stream, b" end"), frame(EOF, stream))
            assert visitor.receive(4) == b" end"
            assert all(kind != RESET for kind, _, _ in session.primary.ping())


def one_whose_request_is_still_on_its_way_is_reset():
    """The body's part that was under way is lost, whatever the driver has answered elsewhere."""
    with joined() as session:
        visitor, stream = session.open_on(session.secondaries[0], session.post)
        visitor.send(b"ab")
        session.secondaries[0].expect(DATA, stream)
        session.primary.send(response_head(stream, headers=[["content-length", "9"]]))
        pong(session.secondaries[0], expect_ping(session.secondaries[0]))
        assert visitor.receive_head()[0] == 200
        session.secondaries[0].sock.close()
        assert resets(session.primary, 1) == {stream: CANCEL}
        visitor.expect_abort()


def one_that_was_answered_there_alone_is_reset_when_it_is_dropped():
    """Opened on the primary, answered on the secondary: what was under way is lost."""
    with joined(**PULL) as session:
        visitor, stream = session.open_on(session.primary, session.dial)
        session.secondaries[0].send(frame(DATA, stream, b"a part"))
        pong(session.primary, expect_ping(session.primary))
        assert receive_exactly(visitor, 6) == b"a part"
        session.secondaries[0].sock.close()
        assert resets(session.primary, 1) == {stream: CANCEL}


def what_is_sent_goes_on_where_the_others_are():
    with joined(secondaries=3) as session:
        for secondary in session.secondaries:
            secondary.sock.close()
        wait_until(lambda: left(session) == 3, "all three have left")
        del session.connections[1:]
        for number in range(5):
            visitor, stream = session.open_on(session.primary, session.get)
            session.primary.answer(stream, b"%d" % number)
            assert visitor.receive_answer()[2] == b"%d" % number


run(
    its_streams_are_reset_on_the_primary,
    a_tcp_stream_on_it_is_aborted,
    a_stream_that_has_moved_to_another_connection_goes_on,
    one_whose_request_is_still_on_its_way_is_reset,
    one_that_was_answered_there_alone_is_reset_when_it_is_dropped,
    what_is_sent_goes_on_where_the_others_are,
)
