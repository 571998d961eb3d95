"""500 drivers connect at once where 64 may: 64 are let in, the others refused as always, and the API answers all the while
(protocol sections 3 and 8)."""

import collections
import json
import selectors
import socket
import threading
import time

from harness import GOAWAY, HELLO_OK, PATIENCE, Closed, Daemon, RawDriver, hello, run, upgrade_request, wait_until

DRIVERS, SESSIONS = 500, 64
REASON = "tunnel session limit reached"


class Herald(threading.Thread):
    """Asks the API one thing after the other, and takes the time of each answer."""

    def __init__(self, daemon):
        super().__init__()
        self.asked, self.latencies, self.failures, self.is_over = daemon, [], [], False

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        self.join()

    def run(self):
        while not self.is_over:
            for path in ("/health", "/tunnels", "/metrics"):
                begun = time.monotonic()
                try:
                    status = self.asked.get(path)[0]
                    if status != 200:
                        self.failures.append((path, status))
                except Exception as failure:  # pylint: disable=broad-except
                    self.failures.append((path, repr(failure)))
                self.latencies.append(time.monotonic() - begun)


def connect_all(daemon, count):
    """So many sockets, all of them connecting at the same time."""
    socks = [socket.socket() for _ in range(count)]
    with selectors.DefaultSelector() as selector:
        for sock in socks:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", daemon.port))
            selector.register(sock, selectors.EVENT_WRITE)
        while selector.get_map():
            for key, _ in selector.select():
                error = key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                assert error == 0, f"connect: {error}"
                selector.unregister(key.fileobj)
                key.fileobj.settimeout(PATIENCE)
    return socks


def verdict(driver):
    """'in', or how it was refused."""
    try:
        frames = driver.receive_message()
    except Closed as closed:
        return f"closed with {closed.code} and nothing said"
    kind, _, payload = frames[0]
    if kind == HELLO_OK:
        return "in"
    assert kind == GOAWAY and len(frames) == 1, frames
    goaway = json.loads(payload)
    assert goaway == {"code": 14, "message": REASON, "lastStreamId": 0, "retryAfterMs": 0}, goaway
    _, code, reason = driver.expect_closed()
    assert (code, reason) == (1013, REASON), (code, reason)
    return "refused"


def five_hundred_at_once():
    with Daemon("--max-pre-auth-connections", "512", "--max-sessions", str(SESSIONS)) as daemon:
        permits = daemon.metric("hoody_tunnel_fd_permits_available")
        with Herald(daemon) as herald:
            drivers = [RawDriver.on(sock) for sock in connect_all(daemon, DRIVERS)]
            first_words = upgrade_request() + RawDriver.websocket_frame(2, hello())
            for driver in drivers:
                driver.sock.sendall(first_words)
            for driver in drivers:
                driver.receive_upgrade()
            verdicts = collections.Counter(map(verdict, drivers))
            assert verdicts == {"in": SESSIONS, "refused": DRIVERS - SESSIONS}, verdicts
        assert not herald.failures, herald.failures[:3]
        worst = max(herald.latencies) * 1000
        print(f"the API answered {len(herald.latencies)} times meanwhile, at worst after {worst:.0f} ms")
        assert daemon.get_json("/sessions")["total"] == SESSIONS
        assert daemon.metric('hoody_tunnel_sessions_refused_total{reason="session_limit"}') == DRIVERS - SESSIONS
        for driver in drivers:
            driver.sock.close()
        wait_until(lambda: daemon.get_json("/sessions")["total"] == 0, "all of them are gone")
        wait_until(lambda: daemon.metric("hoody_tunnel_fd_permits_available") == permits, "all permits are back")
        with RawDriver(daemon) as another:
            another.bind()


run(five_hundred_at_once)
