"""A clean close, a GOAWAY and a driver's error release all ports at once, and so does a drop where there is no grace
(protocol sections 5 and 7)."""

import socket
import struct

from harness import EOF, GOAWAY, Bystander, Closed, Daemon, RawDriver, Visitor, connect, frame, run, wait_until


def is_refused(port):
    try:
        connect(port).close()
    except (ConnectionRefusedError, ConnectionResetError):
        return True
    return False


def leaves(how, *flags):
    with Daemon(*flags) as daemon, Bystander(daemon) as bystander:
        with RawDriver(daemon) as driver:
            ports = [driver.bind()["containerPort"] for _ in range(3)]
            with Visitor(ports[0]) as waiting, Visitor(ports[1]) as idle:
                waiting.ask()
                stream, _ = driver.expect_stream()
                driver.expect(EOF, stream)
                how(driver)
                waiting.expect_abort_or_502()
                idle.expect_end()
            for port in ports:
                wait_until(lambda port=port: is_refused(port), "the port is closed")
        with RawDriver(daemon) as another:
            for port in ports:
                assert another.bind(port)["containerPort"] == port
            another.close()
        bystander.check()
        wait_until(lambda: len(daemon.get_json("/sessions")["sessions"]) == 1, "the sessions are gone")
        assert daemon.get_json("/tunnels")["orphanedSessions"] == 0


def closes_with_1000(driver):
    driver.close()
    try:
        while True:
            driver.receive()
    except Closed as closed:
        assert closed.code == 1000, closed


def closes_without_code(driver):
    driver.send_websocket(8, b"")


def says_goaway(driver):
    driver.send(frame(GOAWAY, 0, {"code": 0, "message": "bye", "lastStreamId": 0, "retryAfterMs": 0}))


def says_goaway_of_any_payload(driver):
    driver.send(frame(GOAWAY, 0, b"\xff not json"))


def says_nonsense(driver):
    driver.send(frame(0x3F))


def drops(driver):
    driver.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    driver.sock.close()


def a_clean_close():
    leaves(closes_with_1000)
    leaves(closes_without_code)


def a_goaway():
    leaves(says_goaway)
    leaves(says_goaway_of_any_payload)


def an_error():
    leaves(says_nonsense)


def a_drop_without_grace():
    leaves(drops, "--takeover-grace", "0")


run(a_clean_close, a_goaway, an_error, a_drop_without_grace)
