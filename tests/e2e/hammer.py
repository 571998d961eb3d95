"""Visitors who knock without pause, each request on a connection of its own, while a test does something to the port."""

import collections
import threading
import traceback

from patience import wait_until
from sockets import connect, receive_all
from visitor import parse_answer

REFUSED, ABORTED, SILENT = "refused", "aborted", "a clean end without an answer"
REQUEST = b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"


class Hammer:
    """Counts what visitors see: REFUSED, ABORTED, SILENT, the body of a 200, or another status. An answer that ends cleanly
    before its end is a failure of the test."""

    def __init__(self, port, threads=4):
        self.port = port
        self.seen = collections.Counter()
        self.failures = []
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._hammer, daemon=True) for _ in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, kind, value, trace):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        assert kind is not None or not self.failures, self.failures[0]

    def count(self, *outcomes):
        with self.lock:
            return sum(self.seen[outcome] for outcome in outcomes)

    def wait_for(self, outcome, more=1):
        """Until so many more visitors have seen it."""
        enough = self.count(outcome) + more
        wait_until(lambda: self.count(outcome) >= enough or self.failures, f"visitors see {str(outcome)[:50]}")
        assert not self.failures, self.failures[0]

    def expect_only(self, *outcomes):
        with self.lock:
            others = {str(outcome)[:50]: times for outcome, times in self.seen.items() if outcome not in outcomes}
        assert not others, others

    def _hammer(self):
        while not self.stop.is_set():
            try:
                outcome = self.knock()
            except Exception:  # pylint: disable=broad-except
                self.failures.append(traceback.format_exc())
                return
            with self.lock:
                self.seen[outcome] += 1
            if outcome == REFUSED:
                self.stop.wait(0.01)  # nobody there: no need to burn the processor

    def knock(self):
        try:
            sock = connect(self.port)
        except ConnectionRefusedError:
            return REFUSED
        except ConnectionResetError:
            return ABORTED
        with sock:
            try:
                sock.sendall(REQUEST)
                received = receive_all(sock)
            except (ConnectionResetError, BrokenPipeError):
                return ABORTED
        if not received:
            return SILENT
        status, _, body = parse_answer(received)
        return body if status == 200 else status
