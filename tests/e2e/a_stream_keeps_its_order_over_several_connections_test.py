"""A driver that changes connection in the middle of a stream: connections overtake each other, its bytes must not
(protocol section 4)."""

import contextlib
import itertools
import struct

from harness import (
    DATA,
    EOF,
    PATIENCE,
    RESET,
    WINDOW,
    data,
    frame,
    pattern,
    receive_all,
    receive_exactly,
    reset,
    response_head,
    run,
    window,
)
from joined import PULL, WEBSOCKET_PING, expect_ping, joined, pong
from relay import DOWN, UP

CANCEL, PROTOCOL_ERROR, FLOW_CONTROL = 7, 1, 3


def expect_nothing(sock):
    sock.setblocking(False)
    try:
        got = sock.recv(1)
        raise AssertionError(f"it came too early: {got!r}")
    except BlockingIOError:
        sock.settimeout(PATIENCE)


def expect_abort(sock):
    try:
        rest = receive_all(sock)
    except ConnectionResetError:
        return
    raise AssertionError(f"a clean end after {len(rest)} bytes")


def granted(frames):
    """What WINDOW frames of the session add up to."""
    return sum(struct.unpack(">I", payload)[0] for kind, stream, payload in frames if kind == WINDOW and stream == 0)


def length_is(length):
    return [["content-length", str(length)]]


@contextlib.contextmanager
def a_post_on_the_secondary(*flags, **more):
    """(session, visitor, stream): a request whose body is not complete, opened on the secondary."""
    with joined(*flags, **more) as session:
        visitor, stream = session.open_on(session.secondaries[0], session.post)
        with visitor:
            yield session, visitor, stream


def what_comes_on_another_connection_waits_for_what_is_under_way():
    with a_post_on_the_secondary() as (session, visitor, stream):
        primary, secondary = session.connections
        session.relays[0].freeze(UP)
        secondary.send(response_head(stream, headers=length_is(20)), frame(DATA, stream, b"0123456789"))
        primary.send(frame(DATA, stream, b"abcdefghij"), frame(EOF, stream))
        primary.ping()  # the kit has seen it
        expect_nothing(visitor.sock)
        pong(secondary, expect_ping(secondary))
        primary.ping()
        expect_nothing(visitor.sock)
        session.relays[0].thaw()
        assert visitor.receive_answer()[2] == b"0123456789abcdefghij"


def wherever_it_is_cut():
    """Each answer cut in two or three: the connections take turns, the one left is frozen until its successor is heard."""
    with joined() as session:
        body = pattern(40)
        for cuts in itertools.chain(((cut,) for cut in range(7)), itertools.combinations(range(1, 6), 2)):
            visitor, stream = session.open_on(session.secondaries[0], session.post)
            frames = [response_head(stream, headers=length_is(40))]
            frames += [frame(DATA, stream, body[place : place + 10]) for place in range(0, 40, 10)] + [frame(EOF, stream)]
            answer_in_parts(session, frames, cuts)
            assert visitor.receive_answer()[2] == body, cuts
            visitor.sock.close()


def answer_in_parts(session, frames, cuts):
    """The first part on the secondary, the next on the primary, and so on."""
    session.relays[0].freeze(UP)
    bounds = [0, *cuts, len(frames)]
    for turn, (start, end) in enumerate(itertools.pairwise(bounds)):
        if start == end:
            continue
        sender, left = session.connections[1 - turn % 2], session.connections[turn % 2]
        sender.send(*frames[start:end])
        if turn == 0:
            continue
        sender.ping()  # the kit has seen it, and pings where the driver was before
        session.relays[0].thaw()  # what was left is complete
        left.ping()  # behind it the pong
    session.relays[0].thaw()


def bytes_of_a_tcp_stream_keep_their_order_too():
    with joined(**PULL) as session:
        visitor, stream = session.open_on(session.secondaries[0], session.dial)
        primary, secondary = session.connections
        session.relays[0].freeze(UP)
        secondary.send(frame(DATA, stream, b"first, "))
        primary.send(frame(DATA, stream, b"second"), frame(EOF, stream))
        primary.ping()
        expect_nothing(visitor)
        pong(secondary, expect_ping(secondary))
        session.relays[0].thaw()
        assert receive_all(visitor) == b"first, second"


