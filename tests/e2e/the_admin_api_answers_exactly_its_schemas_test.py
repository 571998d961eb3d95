"""Admin API: the keys and types of every answer, with and without sessions (protocol section 8)."""

import re

from harness import API, EOF, Daemon, RawDriver, Visitor, fetch, run, wait_until

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def by_bind(value):
    """The same with every list of bindings in the order of their ids: the API promises none."""
    if isinstance(value, list):
        value = [by_bind(item) for item in value]
        return sorted(value, key=lambda item: item["bindId"]) if value and "bindId" in value[0] else value
    if isinstance(value, dict):
        return {key: by_bind(item) for key, item in value.items()}
    return value


def health():
    with Daemon() as daemon:
        status, headers, body = daemon.request("GET", "/health", {"User-Agent": "tester/1"})
        assert status == 200 and headers["content-type"].startswith("application/json"), headers
        assert not [name for name in headers if name.startswith("access-control-")], headers
        health_now = daemon.get_json("/health")
        keys = {"status", "service", "built", "started", "memory", "fds", "pid", "ip", "userAgent"}
        assert set(health_now) == keys, health_now
        assert health_now["status"] == "ok" and health_now["service"] == "hoody-tunnel", health_now
        assert RFC3339.fullmatch(health_now["built"]) and RFC3339.fullmatch(health_now["started"]), health_now
        assert set(health_now["memory"]) == {"rss", "heap"} and health_now["memory"]["heap"] is None, health_now
        assert isinstance(health_now["memory"]["rss"], int) and health_now["memory"]["rss"] > 1 << 20, health_now
        assert isinstance(health_now["fds"], int) and 5 < health_now["fds"] < 200, health_now
        assert health_now["pid"] == daemon.pid and health_now["ip"] == "127.0.0.1", health_now
        assert health_now["userAgent"] == "" and b'"tester/1"' in body, (health_now, body)


def nothing_is_there_yet():
    with Daemon() as daemon:
        tunnels = daemon.get_json("/tunnels")
        permits = tunnels.pop("fdPermitsAvailable")
        assert isinstance(permits, int) and permits > 0
        assert tunnels == {"sessions": [], "orphanedSessions": 0, "totalStreams": 0, "totalBindings": 0}, tunnels
        assert daemon.get_json("/sessions") == {"sessions": [], "total": 0}
        assert daemon.get_json("/bindings") == {"bindings": [], "total": 0}


def sessions_bindings_and_streams():
    with Daemon("--takeover-grace", "0") as daemon:
        permits = daemon.get_json("/tunnels")["fdPermitsAvailable"]
        with RawDriver(daemon) as one, RawDriver(daemon, "hoody-tunnel.v2") as two:
            first, second, third = one.bind(), one.bind(), two.bind()
            ids = [driver.hello_ok["sessionId"] for driver in (one, two)]
            peers = ["127.0.0.1:%d" % driver.sock.getsockname()[1] for driver in (one, two)]
            with Visitor(first["containerPort"]) as visitor:
                visitor.ask()
                stream, _ = one.expect_stream()
                one.expect(EOF, stream)

                def place(bound):
                    return {"bindId": bound["bindId"], "containerPort": bound["containerPort"]}

                assert by_bind(daemon.get_json("/tunnels")) == {
                    "sessions": [
                        {
                            "sessionId": ids[0],
                            "peerAddr": peers[0],
                            "protocol": "hoody-tunnel.v1",
                            "connectionsGranted": 1,
                            "activeStreams": 1,
                            "exposeBindings": [place(first), place(second)],
                            "pullBindings": [],
                        },
                        {
                            "sessionId": ids[1],
                            "peerAddr": peers[1],
                            "protocol": "hoody-tunnel.v2",
                            "connectionsGranted": 1,
                            "activeStreams": 0,
                            "exposeBindings": [place(third)],
                            "pullBindings": [],
                        },
                    ],
                    "orphanedSessions": 0,
                    "totalStreams": 1,
                    "totalBindings": 3,
                    "fdPermitsAvailable": permits - 2 - 3 - 1,  # drivers, listeners, a visitor
                }

                def row(bound):
                    return {**place(bound), "kind": "http", "mode": "expose"}

                assert by_bind(daemon.get_json("/sessions")) == {
                    "sessions": [
                        {
                            "sessionId": ids[0],
                            "peerAddr": peers[0],
                            "isV2": False,
                            "connectionsGranted": 1,
                            "activeStreams": 1,
                            "maxStreams": 1024,
                            "bindings": [row(first), row(second)],
                        },
                        {
                            "sessionId": ids[1],
                            "peerAddr": peers[1],
                            "isV2": True,
                            "connectionsGranted": 1,
                            "activeStreams": 0,
                            "maxStreams": 1024,
                            "bindings": [row(third)],
                        },
                    ],
                    "total": 2,
                }
                assert by_bind(daemon.get_json("/bindings")) == {
                    "bindings": [
                        {
                            "port": bound["containerPort"],
                            "kind": "http",
                            "mode": "expose",
                            "sessionId": session,
                            "bindId": bound["bindId"],
                        }
                        for bound, session in ((first, ids[0]), (second, ids[0]), (third, ids[1]))
                    ],
                    "total": 3,
                }
        wait_until(lambda: daemon.get_json("/tunnels")["fdPermitsAvailable"] == permits, "all permits are back")
        assert daemon.get_json("/sessions")["total"] == 0 and daemon.get_json("/bindings")["total"] == 0


def queries_are_ignored():
    with Daemon() as daemon:
        request = f"GET {API}/sessions?x=1&y HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        assert fetch(daemon.port, request.encode())[0] == 200


run(health, nothing_is_there_yet, sessions_bindings_and_streams, queries_are_ignored)
