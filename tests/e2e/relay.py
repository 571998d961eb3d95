"""A network between a driver and the daemon that can fail silently: it stops passing bytes, its sockets stay open. It may also be
a long one: every byte takes its time, however many are under way."""

import collections
import contextlib
import socket
import threading
import time

from sockets import connect

UP, DOWN = "to the daemon", "to the driver"


class Relay:
    """Stands where the daemon is expected, e.g. RawDriver(relay)."""

    def __init__(self, daemon, delay_s=0):
        self.daemon = daemon
        self.delay_s = delay_s  # in each direction
        self.most_under_way = {UP: 0, DOWN: 0}  # bytes, of one connection
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.passes = {UP: threading.Event(), DOWN: threading.Event()}
        self.socks = []
        self.thaw()

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self.listener.close()
        self.cut()
        self.thaw()

    def cut(self):
        """Ends all connections that there are."""
        socks, self.socks = self.socks, []
        for sock in socks:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def freeze(self, *directions):
        """No byte, FIN or RST gets through any more, nor is any lost."""
        for direction in directions or (UP, DOWN):
            self.passes[direction].clear()

    def forget(self):
        """The connections that there are stay silent for ever; what comes anew gets through. So it is after a long sleep, or a walk
        to another network."""
        self.freeze()
        self.passes = {UP: threading.Event(), DOWN: threading.Event()}
        self.thaw()

    def thaw(self):
        """What was held back arrives."""
        for gate in self.passes.values():
            gate.set()

    def _accept(self):
        while True:
            try:
                driver, _ = self.listener.accept()
            except OSError:
                return
            driver.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                daemon = connect(self.daemon.port, timeout=None)
            except OSError:  # it is gone: so is the driver's connection
                driver.close()
                continue
            self.socks += [driver, daemon]
            for source, sink, direction in ((driver, daemon, UP), (daemon, driver, DOWN)):
                passes = self._pass_late if self.delay_s else self._pass
                threading.Thread(target=passes, args=(source, sink, direction), daemon=True).start()

    def _pass_late(self, source, sink, direction):
        way = LongWay(self.delay_s)
        threading.Thread(target=way.deliver, args=(sink,), daemon=True).start()
        part = b"more"
        while part:
            try:
                part = source.recv(1 << 18)
            except OSError:
                part = b""
            self.passes[direction].wait()
            way.enter(part)
            self.most_under_way[direction] = max(self.most_under_way[direction], way.under_way)

    def _pass(self, source, sink, direction):
        gate = self.passes[direction]
        try:
            while True:
                part = source.recv(1 << 16)
                gate.wait()
                if not part:
                    sink.shutdown(socket.SHUT_WR)
                    return
                sink.sendall(part)
        except OSError:  # a reset on one side is the end of the other
            gate.wait()
            for sock in (source, sink):
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)


class LongWay:
    """Bytes on their way in one direction of a connection; no bytes: the end."""

    def __init__(self, delay_s):
        self.delay_s = delay_s
        self.parts = collections.deque()
        self.changed = threading.Condition()
        self.under_way = 0

    def enter(self, part):
        with self.changed:
            self.parts.append((time.monotonic() + self.delay_s, part))
            self.under_way += len(part)
            self.changed.notify()

    def deliver(self, sink):
        with contextlib.suppress(OSError):
            while part := self._next():
                sink.sendall(part)
            sink.shutdown(socket.SHUT_WR)

    def _next(self):
        with self.changed:
            self.changed.wait_for(lambda: self.parts)
            due, part = self.parts.popleft()
        time.sleep(max(0, due - time.monotonic()))
        with self.changed:
            self.under_way -= len(part)
        return part
