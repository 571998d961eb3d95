"""Half a gibibyte each way at the same time through PULL arrives whole, and neither process grows with it.

HOODY_PULL_BYTES=10737418240 is the long form.
"""

import hashlib
import os
import socket
import threading
import time

import harness
from harness import SANITIZED, Daemon, Origin, Pull, connect

BYTES = int(os.environ.get("HOODY_PULL_BYTES", str(512 << 20)))
RSS_MAX = 48 << 20
BLOCK = harness.pattern(1 << 20)
DEADLINE_S = 1800


def blocks(salt):
    """All different."""
    for index in range(BYTES // len(BLOCK)):
        yield (index + salt).to_bytes(8, "big") + BLOCK[8:]


def send(sock, salt):
    for block in blocks(salt):
        sock.sendall(block)
    sock.shutdown(socket.SHUT_WR)


def digest_of(parts):
    sha, length = hashlib.sha256(), 0
    for part in parts:
        sha.update(part)
        length += len(part)
    return sha.hexdigest(), length


def exchange(sock, salt):
    """Sends and receives at once, to both ends; returns the digest of what came, and its length."""
    sender = threading.Thread(target=send, args=(sock, salt))
    sender.start()
    got = digest_of(iter(lambda: sock.recv(1 << 20), b""))
    sender.join()
    return got


def all_of_it_arrives():
    up, down = 1 << 40, 1 << 41
    came = []

    def serve(sock, _address):
        came.append(exchange(sock, down))

    with Origin(serve) as service, Daemon() as daemon, Pull(daemon, service.port) as driver:
        began = time.monotonic()
        with connect(driver.port) as visitor:
            visitor.settimeout(DEADLINE_S)
            got = exchange(visitor, up)
        harness.wait_until(lambda: came, "the service has it all")
        took = time.monotonic() - began
        assert got == digest_of(blocks(down)), got[1]
        assert came == [digest_of(blocks(up))], came[0][1]
        print(f"{BYTES >> 20} MiB each way in {took:.1f} s: {2 * BYTES / took / 1e6:.0f} MB/s both ways together")
        for process in (daemon, driver):
            print(f"{process.name}: peak RSS {process.peak_rss() >> 20} MiB, {process.cpu_seconds():.1f} s of CPU")
            assert process.peak_rss() < RSS_MAX, process.name


if SANITIZED:
    harness.skip("memory is measured on the release build")
harness.run(all_of_it_arrives)
