"""A driver behind a network of its own whose link goes down, whose host forgets it, whose address changes: the daemon notices
within the pong timeout, by TCP itself, or by the host's RST, and who comes back resumes (protocol section 7); hoody-tunnel does so by
itself, from another address too. Network
namespaces take root and iproute2; without them this is skipped. The silence of a network as such is tried everywhere."""

import os
import shutil
import subprocess
import time

import harness
from harness import Daemon, Expose, Visitor, http_origin, run, simple_get, skip, wait_until
from parking import expect_away, expect_served, is_parked, resumed_binds, wait_until_parked
from scripted_driver import HELD, ScriptedDriver

NEVER = "1h"
TCP_GIVES_UP = 45  # seconds: its user timeout and its keep-alive are 30 s


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=harness.PATIENCE)


class Laptop:
    """A network namespace at the other end of a cable: hosts 1 (ours), 2 and 3 (its own) of a network made of our pid."""

    def __init__(self):
        number = os.getpid()
        self.name = f"hoody-{number}"
        self.link, self.peer = f"hd{number}o", f"hd{number}i"
        network = f"198.18.{number >> 5 & 255}.{(number & 31) * 8}".rsplit(".", 1)
        self.hosts = [f"{network[0]}.{int(network[1]) + host}" for host in range(4)]
        self.prefix = ("ip", "netns", "exec", self.name)

    def __enter__(self):
        try:
            self.lay()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for command in (["netns", "delete", self.name], ["link", "delete", self.link]):  # either may take the other along
            subprocess.run(["ip", *command], check=False, capture_output=True, timeout=harness.PATIENCE)

    def lay(self):
        ip("netns", "add", self.name)
        ip("link", "add", self.link, "type", "veth", "peer", "name", self.peer, "netns", self.name)
        ip("address", "add", f"{self.hosts[1]}/29", "dev", self.link)
        ip("link", "set", self.link, "up")
        self.inside("address", "add", f"{self.hosts[2]}/29", "dev", self.peer)
        self.plug()

    def inside(self, *words):
        ip("-n", self.name, *words)

    def plug(self):
        self.inside("link", "set", self.peer, "up")

    def unplug(self):
        self.inside("link", "set", self.peer, "down")

    def move(self):
        """Another address, as after a walk to another network."""
        self.inside("address", "delete", f"{self.hosts[2]}/29", "dev", self.peer)
        self.inside("address", "add", f"{self.hosts[3]}/29", "dev", self.peer)

    def daemon(self, *flags):
        return Daemon("--trusted-source", f"{self.hosts[0]}/29", *flags, listen="0.0.0.0")

    def driver(self, daemon, **script):
        return ScriptedDriver(daemon, prefix=self.prefix, host=self.hosts[1], **script)


def bound(driver):
    """(its session, its bind id, its port)"""
    session, said = driver.hear("welcome")["sessionId"], driver.hear("bound")
    return session, said["bindId"], said["containerPort"]


def expect_resumed(laptop, daemon, session, bind, port):
    expect_away(port)
    with laptop.driver(daemon, resume=session, answer="back") as back:
        assert resumed_binds(back.hear("welcome")) == {bind: port}
        expect_served(port, b"back")


def by_the_pong_timeout():
    with Laptop() as laptop, laptop.daemon("--ping-interval", "500ms", "--pong-timeout", "2s") as daemon:
        with laptop.driver(daemon, ports=[0], answer="here") as driver:
            session, bind, port = bound(driver)
            expect_served(port, b"here")
            with Visitor(port) as reading:
                reading.ask(target=HELD)
                assert reading.receive_head()[0] == 200
                laptop.unplug()
                wait_until_parked(daemon)
                reading.expect_abort()
            assert "pong timeout" in daemon.stderr(), daemon.stderr()
            laptop.plug()
            expect_resumed(laptop, daemon, session, bind, port)
            wait_until(lambda: is_parked(daemon), "parked again")


