"""hoody-tunnel --connections: one session over several WebSockets; one that is lost takes only its own visitors along and comes
back."""

import contextlib
import hashlib
import os
import socket
import struct
import threading

import harness
from harness import Daemon, Expose, Origin, Pull, Visitor, connect, free_port, http_origin, pattern, receive_exactly, wait_until

SOCKETS = 4
REQUESTS = 500
VISITORS = 20


class Relay:
    """A way to the daemon whose connections, numbered as they come, can be cut. The first is the primary."""

    def __init__(self, to):
        self.to = to
        self.pairs = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.is_open = True

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()
        for number in range(len(self.pairs)):
            self.cut(number)

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                driver, _ = self.listener.accept()
                if not self.is_open:
                    driver.close()
                    continue
                daemon = connect(self.to)
                self.pairs.append((driver, daemon))
                for source, sink in ((driver, daemon), (daemon, driver)):
                    source.settimeout(None)
                    threading.Thread(target=self.pump, args=(source, sink), daemon=True).start()

    @staticmethod
    def pump(source, sink):
        with contextlib.suppress(OSError):
            while part := source.recv(65536):
                sink.sendall(part)
            sink.shutdown(socket.SHUT_WR)

    def cut(self, number):
        """Both ends see a reset."""
        for sock in self.pairs[number]:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.shutdown(socket.SHUT_RD)
                sock.close()


def echo(_method, _target, _headers, body):
    return 200, [("X-Sum", hashlib.sha256(body).hexdigest())], body


def attached(driver):
    """All its connections stand, as it says itself."""
    return driver.stderr().count(f"all {SOCKETS} connections to the daemon stand")


def ask_and_check(visitor, body):
    visitor.ask("POST", body=body)
    status, headers, answer = visitor.receive_answer()
    assert status == 200 and answer == body and headers["x-sum"] == hashlib.sha256(body).hexdigest(), (status, headers)


