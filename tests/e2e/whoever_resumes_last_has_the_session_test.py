"""Many who resume the same session at once, and a storm of drivers who steal each other's sessions and ports: one has it at a
time, the others are told, and at the end nothing is left behind (protocol sections 3, 5 and 7)."""

import json
import os
import random
import threading
import traceback

from harness import (
    BIND,
    BIND_ERR,
    BIND_OK,
    BIND_REVOKED,
    EOF,
    GOAWAY,
    HELLO_OK,
    RESET,
    STREAM_OPEN,
    UNBIND,
    UNBIND_ERR,
    UNBIND_OK,
    Bystander,
    Closed,
    Daemon,
    RawDriver,
    Visitor,
    abort,
    frame,
    hello,
    response_head,
    run,
    wait_until,
)
from parking import resumed_binds, wait_until_parked

SEED = int(os.environ.get("HOODY_SEED", "20250117"))
ASK = {"clientBindRef": 1, "kind": "http", "mode": "expose"}
FAREWELLS = ("resume grace expired", "closed by admin", "session resumed on another connection")
RIVALS, RACES = 6, 10
DRIVERS, ROUNDS, VISITORS = 6, 15, 3


def try_resume(daemon, session, barrier, outcomes, failures):
    """Appends the connection that was let in, which may have been displaced since; None: told to try again."""
    try:
        driver = RawDriver(daemon, says_hello=False)
        barrier.wait()
        driver.send(hello(resume={"sessionId": session}))
        try:
            kind, _, payload = driver.receive()
            assert kind == HELLO_OK, (kind, payload)
            driver.hello_ok = json.loads(payload)
            outcomes.append(driver)
        except Closed as closed:
            assert closed.code == 1013, closed
            driver.sock.close()
            outcomes.append(None)
    except Exception:  # pylint: disable=broad-except
        failures.append(traceback.format_exc())


