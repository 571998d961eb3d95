"""Visitor gone: RESET(7); on a plain request a FIN counts as gone, also before the 101 of an upgrade (section 6)."""

import socket
import struct

from harness import DATA, EOF, Visitor, bound_port, data, frame, response_head, run

UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n"


def closes(visitor):
    visitor.sock.close()


def half_closes(visitor):
    visitor.end()


def aborts(visitor):
    visitor.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    visitor.sock.close()


def each_way(before_leaving, headers="", has_eof=True):
    with bound_port() as (daemon, driver, port):
        for leave in (closes, half_closes, aborts):
            with Visitor(port) as visitor:
                visitor.ask(headers=headers)
                stream, _ = driver.expect_stream()
                if has_eof:
                    driver.expect(EOF, stream)
                before_leaving(driver, visitor, stream)
                leave(visitor)
                driver.expect_reset(stream, 7)
                driver.send(data(stream, b"too late"), frame(EOF, stream))
                assert driver.ping() == []
        assert daemon.get_json("/tunnels")["totalStreams"] == 0


def while_it_waits():
    each_way(lambda driver, visitor, stream: None)


def in_the_middle_of_its_answer():
    def begin(driver, visitor, stream):
        driver.send(response_head(stream), data(stream, b"part"))
        visitor.receive_head()
        assert visitor.receive_chunk() == b"part"

    each_way(begin)


def before_the_101_of_an_upgrade():
    each_way(lambda driver, visitor, stream: None, headers=UPGRADE, has_eof=False)


def in_the_middle_of_its_request():
    with bound_port() as (_, driver, port):
        for leave in (closes, half_closes, aborts):
            with Visitor(port) as visitor:
                visitor.ask("POST", headers="Content-Length: 100\r\n")
                visitor.send(b"part")
                stream, _ = driver.expect_stream()
                leave(visitor)
                driver.expect_reset(stream, 7, skipping=(DATA,))


def receive_all_credit(driver, stream):
    """Until the kit has taken what it takes without more credit, and reads no more from the visitor."""
    received = 0
    while received < 65536:
        received += len(driver.expect(DATA, stream)[2])
    for _ in range(20):
        assert driver.ping() == []


def while_the_driver_gives_no_credit():
    with bound_port("--stream-window", "64KiB") as (_, driver, port):
        for leave in (closes, aborts):
            with Visitor(port) as visitor:
                visitor.ask("POST", headers="Content-Length: 1000000\r\n")
                visitor.send(b"x" * 240000)  # more than the kit takes without credit, no more than its kernel does
                stream, _ = driver.expect_stream()
                receive_all_credit(driver, stream)
                leave(visitor)
                driver.expect_reset(stream, 7)


def an_upgraded_one_while_the_driver_gives_no_credit():
    with bound_port("--stream-window", "64KiB") as (_, driver, port), Visitor(port) as visitor:
        visitor.ask(headers=UPGRADE)
        stream, _ = driver.expect_stream()
        driver.send(response_head(stream, 101, [["connection", "upgrade"], ["upgrade", "websocket"]]))
        assert visitor.receive_head()[0] == 101
        visitor.send(b"x" * 240000)
        receive_all_credit(driver, stream)
        aborts(visitor)
        driver.expect_reset(stream, 7)


run(
    while_it_waits,
    in_the_middle_of_its_answer,
    before_the_101_of_an_upgrade,
    in_the_middle_of_its_request,
    while_the_driver_gives_no_credit,
    an_upgraded_one_while_the_driver_gives_no_credit,
)
