"""1 GiB down and 1 GiB up through daemon and native driver arrive whole, and neither process grows with them."""

import hashlib

import harness
from harness import Daemon, Expose, Origin, SANITIZED, connect

GIBIBYTE = 1 << 30
RSS_MAX = 48 << 20
BLOCK = harness.pattern(1 << 20)


def blocks():
    """1 GiB whose blocks all differ."""
    for index in range(GIBIBYTE // len(BLOCK)):
        yield index.to_bytes(8, "big") + BLOCK[8:]


def digest():
    sha = hashlib.sha256()
    for block in blocks():
        sha.update(block)
    return sha.hexdigest()


def origin(sock, _address):
    reader = sock.makefile("rb")
    line = reader.readline()
    headers = {}
    while (field := reader.readline().strip()) != b"":
        name, _, value = field.partition(b":")
        headers[name.lower()] = value.strip()
    if line.startswith(b"GET "):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % GIBIBYTE)
        for block in blocks():
            sock.sendall(block)
    else:
        sha = hashlib.sha256()
        left = int(headers[b"content-length"])
        while left > 0:
            part = reader.read(min(left, 1 << 20))
            sha.update(part)
            left -= len(part)
        body = sha.hexdigest().encode()
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


def check_memory(daemon, driver):
    for process in (daemon, driver):
        print(f"{process.name}: peak RSS {process.peak_rss() >> 20} MiB")
        assert process.peak_rss() < RSS_MAX, f"{process.name} took {process.peak_rss()} bytes"


def a_gibibyte_comes_down():
    with Origin(origin) as service, Daemon() as daemon, Expose(daemon, service.port) as driver:
        with connect(driver.port) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
            reader = sock.makefile("rb")
            assert reader.readline() == b"HTTP/1.1 200 OK\r\n"
            while reader.readline() != b"\r\n":
                pass
            sha = hashlib.sha256()
            for _ in range(GIBIBYTE // len(BLOCK)):
                sha.update(reader.read(len(BLOCK)))
            assert reader.read(1) == b""
        assert sha.hexdigest() == digest()
        check_memory(daemon, driver)


def a_gibibyte_goes_up():
    with Origin(origin) as service, Daemon() as daemon, Expose(daemon, service.port) as driver:
        with connect(driver.port) as sock:
            sock.sendall(b"POST / HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % GIBIBYTE)
            for block in blocks():
                sock.sendall(block)
            status, _, body = harness.parse_answer(harness.receive_all(sock))
        assert status == 200
        assert body.decode() == digest()
        check_memory(daemon, driver)


if SANITIZED:
    harness.skip("memory is measured on the release build")
harness.run(a_gibibyte_comes_down, a_gibibyte_goes_up)
