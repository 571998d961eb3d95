"""hoody-tunnel expose A B --pull C: one session with a port for each, which all come back after a loss, and of which one may end
without the others."""

import contextlib
import os
import signal
import socket
import subprocess

from harness import (
    BIN,
    PATIENCE,
    Daemon,
    Origin,
    RawDriver,
    free_port,
    http_origin,
    run,
    simple_get,
    wait_until,
)
from relay import Relay
from tunnels import Tunnels, echo, echoes

RESTLESS = ("--ping-interval", "200ms", "--ping-timeout", "500ms")


def page(text):
    return http_origin(lambda *_: (200, [], text))


@contextlib.contextmanager
def services():
    """Two pages and an echo: their ports."""
    with page(b"one") as one, page(b"two") as two, Origin(echo) as three:
        yield one.port, two.port, three.port


@contextlib.contextmanager
def three_tunnels(leads_to, *flags):
    """(driver, names): a random port, a certain one, and a pull."""
    with services() as (one, two, three):
        names = [str(one), f"{free_port()}={two}", f"{free_port()}={three}"]
        with Tunnels(leads_to, "expose", *names[:2], "--pull", names[2], *flags, count=3) as driver:
            yield driver, names


def serve_all(driver, names):
    pages = [simple_get(driver.port(name))[2] for name in names[:2]]
    return pages == [b"one", b"two"] and echoes(driver.port(names[2]))


def served_again(driver, names):
    def attempt():
        with contextlib.suppress(OSError, EOFError, AssertionError):  # not all of them yet
            return serve_all(driver, names)
        return False

    wait_until(attempt, "all ports are served again")


def bindings(daemon):
    return sorted((binding["sessionId"], binding["port"]) for binding in daemon.get_json("/bindings")["bindings"])


def each_gets_its_own_bytes_over_one_session():
    with Daemon() as daemon, three_tunnels(daemon) as (driver, names):
        assert serve_all(driver, names)
        assert sorted(driver.urls) == sorted(names), driver.urls
        for name in names[1:]:
            assert driver.port(name) == int(name.partition("=")[0]), driver.urls
        assert [driver.urls[name].partition(":")[0] for name in names] == ["http", "http", "tcp"]
        assert len({session for session, _ in bindings(daemon)}) == 1 and len(bindings(daemon)) == 3
        driver.told("all 3 tunnels are open; Ctrl-C ends them")


def several_pulls_may_be_had_too():
    with services() as (_, _, three), Daemon() as daemon:
        names = [f"{free_port()}={three}", str(three)]
        with Tunnels(daemon, "pull", *names, "--connections", "3", count=2) as driver:
            assert all(echoes(driver.port(name)) for name in names)
        wait_until(lambda: not bindings(daemon), "the ports are given back")


def random_ports_on_many_connections_are_never_mixed_up():
    """Their BINDs look alike, and connections overtake each other."""
    with contextlib.ExitStack() as stack:
        pages = {str(stack.enter_context(page(b"%d" % number)).port): b"%d" % number for number in range(12)}
        daemon = stack.enter_context(Daemon())
        driver = stack.enter_context(Tunnels(daemon, "expose", *pages, "--connections", "4", count=len(pages)))
        for name, text in pages.items():
            assert simple_get(driver.port(name))[2] == text, name


def a_cut_connection_brings_all_of_them_back():
    with Daemon() as daemon, Relay(daemon) as relay, three_tunnels(relay, *RESTLESS) as (driver, names):
        before = bindings(daemon)
        relay.freeze()
        driver.told("does not answer any more")
        relay.thaw()
        driver.told("all 3 tunnels are open again")
        assert serve_all(driver, names)
        assert bindings(daemon) == before


def a_restarted_daemon_gets_all_on_the_same_ports():
    base = free_port()
    daemon = Daemon(port=base).__enter__()
    with three_tunnels(daemon) as (driver, names):
        ports = [port for _, port in bindings(daemon)]
        daemon.stop(signal.SIGKILL, expect=-signal.SIGKILL)
        with Daemon(port=base) as again:
            served_again(driver, names)
            driver.told("a new session")
            assert [port for _, port in bindings(again)] == ports
            driver.stop()


def one_that_is_taken_over_leaves_the_others():
    with Daemon() as daemon, three_tunnels(daemon) as (driver, names):
        with RawDriver(daemon) as other:
            other.bind(driver.port(names[1]), takeover=True)
            driver.told("the other 2 tunnels go on")
            assert simple_get(driver.port(names[0]))[2] == b"one" and echoes(driver.port(names[2]))
            other.bind(driver.port(names[0]), takeover=True)
            driver.told("the other tunnel goes on")
            assert echoes(driver.port(names[2]))
        assert driver.process.poll() is None


def without_any_left_it_ends_with_1():
    with services() as (one, two, _), Daemon() as daemon:
        with Tunnels(daemon, "expose", one, two, count=2) as driver, RawDriver(daemon) as other:
            other.bind(driver.port(one), takeover=True)
            driver.told("the other tunnel goes on")
            other.bind(driver.port(two), takeover=True)
            assert driver.wait() == 1 and driver.stderr().rstrip().endswith("another session"), driver.stderr()


def a_port_that_others_hold_is_waited_for_while_the_others_serve():
    base = free_port()
    daemon = Daemon(port=base).__enter__()
    with three_tunnels(daemon) as (driver, names):
        daemon.stop(signal.SIGKILL, expect=-signal.SIGKILL)
        with socket.create_server(("0.0.0.0", driver.port(names[1]))) as holder, Daemon(port=base) as again:
            driver.told(f"the daemon refused port {driver.port(names[1])}")
            driver.told("2 of 3 tunnels are open again")
            assert simple_get(driver.port(names[0]))[2] == b"one" and echoes(driver.port(names[2]))
            assert len(bindings(again)) == 2
            holder.close()
            served_again(driver, names)
            driver.stop()


def at_the_start_it_is_all_or_nothing():
    with services() as (one, two, _), Daemon() as daemon, RawDriver(daemon) as other:
        held = other.bind()["containerPort"]
        down = free_port()
        for arguments, words in (
            ((one, f"{held}={two}"), f"the daemon refused port {held}"),
            ((one, down), f"{down} refused the connection"),
            ((one, "--pull", f"22={two}"), "the daemon refused port 22"),
            ((one, "nowhere.invalid:80"), "nowhere.invalid is not known"),
        ):
            done = execute(daemon, "expose", *arguments)
            assert done.returncode == 1 and words in done.stderr, done
            wait_until(lambda: len(bindings(daemon)) == 1, "nothing of it is left")


def execute(daemon, *arguments):
    return subprocess.run(
        [os.path.join(BIN, "hoody-tunnel"), *map(str, arguments), "--url", f"ws://127.0.0.1:{daemon.port}"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        stdin=subprocess.DEVNULL,
        check=False,
    )


run(
    each_gets_its_own_bytes_over_one_session,
    several_pulls_may_be_had_too,
    random_ports_on_many_connections_are_never_mixed_up,
    a_cut_connection_brings_all_of_them_back,
    a_restarted_daemon_gets_all_on_the_same_ports,
    one_that_is_taken_over_leaves_the_others,
    without_any_left_it_ends_with_1,
    a_port_that_others_hold_is_waited_for_while_the_others_serve,
    at_the_start_it_is_all_or_nothing,
)
