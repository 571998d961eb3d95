"""A driver as a process of its own, which can be killed like one. It serves every stream with a fixed answer and says what
happens to it as lines of JSON."""

import json
import queue
import signal
import socket
import struct
import subprocess
import sys
import threading

from patience import PATIENCE
from raw_driver import (
    BIND,
    BIND_ERR,
    BIND_OK,
    BIND_REVOKED,
    EOF,
    GOAWAY,
    HELLO_OK,
    STREAM_OPEN,
    Closed,
    RawDriver,
    data,
    frame,
    hello,
    response_head,
)
from sockets import connect

HELD = "/held"  # a visitor of it gets a head and half of the answer, and then waits
PART = 65536


class ScriptedDriver:
    """The process, started; its script:

    resume   a session id, or None            ports    those to bind, 0: any
    answer   the body of every answer         times    so often repeated
    takeover of those ports                   token    a bearer token
    host     the daemon's address             source   one's own
    abrupt   it dies with RST instead of FIN
    """

    def __init__(self, daemon, *, prefix=(), **script):
        command = [*prefix, sys.executable, __file__, json.dumps({"port": daemon.port, **script})]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.lines = queue.Queue()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self):
        """kill -9: its kernel does the rest."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=PATIENCE)
        self.reader.join()
        self.process.stdout.close()

    def hear(self, word):
        """The next thing that happens to it must be that: welcome, bound, refused, revoked, goaway or closed."""
        line = self.lines.get(timeout=PATIENCE)
        assert line is not None, f"waiting for {word}: the process has ended"
        assert list(line) == [word], f"waiting for {word}: {line}"
        return line[word]

    def hear_all(self):
        """All that still happens to it, until it ends."""
        return list(iter(lambda: self.lines.get(timeout=PATIENCE), None))


def say(**line):
    print(json.dumps(line), flush=True)


def serve(driver, stream, opened, answer):
    head = response_head(stream, headers=[["content-length", str(len(answer))]])
    if opened["target"] == HELD:
        driver.send(head, data(stream, answer[: len(answer) // 2]))
    else:
        driver.send(head)
        for place in range(0, len(answer), PART):
            driver.send(data(stream, answer[place : place + PART]))
        driver.send(frame(EOF, stream))


def bind(driver, script):
    for ref, port in enumerate(script.get("ports", ())):
        ask = {"clientBindRef": ref, "kind": "http", "mode": "expose", "containerPort": port}
        driver.send(frame(BIND, 0, {**ask, "takeover": script.get("takeover", False)}))


def main(script):
    sock = connect(script["port"], host=script.get("host", "127.0.0.1"), source=script.get("source"))
    if script.get("abrupt"):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    driver = RawDriver(sock, says_hello=False)
    sock.settimeout(None)  # visitors may be long in coming
    more = {"resume": {"sessionId": script["resume"]}} if script.get("resume") else {}
    if script.get("token"):
        more["auth"] = {"kind": "bearer", "token": script["token"]}
    driver.send(hello(**more))
    words = {BIND_OK: "bound", BIND_ERR: "refused", BIND_REVOKED: "revoked", GOAWAY: "goaway"}
    while True:
        try:
            kind, stream, payload = driver.receive()
        except (Closed, OSError) as end:
            say(closed=getattr(end, "code", None))
            return
        if kind == STREAM_OPEN:
            serve(driver, stream, json.loads(payload), script.get("answer", "here").encode() * script.get("times", 1))
        elif kind == HELLO_OK:
            say(welcome=json.loads(payload))
            bind(driver, script)
        elif kind in words:
            say(**{words[kind]: json.loads(payload)})


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
