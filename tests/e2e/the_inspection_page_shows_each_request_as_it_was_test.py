"""`--inspect` records heads and bodies byte by byte as they passed, live, up to 64 KiB of a body; secrets are hidden unless asked
for; without the flag nothing is recorded and nobody listens."""

import contextlib

from harness import Daemon, Expose, Origin, Visitor, http_origin, pattern, run, simple_get, wait_until
from inspection import Events, Inspection, inspected
from tunnels import Tunnels

KEPT = 65536
BINARY = bytes(range(256)) * 3


def echo(method, target, _headers, body):
    if target.startswith("/empty"):
        return 204, [("X-Empty", "yes")], b""
    if target.startswith("/big"):
        return 200, [("Content-Type", "application/octet-stream")], pattern(KEPT * 4)
    return 201, [("Content-Type", "text/plain"), ("Set-Cookie", "sid=s3cret; Path=/"), ("X-Twice", "1"), ("X-Twice", "2")], b"got " + body


def ask(driver, *arguments, **more):
    with Visitor(driver.port) as visitor:
        visitor.ask(*arguments, **more)
        return visitor.receive_answer()


def heads_and_bodies_are_exact():
    with inspected(echo) as (_, driver, inspection):
        ask(driver, "PUT", "/a?b=%20c&d", "X-One: 1\r\nX-One: 2\r\nAccept: */*\r\n", BINARY)
        shown = inspection.ended(1)
        assert (shown["method"], shown["target"], shown["status"], shown["state"]) == ("PUT", "/a?b=%20c&d", 201, "complete"), shown
        assert shown["replayOf"] is None and shown["refusal"] is None and shown["why"] == "", shown
        assert 0 < shown["answeredMs"] <= shown["durationMs"], shown
        fields = shown["request"]["fields"]
        assert fields[:5] == [["host", "test"], ["content-length", "768"], ["x-one", "1"], ["x-one", "2"], ["accept", "*/*"]], fields
        assert shown["response"]["fields"] == [
            ["Content-Type", "text/plain"],
            ["Set-Cookie", "sid=********; Path=/"],
            ["X-Twice", "1"],
            ["X-Twice", "2"],
            ["Content-Length", "772"],
        ], shown["response"]
        assert shown["request"]["body"] == {"bytes": 768, "kept": 768}, shown
        assert inspection.body(1, "request") == BINARY
        assert inspection.body(1, "response") == b"got " + BINARY

        ask(driver, "GET", "/empty")
        shown = inspection.ended(2)
        assert (shown["status"], shown["responseBytes"]) == (204, 0), shown
        assert shown["response"]["fields"] == [["X-Empty", "yes"]], shown
        assert inspection.body(2, "response") == b""


def a_long_body_is_cut_and_counted():
    sent = pattern(KEPT + 1, seed=1)
    with inspected(echo) as (_, driver, inspection):
        assert ask(driver, "POST", "/", body=sent)[2] == b"got " + sent
        shown = inspection.ended(1)
        assert shown["request"]["body"] == {"bytes": KEPT + 1, "kept": KEPT}, shown["request"]
        assert shown["response"]["body"] == {"bytes": KEPT + 5, "kept": KEPT}, shown["response"]
        assert inspection.body(1, "request") == sent[:KEPT]
        assert ask(driver, "GET", "/big")[2] == pattern(KEPT * 4)
        assert inspection.ended(2)["responseBytes"] == KEPT * 4
        assert inspection.body(2, "response") == pattern(KEPT * 4)[:KEPT]


def chunked_bodies_are_shown_without_their_framing():
    request = b"POST /c HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n"
    with inspected(echo) as (_, driver, inspection), Visitor(driver.port, request) as visitor:
        assert visitor.receive_answer()[2] == b"got abcdefg"
        assert inspection.ended(1)["requestBytes"] == 7
        assert inspection.body(1, "request") == b"abcdefg"


def secrets(inspection):
    fields = dict(inspection.request(1)["request"]["fields"])
    return inspection.request(1)["target"], fields["authorization"], fields["cookie"], fields["x-api-key"]


