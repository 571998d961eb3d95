"""Takeover: atomic for visitors; the old owner gets RESET(13) on each stream, then BIND_REVOKED, and lives (section 5)."""

import json
import threading

from harness import (
    BIND,
    BIND_OK,
    BIND_REVOKED,
    EOF,
    RESET,
    Daemon,
    RawDriver,
    Visitor,
    connect,
    frame,
    response_head,
    run,
)


def no_connection_is_ever_refused():
    with Daemon() as daemon, RawDriver(daemon) as first, RawDriver(daemon) as second:
        port = first.bind()["containerPort"]
        stop, failures, made = threading.Event(), [], []

        def knock():
            while not stop.is_set():
                try:
                    connect(port).close()
                    made.append(1)
                except OSError as error:
                    failures.append(error)

        knocking = threading.Thread(target=knock)
        knocking.start()
        owners = [second, first]
        bind = None
        for turn in range(100):
            owner, other = owners[turn % 2], owners[(turn + 1) % 2]
            taken = owner.bind(port, takeover=True)
            assert taken["containerPort"] == port and taken["bindId"] != bind
            revoked = other.expect_json(BIND_REVOKED)[1]
            assert set(revoked) == {"bindId", "reason"} and revoked["reason"], revoked
            assert bind is None or revoked["bindId"] == bind, revoked
            bind = taken["bindId"]
        stop.set()
        knocking.join()
        assert not failures and made, failures[:3]
        assert [b["port"] for b in daemon.get_json("/bindings")["bindings"]] == [port]


def the_old_owner_is_told_stream_by_stream():
    with Daemon() as daemon, RawDriver(daemon) as old, RawDriver(daemon) as new:
        bound = old.bind()
        other = old.bind()["containerPort"]
        port = bound["containerPort"]
        with Visitor(port) as waiting, Visitor(port) as reading, Visitor(port) as idle, Visitor(other) as elsewhere:
            waiting.ask()
            first, _ = old.expect_stream()
            old.expect(EOF, first)
            reading.ask()
            second, _ = old.expect_stream()
            old.expect(EOF, second)
            old.send(response_head(second))
            assert reading.receive_head()[0] == 200
            idle.ask(target="/before")
            third, _ = old.expect_stream()
            old.expect(EOF, third)
            old.answer(third, headers=[["content-length", "0"]])
            assert idle.receive_answer()[0] == 200
            elsewhere.ask()
            fourth, _ = old.expect_stream()
            old.expect(EOF, fourth)

            new.bind(port, takeover=True)
            frames = [old.receive() for _ in range(3)]
            assert {(kind, stream, payload[:2]) for kind, stream, payload in frames[:2]} == {
                (RESET, first, b"\0\15"),
                (RESET, second, b"\0\15"),
            }, frames
            assert frames[2][0] == BIND_REVOKED and json.loads(frames[2][2])["bindId"] == bound["bindId"], frames
            assert waiting.receive_answer()[0] == 502
            reading.expect_abort()

            idle.ask(target="/after")
            stream, opened = new.expect_stream()
            assert opened["target"] == "/after" and opened["bindId"] != bound["bindId"], opened
            new.answer(stream, b"mine now", headers=[["content-length", "8"]])
            assert idle.receive_answer()[2] == b"mine now"

            old.answer(fourth, b"lives", headers=[["content-length", "5"]])
            assert elsewhere.receive_answer()[2] == b"lives"
            assert old.ping() == []


def the_next_request_of_a_reset_one_goes_to_the_new_owner():
    with Daemon() as daemon, RawDriver(daemon) as old, RawDriver(daemon) as new:
        bound = old.bind()
        with Visitor(bound["containerPort"]) as visitor:
            visitor.ask(target="/first")
            stream, _ = old.expect_stream()
            old.expect(EOF, stream)
            visitor.ask(target="/pipelined")
            taken = new.bind(bound["containerPort"], takeover=True)  # BIND_OK comes before any stream of it
            old.expect_reset(stream, 13)
            assert old.expect_json(BIND_REVOKED)[1]["bindId"] == bound["bindId"]
            assert old.ping() == [], "a stream for an owner that is no more"
            assert visitor.receive_answer()[0] == 502
            stream, opened = new.expect_stream()
            assert opened["target"] == "/pipelined" and opened["bindId"] == taken["bindId"], opened
            new.expect(EOF, stream)
            new.answer(stream, b"mine", headers=[["content-length", "4"]])
            assert visitor.receive_answer()[2] == b"mine"


def ones_own_gets_a_new_id():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        bound = driver.bind()
        port = bound["containerPort"]
        ask = {"clientBindRef": 2, "kind": "http", "mode": "expose", "containerPort": port, "takeover": True}
        driver.send(frame(BIND, 0, ask))
        assert driver.expect_json(BIND_REVOKED)[1]["bindId"] == bound["bindId"]
        again = driver.expect_json(BIND_OK)[1]
        assert again["bindId"] != bound["bindId"] and again["containerPort"] == port, again


def of_a_free_port_it_is_a_bind():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        assert driver.bind(takeover=True)["containerPort"] >= 20000


run(
    no_connection_is_ever_refused,
    the_old_owner_is_told_stream_by_stream,
    the_next_request_of_a_reset_one_goes_to_the_new_owner,
    ones_own_gets_a_new_id,
    of_a_free_port_it_is_a_bind,
)