def run_visitors(port, visit):
    """`visit(port, number)` for each of VISITORS at once; returns what went wrong."""
    failures = []

    def guarded(number):
        try:
            visit(port, number)
        except Exception as error:  # pylint: disable=broad-except
            failures.append(f"{number}: {error!r}")

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(VISITORS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def five_hundred_requests_arrive_whole():
    def visit(port, number):
        with Visitor(port) as visitor:
            for turn in range(REQUESTS // VISITORS):
                ask_and_check(visitor, pattern((number * 7919 + turn * 104729) % 300_000 + 1, seed=number))

    with http_origin(echo) as origin, Daemon() as daemon, Relay(daemon.port) as relay:
        with Expose(relay, origin.port, "--connections", str(SOCKETS)) as driver:
            wait_until(lambda: attached(driver), "all connections stand")
            (session,) = daemon.get_json("/sessions")["sessions"]
            assert session["isV2"] and session["connectionsGranted"] == SOCKETS, session
            assert len(relay.pairs) == SOCKETS, relay.pairs
            assert run_visitors(driver.port, visit) == []
            wait_until(lambda: daemon.get_json("/tunnels")["totalStreams"] == 0, "no stream is left")
        wait_until(lambda: daemon.get_json("/tunnels")["totalBindings"] == 0, "the port is given back")


def fewer_connections_than_asked_for_will_do():
    with http_origin(echo) as origin, Daemon("--max-connections-per-session", "2") as daemon:
        with Expose(daemon, origin.port, "--connections", "5") as driver, Visitor(driver.port) as visitor:
            wait_until(lambda: "all 2 connections" in driver.stderr(), "both connections stand")
            assert "grants 2 of the 5 connections" in driver.stderr(), driver.stderr()
            ask_and_check(visitor, b"x" * 100_000)


def a_lost_connection_takes_only_its_own_visitors_along():
    """One visitor on each connection, which stays; then one connection is cut."""
    with Origin(lambda sock, _: [sock.sendall(data) for data in iter(lambda: sock.recv(65536), b"")]) as origin:
        with Daemon() as daemon, Relay(daemon.port) as relay:
            with Pull(relay, origin.port, "--connections", str(SOCKETS)) as driver, contextlib.ExitStack() as stack:
                wait_until(lambda: attached(driver), "all connections stand")
                visitors = [stack.enter_context(connect(driver.port)) for _ in range(SOCKETS)]
                for visitor in visitors:
                    visitor.sendall(b"hello")
                    assert receive_exactly(visitor, 5) == b"hello"
                relay.cut(2)
                wait_until(lambda: attached(driver) == 2, "the connection is back")
                lost = 0
                for visitor in visitors:
                    try:
                        visitor.sendall(b"again")
                        assert receive_exactly(visitor, 5) == b"again"
                    except OSError:
                        lost += 1
                assert lost == 1, f"{lost} visitors lost their connection"
                assert len(relay.pairs) == SOCKETS + 1 and len(daemon.get_json("/sessions")["sessions"]) == 1
                with connect(driver.port) as visitor:
                    visitor.sendall(b"hello")
                    assert receive_exactly(visitor, 5) == b"hello"


def under_load_a_cut_connection_tears_requests_and_no_bytes():
    """A request is answered whole, or aborted, or 502; after it all is as before."""
    torn, whole = [], []

    def visit(port, number):
        while len(whole) < REQUESTS:
            body = pattern(200_000 + number, seed=number)
            with Visitor(port) as visitor:
                try:
                    visitor.ask("POST", body=body)
                    status, _, answer = visitor.receive_answer()
                except (OSError, EOFError):
                    torn.append(number)
                    continue
            if status == 200:
                assert answer == body, f"{len(answer)} bytes that are not the request's"
                whole.append(number)
            else:
                assert status == 502, status
                torn.append(number)

    def cut(relay, driver):
        for times in range(1, 4):
            wait_until(lambda times=times: attached(driver) == times and len(whole) > times * 50, "under load")
            relay.cut(len(relay.pairs) - 1)

    with http_origin(echo) as origin, Daemon() as daemon, Relay(daemon.port) as relay:
        with Expose(relay, origin.port, "--connections", str(SOCKETS)) as driver:
            cutter = threading.Thread(target=cut, args=(relay, driver))
            cutter.start()
            assert run_visitors(driver.port, visit) == []
            cutter.join()
            print(f"{len(whole)} whole, {len(torn)} torn")
            assert len(torn) <= 3 * VISITORS, f"{len(torn)} requests were torn by three cuts"
            wait_until(lambda: attached(driver) == 4, "all connections stand again")
            wait_until(lambda: daemon.get_json("/tunnels")["totalStreams"] == 0, "no stream is left")
            assert run_visitors(driver.port, lambda port, _: one_good_request(port)) == []


def one_good_request(port):
    with Visitor(port) as visitor:
        ask_and_check(visitor, os.urandom(100_000))


def with_a_lost_primary_all_are_built_anew():
    with http_origin(echo) as origin, Daemon() as daemon, Relay(daemon.port) as relay:
        with Expose(relay, origin.port, "--connections", str(SOCKETS)) as driver:
            wait_until(lambda: attached(driver), "all connections stand")
            (before,) = daemon.get_json("/sessions")["sessions"]
            relay.cut(0)
            wait_until(lambda: attached(driver) == 2, "all connections stand again")
            (after,) = daemon.get_json("/sessions")["sessions"]
            assert (after["sessionId"], after["bindings"]) == (before["sessionId"], before["bindings"]), (before, after)
            assert len(relay.pairs) == 2 * SOCKETS, relay.pairs
            assert run_visitors(driver.port, lambda port, _: one_good_request(port)) == []


class LateAnswers(Relay):
    """What the daemon says on the first connection after HELLO_OK waits for is_due."""

    def __init__(self, to):
        super().__init__(to)
        self.is_due = threading.Event()

    def pump(self, source, sink):
        is_late = False
        with contextlib.suppress(OSError):
            while part := source.recv(65536):
                if is_late:
                    self.is_due.wait()
                is_late = is_late or b"joinTickets" in part
                sink.sendall(part)
            sink.shutdown(socket.SHUT_WR)


def visitors_may_be_here_before_the_driver_knows_of_its_port():
    """STREAM_OPEN on a secondary overtakes BIND_OK on the primary."""
    port = free_port()

    def visit(relay, daemon, answers):
        wait_until(lambda: daemon.get_json("/bindings")["total"] == 1, "the port is there")
        wait_until(lambda: daemon.stderr().count("connection-joined") == SOCKETS - 1, "all have joined")
        with contextlib.ExitStack() as stack:
            visitors = [stack.enter_context(Visitor(port)) for _ in range(SOCKETS)]
            for visitor in visitors:
                visitor.ask()
            answers += [visitor.receive_answer()[0] for visitor in visitors[1:]]  # the first one's is on the primary
            relay.is_due.set()
            answers.append(visitors[0].receive_answer()[0])

    with http_origin(echo) as origin, Daemon() as daemon, LateAnswers(daemon.port) as relay:
        answers = []
        visits = threading.Thread(target=visit, args=(relay, daemon, answers))
        visits.start()
        with Expose(relay, origin.port, "--connections", str(SOCKETS), port=port):
            visits.join()
        assert answers == SOCKETS * [200], answers


harness.run(
    visitors_may_be_here_before_the_driver_knows_of_its_port,
    five_hundred_requests_arrive_whole,
    fewer_connections_than_asked_for_will_do,
    a_lost_connection_takes_only_its_own_visitors_along,
    under_load_a_cut_connection_tears_requests_and_no_bytes,
    with_a_lost_primary_all_are_built_anew,
)
