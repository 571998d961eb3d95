"""The native driver with several tunnels."""

import contextlib
import signal
import subprocess
import urllib.parse

from harness import Process, pattern, connect, receive_exactly, wait_until


class Tunnels(Process):
    """hoody-tunnel with these arguments, and --url when there is a daemon to name; `urls` are those of the lines that it begins
    with, by name."""

    def __init__(self, daemon, command, *arguments, count, **popen):
        url = ("--url", f"ws://127.0.0.1:{daemon.port}") if daemon else ()
        super().__init__("hoody-tunnel", [command, *map(str, arguments), *url], stdout=subprocess.PIPE, **popen)
        self.count = count

    def __enter__(self):
        self.urls = dict(self.next_line() for _ in range(self.count))
        return self

    def next_line(self):
        line = self.process.stdout.readline().decode()
        assert line.endswith("\n"), f"the driver ended: {self.stderr()}"
        url, _, name = line.strip().partition(" ")
        return name, url

    def port(self, name):
        return urllib.parse.urlparse(self.urls[str(name)]).port

    def told(self, text):
        wait_until(lambda: text in self.stderr(), f"the driver says '{text}'")

    def __exit__(self, kind, value, trace):
        if kind is not None:
            print(self.stderr())
            self.process.kill()
        with self.process.stdout:
            self.stop(expect=(self.process.poll() or 0) if kind is None else -signal.SIGKILL)


def echo(sock, _address):
    """What an origin does with its connections."""
    with contextlib.suppress(ConnectionResetError):
        while data := sock.recv(65536):
            sock.sendall(data)


def echoes(port):
    """Each port gets other bytes."""
    sent = pattern(200000, seed=port)
    with connect(port) as visitor:
        visitor.sendall(sent[:1000])
        assert receive_exactly(visitor, 1000) == sent[:1000]
        visitor.sendall(sent[1000:100000])
        return receive_exactly(visitor, 99000) == sent[1000:100000]
