"""Source guard: loopback and --trusted-source only, a bare 403 on every path for others (protocol section 1)."""

from harness import API, Daemon, connect, own_address, parse_answer, receive_all, receive_exactly, run, upgrade_request


def ask(daemon, host, request, source=None):
    with connect(daemon.port, host=host, source=source) as sock:
        sock.sendall(request)
        return parse_answer(receive_all(sock))


def get(path, host="localhost"):
    return f"GET {API}{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()


def upgrades(daemon, host, source=None):
    with connect(daemon.port, host=host, source=source) as sock:
        sock.sendall(upgrade_request())
        return receive_exactly(sock, 12) == b"HTTP/1.1 101"


def all_of_loopback_is_trusted():
    with Daemon() as daemon:
        for source in ("127.0.0.1", "127.0.0.2", "127.255.255.254"):
            assert ask(daemon, "127.0.0.1", get("/health"), source)[0] == 200, source
            assert upgrades(daemon, "127.0.0.1", source), source


def others_get_a_bare_403_on_every_path():
    address = own_address()
    if not address:
        print("no address beside loopback here: not tried")
        return
    with Daemon(listen="0.0.0.0") as daemon:
        for request in (get("/health"), get("/metrics"), get("/nothing"), upgrade_request(), b"garbage\r\n\r\n"):
            status, headers, body = ask(daemon, address, request)
            assert status == 403 and body == b"", (request, status, headers, body)
        assert ask(daemon, "127.0.0.1", get("/health"))[0] == 200


def a_trusted_source_comes_in_by_any_host():
    address = own_address()
    if not address:
        print("no address beside loopback here: not tried")
        return
    with Daemon("--trusted-source", "203.0.113.0/24", "--trusted-source", f"{address}/32", listen="0.0.0.0") as daemon:
        assert ask(daemon, address, get("/health"))[0] == 200
        assert ask(daemon, address, get("/health", "kit.example.com"))[0] == 200
        assert ask(daemon, "127.0.0.1", get("/health"))[0] == 200
        assert upgrades(daemon, address)
    with Daemon("--trusted-source", "203.0.113.0/24", listen="0.0.0.0") as daemon:
        assert ask(daemon, address, get("/health"))[0] == 403


run(all_of_loopback_is_trusted, others_get_a_bare_403_on_every_path, a_trusted_source_comes_in_by_any_host)
