"""hoody-tunnel pull: whoever connects in the container reaches a TCP service of the laptop as if it were there."""

import hashlib
import os
import socket
import struct
import threading
import time

import harness
from harness import SANITIZED, Daemon, Origin, Pull, connect, free_port, pattern, receive_all, receive_exactly, wait_until

ECHO_BYTES = (16 if SANITIZED else 100) << 20
SLOW_BYTES = 64 << 20
CROWD = 50
RSS_MAX = 48 << 20


def abort(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def echo(sock, _address):
    while data := sock.recv(65536):
        sock.sendall(data)


def send_in_background(sock, data):
    """Sends all of it and half-closes."""

    def send():
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return thread


def the_first_line_tells_where():
    port = free_port()
    with Origin(echo) as origin, Daemon() as daemon:
        with Pull(daemon, origin.port, port=port) as driver:
            assert driver.url == f"tcp://127.0.0.1:{port}", driver.url
            (binding,) = daemon.get_json("/bindings")["bindings"]
            assert binding["mode"] == "pull" and binding["bindAddr"].startswith("127.0.0.1"), binding
        wait_until(lambda: daemon.get_json("/bindings")["total"] == 0, "the port is given back")


def any_loopback_address_may_be_asked_for():
    with Origin(echo) as origin, Daemon() as daemon:
        for host, url in (("::1", "tcp://[::1]:"), ("127.1.2.3", "tcp://127.1.2.3:")):
            with Pull(daemon, origin.port, "--host", host) as driver:
                assert driver.url.startswith(url), driver.url
                with connect(driver.port, host=host) as visitor:
                    visitor.sendall(b"hello")
                    assert receive_exactly(visitor, 5) == b"hello"


def what_goes_in_comes_back_whole():
    sent = pattern(ECHO_BYTES)
    with Origin(echo) as origin, Daemon() as daemon, Pull(daemon, origin.port) as driver, connect(driver.port) as visitor:
        sender = send_in_background(visitor, sent)
        digest = hashlib.sha256()
        while data := visitor.recv(1 << 20):
            digest.update(data)
        sender.join()
    assert digest.hexdigest() == hashlib.sha256(sent).hexdigest()


def a_question_that_ends_gets_its_answer():
    def answer(sock, _address):
        question = receive_all(sock)
        sock.sendall(b"you asked: " + question)

    with Origin(answer) as origin, Daemon() as daemon, Pull(daemon, origin.port) as driver, connect(driver.port) as visitor:
        visitor.sendall(b"q")
        visitor.shutdown(socket.SHUT_WR)
        assert receive_all(visitor) == b"you asked: q"


def a_service_may_end_first():
    heard = []

    def answer(sock, _address):
        sock.sendall(b"all I had")
        sock.shutdown(socket.SHUT_WR)
        heard.append(receive_all(sock))

    with Origin(answer) as origin, Daemon() as daemon, Pull(daemon, origin.port) as driver, connect(driver.port) as visitor:
        assert receive_all(visitor) == b"all I had"
        visitor.sendall(b"thanks")
        visitor.shutdown(socket.SHUT_WR)
        wait_until(lambda: heard == [b"thanks"], "the service heard the rest")


def who_sends_to_a_service_that_has_closed_is_told():
    answer = b"no more, please" * 20_000

    def refuse(sock, _address):
        sock.recv(1)
        sock.sendall(answer)

    def is_told(visitor):
        try:
            visitor.sendall(b"more")
        except OSError:
            return True
        return False

    with Origin(refuse) as origin, Daemon() as daemon, Pull(daemon, origin.port) as driver, connect(driver.port) as visitor:
        visitor.sendall(b"x")
        assert receive_all(visitor) == answer
        wait_until(lambda: is_told(visitor), "the visitor's bytes are refused")
        assert daemon.get_json("/tunnels")["totalStreams"] == 0


def a_service_may_speak_first():
    def greet(sock, _address):
        sock.sendall(b"220 ready\r\n")
        sock.sendall(b"250 " + sock.recv(100))

    with Origin(greet) as origin, Daemon() as daemon, Pull(daemon, origin.port) as driver, connect(driver.port) as visitor:
        assert receive_exactly(visitor, 11) == b"220 ready\r\n"
        visitor.sendall(b"EHLO")
        assert receive_all(visitor) == b"250 EHLO"


def a_reset_of_the_service_resets_the_visitor():
    def slam(sock, _address):
        sock.recv(10)
        abort(sock)

    with Origin(slam) as origin, Daemon() as daemon, Pull(daemon, origin.port) as driver, connect(driver.port) as visitor:
        visitor.sendall(b"x")
        try:
            rest = receive_all(visitor)
        except ConnectionResetError:
            return
        raise AssertionError(f"a clean end after {rest!r}")


def a_reset_of_the_visitor_resets_the_service():
    seen = []

    def listen(sock, _address):
        sock.sendall(b"here")
        try:
            seen.append(sock.recv(10))
        except ConnectionResetError:
            seen.append("reset")

    with Origin(listen) as origin, Daemon() as daemon, Pull(daemon, origin.port) as driver:
        visitor = connect(driver.port)
        assert receive_exactly(visitor, 4) == b"here"
        abort(visitor)
        wait_until(lambda: seen == ["reset"], "the service was reset")


def many_at_once_get_their_own_bytes():
    failures = []

    def visit(port, number):
        sent = pattern(100_000 + number, seed=number)
        with connect(port) as visitor:
            send_in_background(visitor, sent)
            if receive_all(visitor) != sent:
                failures.append(number)

    with Origin(echo) as origin, Daemon() as daemon, Pull(daemon, origin.port) as driver:
        visitors = [threading.Thread(target=visit, args=(driver.port, number)) for number in range(CROWD)]
        for visitor in visitors:
            visitor.start()
        for visitor in visitors:
            visitor.join()
        assert not failures, failures
        wait_until(lambda: daemon.get_json("/tunnels")["totalStreams"] == 0, "no stream is left")


class Flood:
    """Sends without end in sight, and knows how far it came."""

    def __init__(self, sock, block, count):
        self.sent = 0
        self.thread = threading.Thread(target=self.send, args=(sock, block, count), daemon=True)
        self.thread.start()

    def send(self, sock, block, count):
        sock.settimeout(None)
        for _ in range(count):
            sock.sendall(block)
            self.sent += 1
        sock.shutdown(socket.SHUT_WR)

    def has_stopped(self):
        before = self.sent
        time.sleep(0.3)
        return self.sent == before


def a_slow_service_stops_its_own_visitor_only():
    go_on = threading.Event()
    digests = []

    def sleepy(sock, _address):
        first = receive_exactly(sock, 1)
        if first == b"s":
            go_on.wait()
            digests.append(hashlib.sha256(receive_all(sock)).hexdigest())
        else:
            sock.sendall(b"awake")

    block = os.urandom(1 << 20)
    with Origin(sleepy) as origin, Daemon() as daemon, Pull(daemon, origin.port) as driver:
        with connect(driver.port) as slow:
            slow.sendall(b"s")
            flood = Flood(slow, block, SLOW_BYTES >> 20)
            wait_until(flood.has_stopped, "the visitor can't send any more")
            for _ in range(10):
                with connect(driver.port) as other:
                    other.sendall(b"x")
                    assert receive_exactly(other, 5) == b"awake"
            assert flood.thread.is_alive(), "all of it went somewhere, but the service took none"
            assert SANITIZED or driver.peak_rss() < RSS_MAX, driver.peak_rss()
            go_on.set()
            flood.thread.join()
            whole = hashlib.sha256(block * (SLOW_BYTES >> 20)).hexdigest()
            wait_until(lambda: digests == [whole], "the service got all of it")


def a_target_that_is_down_resets_the_visitor_until_it_is_back():
    port = free_port()
    with Daemon() as daemon, Pull(daemon, port) as driver:
        try:
            with connect(driver.port) as visitor:  # may be reset before it is noticed to stand
                rest = receive_all(visitor)
        except ConnectionResetError:
            pass
        else:
            raise AssertionError(f"a clean end after {rest!r}")
        assert f"127.0.0.1:{port} refused the connection" in driver.stderr(), driver.stderr()
        with socket.create_server(("127.0.0.1", port)) as listener, connect(driver.port) as visitor:
            visitor.sendall(b"now?")
            service, _ = listener.accept()
            with service:
                assert receive_exactly(service, 4) == b"now?"
        assert "is back" in driver.stderr(), driver.stderr()


harness.run(
    the_first_line_tells_where,
    any_loopback_address_may_be_asked_for,
    what_goes_in_comes_back_whole,
    a_question_that_ends_gets_its_answer,
    a_service_may_end_first,
    who_sends_to_a_service_that_has_closed_is_told,
    a_service_may_speak_first,
    a_reset_of_the_service_resets_the_visitor,
    a_reset_of_the_visitor_resets_the_service,
    many_at_once_get_their_own_bytes,
    a_slow_service_stops_its_own_visitor_only,
    a_target_that_is_down_resets_the_visitor_until_it_is_back,
)
