"""Against browsers: Origin on upgrades and DELETE, dotted Hosts on every path (protocol section 1)."""

from harness import (
    API,
    CONNECT,
    EOF,
    Daemon,
    RawDriver,
    Visitor,
    bound_port,
    connect,
    fetch,
    own_address,
    parse_answer,
    receive_all,
    receive_exactly,
    response_head,
    run,
    upgrade_request,
)

NO_SESSION = "/sessions/S-00000000-0000-4000-8000-000000000000"
PATHS = ("/health", "/sessions", "/tunnels", "/bindings", "/metrics", "/openapi.json", "/connect", NO_SESSION, "/nothing", "")
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE")


def upgrade_status(daemon, address="127.0.0.1", **how):
    with connect(daemon.port, host=address) as sock:
        sock.sendall(upgrade_request(**how))
        return int(receive_exactly(sock, 12)[9:])


def call(daemon, method="GET", path="/health", host="localhost", headers=""):
    request = f"{method} {API}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n"
    return fetch(daemon.port, request.encode(), method)[0]


def an_origin_is_403_on_upgrades_and_deletes():
    with Daemon() as daemon:
        for origin in ("http://localhost", "https://evil.example", "null", f"http://127.0.0.1:{daemon.port}", "*", ""):
            headers = f"Origin: {origin}\r\n"
            assert upgrade_status(daemon, headers=headers) == 403, origin
            assert call(daemon, "DELETE", NO_SESSION, headers=headers) == 403, origin
            assert call(daemon, "DELETE", "/nothing", headers=headers) == 403, origin
            assert call(daemon, headers=headers) == 200, origin  # a page may ask, it cannot read
        assert upgrade_status(daemon) == 101
        assert call(daemon, "DELETE", NO_SESSION) == 404


def what_is_refused_does_nothing():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        driver.bind()
        session = driver.hello_ok["sessionId"]
        assert call(daemon, "DELETE", f"/sessions/{session}", headers="Origin: null\r\n") == 403
        assert call(daemon, "DELETE", f"/sessions/{session}", host="evil.example") == 403
        assert upgrade_status(daemon, headers="Origin: null\r\n") == 403
        assert driver.ping() == []
        assert [row["sessionId"] for row in daemon.get_json("/sessions")["sessions"]] == [session]
        assert daemon.get_json("/bindings")["total"] == 1


def an_allowed_origin_comes_in():
    with Daemon("--allow-origin", "https://app.example", "--allow-origin", "http://localhost:3000") as daemon:
        for origin, allowed in (
            ("https://app.example", True),
            ("http://localhost:3000", True),
            ("http://app.example", False),
            ("https://app.example:8443", False),
            ("https://app.example.evil.example", False),
            ("null", False),
        ):
            headers = f"Origin: {origin}\r\n"
            assert upgrade_status(daemon, headers=headers) == (101 if allowed else 403), origin
            assert call(daemon, "DELETE", NO_SESSION, headers=headers) == (404 if allowed else 403), origin


def a_dotted_host_is_403_on_every_path():
    with Daemon() as daemon:
        for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example", "a.b"):
            assert upgrade_status(daemon, host=host) == 403, host
        for path in PATHS:
            for method in METHODS:
                assert call(daemon, method, path, host="evil.example") == 403, (method, path)
        for target in ("/", "/api", "/favicon.ico"):
            request = f"GET {target} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
            assert fetch(daemon.port, request.encode())[0] == 403, target
        for host in ("127.0.0.1", f"127.0.0.1:{daemon.port}", "localhost", "localhost:1", "[::1]", "[::1]:80", "container"):
            assert upgrade_status(daemon, host=host) == 101, host
            assert call(daemon, host=host) == 200, host


def a_named_host_comes_in():
    with Daemon("--admin-host", "kit.example", "--admin-host", "*.edge.example") as daemon:
        for host, allowed in (
            ("kit.example", True),
            ("KIT.example:8080", True),
            ("a.edge.example", True),
            ("edge.example", False),
            ("kit.example.evil", False),
            ("xkit.example", False),
        ):
            assert upgrade_status(daemon, host=host) == (101 if allowed else 403), host
            assert call(daemon, host=host) == (200 if allowed else 403), host


def an_absolute_target_counts_instead_of_the_host():
    with Daemon("--admin-host", "kit.example") as daemon:
        for authority, host, status in (
            ("evil.example", "localhost", 403),
            ("localhost", "evil.example", 200),
            ("kit.example:80", "kit.example:80", 200),
        ):
            request = f"GET http://{authority}{API}/health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            assert fetch(daemon.port, request.encode())[0] == status, (authority, host)


def a_trusted_source_may_name_any_host_but_its_pages_may_not_connect():
    address = own_address()
    if not address:
        print("no address beside loopback here: not tried")
        return
    with Daemon("--trusted-source", f"{address}/32", listen="0.0.0.0") as daemon:
        assert upgrade_status(daemon, address, host="evil.example") == 101
        assert upgrade_status(daemon, address, host="evil.example", headers="Origin: https://evil.example\r\n") == 403
        assert call(daemon, host="evil.example") == 403  # on loopback nothing has changed
        request = f"DELETE {API}{NO_SESSION} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n"
        for origin, status in (("", 404), ("Origin: null\r\n", 403)):
            with connect(daemon.port, host=address) as sock:
                sock.sendall(f"{request}{origin}\r\n".encode())
                assert parse_answer(receive_all(sock))[0] == status, origin


def exposed_ports_are_for_any_page():
    headers = "Origin: https://page.example\r\n"
    with bound_port() as (_, driver, port):
        for method in ("GET", "DELETE"):
            request = f"{method} {CONNECT} HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n{headers}\r\n"
            with Visitor(port, request.encode()) as visitor:
                stream, opened = driver.expect_stream()
                assert ["origin", "https://page.example"] in opened["headers"], opened
                assert ["host", "app.example"] in opened["headers"], opened
                driver.expect(EOF, stream)
                driver.answer(stream, b"welcome", headers=[["content-length", "7"]])
                assert visitor.receive_answer()[2] == b"welcome"
        with Visitor(port, upgrade_request(headers, host="app.example")) as visitor:
            stream, opened = driver.expect_stream()
            assert opened["isUpgrade"] is True, opened
            driver.send(response_head(stream, 101, [["connection", "Upgrade"], ["upgrade", "websocket"]]))
            assert visitor.receive_head()[0] == 101


run(
    an_origin_is_403_on_upgrades_and_deletes,
    what_is_refused_does_nothing,
    an_allowed_origin_comes_in,
    a_dotted_host_is_403_on_every_path,
    a_named_host_comes_in,
    an_absolute_target_counts_instead_of_the_host,
    a_trusted_source_may_name_any_host_but_its_pages_may_not_connect,
    exposed_ports_are_for_any_page,
)
