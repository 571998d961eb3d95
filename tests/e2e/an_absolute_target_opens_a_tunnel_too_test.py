"""A driver's upgrade with an absolute target is as one with a path (protocol sections 1 and 6), and it is the target's host that
must be one of ours."""

from harness import API, HELLO_OK, Daemon, RawDriver, connect, hello, receive_all, run, upgrade_request

PATH = f"GET {API}/connect".encode()


def upgrade(to, host="localhost"):
    return upgrade_request(host=host).replace(PATH, f"GET {to}{API}/connect".encode(), 1)


def it_is_let_in():
    with Daemon() as daemon, connect(daemon.port) as sock:
        sock.sendall(upgrade("http://localhost:7080", host="ignored.example"))
        driver = RawDriver.on(sock)
        driver.receive_upgrade()
        driver.send(hello())
        driver.expect(HELLO_OK)


def another_host_is_refused():
    with Daemon() as daemon, connect(daemon.port) as sock:
        sock.sendall(upgrade("http://evil.example"))
        answer = receive_all(sock)
        assert answer.startswith(b"HTTP/1.1 403 "), answer


run(it_is_let_in, another_host_is_refused)