def by_the_reset_of_a_host_that_knows_nothing_of_it():
    with Laptop() as laptop, laptop.daemon("--ping-interval", "500ms", "--pong-timeout", NEVER) as daemon:
        with laptop.driver(daemon, ports=[0], answer="here", abrupt=True) as driver:
            session, bind, port = bound(driver)
            expect_served(port, b"here")
            laptop.unplug()
            driver.kill()  # its RST meets no cable
            laptop.plug()
            wait_until_parked(daemon)
            expect_resumed(laptop, daemon, session, bind, port)


def whoever_comes_from_another_address_wins_at_once():
    with Laptop() as laptop, laptop.daemon("--ping-interval", "500ms", "--pong-timeout", NEVER) as daemon:
        with laptop.driver(daemon, ports=[0], answer="here") as driver:
            session, bind, port = bound(driver)
            with Visitor(port) as reading:
                reading.ask(target=HELD)
                assert reading.receive_head()[0] == 200
                laptop.move()
                with laptop.driver(daemon, resume=session, answer="there") as moved:
                    assert resumed_binds(moved.hear("welcome")) == {bind: port}
                    reading.expect_abort()
                    expect_served(port, b"there")
                    rows = daemon.get_json("/sessions")["sessions"]
                    assert [row["peerAddr"].rsplit(":", 1)[0] for row in rows] == [laptop.hosts[3]], rows


def hoody_tunnel_serves_again_from_another_address():
    """Its own PING notices: nobody answers to an address that is not there any more."""
    def answer(*_):
        return 200, [], b"hello"

    def addresses(daemon):
        return [row["peerAddr"].rsplit(":", 1)[0] for row in daemon.get_json("/sessions")["sessions"]]

    with Laptop() as laptop, laptop.daemon() as daemon, http_origin(answer, host=laptop.hosts[1]) as origin:
        target, flags = f"{laptop.hosts[1]}:{origin.port}", ("--ping-interval", "200ms", "--ping-timeout", "500ms")
        with Expose(daemon, target, *flags, host=laptop.hosts[1], prefix=laptop.prefix) as driver:
            assert addresses(daemon) == [laptop.hosts[2]] and simple_get(driver.port)[2] == b"hello"
            (before,) = daemon.get_json("/bindings")["bindings"]
            laptop.move()
            wait_until(lambda: addresses(daemon) == [laptop.hosts[3]], "it has come back")
            assert daemon.get_json("/bindings")["bindings"] == [before], "the session with its port"
            assert simple_get(driver.port)[2] == b"hello", "by no connection to the service that was kept from before"


def by_tcp_itself():
    """Where there is something to send, by its user timeout; where there is not, by keep-alive."""
    with Laptop() as laptop:
        flags = ("--pong-timeout", NEVER, "--ping-interval")
        with laptop.daemon(*flags, "500ms") as pinging, laptop.daemon(*flags, NEVER) as silent:
            with laptop.driver(pinging, ports=[0]) as first, laptop.driver(silent, ports=[0]) as second:
                held = [(daemon, *bound(driver)) for daemon, driver in ((pinging, first), (silent, second))]
                laptop.unplug()
                deadline = time.monotonic() + TCP_GIVES_UP
                while time.monotonic() < deadline and not all(is_parked(row[0]) for row in held):
                    time.sleep(0.2)
                for daemon, *_ in held:
                    wait_until_parked(daemon)
                    assert "timeout" not in daemon.stderr(), daemon.stderr()
                laptop.plug()
                for daemon, session, bind, port in held:
                    expect_resumed(laptop, daemon, session, bind, port)


if os.geteuid() != 0 or shutil.which("ip") is None:
    skip("network namespaces take root and iproute2")
try:
    with Laptop():
        pass
except subprocess.CalledProcessError as refusal:
    skip(f"no network namespaces here: {refusal.stderr.decode().strip()}")
slow = () if harness.SANITIZED else (by_tcp_itself,)
run(
    by_the_pong_timeout,
    by_the_reset_of_a_host_that_knows_nothing_of_it,
    whoever_comes_from_another_address_wins_at_once,
    hoody_tunnel_serves_again_from_another_address,
    *slow,
)