def a_driver_may_answer_on_the_primary_from_the_first_byte_on():
    """As pull() of the official driver does."""
    with joined(**PULL) as session:
        visitor, stream = session.open_on(session.secondaries[0], session.dial)
        visitor.sendall(b"hello")
        assert session.secondaries[0].expect(DATA, stream)[2] == b"hello"
        body = pattern(300_000)
        session.primary.send(*(frame(DATA, stream, body[place : place + 50_000]) for place in range(0, 150_000, 50_000)))
        pong(session.secondaries[0], expect_ping(session.secondaries[0]))
        session.primary.send(*(frame(DATA, stream, body[place : place + 50_000]) for place in range(150_000, 300_000, 50_000)))
        session.primary.send(frame(EOF, stream))
        assert receive_all(visitor) == body


def it_may_change_back_when_the_first_change_is_over():
    with a_post_on_the_secondary() as (session, visitor, stream):
        primary, secondary = session.connections
        secondary.send(response_head(stream, headers=length_is(4)))
        secondary.ping()
        primary.send(frame(DATA, stream, b"ab"))
        pong(secondary, expect_ping(secondary))
        assert visitor.receive_head()[0] == 200
        assert visitor.receive(2) == b"ab"
        secondary.send(frame(DATA, stream, b"cd"), frame(EOF, stream))
        secondary.ping()
        expect_nothing(visitor.sock)
        pong(primary, expect_ping(primary))
        assert visitor.receive(2) == b"cd"


def no_ping_is_needed_when_the_request_was_whole_at_once():
    """STREAM_OPEN and EOF came in one message: the driver has changed before it says anything."""
    with joined() as session:
        visitor, stream = session.open_on(session.secondaries[0], session.get)
        session.relays[0].freeze(DOWN)  # no ping would get through
        session.primary.answer(stream, b"at once")
        assert visitor.receive_answer()[2] == b"at once"


def a_whole_answer_elsewhere_waits_for_the_pong_only():
    with a_post_on_the_secondary() as (session, visitor, stream):
        session.primary.answer(stream, b"elsewhere", headers=length_is(9))
        token = expect_ping(session.secondaries[0])
        session.primary.ping()
        expect_nothing(visitor.sock)
        for wrong in (b"", token[:-1], token + b"x", bytes(8), b"\xff" * 8):  # nobody asked for these
            pong(session.secondaries[0], wrong)
        session.secondaries[0].ping()
        expect_nothing(visitor.sock)
        pong(session.secondaries[0], token)
        assert visitor.receive_answer()[2] == b"elsewhere"


def two_changing_streams(session):
    """Two requests on the secondary, answered on the primary one after the other: [(visitor, token of its ping)...]."""
    waiting = []
    for number in range(2):
        visitor, stream = session.open_on(session.secondaries[0], session.post)
        waiting.append((visitor, stream))
    for number, (visitor, stream) in enumerate(waiting):
        session.primary.answer(stream, b"answer %d" % number, headers=length_is(8))
        waiting[number] = visitor, expect_ping(session.secondaries[0])
    return waiting


def the_pong_of_a_later_ping_counts_for_the_earlier_ones():
    with joined() as session:
        waiting = two_changing_streams(session)
        pong(session.secondaries[0], waiting[1][1])
        for number, (visitor, _) in enumerate(waiting):
            assert visitor.receive_answer()[2] == b"answer %d" % number


def the_pong_of_an_earlier_ping_does_not_count_for_a_later_one():
    with joined() as session:
        waiting = two_changing_streams(session)
        pong(session.secondaries[0], waiting[0][1])
        assert waiting[0][0].receive_answer()[2] == b"answer 0"
        session.secondaries[0].ping()
        expect_nothing(waiting[1][0].sock)
        pong(session.secondaries[0], waiting[1][1])
        assert waiting[1][0].receive_answer()[2] == b"answer 1"


def when_the_connection_left_is_closed_what_waited_goes_on():
    """A close frame comes behind all that was sent, as a pong does."""
    with joined() as session:
        visitor, stream = session.open_on(session.secondaries[0], lambda: session.post(3))
        primary, secondary = session.connections
        visitor.send(b"abc")
        secondary.expect(DATA, stream)
        secondary.expect(EOF, stream)
        session.relays[0].freeze(UP)
        secondary.send(response_head(stream, headers=length_is(10)), frame(DATA, stream, b"01234"))
        primary.send(frame(DATA, stream, b"56789"), frame(EOF, stream))
        primary.ping()
        secondary.close()
        session.relays[0].thaw()
        assert visitor.receive_answer()[2] == b"0123456789"
        assert all(kind == WINDOW for kind, _, _ in primary.ping())


