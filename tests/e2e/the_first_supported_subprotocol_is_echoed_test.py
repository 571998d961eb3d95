"""Upgrade: the kit takes the first supported subprotocol in the client's order (protocol section 1)."""

from harness import Daemon, connect, receive_exactly, run, upgrade_request

OFFERS = [
    ("hoody-tunnel.v1", "hoody-tunnel.v1"),
    ("hoody-tunnel.v2", "hoody-tunnel.v2"),
    ("hoody-tunnel.v1, hoody-tunnel.v2", "hoody-tunnel.v1"),
    ("hoody-tunnel.v2, hoody-tunnel.v1", "hoody-tunnel.v2"),
    ("chat, hoody-tunnel.v9,hoody-tunnel.v2 , hoody-tunnel.v1", "hoody-tunnel.v2"),
    ("chat\r\nSec-WebSocket-Protocol: hoody-tunnel.v1\r\nSec-WebSocket-Protocol: hoody-tunnel.v2", "hoody-tunnel.v1"),
]


def upgrade(daemon, request):
    with connect(daemon.port) as sock:
        sock.sendall(request)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += receive_exactly(sock, 1)
    return head.decode().split("\r\n")


def the_clients_order_counts():
    with Daemon() as daemon:
        for offered, expected in OFFERS:
            lines = upgrade(daemon, upgrade_request(subprotocol=offered))
            assert lines[0].startswith("HTTP/1.1 101 "), lines
            chosen = [line for line in lines if line.lower().startswith("sec-websocket-protocol:")]
            assert chosen == [f"Sec-WebSocket-Protocol: {expected}"], (offered, chosen)


def queries_and_extra_headers_are_tolerated_and_deflate_is_declined():
    with Daemon() as daemon:
        headers = "X-Anything: at all\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
        lines = upgrade(daemon, upgrade_request(headers, query="?a=b&c=%20/"))
        assert lines[0].startswith("HTTP/1.1 101 "), lines
        assert not [line for line in lines if line.lower().startswith("sec-websocket-extensions")], lines
        assert "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in lines, lines


run(the_clients_order_counts, queries_and_extra_headers_are_tolerated_and_deflate_is_declined)
