"""Redis behind a pull, used by its own clients: large values, a flood of commands, fifty clients that pipeline, and
subscribers, to whom the server speaks first."""

import contextlib
import re
import subprocess

from harness import PATIENCE, Daemon, Pull, pattern, run
from services.programs import Server, client, environment, find, need, server_folder

COMMANDS = 100_000


@contextlib.contextmanager
def served():
    """Yields (port through the tunnel, Redis's folder)."""
    with server_folder() as folder:
        arguments = ("--port", "{port}", "--bind", "127.0.0.1", "--dir", "{folder}", "--save", "", "--appendonly", "no")
        with Server(folder, "redis-server", *arguments) as service, Daemon() as daemon, Pull(daemon, service.port) as driver:
            yield driver.port, folder


def redis(port, *command, **how):
    return client("redis-cli", "-h", "127.0.0.1", "-p", port, *command, **how)


def values_are_kept():
    with served() as (port, _):
        assert redis(port, "ping") == b"PONG\n"
        value = pattern(20 << 20, 4)
        assert redis(port, "-x", "set", "large", stdin=value) == b"OK\n"
        assert redis(port, "strlen", "large") == b"%d\n" % len(value)
        assert redis(port, "get", "large") == value + b"\n"


def a_flood_of_commands_is_answered():
    with served() as (port, _):
        said = redis(port, "--pipe", stdin=b"".join(b"INCR counter\r\n" for _ in range(COMMANDS))).decode()
        assert f"errors: 0, replies: {COMMANDS}" in said, said
        assert redis(port, "get", "counter") == b"%d\n" % COMMANDS


def fifty_clients_have_no_error():
    tests = ("ping", "set", "get", "incr", "lpush", "lrange_300")
    with served() as (port, _):
        how = ("-c", "50", "-n", "20000", "-P", "16", "-d", "100", "--csv", "-t", ",".join(tests))
        said = client("redis-benchmark", "-h", "127.0.0.1", "-p", port, *how).decode()
        assert "error" not in said.lower(), said
        results = re.findall(r'^"([A-Z][^"]*)","([0-9.]+)"', said, re.M)
        assert len(results) >= len(tests) and all(float(rate) > 0 for _, rate in results), said
        assert redis(port, "get", "counter:__rand_int__") == b"20000\n", said  # of the INCRs none was lost


def subscribers_hear_each_message():
    with served() as (port, folder):
        command = [find("redis-cli"), "-h", "127.0.0.1", "-p", str(port), "subscribe", "news"]
        listening = {"env": environment(folder), "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, **listening) as one, subprocess.Popen(command, **listening) as two:
            try:
                for subscriber in (one, two):
                    assert [subscriber.stdout.readline() for _ in range(3)] == ["subscribe\n", "news\n", "1\n"]
                for i in range(10):  # the next is sent when both have heard this one
                    assert redis(port, "publish", "news", f"message {i}") == b"2\n"
                    for subscriber in (one, two):
                        heard = [subscriber.stdout.readline() for _ in range(3)]
                        assert heard == ["message\n", "news\n", f"message {i}\n"], heard
            finally:
                for subscriber in (one, two):
                    subscriber.terminate()
                    subscriber.wait(PATIENCE)


need("redis-server", "redis-cli", "redis-benchmark")
run(values_are_kept, a_flood_of_commands_is_answered, fifty_clients_have_no_error, subscribers_hear_each_message)
