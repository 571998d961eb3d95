"""The idle timeout is for sessions with neither streams nor bindings, and begins when the last one has gone (protocol section
7). What a session must outlive is measured by others of the same daemon that are idle and reaped meanwhile."""

from harness import BIND_REVOKED, UNBIND, UNBIND_OK, Daemon, RawDriver, frame, run
from parking import expect_away, is_parked, resume, resumed_binds, wait_until_parked

FLAGS = ("--idle-timeout", "2s", "--ping-interval", "100ms", "--pong-timeout", "1h")


def an_idle_life(daemon):
    """A session is opened, and reaped: whoever was idle before it would have been reaped, too."""
    with RawDriver(daemon) as idle:
        expect_reaped(idle)


def expect_reaped(driver):
    assert driver.expect_goaway(10, 1000) == "session idle timeout"


def open_sessions(daemon):
    return [row["sessionId"] for row in daemon.get_json("/sessions")["sessions"]]


def one_that_holds_a_port_is_not():
    with Daemon(*FLAGS) as daemon, RawDriver(daemon) as driver:
        bound = driver.bind()
        an_idle_life(daemon)
        assert open_sessions(daemon) == [driver.hello_ok["sessionId"]]
        driver.send(frame(UNBIND, 0, {"bindId": bound["bindId"]}))
        driver.expect(UNBIND_OK)
        expect_reaped(driver)


def one_whose_port_was_taken_over_is():
    with Daemon(*FLAGS) as daemon, RawDriver(daemon) as old, RawDriver(daemon) as new:
        port, _ = old.bind()["containerPort"], new.bind()
        an_idle_life(daemon)
        new.bind(port, takeover=True)
        old.expect(BIND_REVOKED)
        expect_reaped(old)
        assert open_sessions(daemon) == [new.hello_ok["sessionId"]]


def a_parked_one_is_not():
    with Daemon(*FLAGS) as daemon, RawDriver(daemon) as driver:
        session, bound = driver.hello_ok["sessionId"], driver.bind()
        driver.sock.close()
        wait_until_parked(daemon)
        an_idle_life(daemon)
        expect_away(bound["containerPort"])
        with resume(daemon, session) as back:
            assert resumed_binds(back.hello_ok) == {bound["bindId"]: bound["containerPort"]}
            an_idle_life(daemon)
            assert open_sessions(daemon) == [session] and is_parked(daemon, 0)
            back.send(frame(UNBIND, 0, {"bindId": bound["bindId"]}))
            back.expect(UNBIND_OK)
            expect_reaped(back)


run(
    one_that_holds_a_port_is_not,
    one_whose_port_was_taken_over_is,
    a_parked_one_is_not,
)
