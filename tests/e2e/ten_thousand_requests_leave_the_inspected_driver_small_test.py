"""Ten thousand requests, many with more than is kept of a body, through a driver that is inspected by somebody who takes none of
the events: its memory stays bounded, the last 200 are there, and each is right."""

import subprocess

from harness import connect, run
from inspection import inspected
from services.programs import find, need

SMALL, LARGE = 8000, 2000
LARGE_BYTES = 100_000
RSS_MAX = 64 << 20  # 32 MiB of requests at most, and the driver itself


def answer(_method, target, _headers, _body):
    return 200, [], target.encode().ljust(LARGE_BYTES if target.startswith("/large") else 100, b".")


def visit(port, path, count):
    command = [find("curl"), "--no-progress-meter", "-f", "-Z", "--parallel-max", "16", "-o", "/dev/null", f"http://127.0.0.1:{port}{path}/[1-{count}]"]
    subprocess.run(command, check=True, timeout=120, capture_output=True)


def memory_stays_bounded():
    with inspected(answer) as (_, driver, inspection), connect(inspection.port) as deaf:
        deaf.sendall(f"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1:{inspection.port}\r\n\r\n".encode())
        visit(driver.port, "/large", LARGE)
        shown = inspection.requests()
        assert len(shown) == 200 and all(request["responseBytes"] == LARGE_BYTES for request in shown), shown[-1]
        visit(driver.port, "/small", SMALL)
        shown = inspection.requests()
        assert [request["id"] for request in shown] == list(range(LARGE + SMALL - 199, LARGE + SMALL + 1))
        assert all(request["state"] == "complete" for request in shown)
        for request in shown[::20]:
            assert inspection.body(request["id"], "response") == request["target"].encode().ljust(100, b".")
        print(f"peak RSS {driver.peak_rss() >> 20} MiB")
        assert driver.peak_rss() < RSS_MAX, driver.peak_rss()


need("curl")  # and no sanitizer, whose memory is its own
run(memory_stays_bounded)
