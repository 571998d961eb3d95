"""PULL: raw TCP with half-close both ways, servers that speak first, resets both ways, and connections that get nothing
(protocol section 6)."""

import socket
import struct
import threading

from harness import (
    DATA,
    EOF,
    RESET,
    WINDOW,
    Daemon,
    RawDriver,
    bound_port,
    connect,
    data,
    frame,
    pattern,
    receive_all,
    receive_exactly,
    reset,
    response_head,
    run,
    wait_until,
    window,
)

PULL = {"kind": "tcp", "mode": "pull"}
CANCEL, REFUSED = 7, 6


def take(driver, stream, length):
    """DATA of the stream, given back at once; other streams' frames are errors."""
    got = b""
    while len(got) < length:
        _, on, payload = driver.expect(DATA, stream, skipping=(WINDOW,))
        got += payload
        driver.send(window(0, len(payload)), window(on, len(payload)))
    return got


def give(driver, stream, body):
    """Sends all of body as credit allows."""
    credit = driver.hello_ok["streamWindow"]
    for start in range(0, len(body), 65536):
        piece = body[start : start + 65536]
        while credit < len(piece):
            _, on, payload = driver.expect(WINDOW)
            if on == stream:
                credit += struct.unpack(">I", payload)[0]
        driver.send(frame(DATA, stream, piece))
        credit -= len(piece)


