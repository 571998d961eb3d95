"""What tests ask of sessions whose driver is away."""

import contextlib

from patience import wait_until
from raw_driver import RawDriver
from sockets import connect
from visitor import simple_get


def is_parked(daemon, sessions=1):
    return daemon.get_json("/tunnels")["orphanedSessions"] == sessions


def wait_until_parked(daemon, sessions=1):
    wait_until(lambda: is_parked(daemon, sessions), "the session is parked")


def expect_away(port):
    """A visitor is told to come again when the driver is back."""
    status, headers, body = simple_get(port)
    assert status == 503 and headers["retry-after"] == "5" and body, (status, headers, body)


def expect_served(port, body):
    status, _, received = simple_get(port)
    assert (status, received) == (200, body), (status, received)


def resume(daemon, session, subprotocol="hoody-tunnel.v1", **more):
    return RawDriver(daemon, subprotocol, resume={"sessionId": session}, **more)


def resumed_binds(hello_ok):
    """{bindId: port} of what a resumed session was told to hold."""
    assert hello_ok["resumed"] is True, hello_ok
    return {bind["bindId"]: bind["containerPort"] for bind in hello_ok["resumedBinds"]}


def is_listening(port):
    """Does anybody take connections there? One that is reset at once was taken."""
    try:
        with contextlib.closing(connect(port)):
            return True
    except ConnectionRefusedError:
        return False
    except ConnectionResetError:
        return True
