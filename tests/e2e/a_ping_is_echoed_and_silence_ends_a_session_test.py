"""Liveness: PING and PONG both ways, pong timeout, idle timeout (protocol section 7)."""

import json
import time

from harness import GOAWAY, PING, PONG, Daemon, RawDriver, bound_port, frame, run


def a_drivers_ping_comes_back():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        for token in (b"12345678", b"\0" * 8, b"\xff" * 8):
            driver.send(frame(PING, 0, token))
            assert driver.receive() == (PONG, 0, token)


def drivers_that_answer_or_say_anything_stay():
    timeout = 5  # seconds: a machine may be busy for a while
    flags = ("--ping-interval", "500ms", "--pong-timeout", f"{timeout}s")
    with Daemon(*flags) as daemon, RawDriver(daemon) as answers, RawDriver(daemon) as talks:
        until = time.monotonic() + 1.5 * timeout
        while time.monotonic() < until:
            for driver in (answers, talks):
                for kind, stream, payload in driver.receive_message():
                    assert kind == PING and stream == 0 and len(payload) == 8, (kind, stream, payload)
                    driver.send(frame(PONG, 0, payload) if driver is answers else frame(0x7F, 0, b"still here"))
        assert daemon.get_json("/sessions")["total"] == 2


def a_silent_driver_gets_goaway_10_and_1001():
    with bound_port("--ping-interval", "200ms", "--pong-timeout", "2s") as (daemon, driver, _port):
        frames = []
        with RawDriver(daemon) as silent:
            silent.bind()
            session = silent.hello_ok["sessionId"]
            frames, code, reason = silent.expect_closed()
        assert code == 1001, (frames, code, reason)
        assert frames[0][0] == PING and frames[-1][0] == GOAWAY, frames
        goaway = json.loads(frames[-1][2])
        assert goaway == {"code": 10, "message": "pong timeout", "lastStreamId": 0, "retryAfterMs": 0}, goaway
        assert session not in [s["sessionId"] for s in daemon.get_json("/sessions")["sessions"]]
        del driver


def an_unused_session_gets_goaway_10_and_1000():
    with Daemon("--idle-timeout", "2s", "--ping-interval", "200ms") as daemon, RawDriver(daemon) as used:
        used.bind()
        with RawDriver(daemon) as idle:
            while True:
                kind, _, payload = idle.receive()  # answers the PINGs
                assert kind == GOAWAY, kind
                goaway = json.loads(payload)
                break
            assert goaway == {"code": 10, "message": "session idle timeout", "lastStreamId": 0, "retryAfterMs": 0}, goaway
            assert idle.expect_closed()[1] == 1000
        sessions = [session["sessionId"] for session in daemon.get_json("/sessions")["sessions"]]
        assert sessions == [used.hello_ok["sessionId"]], "a session with a port is not idle"


run(
    a_drivers_ping_comes_back,
    drivers_that_answer_or_say_anything_stay,
    a_silent_driver_gets_goaway_10_and_1001,
    an_unused_session_gets_goaway_10_and_1000,
)
