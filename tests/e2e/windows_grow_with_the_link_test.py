"""On a long link a stream is not held to its first window a round trip: where the bytes are consumed as fast as they come, the
receiver's window grows, in the daemon and in the native driver (protocol section 6). Told by how many bytes are under way."""

import hashlib

import harness
from harness import Daemon, Expose, Origin, Visitor, pattern, read_request, wait_until
from relay import DOWN, UP, Relay

DELAY_S = 0.2
TOTAL = 10 << 20
FIRST_WINDOW = 1 << 20
GROWN = FIRST_WINDOW * 5 // 4
SLACK = 64 << 10  # headers of frames and messages, control frames
BODY = pattern(TOTAL)


def service(sock, _address):
    reader = sock.makefile("rb")
    while request := read_request(reader):
        if request[0] == "GET":
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % TOTAL + BODY)
        else:
            digest = hashlib.sha256(request[3]).hexdigest().encode()
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(digest), digest))


def download(visitor):
    visitor.ask()
    assert visitor.receive_answer()[2] == BODY


def upload(visitor):
    visitor.send(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n" % TOTAL + BODY)
    assert visitor.receive_answer()[2].decode() == hashlib.sha256(BODY).hexdigest()


def passes(transfer, *flags):
    """Bytes under way at most in each direction, and what the daemon's windows were granted more."""
    with Origin(service) as origin, Daemon(*flags) as daemon, Relay(daemon, DELAY_S) as relay:
        with Expose(relay, origin.port) as driver, Visitor(driver.port) as visitor:
            transfer(visitor)
        wait_until(lambda: daemon.metric("hoody_tunnel_streams_active") == 0, "the stream is over")
        wait_until(lambda: daemon.metric("hoody_tunnel_window_growth_bytes") == 0, "its growth is given back")
        return relay.most_under_way, daemon.metric("hoody_tunnel_window_growth_bytes_total")


def of_the_daemon():
    under_way, growth = passes(download)
    assert under_way[UP] > GROWN and growth > 0, (under_way, growth)


def of_the_driver():
    under_way, growth = passes(upload)
    assert under_way[DOWN] > GROWN and growth == 0, (under_way, growth)


def as_far_as_they_may():
    under_way, growth = passes(download, "--max-stream-window", "2MiB")
    assert FIRST_WINDOW + SLACK < under_way[UP] <= 2 * FIRST_WINDOW + SLACK, under_way
    assert 0 < growth <= FIRST_WINDOW, growth


def and_not_at_all_without_a_budget():
    under_way, growth = passes(download, "--window-budget", "0")
    assert under_way[UP] <= FIRST_WINDOW + SLACK and growth == 0, (under_way, growth)


harness.run(of_the_daemon, of_the_driver, as_far_as_they_may, and_not_at_all_without_a_budget)
