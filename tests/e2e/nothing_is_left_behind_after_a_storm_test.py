"""Drivers that bind, unbind, take over, answer, break the protocol and vanish at random, with visitors on all their ports:
at the end every session, port, stream, permit and descriptor is given back."""

import os
import random
import socket
import struct
import threading
import traceback

from harness import (
    BIND_OK,
    BIND_REVOKED,
    GOAWAY,
    STREAM_OPEN,
    UNBIND,
    Bystander,
    Closed,
    Daemon,
    RawDriver,
    Visitor,
    data,
    frame,
    reset,
    response_head,
    run,
    wait_until,
)

ROUNDS, DRIVERS, VISITORS = 12, 6, 6
SEED = int(os.environ.get("HOODY_SEED", "20240607"))
ASK = {"kind": "http", "mode": "expose", "containerPort": 0}


class Ports:
    """Those that some driver holds, or held a moment ago."""

    def __init__(self):
        self.lock = threading.Lock()
        self.known = []

    def add(self, port):
        with self.lock:
            self.known = (self.known + [port])[-40:]

    def any(self, rng):
        with self.lock:
            return rng.choice(self.known) if self.known else 0


def abort(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def react(rng, driver, ports, binds, received):
    kind, stream, payload = received
    if kind == BIND_OK:
        port = int(payload.split(b'"containerPort":')[1].split(b",")[0])
        binds.append(int(payload.split(b'"bindId":')[1].split(b",")[0]))
        ports.add(port)
    elif kind == BIND_REVOKED:
        binds[:] = [bind for bind in binds if b'"bindId":%d,' % bind not in payload]
    elif kind == STREAM_OPEN:
        body = b"x" * rng.choice((0, 1, 5000, 200000))
        upgraded = response_head(stream, 101, [["connection", "upgrade"], ["upgrade", "raw"]])
        answers = (
            lambda: driver.answer(stream, body),
            lambda: driver.answer(stream, body, headers=[["content-length", str(len(body))]]),
            lambda: driver.answer(stream, body, headers=[["content-length", str(len(body) + rng.randint(-1, 1))]]),
            lambda: driver.send(response_head(stream), data(stream, body)),
            lambda: driver.send(upgraded, data(stream, body)),
            lambda: driver.send(reset(stream, rng.randrange(16), "by chance")),
            lambda: driver.send(data(stream, body[:60000])),
            lambda: None,
        )
        rng.choice(answers)()


def drive(daemon, ports, rng):
    driver = RawDriver(daemon)
    binds = []
    try:
        for _ in range(rng.randint(5, 25)):
            action = rng.random()
            if action < 0.3:
                driver.send(frame(3, 0, {**ASK, "clientBindRef": rng.randrange(1000)}))
            elif action < 0.5:
                port = ports.any(rng)
                driver.send(frame(3, 0, {**ASK, "clientBindRef": 1, "containerPort": port, "takeover": True}))
            elif action < 0.6 and binds:
                driver.send(frame(UNBIND, 0, {"bindId": rng.choice(binds)}))
            for received in driver.ping():
                react(rng, driver, ports, binds, received)
        rng.choice(
            (
                lambda: driver.close(rng.choice((1000, 1001, 4000))),
                lambda: driver.send(frame(GOAWAY, 0, b"{}")),
                lambda: driver.send(frame(0x3F)),
                lambda: driver.send_websocket(1, b"text"),
                lambda: driver.sock.sendall(b"\xff" * 100),
                lambda: abort(driver.sock),
                lambda: daemon.request("DELETE", f"/sessions/{driver.hello_ok['sessionId']}?grace_ms={rng.choice((0, 50))}"),
            )
        )()
        driver.expect_closed()
    except (Closed, OSError):
        pass  # another one's chance, or ours
    finally:
        driver.sock.close()


def visit(ports, rng):
    port = ports.any(rng)
    if not port:
        return
    try:
        with Visitor(port) as visitor:
            visitor.sock.settimeout(0.05)
            for _ in range(rng.randint(1, 3)):
                upgrade = rng.random() < 0.3
                headers = "Connection: Upgrade\r\nUpgrade: raw\r\n" if upgrade else ""
                body = b"" if upgrade else b"y" * rng.choice((0, 10, 100000))
                visitor.ask(rng.choice(("GET", "POST", "HEAD")), headers=headers, body=body)
                if rng.random() < 0.7:
                    visitor.sock.recv(rng.choice((1, 1000, 100000)))
                if upgrade:
                    visitor.send(b"raw bytes" * rng.choice((1, 1000)))
                    visitor.end()
            if rng.random() < 0.3:
                abort(visitor.sock)
    except OSError:
        pass  # refused, reset, timed out: it is a storm


def storm():
    flags = ("--stream-window", "128KiB", "--session-window", "512KiB", "--takeover-grace", "1s")
    with Daemon(*flags) as daemon, Bystander(daemon) as bystander:
        permits, fds = daemon.get_json("/tunnels")["fdPermitsAvailable"], daemon.get_json("/health")["fds"]
        ports, failures = Ports(), []

        def repeat(work, seed):
            rng = random.Random(seed)
            try:
                for _ in range(ROUNDS):
                    work(rng)
            except Exception:  # pylint: disable=broad-except
                failures.append(traceback.format_exc())

        works = [lambda rng: drive(daemon, ports, rng)] * DRIVERS
        works += [lambda rng: [visit(ports, rng) for _ in range(10)]] * VISITORS
        threads = [threading.Thread(target=repeat, args=(work, SEED + i)) for i, work in enumerate(works)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures, failures[0]
        assert daemon.process.poll() is None, "the daemon is gone"
        bystander.check()
        wait_until(lambda: daemon.get_json("/sessions")["total"] == 1, "only the bystander is left")
        wait_until(lambda: daemon.get_json("/bindings")["total"] == 1, "its port is the only one")
        wait_until(lambda: daemon.get_json("/tunnels")["totalStreams"] == 0, "all streams have ended")
        wait_until(lambda: daemon.get_json("/tunnels")["fdPermitsAvailable"] == permits, "all permits are back")
        wait_until(lambda: daemon.get_json("/health")["fds"] <= fds, "all descriptors are back")


run(storm)
