"""A GOAWAY with retryAfterMs: hoody-tunnel comes again when that is over and not before, says when, and ends at once when it is told to
end meanwhile (protocol section 7)."""

import signal
import time

from events import Narrator
from harness import http_origin, run
from raw_daemon import RawDaemon

PORT = 20080  # as the daemon says; nobody listens there
BACKOFF_MAX_MS = 5000
LONGEST_PAUSE_MS = 300000  # that a daemon may ask for
TICK_MS = 10  # of the coarse clock that the driver's timers go by


def answer(*_):
    return 200, [], b"hello"


def who_is_sent_away_comes_again_when_it_is_time():
    with http_origin(answer) as origin, RawDaemon() as daemon, Narrator(daemon, "expose", str(origin.port)) as driver:
        with daemon.accept() as guest:
            guest.grant(PORT)
            driver.wait_for("bound")
            sent_away = time.monotonic()
            guest.send_away(retryAfterMs=700)
            interrupted = driver.wait_for("interrupted")
            assert interrupted["retry_ms"] == 700, interrupted  # the first try is otherwise made at once
        with daemon.accept() as guest:
            assert (time.monotonic() - sent_away) * 1000 >= 700 - TICK_MS
            guest.grant(PORT)
            rebound = driver.wait_for("rebound")
            assert rebound["port"] == PORT, rebound
            sent_away = time.monotonic()
            guest.send_away(retryAfterMs=300)
            retry_ms = driver.wait_for("interrupted", 2)["retry_ms"]
            assert 300 <= retry_ms <= 300 + BACKOFF_MAX_MS, retry_ms
        with daemon.accept() as guest:
            assert (time.monotonic() - sent_away) * 1000 >= retry_ms - TICK_MS
            guest.grant(PORT)
            driver.wait_for("rebound", 2)
            guest.send_away(retryAfterMs=60000)  # whoever waits is quick to end
            driver.wait_for("interrupted", 3)


def who_waits_for_long_still_ends_at_once():
    with http_origin(answer) as origin, RawDaemon() as daemon, Narrator(daemon, "expose", str(origin.port)) as driver:
        with daemon.accept() as guest:
            guest.grant(PORT)
            driver.wait_for("bound")
            guest.send_away(retryAfterMs=0xFFFFFFFF)
            interrupted = driver.wait_for("interrupted")
            assert interrupted["retry_ms"] == LONGEST_PAUSE_MS, interrupted
        driver.stop(signal.SIGINT)  # within PATIENCE, a fraction of that


run(who_is_sent_away_comes_again_when_it_is_time, who_waits_for_long_still_ends_at_once)
