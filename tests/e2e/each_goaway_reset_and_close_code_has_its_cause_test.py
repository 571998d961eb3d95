"""Each code that the kit says in GOAWAY, in RESET and in a close frame is provoked, and what came is compared with the table;
of the list of codes (protocol section 2), those that are not provoked are said nowhere."""

import contextlib
import json
import signal
import struct
import tempfile

from harness import (
    DATA,
    EOF,
    GOAWAY,
    PING,
    RESET,
    WINDOW,
    Daemon,
    RawDriver,
    Visitor,
    abort,
    data,
    frame,
    hello,
    response_head,
    run,
    wait_until,
    window,
)
from the_lists import actors_name, entries

# Where memory runs out: not to be provoked from outside.
ONLY_WITHOUT_MEMORY = {"INTERNAL_ERROR"}


def how_it_ended(driver):
    """(the code of GOAWAY or None, the close code or None), when the kit closes."""
    frames, close, _ = driver.expect_closed()
    said = [json.loads(payload)["code"] for kind, _, payload in frames if kind == GOAWAY]
    assert len(said) <= 1, frames
    return (said[0] if said else None), close


def how_it_was_reset(driver, stream):
    """The code of RESET on that stream."""
    while True:
        kind, of, payload = driver.receive()
        if kind == RESET:
            assert of == stream, (of, stream)
            return struct.unpack(">H", payload[:2])[0]
        assert kind in (EOF, WINDOW, DATA), kind


# ---- ends of sessions: each is given a daemon, and says how the driver's connection ended


@contextlib.contextmanager
def refused(daemon, **more):
    with RawDriver(daemon, says_hello=False) as driver:
        driver.send(hello(**more))
        yield driver


def after(*messages):
    def cause(daemon):
        with RawDriver(daemon) as driver:
            for message in messages:
                driver.send(message)
            return how_it_ended(driver)

    return cause


def after_a_close(code):
    def cause(daemon):
        with RawDriver(daemon) as driver:
            driver.close(code)
            return how_it_ended(driver)

    return cause


def a_shutdown(daemon):
    with RawDriver(daemon) as driver:
        daemon.process.send_signal(signal.SIGTERM)
        ended = how_it_ended(driver)
    daemon.wait()
    return ended


def a_hello_while_shutting_down(daemon):
    with RawDriver(daemon) as driver, Visitor(driver.bind()["containerPort"]) as visitor:
        with RawDriver(daemon, says_hello=False) as late:
            visitor.ask()
            driver.expect_stream()  # the shutdown waits for it
            daemon.process.send_signal(signal.SIGTERM)
            wait_until(lambda: "draining" in daemon.stderr(), "it is shutting down")
            late.send(hello())
            ended = how_it_ended(late)
    daemon.wait()
    return ended


def a_kill(daemon):
    with RawDriver(daemon) as driver:
        assert daemon.request("DELETE", "/sessions/" + driver.hello_ok["sessionId"])[0] == 202
        return how_it_ended(driver)


def a_bad_hello(daemon):
    with refused(daemon, version="hoody-tunnel.v9") as driver:
        return how_it_ended(driver)


def a_first_message_that_is_no_hello(daemon):
    with RawDriver(daemon, says_hello=False) as driver:
        driver.send(frame(PING, 0, b"12345678"))
        return how_it_ended(driver)


def a_message_over_the_limit(daemon):
    with RawDriver(daemon) as driver:
        with contextlib.suppress(ConnectionError):  # the kit may close before it has all of it
            driver.send(*[data(2, bytes(65536)) for _ in range(4)])
        return how_it_ended(driver)


def a_resume_elsewhere(daemon):
    with RawDriver(daemon) as driver, RawDriver(daemon, resume={"sessionId": driver.hello_ok["sessionId"]}):
        return how_it_ended(driver)


def a_resume_that_comes_too_late(daemon):
    with RawDriver(daemon) as driver:
        driver.bind()
        abort(driver.sock)
    wait_until(lambda: daemon.metric('hoody_tunnel_sessions_expired_total{reason="grace"}') == 1, "the grace is over")
    with refused(daemon, resume={"sessionId": driver.hello_ok["sessionId"]}) as late:
        return how_it_ended(late)


def silence(daemon):
    with RawDriver(daemon) as driver:
        return how_it_ended(driver)


def one_too_many(daemon):
    with RawDriver(daemon), refused(daemon) as driver:
        return how_it_ended(driver)


def a_wrong_token(daemon):
    with refused(daemon, auth={"kind": "bearer", "token": "wrong"}) as driver:
        return how_it_ended(driver)


def tokens():
    file = tempfile.NamedTemporaryFile("w", prefix="hoody-tokens-")
    file.write("right\n")
    file.flush()
    return file


