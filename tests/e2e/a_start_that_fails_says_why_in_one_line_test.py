"""A port that is taken: exit status 1; a bad flag or variable: 2; each with one clear line (protocol section 9)."""

import os
import resource
import socket

from harness import Process, run


def fails(arguments, status, *words, environment=None, **popen):
    daemon = Process("hoody-tunneld", list(arguments), environment=environment, **popen)
    got, text = daemon.wait(), daemon.stderr()
    daemon.check_sanitizers()
    assert got == status, (arguments, got, text)
    lines = [line for line in text.splitlines() if line]
    assert len(lines) == 1, (arguments, text)
    for word in words:
        assert word in lines[0], (arguments, word, text)


def a_port_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        fails(["--listen", f"127.0.0.1:{port}"], 1, str(port), "in use")


def a_right_that_is_missing():
    """Port 81 is not for everybody. Only root can become somebody else to try it."""
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as first:
        if os.geteuid() == 0 and int(first.read()) > 81:
            nobody = {"user": 65534, "group": 65534, "extra_groups": []}
            try:
                fails(["--listen", "127.0.0.1:81"], 1, "127.0.0.1:81", "ermission denied", **nobody)
            except PermissionError:
                print("nobody may not run a program of this folder")


def an_address_that_is_not_here():
    fails(["--listen", "198.51.100.7:7080"], 1, "198.51.100.7")


def too_few_descriptors():
    fails([], 1, "RLIMIT_NOFILE", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (63, 63)))


BAD = [
    (["--nonsense"], "--nonsense"),
    (["stray"], "stray"),
    (["--listen"], "--listen"),
    (["--listen", "localhost:80"], "--listen"),
    (["--listen", "127.0.0.1:0"], "--listen"),
    (["--listen=127.0.0.1:65536"], "--listen"),
    (["--trusted-source", "10.0.0.0/33"], "--trusted-source"),
    (["--trusted-source", "example.org"], "--trusted-source"),
    (["--max-sessions", "0"], "--max-sessions"),
    (["--max-sessions", "many"], "--max-sessions"),
    (["--max-sessions", "-1"], "--max-sessions"),
    (["--max-sessions", "1 "], "--max-sessions"),
    (["--max-sessions", "99999999999999999999"], "--max-sessions"),
    (["--stream-window", "65537"], "--stream-window"),
    (["--stream-window", "0"], "--stream-window"),
    (["--session-window", "16MB"], "--session-window"),
    (["--hello-timeout", "0"], "--hello-timeout"),
    (["--hello-timeout", "5 s"], "--hello-timeout"),
    (["--hello-timeout", ""], "--hello-timeout"),
    (["--allow-privileged-expose=yes"], "--allow-privileged-expose"),
    (["--log-level", "loud"], "--log-level"),
    (["--expose-address", "everywhere"], "--expose-address"),
]


def bad_flags():
    for arguments, word in BAD:
        fails(arguments, 2, word)


def bad_variables():
    fails([], 2, "HOODY_TUNNEL_MAX_SESSIONS", environment={"HOODY_TUNNEL_MAX_SESSIONS": "none"})
    fails([], 2, "HOODY_TUNNEL_LISTEN", environment={"HOODY_TUNNEL_LISTEN": "nowhere"})
    fails([], 2, "HOODY_TUNNEL_NO_FORWARDED_HEADERS", environment={"HOODY_TUNNEL_NO_FORWARDED_HEADERS": "yes"})


run(
    a_port_that_is_taken,
    a_right_that_is_missing,
    an_address_that_is_not_here,
    too_few_descriptors,
    bad_flags,
    bad_variables,
)
