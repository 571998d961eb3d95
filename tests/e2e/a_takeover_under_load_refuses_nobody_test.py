"""A port that changes hands a hundred times while visitors knock without pause: each of them is served by the one owner or the
other, or told 502, or aborted in the middle; none is refused (protocol section 5)."""

import json
import queue
import struct
import threading

from hammer import ABORTED, Hammer
from harness import (
    BIND,
    BIND_OK,
    BIND_REVOKED,
    EOF,
    PATIENCE,
    RESET,
    STREAM_OPEN,
    Bystander,
    Closed,
    Daemon,
    RawDriver,
    data,
    frame,
    response_head,
    run,
)
from parking import resume, resumed_binds, wait_until_parked
from scripted_driver import ScriptedDriver

TURNS = 100
HALF = 40000


class Owner:
    """A driver that answers in two halves, the second one when the next visitor comes: so there is nearly always a stream that
    runs when the port changes hands."""

    def __init__(self, daemon, letter):
        self.driver = RawDriver(daemon)
        self.body = letter * 2 * HALF
        self.holds = True
        self.held = None  # a stream that has half of its answer
        self.streams = set()  # those that run
        self.bind = None  # what it holds
        self.resets = 0
        self.failures = []
        self.settled = queue.Queue()  # what BIND_OK and BIND_REVOKED say
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.driver.close()
        self.thread.join()
        self.driver.sock.close()

    def send(self, *frames):
        with self.lock:  # those of two threads must not mingle
            self.driver.send(*frames)

    def take(self, port):
        ask = {"clientBindRef": 1, "kind": "http", "mode": "expose", "containerPort": port, "takeover": True}
        self.send(frame(BIND, 0, ask))
        kind, said = self.settled.get(timeout=PATIENCE)
        assert kind == BIND_OK, (kind, said)
        return said

    def expect_revoked(self, bind):
        kind, said = self.settled.get(timeout=PATIENCE)
        assert kind == BIND_REVOKED and said["bindId"] == bind, (kind, said)

    def _serve(self):
        try:
            while True:
                self._on_frame(*self.driver.receive())
        except Closed:
            pass
        except Exception as failure:  # pylint: disable=broad-except
            self.failures.append(repr(failure))

    def _on_frame(self, kind, stream, payload):
        if kind == BIND_OK:
            said = json.loads(payload)
            self.bind = said["bindId"]
            self.settled.put((kind, said))
        elif kind == BIND_REVOKED:
            assert not self.streams, f"it comes after the last RESET: {self.streams}"
            self.bind = None
            self.settled.put((kind, json.loads(payload)))
        elif kind == STREAM_OPEN:
            opened = json.loads(payload)
            assert opened["bindId"] == self.bind, (opened, self.bind)
            self.streams.add(stream)
            self._answer_half(stream)
        elif kind == RESET:
            (code,) = struct.unpack(">H", payload[:2])
            assert code in (7, 13), payload  # 7: the test's end leaves visitors behind
            self.resets += code == 13
            self._forget(stream)

    def _answer_half(self, stream):
        head = response_head(stream, headers=[["content-length", str(2 * HALF)]])
        self.send(head, data(stream, self.body[:HALF]))
        due = {self.held, None if self.holds else stream} - {None}
        self.held = stream if self.holds else None
        for before in due:
            self.send(data(before, self.body[HALF:]), frame(EOF, before))
            self.streams.remove(before)

    def _forget(self, stream):
        self.streams.discard(stream)
        if self.held == stream:
            self.held = None


def a_hundred_times_back_and_forth():
    with Daemon() as daemon, Bystander(daemon) as bystander:
        with Owner(daemon, b"1") as first, Owner(daemon, b"2") as second:
            bound = first.take(0)
            port = bound["containerPort"]
            with Hammer(port, threads=4) as hammer:
                hammer.wait_for(first.body)
                for turn in range(TURNS):
                    old, new = (first, second) if turn % 2 == 0 else (second, first)
                    taken = new.take(port)
                    assert taken["containerPort"] == port and taken["bindId"] > bound["bindId"], (taken, bound)
                    old.expect_revoked(bound["bindId"])
                    bound = taken
                    if turn % 10 == 0:
                        hammer.wait_for(new.body)
                first.holds = second.holds = False
                hammer.wait_for(new.body, 4)
                hammer.expect_only(first.body, second.body, 502, ABORTED)
            for owner in (first, second):
                assert not owner.failures, owner.failures
            assert first.resets > 0 and second.resets > 0, "no stream ran when the port changed hands"
            assert daemon.metric("hoody_tunnel_sessions_active") == 3, "the sessions live on"
        bystander.check()


def from_a_parked_owner_and_back():
    """It is 503 then until the port is taken; it is never refused."""
    with Daemon() as daemon, RawDriver(daemon) as keeper:
        session = keeper.hello_ok["sessionId"]
        kept, disputed = keeper.bind(), keeper.bind()
        port = disputed["containerPort"]
        keeper.sock.close()
        wait_until_parked(daemon)
        with Hammer(port) as hammer:
            hammer.wait_for(503)
            with ScriptedDriver(daemon, ports=[port], takeover=True, answer="second") as second:
                second.hear("welcome")
                taken = second.hear("bound")
                assert taken["bindId"] > disputed["bindId"] and taken["containerPort"] == port
                hammer.wait_for(b"second")
                with resume(daemon, session) as back:
                    assert resumed_binds(back.hello_ok) == {kept["bindId"]: kept["containerPort"]}, back.hello_ok
                    assert back.ping() == [], "the list says it all"
                hammer.wait_for(b"second")
                wait_until_parked(daemon)
                with ScriptedDriver(daemon, resume=session, ports=[port], takeover=True, answer="first") as back:
                    assert resumed_binds(back.hear("welcome")) == {kept["bindId"]: kept["containerPort"]}
                    assert back.hear("bound")["bindId"] > taken["bindId"]
                    assert second.hear("revoked")["bindId"] == taken["bindId"]
                    hammer.wait_for(b"first")
            hammer.expect_only(b"first", b"second", 502, 503, ABORTED)


def a_parked_session_without_ports_is_no_more():
    with Daemon() as daemon, RawDriver(daemon) as parked, RawDriver(daemon) as heir:
        session, port = parked.hello_ok["sessionId"], parked.bind()["containerPort"]
        parked.sock.close()
        wait_until_parked(daemon)
        heir.bind(port, takeover=True)
        wait_until_parked(daemon, sessions=0)
        with resume(daemon, session) as fresh:
            assert fresh.hello_ok["resumed"] is False and fresh.hello_ok["sessionId"] != session, fresh.hello_ok


run(a_hundred_times_back_and_forth, from_a_parked_owner_and_back, a_parked_session_without_ports_is_no_more)
