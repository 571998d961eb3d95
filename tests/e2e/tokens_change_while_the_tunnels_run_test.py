"""SIGHUP under load: the tokens are others, whoever is in stays in, a removed one is refused from then on, also to resume, an
added one is let in (protocol section 3)."""

import os
import signal
import tempfile

from hammer import Hammer
from harness import HELLO_OK, Daemon, RawDriver, hello, run, wait_until
from parking import expect_away, resumed_binds, wait_until_parked
from scripted_driver import ScriptedDriver

STAYS = "token-that-stays"
ROUNDS = 20


class TokenFile:
    """The daemon's token file; a change is complete when the daemon has said so."""

    def __init__(self, *tokens):
        self.path = tempfile.mkstemp(prefix="hoody-tokens-")[1]
        self.reloads = 1  # the first one is the start's
        self.write(tokens)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.unlink(self.path)

    def write(self, tokens):
        """At once, as careful people do."""
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            file.write("".join(token + "\n" for token in tokens))
        os.chmod(self.path + ".new", 0o600)
        os.replace(self.path + ".new", self.path)

    def change(self, daemon, *tokens):
        self.write(tokens)
        os.kill(daemon.pid, signal.SIGHUP)
        self.reloads += 1
        wait_until(lambda: daemon.stderr().count(" tokens-loaded ") >= self.reloads, "the tokens are loaded")


def bearer(token):
    return {"auth": {"kind": "bearer", "token": token}}


def expect_let_in(daemon, token):
    with RawDriver(daemon, **bearer(token)) as driver:
        driver.close()


def expect_refused(daemon, token, **more):
    with RawDriver(daemon, says_hello=False) as driver:
        driver.send(hello(**bearer(token), **more))
        assert driver.expect_goaway(11, 3000) == "authentication failed"


def is_let_in(daemon, token):
    with RawDriver(daemon, says_hello=False) as driver:
        driver.send(hello(**bearer(token)))
        return driver.receive()[0] == HELLO_OK


def twenty_times_while_visitors_are_served():
    with TokenFile(STAYS, "round-0") as file, Daemon("--auth-token-file", file.path) as daemon:
        with ScriptedDriver(daemon, ports=[0], token="round-0") as driver:
            session = driver.hear("welcome")["sessionId"]
            with Hammer(driver.hear("bound")["containerPort"], threads=2) as hammer:
                for number in range(1, ROUNDS + 1):
                    expect_refused(daemon, f"round-{number}")
                    file.change(daemon, STAYS, f"round-{number}")
                    expect_let_in(daemon, STAYS)
                    expect_let_in(daemon, f"round-{number}")
                    expect_refused(daemon, f"round-{number - 1}")
                    hammer.wait_for(b"here")
                hammer.expect_only(b"here")
            sessions = [row["sessionId"] for row in daemon.get_json("/sessions")["sessions"]]
            assert session in sessions, "who is in stays in"


def nobody_is_refused_while_they_are_read():
    """SIGHUPs that come faster than they are handled: whoever may come in always may."""
    with TokenFile(STAYS) as file, Daemon("--auth-token-file", file.path) as daemon:
        for number in range(100):
            file.write([STAYS, *(f"another-{number}-{i}" for i in range(50))])
            os.kill(daemon.pid, signal.SIGHUP)
            expect_let_in(daemon, STAYS)
        file.write([STAYS, "last"])
        os.kill(daemon.pid, signal.SIGHUP)
        wait_until(lambda: is_let_in(daemon, "last"), "the last ones are loaded")


def a_removed_token_does_not_resume():
    with TokenFile("lost", "found") as file, Daemon("--auth-token-file", file.path) as daemon:
        with ScriptedDriver(daemon, ports=[0], token="lost") as driver:
            session, bound = driver.hear("welcome")["sessionId"], driver.hear("bound")
            file.change(daemon, "found")
            driver.kill()
        wait_until_parked(daemon)
        expect_refused(daemon, "lost", resume={"sessionId": session})
        expect_away(bound["containerPort"])
        with ScriptedDriver(daemon, resume=session, token="found") as driver:
            assert resumed_binds(driver.hear("welcome")) == {bound["bindId"]: bound["containerPort"]}


run(twenty_times_while_visitors_are_served, nobody_is_refused_while_they_are_read, a_removed_token_does_not_resume)
