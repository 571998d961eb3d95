"""A daemon that was frozen for longer than it waits for its visitors, as a container that is paused, finds what they have sent
meanwhile: it may call nobody late whose bytes wait in his socket."""

import contextlib
import os
import signal
import threading
import time

from harness import PATIENCE, Daemon, Expose, Visitor, http_origin, run, wait_until
from strict_answer import AnswerReader

VISITORS = 3
WAITS = 3  # seconds, of the daemon
FROZEN = WAITS + 0.5

POST = b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 12\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: t\r\n\r\n"


def is_stopped(process):
    for thread in os.listdir(f"/proc/{process.pid}/task"):
        with open(f"/proc/{process.pid}/task/{thread}/stat", encoding="ascii", errors="replace") as stat:
            if stat.read().rsplit(")", 1)[1].split()[0] != "T":
                return False
    return True


@contextlib.contextmanager
def frozen(daemon):
    """What comes now, nobody has looked for before the freeze."""
    os.kill(daemon.pid, signal.SIGSTOP)
    try:
        wait_until(lambda: is_stopped(daemon), "the daemon stands still")
        yield
        time.sleep(FROZEN)
    finally:
        os.kill(daemon.pid, signal.SIGCONT)


def freeze(flag, before, meanwhile):
    with http_origin(lambda *_: (200, [], b"fine")) as origin, contextlib.ExitStack() as stack:
        daemon = stack.enter_context(Daemon(flag, f"{WAITS}s"))
        driver = stack.enter_context(Expose(daemon, origin.port))
        readers = [AnswerReader(stack.enter_context(Visitor(driver.port, before)).sock) for _ in range(VISITORS)]
        if before == GET:
            assert all(reader.read().is_whole for reader in readers)
        wait_until(lambda: daemon.unread_bytes() == 0, "the daemon has read all")
        with frozen(daemon):
            for reader in readers:
                reader.sock.sendall(meanwhile)
        for reader in readers:
            outcome = reader.read()
            assert outcome.is_whole and outcome.status == 200, outcome


def of_heads():
    freeze("--head-timeout", GET[:9], GET[9:])


def of_bodies():
    freeze("--body-timeout", POST + b"half a", b" body.")


def of_next_requests():
    freeze("--keepalive-timeout", GET, GET)


def of_answers():
    """The service's is late for nobody that it is here."""
    asked, goes_on = threading.Event(), threading.Event()

    def answer(*_):
        asked.set()
        goes_on.wait(PATIENCE)
        return 200, [], b"fine"

    with http_origin(answer) as origin, Daemon("--response-timeout", f"{WAITS}s") as daemon:
        with Expose(daemon, origin.port) as driver, Visitor(driver.port, GET) as visitor:
            assert asked.wait(PATIENCE)
            wait_until(lambda: daemon.unread_bytes() == 0, "the daemon has read all")
            with frozen(daemon):
                goes_on.set()
                wait_until(lambda: daemon.unread_bytes() > 0, "the answer to wait in front of the daemon")
            outcome = AnswerReader(visitor.sock).read()
            assert outcome.is_whole and outcome.status == 200, outcome


run(of_heads, of_bodies, of_next_requests, of_answers)
