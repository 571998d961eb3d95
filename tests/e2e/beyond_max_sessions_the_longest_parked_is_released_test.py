"""Of parked sessions as many are kept as may be live; beyond that the longest parked one is released, and its driver begins
afresh. A resume is let in whatever is live (protocol section 3)."""

from harness import Daemon, RawDriver, abort, hello, run, wait_until
from parking import expect_away, is_listening, is_parked, resume, resumed_binds

SESSIONS = 3
FLAGS = ("--max-sessions", str(SESSIONS))


def park(daemon):
    """(session, bind, port) of a driver that was cut off."""
    parked = daemon.metric("hoody_tunnel_sessions_parked_total")
    with RawDriver(daemon) as driver:
        bound = driver.bind()
        abort(driver.sock)
    wait_until(lambda: daemon.metric("hoody_tunnel_sessions_parked_total") == parked + 1, "the session is parked")
    return driver.hello_ok["sessionId"], bound["bindId"], bound["containerPort"]


def the_first_go_first():
    with Daemon(*FLAGS) as daemon:
        all_of_them = [park(daemon) for _ in range(SESSIONS + 2)]
        gone, kept = all_of_them[:2], all_of_them[2:]
        wait_until(lambda: is_parked(daemon, SESSIONS), "only so many are kept")
        assert daemon.metric('hoody_tunnel_sessions_expired_total{reason="limit"}') == len(gone)
        for session, _, port in gone:
            wait_until(lambda port=port: not is_listening(port), "its port is closed")
            with resume(daemon, session) as driver:
                assert driver.hello_ok["resumed"] is False and driver.hello_ok["sessionId"] != session, driver.hello_ok
                assert driver.bind(port)["containerPort"] == port
                driver.close()
                driver.expect_closed()
        for _, _, port in kept:
            expect_away(port)
        for session, bind, port in reversed(kept):
            with resume(daemon, session) as driver:
                assert resumed_binds(driver.hello_ok) == {bind: port}


def the_live_ones_do_not_count_against_them():
    with Daemon(*FLAGS) as daemon:
        parked = [park(daemon) for _ in range(SESSIONS)]
        live = [RawDriver(daemon) for _ in range(SESSIONS)]
        drivers = [resume(daemon, session) for session, _, _ in parked]
        for driver, (_, bind, port) in zip(drivers, parked):
            assert resumed_binds(driver.hello_ok) == {bind: port}
        assert daemon.get_json("/sessions")["total"] == 2 * SESSIONS
        with RawDriver(daemon, says_hello=False) as fresh:
            fresh.send(hello())
            assert fresh.expect_goaway(14, 1013) == "tunnel session limit reached"
        with resume(daemon, live[0].hello_ok["sessionId"]) as again:  # one that is live may be resumed, too
            assert again.hello_ok["resumed"] is True
        for driver in live + drivers:
            driver.sock.close()


run(the_first_go_first, the_live_ones_do_not_count_against_them)
