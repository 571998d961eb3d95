"""A network that passes no byte for half a minute, without a FIN or an RST: the driver's own PING notices, and the tunnel serves again
on the same port. From the return of the network to a visitor's answer it takes 5 s at most, the longest pause between two tries; that
is asserted, on a released build only, and what it took is printed: it is about a hundredth of that."""

import os
import threading
import time

from events import Narrator
from harness import Daemon, http_origin, run, simple_get, skip, wait_until
from relay import Relay

SILENCE_S = 30
SOON_S = 5


def answer(*_):
    return 200, [], b"hello"


def it_serves_again():
    if os.environ.get("HOODY_SANITIZE"):
        skip("half a minute of waiting is spent once, on what is released")
    flags = ("--ping-interval", "2s", "--ping-timeout", "2s")
    with http_origin(answer) as origin, Daemon("--pong-timeout", "20s") as daemon, Relay(daemon) as relay:
        with Narrator(relay, "expose", str(origin.port), *flags) as driver:
            port = driver.wait_for("bound")["port"]
            relay.freeze()
            driver.wait_for("interrupted", why="the daemon does not answer any more")
            time.sleep(SILENCE_S)
            returned = time.monotonic()
            relay.thaw()
            rebound = driver.wait_for("rebound")
            wait_until(lambda: simple_get(port)[2] == b"hello", "it serves again")
            took = time.monotonic() - returned
            print(f"the tunnel served again {took:.2f} s after the network's return", flush=True)
            assert rebound["port"] == rebound["previous_port"] == port, rebound
            assert took <= SOON_S, took
            assert names_of(driver.events)[-1] in ("rebound", "request"), driver.events


def names_of(events):
    return [event["event"] for event in events]


assert threading.active_count() == 1
run(it_serves_again)
