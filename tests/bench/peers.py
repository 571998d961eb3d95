"""What is compared: each peer leads a port of its own to a service, with processes of its own, started anew for each run."""

import contextlib
import dataclasses
import getpass
import os
import resource
import subprocess

from certificates import Certificate
from links import no_link
from patience import wait_until
from processes import Daemon, Expose, Pull
from services.programs import SETPRIV, Server, accepts, client, environment, find, own, server_folder
from sockets import free_port

HTTP, TCP = "http", "tcp"  # what a peer is told that it carries


@dataclasses.dataclass
class Way:
    """A way to the service: where visitors connect, and whose processes carry them ({name: pid}, their children included)."""

    port: int
    processes: dict
    most_streams: int = 1000  # what is worth trying to hold open at once
    second_port: int = 0  # of another session's way to the same service; 0: there is none


@contextlib.contextmanager
def direct(_kind, target, link=no_link):
    with link(target) as port:
        yield Way(port, {}, most_streams=10_000)


HAPROXY = """
global
    nbthread 1
    maxconn {maxconn}
defaults
    mode {kind}
    maxconn {maxconn}
    timeout connect 10s
    timeout client 300s
    timeout server 300s
    {reuse}
listen hop
    bind 127.0.0.1:{port} backlog 4096
    server next 127.0.0.1:{target}
"""


@contextlib.contextmanager
def haproxy_hop(name, kind, target):
    with server_folder() as folder:
        hop = Server(folder, "haproxy", "-db", "-f", "{folder}/haproxy.cfg")
        with open(f"{folder}/haproxy.cfg", "w", encoding="ascii") as out:
            reuse = "http-reuse always" if kind == HTTP else ""
            maxconn = min(16000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2 - 100)
            out.write(HAPROXY.format(kind=kind, port=hop.port, target=target, reuse=reuse, maxconn=maxconn))
        own(out.name)
        with hop:
            yield Way(hop.port, {name: hop.process.pid})


@contextlib.contextmanager
def haproxy2(kind, target, link=no_link):
    """Two plain HAProxy in a row, a thread each: what a daemon and a driver cost by being two processes."""
    with haproxy_hop("inner", kind, target) as inner, link(inner.port) as port, haproxy_hop("outer", kind, port) as outer:
        yield Way(outer.port, {**outer.processes, **inner.processes})


SSHD = """
ListenAddress 127.0.0.1
PidFile none
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
AllowUsers {user}
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
"""
SSH = ("StrictHostKeyChecking=yes", "HostKeyAlias=service", "IdentitiesOnly=yes", "BatchMode=yes", "ExitOnForwardFailure=yes")


@contextlib.contextmanager
def separation_folder():
    """Root's sshd wants it; the package's service makes it at its start."""
    made = os.geteuid() == 0 and not os.path.isdir("/run/sshd")
    if made:
        os.mkdir("/run/sshd", 0o755)
    try:
        yield
    finally:
        if made:
            os.rmdir("/run/sshd")


@contextlib.contextmanager
def running(folder, *command):
    """A client of a server, for as long as this lasts."""
    what = [*SETPRIV, "--", find(command[0]), *command[1:]]
    with open(f"{folder}/client.said", "wb") as said, subprocess.Popen(
        what, env=environment(folder), stdin=subprocess.DEVNULL, stdout=said, stderr=said
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


@contextlib.contextmanager
def openssh(_kind, target, link=no_link):
    """ssh -R to an sshd of our own: encrypted, one connection, both sides with one thread."""
    with server_folder() as folder, separation_folder():
        for name in ("host_key", "user_key"):
            client("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", f"{folder}/{name}")
        with open(f"{folder}/sshd_config", "w", encoding="ascii") as out:
            out.write(SSHD.format(folder=folder, user=getpass.getuser()))
        with open(f"{folder}/host_key.pub", encoding="ascii") as key, open(f"{folder}/known_hosts", "w", encoding="ascii") as out:
            out.write(f"service {key.read()}")
        server = Server(folder, "sshd", "-D", "-e", "-f", "{folder}/sshd_config", "-p", "{port}", as_self=True)
        far = free_port()
        options = ["-F", "none", "-i", f"{folder}/user_key", "-o", f"UserKnownHostsFile={folder}/known_hosts"]
        options += [part for option in SSH for part in ("-o", option)]
        forward = ["-N", "-R", f"127.0.0.1:{far}:127.0.0.1:{target}"]
        with server, link(server.port) as port:
            with running(folder, "ssh", "-p", str(port), *options, *forward, "127.0.0.1") as driver:
                wait_until(lambda: accepts(far), "ssh has forwarded its port")
                yield Way(far, {"sshd": server.process.pid, "ssh": driver.pid})


MANY = ("--max-streams", "16000")


@dataclasses.dataclass
class Dialled:
    """A daemon as its driver reaches it."""

    port: int


def hoody_way(daemon, driver):
    return Way(driver.port, {"daemon": daemon.pid, "driver": driver.pid}, most_streams=10_000)


@contextlib.contextmanager
def hoody(kind, target, link=no_link):
    """The release build, one session over one WebSocket."""
    driver_of = Expose if kind == HTTP else Pull
    with Daemon(*MANY) as daemon, link(daemon.port) as port, driver_of(Dialled(port), target) as driver:
        yield hoody_way(daemon, driver)


@contextlib.contextmanager
def hoody_tls(kind, target, link=no_link):
    """The same, with a base port that speaks TLS."""
    driver_of = Expose if kind == HTTP else Pull
    with server_folder() as folder:
        certificate = Certificate(folder)
        with Daemon(*MANY, *certificate.flags, tls=certificate.context()) as daemon, link(daemon.port) as port:
            with driver_of(Dialled(port), target, "--cacert", certificate.certificate, scheme="wss") as driver:
                yield hoody_way(daemon, driver)


def two_sessions(shards):
    """Two drivers' sessions with one daemon, on so many shards of it."""

    @contextlib.contextmanager
    def peer(_kind, target, _link=no_link):
        with Daemon(*MANY, "--shards", str(shards)) as daemon, Expose(daemon, target) as one, Expose(daemon, target) as other:
            yield Way(one.port, {"daemon": daemon.pid, "drivers": one.pid, "and": other.pid}, second_port=other.port)

    return peer


ON_SHARDS = {"one-shard": two_sessions(1), "two-shards": two_sessions(2)}
ALWAYS = {"direct": direct, "haproxy2": haproxy2, "openssh": openssh, "hoody": hoody, "hoody-tls": hoody_tls}
