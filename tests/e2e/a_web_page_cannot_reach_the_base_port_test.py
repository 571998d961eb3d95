"""Against browsers: Origin on upgrades and DELETE, dotted Hosts on every path (protocol section 1)."""

from harness import API, Daemon, connect, fetch, receive_exactly, run, upgrade_request

NO_SESSION = "/sessions/S-00000000-0000-4000-8000-000000000000"


def upgrade_status(daemon, **how):
    with connect(daemon.port) as sock:
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
            assert call(daemon, headers=headers) == 200, origin  # a page may ask, it cannot read
        assert upgrade_status(daemon) == 101
        assert call(daemon, "DELETE", NO_SESSION) == 404


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
            for path in ("/health", "/sessions", "/tunnels", "/bindings", "/metrics", "/nothing"):
                assert call(daemon, path=path, host=host) == 403, (host, path)
            assert call(daemon, "DELETE", NO_SESSION, host=host) == 403, host
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


run(
    an_origin_is_403_on_upgrades_and_deletes,
    an_allowed_origin_comes_in,
    a_dotted_host_is_403_on_every_path,
    a_named_host_comes_in,
)
