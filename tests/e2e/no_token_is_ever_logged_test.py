"""Tokens stay out of the log whatever happens: in HELLO, in the upgrade's Authorization, in the token file, and in what is
broken about them."""

import os
import signal
import tempfile

from harness import HELLO, JOIN, Closed, Daemon, RawDriver, Visitor, connect, frame, hello, receive_all, run, upgrade_request
from logs import read_log, wait_for_event

MARK = "secret-of-"


def say(daemon, *frames, headers=""):
    """Says it as the first message, and hears what there is to hear."""
    with RawDriver(daemon, headers=headers, says_hello=False) as driver:
        driver.send(*frames)
        try:
            return driver.receive()
        except Closed:
            return None


def bearer(name):
    return {"auth": {"kind": "bearer", "token": MARK + name}}


def try_everything(daemon):
    authorization = f"Authorization: Bearer {MARK}bob\r\n"
    assert say(daemon, hello(**bearer("alice")))[0] == 2
    assert say(daemon, hello(), headers=authorization)[0] == 2
    say(daemon, hello(**bearer("mallory")))
    say(daemon, hello(), headers=f"Authorization: Bearer {MARK}mallory\r\n")
    say(daemon, hello(), headers=f"Authorization: Basic {MARK}mallory\r\n")
    say(daemon, hello(version="hoody-tunnel.v9", **bearer("alice")))
    say(daemon, hello(resume={"sessionId": MARK + "session"}, **bearer("alice")))
    whole = hello(**bearer("alice"))
    say(daemon, whole[:-1])
    say(daemon, whole + whole)
    say(daemon, frame(HELLO, 0, whole[9:-1]))  # JSON cut short
    say(daemon, frame(HELLO, 0, whole[9:-1] + b", \"auth\": {}}"))  # a key twice
    say(daemon, frame(HELLO, 0, {"version": "hoody-tunnel.v1", "auth": MARK + "alice"}))
    say(daemon, frame(JOIN, 0, {"sessionId": MARK + "session", "index": 1, "nonce": MARK + "nonce"}))
    for request in (
        upgrade_request(authorization, subprotocol=None),
        upgrade_request(authorization + authorization),
        upgrade_request(authorization)[:-2] + b"broken header\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + authorization.encode() + b"\r\n",
    ):
        with connect(daemon.port) as sock:
            sock.sendall(request)
            sock.shutdown(1)
            receive_all(sock)
    daemon.request("DELETE", "/sessions/S-00000000-0000-4000-8000-000000000000", {"Authorization": f"Bearer {MARK}bob"})
    with RawDriver(daemon, **bearer("alice")) as driver:
        port = driver.bind()["containerPort"]
        with Visitor(port) as visitor:  # a visitor's own token is the service's affair
            visitor.ask(headers=f"Authorization: Bearer {MARK}visitor\r\nCookie: {MARK}cookie\r\n")
            stream, opened = driver.expect_stream()
            assert MARK in str(opened["headers"])
            driver.send(frame(0x14, stream, b"\0\2gone"))
            assert visitor.receive_answer()[0] == 502
        with Visitor(port) as visitor:
            visitor.ask(headers=f"Authorization: Bearer {MARK}visitor\r\nbroken header\r\n")
            assert visitor.receive_answer()[0] == 400


def reload(daemon, path, text, event, **fields):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.kill(daemon.pid, signal.SIGHUP)
    wait_for_event(daemon, event, **fields)


def check():
    with tempfile.NamedTemporaryFile("w", prefix="hoody-tokens-") as file:
        file.write(f"{MARK}alice\n{MARK}bob\n")
        file.flush()
        with Daemon("--access-log", "--log-level", "debug", "--log-format", "json", "--auth-token-file", file.name) as daemon:
            try_everything(daemon)
            too_many = "".join(f"{MARK}{number}\n" for number in range(4097))
            reload(daemon, file.name, too_many, "reload-failed", reason="it has more than 4096 tokens")
            reload(daemon, file.name, MARK + "x" * 2**20, "reload-failed", reason="it is larger than 1 MiB")
            reload(daemon, file.name, f"{MARK}carol\n", "tokens-loaded", tokens=1)
    lines = read_log(daemon)
    assert {"session-opened", "session-refused", "driver-refused", "tokens-loaded", "request"} <= {line["event"] for line in lines}
    assert MARK not in daemon.stderr(), [line for line in lines if MARK in str(line)]


run(check)
