"""A service that is not there, on a port that the kernel also gives to those who connect: once in so many tries the driver's
connection to it is given that very port, and is then connected with itself (RFC 9293 section 3.5, simultaneous open). A visitor must
not get its own words for an answer, nor the service find its port taken. Here the kernel has few ports to give. Takes root."""

import contextlib
import ctypes
import os
import shutil
import subprocess

import harness
from harness import Daemon, Pull, Visitor, run, skip

PORTS = range(40000, 40008)
TRIES = 40  # of which five meet it, more or less
CLONE_NEWNET = 0x40000000


def enter_a_network_of_our_own():
    if os.geteuid() != 0 or not shutil.which("ip"):
        skip("a network of our own takes root and iproute2")
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        skip(f"no network of our own: {os.strerror(ctypes.get_errno())}")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True, timeout=harness.PATIENCE)
    with open("/proc/sys/net/ipv4/ip_local_port_range", "w", encoding="ascii") as ports:
        ports.write(f"{PORTS[0]} {PORTS[-1]}")


def a_pull_that_leads_nowhere_gives_nothing():
    answers = []
    with Daemon() as daemon, Pull(daemon, PORTS[0]) as driver:
        for _ in range(TRIES):
            with contextlib.suppress(OSError), Visitor(driver.port) as visitor:
                visitor.send(b"hello?")
                answers.append(visitor.sock.recv(64))
    assert not any(answers), f"answered by {set(answers)}"


enter_a_network_of_our_own()
run(a_pull_that_leads_nowhere_gives_nothing)
