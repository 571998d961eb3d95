"""SIGTERM ends the native driver in every state that it can be in, with 0, whoever does not answer then: hoody-tunnel(1), SIGNALS."""

import contextlib
import os
import signal
import socket
import tempfile
import threading

from harness import (
    BIND,
    HELLO,
    JOIN,
    PATIENCE,
    REISSUE_JOIN_TICKETS,
    STREAM_OPEN,
    UNBIND,
    Daemon,
    Expose,
    Origin,
    Pull,
    connect,
    frame,
    free_port,
    http_origin,
    run,
    wait_until,
)
from inspection import Inspection
from relay import Relay
from scripted_kit import CLOSE, UPGRADE, Kit

GOOD = (UPGRADE, HELLO, BIND, JOIN, UNBIND, CLOSE)
REQUEST = {"kind": "http", "method": "GET", "target": "/", "headers": [["host", "test"]], "isUpgrade": False, "bindId": 1}
REQUEST |= {"containerPort": 20001, "peerAddr": "192.0.2.1:5"}
SYN_SENT = "02"
PART = b"part of an answer" * 4096


def answer(*_):
    return 200, [], b"hello"


class Scene:
    """Everything that the drivers of all states stand among; each state adds what it takes."""

    def __init__(self, ends):
        self.ends = ends
        self.origin = self.enter(http_origin(answer))

    def enter(self, context):
        return self.ends.enter_context(context)

    def kit(self, *answers):
        return self.enter(Kit(*answers))

    def starts(self, where, *flags, program=Expose, target=None, **more):
        """A driver that may not have a port yet."""
        driver = program(where, target or self.origin.port, *flags, **more)
        self.ends.callback(driver.process.stdout.close)
        self.ends.callback(driver.process.wait)
        self.ends.callback(driver.process.kill)  # first, when it does not end
        return driver

    def bound(self, where, *flags, **more):
        driver = self.starts(where, *flags, **more)
        Expose.__enter__(driver)
        return driver


def full_port(scene):
    """A port that takes no connection and refuses none."""
    listener = scene.enter(socket.create_server(("127.0.0.1", 0), backlog=0))
    port = listener.getsockname()[1]
    scene.enter(socket.create_connection(("127.0.0.1", port)))
    return port


def is_dialling(driver, port):
    with open(f"/proc/{driver.pid}/net/tcp", encoding="ascii") as table:
        return any(fields[3] == SYN_SENT and int(fields[2].rsplit(":", 1)[1], 16) == port for fields in map(str.split, table))


class Mute(Origin):
    """Accepts, reads, and says nothing."""

    def __init__(self):
        self.heard = threading.Event()
        super().__init__(self.listen)

    def listen(self, sock, _address):
        while sock.recv(1 << 16):
            self.heard.set()


# ---- before there is a session


def asking_whether_the_service_is_up(scene):
    port = full_port(scene)
    driver = scene.starts(scene.kit(), target=port)
    wait_until(lambda: is_dialling(driver, port), "it dials its service")
    return driver


def dialling_the_daemon(scene):
    kit = scene.kit()
    kit.port = full_port(scene)
    driver = scene.starts(kit)
    wait_until(lambda: is_dialling(driver, kit.port), "it dials the daemon")
    return driver


def waiting_for_a_daemon_that_is_not_there(scene):
    kit = Kit()
    kit.listener.close()
    driver = scene.starts(kit, "--wait")
    wait_until(lambda: "trying again" in driver.stderr(), "it tries again")
    return driver


