"""A whole life in the log, as JSON and as text: each line parses, and says which session and which binding it is about."""

import socket
import struct

from harness import BIND, BIND_ERR, EOF, UNBIND, UNBIND_ERR, UNBIND_OK, Daemon, RawDriver, frame, run, simple_get, wait_until
from logs import events_of, read_log, wait_for_event

# What a line of that event must have.
SESSION = {"session"}
PORT = {"session", "binding", "port"}
NEEDED = {
    "connection-moves": {"connection", "from", "to"},
    "session-opened": SESSION | {"connection", "peer", "protocol", "shard", "resumed", "bindings"},
    "session-closed": SESSION | {"connection", "close", "driver_goaway", "kit_ended"},
    "session-parking": SESSION | {"grace_ms"},
    "session-parked": SESSION | {"bindings"},
    "session-resuming": SESSION | {"connection", "peer"},
    "session-ending": SESSION | {"connection", "close", "reason"},
    "session-ended": SESSION | {"reason"},
    "session-killed": SESSION | {"grace_ms"},
    "session-released": SESSION,
    "session-refused": {"connection", "peer", "close", "reason"},
    "close-asked": SESSION | {"peer", "grace_ms"},
    "listener-asked": PORT | {"address"},
    "listener-failed": PORT | {"reason"},
    "listen-failed": PORT | {"connection", "address", "reason"},
    "bound": PORT | {"kind", "mode", "address"},
    "bind-refused": SESSION | {"port", "code", "reason"},
    "unbind-refused": SESSION | {"binding", "reason"},
    "taken-over": PORT | {"by_session", "by_binding"},
    "parked": PORT,
    "resumed": PORT,
    "closing": PORT,
    "closed": PORT,
    "driver-ended": {"connection", "peer", "code", "close"},
    "driver-refused": {"connection", "peer", "reason"},
    "request": PORT | {"peer", "method", "target", "status", "received", "sent", "first_byte_ms", "total_ms", "reason"},
    "ready": {"listen", "pid"},
    "stopping": {"signal", "timeout_ms"},
    "draining": {"sessions", "timeout_ms"},
    "drained": {"sessions"},
    "stopped": {"status"},
}


def cut(driver):
    driver.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    driver.sock.close()


