"""A disk that takes no line of a log any more: daemon and driver serve as ever, and end as ever."""

from harness import Daemon, Expose, Visitor, http_origin, run, simple_get, wait_until

VISITS = 50


def answer(*_):
    return 200, [], b"hello"


def everybody_is_served():
    with open("/dev/full", "wb") as full, http_origin(answer) as origin:
        with Daemon("--access-log", "--log-level", "debug", stderr=full) as daemon:
            with Expose(daemon, origin.port, stderr=full) as driver:
                for _ in range(VISITS):
                    assert simple_get(driver.port)[2] == b"hello"
                with Visitor(driver.port) as visitor:
                    visitor.ask()
                    assert visitor.receive_answer()[2] == b"hello"
                assert daemon.metric("hoody_tunnel_streams_opened_total") == VISITS + 1
            wait_until(lambda: daemon.get_json("/sessions")["total"] == 0, "the session is gone")


run(everybody_is_served)
