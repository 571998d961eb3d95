"""A driver that asks for more than anybody can answer is read from as fast as its asks are answered: none is lost, and no other
driver notices (protocol section 2: a driver's errors never touch another session)."""

import threading

from harness import (
    BIND,
    BIND_ERR,
    BIND_OK,
    REISSUE_JOIN_TICKETS,
    SANITIZED,
    UNBIND,
    UNBIND_ERR,
    Daemon,
    RawDriver,
    frame,
    run,
    wait_until,
)

FRAMES = 64  # the most that a message may have
ASKS = FRAMES * (100 if SANITIZED else 2500)  # more than a mailbox holds, where that does not take minutes
NOTHING = {"clientBindRef": 1, "kind": "http", "mode": "expose", "containerPort": 7}


def lost_messages(daemon):
    lines = daemon.get("/metrics")[2].decode().splitlines()
    return [line for line in lines if line.startswith("hoody_tunnel_mailbox_lost_total") and not line.endswith(" 0")]


def come_and_go(daemon):
    with RawDriver(daemon) as other:
        other.bind()
        other.send(frame(UNBIND, 0, {"bindId": 1 << 30}))
        other.expect(UNBIND_ERR)
        other.close()
        other.expect_closed()


def flood(ask, answer):
    with Daemon() as daemon, RawDriver(
        daemon, "hoody-tunnel.v2", capabilities=["multi-ws"], maxConnections=16
    ) as driver:
        message = driver.websocket_frame(2, ask * FRAMES)
        writer = threading.Thread(target=driver.sock.sendall, args=(message * (ASKS // FRAMES),), daemon=True)
        writer.start()
        for answered in range(ASKS):
            driver.expect(answer)
            if answered % (ASKS // 4) == 1:
                come_and_go(daemon)
        writer.join()
        assert not lost_messages(daemon), lost_messages(daemon)
        driver.bind()
        driver.close()
        driver.expect_closed()
        wait_until(lambda: daemon.get_json("/tunnels")["sessions"] == [], "nobody is left")


def for_tickets():
    flood(frame(REISSUE_JOIN_TICKETS, 0, {}), REISSUE_JOIN_TICKETS)


def for_ports():
    flood(frame(BIND, 0, NOTHING), BIND_ERR)


def to_give_back_what_it_does_not_hold():
    flood(frame(UNBIND, 0, {"bindId": 12345}), UNBIND_ERR)


def several_connections_ask_for_one_session():
    """Asks are the session's, whichever connection they come on."""
    with Daemon() as daemon, RawDriver(
        daemon, "hoody-tunnel.v2", capabilities=["multi-ws"], maxConnections=2
    ) as primary:
        ticket = primary.hello_ok["joinTickets"][0]
        with primary.join(daemon, {"index": 1, "nonce": ticket["nonce"]}) as secondary:
            asks = frame(BIND, 0, NOTHING) * FRAMES
            for _ in range(50):
                secondary.send(asks)
                primary.send(asks)
            for _ in range(2 * 50 * FRAMES):
                primary.expect(BIND_ERR)
            secondary.send(frame(BIND, 0, {**NOTHING, "containerPort": 0}))
            primary.expect(BIND_OK)


run(for_tickets, for_ports, to_give_back_what_it_does_not_hold, several_connections_ask_for_one_session)
