"""hoody-tunnel: one line that a script can read when all is well, a clear message and an exit status when it is not."""

import os
import signal
import socket
import subprocess

import harness
from harness import BIN, Daemon, Expose, Origin, free_port, http_origin, simple_get, wait_until


def run_driver(*arguments):
    done = subprocess.run(
        [os.path.join(BIN, "hoody-tunnel"), *arguments],
        capture_output=True,
        text=True,
        timeout=harness.PATIENCE,
        stdin=subprocess.DEVNULL,
        check=False,
        env={k: v for k, v in os.environ.items() if not k.startswith("HOODY_TUNNEL_")},
    )
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


def hello(*_):
    return 200, [], b"hello"


def wrong_usage_is_2_with_a_hint():
    for arguments in (
        [],
        ["fly"],
        ["expose"],
        ["expose", "not a port"],
        ["expose", "0"],
        ["expose", "65536"],
        ["expose", "3000", "4000", "--port", "8080"],
        ["expose", "3000", "4000", "--label", "both"],
        ["expose", "8080=3000", "--port", "8080"],
        ["expose", "8080=3000", "8080=4000"],
        ["expose", "x=3000"],
        ["expose", "3000", "--pull", "65536=1"],
        ["pull", "5432", "--pull", "5433"],
        ["expose", "3000", "--port", "x"],
        ["expose", "3000", "--port"],
        ["expose", "3000", "--no-such-flag"],
        ["expose", "3000", "--url", "ftp://127.0.0.1"],
        ["expose", "3000", "--takeover=1"],
    ):
        status, out, err = run_driver(*arguments)
        assert status == 2, (arguments, status, err)
        assert out == "" and "hoody-tunnel" in err and len(err.splitlines()) <= 4, (arguments, err)


def help_and_version_go_to_standard_output():
    for arguments, word in ((["--help"], "expose"), (["expose", "--help"], "--port"), (["--version"], "0.1.0")):
        status, out, err = run_driver(*arguments)
        assert status == 0 and word in out and err == "", (arguments, status, out, err)


def a_daemon_that_is_not_there_is_3():
    with http_origin(hello) as origin:
        port = free_port()
        status, out, err = run_driver("expose", str(origin.port), "--url", f"ws://127.0.0.1:{port}")
        assert status == 3 and out == "" and str(port) in err, (status, out, err)


def a_page_that_finds_no_place_is_1():
    """It takes the next port where one is taken, but there is none after the last."""
    host = f"127.9.{os.getpid() >> 8 & 255}.{os.getpid() & 255 or 1}"  # nobody else's
    place = f"{host}:65535"
    with http_origin(hello) as origin, Daemon() as daemon, socket.create_server((host, 65535)):
        url = ("--url", f"ws://127.0.0.1:{daemon.port}")
        status, out, err = run_driver("expose", str(origin.port), f"--inspect={place}", *url)
        assert (status, out) == (1, "") and len(err.splitlines()) == 1, (status, out, err)
        assert f"can't be served at {place}: Address already in use; --inspect=ADDR takes another place" in err, err


def a_page_that_would_be_a_target_is_1():
    """Whoever visits must not see what it shows, however it is called."""
    with Daemon() as daemon:
        page = free_port()
        for target in (["expose", str(page)], ["expose", f"0.0.0.0:{page}"], ["expose", f"localhost:{page}"], ["expose", str(daemon.port), "--pull", str(page)]):
            status, out, err = run_driver(*target, f"--inspect=127.0.0.1:{page}", "--url", f"ws://127.0.0.1:{daemon.port}")
            assert (status, out) == (1, "") and "it is not for visitors" in err, (target, status, out, err)
            assert not daemon.get_json("/bindings")["bindings"]


def a_target_that_is_down_is_1():
    with Daemon() as daemon:
        port = free_port()
        status, out, err = run_driver("expose", str(port), "--url", f"ws://127.0.0.1:{daemon.port}")
        assert status == 1 and out == "" and str(port) in err, (status, out, err)


def a_refused_bind_is_1_and_says_why():
    with http_origin(hello) as origin, Daemon() as daemon, Expose(daemon, origin.port) as first:
        for port in (first.port, 22):
            status, out, err = run_driver(
                "expose", str(origin.port), "--url", f"ws://127.0.0.1:{daemon.port}", "--port", str(port)
            )
            assert status == 1 and out == "" and str(port) in err, (status, out, err)
        assert simple_get(first.port)[2] == b"hello"


def the_port_is_told_in_one_line_and_given_back_at_the_end():
    for sig in (signal.SIGINT, signal.SIGTERM):
        with http_origin(hello) as origin, Daemon() as daemon:
            port = free_port()
            driver = Expose(daemon, origin.port, port=port).__enter__()
            assert driver.url == f"http://127.0.0.1:{port}", driver.url
            assert simple_get(port)[2] == b"hello"
            driver.stop(sig)
            assert driver.process.stdout.read() == b"", "more than one line on standard output"
            driver.process.stdout.close()
            wait_until(lambda: daemon.get_json("/bindings")["total"] == 0, "the port is given back")
            assert daemon.get_json("/tunnels")["orphanedSessions"] == 0


def takeover_takes_the_port_from_another_driver():
    with http_origin(lambda *_: (200, [], b"old")) as old, http_origin(lambda *_: (200, [], b"new")) as new:
        with Daemon() as daemon:
            first = Expose(daemon, old.port).__enter__()
            assert simple_get(first.port)[2] == b"old"
            with Expose(daemon, new.port, "--takeover", port=first.port) as second:
                assert second.port == first.port
                assert simple_get(first.port)[2] == b"new"
                # The old driver has nothing left to serve: it says so and ends.
                assert first.wait() == 1 and "taken over" in first.stderr(), first.stderr()
                first.stop(expect=1)
                first.process.stdout.close()


def a_daemon_that_goes_away_is_1_when_asked_for():
    with http_origin(hello) as origin, Daemon() as daemon:
        driver = Expose(daemon, origin.port, "--exit-on-loss").__enter__()
        daemon.stop()
        assert driver.wait() == 1 and driver.stderr().strip(), driver.stderr()
        driver.process.stdout.close()


def a_service_that_goes_away_is_a_502_that_says_so():
    with Daemon() as daemon:
        with Origin(lambda sock, _: sock.recv(1)) as origin:
            driver = Expose(daemon, origin.port).__enter__()
        status, headers, body = simple_get(driver.port)
        assert status == 502 and headers["content-type"].startswith("text/plain"), (status, headers)
        assert str(origin.port).encode() in body, body
        driver.__exit__(None, None, None)


harness.run(
    wrong_usage_is_2_with_a_hint,
    help_and_version_go_to_standard_output,
    a_daemon_that_is_not_there_is_3,
    a_page_that_finds_no_place_is_1,
    a_page_that_would_be_a_target_is_1,
    a_target_that_is_down_is_1,
    a_refused_bind_is_1_and_says_why,
    the_port_is_told_in_one_line_and_given_back_at_the_end,
    takeover_takes_the_port_from_another_driver,
    a_daemon_that_goes_away_is_1_when_asked_for,
    a_service_that_goes_away_is_a_502_that_says_so,
)