def asking_for_the_address_of_the_daemon(scene):
    """In a mount namespace of its own, where the name server is one that does not answer."""
    address = f"127.{os.getpid() >> 8 & 255}.{os.getpid() & 255}.53"
    server = scene.enter(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    server.bind((address, 53))
    server.settimeout(PATIENCE)
    config = scene.enter(tempfile.NamedTemporaryFile("w"))
    print(f"nameserver {address}", file=config, flush=True)
    elsewhere = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', config.name)
    driver = scene.starts(scene.kit(), prefix=elsewhere, host="hoody-tunnel.example.")
    assert b"hoody-tunnel" in server.recv(512)
    return driver


def with_a_token_that_came_by_a_pipe(scene):
    """Which is not waited for again."""
    folder = scene.enter(tempfile.TemporaryDirectory(prefix="hoody-"))
    pipe = os.path.join(folder, "token")
    os.mkfifo(pipe)
    kit = scene.kit(UPGRADE, HELLO, BIND)
    driver = scene.starts(kit, "--token-file", pipe)
    with open(pipe, "w", encoding="ascii") as writer:  # when the driver reads
        print("secret", file=writer)
    kit.hears(BIND)
    kit.connections[0].drop()
    kit.hears(HELLO, 2)
    return driver


def in_the_tls_handshake(scene):
    mute = scene.enter(Mute())
    driver = scene.starts(mute, scheme="wss")
    wait_until(mute.heard.is_set, "it has said hello")
    return driver


def asking_a_proxy(scene):
    mute = scene.enter(Mute())
    driver = scene.starts(scene.kit(), "--proxy", f"http://127.0.0.1:{mute.port}")
    wait_until(mute.heard.is_set, "it has asked")
    return driver


def in_the_opening_handshake(scene):
    kit = scene.kit()
    driver = scene.starts(kit)
    kit.hears(UPGRADE)
    return driver


def saying_hello(scene):
    kit = scene.kit(UPGRADE)
    driver = scene.starts(kit, "--connections", "2")
    kit.hears(HELLO)
    return driver


def asking_for_its_port(scene):
    kit = scene.kit(UPGRADE, HELLO)
    driver = scene.starts(kit)
    kit.hears(BIND)
    return driver


# ---- in a session whose daemon says nothing any more


def giving_its_port_back_in_vain(scene):
    return scene.bound(scene.kit(UPGRADE, HELLO, BIND))


def saying_goodbye_in_vain(scene):
    return scene.bound(scene.kit(UPGRADE, HELLO, BIND, UNBIND))


def being_said_goodbye_to_while_it_leaves(scene):
    """GOAWAY instead of UNBIND_OK, and no close."""
    kit = scene.kit(UPGRADE, HELLO, BIND)
    driver = scene.bound(kit)

    def bid_farewell():
        kit.hears(UNBIND)
        kit.connections[0].say_goaway(0)

    threading.Thread(target=bid_farewell, daemon=True).start()
    return driver


def pulling(scene):
    return scene.bound(scene.kit(UPGRADE, HELLO, BIND), program=Pull)


def inspecting(scene):
    driver = scene.bound(scene.kit(UPGRADE, HELLO, BIND), f"--inspect=127.0.0.1:{free_port()}")
    inspection = Inspection(driver)
    page = scene.enter(connect(inspection.port))
    page.sendall(b"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % inspection.port)
    assert page.recv(15) == b"HTTP/1.1 200 OK"  # and no end
    return driver


def told_to_end_by(number):
    def state(scene):
        driver = scene.bound(scene.kit(*GOOD))
        driver.process.send_signal(number)
        return driver

    state.__name__ = f"told_to_end_by_{signal.Signals(number).name}"
    return state


def told_twice(scene):
    kit = scene.kit(UPGRADE, HELLO, BIND)
    driver = scene.bound(kit)
    driver.process.terminate()
    kit.hears(UNBIND)
    return driver


# ---- with several connections


def in_the_handshake_of_the_others(scene):
    kit = scene.kit(UPGRADE, HELLO, BIND)
    driver = scene.starts(kit, "--connections", "4")
    kit.hears(UPGRADE)
    kit.answers.discard(UPGRADE)
    kit.hears(UPGRADE, 4)
    return driver


def joining(scene):
    kit = scene.kit(UPGRADE, HELLO, BIND)
    driver = scene.bound(kit, "--connections", "4")
    kit.hears(JOIN, 3)
    return driver


def asking_for_tickets(scene):
    kit = scene.kit(UPGRADE, HELLO, BIND, JOIN)
    driver = scene.bound(kit, "--connections", "2")
    kit.hears(JOIN)
    kit.connections[1].drop()
    kit.hears(REISSUE_JOIN_TICKETS)
    return driver


# ---- on its way back


def resuming(scene):
    kit = scene.kit(UPGRADE, HELLO, BIND, JOIN)
    driver = scene.bound(kit, "--connections", "2")
    kit.hears(JOIN)
    kit.answers.discard(HELLO)
    kit.connections[0].drop()
    kit.hears(HELLO, 2)
    return driver


def joining_anew(scene):
    kit = scene.kit(UPGRADE, HELLO, BIND, JOIN)
    driver = scene.bound(kit, "--connections", "4")
    kit.hears(JOIN, 3)
    kit.answers.discard(JOIN)
    kit.connections[0].drop()
    kit.hears(JOIN, 6)
    return driver


def binding_anew(scene):
    kit = scene.kit(UPGRADE, HELLO, BIND)
    driver = scene.bound(kit)
    kit.answers.discard(BIND)
    kit.connections[0].drop()
    kit.hears(BIND, 2)
    return driver


def waiting_for_a_port_that_others_hold(scene):
    kit = scene.kit(UPGRADE, HELLO, BIND)
    driver = scene.bound(kit, port=20001)
    kit.refuses = "ALREADY_BOUND"
    kit.connections[0].drop()
    wait_until(lambda: "ALREADY_BOUND" in driver.stderr(), "its port is refused")
    return driver


def waiting_to_try_again(scene):
    """As long as the daemon has asked it to."""
    kit = scene.kit(*GOOD)
    driver = scene.bound(kit)
    kit.connections[0].say_goaway(0, retry_after_ms=300_000)
    kit.connections[0].say_close(1001)
    wait_until(lambda: "trying again" in driver.stderr(), "it waits")
    return driver


def waiting_for_the_end_of_a_connection_that_was_closed(scene):
    kit = scene.kit(UPGRADE, HELLO, BIND)
    driver = scene.bound(kit)
    kit.connections[0].say_close(1001)
    kit.hears(CLOSE)
    return driver


# ---- with visitors


def serving(scene, kit):
    """A driver with a stream whose service is silent; its service."""
    mute = scene.enter(Mute())
    driver = scene.bound(kit, target=mute.port)
    kit.connections[0].say(frame(STREAM_OPEN, 2, REQUEST))
    wait_until(mute.heard.is_set, "the service has the request")
    return driver, mute


def with_a_service_that_does_not_answer(scene):
    return serving(scene, scene.kit(UPGRADE, HELLO, BIND))[0]


def being_said_goodbye_to(scene):
    """Its streams are gone, the close that must follow does not come. It would come back by itself."""
    kit = scene.kit(UPGRADE, HELLO, BIND)
    left = threading.Event()

    def serve(sock, _address):
        if sock.recv(1 << 16):  # not the connection that only asked whether it is up
            kit.connections[0].say_goaway(0)
            with contextlib.suppress(ConnectionResetError):
                assert sock.recv(1) == b""
            left.set()

    driver = scene.bound(kit, target=scene.enter(Origin(serve)).port)
    kit.connections[0].say(frame(STREAM_OPEN, 2, REQUEST))
    wait_until(left.is_set, "its streams are gone")
    return driver


def stalled(scene, *flags):
    """Daemon, its driver through a relay, and a visitor that does not read an answer without an end."""
    stops = threading.Event()
    scene.ends.callback(stops.set)

    def serve(sock, _address):
        sock.recv(1 << 16)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (1 << 40))
        while not stops.is_set():
            sock.sendall(PART)

    daemon = scene.enter(Daemon("--drain-timeout", "0"))
    relay = scene.enter(Relay(daemon))
    driver = scene.bound(relay, *flags, target=scene.enter(Origin(serve)).port)
    visitor = scene.enter(connect(driver.port))
    visitor.sendall(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
    wait_until(lambda: daemon.metric('hoody_tunnel_buffered_bytes{direction="to_visitor"}') > 0, "the visitor is behind")
    return daemon, relay, driver


def with_a_visitor_that_does_not_read(scene):
    return stalled(scene)[2]


def with_a_daemon_that_is_stopped(connections):
    def state(scene):
        daemon, _, driver = stalled(scene, "--connections", str(connections))
        os.kill(daemon.pid, signal.SIGSTOP)
        scene.ends.callback(os.kill, daemon.pid, signal.SIGCONT)
        return driver

    state.__name__ = f"with_a_daemon_that_is_stopped_and_{connections}_connections"
    return state


def with_a_network_that_passes_nothing(scene):
    _, relay, driver = stalled(scene, "--connections", "4")
    relay.freeze()
    return driver


STATES = (
    asking_whether_the_service_is_up,
    dialling_the_daemon,
    waiting_for_a_daemon_that_is_not_there,
    *([asking_for_the_address_of_the_daemon] if os.geteuid() == 0 else []),
    with_a_token_that_came_by_a_pipe,
    in_the_tls_handshake,
    asking_a_proxy,
    in_the_opening_handshake,
    saying_hello,
    asking_for_its_port,
    giving_its_port_back_in_vain,
    saying_goodbye_in_vain,
    being_said_goodbye_to_while_it_leaves,
    pulling,
    inspecting,
    told_to_end_by(signal.SIGINT),
    told_to_end_by(signal.SIGHUP),
    told_twice,
    in_the_handshake_of_the_others,
    joining,
    asking_for_tickets,
    resuming,
    joining_anew,
    binding_anew,
    waiting_for_a_port_that_others_hold,
    waiting_to_try_again,
    waiting_for_the_end_of_a_connection_that_was_closed,
    with_a_service_that_does_not_answer,
    being_said_goodbye_to,
    with_a_visitor_that_does_not_read,
    with_a_daemon_that_is_stopped(1),
    with_a_daemon_that_is_stopped(2),
    with_a_daemon_that_is_stopped(4),
    with_a_network_that_passes_nothing,
)


def told_to_end(scene, state):
    driver = state(scene)
    assert driver.process.poll() is None or state.__name__.startswith("told"), f"{state.__name__}: {driver.stderr()}"
    driver.process.terminate()
    return driver


def it_ends_in_every_state():
    """All at once: those whose daemon is silent wait for it, as long as they say."""
    with contextlib.ExitStack() as ends:
        scene = Scene(ends)
        drivers = {state.__name__: told_to_end(scene, state) for state in STATES}
        for name, driver in drivers.items():
            status = driver.wait()
            driver.check_sanitizers()
            assert status == 0, f"{name}: it ended with {status}: {driver.stderr()}"


def a_hangup_that_is_ignored_stays_ignored():
    """As nohup has it."""
    with contextlib.ExitStack() as ends:
        scene = Scene(ends)
        kit = scene.kit(*GOOD)
        driver = scene.bound(kit, prefix=("sh", "-c", 'trap "" HUP; exec "$@"', "sh"))
        os.kill(driver.pid, signal.SIGHUP)
        for _ in range(2):  # when it has answered twice it has come around to its signals
            kit.connections[0].ping()
        assert kit.heard[UNBIND] == 0
        driver.stop()
        kit.hears(UNBIND)


run(it_ends_in_every_state, a_hangup_that_is_ignored_stays_ignored)
