"""A GOAWAY with retryAfterMs: hoody-tunnel comes again when that is over and not before, says when, and ends at once when it is told to
end meanwhile (protocol section 7)."""

import signal
import time

from events import Narrator
from harness import BIND, HELLO, UNBIND, http_origin, run
from scripted_kit import CLOSE, UPGRADE, Kit

GOOD = (UPGRADE, HELLO, BIND, UNBIND, CLOSE)
BACKOFF_MAX_MS = 5000
LONGEST_PAUSE_MS = 300000  # that a daemon may ask for
TICK_MS = 10  # of the coarse clock that the driver's timers go by


def answer(*_):
    return 200, [], b"hello"


def send_away(kit, retry_after_ms):
    """Whoever came last is, and his connection ends. Returns the time before."""
    now, closes, guest = time.monotonic(), kit.heard[CLOSE], kit.connections[-1]
    guest.say_goaway(0, retry_after_ms)
    guest.say_close(1001)
    kit.hears(CLOSE, closes + 1)
    guest.drop()
    return now


def came_after_ms(kit, guest, since):
    """When that connection came."""
    kit.hears(UPGRADE, guest + 1)
    return (kit.arrivals[guest] - since) * 1000


def who_is_sent_away_comes_again_when_it_is_time():
    with http_origin(answer) as origin, Kit(*GOOD) as kit, Narrator(kit, "expose", str(origin.port)) as driver:
        port = driver.wait_for("bound")["port"]
        sent_away = send_away(kit, 700)
        interrupted = driver.wait_for("interrupted")
        assert interrupted["retry_ms"] == 700, interrupted  # the first try is otherwise made at once
        assert came_after_ms(kit, 1, sent_away) >= 700 - TICK_MS
        rebound = driver.wait_for("rebound")
        assert rebound["port"] == port, rebound
        sent_away = send_away(kit, 300)
        retry_ms = driver.wait_for("interrupted", 2)["retry_ms"]
        assert 300 <= retry_ms <= 300 + BACKOFF_MAX_MS, retry_ms
        assert came_after_ms(kit, 2, sent_away) >= retry_ms - TICK_MS
        driver.wait_for("rebound", 2)
        send_away(kit, 60000)  # whoever waits is quick to end
        driver.wait_for("interrupted", 3)


def who_waits_for_long_still_ends_at_once():
    with http_origin(answer) as origin, Kit(*GOOD) as kit, Narrator(kit, "expose", str(origin.port)) as driver:
        driver.wait_for("bound")
        send_away(kit, 0xFFFFFFFF)
        interrupted = driver.wait_for("interrupted")
        assert interrupted["retry_ms"] == LONGEST_PAUSE_MS, interrupted
        driver.stop(signal.SIGINT)  # within PATIENCE, a fraction of that


run(who_is_sent_away_comes_again_when_it_is_time, who_waits_for_long_still_ends_at_once)
