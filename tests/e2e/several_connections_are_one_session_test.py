"""A session of several connections: streams are spread over them, session frames go on the primary, and with the primary all
end (protocol sections 4, 5 and 7)."""

import json
import select
import signal
import threading

from harness import (
    BIND,
    BIND_OK,
    BIND_REVOKED,
    DATA,
    EOF,
    GOAWAY,
    PING,
    PONG,
    UNBIND,
    UNBIND_OK,
    WINDOW,
    RawDriver,
    Visitor,
    data,
    frame,
    pattern,
    response_head,
    run,
    wait_until,
    window,
)
from joined import PULL, WEBSOCKET_PING, joined, pong, resume, tickets_of
TAKEN_OVER = 13


def streams_take_turns_over_idle_connections():
    with joined(secondaries=3) as session:
        visitors = [session.open(lambda number=number: session.get(f"/{number}")) for number in range(8)]
        for number, (visitor, connection, stream) in enumerate(visitors):
            connection.answer(stream, b"answer %d" % number)
        for number, (visitor, _, _) in enumerate(visitors):
            assert visitor.receive_answer()[2] == b"answer %d" % number


def the_one_with_the_fewest_bytes_queued_comes_first():
    """An upload that the driver does not read fills the queue of its connection: the others get all that comes."""
    with joined("--stream-window", "16MiB", "--session-window", "16MiB", secondaries=2, hello={"client": {"name": "t"}}) as session:
        uploader, stream = session.open_on(session.primary, lambda: session.post(64 << 20))
        uploader.sock.settimeout(0.2)
        try:
            while True:
                uploader.send(bytes(1 << 20))
        except TimeoutError:
            pass  # the kit has taken what it takes
        for number in range(6):
            with session.get(f"/{number}") as visitor:
                connection = session.secondaries[number % 2]
                opened, says = connection.expect_stream(skipping=(EOF,))
                assert says["target"] == f"/{number}", says
                connection.answer(opened, b"not stuck")
                assert visitor.receive_answer()[2] == b"not stuck"
                connection.ping()


def connections_share_the_sessions_credit():
    """It is granted back where it was used: whoever has it must not keep it."""
    with joined("--stream-window", "1MiB", "--session-window", "128KiB", hello={"client": {"name": "t"}}) as session:
        uploads = [session.open_on(connection, lambda: session.post(16 << 20)) for connection in session.connections]
        senders = [threading.Thread(target=visitor.send, args=(bytes(16 << 20),)) for visitor, _ in uploads]
        for sender in senders:
            sender.start()
        got = [0, 0]
        while min(got) < 16 << 20:
            for number, connection in enumerate(session.connections):
                if connection.waiting or select.select([connection.sock], [], [], 0)[0]:
                    kind, stream, payload = connection.receive()
                    if kind == DATA:
                        got[number] += len(payload)
                        connection.send(window(stream, len(payload)), window(0, len(payload)))
            assert max(got) - min(got) < 8 << 20, got
        for sender in senders:
            sender.join()


def a_pong_goes_where_its_ping_came():
    with joined(secondaries=2) as session:
        for number, connection in enumerate(session.connections):
            connection.send(frame(PING, 0, b"token  %d" % number))
        for number, connection in enumerate(session.connections):
            assert connection.expect(PONG)[2] == b"token  %d" % number


def session_frames_are_said_on_the_primary():
    with joined("--ping-interval", "300ms") as session:
        primary, secondary = session.connections
        ask = {"clientBindRef": 5, "kind": "http", "mode": "expose", "containerPort": 0}
        secondary.send(frame(BIND, 0, ask))
        bound = primary.expect_json(BIND_OK)[1]
        assert bound["clientBindRef"] == 5
        secondary.send(frame(UNBIND, 0, {"bindId": bound["bindId"]}))
        assert primary.expect_json(UNBIND_OK)[1] == {"bindId": bound["bindId"]}
        visitor, stream = session.open_on(secondary, session.get)
        body = pattern(4 << 20)
        secondary.send(response_head(stream, headers=[["content-length", str(len(body))]]))
        assert visitor.receive_head()[0] == 200
        for place in range(0, len(body), 1 << 17):
            secondary.send(data(stream, body[place : place + (1 << 17)]))
            assert visitor.receive(1 << 17) == body[place : place + (1 << 17)]
        secondary.send(frame(EOF, stream))
        while True:  # the kit's PING
            kind, on, _ = primary.receive_message()[0]
            assert on == 0, (kind, on)
            if kind == PING:
                break
        for kind, on, _ in secondary.ping():
            assert on == stream and kind in (WINDOW, EOF), (kind, on)


