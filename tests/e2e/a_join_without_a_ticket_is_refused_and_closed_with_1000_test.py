"""Handshake: a JOIN that cannot be is answered with JOIN_ERR and close 1000; one that does not parse with nothing
(protocol sections 3 and 4)."""

import json

from harness import JOIN, JOIN_ERR, Bystander, Daemon, RawDriver, frame, run


def join(daemon, payload):
    with RawDriver(daemon, "hoody-tunnel.v2", says_hello=False) as driver:
        driver.send(frame(JOIN, 0, payload))
        return driver.expect_closed()


def refused(daemon, payload):
    frames, code, _ = join(daemon, payload)
    assert [kind for kind, _, _ in frames] == [JOIN_ERR] and code == 1000, (frames, code)
    error = json.loads(frames[0][2])
    assert error["message"], error
    return error["code"]


def to_a_session_that_is_not_there():
    with Daemon() as daemon, Bystander(daemon) as bystander:
        unknown = {"sessionId": "S-00000000-0000-4000-8000-000000000000", "index": 1, "nonce": "abc"}
        assert refused(daemon, unknown) == "UNKNOWN_SESSION"
        bystander.check()


def with_a_ticket_that_is_none():
    with Daemon() as daemon, RawDriver(daemon, "hoody-tunnel.v2") as driver:
        ask = {"sessionId": driver.hello_ok["sessionId"], "index": 1, "nonce": "abc"}
        assert refused(daemon, ask) == "BAD_TICKET"
        driver.bind()  # the session lives


def what_does_not_parse_is_dropped():
    with Daemon() as daemon:
        for payload in (b"", b"{", b"[]", {}, {"sessionId": 1, "index": 1, "nonce": "x"}, {"sessionId": "S-x", "index": 1}):
            frames, code, _ = join(daemon, payload)
            assert frames == [] and code is None, (payload, frames, code)


run(to_a_session_that_is_not_there, with_a_ticket_that_is_none, what_does_not_parse_is_dropped)
