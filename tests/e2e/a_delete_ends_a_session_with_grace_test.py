"""DELETE of a session: its ports are free before the 202, then GOAWAY(1), the grace, close 1000; a second one is 404
(protocol section 8)."""

import json

from harness import (
    EOF,
    GOAWAY,
    Bystander,
    Closed,
    Daemon,
    RawDriver,
    Visitor,
    data,
    frame,
    response_head,
    run,
    wait_until,
)

CLOSED_BY_ADMIN = {"code": 1, "message": "closed by admin", "lastStreamId": 0, "retryAfterMs": 0}


def delete(daemon, session, query=""):
    status, _, body = daemon.request("DELETE", f"/sessions/{session}{query}")
    return status, json.loads(body)


def ports_are_free_before_the_202():
    with Daemon() as daemon, Bystander(daemon) as bystander:
        for query in ("", "?grace_ms=0", "?grace_ms=5000"):
            with RawDriver(daemon) as driver, RawDriver(daemon) as heir:
                session = driver.hello_ok["sessionId"]
                ports = [driver.bind()["containerPort"] for _ in range(5)]
                assert delete(daemon, session, query) == (202, {"sessionId": session, "status": "closing"})
                assert session not in [row["sessionId"] for row in daemon.get_json("/sessions")["sessions"]]
                assert session not in [row["sessionId"] for row in daemon.get_json("/tunnels")["sessions"]]
                assert session not in [row["sessionId"] for row in daemon.get_json("/bindings")["bindings"]]
                assert delete(daemon, session, query)[0] == 404
                for port in ports:
                    heir.bind(port)
                frames, code, _ = driver.expect_closed()
                assert [(kind, json.loads(payload)) for kind, _, payload in frames] == [(GOAWAY, CLOSED_BY_ADMIN)], frames
                assert code == 1000, code
                assert daemon.get_json("/tunnels")["orphanedSessions"] == 0
                heir.close()
            bystander.check()


def running_streams_may_end_within_the_grace():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        session = driver.hello_ok["sessionId"]
        port = driver.bind()["containerPort"]
        with Visitor(port) as running, Visitor(port) as idle:
            running.ask()
            stream, _ = driver.expect_stream()
            driver.expect(EOF, stream)
            driver.send(response_head(stream, headers=[["content-length", "8"]]), data(stream, b"half"))
            assert running.receive_head()[0] == 200
            assert delete(daemon, session, "?grace_ms=5000")[0] == 202
            idle.expect_end()
            assert driver.expect_json(GOAWAY)[1] == CLOSED_BY_ADMIN
            driver.send(data(stream, b"done"), frame(EOF, stream))
            assert running.receive(8) == b"halfdone"
            running.expect_end()
            assert driver.expect_closed()[1] == 1000


def without_grace_they_are_aborted():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        with Visitor(driver.bind()["containerPort"]) as running:
            running.ask()
            stream, _ = driver.expect_stream()
            driver.send(response_head(stream))
            assert running.receive_head()[0] == 200
            assert delete(daemon, driver.hello_ok["sessionId"], "?grace_ms=0")[0] == 202
            running.expect_abort()
            assert driver.expect_closed()[1] == 1000


def streams_that_outlast_the_grace_are_aborted():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        with Visitor(driver.bind()["containerPort"]) as running:
            running.ask()
            stream, _ = driver.expect_stream()
            driver.send(response_head(stream))
            assert running.receive_head()[0] == 200
            assert delete(daemon, driver.hello_ok["sessionId"], "?grace_ms=100")[0] == 202
            running.expect_abort()
            assert driver.expect_closed()[1] == 1000


def nobody_is_404_and_a_bad_grace_400():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        session = driver.hello_ok["sessionId"]
        for unknown in ("S-00000000-0000-4000-8000-000000000000", "x", session.upper(), session + "0", session[:-1]):
            status, body = delete(daemon, unknown)
            assert status == 404 and set(body) == {"error"}, (unknown, status, body)
        for grace in ("-1", "5001", "abc", "", "1.5", "1e3", "0x10", "%31", " 1", "99999999999999999999"):
            status, body = delete(daemon, session, f"?grace_ms={grace}".replace(" ", "%20"))
            assert status == 400 and set(body) == {"error"}, (grace, status, body)
        assert driver.ping() == []
        assert delete(daemon, session, "?other=1&grace_ms=5")[0] == 202


def a_session_that_left_is_404():
    with Daemon() as daemon:
        with RawDriver(daemon) as driver:
            session = driver.hello_ok["sessionId"]
            driver.close()
            try:
                driver.receive()
            except Closed as closed:
                assert closed.code == 1000
        wait_until(lambda: daemon.get_json("/sessions")["total"] == 0, "the session is gone")
        assert delete(daemon, session)[0] == 404


run(
    ports_are_free_before_the_202,
    running_streams_may_end_within_the_grace,
    without_grace_they_are_aborted,
    streams_that_outlast_the_grace_are_aborted,
    nobody_is_404_and_a_bad_grace_400,
    a_session_that_left_is_404,
)
