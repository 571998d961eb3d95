"""The real binaries as processes. Their standard error is kept: a sanitizer's report, or an exit status that is not expected,
fails the test."""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import urllib.parse

from patience import PATIENCE, wait_until
from sockets import connect, free_port, receive_all
from visitor import parse_answer

BIN = os.environ.get("HOODY_BIN", os.path.join(os.path.dirname(__file__), "../../build/dev/bin"))
WRAPPER = shlex.split(os.environ.get("HOODY_WRAPPER", ""))  # what starts the programs, e.g. valgrind with its options
API = "/api/v1/tunnel"


class Process:
    """A program of ours with its standard error kept in a file; `prefix`: what it is started by, and becomes."""

    def __init__(self, name, arguments, stdout=subprocess.DEVNULL, environment=None, prefix=(), **popen):
        self.name = name
        self.stderr_file = tempfile.TemporaryFile()
        env = {k: v for k, v in os.environ.items() if not k.startswith("HOODY_TUNNEL_")}
        if "HOODY_TEST_SHARDS" in os.environ:  # a test that says nothing of shards runs with so many
            env["HOODY_TUNNEL_SHARDS"] = os.environ["HOODY_TEST_SHARDS"]
        if WRAPPER:  # it makes system calls of its own
            env["HOODY_TUNNEL_NO_SYSCALL_FILTER"] = "1"
        env.update(environment or {})
        popen.setdefault("stderr", self.stderr_file)
        self.process = subprocess.Popen(
            [*prefix, *WRAPPER, os.path.join(BIN, name), *arguments], stdin=subprocess.DEVNULL, stdout=stdout, env=env, **popen
        )

    @property
    def pid(self):
        return self.process.pid

    def stderr(self):
        fd = self.stderr_file.fileno()  # its offset is the process's too: to seek would move what it writes
        return os.pread(fd, os.fstat(fd).st_size, 0).decode("utf-8", "replace")

    def check_sanitizers(self):
        text = self.stderr()
        for mark in ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:", "WARNING: ThreadSanitizer"):
            assert mark not in text, f"{self.name}: {text[-8000:]}"

    def wait(self):
        return self.process.wait(timeout=PATIENCE)

    def stop(self, sig=signal.SIGTERM, expect=0):
        if self.process.poll() is None:
            self.process.send_signal(sig)
        try:
            status = self.wait()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.name} does not end: {self.stderr()[-4000:]}")
        self.check_sanitizers()
        assert status == expect, f"{self.name} ended with {status}: {self.stderr()[-4000:]}"

    def _memory(self, field):
        with open(f"/proc/{self.pid}/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) * 1024
        raise AssertionError(f"no {field}")

    def rss(self):
        """Resident bytes now."""
        return self._memory("VmRSS")

    def peak_rss(self):
        return self._memory("VmHWM")

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def open_fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def open_sockets(self):
        """How many of its descriptors are sockets; quick, however many the machine has."""
        count = 0
        for fd in os.listdir(f"/proc/{self.pid}/fd"):
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                count += os.readlink(f"/proc/{self.pid}/fd/{fd}").startswith("socket:")
        return count

    def _tcp_table(self):
        """The lines of the kernel's table that are its TCP sockets, as fields."""
        inodes = set()
        for fd in os.listdir(f"/proc/{self.pid}/fd"):
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                inodes.add(os.readlink(f"/proc/{self.pid}/fd/{fd}"))
        for family in ("tcp", "tcp6"):
            with open(f"/proc/{self.pid}/net/{family}", encoding="ascii") as table:
                lines = list(table)[1:]
            yield from (fields for fields in map(str.split, lines) if f"socket:[{fields[9]}]" in inodes)

    def tcp_sockets(self):
        """Its TCP sockets as the kernel lists them: [(local port, is it a listener)]."""
        return [(int(fields[1].rsplit(":", 1)[1], 16), fields[3] == "0A") for fields in self._tcp_table()]

    def tcp_states(self):
        """Of its TCP sockets, as the kernel numbers them (tcp_states.h)."""
        return [int(fields[3], 16) for fields in self._tcp_table()]

    def unread_bytes(self):
        """What waits in its TCP sockets to be read."""
        return sum(int(fields[4].split(":")[1], 16) for fields in self._tcp_table() if fields[3] != "0A")


class Daemon(Process):
    """hoody-tunneld on a port of its own, or the one given; a context manager that expects a clean end."""

    def __init__(self, *flags, environment=None, listen="127.0.0.1", port=0, tls=None, **popen):
        self.port = port or free_port()
        self.tls = tls  # a client's context, when the base port speaks TLS
        if os.geteuid() != 0:
            flags += ("--core-dumps",)  # otherwise only root may count the descriptors of its own daemon
        super().__init__("hoody-tunneld", ["--listen", f"{listen}:{self.port}", *flags], environment=environment, **popen)

    def __enter__(self):
        wait_until(self.is_up, "the daemon answers")
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.stop()
        else:
            self.process.kill()
            self.process.wait()
            sys.stderr.write(f"--- {self.name}\n{self.stderr()[-8000:]}\n")

    def is_up(self):
        assert self.process.poll() is None, f"the daemon ended: {self.stderr()}"
        try:
            return self.get("/health")[0] == 200
        except OSError:
            return False

    def dial(self):
        """A connection to the base port."""
        sock = connect(self.port)
        return self.tls.wrap_socket(sock, server_hostname="localhost") if self.tls else sock

    def request(self, method, path, headers=None):
        """An API call; returns (status, headers, body)."""
        head = f"{method} {API}{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        for name, value in (headers or {}).items():
            head += f"{name}: {value}\r\n"
        with self.dial() as sock:
            sock.sendall((head + "\r\n").encode())
            return parse_answer(receive_all(sock), method)

    def get(self, path):
        return self.request("GET", path)

    def get_json(self, path):
        status, _, body = self.get(path)
        assert status == 200, (status, body)
        return json.loads(body)

    def metric(self, series):
        """The value of one series, e.g. 'hoody_tunnel_sessions_active'; 0 when it is not there."""
        for line in self.get("/metrics")[2].decode().splitlines():
            if line.startswith(series + " "):
                return float(line.rsplit(" ", 1)[1])
        return 0.0


class Expose(Process):
    """The native driver publishing a local port. `daemon` is one, or whatever leads to one and has a port, at `host`."""

    command = "expose"

    def __init__(self, daemon, target, *flags, port=0, environment=None, scheme="ws", host="127.0.0.1", **popen):
        arguments = [self.command, str(target), "--url", f"{scheme}://{host}:{daemon.port}", *flags]
        if port:
            arguments += ["--port", str(port)]
        super().__init__("hoody-tunnel", arguments, stdout=subprocess.PIPE, environment=environment, **popen)

    def __enter__(self):
        line = self.process.stdout.readline().decode().strip()
        assert line, f"the driver ended: {self.stderr()}"
        self.url = line
        self.port = urllib.parse.urlparse(line).port
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.stop()
        else:
            self.process.kill()
            self.process.wait()
            sys.stderr.write(f"--- {self.name}\n{self.stderr()[-8000:]}\n")
        self.process.stdout.close()


class Pull(Expose):
    """The native driver leading a port of the container to a local one."""

    command = "pull"
