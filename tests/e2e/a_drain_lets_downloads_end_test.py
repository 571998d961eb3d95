"""SIGTERM amid fifty downloads: those that fit in the drain's time arrive whole, the others are aborted, none ends cleanly
before its end; new visitors are refused at once; GOAWAY comes last, exit status 0 (protocol section 7)."""

import hashlib
import json
import signal
import socket
import threading
import time

from harness import (
    EOF,
    GOAWAY,
    PATIENCE,
    SANITIZED,
    WINDOW,
    Daemon,
    Expose,
    Origin,
    RawDriver,
    Visitor,
    abort,
    data,
    fetch,
    frame,
    pattern,
    read_request,
    receive_all,
    response_head,
    run,
    split_head,
    unchunk,
    upgrade_request,
    wait_until,
)
from parking import is_listening, wait_until_parked

DOWNLOADS = 50
PART = 8192
PARTS = 40
PACE = 0.02  # seconds between two parts: less than a second for all of them
DRAIN = 15 if SANITIZED else 5  # seconds: what fits, fits many times
LONG = "10m"


class SteadyOrigin(Origin):
    """Its answers, /<framing>/<end>/<seed>, come in equal parts at a steady pace, but for the first part only when told to go
    on: by length or in chunks, whole or without end."""

    def __init__(self):
        super().__init__(self.handle)
        self.goes_on = threading.Event()

    def handle(self, sock, _address):
        request = read_request(sock.makefile("rb"))
        if request is None:
            return  # a connection of the driver's that the drain left without a request
        _, framing, end, seed = request[1].split("/")
        whole = pattern(PARTS * PART, int(seed))
        if framing == "length":
            sock.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(whole) if end == 'whole' else 1 << 40}\r\n\r\n".encode())
        else:
            sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        place = 0
        while end == "endless" or place < len(whole):
            part = whole[place % len(whole) :][:PART]
            sock.sendall(part if framing == "length" else b"%x\r\n%s\r\n" % (len(part), part))
            place += PART
            self.goes_on.wait()
            time.sleep(PACE)
        if framing == "chunked":
            sock.sendall(b"0\r\n\r\n")


class Download(threading.Thread):
    """A visitor of it: its end is whole, aborted, or what went wrong."""

    def __init__(self, port, framing, end, seed):
        super().__init__(daemon=True)
        self.framing, self.wanted, self.seed = framing, hashlib.sha256(pattern(PARTS * PART, seed)).digest(), seed
        self.visitor = Visitor(port)
        self.visitor.ask(target=f"/{framing}/{end}/{seed}", headers="Connection: close\r\n")
        self.end = None

    def run(self):
        try:
            self.end = self.judge(receive_all(self.visitor.sock))
        except ConnectionResetError:
            self.end = "aborted"
        except Exception as failure:  # pylint: disable=broad-except
            self.end = repr(failure)
        self.visitor.sock.close()

    def judge(self, received):
        line, fields, body = split_head(received)
        if line.split(" ")[1] != "200":
            return line
        if self.framing == "chunked":
            body = unchunk(body)
        if hashlib.sha256(body).digest() == self.wanted:
            return "whole"
        return f"{len(body)} bytes of {fields}, and a clean end"


def begin(port, ends):
    """The downloads, each with its first bytes on their way."""
    downloads = [Download(port, ("length", "chunked")[index % 2], end, index) for index, end in enumerate(ends)]
    for download in downloads:
        download.visitor.sock.recv(1, socket.MSG_PEEK)
        download.start()
    return downloads


def drain(daemon, port):
    """SIGTERM, until nobody is let in."""
    daemon.process.send_signal(signal.SIGTERM)
    wait_until(lambda: not is_listening(port), "visitors are refused")
    assert daemon.process.poll() is None


def ends_of(downloads):
    for download in downloads:
        download.join(PATIENCE + DRAIN)
    return [download.end for download in downloads]


def part_from(driver):
    """The native driver has nothing to do any more: however it ends, it says nothing of a broken memory."""
    driver.process.kill()
    driver.process.wait()
    driver.process.stdout.close()
    driver.check_sanitizers()


def expect_goodbye(frames, code):
    goaways = [json.loads(payload) for kind, _, payload in frames if kind == GOAWAY]
    assert len(goaways) == 1 and frames[-1][0] == GOAWAY, frames[-3:]
    assert goaways[0]["code"] == 0 and goaways[0]["message"] == "kit is shutting down", goaways
    assert code == 1001, code


def all_that_fit_arrive_whole():
    with SteadyOrigin() as origin, Daemon("--drain-timeout", LONG) as daemon:
        driver = Expose(daemon, origin.port).__enter__()
        downloads = begin(driver.port, ["whole"] * DOWNLOADS)
        drain(daemon, driver.port)
        origin.goes_on.set()
        assert ends_of(downloads) == ["whole"] * DOWNLOADS, [download.end for download in downloads]
        assert daemon.wait() == 0
        part_from(driver)
        assert not origin.failures, origin.failures