def of_many_at_once_one_has_it():
    with Daemon() as daemon, Bystander(daemon) as bystander, RawDriver(daemon) as first:
        session, held = first.hello_ok["sessionId"], {}
        for bound in (first.bind(), first.bind()):
            held[bound["bindId"]] = bound["containerPort"]
        owner = first
        for race in range(RACES):
            if race % 2 == 0:
                abort(owner.sock)
                wait_until_parked(daemon)
            outcomes, failures, barrier = [], [], threading.Barrier(RIVALS)
            arguments = (daemon, session, barrier, outcomes, failures)
            threads = [threading.Thread(target=try_resume, args=arguments) for _ in range(RIVALS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert not failures and len(outcomes) == RIVALS, failures
            let_in = [driver for driver in outcomes if driver is not None]
            for driver in let_in:
                assert driver.hello_ok["sessionId"] == session and resumed_binds(driver.hello_ok) == held, driver.hello_ok
            owner = only_one_left(let_in)
            for bind, port in held.items():
                serve_once(owner, bind, port)
        assert [row["sessionId"] for row in daemon.get_json("/sessions")["sessions"]].count(session) == 1
        bystander.check()
        abort(owner.sock)


def only_one_left(drivers):
    """All the others were told that the session went on without them."""
    left = []
    for driver in drivers:
        try:
            assert driver.ping() == []
            left.append(driver)
        except (Closed, BrokenPipeError, ConnectionResetError, AssertionError):
            driver.sock.close()
    assert len(left) == 1, f"{len(left)} of {len(drivers)} have the session"
    return left[0]


def serve_once(driver, bind, port):
    with Visitor(port) as visitor:
        visitor.ask()
        stream, opened = driver.expect_stream()
        assert opened["bindId"] == bind, opened
        driver.expect(EOF, stream)
        driver.answer(stream, b"mine", headers=[["content-length", "4"]])
        assert visitor.receive_answer()[2] == b"mine"


class Storm:
    """What its drivers know of each other."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.lock = threading.Lock()
        self.sessions, self.ports, self.forgotten, self.failures = [], [], [], []
        self.resumed = 0

    def note(self, known, *what):
        with self.lock:
            known.extend(what)
            del known[:-20]

    def any(self, known, rng):
        with self.lock:
            return rng.choice(known) if known else None


def enter(storm, rng):
    """A driver that was let in, fresh or with somebody's session; None."""
    session = storm.any(storm.sessions, rng) if rng.random() < 0.7 else None
    driver = RawDriver(storm.daemon, f"hoody-tunnel.v{rng.choice((1, 2))}", says_hello=False)
    driver.send(hello(driver.subprotocol, **({"resume": {"sessionId": session}} if session else {})))
    kind, _, payload = driver.receive()
    if kind != HELLO_OK:
        driver.sock.close()
        goaway = json.loads(payload)
        assert kind == GOAWAY and goaway["message"] in FAREWELLS, (kind, goaway)
        return None
    driver.hello_ok = json.loads(payload)
    storm.note(storm.sessions, driver.hello_ok["sessionId"])
    storm.note(storm.ports, *(bind["containerPort"] for bind in driver.hello_ok.get("resumedBinds", ())))
    storm.resumed += driver.hello_ok["resumed"]
    return driver


def act(storm, rng, driver, binds):
    chance = rng.random()
    if chance < 0.3:
        driver.send(frame(BIND, 0, {**ASK, "containerPort": 0}))
    elif chance < 0.5:
        driver.send(frame(BIND, 0, {**ASK, "containerPort": storm.any(storm.ports, rng) or 0, "takeover": True}))
    elif chance < 0.6 and binds:
        driver.send(frame(UNBIND, 0, {"bindId": rng.choice(sorted(binds))}))
    for kind, stream, payload in driver.ping():
        if kind == BIND_OK:
            said = json.loads(payload)
            assert said["bindId"] not in binds, said
            binds.add(said["bindId"])
            storm.note(storm.ports, said["containerPort"])
        elif kind == BIND_REVOKED:
            binds.remove(json.loads(payload)["bindId"])
        elif kind == STREAM_OPEN:
            assert json.loads(payload)["bindId"] in binds, (payload, binds)
            if rng.random() < 0.6:
                driver.answer(stream, b"whole", headers=[["content-length", "5"]])
            elif rng.random() < 0.5:
                driver.send(response_head(stream, headers=[["content-length", "5"]]))
        else:
            assert kind in (BIND_ERR, UNBIND_OK, UNBIND_ERR, EOF, RESET, GOAWAY), (kind, payload)


def leave(storm, rng, driver):
    session = driver.hello_ok["sessionId"]
    rng.choice(
        (
            lambda: abort(driver.sock),
            lambda: abort(driver.sock),
            driver.sock.close,
            lambda: driver.close(rng.choice((1000, 1001, 4000))),
            lambda: driver.send(frame(GOAWAY, 0, b"{}")),
            lambda: storm.forgotten.append(driver),
            lambda: storm.forgotten.append(driver),
            lambda: storm.daemon.request("DELETE", f"/sessions/{session}?grace_ms={rng.choice((0, 50))}"),
        )
    )()
    if driver not in storm.forgotten:
        driver.sock.close()


def drive(storm, rng):
    driver = None
    try:
        driver = enter(storm, rng)
        if driver is None:
            return
        binds = {bind["bindId"] for bind in driver.hello_ok.get("resumedBinds", ())}
        for _ in range(rng.randint(2, 12)):
            act(storm, rng, driver, binds)
        leave(storm, rng, driver)
    except (Closed, BrokenPipeError, ConnectionResetError):
        if driver is not None:
            driver.sock.close()  # somebody else has the session now, or killed it


def visit(storm, rng):
    port = storm.any(storm.ports, rng)
    try:
        with Visitor(port or 1) as visitor:
            visitor.sock.settimeout(0.05)
            visitor.ask()
            answer = visitor.receive_answer()
            assert answer[0] in (200, 502, 503), answer
            assert answer[0] != 200 or answer[2] == b"whole", answer
    except (OSError, EOFError):
        pass  # refused, aborted, left waiting


def a_storm_leaves_nothing_behind():
    with Daemon("--takeover-grace", "1s") as daemon, Bystander(daemon) as bystander:
        permits, fds = daemon.get_json("/tunnels")["fdPermitsAvailable"], daemon.get_json("/health")["fds"]
        storm = Storm(daemon)

        def repeat(work, times, seed):
            rng = random.Random(seed)
            try:
                for _ in range(times):
                    work(storm, rng)
            except Exception:  # pylint: disable=broad-except
                storm.failures.append(traceback.format_exc())

        works = [(drive, ROUNDS)] * DRIVERS + [(visit, 10 * ROUNDS)] * VISITORS
        threads = [threading.Thread(target=repeat, args=(*work, SEED + i)) for i, work in enumerate(works)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not storm.failures, storm.failures[0]
        assert storm.resumed > 0, "nobody ever came back"
        bystander.check()
        for driver in storm.forgotten:
            driver.sock.close()
        wait_until(lambda: daemon.get_json("/bindings")["total"] == 1, "only the bystander's port is left")
        wait_until(lambda: daemon.get_json("/sessions")["total"] == 1, "only the bystander is left")
        wait_until(lambda: daemon.get_json("/tunnels")["orphanedSessions"] == 0, "nobody is waited for")
        wait_until(lambda: daemon.get_json("/tunnels")["totalStreams"] == 0, "all streams have ended")
        wait_until(lambda: daemon.get_json("/tunnels")["fdPermitsAvailable"] == permits, "all permits are back")
        wait_until(lambda: daemon.get_json("/health")["fds"] <= fds, "all descriptors are back")


run(of_many_at_once_one_has_it, a_storm_leaves_nothing_behind)
