"""Random bytes, half a request, a TLS hello, a 10 MiB header, on the base port, on EXPOSE ports and inside the WebSocket:
an error or a close, the daemon goes on, and every descriptor comes back."""

import os
import random
import socket
import struct

from harness import API, Bystander, Daemon, RawDriver, Visitor, connect, receive_all, run, wait_until

TLS_HELLO = bytes.fromhex(
    "16030100c8010000c40303" + "5a" * 32 + "20" + "a5" * 32 + "0006130113021303" + "0100007500000010000e00000b"
) + b"example.org" + bytes(100)
HALF = b"GET /half HTTP/1.1\r\nHost: test\r\nX-Unfinished: "
SEED = int(os.environ.get("HOODY_SEED", "20240607"))


def random_bytes():
    rng = random.Random(SEED)
    yield bytes(100)
    yield b"\xff" * 1000
    yield b"\r\n" * 50000
    yield b"\n" * 10
    yield b" " * 70000
    for _ in range(60):
        yield rng.randbytes(rng.choice((1, 2, 9, 100, 5000, 70000)))
    for _ in range(40):  # a good request with some bytes changed
        request = bytearray(b"POST /a?b HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
        for _ in range(rng.randint(1, 4)):
            request[rng.randrange(len(request))] = rng.randrange(256)
        yield bytes(request)


def pour(port, garbage, ends=True):
    """Sends all that it takes, ends, and reads to the end: there must be one. Returns what came."""
    with connect(port) as sock:
        try:
            sock.sendall(garbage)
            if ends:
                sock.shutdown(socket.SHUT_WR)
            return receive_all(sock)
        except (ConnectionResetError, BrokenPipeError):
            return b""


def status_of(answer):
    return int(answer.split(b" ")[1]) if answer.startswith(b"HTTP/1.1 ") else None


def on_the_http_listeners():
    with Daemon() as daemon, Bystander(daemon) as bystander, RawDriver(daemon) as driver:
        exposed = driver.bind()["containerPort"]
        fds = daemon.get_json("/health")["fds"]
        for port in (daemon.port, exposed):
            for garbage in random_bytes():
                pour(port, garbage)
            assert status_of(pour(port, TLS_HELLO)) == 400
            pour(port, HALF)
            answer = pour(port, b"GET / HTTP/1.1\r\nHost: test\r\nX-Long: " + b"x" * (10 << 20), ends=False)
            assert answer == b"" or status_of(answer) == 431, answer[:100]
            answer = pour(port, b"GET / HTTP/1.1\r\nHost: t\r\nX-Long: " + b"x" * 40000, ends=False)
            assert status_of(answer) == 431, answer[:100]
            answer = pour(port, b"GET /" + b"x" * 20000 + b" HTTP/1.1\r\nHost: t\r\n\r\n", ends=False)
            assert status_of(answer) == 414, answer[:100]
            bystander.check()
        driver.sock.settimeout(None)
        wait_until(lambda: daemon.get_json("/health")["fds"] <= fds, "all descriptors are back")


def half_a_request_waits_no_longer_than_its_time():
    with Daemon("--head-timeout", "2s") as daemon, Bystander(daemon) as bystander:
        fds = daemon.get_json("/health")["fds"]
        for port in (daemon.port, bystander.port):
            assert status_of(pour(port, HALF, ends=False)) == 408
            assert pour(port, b"", ends=False) == b""
        wait_until(lambda: daemon.get_json("/health")["fds"] <= fds, "all descriptors are back")


def half_of_a_later_request_waits_no_longer_either():
    with Daemon("--head-timeout", "2s", "--keepalive-timeout", "1h") as daemon, Bystander(daemon) as bystander:
        with Visitor(daemon.port) as caller:
            caller.send(f"GET {API}/health HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert caller.receive_answer()[0] == 200
            caller.send(HALF)
            assert caller.receive_answer()[0] == 408
            caller.expect_end()
        bystander.visitor.send(HALF)
        assert bystander.visitor.receive_answer()[0] == 408
        bystander.visitor.expect_end()
        bystander.visitor = Visitor(bystander.port)


def inside_the_websocket():
    rng = random.Random(SEED)
    with Daemon() as daemon, Bystander(daemon) as bystander:
        fds = daemon.get_json("/health")["fds"]
        for says_hello in (True, False):
            for garbage in [TLS_HELLO, HALF, b"GET / HTTP/1.1\r\n\r\n" * 1000, *random_bytes()]:
                for raw in (True, False):  # instead of frames, and as a binary message
                    with RawDriver(daemon, says_hello=says_hello) as driver:
                        try:
                            if raw:
                                driver.sock.sendall(garbage)
                            else:
                                driver.send_websocket(2, garbage)
                            driver.sock.shutdown(socket.SHUT_WR)
                            driver.expect_closed()
                        except (ConnectionResetError, BrokenPipeError):
                            pass
            bystander.check()
        for _ in range(300):  # well-formed frames of random types and streams with random payloads
            with RawDriver(daemon) as driver:
                message = b""
                for _ in range(rng.randint(1, 8)):
                    payload = rng.randbytes(rng.choice((0, 0, 2, 4, 8, 30)))
                    kind, stream = rng.choice((rng.randrange(0x32), rng.randrange(256))), rng.choice((0, 2, 4, 2**32 - 1))
                    message += struct.pack(">BII", kind, stream, len(payload)) + payload
                driver.send_websocket(2, message)
                driver.close()
                driver.expect_closed()
        bystander.check()
        wait_until(lambda: daemon.get_json("/health")["fds"] <= fds, "all descriptors are back")
        assert daemon.get_json("/sessions")["total"] == 1


def during_the_upgrade():
    good = (
        b"GET /api/v1/tunnel/connect HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: hoody-tunnel.v1\r\n\r\n"
    )
    rng = random.Random(SEED)
    with Daemon("--hello-timeout", "2s") as daemon, Bystander(daemon) as bystander:
        fds = daemon.get_json("/health")["fds"]
        for length in range(0, len(good), 7):
            pour(daemon.port, good[:length])
        for _ in range(200):
            request = bytearray(good)
            for _ in range(rng.randint(1, 3)):
                request[rng.randrange(len(request))] = rng.randrange(256)
            pour(daemon.port, bytes(request))
        bystander.check()
        wait_until(lambda: daemon.get_json("/health")["fds"] <= fds, "all descriptors are back")


run(
    on_the_http_listeners,
    half_a_request_waits_no_longer_than_its_time,
    half_of_a_later_request_waits_no_longer_either,
    inside_the_websocket,
    during_the_upgrade,
)
