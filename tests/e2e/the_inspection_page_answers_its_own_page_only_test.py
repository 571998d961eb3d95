"""The inspection page is for this machine: it listens on loopback only, and a web page of another origin, a foreign name for
127.0.0.1 or a cross-site form neither reads nor does anything. Nothing of it is kept, framed or loaded from elsewhere."""

import json
import re
import socket
import subprocess
import urllib.parse

from harness import BIN, PATIENCE, Daemon, Expose, Visitor, connect, free_port, http_origin, receive_all, run, wait_until
from inspection import Inspection, inspected

PATHS = ["/", "/page.js", "/api/info", "/api/requests", "/api/requests/1", "/api/requests/1/request-body", "/api/events", "/nothing"]
EFFECTS = ["/api/clear", "/api/requests/1/replay"]


def served(*_):
    return 200, [("Content-Type", "text/html")], b"<script>alert(1)</script>"


def visited(driver, inspection):
    with Visitor(driver.port) as visitor:
        visitor.ask()
        visitor.receive_answer()
    inspection.ended(1)


def a_foreign_host_or_origin_is_refused():
    with inspected(served) as (_, driver, inspection):
        visited(driver, inspection)
        own = f"127.0.0.1:{inspection.port}"
        token = inspection.json("/api/info")["token"]
        foreign = [
            {"Host": f"rebound.example:{inspection.port}"},
            {"Host": "127.0.0.1"},
            {"Host": f"127.0.0.1:{driver.port}"},
            {"Host": own, "Origin": "https://evil.example"},
            {"Host": own, "Origin": "null"},
            {"Host": own, "Origin": f"http://localhost:{inspection.port}"},
            {"Host": own, "Origin": f"http://127.0.0.1:{driver.port}"},
            {"Host": own, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
            {"Host": own, "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
        ]
        for headers in foreign:
            for path in PATHS:
                status, _, body = inspection.ask(path, headers=headers)
                assert status == 403 and set(json.loads(body)) == {"error"}, (headers, path, status)
            for path in EFFECTS:
                assert inspection.ask(path, "POST", {**headers, "x-inspect-token": token})[0] == 403, (headers, path)
        assert [request["id"] for request in inspection.requests()] == [1]
        for headers in ({"Host": own}, {"Host": f"localhost:{inspection.port}", "Origin": f"http://localhost:{inspection.port}"}):
            assert inspection.ask("/api/requests/1", headers=headers)[0] == 200


def an_effect_needs_post_and_the_token():
    with inspected(served) as (_, driver, inspection):
        visited(driver, inspection)
        token = inspection.json("/api/info")["token"]
        assert re.fullmatch("[0-9a-f]{32}", token), token
        own = {"Origin": inspection.url}
        for path in EFFECTS:
            for headers in (own, {**own, "x-inspect-token": ""}, {**own, "x-inspect-token": "0" * 32}):
                assert inspection.ask(path, "POST", headers)[0] == 403, (path, headers)
            for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
                status, headers, _ = inspection.ask(path, method, {"x-inspect-token": token})
                assert (status, headers["allow"]) == (405, "POST"), (path, method, status)
            form = {**own, "x-inspect-token": token, "content-type": "application/x-www-form-urlencoded"}
            assert inspection.ask(path, "POST", form, b"a=b")[0] == 413
        assert [request["id"] for request in inspection.requests()] == [1]
        assert inspection.ask(EFFECTS[1], "POST", {**own, "x-inspect-token": token})[0] == 202
        assert inspection.ask(EFFECTS[0], "POST", {**own, "x-inspect-token": token})[0] == 204
        assert inspection.requests() == []


def nothing_is_kept_framed_or_loaded_from_elsewhere():
    with inspected(served) as (_, driver, inspection):
        visited(driver, inspection)
        for path in [path for path in PATHS if path != "/api/events"] + ["/page.css", "/icon.svg", "/api/requests/1/response-body"]:
            status, headers, body = inspection.ask(path)
            assert status == (404 if path == "/nothing" else 200), (path, status)
            assert headers["cache-control"] == "no-store", path
            assert headers["x-content-type-options"] == "nosniff", path
            assert headers["x-frame-options"] == "DENY", path
            assert headers["cross-origin-resource-policy"] == "same-origin", path
            assert headers["referrer-policy"] == "no-referrer", path
            assert "access-control-allow-origin" not in headers, path
            policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
            assert policy["default-src"] == "'none'" and policy["frame-ancestors"] == "'none'", policy
            assert set(policy.values()) == {"'none'", "'self'", "'script'"}, policy
            links = re.findall(rb'(?:src|href|url\(|import\(?)\s*=?\s*["\']?(https?:)?//', body)
            assert not links, (path, links)
        _, headers, body = inspection.ask("/api/requests/1/response-body")
        assert body == b"<script>alert(1)</script>"
        assert (headers["content-type"], headers["content-disposition"]) == ("application/octet-stream", "attachment")


def what_is_no_request_is_refused():
    with inspected(served) as (_, _, inspection):
        host = f"Host: 127.0.0.1:{inspection.port}\r\n"
        for request, status in (
            (f"GET / HTTP/1.1\r\n{host}{host}\r\n", 400),
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.0\r\n\r\n", 403),
            (f"GET http://evil.example/ HTTP/1.1\r\n{host}\r\n", 404),
            (f"GET  / HTTP/1.1\r\n{host}\r\n", 400),
            (f"GET / HTTP/1.1\r\n{host}A: b\r\n c\r\n\r\n", 400),
            (f"GET / HTTP/1.1\r\n{host}A: {'x' * 400000}\r\n\r\n", 431),
            (f"POST /api/clear HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n", 413),
            (f"POST /api/clear HTTP/1.1\r\n{host}Content-Length: 400000\r\n\r\n{'x' * 400000}", 413),
        ):
            with connect(inspection.port) as sock:
                sock.sendall(request.encode())
                sock.shutdown(socket.SHUT_WR)
                assert receive_all(sock).startswith(b"HTTP/1.1 %d " % status), (request[:60], status)


def it_listens_on_loopback_and_on_the_next_port_when_one_is_taken():
    with http_origin(served) as origin, Daemon() as daemon:
        for place in ("0.0.0.0:4040", "192.0.2.1:4040", "[::]:4040", "example.com:4040", "4040x"):
            done = subprocess.run(
                [f"{BIN}/hoody-tunnel", "expose", str(origin.port), "--url", f"ws://127.0.0.1:{daemon.port}", f"--inspect={place}"],
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
            assert done.returncode == 2 and "must be a loopback address" in done.stderr, (place, done)
        first = free_port()
        with Expose(daemon, origin.port, "--inspect", f"127.0.0.1:{first}") as driver:
            assert Inspection(driver).url == f"http://127.0.0.1:{first}"
            with Expose(daemon, origin.port, "--inspect", f"127.0.0.1:{first}") as other:
                assert first < Inspection(other).port <= first + 19
                assert Inspection(other).json("/api/info")["token"] != Inspection(driver).json("/api/info")["token"]
        with Expose(daemon, origin.port, "--inspect=[::1]:4040") as driver:
            inspection = Inspection(driver)
            assert inspection.host == "::1" and urllib.parse.urlparse(inspection.url).hostname == "::1"
            assert inspection.requests() == []


def who_takes_nothing_holds_nothing_up():
    with inspected(served) as (_, driver, inspection):
        idle = [connect(inspection.port) for _ in range(31)]
        assert inspection.requests() == []
        idle.append(connect(inspection.port))
        with connect(inspection.port) as sock:
            assert receive_all(sock) == b""  # one too many
        for sock in idle:
            sock.close()
        # Asks for a megabyte of answers, takes none of them: it is not read on, and others are served.
        request = f"GET /page.css HTTP/1.1\r\nHost: 127.0.0.1:{inspection.port}\r\n\r\n".encode()
        wait_until(lambda: inspection_is_there(inspection), "there is room again")
        with connect(inspection.port) as greedy:
            greedy.setblocking(False)
            sent = 0
            try:
                while sent < 1 << 28:
                    sent += greedy.send(request * 1000)
            except BlockingIOError:
                pass
            assert sent < 1 << 28, "the driver reads on"
            visited(driver, inspection)


def inspection_is_there(inspection):
    try:
        return inspection.requests() == []
    except OSError:
        return False


run(
    a_foreign_host_or_origin_is_refused,
    an_effect_needs_post_and_the_token,
    nothing_is_kept_framed_or_loaded_from_elsewhere,
    what_is_no_request_is_refused,
    it_listens_on_loopback_and_on_the_next_port_when_one_is_taken,
    who_takes_nothing_holds_nothing_up,
)
