"""OpenSSH behind a pull: commands and their exit status, files both ways, a half-closed standard input, a forwarded port, and
a client that is killed."""

import contextlib
import getpass
import os
import subprocess

from harness import PATIENCE, Daemon, Pull, Visitor, free_port, http_origin, pattern, run, wait_until
from services.programs import Server, accepts, client, environment, find, need, server_folder

# It lets in whoever runs the test, and nobody else.
CONFIGURATION = """
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
Subsystem sftp internal-sftp
LogLevel VERBOSE
"""
OPTIONS = {
    "User": getpass.getuser(),
    "HostKeyAlias": "service",
    "StrictHostKeyChecking": "yes",
    "IdentitiesOnly": "yes",
    "BatchMode": "yes",
    "ControlPath": "none",
}
PRIVILEGE_SEPARATION = "/run/sshd"  # root's sshd wants it; the package's service makes it at its start
LARGE = pattern(20 << 20, 6)


@contextlib.contextmanager
def separation_folder():
    made = os.geteuid() == 0 and not os.path.isdir(PRIVILEGE_SEPARATION)
    if made:
        os.mkdir(PRIVILEGE_SEPARATION, 0o755)
    try:
        yield
    finally:
        if made:
            os.rmdir(PRIVILEGE_SEPARATION)


@contextlib.contextmanager
def served():
    """Yields (port through the tunnel, a folder, the options of ssh and scp)."""
    with server_folder() as folder, separation_folder():
        for name in ("host_key", "user_key"):
            client("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", f"{folder}/{name}")
        with open(f"{folder}/sshd_config", "w", encoding="ascii") as out:
            out.write(CONFIGURATION.format(folder=folder, user=OPTIONS["User"]))
        with open(f"{folder}/host_key.pub", encoding="ascii") as key, open(f"{folder}/known_hosts", "w", encoding="ascii") as out:
            out.write(f"service {key.read()}")
        options = ["-F", "none", "-i", f"{folder}/user_key", "-o", f"UserKnownHostsFile={folder}/known_hosts"]
        options += [part for name, value in OPTIONS.items() for part in ("-o", f"{name}={value}")]
        service = Server(folder, "sshd", "-D", "-e", "-f", "{folder}/sshd_config", "-p", "{port}", as_self=True)
        with service, Daemon() as daemon, Pull(daemon, service.port) as driver:
            yield driver.port, folder, options


def commands_are_run_and_their_status_passed_on():
    with served() as (port, _, options):

        def ssh(*command, **how):
            return client("ssh", "-p", port, *options, "127.0.0.1", *command, **how)

        assert ssh("echo", "hello") == b"hello\n"
        assert ssh("exit 42", status=42) == b""
        assert ssh("head -c 20000000 /dev/zero | wc -c") == b"20000000\n"
        assert len(ssh("head -c 20000000 /dev/zero")) == 20_000_000
        assert ssh("cat", stdin=b"q") == b"q"  # its end reaches cat
        assert ssh("cat", stdin=LARGE) == LARGE
        assert ssh("sha256sum", stdin=b"") == b"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  -\n"


def files_are_copied_both_ways():
    with served() as (port, folder, options):
        with open(f"{folder}/here", "wb") as file:
            file.write(LARGE)
        for how in ((), ("-O",)):  # by SFTP, and by the old protocol
            client("scp", "-q", *how, "-P", port, *options, f"{folder}/here", f"127.0.0.1:{folder}/there")
            client("scp", "-q", *how, "-P", port, *options, f"127.0.0.1:{folder}/there", f"{folder}/back")
            for name in ("there", "back"):
                with open(f"{folder}/{name}", "rb") as file:
                    assert file.read() == LARGE, (how, name)
                os.unlink(f"{folder}/{name}")


def a_port_is_forwarded():
    with served() as (port, folder, options), http_origin(lambda *_: (200, [], b"from behind")) as origin:
        near, far = free_port(), free_port()
        target = f"127.0.0.1:{origin.port}"
        forward = ["-N", "-o", "ExitOnForwardFailure=yes", "-L", f"{near}:{target}", "-R", f"{far}:{target}"]
        command = [find("ssh"), "-p", str(port), *options, *forward, "127.0.0.1"]
        with subprocess.Popen(command, env=environment(folder), stdin=subprocess.DEVNULL) as tunnel:
            try:
                for forwarded in (near, far):
                    wait_until(lambda: accepts(forwarded), "the port is forwarded")
                    with Visitor(forwarded) as visitor:
                        visitor.ask()
                        assert visitor.receive_answer()[2] == b"from behind"
            finally:
                tunnel.terminate()
                tunnel.wait(PATIENCE)


def a_killed_client_ends_its_command():
    with served() as (port, folder, options):
        command = [find("ssh"), "-p", str(port), *options, "127.0.0.1", "echo $$; exec cat"]
        how = {"env": environment(folder), "stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, **how) as session:
            cat = int(session.stdout.readline())
            assert os.path.exists(f"/proc/{cat}")
            session.kill()
            wait_until(lambda: not os.path.exists(f"/proc/{cat}"), "its command is gone")


need("sshd", "ssh", "scp", "ssh-keygen")
run(
    commands_are_run_and_their_status_passed_on,
    files_are_copied_both_ways,
    a_port_is_forwarded,
    a_killed_client_ends_its_command,
)
