"""hoody-tunnel --token-file: the bearer token comes from a file, is read again for each connection, and is shown to nobody but
the daemon."""

import contextlib
import os
import signal
import subprocess
import tempfile

from harness import BIN, PATIENCE, Daemon, Expose, free_port, http_origin, run, simple_get, wait_until

TOKEN, OTHER = "a-secret-token-1234567890", "another-secret-token-42"


def answer(*_):
    return 200, [], b"hello"


@contextlib.contextmanager
def a_file(*lines):
    with tempfile.NamedTemporaryFile("w", prefix="hoody-token-") as file:
        file.write("".join(lines))
        file.flush()
        yield file


def replace(file, text):
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()


def ends(daemon, target, *flags):
    done = subprocess.run(
        [os.path.join(BIN, "hoody-tunnel"), "expose", str(target), "--url", f"ws://127.0.0.1:{daemon.port}", *flags],
        capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL, check=False)  # fmt: skip
    assert "Sanitizer" not in done.stderr and TOKEN not in done.stderr and OTHER not in done.stderr, done.stderr
    return done.returncode, done.stderr


def the_token_lets_it_in_by_flag_and_by_variable():
    with a_file(TOKEN, "\n") as tokens, a_file("  ", TOKEN, " \r\n", "a second line\n") as mine, http_origin(answer) as origin:
        with Daemon("--auth-token-file", tokens.name) as daemon:
            with Expose(daemon, origin.port, "--token-file", mine.name, "--connections", "2") as driver:
                assert simple_get(driver.port)[2] == b"hello"
                wait_until(lambda: "all 2 connections" in driver.stderr(), "all connections stand")
                with open(f"/proc/{driver.pid}/cmdline", "rb") as line:
                    assert TOKEN.encode() not in line.read()
                assert TOKEN not in driver.stderr()
            with Expose(daemon, origin.port, environment={"HOODY_TUNNEL_TOKEN_FILE": mine.name}) as driver:
                assert simple_get(driver.port)[2] == b"hello"
            assert TOKEN not in daemon.stderr()


def a_wrong_token_is_the_end():
    with a_file(TOKEN, "\n") as tokens, a_file(OTHER) as mine, http_origin(answer) as origin:
        with Daemon("--auth-token-file", tokens.name) as daemon:
            for flags in ((), ("--token-file", mine.name), ("--token-file", mine.name, "--wait")):
                status, err = ends(daemon, origin.port, *flags)
                assert status == 1 and "authentication failed" in err, (status, err)


def a_file_that_is_no_good_is_wrong_usage():
    with Daemon() as daemon:
        for content, word in (("", "no token"), ("\n" + TOKEN, "no token"), ("two words\n", "no token"),
                              ("tok\x01en\n", "printable"), ("t\u00f6ken\n", "printable"), ("x" * 2049, "too long"),
                              ("x" * 9999, "too long")):  # fmt: skip
            with a_file(content) as mine:
                status, err = ends(daemon, 3000, "--token-file", mine.name)
                assert status == 2 and word in err and mine.name in err, (content[:20], status, err)
        for path in ("/nonexistent/token", "/tmp"):
            status, err = ends(daemon, 3000, "--token-file", path)
            assert status == 2 and path in err, (status, err)
            assert err.splitlines()[1:] == ["Try: hoody-tunnel expose --help"], err


def a_token_that_was_replaced_is_used_from_then_on():
    base = free_port()
    with a_file(TOKEN, "\n") as tokens, a_file(TOKEN) as mine, http_origin(answer) as origin:
        daemon = Daemon("--auth-token-file", tokens.name, port=base).__enter__()
        with Expose(daemon, origin.port, "--token-file", mine.name) as driver:
            daemon.stop(signal.SIGKILL, expect=-signal.SIGKILL)
            replace(tokens, OTHER + "\n")
            replace(mine, OTHER)
            with Daemon("--auth-token-file", tokens.name, port=base):
                wait_until(lambda: "a new session" in driver.stderr(), "the driver is let in again")
                driver.stop()


run(
    the_token_lets_it_in_by_flag_and_by_variable,
    a_wrong_token_is_the_end,
    a_file_that_is_no_good_is_wrong_usage,
    a_token_that_was_replaced_is_used_from_then_on,
)
