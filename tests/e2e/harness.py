"""What every end-to-end test stands on: real binaries, real sockets, exact bytes.

A test is a file `<sentence>_test.py` that calls run(test_function, ...). Each function gets a fresh daemon when it asks for
one. Its parts: patience, sockets, processes, visitor, origin, raw_driver; all of them are reached through this module.
"""

import contextlib
import faulthandler
import hashlib
import struct
import sys
import traceback

from origin import *
from patience import *
from processes import *
from raw_driver import *
from sockets import *
from visitor import *

SKIPPED = 77
GIVEN_UP_AFTER = 1180 if WRAPPER else 280  # seconds: a little before ctest ends the test, which says nothing of where it stood


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def pattern(length, seed=0):
    """Bytes that tell their place: no two 64 KiB blocks are alike."""
    block = hashlib.sha256(str(seed).encode()).digest() * 2048
    parts = []
    for index in range(0, length, len(block)):
        parts.append(struct.pack(">Q", index) + block[8:])
    return b"".join(parts)[:length]


def run(*tests):
    """Runs each test function, says which, and ends the process with the verdict."""
    failed = 0
    faulthandler.dump_traceback_later(GIVEN_UP_AFTER, exit=True)
    for test in tests:
        try:
            test()
            print(f"ok   {test.__name__}", flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            traceback.print_exc()
            print(f"FAIL {test.__name__}", flush=True)
    sys.exit(1 if failed else 0)


@contextlib.contextmanager
def exposed(answer, *daemon_flags):
    """Daemon, native driver and an origin with that answer function; yields (daemon, driver, origin)."""
    with http_origin(answer) as origin, Daemon(*daemon_flags) as daemon, Expose(daemon, origin.port) as driver:
        yield daemon, driver, origin
        assert not origin.failures, origin.failures


@contextlib.contextmanager
def bound_port(*daemon_flags, **bind):
    """A daemon, a raw driver, and a port of it; yields (daemon, driver, port)."""
    with Daemon(*daemon_flags) as daemon, RawDriver(daemon) as driver:
        yield daemon, driver, driver.bind(**bind)["containerPort"]


class Bystander:
    """Another driver on the same daemon: nothing that happens to others may touch it."""

    def __init__(self, daemon):
        self.driver = RawDriver(daemon)
        self.port = self.driver.bind()["containerPort"]
        self.visitor = Visitor(self.port)  # its connection stays open all the time

    def __enter__(self):
        self.check()
        return self

    def __exit__(self, kind, value, trace):
        with self.visitor, self.driver:
            if kind is None:
                self.check()

    def check(self):
        """It still serves."""
        self.visitor.ask(target="/bystander")
        stream, opened = self.driver.expect_stream(skipping=(WINDOW, EOF))
        assert opened["target"] == "/bystander", opened
        self.driver.answer(stream, b"still here", headers=[["content-length", "10"]])
        assert self.visitor.receive_answer()[2] == b"still here"
