"""A lid that closes, a container that is paused: who is frozen beyond the pong timeout is parked and comes back; and a daemon
that was frozen itself does not hold that against its drivers (protocol section 7)."""

import os
import signal
import time

from harness import PING, PONG, Daemon, RawDriver, Visitor, frame, run
from parking import expect_away, expect_served, resumed_binds, wait_until_parked
from scripted_driver import HELD, ScriptedDriver

PONG_TIMEOUT = 2  # seconds
FLAGS = ("--ping-interval", "300ms", "--pong-timeout", f"{PONG_TIMEOUT}s")


def a_frozen_driver_is_parked_and_comes_back():
    with Daemon(*FLAGS) as daemon, ScriptedDriver(daemon, ports=[0]) as driver:
        session, bound = driver.hear("welcome")["sessionId"], driver.hear("bound")
        port = bound["containerPort"]
        with Visitor(port) as reading:
            reading.ask(target=HELD)
            assert reading.receive_head()[0] == 200
            os.kill(driver.process.pid, signal.SIGSTOP)
            wait_until_parked(daemon)
            reading.expect_abort()
        expect_away(port)
        os.kill(driver.process.pid, signal.SIGCONT)
        goaway = driver.hear("goaway")
        assert (goaway["code"], goaway["message"]) == (10, "pong timeout"), goaway
        assert driver.hear("closed") == 1001
        with ScriptedDriver(daemon, resume=session, answer="awake") as awake:
            assert resumed_binds(awake.hear("welcome")) == {bound["bindId"]: port}
            expect_served(port, b"awake")


def a_frozen_daemon_blames_nobody():
    """Its drivers answered all that it had asked."""
    with Daemon(*FLAGS) as daemon, Answering(daemon) as driver:
        port = driver.bind()["containerPort"]
        for _ in range(3):
            driver.expect_a_ping()
            os.kill(daemon.pid, signal.SIGSTOP)
            time.sleep(PONG_TIMEOUT + 1)
            os.kill(daemon.pid, signal.SIGCONT)
        for _ in range(10):
            driver.expect_a_ping()
        assert daemon.get_json("/bindings")["bindings"][0]["port"] == port
        assert "pong timeout" not in daemon.stderr()


class Answering(RawDriver):
    """Answers PINGs one by one."""

    def expect_a_ping(self):
        for kind, _, payload in self.receive_message():
            assert kind == PING, (kind, payload)
            self.send(frame(PONG, 0, payload))


run(a_frozen_driver_is_parked_and_comes_back, a_frozen_daemon_blames_nobody)
