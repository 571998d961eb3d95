"""When the base port has as many connections as it takes, one that is kept open and asks nothing makes room for who comes."""

import contextlib

from harness import API, Daemon, RawDriver, connect, parse_answer, receive_all, run

CONNECTIONS = 300  # more than the base port holds


def ask(sock):
    sock.sendall(f"GET {API}/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert sock.recv(4096).startswith(b"HTTP/1.1 404 ")


def the_oldest_makes_room():
    with Daemon() as daemon, contextlib.ExitStack() as stack:
        clients = []
        for _ in range(CONNECTIONS):
            clients.append(stack.enter_context(connect(daemon.port)))
            ask(clients[-1])
        assert daemon.get("/health")[0] == 200
        with RawDriver(daemon) as driver:
            driver.bind()
        assert receive_all(clients[0]) == b"", "the oldest is closed, with nothing said"
        ask(clients[-1])


def who_is_in_the_middle_of_a_request_does_not():
    with Daemon("--head-timeout", "10m") as daemon, contextlib.ExitStack() as stack:
        for _ in range(CONNECTIONS):
            stack.enter_context(connect(daemon.port)).sendall(b"GET ")
        with connect(daemon.port) as sock:
            assert parse_answer(receive_all(sock), "GET")[0] == 503


run(the_oldest_makes_room, who_is_in_the_middle_of_a_request_does_not)