def abort(sock):
    """RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def expect_abort(sock):
    try:
        rest = receive_all(sock)
    except ConnectionResetError:
        return
    raise AssertionError(f"a clean end after {len(rest)} bytes")


def test_a_stream_opens_at_once_and_the_server_may_speak_first():
    with bound_port(**PULL) as (_, driver, port), connect(port) as visitor:
        stream, opened = driver.expect_stream()
        assert set(opened) == {"kind", "bindId", "containerPort", "peerAddr"}, opened
        assert opened["kind"] == "tcp" and opened["containerPort"] == port, opened
        assert opened["peerAddr"] == "127.0.0.1:%d" % visitor.getsockname()[1], opened
        driver.send(frame(DATA, stream, b"220 ready\r\n"))
        assert receive_exactly(visitor, 11) == b"220 ready\r\n"


def test_a_visitor_that_closes_its_side_gets_the_whole_answer():
    with bound_port(**PULL) as (daemon, driver, port), connect(port) as visitor:
        stream, _ = driver.expect_stream()
        visitor.sendall(b"question")
        visitor.shutdown(socket.SHUT_WR)
        assert take(driver, stream, 8) == b"question"
        driver.expect(EOF, stream)
        answer = pattern(1_000_000)
        give(driver, stream, answer)
        driver.send(frame(EOF, stream))
        assert receive_all(visitor) == answer
        wait_until(lambda: daemon.metric("hoody_tunnel_streams_active") == 0, "the stream is over")


def test_a_service_that_closes_its_side_still_reads():
    with bound_port(**PULL) as (daemon, driver, port), connect(port) as visitor:
        stream, _ = driver.expect_stream()
        driver.send(frame(DATA, stream, b"all I have"), frame(EOF, stream))
        assert receive_all(visitor) == b"all I have"
        upload = pattern(3_000_000)
        visitor.settimeout(None)


        sender = threading.Thread(target=lambda: (visitor.sendall(upload), visitor.shutdown(socket.SHUT_WR)))
        sender.start()
        assert take(driver, stream, len(upload)) == upload
        driver.expect(EOF, stream, skipping=(WINDOW,))
        sender.join()
        wait_until(lambda: daemon.metric("hoody_tunnel_streams_active") == 0, "the stream is over")


def test_resets_are_never_clean_ends():
    with bound_port(**PULL) as (daemon, driver, port):
        visitor = connect(port)
        stream, _ = driver.expect_stream()
        abort(visitor)
        driver.expect_reset(stream, CANCEL)
        with connect(port) as other:
            stream, _ = driver.expect_stream()
            driver.send(frame(DATA, stream, b"half of it"), reset(stream, REFUSED, "connection reset by the service"))
            expect_abort(other)
        with connect(port) as refused:
            stream, _ = driver.expect_stream()
            driver.send(reset(stream, REFUSED, "local connect failed"))
            expect_abort(refused)
        with connect(port) as half_closed:
            stream, _ = driver.expect_stream()
            half_closed.shutdown(socket.SHUT_WR)
            driver.expect(EOF, stream)
            driver.send(frame(DATA, stream, b"then it breaks"), reset(stream, REFUSED, "broken"))
            expect_abort(half_closed)
        wait_until(lambda: daemon.metric("hoody_tunnel_streams_active") == 0, "no stream is left")


def test_a_reset_behind_the_visitors_end_is_noticed():
    with bound_port(**PULL) as (daemon, driver, port):
        visitor = connect(port)
        stream, _ = driver.expect_stream()
        visitor.shutdown(socket.SHUT_WR)
        driver.expect(EOF, stream)
        abort(visitor)
        driver.expect_reset(stream, CANCEL)
        wait_until(lambda: daemon.metric("hoody_tunnel_streams_active") == 0, "no stream is left")


def test_a_death_of_the_daemon_is_no_clean_end():
    daemon = Daemon().__enter__()
    with RawDriver(daemon) as driver, connect(driver.bind(**PULL)["containerPort"]) as visitor:
        stream, _ = driver.expect_stream()
        driver.send(frame(DATA, stream, b"a part"))
        assert receive_exactly(visitor, 6) == b"a part"
        daemon.process.kill()
        expect_abort(visitor)
    daemon.wait()
    daemon.check_sanitizers()


def test_an_http_head_on_it_is_the_drivers_error():
    with bound_port(**PULL) as (_, driver, port), connect(port) as visitor:
        stream, _ = driver.expect_stream()
        driver.send(response_head(stream))
        driver.expect_reset(stream, 1)
        expect_abort(visitor)
        driver.ping()


def test_those_who_cannot_be_served_are_closed_with_nothing_sent():
    with bound_port("--max-streams", "1", **PULL) as (daemon, driver, port), connect(port) as visitor:
        driver.expect_stream()
        with connect(port) as beyond:
            assert receive_all(beyond) == b""
        driver.sock.close()  # parked
        wait_until(lambda: daemon.get_json("/tunnels")["orphanedSessions"] == 1, "the session is parked")
        expect_abort(visitor)
        with connect(port) as parked:
            assert receive_all(parked) == b""
        with RawDriver(daemon, resume={"sessionId": driver.hello_ok["sessionId"]}) as back:
            bind = back.hello_ok["resumedBinds"]
            assert [(b["kind"], b["mode"], b["containerPort"]) for b in bind] == [("tcp", "pull", port)], bind
            with connect(port) as served:
                stream, _ = back.expect_stream()
                back.send(frame(DATA, stream, b"back"))
                assert receive_exactly(served, 4) == b"back"


def test_beyond_the_descriptor_budget_nothing_is_sent_and_permits_come_back():
    with bound_port("--fd-budget", "4", **PULL) as (daemon, driver, port):
        visitors = [connect(port) for _ in range(2)]  # the driver and the listener have the others
        streams = [driver.expect_stream()[0] for _ in visitors]
        with connect(port) as beyond:
            assert receive_all(beyond) == b""
        assert daemon.metric("hoody_tunnel_fd_permits_available") == 0
        for visitor, stream in zip(visitors, streams):
            abort(visitor)
            driver.expect_reset(stream, CANCEL, skipping=(WINDOW,))
        assert daemon.metric("hoody_tunnel_fd_permits_available") == 2


def test_it_listens_on_loopback_only_where_it_was_told():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        first = driver.bind(**PULL)
        second = driver.bind(port=first["containerPort"], ref=2, host="127.0.0.2", **PULL)
        assert second["containerPort"] == first["containerPort"] and second["bindId"] != first["bindId"]
        sixth = driver.bind(ref=3, host="::1", **PULL)
        for host, bound in (("127.0.0.1", first), ("127.0.0.2", second), ("::1", sixth)):
            with connect(bound["containerPort"], host=host):
                assert driver.expect_stream(skipping=(EOF,))[1]["bindId"] == bound["bindId"]
        listed = {b["bindId"]: b["bindAddr"] for b in daemon.get_json("/bindings")["bindings"]}
        assert listed == {first["bindId"]: "127.0.0.1", second["bindId"]: "127.0.0.2", sixth["bindId"]: "::1"}, listed


def test_unbind_closes_its_connections():
    with bound_port(**PULL) as (daemon, driver, port), connect(port) as visitor:
        stream, opened = driver.expect_stream()
        driver.send(frame(0x06, 0, {"bindId": opened["bindId"]}))
        driver.expect_reset(stream, CANCEL)
        driver.expect_json(0x07)
        expect_abort(visitor)
        assert daemon.metric("hoody_tunnel_streams_active") == 0


run(
    test_a_stream_opens_at_once_and_the_server_may_speak_first,
    test_a_visitor_that_closes_its_side_gets_the_whole_answer,
    test_a_service_that_closes_its_side_still_reads,
    test_resets_are_never_clean_ends,
    test_a_reset_behind_the_visitors_end_is_noticed,
    test_a_death_of_the_daemon_is_no_clean_end,
    test_an_http_head_on_it_is_the_drivers_error,
    test_those_who_cannot_be_served_are_closed_with_nothing_sent,
    test_beyond_the_descriptor_budget_nothing_is_sent_and_permits_come_back,
    test_it_listens_on_loopback_only_where_it_was_told,
    test_unbind_closes_its_connections,
)