def when_it_was_opened_elsewhere_too():
    with joined(**PULL) as session:
        visitor, stream = session.open_on(session.primary, session.dial)
        primary, secondary = session.connections
        secondary.send(frame(DATA, stream, b"one, "))
        pong(primary, expect_ping(primary))
        assert receive_exactly(visitor, 5) == b"one, "
        session.relays[0].freeze(UP)
        secondary.send(frame(DATA, stream, b"two, "))
        primary.send(frame(DATA, stream, b"three, "))
        primary.ping()
        secondary.close()
        session.relays[0].thaw()
        assert receive_exactly(visitor, 12) == b"two, three, "
        visitor.sendall(b"still heard")
        assert primary.expect(DATA, stream, skipping=(WINDOW,))[2] == b"still heard"
        primary.send(frame(DATA, stream, b"four"), frame(EOF, stream))
        assert receive_all(visitor) == b"four"


def when_it_is_dropped_the_stream_is_reset():
    """Never a hole: what was under way is lost, and nobody knows how much."""
    with joined() as session:
        visitor, stream = session.open_on(session.secondaries[0], session.post)
        other, other_stream = session.open_on(session.primary, session.get)
        primary, secondary = session.connections
        secondary.send(response_head(stream, headers=length_is(20)), frame(DATA, stream, b"0123456789"))
        assert visitor.receive_head()[0] == 200
        assert visitor.receive(10) == b"0123456789"
        primary.send(frame(DATA, stream, b"abcdefghij"), frame(EOF, stream))
        primary.ping()
        secondary.sock.close()
        visitor.expect_abort()
        primary.expect_reset(stream, CANCEL, skipping=(WINDOW, EOF))
        primary.answer(other_stream, b"untouched")
        assert other.receive_answer()[2] == b"untouched"


def a_reset_where_nothing_was_answered_is_502():
    with a_post_on_the_secondary() as (session, visitor, stream):
        session.primary.answer(stream, b"never seen", headers=length_is(10))
        session.primary.ping()
        session.secondaries[0].sock.close()
        session.primary.expect_reset(stream, CANCEL, skipping=(WINDOW,))
        assert visitor.receive_answer()[0] == 502


def a_third_connection_is_one_too_many():
    with joined(secondaries=2) as session:
        visitor, stream = session.open_on(session.secondaries[0], session.post)
        session.primary.send(response_head(stream), frame(DATA, stream, b"from the second"))
        session.primary.ping()
        session.secondaries[1].send(frame(DATA, stream, b"from the third"))
        session.secondaries[1].ping()  # it is there before the second one's pong
        session.secondaries[0].expect_reset(stream, PROTOCOL_ERROR)
        assert visitor.receive_answer()[0] == 502
        session.settle()  # the session lives, and the ping of a stream that is gone harms nobody


def windows_and_resets_do_not_wait():
    with joined("--stream-window", "64KiB", **PULL) as session:
        visitor, stream = session.open_on(session.secondaries[0], session.dial)
        primary, secondary = session.connections
        session.relays[0].freeze(UP)
        visitor.sendall(bytes(100_000))
        got = 0
        while got < 65536:
            got += len(secondary.expect(DATA, stream)[2])
        primary.send(frame(DATA, stream, b"held"))
        primary.send(window(stream, 65536))
        while got < 100_000:
            opcode, payload = secondary.receive_websocket()
            if opcode == 2:
                got += sum(len(body) for kind, _, body in secondary.split(payload) if kind == DATA)
        primary.send(reset(stream, CANCEL))
        expect_abort(visitor)


def a_reset_of_what_waits_is_a_502():
    with a_post_on_the_secondary() as (session, visitor, stream):
        session.relays[0].freeze(UP)
        session.primary.send(response_head(stream), frame(DATA, stream, b"held"))
        session.primary.send(reset(stream, CANCEL, "never mind"))
        assert visitor.receive_answer()[0] == 502