def pongs_on_the_primary_alone_keep_it_alive():
    """As official drivers send them; nothing comes on the secondary for longer than the timeout."""
    with joined("--ping-interval", "100ms", "--pong-timeout", "400ms") as session:
        for _ in range(8):
            kind, _, token = session.primary.receive_message()[0]
            assert kind == PING
            session.primary.send(frame(PONG, 0, token))
        session.settle()


def expect_all_closed(session, code):
    """Each with that code; GOAWAY on the primary alone. Returns GOAWAY's code, None: there was none."""
    said = None
    for connection in session.connections:
        frames, closed, _ = connection.expect_closed()
        goaways = [json.loads(payload)["code"] for kind, _, payload in frames if kind == GOAWAY]
        assert closed == code, (frames, closed)
        assert not goaways or connection is session.primary, frames
        said = goaways[0] if goaways else said
    return said


def with_a_lost_primary_all_close_and_the_session_is_parked():
    with joined(secondaries=2) as session:
        daemon, primary = session.daemon, session.primary
        permits = daemon.get_json("/tunnels")["fdPermitsAvailable"]
        visitor, _ = session.open_on(session.secondaries[0], session.get)
        primary.sock.close()
        assert visitor.receive_answer()[0] == 502
        for secondary in session.secondaries:
            frames, code, _ = secondary.expect_closed()
            assert code == 1001 and all(kind == EOF for kind, _, _ in frames), (frames, code)
        wait_until(lambda: daemon.get_json("/tunnels")["orphanedSessions"] == 1, "the session is parked")
        visitor.sock.close()
        wait_until(lambda: daemon.get_json("/tunnels")["fdPermitsAvailable"] == permits + 3, "three permits are back")
        assert daemon.metric("hoody_tunnel_streams_active") == 0
        with resume(daemon, primary, maxConnections=3) as again:
            assert again.hello_ok["resumed"], again.hello_ok
            tickets = tickets_of(again.hello_ok)
            with again.join(daemon, tickets[1]) as first, again.join(daemon, tickets[2]) as second:
                session.connections = [again, first, second]
                session.turn = 0
                for number in range(6):
                    visitor, connection, stream = session.open(session.get)
                    connection.answer(stream, b"%d" % number)
                    assert visitor.receive_answer()[2] == b"%d" % number
                    visitor.sock.close()


def with_a_primary_that_leaves_all_leave():
    with joined() as session:
        session.primary.close(1000)
        assert expect_all_closed(session, 1000) is None
        wait_until(lambda: session.daemon.get_json("/bindings")["total"] == 0, "the port is free")
        assert session.daemon.get_json("/tunnels")["orphanedSessions"] == 0


def a_resume_elsewhere_closes_the_old_connections():
    with joined(secondaries=2) as session:
        with resume(session.daemon, session.primary, maxConnections=2) as thief:
            assert thief.hello_ok["resumed"] and len(thief.hello_ok["joinTickets"]) == 1
            assert expect_all_closed(session, 1000) == 4
            with thief.join(session.daemon, tickets_of(thief.hello_ok)[1]) as secondary:
                secondary.ping()


def a_session_changes_from_v2_to_v1_and_back():
    with joined() as session:
        session.primary.sock.close()
        with resume(session.daemon, session.primary, "hoody-tunnel.v1") as plain:
            assert plain.hello_ok["resumed"] and "joinTickets" not in plain.hello_ok, plain.hello_ok
            with Visitor(session.port) as visitor:
                visitor.ask()
                plain.answer(plain.expect_stream()[0], b"over one")
                assert visitor.receive_answer()[2] == b"over one"
            listed = session.daemon.get_json("/sessions")["sessions"]
            assert [(one["isV2"], one["connectionsGranted"]) for one in listed] == [(False, 1)], listed
            plain.sock.close()
        with resume(session.daemon, session.primary, maxConnections=4) as several:
            assert several.hello_ok["resumed"] and len(several.hello_ok["joinTickets"]) == 3
            with several.join(session.daemon, tickets_of(several.hello_ok)[3]):
                listed = session.daemon.get_json("/sessions")["sessions"]
                assert [(one["isV2"], one["connectionsGranted"]) for one in listed] == [(True, 4)], listed


