"""A disk that takes no line any more: daemon and driver serve as ever, and end as ever; a driver whose standard output is there says
so at its end, which is no success."""

import signal

from harness import Daemon, Expose, Process, Visitor, http_origin, run, simple_get, wait_until

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


def what_standard_output_did_not_take_is_told_at_the_end():
    for flags in (["--json"], ["--plain"]):
        with open("/dev/full", "wb") as full, http_origin(answer) as origin, Daemon() as daemon:
            arguments = ["expose", str(origin.port), "--url", f"ws://127.0.0.1:{daemon.port}", *flags]
            driver = Process("hoody-tunnel", arguments, stdout=full)
            (binding,) = wait_until(lambda: daemon.get_json("/bindings")["bindings"], "its port is there")
            assert simple_get(binding["port"])[2] == b"hello"
            driver.stop(signal.SIGINT, expect=1)
            said = driver.stderr().splitlines()
            assert said[-1] == "hoody-tunnel: standard output can't be written: No space left on device", said


run(everybody_is_served, what_standard_output_did_not_take_is_told_at_the_end)