TOKENS = tokens()  # deleted at the end
SESSION_ENDS = [
    # GOAWAY, close, what causes it, the daemon's flags
    (0, 1001, a_shutdown),
    (0, 1001, a_hello_while_shutting_down, "--drain-timeout", "1s"),
    (1, 1000, a_kill),
    (1, 1002, a_bad_hello),
    (1, 1002, after(frame(0x3F))),
    (3, 1002, after(window(0, 2**31 - 1))),
    (4, 1000, a_resume_elsewhere),
    (4, 1008, a_resume_that_comes_too_late, "--takeover-grace", "100ms"),
    (5, 1002, after(frame(PING, 0, b"1234567"))),
    (5, 1009, a_message_over_the_limit),
    (10, 1001, silence, "--ping-interval", "100ms", "--pong-timeout", "500ms"),
    (10, 1000, silence, "--ping-interval", "100ms", "--idle-timeout", "500ms"),
    (11, 3000, a_wrong_token, "--auth-token-file", TOKENS.name),
    (14, 1013, one_too_many, "--max-sessions", "1"),
    (None, 1013, one_too_many, "--fd-budget", "1"),
    (None, 1000, after(frame(GOAWAY, 0, b"{}"))),
    (None, 1000, after_a_close(1000)),
    (None, 4321, after_a_close(4321)),
    (None, None, a_first_message_that_is_no_hello),
]
CLOSE_CODES = {1000, 1001, 1002, 1008, 1009, 1013, 3000, None}


def ends_of_sessions():
    for goaway, close, cause, *flags in SESSION_ENDS:
        with Daemon(*flags) as daemon:
            ended = cause(daemon)
        assert ended == (goaway, close), f"{cause.__name__} {flags}: expected {(goaway, close)}, got {ended}"
    assert CLOSE_CODES <= {close for _, close, *_ in SESSION_ENDS}


# ---- ends of streams: each is given a driver, its bound port and a visitor of it, and says the code of RESET


def asked(driver, visitor, headers="", method="GET"):
    visitor.ask(method, headers=headers)
    stream, _ = driver.expect_stream()
    return stream


def a_whole_answer_to_half_a_request(_daemon, driver, visitor):
    stream = asked(driver, visitor, "Content-Length: 1000\r\n", "POST")
    driver.answer(stream, b"enough", headers=[["content-length", "6"]])
    return how_it_was_reset(driver, stream)


def data_before_the_head(_daemon, driver, visitor):
    stream = asked(driver, visitor)
    driver.send(data(stream, b"early"))
    return how_it_was_reset(driver, stream)


def data_beyond_the_window(_daemon, driver, visitor):
    stream = asked(driver, visitor)
    driver.send(response_head(stream), data(stream, bytes(65536)), data(stream, b"x"))
    return how_it_was_reset(driver, stream)


def data_after_eof(_daemon, driver, visitor):
    stream = asked(driver, visitor, "Content-Length: 1000\r\n", "POST")
    driver.send(response_head(stream), frame(EOF, stream), data(stream, b"late"))
    return how_it_was_reset(driver, stream)


def a_visitor_that_leaves(_daemon, driver, visitor):
    stream = asked(driver, visitor)
    visitor.sock.close()
    return how_it_was_reset(driver, stream)


def a_flood_of_interim_heads(_daemon, driver, visitor):
    stream = asked(driver, visitor)
    flood = response_head(stream, 103, [["link", "x" * 60000]], final=False)
    while True:  # until sockets and the kit hold no more
        driver.send(flood)
        for kind, of, payload in driver.ping():
            if kind == RESET and of == stream:
                return struct.unpack(">H", payload[:2])[0]


def a_takeover(daemon, driver, visitor):
    stream = asked(driver, visitor)
    with RawDriver(daemon) as heir:
        heir.bind(visitor.sock.getpeername()[1], takeover=True)
        return how_it_was_reset(driver, stream)


STREAM_ENDS = [
    (0, a_whole_answer_to_half_a_request),
    (1, data_before_the_head),
    (3, data_beyond_the_window, "--stream-window", "64KiB"),
    (4, data_after_eof),
    (7, a_visitor_that_leaves),
    (8, a_flood_of_interim_heads),
    # 10 takes half a minute: a_half_closed_upgrade_lives_while_bytes_move has it
    (13, a_takeover),
]


def ends_of_streams():
    for code, cause, *flags in STREAM_ENDS:
        with Daemon(*flags) as daemon, RawDriver(daemon) as driver:
            with Visitor(driver.bind()["containerPort"], receive_buffer=16384) as visitor:
                got = cause(daemon, driver, visitor)
                assert got == code, f"{cause.__name__}: expected {code}, got {got}"


def all_others_are_said_nowhere():
    provoked = {goaway for goaway, *_ in SESSION_ENDS} | {code for code, *_ in STREAM_ENDS}
    for number, name, _ in entries("proto/error_codes.def", "ERROR_CODE"):
        if name in ONLY_WITHOUT_MEMORY:
            continue
        is_said = actors_name(f"CODE_{name}")
        assert is_said == (int(number) in provoked), f"{name}: {'no cause here' if is_said else 'who says it?'}"


run(ends_of_sessions, ends_of_streams, all_others_are_said_nowhere)
