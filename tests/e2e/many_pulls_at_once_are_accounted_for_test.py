"""200 connections at once through PULL, each with its own bytes both ways; half of them half-close, a tenth is aborted. Every byte
is accounted for, and nothing is left: no stream, permit or descriptor, and bounded memory."""

import random
import socket
import struct
import threading
import traceback

import harness
from harness import SANITIZED, Daemon, Origin, Pull, abort, connect, pattern, receive_all, receive_exactly, wait_until

CONNECTIONS = 200
BYTES_MAX = 200_000 if SANITIZED else 2_000_000
RSS_MAX = (400 if SANITIZED else 64) << 20


class Service:
    """Hears (number, bytes up, bytes down), then takes and gives them at once; ends its side when both are done. Counts what
    became of each."""

    def __init__(self):
        self.lock = threading.Lock()
        self.fates = {}

    def serve(self, sock, _address):
        number, up, down = struct.unpack(">QQQ", receive_exactly(sock, 24))
        sender = threading.Thread(target=self.give, args=(sock, pattern(down, number + 1)))
        sender.start()
        try:
            got = receive_exactly(sock, up)
            fate = "whole" if got == pattern(up, number) else "other bytes"
            sender.join()
            if number % 2 == 0:  # its visitor has half-closed
                assert sock.recv(1) == b""
        except (EOFError, ConnectionResetError):
            fate = "torn"
        sender.join()
        with self.lock:
            self.fates[number] = fate

    @staticmethod
    def give(sock, body):
        try:
            sock.sendall(body)
        except OSError:
            pass  # torn: the other direction tells


def visit(port, number):
    """Returns what the service should have seen of it."""
    rng = random.Random(number)
    up, down = rng.randrange(1, BYTES_MAX), rng.randrange(1, BYTES_MAX)
    half_closes, aborts = number % 2 == 0, number % 10 == 5
    sock = connect(port)
    sock.sendall(struct.pack(">QQQ", number, up, down))
    if aborts:
        sock.sendall(pattern(up, number)[: up // 2])
        receive_exactly(sock, down // 2)
        abort(sock)
        return "torn"

    def send():
        sock.sendall(pattern(up, number))
        if half_closes:
            sock.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    got = receive_all(sock) if half_closes else receive_exactly(sock, down)
    sender.join()
    assert got == pattern(down, number + 1), f"{number} got {len(got)} of {down} bytes, or others"
    if not half_closes:
        assert sock.recv(1) == b""
    sock.close()
    return "whole"


def every_byte_is_accounted_for():
    service = Service()
    with Origin(service.serve) as origin, Daemon() as daemon, Pull(daemon, origin.port) as driver:
        permits = daemon.get_json("/tunnels")["fdPermitsAvailable"]
        fds = [process.open_fds() for process in (daemon, driver)]
        expected, failures = {}, []

        def work(number):
            try:
                expected[number] = visit(driver.port, number)
            except Exception:  # pylint: disable=broad-except
                failures.append(traceback.format_exc())

        threads = [threading.Thread(target=work, args=(number,)) for number in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures, failures[0]
        wait_until(lambda: len(service.fates) == CONNECTIONS, "the service is done with all")
        assert service.fates == expected
        wait_until(lambda: daemon.get_json("/tunnels")["fdPermitsAvailable"] == permits, "the permits are back")
        for process, opened in zip((daemon, driver), fds):
            wait_until(lambda: process.open_fds() <= opened, f"the descriptors of {process.name} are back")
        assert daemon.metric("hoody_tunnel_streams_active") == 0
        for process in (daemon, driver):
            print(f"{process.name}: peak RSS {process.peak_rss() >> 20} MiB")
            assert process.peak_rss() < RSS_MAX, process.name


harness.run(every_byte_is_accounted_for)
