"""Upgrades against lying drivers and hostile services: raw bytes only after a 101 that was due; any other final answer is
delivered exactly and closes; the rest is a 502 or a reset (section 6, upgrades)."""

import queue

from harness import (
    DATA,
    EOF,
    RESET,
    WINDOW,
    Daemon,
    Expose,
    Origin,
    Visitor,
    bound_port,
    data,
    frame,
    receive_exactly,
    reset,
    response_head,
    run,
)
from strict_answer import AnswerReader, abort

FIN, RST = "FIN", "RST"
UPGRADE = "Connection: Upgrade\r\nUpgrade: raw\r\n"
SWITCH = [["connection", "Upgrade"], ["upgrade", "raw"]]
SPLITTING = [["x\r\ny", "1"], ["x", "1\r\n\r\nEVIL"], ["content-length", "5"], ["Transfer-Encoding", "chunked"], ["x y", "1"]]
HELD = b"said too early"


def ask(visitor, method="GET"):
    visitor.send(f"{method} /up HTTP/1.1\r\nHost: test\r\n{UPGRADE}\r\n".encode() + HELD)


def begin(driver, visitor, method="GET"):
    ask(visitor, method)
    stream, opened = driver.expect_stream(skipping=(WINDOW, EOF, RESET, DATA))
    assert opened["isUpgrade"] is True and opened["method"] == method, opened
    return stream


def codes(frames, stream):
    return [int.from_bytes(payload[:2], "big") for kind, of, payload in frames if kind == RESET and of == stream]


