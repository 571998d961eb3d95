"""Upgrade: what is no good handshake gets 400 with the supported versions, another WebSocket version 426 (section 1)."""

from harness import CONNECT, Daemon, fetch, run, upgrade_request


def expect_400_with_versions(daemon, request):
    status, headers, body = fetch(daemon.port, request)
    assert status == 400, (status, request)
    assert headers["content-type"] == "text/plain; charset=utf-8", headers
    assert headers["x-hoody-tunnel-versions"] == "hoody-tunnel.v2, hoody-tunnel.v1", headers
    assert b"hoody-tunnel.v1" in body and b"hoody-tunnel.v2" in body, body


def no_subprotocol_that_is_supported():
    with Daemon() as daemon:
        for offered in (None, "chat", "hoody-tunnel.v3, hoody-tunnel", "HOODY-TUNNEL.V1", "hoody-tunnel.v1x"):
            expect_400_with_versions(daemon, upgrade_request(subprotocol=offered))


def no_upgrade_at_all():
    with Daemon() as daemon:
        for query in ("", "?session=1"):
            expect_400_with_versions(
                daemon, f"GET {CONNECT}{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
            )


def a_key_that_is_none():
    with Daemon() as daemon:
        good = upgrade_request()
        for key in (b"", b"Sec-WebSocket-Key: \r\n", b"Sec-WebSocket-Key: c2hvcnQ=\r\n", b"Sec-WebSocket-Key: !!!\r\n"):
            request = good.replace(b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", key)
            assert fetch(daemon.port, request)[0] == 400, key


def another_version_is_426():
    with Daemon() as daemon:
        for version in (b"8", b"12", b"14", b"130", b"1"):
            request = upgrade_request().replace(b"Version: 13", b"Version: " + version)
            status, headers, _ = fetch(daemon.port, request)
            assert status == 426 and headers["sec-websocket-version"] == "13", (version, status, headers)


run(no_subprotocol_that_is_supported, no_upgrade_at_all, a_key_that_is_none, another_version_is_426)
