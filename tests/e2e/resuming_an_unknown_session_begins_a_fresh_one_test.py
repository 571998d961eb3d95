"""Handshake: resume of an id that was never seen, or ended cleanly: resumed false and a fresh session (section 3)."""

from harness import Closed, Daemon, RawDriver, run, wait_until

NEVER_SEEN = "S-00000000-0000-4000-8000-000000000000"


def an_id_that_was_never_seen():
    with Daemon() as daemon:
        for session in (NEVER_SEEN, "anything", ""):
            with RawDriver(daemon, resume={"sessionId": session}) as driver:
                assert driver.hello_ok["resumed"] is False and driver.hello_ok["resumedBinds"] == []
                assert driver.hello_ok["sessionId"] != session
                driver.bind()


def an_id_that_ended_cleanly():
    with Daemon() as daemon:
        with RawDriver(daemon) as driver:
            session = driver.hello_ok["sessionId"]
            driver.bind()
            driver.close()
            try:
                driver.receive()
            except Closed as closed:
                assert closed.code == 1000, closed
        wait_until(lambda: not daemon.get_json("/sessions")["sessions"], "the session is gone")
        with RawDriver(daemon, resume={"sessionId": session}) as driver:
            assert driver.hello_ok["resumed"] is False and driver.hello_ok["sessionId"] != session


run(an_id_that_was_never_seen, an_id_that_ended_cleanly)
