"""JOIN: tickets are single-use, void when others are issued or the session has another connection, and a failed JOIN uses up
nothing (protocol section 4)."""

import json
import time

from harness import (
    JOIN,
    JOIN_ERR,
    JOIN_OK,
    REISSUE_JOIN_TICKETS,
    SHARD_MAP,
    Bystander,
    Daemon,
    RawDriver,
    frame,
    run,
    wait_until,
)
from joined import V2, joined, resume, tickets_of


def refused(daemon, primary, ticket):
    """The code of the JOIN_ERR; it closes with 1000."""
    with RawDriver(daemon, "hoody-tunnel.v2", says_hello=False) as late:
        late.send(frame(JOIN, 0, {"sessionId": primary.hello_ok["sessionId"], **ticket}))
        frames, code, _ = late.expect_closed()
        assert [kind for kind, _, _ in frames] == [JOIN_ERR] and code == 1000, (frames, code)
        error = json.loads(frames[0][2])
        assert set(error) == {"code", "message"} and error["message"], error
        return error["code"]


def reissued(primary, asks=None):
    (asks or primary).send(frame(REISSUE_JOIN_TICKETS, 0, {}))
    return tickets_of(primary.expect_json(REISSUE_JOIN_TICKETS)[1])


def it_is_single_use():
    with Daemon() as daemon, RawDriver(daemon, maxConnections=3, **V2) as primary:
        ticket = tickets_of(primary.hello_ok)[1]
        with primary.join(daemon, ticket) as secondary:
            assert refused(daemon, primary, ticket) == "INDEX_IN_USE"
            assert refused(daemon, primary, {**ticket, "nonce": "0" * 32}) == "INDEX_IN_USE"
            secondary.close()
            secondary.expect_closed()
        assert refused(daemon, primary, ticket) == "BAD_TICKET"
        primary.join(daemon, tickets_of(primary.hello_ok)[2]).sock.close()  # another's is good still


def a_failed_join_uses_up_nothing():
    with Daemon() as daemon, RawDriver(daemon, maxConnections=3, **V2) as primary, Bystander(daemon) as bystander:
        permits = daemon.get_json("/tunnels")["fdPermitsAvailable"]
        first, second = tickets_of(primary.hello_ok).values()
        wrong = [{"index": 1, "nonce": second["nonce"]}, {"index": 1, "nonce": ""}, {"index": 1, "nonce": first["nonce"][:-1]}]
        wrong += [{"index": 1, "nonce": first["nonce"] + "0"}, {"index": 1, "nonce": first["nonce"].upper() + "X"}]
        wrong += [{"index": index, "nonce": first["nonce"]} for index in (0, 3, 15, 16, 2**31 - 1)]
        for ticket in wrong:
            assert refused(daemon, primary, ticket) == "BAD_TICKET", ticket
        assert refused(daemon, bystander.driver, first) == "BAD_TICKET"  # a v1 session has none
        wait_until(lambda: daemon.get_json("/tunnels")["fdPermitsAvailable"] == permits, "the permits are back")
        with primary.join(daemon, second), primary.join(daemon, first):
            assert daemon.get_json("/tunnels")["fdPermitsAvailable"] == permits - 2
        wait_until(lambda: daemon.get_json("/tunnels")["fdPermitsAvailable"] == permits, "the permits are back")


def outlast(daemon):
    """A millisecond is over for the session-manager too: what it hears in one turn it hears at one time."""
    daemon.get_json("/sessions")
    time.sleep(0.05)


def it_lasts_as_long_as_the_flag_says():
    with Daemon("--join-ticket-ttl", "1ms") as daemon, RawDriver(daemon, maxConnections=2, **V2) as primary:
        assert primary.hello_ok["joinTickets"][0]["expiresMs"] == 1
        outlast(daemon)
        assert refused(daemon, primary, tickets_of(primary.hello_ok)[1]) == "EXPIRED_TICKET"
        tickets = reissued(primary)
        outlast(daemon)
        assert refused(daemon, primary, tickets[1]) == "EXPIRED_TICKET"
        primary.ping()  # the session lives


def as_many_are_granted_as_are_asked_for_and_allowed():
    with Daemon("--max-connections-per-session", "3") as daemon:
        for hello, granted in (({"maxConnections": 2}, 2), ({"maxConnections": 9}, 3), ({}, 1)):
            with RawDriver(daemon, **V2, **hello) as primary:
                assert primary.hello_ok["connectionsGranted"] == granted, (hello, primary.hello_ok)
                assert sorted(tickets_of(primary.hello_ok)) == list(range(1, granted)), primary.hello_ok
                nonces = {ticket["nonce"] for ticket in primary.hello_ok["joinTickets"]}
                assert len(nonces) == granted - 1
        with RawDriver(daemon, "hoody-tunnel.v2", maxConnections=3) as primary:
            assert primary.hello_ok["connectionsGranted"] == 1 and primary.hello_ok["joinTickets"] == []