def a_delete_closes_all_when_their_streams_have_ended():
    with joined() as session:
        daemon = session.daemon
        visitor, stream = session.open_on(session.secondaries[0], session.get)
        status, _, _ = daemon.request("DELETE", f"/sessions/{session.primary.hello_ok['sessionId']}?grace_ms=5000")
        assert status == 202
        session.secondaries[0].answer(stream, b"in time")
        assert visitor.receive_answer()[2] == b"in time"
        assert expect_all_closed(session, 1000) == 1
        assert daemon.get_json("/bindings")["total"] == 0


def next_ping(connection):
    """The kit's WebSocket ping on that connection, whatever comes before."""
    while True:
        opcode, payload = connection.receive_websocket()
        if opcode == WEBSOCKET_PING:
            return payload
        assert opcode == 2, (opcode, payload)


def a_connection_that_never_answers_delays_a_drain_no_longer_than_its_timeout():
    with joined("--drain-timeout", "300ms") as session:
        session.daemon.process.send_signal(signal.SIGTERM)
        assert expect_all_closed(session, 1001) == 0  # the primary first: nobody answers on the secondary meanwhile
        assert session.daemon.wait() == 0


def a_drain_closes_all_when_their_streams_have_ended():
    with joined(secondaries=2) as session:
        visitor, stream = session.open_on(session.secondaries[1], session.get)
        session.daemon.process.send_signal(signal.SIGTERM)
        session.secondaries[1].answer(stream, b"in time")
        assert visitor.receive_answer()[2] == b"in time"
        for secondary in session.secondaries:
            pong(secondary, next_ping(secondary))
        assert expect_all_closed(session, 1001) == 0
        assert session.daemon.wait() == 0


def the_last_bytes_of_a_drain_arrive_before_the_goaway():
    """Official drivers abort everything on GOAWAY, and the primary may be faster than the connection of the last stream: so
    what went out there must have arrived before it is said."""
    with joined(**PULL) as session:
        visitor, stream = session.open_on(session.secondaries[0], session.dial)
        session.secondaries[0].send(frame(EOF, stream))
        session.secondaries[0].ping()
        session.daemon.process.send_signal(signal.SIGTERM)
        wait_until(lambda: " draining " in session.daemon.stderr(), "it drains")
        visitor.sendall(b"the last bytes")
        visitor.close()
        primary, secondary = session.connections
        assert secondary.expect(DATA, stream)[2] == b"the last bytes"
        secondary.expect(EOF, stream)
        assert all(kind != GOAWAY for kind, _, _ in primary.ping())
        token = next_ping(secondary)
        assert all(kind != GOAWAY for kind, _, _ in primary.ping())
        pong(secondary, token)
        assert expect_all_closed(session, 1001) == 0
        assert session.daemon.wait() == 0


def a_takeover_resets_streams_where_they_are():
    with joined() as session, RawDriver(session.daemon) as thief:
        visitors = [session.open(session.get) for _ in range(2)]
        thief.bind(port=session.port, takeover=True)
        for visitor, connection, stream in visitors:
            connection.expect_reset(stream, TAKEN_OVER, skipping=(EOF,))
            assert visitor.receive_answer()[0] == 502
        revoked = session.primary.expect_json(BIND_REVOKED)[1]
        assert revoked["bindId"] == session.bound["bindId"], revoked
        session.settle()


def streams_of_all_its_connections_count_against_its_limit():
    with joined("--max-streams", "3") as session:
        visitors = [session.open(session.get) for _ in range(3)]
        beyond = session.get()
        assert beyond.receive_answer()[0] == 503
        listed = session.daemon.get_json("/sessions")["sessions"]
        assert len(listed) == 1 and listed[0]["activeStreams"] == 3, listed
        for visitor, connection, stream in visitors:
            connection.answer(stream, b"ok")
            assert visitor.receive_answer()[2] == b"ok"


run(
    streams_take_turns_over_idle_connections,
    the_one_with_the_fewest_bytes_queued_comes_first,
    connections_share_the_sessions_credit,
    a_pong_goes_where_its_ping_came,
    session_frames_are_said_on_the_primary,
    pongs_on_the_primary_alone_keep_it_alive,
    with_a_lost_primary_all_close_and_the_session_is_parked,
    with_a_primary_that_leaves_all_leave,
    a_resume_elsewhere_closes_the_old_connections,
    a_session_changes_from_v2_to_v1_and_back,
    a_delete_closes_all_when_their_streams_have_ended,
    a_drain_closes_all_when_their_streams_have_ended,
    a_connection_that_never_answers_delays_a_drain_no_longer_than_its_timeout,
    the_last_bytes_of_a_drain_arrive_before_the_goaway,
    a_takeover_resets_streams_where_they_are,
    streams_of_all_its_connections_count_against_its_limit,
)
