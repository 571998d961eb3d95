"""Handshake: a HELLO that is refused is answered with GOAWAY(1, why), then close 1002 (protocol section 3)."""

from harness import HELLO, Bystander, Daemon, RawDriver, frame, hello, run


def refused(daemon, payload, subprotocol="hoody-tunnel.v1"):
    with RawDriver(daemon, subprotocol, says_hello=False) as driver:
        driver.send(frame(HELLO, 0, payload))
        return driver.expect_goaway(1, 1002)


def a_version_that_was_not_negotiated():
    with Daemon() as daemon, Bystander(daemon) as bystander:
        why = refused(daemon, {"version": "hoody-tunnel.v2", "capabilities": []})
        assert "version" in why, why
        refused(daemon, {"version": "hoody-tunnel.v1", "capabilities": []}, "hoody-tunnel.v2")
        refused(daemon, {"version": "hoody-tunnel.v3", "capabilities": []})
        refused(daemon, {"version": 1, "capabilities": []})
        refused(daemon, {"capabilities": []})
        bystander.check()
        assert len(daemon.get_json("/sessions")["sessions"]) == 1


def a_payload_that_is_no_json_object():
    with Daemon() as daemon:
        for payload in (b"", b"{", b"[]", b"null", b'{"version":"hoody-tunnel.v1"} x', b'{"version":"\xff"}'):
            refused(daemon, payload)
        refused(daemon, b'{"version":"hoody-tunnel.v1","version":"hoody-tunnel.v1","capabilities":[]}')


def unknown_fields_are_ignored_whatever_they_hold():
    with Daemon() as daemon:
        for more in ({"odd": "\0"}, {"odd": {"a": [1, 2, {"b": None}]}}, {"auth": {"kind": "bearer", "token": "any"}}):
            with RawDriver(daemon, says_hello=False) as driver:
                driver.send(hello(**more))
                driver.expect(HELLO + 1)


run(a_version_that_was_not_negotiated, a_payload_that_is_no_json_object, unknown_fields_are_ignored_whatever_they_hold)
