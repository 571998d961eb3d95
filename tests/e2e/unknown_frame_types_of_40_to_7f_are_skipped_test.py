"""Receiving: unknown types 40..7F are skipped, on any stream, with any payload (protocol section 2)."""

from harness import PING, PONG, Daemon, RawDriver, frame, run

TYPES = [kind for kind in range(0x40, 0x80) if kind != 0x40]  # 40 itself is known: BIND_REVOKED


def each_alone():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        for kind in TYPES:
            driver.send(frame(kind, kind % 3, b"anything" * (kind % 5)))
        assert driver.ping() == []


def among_others():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        driver.send(*[frame(kind, 0, b"x" * 1000) for kind in TYPES], frame(PING, 0, b"12345678"))
        assert driver.receive() == (PONG, 0, b"12345678")
        driver.send(frame(0x7F, 0, b"x" * 65536), frame(PING, 0, b"12345678"), frame(0x55))
        assert driver.receive() == (PONG, 0, b"12345678")
        driver.bind()


run(each_alone, among_others)