def tickets_of_free_indexes_are_reissued():
    with joined(secondaries=3) as session:
        daemon, primary = session.daemon, session.primary
        assert reissued(primary) == {}
        for secondary in session.secondaries[:2]:
            secondary.close()
            secondary.expect_closed()
        wait_until(lambda: set(reissued(primary)) == {1, 2}, "both indexes are free")
        old = reissued(primary)
        new = reissued(primary, asks=session.secondaries[2])  # answered on the primary wherever it was asked
        assert set(new) == {1, 2} and all(new[index] != old[index] for index in new)
        assert refused(daemon, primary, old[1]) == "BAD_TICKET"
        with primary.join(daemon, new[1]), primary.join(daemon, new[2]):
            assert reissued(primary) == {}


def the_map_tells_who_is_attached_after_each_change():
    with Daemon() as daemon:
        hello = {**V2, "capabilities": ["multi-ws", "shard-map"]}
        with RawDriver(daemon, maxConnections=3, **hello) as primary:
            tickets = tickets_of(primary.hello_ok)

            def attached():
                shards = primary.expect_json(SHARD_MAP)[1]["shards"]
                assert [shard["index"] for shard in shards] == [0, 1, 2], shards
                return [shard["attached"] for shard in shards]

            second = primary.join(daemon, tickets[2])
            assert attached() == [True, False, True]
            with primary.join(daemon, tickets[1]) as first:
                assert attached() == [True, True, True]
                second.sock.close()
                assert attached() == [True, True, False]
                first.close()
                assert attached() == [True, False, False]
        with RawDriver(daemon, maxConnections=2, **V2) as unasked:
            with unasked.join(daemon, tickets_of(unasked.hello_ok)[1]):
                assert unasked.ping() == []


def a_resume_makes_the_old_ones_void():
    with Daemon() as daemon, RawDriver(daemon, maxConnections=2, **V2) as first:
        first.bind()
        old = tickets_of(first.hello_ok)[1]
        with resume(daemon, first, maxConnections=3) as second:
            assert second.hello_ok["resumed"] and second.hello_ok["connectionsGranted"] == 3
            assert refused(daemon, second, old) == "BAD_TICKET"
            new = tickets_of(second.hello_ok)
            with second.join(daemon, new[1]), second.join(daemon, new[2]):
                second.ping()


def nobody_joins_a_session_that_is_away():
    with Daemon() as daemon, RawDriver(daemon, maxConnections=2, **V2) as primary:
        primary.bind()
        primary.sock.close()
        wait_until(lambda: daemon.get_json("/tunnels")["orphanedSessions"] == 1, "the session is parked")
        assert refused(daemon, primary, tickets_of(primary.hello_ok)[1]) == "UNKNOWN_SESSION"


def whoever_is_about_to_join_counts_against_the_cap():
    with Daemon("--max-pre-auth-connections", "2") as daemon, RawDriver(daemon, maxConnections=3, **V2) as primary:
        first = RawDriver(daemon, "hoody-tunnel.v2", says_hello=False)
        second = RawDriver(daemon, "hoody-tunnel.v2", says_hello=False)
        with RawDriver(daemon, "hoody-tunnel.v2", says_hello=False) as beyond:
            assert beyond.expect_closed()[:2] == ([], None)
        tickets = tickets_of(primary.hello_ok)
        for index, waiting in ((1, first), (2, second)):
            waiting.send(frame(JOIN, 0, {"sessionId": primary.hello_ok["sessionId"], **tickets[index]}))
            assert waiting.expect_json(JOIN_OK)[1] == {"index": index}
        with RawDriver(daemon) as another:  # those who have joined count no more
            another.ping()
        first.sock.close()
        second.sock.close()


def without_a_descriptor_it_is_1013():
    with Daemon("--fd-budget", "1") as daemon, RawDriver(daemon, maxConnections=2, **V2) as primary:
        ticket = tickets_of(primary.hello_ok)[1]
        with RawDriver(daemon, "hoody-tunnel.v2", says_hello=False) as late:
            late.send(frame(JOIN, 0, {"sessionId": primary.hello_ok["sessionId"], **ticket}))
            frames, code, _ = late.expect_closed()
            assert (frames, code) == ([], 1013), (frames, code)
        primary.ping()


def joins_are_counted_by_how_they_went():
    with Daemon() as daemon, RawDriver(daemon, maxConnections=2, **V2) as primary:
        ticket = tickets_of(primary.hello_ok)[1]
        refused(daemon, primary, {**ticket, "nonce": "wrong"})
        with primary.join(daemon, ticket):
            assert daemon.metric('hoody_tunnel_handshakes_total{result="joined"}') == 1
            assert daemon.metric('hoody_tunnel_sessions_refused_total{reason="bad_ticket"}') == 1


run(
    it_is_single_use,
    a_failed_join_uses_up_nothing,
    it_lasts_as_long_as_the_flag_says,
    as_many_are_granted_as_are_asked_for_and_allowed,
    tickets_of_free_indexes_are_reissued,
    the_map_tells_who_is_attached_after_each_change,
    a_resume_makes_the_old_ones_void,
    nobody_joins_a_session_that_is_away,
    whoever_is_about_to_join_counts_against_the_cap,
    without_a_descriptor_it_is_1013,
    joins_are_counted_by_how_they_went,
)