REFUSALS = [  # status, fields, DATA, and what of it is the body
    (200, [["content-length", "5"]], b"hello", b"hello"),
    (200, [], b"hello", b"hello"),
    (404, [["content-length", "0"]], b"", b""),
    (426, [["upgrade", "other"], ["connection", "upgrade"]], b"other", b"other"),
    (204, [["content-length", "5"]], b"hello", b""),
    (304, [["content-length", "5"]], b"hello", b""),
    (503, [["retry-after", "1"], ["transfer-encoding", "chunked"]], b"5\r\nhello\r\n0\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
    (200, [["content-length", "5"]], b"hello and more", b"hello"),
]


def a_refusal_is_delivered_and_closes():
    with bound_port() as (_, driver, port):
        for method in ("GET", "HEAD"):
            for status, fields, sent, body in REFUSALS:
                with Visitor(port) as visitor:
                    stream = begin(driver, visitor, method)
                    driver.send(response_head(stream, 103, final=False), response_head(stream, status, fields))
                    driver.send(*([data(stream, sent)] if sent else []), frame(EOF, stream))
                    reader = AnswerReader(visitor.sock)
                    outcome = reader.read(method)
                    assert outcome.is_whole and outcome.status == status and len(outcome.interim) == 1, (status, outcome)
                    assert outcome.body == (body if method == "GET" else b""), (status, outcome)
                    assert outcome.values(b"connection") == [b"close"] and not outcome.values(b"upgrade"), outcome
                    reader.expect_end()
                    seen = driver.ping()
                    assert not any(kind == DATA for kind, _, _ in seen), f"what was held came through: {seen}"
                    assert codes(seen, stream) in ([], [1]) and (EOF, stream, b"") in seen, seen


def what_is_no_answer_is_a_502_and_closes():
    cases = [
        (None, lambda s: reset(s, 2, "no such service")),
        (None, lambda s: response_head(s, 100, final=False) + reset(s, 7)),
        (1, lambda s: frame(EOF, s)),
        (1, lambda s: data(s, b"raw")),
        (1, lambda s: response_head(s, 101, SWITCH, final=False) + data(s, b"raw")),
        (1, lambda s: response_head(s, 100) + data(s, b"raw")),
        (1, lambda s: response_head(s, 200, [["content-length", "x"]])),
        (1, lambda s: response_head(s, 600, SWITCH)),
    ]
    with bound_port() as (_, driver, port):
        for code, frames in cases:
            with Visitor(port) as visitor:
                stream = begin(driver, visitor)
                driver.send(frames(stream))
                reader = AnswerReader(visitor.sock)
                outcome = reader.read()
                assert outcome.is_whole and outcome.status == 502 and not outcome.is_kept, outcome
                reader.expect_end()
                assert codes(driver.ping(), stream) == ([code] if code else []), code


def a_switch_says_nothing_of_a_body_and_splits_nothing():
    with bound_port() as (_, driver, port):
        for method in ("GET", "HEAD"):
            with Visitor(port) as visitor:
                stream = begin(driver, visitor, method)
                driver.send(response_head(stream, 101, [*SWITCH, *SPLITTING, ["x-good", "1"]]), data(stream, b"raw"))
                reader = AnswerReader(visitor.sock)
                outcome = reader.read(method)
                assert outcome.status == 101, outcome
                assert outcome.fields == [(b"connection", b"Upgrade"), (b"upgrade", b"raw"), (b"x-good", b"1")], outcome
                raw = reader.buffer + receive_exactly(visitor.sock, 3 - len(reader.buffer))
                assert raw == b"raw", raw
                assert driver.expect(DATA, stream, skipping=(EOF,))[2] == HELD  # the EOF is of the visitor before


def what_is_wrong_after_the_switch_is_a_reset():
    cases = [
        (1, lambda s: response_head(s, 101, SWITCH)),
        (1, lambda s: response_head(s, 200)),
        (1, lambda s: response_head(s, 103, final=False)),
        (1, lambda s: response_head(s, 999)),
        (4, lambda s: frame(EOF, s) + data(s, b"more")),
        (4, lambda s: frame(EOF, s) + response_head(s, 200)),
        (None, lambda s: reset(s, 0)),
        (None, lambda s: data(s, b"raw") + reset(s, 2)),
        (None, lambda s: frame(EOF, s) + reset(s, 2)),
    ]
    with bound_port() as (_, driver, port):
        for code, frames in cases:
            with Visitor(port) as visitor:
                stream = begin(driver, visitor)
                driver.send(response_head(stream, 101, SWITCH))
                assert visitor.receive_head()[0] == 101
                driver.send(frames(stream))
                assert codes(driver.ping(), stream) == ([code] if code else []), code
                if frames(0).startswith(frame(EOF, 0)):
                    visitor.expect_end()  # it was told before
                else:
                    visitor.expect_abort()


# ---- the same with the native driver before a hostile service ----

SWITCHED = b"HTTP/1.1 101 Switch\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"

NOT_SWITCHED = [  # what the service says, how it ends, status (502: or a reset), body
    (OK + b"Content-Length: 5\r\n\r\nhello", None, 200, b"hello"),
    (OK + b"Content-Length: 5\r\n\r\nhello and more", None, 200, b"hello"),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", None, 200, b"hello"),
    (OK + b"\r\nhello", FIN, 200, b"hello"),
    (b"HTTP/1.1 426 No\r\nUpgrade: other\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n", None, 426, b""),
    (b"HTTP/1.1 204 No\r\n\r\n", None, 204, b""),
    (b"HTTP/1.1 100 C\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n", None, 200, b""),
    (OK + b"Content-Length: 5\r\n\r\nhell", FIN, 502, b""),
    (OK + b"Content-Length: 5\r\n\r\nhell", RST, 502, b""),
    (OK + b"\r\nhello", RST, 502, b""),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", FIN, 502, b""),
    (b"", FIN, 502, b""),
    (b"", RST, 502, b""),
    (b"raw", FIN, 502, b""),
    (SWITCHED[:-1], FIN, 502, b""),
    (SWITCHED[:-2], RST, 502, b""),
    (SWITCHED.replace(b"101", b"1010"), None, 502, b""),
    (SWITCHED.replace(b"HTTP/1.1", b"HTTP/2.0"), None, 502, b""),
    (SWITCHED.replace(b"\r\n\r\n", b"\n\r\n"), None, 502, b""),
    (SWITCHED.replace(b"Upgrade: raw", b"Upgrade : raw"), None, 502, b""),
]


def read_head(sock):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += receive_exactly(sock, 1)
    return head


def service_of(scripts):
    """Each connection plays the next (bytes, end); then it reads until its own end."""

    def handler(sock, _address):
        read_head(sock)
        said, end = scripts.get()
        sock.sendall(said)
        if end == RST:
            abort(sock)
            return
        if end == FIN:
            sock.shutdown(1)
        while sock.recv(65536):
            pass

    return Origin(handler)


def a_service_that_does_not_switch_is_heard_out():
    scripts = queue.Queue()
    with service_of(scripts) as origin, Daemon() as daemon, Expose(daemon, origin.port) as driver:
        for said, end, status, body in NOT_SWITCHED:
            scripts.put((said, end))
            with Visitor(driver.port) as visitor:
                ask(visitor)
                reader = AnswerReader(visitor.sock)
                outcome = reader.read()
                if status == 502:
                    assert outcome.is_refusal, (said, outcome)
                else:
                    assert (outcome.end, outcome.status, outcome.body) == ("whole", status, body), (said, outcome)
                if outcome.is_whole:
                    assert not outcome.is_kept, (said, outcome)
                    reader.expect_end()


def a_service_that_switches_has_its_first_words_heard():
    scripts = queue.Queue()
    with service_of(scripts) as origin, Daemon() as daemon, Expose(daemon, origin.port) as driver:
        for before in (b"", b"HTTP/1.1 100 C\r\n\r\n", b"HTTP/1.1 103 E\r\nContent-Length: 5\r\n\r\n"):
            for said in (b"", b"raw", OK + b"Content-Length: 4\r\n\r\nEVIL", bytes(range(256)) * 1000):
                scripts.put((before + SWITCHED + said, FIN))
                with Visitor(driver.port) as visitor:
                    ask(visitor)
                    reader = AnswerReader(visitor.sock)
                    outcome = reader.read()
                    assert outcome.status == 101 and len(outcome.interim) == bool(before), outcome
                    raw = reader.buffer
                    while part := visitor.sock.recv(65536):
                        raw += part
                    assert raw == said, (len(raw), len(said), raw[:100])
                    visitor.end()


def a_service_that_resets_after_the_switch_resets_the_visitor():
    scripts = queue.Queue()
    with service_of(scripts) as origin, Daemon() as daemon, Expose(daemon, origin.port) as driver:
        for _ in range(5):
            scripts.put((SWITCHED + b"raw", RST))
            with Visitor(driver.port) as visitor:
                ask(visitor)
                reader = AnswerReader(visitor.sock)
                if not reader.read().is_refusal:  # the reset may come before the switch was passed on
                    visitor.expect_abort()


run(
    a_refusal_is_delivered_and_closes,
    what_is_no_answer_is_a_502_and_closes,
    a_switch_says_nothing_of_a_body_and_splits_nothing,
    what_is_wrong_after_the_switch_is_a_reset,
    a_service_that_does_not_switch_is_heard_out,
    a_service_that_switches_has_its_first_words_heard,
    a_service_that_resets_after_the_switch_resets_the_visitor,
)
