"""A replay reaches the local service once, with the same bytes on a connection of its own, and nobody else; it is recorded as a
request that repeats another. What cannot be sent again as it was is refused in words."""

import contextlib
import threading

from harness import Daemon, Expose, Origin, Visitor, http_origin, run, wait_until
from inspection import Inspection, inspected

STREAMS = "hoody_tunnel_streams_opened_total"
BINARY = bytes(range(256)) * 250


class RawOrigin:
    """Keeps what each connection brought, byte by byte, and answers as `answer(bytes)` says once the request is there."""

    def __init__(self, length_of):
        self.length_of = length_of  # (head's bytes): how many bytes of body follow it
        self.taken = []
        self.origin = Origin(self.serve)

    def serve(self, sock, _):
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.more(sock)
        length = self.length_of(data)
        while len(data.partition(b"\r\n\r\n")[2]) < length:
            data += self.more(sock)
        self.taken.append(data)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Number: %d\r\n\r\nok" % len(self.taken))
        sock.recv(1)  # until the driver closes

    @staticmethod
    def more(sock):
        data = sock.recv(65536)
        if not data:
            raise EOFError
        return data


def raw_replay(request, length):
    raw = RawOrigin(lambda _: length)
    with raw.origin as origin, Daemon() as daemon, Expose(daemon, origin.port, "--inspect") as driver:
        inspection = Inspection(driver)
        with Visitor(driver.port, request) as visitor:
            assert visitor.receive_answer()[2] == b"ok"
            inspection.ended(1)
            streams = daemon.metric(STREAMS)
            assert streams == 1
            number = inspection.replay(1)
            shown = inspection.ended(number)
            assert (number, shown["replayOf"], shown["state"], shown["status"]) == (2, 1, "complete", 200), shown
            assert ["X-Number", "2"] in shown["response"]["fields"], shown
            assert shown["peer"] is None, shown
            assert inspection.body(2, "request") == inspection.body(1, "request")
            assert inspection.body(2, "response") == b"ok"
            assert daemon.metric(STREAMS) == streams
        assert len(raw.taken) == 2, len(raw.taken)
        assert not origin.failures, origin.failures
        return raw.taken


def the_same_bytes_come_once():
    request = b"PUT /a?token=%20b HTTP/1.1\r\nHost: test\r\nCookie: sid=1\r\nX-Two: a\r\nX-Two: b\r\n"
    first, second = raw_replay(request + b"Content-Length: %d\r\n\r\n" % len(BINARY) + BINARY, len(BINARY))
    assert second == first
    assert b"sid=1" in second and second.endswith(b"\r\n\r\n" + BINARY)


def a_request_without_a_body_too():
    first, second = raw_replay(b"GET /b HTTP/1.1\r\nHost: test\r\n\r\n", 0)
    assert second == first


def a_chunked_body_is_whole():
    bodies = []

    def answer(_method, _target, headers, body):
        bodies.append((headers["transfer-encoding"], body))
        return 200, [], b""

    request = b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    with inspected(answer) as (_, driver, inspection), Visitor(driver.port, request) as visitor:
        assert visitor.receive_answer()[0] == 200
        inspection.ended(1)
        inspection.ended(inspection.replay(1))
        assert bodies == [("chunked", b"abcde")] * 2, bodies


def a_head_has_no_body_and_a_replay_can_be_replayed():
    with inspected(lambda *_: (200, [], b"x" * 10)) as (_, driver, inspection):
        with Visitor(driver.port) as visitor:
            visitor.ask("HEAD")
            assert visitor.receive_head()[0] == 200
        inspection.ended(1)
        shown = inspection.ended(inspection.replay(inspection.ended(inspection.replay(1))["id"]))
        assert (shown["id"], shown["replayOf"], shown["method"], shown["responseBytes"]) == (3, 2, "HEAD", 0), shown
        assert ["Content-Length", "10"] in shown["response"]["fields"], shown


def expect_refusal(inspection, number, words):
    shown = inspection.request(number)
    assert words in shown["refusal"], shown["refusal"]
    assert inspection.post(f"/api/requests/{number}/replay") == (409, {"error": shown["refusal"]})


def what_is_not_whole_is_refused():
    taken = []

    def answer(_method, target, _headers, body):
        taken.append((target, len(body)))
        return 200, [], b""

    with inspected(answer) as (_, driver, inspection):
        with Visitor(driver.port) as visitor:
            visitor.ask("POST", "/long", body=b"x" * 65537)
            assert visitor.receive_answer()[0] == 200
            visitor.ask("POST", "/just", body=b"x" * 65536)
            assert visitor.receive_answer()[0] == 200
        inspection.ended(1)
        inspection.ended(2)
        expect_refusal(inspection, 1, "longer than the 64 KiB")
        inspection.ended(inspection.replay(2))
        with Visitor(driver.port, b"POST /cut HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\nhalf") as visitor:
            wait_until(lambda: inspection.requests()[-1]["requestBytes"] == 4, "its first half was seen")
        assert inspection.ended(4)["state"] == "failed"
        expect_refusal(inspection, 4, "not whole")
        assert inspection.post("/api/requests/5/replay")[0] == 404
        assert taken == [("/long", 65537), ("/just", 65536), ("/just", 65536)], taken


def a_websocket_is_refused():
    upgrade = b"GET /ws HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    with inspected(lambda *_: (400, [], b"no")) as (_, driver, inspection), Visitor(driver.port, upgrade) as visitor:
        assert visitor.receive_answer()[0] == 400
        inspection.ended(1)
        expect_refusal(inspection, 1, "switch protocols")


def a_service_that_fails_is_told():
    with Daemon() as daemon, contextlib.ExitStack() as service:
        origin = service.enter_context(http_origin(lambda *_: (200, [], b"")))
        with Expose(daemon, origin.port, "--inspect") as driver:
            inspection = Inspection(driver)
            with Visitor(driver.port) as visitor:
                visitor.ask()
                assert visitor.receive_answer()[0] == 200
            inspection.ended(1)
            service.close()
            shown = inspection.ended(inspection.replay(1))
            assert (shown["state"], shown["status"], shown["response"]) == ("failed", None, None), shown
            assert shown["why"] == f"local service 127.0.0.1:{origin.port} refused the connection", shown


def only_so_many_run_at_a_time_and_clearing_ends_them():
    gate = threading.Event()

    def answer(_method, _target, headers, _body):
        if "x-wait" in headers:
            assert not asked or gate.wait(60)
            asked.append(True)
        return 200, [], b"late"

    asked = []
    with inspected(answer) as (_, driver, inspection), Visitor(driver.port) as visitor:
        visitor.ask("GET", "/", "X-Wait: 1\r\n")
        assert visitor.receive_answer()[0] == 200
        inspection.ended(1)
        numbers = [inspection.replay(1) for _ in range(8)]
        status, said = inspection.post("/api/requests/1/replay")
        assert status == 409 and "under way" in said["error"], said
        assert inspection.post("/api/clear") == (204, None)
        assert [inspection.ask(f"/api/requests/{number}")[0] for number in numbers] == [404] * 8
        gate.set()
        visitor.ask("GET", "/again")
        assert visitor.receive_answer()[0] == 200
        assert inspection.ended(inspection.replay(numbers[-1] + 1))["status"] == 200


run(
    the_same_bytes_come_once,
    a_request_without_a_body_too,
    a_chunked_body_is_whole,
    a_head_has_no_body_and_a_replay_can_be_replayed,
    what_is_not_whole_is_refused,
    a_websocket_is_refused,
    a_service_that_fails_is_told,
    only_so_many_run_at_a_time_and_clearing_ends_them,
)
