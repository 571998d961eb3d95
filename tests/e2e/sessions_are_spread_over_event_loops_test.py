"""--shards: sessions live on several event loops, each with all that is its own on one of them, and what the daemon may use
in all is for whoever needs it."""

import contextlib
import os
import re

from certificates import a_certificate
from harness import (
    BIND,
    BIND_OK,
    EOF,
    WINDOW,
    Daemon,
    RawDriver,
    Visitor,
    data,
    frame,
    hello,
    pattern,
    response_head,
    run,
    wait_until,
)
from joined import V2, tickets_of
from logs import events_of

SHARDS = 4
FLAGS = ("--shards", str(SHARDS))


def sessions_by_shard(daemon):
    """As the metrics tell: the shards are those that have a series."""
    text = daemon.get("/metrics")[2].decode()
    return {int(shard): int(count) for shard, count in re.findall(r'hoody_tunnel_shard_sessions{shard="(\d+)"} (\d+)', text)}


def serve(driver, port, body):
    with Visitor(port) as visitor:
        visitor.ask()
        stream, _ = driver.expect_stream(skipping=(WINDOW, EOF))
        driver.answer(stream, body, headers=[["content-length", str(len(body))]])
        assert visitor.receive_answer()[2] == body


def the_fewest_have_the_next_one():
    with Daemon(*FLAGS) as daemon, contextlib.ExitStack() as stack:
        assert sessions_by_shard(daemon) == dict.fromkeys(range(SHARDS), 0)
        drivers = [stack.enter_context(RawDriver(daemon)) for _ in range(2 * SHARDS)]
        assert sessions_by_shard(daemon) == dict.fromkeys(range(SHARDS), 2)
        for number, driver in enumerate(drivers):
            serve(driver, driver.bind()["containerPort"], b"of %d" % number)
        listed = daemon.get_json("/tunnels")
        assert len(listed["sessions"]) == listed["totalBindings"] == 2 * SHARDS, listed
        drivers[0].close()
        wait_until(lambda: sum(sessions_by_shard(daemon).values()) == 2 * SHARDS - 1, "it has left")
        stack.enter_context(RawDriver(daemon))
        assert sessions_by_shard(daemon) == dict.fromkeys(range(SHARDS), 2)


def all_at_once_are_spread_too():
    """Nobody waits for the others to have arrived."""
    with Daemon(*FLAGS) as daemon, contextlib.ExitStack() as stack:
        drivers = [stack.enter_context(RawDriver(daemon, says_hello=False)) for _ in range(3 * SHARDS)]
        for driver in drivers:
            driver.send(hello())
        for driver in drivers:
            driver.receive_message()
        assert sessions_by_shard(daemon) == dict.fromkeys(range(SHARDS), 3)


def connections_go_where_their_session_is():
    with Daemon(*FLAGS, "--log-level", "debug", "--log-format", "json") as daemon, contextlib.ExitStack() as stack:
        for _ in range(SHARDS):
            primary = stack.enter_context(RawDriver(daemon, maxConnections=4, **V2))
            for ticket in tickets_of(primary.hello_ok).values():
                stack.enter_context(primary.join(daemon, ticket))
        moves = {line["connection"]: line["to"] for line in events_of(daemon, "connection-moves")}
        joined = {}
        for line in events_of(daemon, "connection-joined"):
            joined.setdefault(line["session"], []).append(moves.get(line["connection"], 0))
        opened = {line["session"]: line["shard"] for line in events_of(daemon, "session-opened")}
        assert sorted(opened.values()) == list(range(SHARDS)), opened
        assert joined == {session: [shard] * 3 for session, shard in opened.items()}, (joined, opened)


def what_was_said_behind_hello_comes_along_over_tls():
    bind = frame(BIND, 0, {"clientBindRef": 1, "kind": "http", "mode": "expose", "containerPort": 0})
    body = pattern(1 << 20)
    with a_certificate() as certificate, Daemon(*FLAGS, *certificate.flags, tls=certificate.context()) as daemon:
        with RawDriver(daemon, says_hello=False) as driver:
            driver.sock.sendall(driver.websocket_frame(2, hello()) + driver.websocket_frame(2, bind))
            driver.receive_message()
            port = driver.expect_json(BIND_OK)[1]["containerPort"]
            assert sessions_by_shard(daemon) == {0: 0, 1: 0, 2: 0, 3: 1}, "it has changed its event loop"
            with Visitor(port) as visitor:
                visitor.ask()
                stream, _ = driver.expect_stream()
                driver.send(response_head(stream, headers=[["content-length", str(len(body))]]))
                for start in range(0, len(body), 65536):
                    driver.send(data(stream, body[start : start + 65536]))
                driver.send(frame(EOF, stream))
                assert visitor.receive_answer()[2] == body


def all_permits_are_for_whoever_needs_them():
    budget = 64
    with Daemon(*FLAGS, "--fd-budget", str(budget)) as daemon, contextlib.ExitStack() as stack:
        drivers = [stack.enter_context(RawDriver(daemon)) for _ in range(SHARDS)]
        ports = [driver.bind()["containerPort"] for driver in drivers]
        left = budget - 2 * SHARDS
        for crowded in (1, 2):  # one after the other has all of the rest
            visitors = [Visitor(ports[crowded]) for _ in range(left)]
            for visitor in visitors:
                visitor.ask()
                drivers[crowded].expect_stream(skipping=(EOF,))
            assert daemon.get_json("/tunnels")["fdPermitsAvailable"] == 0
            assert daemon.metric("hoody_tunnel_fd_permits_available") == 0
            for port in ports:
                with Visitor(port) as refused:
                    refused.ask()
                    assert refused.receive_answer()[0] == 503
            for visitor in visitors:
                visitor.sock.close()
            wait_until(lambda: daemon.get_json("/tunnels")["fdPermitsAvailable"] == left, "they are back")
            drivers[crowded].ping()


def auto_is_the_cpus_that_it_may_use():
    def on_one_cpu():
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    with Daemon("--shards", "auto") as daemon:
        assert len(sessions_by_shard(daemon)) == min(len(os.sched_getaffinity(0)), 16)
    with Daemon("--shards", "auto", preexec_fn=on_one_cpu) as daemon:
        assert list(sessions_by_shard(daemon)) == [0]


run(
    the_fewest_have_the_next_one,
    all_at_once_are_spread_too,
    connections_go_where_their_session_is,
    what_was_said_behind_hello_comes_along_over_tls,
    all_permits_are_for_whoever_needs_them,
    auto_is_the_cpus_that_it_may_use,
)
