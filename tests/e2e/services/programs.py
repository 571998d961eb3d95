"""Programs that others wrote, as Debian packages them: servers in folders and on loopback ports of their own, and their clients.

Servers run unprivileged: as nobody when the test is root, which several of them refuse to be."""

import contextlib
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile

from harness import PATIENCE, SANITIZED, connect, free_port, skip, wait_until

LONG = 5 * PATIENCE  # until a client that moves many bytes is given up
PACKAGES = {  # program: package
    "apache2": "apache2-bin",
    "chromium": "chromium",
    "curl": "curl",
    "git": "git",
    "git-http-backend": "git",
    "haproxy": "haproxy",
    "initdb": "postgresql",
    "iperf3": "iperf3",
    "nc.openbsd": "netcat-openbsd",
    "nginx": "nginx",
    "node": "nodejs",
    "pgbench": "postgresql",
    "postgres": "postgresql",
    "psql": "postgresql",
    "redis-benchmark": "redis-server",
    "redis-cli": "redis-server",
    "redis-server": "redis-server",
    "scp": "openssh-client",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "sshd": "openssh-server",
    "wrk": "wrk",
}
FOLDERS = [*os.get_exec_path(), "/usr/sbin", "/usr/lib/git-core", *sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)]
SETPRIV = ["setpriv", "--pdeathsig", "TERM"]  # a test that is killed leaves none behind
NOBODY = ["--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]


def find(program):
    return shutil.which(program, path=os.pathsep.join(FOLDERS))


def is_installed(package):
    """As Debian knows it."""
    if not shutil.which("dpkg-query"):
        return False
    asked = subprocess.run(["dpkg-query", "-W", "-f=${db:Status-Status}", package], capture_output=True, text=True, check=False)
    return asked.stdout == "installed"


def need(*programs):
    """Skips the test where a package is not installed, and under sanitizers; a package without its program is an error."""
    if SANITIZED:
        skip("real services are for the programs as released")
    for program in programs:
        package = PACKAGES[program]
        if not find(program):
            assert not is_installed(package), f"{package} is installed, and there is no {program}"
            skip(f"there is no {program} here (Debian: {package})")


def own(path):
    """Gives a file or folder to the user that the servers run as."""
    if os.geteuid() == 0:
        shutil.chown(path, "nobody", "nogroup")
    return path


@contextlib.contextmanager
def server_folder():
    """A folder that servers may write to and everyone may read."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield own(folder)


def environment(folder):
    """Nothing of the user's own settings, no proxies."""
    return {"PATH": os.pathsep.join(FOLDERS), "HOME": folder, "TMPDIR": folder, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def as_server(command):
    """The command with its program's path, run as the servers' user."""
    return [*SETPRIV, *(NOBODY if os.geteuid() == 0 else []), "--", find(command[0]), *command[1:]]


def accepts(port):
    try:
        connect(port).close()
        return True
    except OSError:
        return False


class Server:
    """A server in the foreground; a context manager that expects it to accept on its port, and to end when it's told.

    Its arguments may name {folder} and {port}. What it says is kept in `folder`/NAME.said."""

    def __init__(self, folder, *command, until=None, stop=signal.SIGTERM, as_self=False):
        self.folder = folder
        self.name = command[0]
        self.port = free_port()
        self.command = [argument.format(folder=folder, port=self.port) for argument in command]
        self.until = until or (lambda: accepts(self.port))
        self.stop_signal = stop
        self.as_self = as_self

    def __enter__(self):
        command = [*SETPRIV, "--", find(self.name), *self.command[1:]] if self.as_self else as_server(self.command)
        with open(f"{self.folder}/{self.name}.said", "wb") as said:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                command,
                cwd=self.folder,
                env=environment(self.folder),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                process_group=0,  # and no session: the kernel would schedule it as one, aside from those it is compared with
            )
        try:
            wait_until(self.is_up, f"{self.name} is up")
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            sys.stderr.write(f"--- {self.name}\n{self.said()[-4000:]}\n")
        self.end()

    def end(self):
        pid = self.process.pid
        os.kill(pid, self.stop_signal)  # a zombie too, until it is waited for below
        try:
            wait_until(lambda: os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG), f"{self.name} ends")
        finally:
            os.killpg(pid, signal.SIGKILL)  # and whatever it has started itself
            self.process.wait()

    def said(self):
        with open(f"{self.folder}/{self.name}.said", encoding="utf-8", errors="replace") as said:
            return said.read()

    def is_up(self):
        ended = os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        assert not ended, f"{self.name} ended: {self.said()}"
        return self.until()


def client(*command, status=0, stdin=None, env=None, cwd=None, timeout=LONG):
    """A client's whole run with that exit status: its standard output. `stdin`: bytes, or a file."""
    how = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin or subprocess.DEVNULL}
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [find(command[0]), *map(str, command[1:])],
            env={**environment(home), **(env or {})},
            cwd=cwd,
            capture_output=True,
            timeout=timeout,
            check=False,
            **how,
        )
    assert done.returncode == status, (command, done.returncode, done.stdout[-2000:], done.stderr[-4000:])
    return done.stdout
