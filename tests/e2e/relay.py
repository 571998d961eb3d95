"""A network between a driver and the daemon that can fail silently: it stops passing bytes, its sockets stay open."""

import contextlib
import socket
import threading

from sockets import connect

UP, DOWN = "to the daemon", "to the driver"


class Relay:
    """Stands where the daemon is expected, e.g. RawDriver(relay)."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.passes = {UP: threading.Event(), DOWN: threading.Event()}
        self.socks = []
        self.thaw()

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
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
            daemon = connect(self.daemon.port, timeout=None)
            self.socks += [driver, daemon]
            for source, sink, direction in ((driver, daemon, UP), (daemon, driver, DOWN)):
                threading.Thread(target=self._pass, args=(source, sink, self.passes[direction]), daemon=True).start()

    @staticmethod
    def _pass(source, sink, gate):
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
