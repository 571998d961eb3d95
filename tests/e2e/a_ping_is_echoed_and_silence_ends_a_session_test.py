"""Liveness: PING and PONG both ways, pong timeout, idle timeout (protocol section 7)."""

import json

from harness import GOAWAY, PING, PONG, Daemon, RawDriver, bound_port, frame, run


def a_drivers_ping_comes_back():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        for token in (b"12345678", b"\0" * 8, b"\xff" * 8):
            driver.send(frame(PING, 0, token))
            assert driver.receive() == (PONG, 0, token)


def the_kit_pings_and_a_driver_that_answers_stays():
    with Daemon("--ping-interval", "50ms", "--pong-timeout", "400ms") as daemon, RawDriver(daemon) as driver:
        for _ in range(20):  # far beyond the timeout
            frames = driver.receive_message()
            for kind, stream, payload in frames:
                assert kind == PING and stream == 0 and len(payload) == 8, frames
                driver.send(frame(PONG, 0, payload))
        assert len(daemon.get_json("/sessions")["sessions"]) == 1


def any_frame_counts_as_a_sign_of_life():
    with Daemon("--ping-interval", "50ms", "--pong-timeout", "400ms") as daemon, RawDriver(daemon) as driver:
        for _ in range(20):
            for kind, _, _ in driver.receive_message():
                assert kind == PING
            driver.send(frame(0x7F, 0, b"still here"))


def a_silent_driver_gets_goaway_10_and_1001():
    with bound_port("--ping-interval", "50ms", "--pong-timeout", "300ms") as (daemon, driver, _port):
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
    with Daemon("--idle-timeout", "300ms", "--ping-interval", "50ms") as daemon, RawDriver(daemon) as used:
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
    the_kit_pings_and_a_driver_that_answers_stays,
    any_frame_counts_as_a_sign_of_life,
    a_silent_driver_gets_goaway_10_and_1001,
    an_unused_session_gets_goaway_10_and_1000,
)