def those_that_do_not_fit_are_aborted():
    wanted = ["whole", "whole", "endless", "endless"] * (DOWNLOADS // 4)
    with SteadyOrigin() as origin, Daemon("--drain-timeout", f"{DRAIN}s") as daemon, RawDriver(daemon) as raw:
        driver = Expose(daemon, origin.port).__enter__()
        downloads = begin(driver.port, wanted)
        port = raw.bind()["containerPort"]
        with Visitor(port) as fits, Visitor(port) as does_not:
            streams = []
            for visitor in (fits, does_not):
                visitor.ask()
                streams.append(raw.expect_stream()[0])
                raw.expect(EOF, streams[-1])
                raw.send(response_head(streams[-1], headers=[["content-length", "8"]]), data(streams[-1], b"half"))
                assert visitor.receive_head()[0] == 200 and visitor.receive(4) == b"half"
            drain(daemon, port)
            origin.goes_on.set()
            assert raw.ping() == [], "nothing is said before the end"
            raw.send(data(streams[0], b"done"), frame(EOF, streams[0]))
            assert fits.receive(4) == b"done"
            ends = ends_of(downloads)
            assert ends == ["whole" if end == "whole" else "aborted" for end in wanted], ends
            does_not.expect_abort()
            frames, code, _ = raw.expect_closed()
            expect_goodbye(frames, code)
        raw.sock.close()
        assert daemon.wait() == 0
        part_from(driver)
        assert not origin.failures, origin.failures


def a_visitor_who_reads_slowly_gets_the_last_byte():
    """The driver is done, the kit holds the rest: more than the kernel's buffers do."""
    body = pattern(12 << 20)
    with Daemon("--drain-timeout", LONG, "--stream-window", "12MiB") as daemon, RawDriver(daemon) as driver:
        port = driver.bind()["containerPort"]
        with Visitor(port, receive_buffer=4096) as slow:
            slow.ask()
            stream, _ = driver.expect_stream()
            driver.expect(EOF, stream)
            driver.send(response_head(stream, headers=[["content-length", str(len(body))]]))
            for place in range(0, len(body), 65536):
                driver.send(data(stream, body[place : place + 65536]))
            driver.send(frame(EOF, stream))
            assert {kind for kind, _, _ in driver.ping()} <= {WINDOW}
            assert slow.receive_head()[0] == 200
            drain(daemon, port)
            assert {kind for kind, _, _ in driver.ping()} <= {WINDOW}, "told before its visitor has it all"
            assert slow.receive(len(body)) == body
            slow.expect_end()
        frames, code, _ = driver.expect_closed()
        expect_goodbye(frames, code)
        driver.sock.close()
        assert daemon.wait() == 0


def a_visitor_who_stayed_is_not_left_waiting():
    with Daemon("--drain-timeout", LONG) as daemon, RawDriver(daemon) as driver:
        port = driver.bind()["containerPort"]
        with Visitor(port) as stayed, Visitor(port) as busy:
            stayed.ask()
            stream, _ = driver.expect_stream()
            driver.answer(stream, headers=[["content-length", "0"]])
            assert stayed.receive_answer()[0] == 200
            busy.ask()
            stream, _ = driver.expect_stream(skipping=(EOF,))
            driver.expect(EOF, stream)
            drain(daemon, port)
            stayed.ask()
            status, headers, _ = stayed.receive_answer()
            assert status == 503, (status, headers)
            driver.answer(stream, b"done", headers=[["content-length", "4"]])
            assert busy.receive_answer()[2] == b"done"
        driver.expect_closed()
        driver.sock.close()
        assert daemon.wait() == 0


def who_is_away_is_not_waited_for():
    """A parked session has neither a driver to tell nor a visitor to serve: its ports go at once, its grace counts no more."""
    with Daemon("--drain-timeout", LONG, "--takeover-grace", LONG) as daemon, RawDriver(daemon) as driver:
        with RawDriver(daemon) as away:
            parked = away.bind()["containerPort"]
            abort(away.sock)
        wait_until_parked(daemon)
        with Visitor(driver.bind()["containerPort"]) as visitor:
            visitor.ask()
            stream, _ = driver.expect_stream()
            driver.expect(EOF, stream)
            drain(daemon, parked)
            status, _, _ = fetch(daemon.port, upgrade_request())
            assert status == 503, "drivers are turned away, also one that would resume"
            driver.answer(stream, b"done", headers=[["content-length", "4"]])
            assert visitor.receive_answer()[2] == b"done"
        frames, code, _ = driver.expect_closed()
        expect_goodbye(frames, code)
        driver.sock.close()
        assert daemon.wait() == 0


run(
    all_that_fit_arrive_whole,
    those_that_do_not_fit_are_aborted,
    a_visitor_who_reads_slowly_gets_the_last_byte,
    a_visitor_who_stayed_is_not_left_waiting,
    who_is_away_is_not_waited_for,
)
