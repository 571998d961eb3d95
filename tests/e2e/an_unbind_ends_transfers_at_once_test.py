"""UNBIND amid uploads, downloads, raw bytes and visitors who knock without pause: RESET(7) on every stream of that binding,
UNBIND_OK after them, no visitor left, no clean short end; the session's other port feels nothing (protocol section 5)."""

import struct

from hammer import ABORTED, REFUSED, SILENT, Hammer
from harness import (
    DATA,
    EOF,
    RESET,
    STREAM_OPEN,
    UNBIND,
    UNBIND_OK,
    WINDOW,
    Daemon,
    RawDriver,
    Visitor,
    data,
    frame,
    response_head,
    run,
)
from parking import is_listening

THREADS = 3  # that hammer
EACH = 10  # downloads, uploads, upgraded ones, and visitors who only keep their connection


def begin_download(driver, port, visitors):
    visitor = Visitor(port)
    visitors.append(visitor)
    visitor.ask()
    stream, _ = driver.expect_stream()
    driver.expect(EOF, stream)
    driver.send(response_head(stream, headers=[["content-length", "100000"]]), data(stream, b"d" * 50000))
    assert visitor.receive_head()[0] == 200
    return stream


def begin_upload(driver, port, visitors):
    visitor = Visitor(port)
    visitors.append(visitor)
    visitor.send(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\n" + b"u" * 100)
    stream, _ = driver.expect_stream(skipping=(DATA, WINDOW))
    return stream


def begin_raw(driver, port, visitors):
    visitor = Visitor(port)
    visitors.append(visitor)
    visitor.ask(headers="Connection: upgrade\r\nUpgrade: raw\r\n")
    stream, _ = driver.expect_stream(skipping=(DATA, WINDOW))
    driver.send(response_head(stream, 101, [["connection", "upgrade"], ["upgrade", "raw"]]), data(stream, b"raw"))
    assert visitor.receive_head()[0] == 101 and visitor.receive(3) == b"raw"
    return stream


def all_of_them_at_once():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        bound, kept = driver.bind(), driver.bind()["containerPort"]
        port, visitors, streams, elsewhere = bound["containerPort"], [], set(), []
        for begin in (begin_download, begin_upload, begin_raw):
            streams |= {begin(driver, port, visitors) for _ in range(EACH)}
        idle = [Visitor(port) for _ in range(EACH)]
        beside = begin_download(driver, kept, elsewhere)
        driver.send(frame(UNBIND, 0, {"bindId": bound["bindId"]}))
        resets = []
        while True:
            kind, stream, payload = driver.receive()
            if kind == UNBIND_OK:
                break
            assert kind in (RESET, DATA, WINDOW), (kind, stream, payload)
            if kind == RESET:
                assert struct.unpack(">H", payload[:2]) == (7,), payload
                resets.append(stream)
        assert sorted(resets) == sorted(streams), (resets, streams)
        assert not is_listening(port)
        for visitor in visitors:
            visitor.expect_abort()
            visitor.sock.close()
        for visitor in idle:
            visitor.expect_end()
            visitor.sock.close()
        assert daemon.get_json("/tunnels")["totalStreams"] == 1
        driver.send(data(beside, b"d" * 50000), frame(EOF, beside))
        assert elsewhere[0].receive(100000) == b"d" * 100000
        elsewhere[0].sock.close()


def and_bound_again_under_load():
    """The port comes and goes; between two lives visitors are refused, in none are they told anything wrong."""
    with Daemon() as daemon, RawDriver(daemon) as driver:
        bound = driver.bind()
        port = bound["containerPort"]
        with Hammer(port, THREADS) as hammer:
            for _ in range(30):
                for _ in range(3):
                    stream, opened = driver.expect_stream(skipping=(EOF, RESET, WINDOW))
                    assert opened["bindId"] == bound["bindId"], (opened, bound)
                    driver.answer(stream, b"life", headers=[["content-length", "4"]])
                driver.send(frame(UNBIND, 0, {"bindId": bound["bindId"]}))
                driver.expect(UNBIND_OK, skipping=(STREAM_OPEN, EOF, RESET, WINDOW))
                bound = driver.bind(port)
            hammer.stop.set()
            hammer.expect_only(b"life", 502, REFUSED, ABORTED, SILENT)
            driver.close()
        # Who comes when the driver has gone, and before it is known that it does not come back, is told to try again: the last
        # knock of each thread at most.
        hammer.expect_only(b"life", 502, 503, REFUSED, ABORTED, SILENT)
        assert hammer.count(503) <= THREADS, hammer.seen


run(all_of_them_at_once, and_bound_again_under_load)