def secrets_are_hidden_unless_asked_for():
    headers = "Authorization: Bearer abc\r\nCookie: a=1; b=2\r\nX-Api-Key: k\r\n"
    for flags, expected in (
        ((), ("/x?q=1&access_token=********", "Bearer ********", "a=********; b=********", "********")),
        (("--inspect-show-secrets",), ("/x?q=1&access_token=t", "Bearer abc", "a=1; b=2", "k")),
    ):
        with inspected(echo, *flags) as (_, driver, inspection):
            ask(driver, "GET", "/x?q=1&access_token=t", headers)
            assert secrets(inspection) == expected, secrets(inspection)
            assert inspection.json("/api/info")["showsSecrets"] == bool(flags)
            for path in ("/api/requests", "/api/requests/1"):
                text = inspection.ask(path)[2]
                assert (b"s3cret" in text or b"access_token=t" in text) == bool(flags), text


def changes_are_told_live():
    gate = []

    def answer(*_):
        wait_until(lambda: gate, "the test has seen the request run")
        return 200, [], b"late"

    with inspected(answer) as (_, driver, inspection), Events(inspection) as events, Visitor(driver.port) as visitor:
        assert events.next() == {"oldest": 1, "requests": []}
        visitor.ask("GET", "/live")
        running = events.until(lambda request: request["target"] == "/live")
        assert (running["state"], running["status"], running["durationMs"]) == ("running", None, None), running
        gate.append(True)
        ended = events.until(lambda request: request["state"] == "complete")
        assert (ended["id"], ended["status"], ended["responseBytes"]) == (1, 200, 4), ended
        with Events(inspection) as late:
            assert [request["target"] for request in late.next()["requests"]] == ["/live"]
        assert inspection.post("/api/clear") == (204, None)
        assert events.next() == {"oldest": 2, "requests": []}
        assert inspection.ask("/api/requests/1")[0] == 404


def what_fails_says_why():
    def cut(sock, _):
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")

    with Origin(cut) as origin, Daemon() as daemon, Expose(daemon, origin.port, "--inspect") as driver:
        inspection = Inspection(driver)
        with Visitor(driver.port) as visitor:
            visitor.ask()
            visitor.expect_abort_or_502()
        shown = inspection.ended(1)
        assert (shown["state"], shown["status"], shown["responseBytes"]) == ("failed", 200, 4), shown
        assert shown["why"] == f"local service 127.0.0.1:{origin.port} closed the connection in the middle of its answer", shown


def an_upgrade_is_shown_with_its_raw_bytes():
    def switch(sock, _):
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhello")
        assert sock.recv(3) == b"bye"

    upgrade = b"GET /ws HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
    with contextlib.ExitStack() as stack:
        origin, daemon = stack.enter_context(Origin(switch)), stack.enter_context(Daemon())
        driver = stack.enter_context(Expose(daemon, origin.port, "--inspect"))
        inspection = Inspection(driver)
        with Visitor(driver.port, upgrade) as visitor:
            assert visitor.receive_head()[0] == 101
            assert visitor.receive(5) == b"hello"
            visitor.send(b"bye")
            visitor.end()
            visitor.expect_end()
        shown = inspection.ended(1)
        assert (shown["status"], shown["isUpgrade"]) == (101, True), shown
        assert (inspection.body(1, "request"), inspection.body(1, "response")) == (b"bye", b"hello")


def several_tunnels_are_told_apart():
    with http_origin(echo) as one, http_origin(echo) as other, Daemon() as daemon:
        with Tunnels(daemon, "expose", str(one.port), str(other.port), "--inspect", count=2) as driver:
            inspection = Inspection(driver)
            for origin in (one, other):
                assert simple_get(driver.port(str(origin.port)))[0] == 201
            assert [inspection.ended(number)["tunnel"] for number in (1, 2)] == [str(one.port), str(other.port)]
            shown = inspection.ended(inspection.replay(2))
            assert (shown["tunnel"], shown["status"]) == (str(other.port), 201), shown


def without_the_flag_nobody_listens():
    with http_origin(echo) as origin, Daemon() as daemon:
        with Expose(daemon, origin.port) as driver:
            assert simple_get(driver.port)[0] == 201
            assert [port for port, listens in driver.tcp_sockets() if listens] == []
            assert "inspect" not in driver.stderr()
        with Expose(daemon, origin.port, "--inspect") as driver:
            assert [port for port, listens in driver.tcp_sockets() if listens] == [Inspection(driver).port]


run(
    heads_and_bodies_are_exact,
    a_long_body_is_cut_and_counted,
    chunked_bodies_are_shown_without_their_framing,
    secrets_are_hidden_unless_asked_for,
    changes_are_told_live,
    what_fails_says_why,
    an_upgrade_is_shown_with_its_raw_bytes,
    several_tunnels_are_told_apart,
    without_the_flag_nobody_listens,
)
