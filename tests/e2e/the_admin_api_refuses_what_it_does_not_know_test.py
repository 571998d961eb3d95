"""Admin API: 404, 405 with Allow, HEAD as GET, OPTIONS, errors as JSON, keep-alive (protocol section 8)."""

import json

from harness import API, Daemon, Visitor, fetch, run

CALLS = ("/health", "/tunnels", "/sessions", "/bindings", "/metrics", "/openapi.json")
SESSION = "/sessions/S-00000000-0000-4000-8000-000000000000"


def is_error(answer, status):
    got, headers, body = answer
    assert got == status, answer
    assert headers["content-type"].startswith("application/json"), headers
    error = json.loads(body)
    assert set(error) == {"error"} and isinstance(error["error"], str) and error["error"], error
    return headers


def unknown_paths_are_404():
    with Daemon() as daemon:
        for path in ("", "/", "/nothing", "/health/", "/Health", "/sessions/a/b", "/tunnels/x", "/%68ealth", "//health"):
            is_error(daemon.get(path), 404)
        for target in ("/", "/api", "/api/v1/tunnels", "/api/v2/tunnel/health", "/favicon.ico"):
            request = f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            is_error(fetch(daemon.port, request.encode()), 404)
        for method in ("POST", "DELETE", "PUT"):
            is_error(daemon.request(method, "/nothing"), 404)


def wrong_methods_are_405():
    with Daemon() as daemon:
        for path in CALLS:
            for method in ("POST", "PUT", "DELETE", "PATCH", "PROPFIND"):
                allow = is_error(daemon.request(method, path), 405)["allow"]
                assert {"GET", "HEAD"} <= set(allow.replace(" ", "").split(",")), (path, allow)
        for method in ("GET", "HEAD", "POST", "PUT"):
            status, headers, body = daemon.request(method, SESSION)
            assert status == 405 and "DELETE" in headers["allow"].replace(" ", "").split(","), (method, headers)
            assert method == "HEAD" or "error" in json.loads(body), body


def head_is_get_without_the_body():
    with Daemon() as daemon:
        for path in CALLS:
            status, headers, body = daemon.request("HEAD", path)
            got, expected, whole = daemon.get(path)
            assert status == got == 200 and body == b"" and whole, (path, status, body)
            assert headers["content-type"] == expected["content-type"], (headers, expected)
        status, _, body = daemon.request("HEAD", "/nothing")
        assert status == 404 and body == b"", (status, body)


def options_tells_allow():
    with Daemon() as daemon:
        for path in (*CALLS, SESSION):
            status, headers, body = daemon.request("OPTIONS", path)
            assert status == 204 and body == b"", (path, status, body)
            method = "DELETE" if path == SESSION else "GET"
            assert method in headers["allow"].replace(" ", "").split(","), (path, headers)
            assert not [name for name in headers if name.startswith("access-control-")], headers


def a_connection_is_kept_for_many_calls():
    with Daemon() as daemon, Visitor(daemon.port) as caller:
        for number in range(30):
            path = CALLS[number % len(CALLS)] if number % 7 else "/nothing"
            caller.send(f"GET {API}{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert caller.receive_answer()[0] == (200 if number % 7 else 404)
        caller.send(f"GET {API}/health HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 20)  # pipelined
        assert [caller.receive_answer()[0] for _ in range(20)] == [200] * 20
        caller.send(f"POST {API}/health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello".encode())
        assert caller.receive_answer()[0] == 405


def a_broken_request_is_answered_whole_whatever_came_before():
    with Daemon() as daemon, Visitor(daemon.port) as caller:
        caller.send(f"HEAD {API}/health HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert caller.receive_head()[0] == 200
        caller.send(b"GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        status, headers, body = caller.receive_answer()
        assert status == 400 and body and headers["connection"].lower() == "close", (status, headers, body)
        caller.expect_end()


run(
    unknown_paths_are_404,
    wrong_methods_are_405,
    head_is_get_without_the_body,
    options_tells_allow,
    a_connection_is_kept_for_many_calls,
    a_broken_request_is_answered_whole_whatever_came_before,
)
