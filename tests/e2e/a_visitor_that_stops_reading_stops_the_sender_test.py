"""A visitor that stops reading in the middle of a download stops the laptop's service: memory stays flat, and nothing is
lost when it reads on."""

import hashlib
import threading

import harness
from harness import Daemon, Expose, Origin, SANITIZED, connect, receive_exactly, wait_until

TOTAL = (64 << 20) if SANITIZED else (1 << 30)
BLOCK = harness.pattern(1 << 20)
GROWTH_MAX = 16 << 20


class Sender:
    """Sends TOTAL bytes and knows how many its socket has taken."""

    def __init__(self):
        self.sent = 0
        self.sha = hashlib.sha256()

    def __call__(self, sock, _address):
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            request += receive_exactly(sock, 1)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % TOTAL)
        for index in range(TOTAL // len(BLOCK)):
            block = index.to_bytes(8, "big") + BLOCK[8:]
            self.sha.update(block)
            sock.sendall(block)
            self.sent += len(block)


def settled(sender, for_polls=25):
    """true once `sent` has not changed over so many polls in a row."""
    seen = {"sent": -1, "count": 0}

    def check():
        if sender.sent == seen["sent"]:
            seen["count"] += 1
        else:
            seen.update(sent=sender.sent, count=0)
        return seen["count"] >= for_polls

    wait_until(check, "the sender stands still")


def the_sender_waits_and_nothing_is_lost():
    sender = Sender()
    with Origin(sender) as service, Daemon() as daemon, Expose(daemon, service.port) as driver:
        with connect(driver.port) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
            reader = sock.makefile("rb")
            assert reader.readline() == b"HTTP/1.1 200 OK\r\n"
            while reader.readline() != b"\r\n":
                pass
            sha = hashlib.sha256(reader.read(4 << 20))
            settled(sender)
            assert sender.sent < TOTAL, "the sender was never stopped"
            before = (daemon.rss(), driver.rss())
            settled(sender, 100)
            after = (daemon.rss(), driver.rss())
            assert after[0] - before[0] < GROWTH_MAX and after[1] - before[1] < GROWTH_MAX, (before, after)
            left = TOTAL - (4 << 20)
            while left > 0:
                part = reader.read(min(left, 1 << 20))
                assert part, f"{left} bytes are missing"
                sha.update(part)
                left -= len(part)
            assert reader.read(1) == b""
            assert sha.hexdigest() == sender.sha.hexdigest()


def an_upload_waits_for_a_service_that_does_not_read():
    may_read = threading.Event()
    result = {}

    def slow_service(sock, _address):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += receive_exactly(sock, 1)
        may_read.wait(harness.PATIENCE)
        sha = hashlib.sha256()
        left = TOTAL
        while left > 0:
            part = sock.recv(min(left, 1 << 20))
            assert part, f"{left} bytes are missing"
            sha.update(part)
            left -= len(part)
        result["sha"] = sha.hexdigest()
        sock.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    class Uploader:
        def __init__(self, sock):
            self.sock = sock
            self.sent = 0
            self.sha = hashlib.sha256()

        def run(self):
            self.sock.sendall(b"POST / HTTP/1.1\r\nHost: t\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % TOTAL)
            for index in range(TOTAL // len(BLOCK)):
                block = index.to_bytes(8, "big") + BLOCK[8:]
                self.sha.update(block)
                self.sock.sendall(block)
                self.sent += len(block)

    with Origin(slow_service) as service, Daemon() as daemon, Expose(daemon, service.port) as driver:
        with connect(driver.port) as sock:
            uploader = Uploader(sock)
            thread = threading.Thread(target=uploader.run)
            thread.start()
            settled(uploader)
            assert uploader.sent < TOTAL, "the visitor was never stopped"
            may_read.set()
            thread.join()
            status = harness.parse_answer(harness.receive_all(sock))[0]
        assert status == 204
        assert result["sha"] == uploader.sha.hexdigest()
        assert not service.failures, service.failures


harness.run(the_sender_waits_and_nothing_is_lost, an_upload_waits_for_a_service_that_does_not_read)
