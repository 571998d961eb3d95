"""Each reason for which a handshake is refused (actors/session_manager/session_refusals.def) is provoked: the driver is told
as the protocol says (sections 3, 4 and 7), and hoody_tunnel_sessions_refused_total counts it."""

import json
import os
import signal
import tempfile
import time

from harness import (
    API,
    BIND,
    BIND_ERR,
    GOAWAY,
    HELLO_OK,
    JOIN,
    JOIN_ERR,
    Closed,
    Daemon,
    RawDriver,
    Visitor,
    abort,
    connect,
    frame,
    hello,
    receive_head,
    run,
    wait_until,
)
from the_lists import entries

TICKET_SECONDS = 0.1
FLAGS = {
    "expired_ticket": ("--join-ticket-ttl", f"{TICKET_SECONDS * 1000:.0f}ms"),
    "session_limit": ("--max-sessions", "1"),
    "draining": ("--drain-timeout", "3s"),
    "resume_expired": ("--takeover-grace", "100ms"),
}
NOBODY = "S-00000000-0000-4000-8000-000000000000"
REFUSED_BINDS = [frame(BIND, 0, {"clientBindRef": 1, "kind": "http", "mode": "expose", "containerPort": 1})] * 64


def refused(daemon, **more):
    """A HELLO that is refused: (GOAWAY's code and message, or None; close code; reason)."""
    with RawDriver(daemon, says_hello=False) as driver:
        driver.send(hello(**more))
        return how_it_ended(driver)


def how_it_ended(driver):
    frames, close, reason = driver.expect_closed()
    assert [kind for kind, _, _ in frames] in ([], [GOAWAY]), frames
    goaway = json.loads(frames[0][2]) if frames else None
    return (goaway["code"], goaway["message"]) if goaway else None, close, reason


def join_refused(daemon, payload):
    with RawDriver(daemon, "hoody-tunnel.v2", says_hello=False) as driver:
        driver.send(frame(JOIN, 0, payload))
        frames, close, _ = driver.expect_closed()
        assert [kind for kind, _, _ in frames] in ([], [JOIN_ERR]), frames
        return (json.loads(frames[0][2])["code"] if frames else None), close


# ---- each is given a daemon, and checks what the driver is told


def bad_hello(daemon):
    (code, _), close, _ = refused(daemon, version="hoody-tunnel.v9")
    assert (code, close) == (1, 1002)


def session_limit(daemon):
    why = "tunnel session limit reached"
    with RawDriver(daemon):
        assert refused(daemon) == ((14, why), 1013, why)


def draining(daemon):
    with RawDriver(daemon) as driver, RawDriver(daemon, says_hello=False) as late:
        with Visitor(driver.bind()["containerPort"]) as visitor:
            visitor.ask()
            driver.expect_stream()  # the shutdown waits for it
            daemon.process.send_signal(signal.SIGTERM)
            wait_until(lambda: "draining" in daemon.stderr(), "it is shutting down")
            late.send(hello())
            goaway, close, _ = how_it_ended(late)
            assert (goaway, close) == ((0, "kit is shutting down"), 1001)
            yield
    daemon.wait()


def bad_join(daemon):
    assert join_refused(daemon, {"sessionId": 1}) == (None, None)


def unknown_session(daemon):
    assert join_refused(daemon, {"sessionId": NOBODY, "index": 1, "nonce": "x"}) == ("UNKNOWN_SESSION", 1000)


def of_two_connections(daemon):
    return RawDriver(daemon, "hoody-tunnel.v2", capabilities=["multi-ws"], maxConnections=2)


def ticket_of(driver):
    """The JOIN that the driver's only ticket allows."""
    (ticket,) = driver.hello_ok["joinTickets"]
    return {"sessionId": driver.hello_ok["sessionId"], "index": ticket["index"], "nonce": ticket["nonce"]}


def bad_ticket(daemon):
    with of_two_connections(daemon) as driver:
        ask = {"sessionId": driver.hello_ok["sessionId"], "index": 1, "nonce": "x"}
        assert join_refused(daemon, ask) == ("BAD_TICKET", 1000)


def expired_ticket(daemon):
    with of_two_connections(daemon) as driver:
        time.sleep(2 * TICKET_SECONDS)  # its life, and as much again
        assert join_refused(daemon, ticket_of(driver)) == ("EXPIRED_TICKET", 1000)


def index_in_use(daemon):
    with of_two_connections(daemon) as driver, RawDriver(daemon, "hoody-tunnel.v2", says_hello=False) as second:
        second.send(frame(JOIN, 0, ticket_of(driver)))
        wait_until(lambda: daemon.metric('hoody_tunnel_handshakes_total{result="joined"}') == 1, "it has joined")
        assert join_refused(daemon, ticket_of(driver)) == ("INDEX_IN_USE", 1000)


def auth_failed(daemon):
    goaway, close, _ = refused(daemon, auth={"kind": "bearer", "token": "wrong"})
    assert (goaway, close) == ((11, "authentication failed"), 3000)


