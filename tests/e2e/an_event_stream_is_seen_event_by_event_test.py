"""No byte of an answer is held back to fill a buffer: each event is seen before the next one is written."""

import queue

import harness
from harness import Daemon, Expose, Origin, connect


def events_come_one_by_one():
    to_send = queue.Queue()

    def service(sock, _address):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += harness.receive_exactly(sock, 1)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        while (event := to_send.get()) is not None:
            sock.sendall(b"%x\r\n%s\r\n" % (len(event), event))
        sock.sendall(b"0\r\n\r\n")

    with Origin(service) as origin, Daemon() as daemon, Expose(daemon, origin.port) as driver:
        with connect(driver.port) as sock:
            sock.sendall(b"GET /events HTTP/1.1\r\nHost: test\r\n\r\n")
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += harness.receive_exactly(sock, 1)
            assert b"transfer-encoding: chunked" in head.lower(), head
            for number in range(50):
                event = b"data: %d\n\n" % number
                to_send.put(event)  # only now: whatever is read next was written after the last one was seen
                expected = b"%x\r\n%s\r\n" % (len(event), event)
                assert harness.receive_exactly(sock, len(expected)).lower() == expected
            to_send.put(None)
            assert harness.receive_exactly(sock, 5) == b"0\r\n\r\n"


harness.run(events_come_one_by_one)
