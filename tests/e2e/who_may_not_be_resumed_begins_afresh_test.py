"""Resume of a session that was killed, or that held nothing, begins a fresh one; an expired one is told so each time; and a
resume needs its token like any other HELLO (protocol section 3)."""

import tempfile

from harness import Daemon, RawDriver, abort, hello, run, wait_until
from parking import resume, resumed_binds, wait_until_parked


def expect_fresh(daemon, session):
    with resume(daemon, session) as driver:
        assert driver.hello_ok["resumed"] is False and driver.hello_ok["resumedBinds"] == [], driver.hello_ok
        assert driver.hello_ok["sessionId"] != session


def kill(daemon, session):
    assert daemon.request("DELETE", f"/sessions/{session}")[0] == 202


def one_that_was_killed():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        session, port = driver.hello_ok["sessionId"], driver.bind()["containerPort"]
        kill(daemon, session)
        expect_fresh(daemon, session)
        with RawDriver(daemon) as heir:
            heir.bind(port)


def one_that_was_killed_while_parked():
    with Daemon() as daemon:
        with RawDriver(daemon) as driver:
            session, port = driver.hello_ok["sessionId"], driver.bind()["containerPort"]
            abort(driver.sock)
        wait_until_parked(daemon)
        kill(daemon, session)
        expect_fresh(daemon, session)
        with RawDriver(daemon) as heir:
            heir.bind(port)


def one_that_held_nothing():
    with Daemon() as daemon:
        with RawDriver(daemon) as driver:
            abort(driver.sock)
        wait_until(lambda: "it holds no ports" in daemon.stderr(), "the registry has said so, and it is gone")
        assert daemon.get_json("/sessions")["total"] == 0
        expect_fresh(daemon, driver.hello_ok["sessionId"])
        assert daemon.metric("hoody_tunnel_sessions_parked_total") == 0


def one_whose_grace_ran_out_is_told_so_each_time():
    with Daemon("--takeover-grace", "100ms") as daemon:
        with RawDriver(daemon) as driver:
            driver.bind()
            abort(driver.sock)
        wait_until(lambda: daemon.metric('hoody_tunnel_sessions_expired_total{reason="grace"}') == 1, "the grace is over")
        for subprotocol in ("hoody-tunnel.v1", "hoody-tunnel.v2"):
            with RawDriver(daemon, subprotocol, says_hello=False) as late:
                late.send(hello(subprotocol, resume={"sessionId": driver.hello_ok["sessionId"]}))
                assert late.expect_goaway(4, 1008) == "resume grace expired"
        with RawDriver(daemon) as another:
            another.bind()


def the_id_alone_is_not_enough_where_tokens_are_asked_for():
    with tempfile.NamedTemporaryFile("w", prefix="hoody-tokens-") as tokens:
        tokens.write("right\n")
        tokens.flush()
        token = {"auth": {"kind": "bearer", "token": "right"}}
        with Daemon("--auth-token-file", tokens.name) as daemon:
            with RawDriver(daemon, **token) as driver:
                session, bound = driver.hello_ok["sessionId"], driver.bind()
                for auth in ({}, {"auth": {"kind": "bearer", "token": "wrong"}}):
                    with RawDriver(daemon, says_hello=False) as thief:
                        thief.send(hello(resume={"sessionId": session}, **auth))
                        assert thief.expect_goaway(11, 3000) == "authentication failed"
                driver.ping()  # and its owner has not felt it
                abort(driver.sock)
            wait_until_parked(daemon)
            with resume(daemon, session, **token) as driver:
                assert resumed_binds(driver.hello_ok) == {bound["bindId"]: bound["containerPort"]}


run(
    one_that_was_killed,
    one_that_was_killed_while_parked,
    one_that_held_nothing,
    one_whose_grace_ran_out_is_told_so_each_time,
    the_id_alone_is_not_enough_where_tokens_are_asked_for,
)