def serve(driver, port, body=b"served"):
    """One request through the tunnel."""
    with socket.create_connection(("127.0.0.1", port)) as visitor:
        visitor.sendall(b"GET /page?q=1 HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        stream, opened = driver.expect_stream()
        driver.expect(EOF, stream)
        driver.answer(stream, body)
        while visitor.recv(65536):
            pass
    return opened["bindId"]


def live(daemon, log_format):
    """Two sessions from their beginning to their end. Returns their ids, and their bindings with their ports."""
    bindings = {}
    first = RawDriver(daemon)
    one = first.hello_ok["sessionId"]
    for _ in range(2):
        bound = first.bind()
        bindings[bound["bindId"]] = bound["containerPort"]
    kept, given_back = bindings
    assert serve(first, bindings[kept]) == kept
    with socket.create_server(("0.0.0.0", 0)) as other:  # a port that somebody else holds
        first.send(frame(BIND, 0, {"clientBindRef": 9, "kind": "http", "mode": "expose", "containerPort": other.getsockname()[1]}))
        assert first.expect_json(BIND_ERR)[1]["code"] == "PORT_IN_USE"
    first.send(frame(UNBIND, 0, {"bindId": given_back}))
    first.expect_json(UNBIND_OK)
    first.send(frame(UNBIND, 0, {"bindId": given_back}))
    first.expect_json(UNBIND_ERR)
    cut(first)
    wait_for_event(daemon, "session-parked", log_format, session=one, bindings=1)
    assert simple_get(bindings[kept])[0] == 503
    with RawDriver(daemon, resume={"sessionId": one}) as again, RawDriver(daemon, "hoody-tunnel.v2") as second:
        two = second.hello_ok["sessionId"]
        serve(again, bindings[kept])
        taken = second.bind(bindings[kept], takeover=True)["bindId"]
        bindings[taken] = bindings[kept]
        again.ping()
        serve(second, bindings[taken])
        assert daemon.request("DELETE", f"/sessions/{two}")[0] == 202
        second.expect_goaway(1, 1000)
        again.send_websocket(1, b"text")  # what a driver must not say
        again.expect_closed()
    wait_for_event(daemon, "session-closed", log_format, session=one, kit_ended=True)
    with RawDriver(daemon, says_hello=False) as stranger:
        stranger.send(b"no frame")
        stranger.expect_closed()
    return (one, two), bindings


def check_life(log_format):
    with Daemon("--access-log", "--log-level", "debug", "--log-format", log_format) as daemon:
        (one, two), bindings = live(daemon, log_format)
        last = RawDriver(daemon)
        three = last.hello_ok["sessionId"]
        bound = last.bind()
        bindings[bound["bindId"]] = bound["containerPort"]
    last.sock.close()
    # An instrumented build says first that it runs without its filter.
    lines = [line for line in read_log(daemon, log_format) if line["event"] != "syscall-filter-off"]
    for line in lines:
        assert line["event"] in NEEDED, line
        missing = NEEDED[line["event"]] - set(line)
        assert not missing, (missing, line)
        assert line.get("session", one) in (one, two, three), line
        if "binding" in line and line["event"] not in ("listener-asked", "listener-failed", "listen-failed", "bind-refused"):
            assert bindings[line["binding"]] == line.get("port", bindings[line["binding"]]), line
    seen = {line["event"] for line in lines}
    # A drained session is told of as one that ends, and no session expired or was refused in this life.
    may_be_missing = {"session-ended", "session-refused", "listener-failed", "connection-moves"}
    assert seen >= set(NEEDED) - may_be_missing, set(NEEDED) - seen
    for session in (one, two, three):
        told = [line["event"] for line in lines if line.get("session") == session]
        assert "session-opened" in told and "session-closed" in told and "bound" in told and "closed" in told, told
    ended = events_of(daemon, "driver-ended", log_format)
    assert sorted(line["session"] for line in ended) == sorted((one, two, three)), ended
    requests = events_of(daemon, "request", log_format)
    assert [(line["session"], line["status"]) for line in requests] == [(one, 200), (one, 503), (one, 200), (two, 200)], requests
    assert lines[0]["event"] == "ready" and lines[-1]["event"] == "stopped", (lines[0], lines[-1])


def as_json():
    check_life("json")


def as_text():
    check_life("text")


def a_parked_session_that_is_drained_is_told_of():
    with Daemon("--log-format", "json") as daemon:
        driver = RawDriver(daemon)
        session = driver.hello_ok["sessionId"]
        driver.bind()
        cut(driver)
        wait_for_event(daemon, "session-parked", session=session)
    assert [line["reason"] for line in events_of(daemon, "session-ended", session=session)] == ["kit is shutting down"]


def values_from_outside_forge_nothing():
    forged = 'x session=S-1 reason="no'
    with Daemon("--access-log", "--log-format", "text") as daemon, RawDriver(daemon) as driver:
        port = driver.bind(label=forged)["containerPort"]
        with socket.create_connection(("127.0.0.1", port)) as visitor:
            visitor.sendall(b'GET /"session=S-1\\x0a HTTP/1.1\r\nHost: test\r\n\r\n')
            assert visitor.recv(65536).startswith(b"HTTP/1.1 400 ")
        with socket.create_connection(("127.0.0.1", port)) as visitor:
            visitor.sendall(b"GET /a?b=c&session=S-1,reason=no HTTP/1.1\r\nHost: test\r\n\r\n")
            stream, _ = driver.expect_stream()
            driver.send(frame(0x14, stream, struct.pack(">H", 2) + b'\n2026-01-01T00:00:00.000Z error a b x="'))
            assert visitor.recv(65536).startswith(b"HTTP/1.1 502 ")
        line = wait_for_event(daemon, "request", "text", status=502)
        assert line["session"] == driver.hello_ok["sessionId"], line
        assert line["target"] == "/a?b=c&session=S-1,reason=no", line
        wait_until(lambda: len(read_log(daemon, "text")) >= 4, "all of it parses")


run(as_json, as_text, a_parked_session_that_is_drained_is_told_of, values_from_outside_forge_nothing)
