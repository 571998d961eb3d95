"""The first 250 ms of a stream: official drivers may not be connected to their service yet. They reset a stream of which
more than 1 MiB comes before, and old ones lose what they have when its EOF does (protocol section 6). Lower bounds of time
only: nothing here fails for being slow."""

import socket
import threading
import time

from harness import DATA, EOF, WINDOW, Daemon, RawDriver, connect, frame, pattern, receive_all, run, window

MEBIBYTE = 1 << 20
SHORTEST = 0.2  # seconds; the kit counts 0.25 from when it sends STREAM_OPEN
OLD = {"auth": {"kind": "bearer", "token": "any"}}
OURS = {"client": {"name": "test", "version": "1"}}
PULL = {"kind": "tcp", "mode": "pull"}


def take(driver, stream, length):
    """DATA of the stream; returns when the last byte came."""
    while length > 0:
        _, _, payload = driver.expect(DATA, stream, skipping=(WINDOW,))
        length -= len(payload)
        driver.send(window(0, len(payload)), window(stream, len(payload)))
    assert length == 0, length
    return time.monotonic()


def upload(driver, bind, request_head):
    """Uploads 3 MiB at once; returns the seconds from STREAM_OPEN to the last byte."""
    body = pattern(3 * MEBIBYTE)
    with connect(bind["containerPort"]) as visitor:
        visitor.sendall(request_head(len(body)))
        stream, _ = driver.expect_stream()
        opened = time.monotonic()
        sender = threading.Thread(target=visitor.sendall, args=(body,))
        sender.start()
        last = take(driver, stream, 3 * MEBIBYTE)
        sender.join()
        return last - opened


def test_no_more_than_a_mebibyte_comes_early():
    with Daemon("--stream-window", "8MiB", "--session-window", "16MiB") as daemon:
        for hello in ({}, OLD):
            with RawDriver(daemon, **hello) as driver:
                http = driver.bind()
                head = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n"
                assert upload(driver, http, lambda length: head.format(length).encode()) >= SHORTEST
            with RawDriver(daemon, **hello) as driver:
                assert upload(driver, driver.bind(**PULL), lambda length: b"") >= SHORTEST


def test_an_old_driver_gets_the_end_of_a_tcp_stream_late():
    with Daemon() as daemon, RawDriver(daemon, **OLD) as driver:
        port = driver.bind(**PULL)["containerPort"]
        with connect(port) as visitor:
            visitor.sendall(b"q")
            visitor.shutdown(socket.SHUT_WR)
            stream, _ = driver.expect_stream()
            opened = time.monotonic()
            driver.expect(DATA, stream)
            driver.expect(EOF, stream)
            assert time.monotonic() - opened >= SHORTEST
            driver.send(frame(DATA, stream, b"a"), frame(EOF, stream))
            assert receive_all(visitor) == b"a"


def test_ours_is_not_made_to_wait():
    """With its window alone as the limit: more than a mebibyte comes although the stream never gets old enough to count."""
    with Daemon("--stream-window", "8MiB", "--session-window", "16MiB") as daemon, RawDriver(daemon, **OURS) as driver:
        port = driver.bind(**PULL)["containerPort"]
        with connect(port) as visitor:
            sender = threading.Thread(target=lambda: (visitor.sendall(pattern(2 * MEBIBYTE)), visitor.shutdown(socket.SHUT_WR)))
            sender.start()
            stream, _ = driver.expect_stream()
            take(driver, stream, 2 * MEBIBYTE)
            driver.expect(EOF, stream)
            sender.join()


run(
    test_no_more_than_a_mebibyte_comes_early,
    test_an_old_driver_gets_the_end_of_a_tcp_stream_late,
    test_ours_is_not_made_to_wait,
)
