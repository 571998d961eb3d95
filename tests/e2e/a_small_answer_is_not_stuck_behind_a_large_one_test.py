"""Beside a download at full speed over the same session, a small request is answered almost as fast as alone: what waits before
its answer is a few frames, not what a link takes seconds for. Told by bytes: how many pass the link before the answer does."""

import socket
import statistics
import threading
import time

import harness
from harness import Daemon, Expose, Origin, Visitor, connect, read_request, wait_until

LINK_BYTES_S = 400_000
LINK_BUFFER = 16384
AHEAD_MAX = 320 * 1024
SMALL_REQUESTS = 7


class Link:
    """A slow way from the driver to the daemon, with a short queue; counts what passes."""

    def __init__(self, to):
        self.to = to
        self.passed = 0
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LINK_BUFFER)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        driver, _ = self.listener.accept()
        daemon = connect(self.to)
        threading.Thread(target=self.pump, args=(daemon, driver, False), daemon=True).start()
        self.pump(driver, daemon, True)

    def pump(self, source, sink, is_slow):
        try:
            while part := source.recv(4096 if is_slow else 65536):
                sink.sendall(part)
                if is_slow:
                    self.passed += len(part)
                    time.sleep(len(part) / LINK_BYTES_S)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def service(sock, _address):
    reader = sock.makefile("rb")
    while request := read_request(reader):
        if request[1] == "/large":
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            while True:
                sock.sendall(bytes(65536))
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsmall")


def drain(sock):
    try:
        while sock.recv(65536):
            pass
    except OSError:
        pass


def a_small_answer_passes_a_large_one():
    with Origin(service) as origin, Daemon() as daemon, Link(daemon.port) as link:
        with Expose(link, origin.port) as driver, Visitor(driver.port) as large, Visitor(driver.port) as small:
            large.ask(target="/large")
            threading.Thread(target=drain, args=(large.sock,), daemon=True).start()
            wait_until(lambda: link.passed > 600_000, "the download runs at full speed")
            ahead = []
            for _ in range(SMALL_REQUESTS):
                before = link.passed
                small.ask()
                assert small.receive_answer()[2] == b"small"
                ahead.append(link.passed - before)
            print(f"bytes ahead of a small answer: {sorted(ahead)}")
            assert statistics.median(ahead) < AHEAD_MAX, ahead


harness.run(a_small_answer_passes_a_large_one)