def what_is_held_counts_in_the_streams_window():
    with a_post_on_the_secondary("--stream-window", "128KiB", "--session-window", "1MiB") as (session, visitor, stream):
        primary, secondary = session.connections
        primary.send(response_head(stream), *(frame(DATA, stream, bytes(65536)) for _ in range(2)))
        assert granted(primary.ping()) == 0
        primary.send(frame(DATA, stream, b"x"))
        expect_ping(secondary)
        secondary.expect_reset(stream, FLOW_CONTROL)
        assert visitor.receive_answer()[0] == 502
        assert granted(primary.ping()) >= 131072  # the byte too many may wait for more


def what_costs_no_credit_is_not_held_without_end():
    """Heads, and the headers of many small frames."""
    interim = {"status": 103, "headers": [["link", "x" * 60000]], "final": False}
    floods = (lambda stream: [frame(0x16, stream, interim)] * 3), (lambda stream: [frame(DATA, stream, b"x")] * 60)
    for flood in floods:
        with a_post_on_the_secondary() as (session, visitor, stream):
            primary, secondary = session.connections
            for _ in range(1000):
                primary.send(*flood(stream))
            opcode, message = secondary.receive_websocket()
            if opcode == WEBSOCKET_PING:  # never answered; where the flood came in one go the reset is before it
                _, message = secondary.receive_websocket()
            kind, on, payload = secondary.split(message)[0]
            assert (kind, on, payload[:2]) == (RESET, stream, struct.pack(">H", PROTOCOL_ERROR)), message
            assert visitor.receive_answer()[0] == 502
            primary.ping()


def what_is_held_counts_in_the_sessions_window():
    with joined("--stream-window", "128KiB", "--session-window", "128KiB") as session:
        first, stream = session.open_on(session.secondaries[0], session.post)
        second, other = session.open_on(session.secondaries[0], session.post)
        primary, secondary = session.connections
        primary.send(response_head(stream), *(frame(DATA, stream, bytes(65536)) for _ in range(2)))
        primary.send(response_head(other), frame(DATA, other, b"x"))
        primary.expect_goaway(FLOW_CONTROL, 1002)
        for visitor in (first, second):
            assert visitor.receive_answer()[0] == 502


def what_is_held_is_given_back_when_its_visitor_leaves():
    with a_post_on_the_secondary("--stream-window", "128KiB", "--session-window", "1MiB") as (session, visitor, stream):
        primary, secondary = session.connections
        primary.send(response_head(stream), *(frame(DATA, stream, bytes(65536)) for _ in range(2)), frame(EOF, stream))
        assert granted(primary.ping()) == 0
        expect_ping(secondary)
        visitor.sock.close()
        secondary.expect_reset(stream, CANCEL)
        assert granted(primary.ping()) == 131072


def held_bytes_are_given_back_as_the_visitor_reads_them():
    with a_post_on_the_secondary("--stream-window", "128KiB", "--session-window", "1MiB") as (session, visitor, stream):
        primary, secondary = session.connections
        body = pattern(131072)
        primary.send(response_head(stream, headers=length_is(131072)), data(stream, body), frame(EOF, stream))
        pong(secondary, expect_ping(secondary))
        assert visitor.receive_answer()[2] == body
        assert granted(primary.ping()) >= 65536  # less than a sixteenth may wait for more


run(
    what_comes_on_another_connection_waits_for_what_is_under_way,
    wherever_it_is_cut,
    bytes_of_a_tcp_stream_keep_their_order_too,
    a_driver_may_answer_on_the_primary_from_the_first_byte_on,
    it_may_change_back_when_the_first_change_is_over,
    no_ping_is_needed_when_the_request_was_whole_at_once,
    a_whole_answer_elsewhere_waits_for_the_pong_only,
    the_pong_of_a_later_ping_counts_for_the_earlier_ones,
    the_pong_of_an_earlier_ping_does_not_count_for_a_later_one,
    when_the_connection_left_is_closed_what_waited_goes_on,
    when_it_was_opened_elsewhere_too,
    when_it_is_dropped_the_stream_is_reset,
    a_reset_where_nothing_was_answered_is_502,
    a_third_connection_is_one_too_many,
    windows_and_resets_do_not_wait,
    a_reset_of_what_waits_is_a_502,
    what_is_held_counts_in_the_streams_window,
    what_costs_no_credit_is_not_held_without_end,
    what_is_held_counts_in_the_sessions_window,
    what_is_held_is_given_back_when_its_visitor_leaves,
    held_bytes_are_given_back_as_the_visitor_reads_them,
)
