"""Handshake: what HELLO_OK says, in v1 and in v2 (protocol section 3)."""

import re

from harness import Daemon, RawDriver, run

SESSION_ID = re.compile(r"S-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
V1_KEYS = {"sessionId", "resumed", "resumedBinds", "streamWindow", "sessionWindow", "maxStreams"}


def v1_has_the_defaults():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        ok = driver.hello_ok
        assert V1_KEYS <= set(ok), ok
        assert SESSION_ID.fullmatch(ok["sessionId"]), ok
        assert ok["resumed"] is False and ok["resumedBinds"] == [], ok
        assert (ok["streamWindow"], ok["sessionWindow"], ok["maxStreams"]) == (1048576, 16777216, 1024), ok


def flags_change_the_limits():
    flags = ("--stream-window", "128KiB", "--session-window=320KiB", "--max-streams", "7")
    with Daemon(*flags) as daemon, RawDriver(daemon) as driver:
        ok = driver.hello_ok
        assert (ok["streamWindow"], ok["sessionWindow"], ok["maxStreams"]) == (131072, 327680, 7), ok


def session_ids_differ():
    with Daemon() as daemon:
        drivers = [RawDriver(daemon) for _ in range(16)]
        assert len({driver.hello_ok["sessionId"] for driver in drivers}) == 16
        for driver in drivers:
            driver.sock.close()


def v2_adds_connections_and_tickets():
    with Daemon() as daemon:
        with RawDriver(daemon, "hoody-tunnel.v2") as driver:
            ok = driver.hello_ok
            assert V1_KEYS | {"connectionsGranted", "joinTickets"} <= set(ok), ok
            assert ok["connectionsGranted"] == 1 and ok["joinTickets"] == [], ok
        with RawDriver(daemon, "hoody-tunnel.v2", maxConnections=4) as driver:  # without multi-ws: one
            assert driver.hello_ok["connectionsGranted"] == 1 and driver.hello_ok["joinTickets"] == []
        with RawDriver(daemon, "hoody-tunnel.v2", capabilities=["multi-ws"], maxConnections=4) as driver:
            ok = driver.hello_ok
            assert 1 <= ok["connectionsGranted"] <= 4, ok
            assert [t["index"] for t in ok["joinTickets"]] == list(range(1, ok["connectionsGranted"])), ok


run(v1_has_the_defaults, flags_change_the_limits, session_ids_differ, v2_adds_connections_and_tickets)