def resume_expired(daemon):
    with RawDriver(daemon) as driver:
        driver.bind()
        abort(driver.sock)
    wait_until(lambda: daemon.metric('hoody_tunnel_sessions_expired_total{reason="grace"}') == 1, "the grace is over")
    goaway, close, _ = refused(daemon, resume={"sessionId": driver.hello_ok["sessionId"]})
    assert (goaway, close) == ((4, "resume grace expired"), 1008)


class Standstill:
    """The daemon stands still meanwhile, and then finds all that was sent to it at once: first BINDs, which keep the
    binding-registry busy while others ask for what it must be asked about."""

    def __init__(self, daemon, busy):
        self.daemon, self.busy = daemon, busy

    def __enter__(self):
        os.kill(self.daemon.pid, signal.SIGSTOP)
        for _ in range(4):
            self.busy.send(*REFUSED_BINDS)

    def __exit__(self, *_):
        os.kill(self.daemon.pid, signal.SIGCONT)
        for _ in range(4 * len(REFUSED_BINDS)):
            self.busy.expect(BIND_ERR)


def resume_in_progress(daemon):
    """Several resume the same session at the same time: one at a time is let in, others come later."""

    def is_refused():
        with RawDriver(daemon) as driver, RawDriver(daemon) as busy:
            driver.bind()
            session = driver.hello_ok["sessionId"]
            contenders = [RawDriver(daemon, says_hello=False) for _ in range(4)]
            with Standstill(daemon, busy):
                for contender in contenders:
                    contender.send(hello(resume={"sessionId": session}))
            firsts = [first_word(contender) for contender in contenders]
            let_in = [contender for contender, first in zip(contenders, firsts) if first == HELLO_OK]
            assert let_in and set(firsts) <= {HELLO_OK, 1013}, firsts
            assert list(map(has_the_session, let_in)).count(True) == 1, firsts
            for contender in contenders:
                contender.sock.close()
            return 1013 in firsts

    wait_until(is_refused, "one came while another was being let in")


def first_word(driver):
    """The kind of the first frame, or the close code when there is none."""
    try:
        return driver.receive_message()[0][0]
    except Closed as closed:
        return closed.code


def has_the_session(driver):
    try:
        driver.ping()
    except Closed as closed:
        assert (closed.code, closed.reason) == (1000, "session resumed on another connection"), closed
        return False
    return True


def killed(daemon):
    """A session is killed while its driver is being let in again."""

    def is_refused():
        with RawDriver(daemon) as driver, RawDriver(daemon) as busy, connect(daemon.port) as admin:
            driver.bind()
            session = driver.hello_ok["sessionId"]
            with RawDriver(daemon, says_hello=False) as late:
                with Standstill(daemon, busy):
                    late.send(hello(resume={"sessionId": session}))
                    admin.sendall(f"DELETE {API}/sessions/{session} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                assert receive_head(admin).startswith(b"HTTP/1.1 202 ")
                first = late.receive_message()[0]
                if first[0] == HELLO_OK and not json.loads(first[2])["resumed"]:
                    return False  # the kill came before: its session is a fresh one
                rest, close, _ = late.expect_closed()
                frames = [first, *rest]
                kinds = [kind for kind, _, _ in frames]
                assert kinds in ([GOAWAY], [HELLO_OK, GOAWAY]) and close == 1000, (kinds, close)
                goaway = json.loads(frames[-1][2])
                assert (goaway["code"], goaway["message"]) == (1, "closed by admin"), goaway
                return kinds == [GOAWAY]

    wait_until(is_refused, "the kill came while the driver was being let in")


CAUSES = [bad_hello, session_limit, draining, bad_join, unknown_session, bad_ticket, expired_ticket,
          index_in_use, auth_failed, resume_expired, resume_in_progress, killed]  # fmt: skip


def provoke(reason, cause, *flags):
    with Daemon(*flags) as daemon:
        series = f'hoody_tunnel_sessions_refused_total{{reason="{reason}"}}'
        assert daemon.metric(series) == 0
        rest = cause(daemon)
        if rest:  # one that goes on after the look at the metrics
            next(rest)
        assert daemon.metric(series) >= 1, f"{reason} is not counted"
        assert next(rest or iter(()), None) is None


def every_reason_has_its_cause():
    causes = {cause.__name__: cause for cause in CAUSES}
    with tempfile.NamedTemporaryFile("w", prefix="hoody-tokens-") as tokens:
        tokens.write("right\n")
        tokens.flush()
        for (reason,) in entries("actors/session_manager/session_refusals.def", "SESSION_REFUSAL"):
            assert reason in causes, f"no cause of {reason} is here"
            flags = ("--auth-token-file", tokens.name) if reason == "auth_failed" else FLAGS.get(reason, ())
            provoke(reason, causes.pop(reason), *flags)
            print(f"     {reason}")
    assert not causes, f"reasons that are not in the list: {causes}"


run(every_reason_has_its_cause)
