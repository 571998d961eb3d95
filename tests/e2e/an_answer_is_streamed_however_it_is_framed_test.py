"""No byte of an answer waits for another, whether it is framed by length, in chunks or by the connection's end: heads are seen
before bodies, and each byte before the next one is written (section 6, answers)."""

import queue

from harness import PATIENCE, Daemon, Expose, Origin, Visitor, receive_exactly, run

BODY = b"one by one"
FRAMINGS = {
    "length": (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY), b"%s", b""),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n%s\r\n", b"0\r\n\r\n"),
    "end": (b"HTTP/1.1 200 OK\r\n\r\n", b"%s", b""),
}


def receive_byte(visitor, is_chunked):
    return visitor.receive_chunk() if is_chunked else visitor.receive(1)


def each_byte_is_seen_before_the_next_is_written():
    seen = queue.Queue()

    def service(sock, _address):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += receive_exactly(sock, 1)
        start, unit, end = FRAMINGS[head.split(b" ")[1][1:].decode()]
        sock.sendall(b"HTTP/1.1 103 Early\r\n\r\n")
        if b"x-minor: 1" in head:
            seen.get(timeout=PATIENCE)
        sock.sendall(start)
        for byte in BODY:
            seen.get(timeout=PATIENCE)
            sock.sendall(unit % bytes([byte]))
        sock.sendall(end)

    with Origin(service) as origin, Daemon() as daemon, Expose(daemon, origin.port) as driver:
        for framing in FRAMINGS:
            for minor in (1, 0):
                with Visitor(driver.port) as visitor:
                    visitor.send(f"GET /{framing} HTTP/1.{minor}\r\nHost: test\r\nX-Minor: {minor}\r\n\r\n".encode())
                    if minor == 1:
                        assert visitor.receive_head()[0] == 103
                        seen.put("the interim head")
                    status, headers = visitor.receive_head()
                    assert status == 200, (framing, minor, status)
                    for byte in BODY:
                        seen.put("what came before")
                        received = receive_byte(visitor, "transfer-encoding" in headers)
                        assert received == bytes([byte]), (framing, minor, received)
                    if "transfer-encoding" in headers:
                        assert visitor.receive_chunk() == b""
        assert not origin.failures, origin.failures


run(each_byte_is_seen_before_the_next_is_written)
