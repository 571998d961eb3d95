"""What the programs go through while one of their calls fails: a life of a daemon, of a driver, of an operator's command. Each step
may be lost; none may get what is wrong. Whatever failed, the daemon then serves a newcomer, and has everything back."""

import contextlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import threading
import time

from harness import (
    API,
    DATA,
    EOF,
    WINDOW,
    BIN,
    Closed,
    Daemon,
    Expose,
    Process,
    Pull,
    RawDriver,
    Visitor,
    abort,
    connect,
    http_origin,
    free_port,
    pattern,
    receive_exactly,
    receive_head,
    split_head,
)
from origin import Origin, read_request
from relay import Relay

STEP_S = 8.0  # a step that takes longer is lost
PATIENCE_S = 60.0  # for what must come sooner or later, whatever the load
CUT = "a clean end in the middle"
LOSSES = (OSError, EOFError, Closed)
START_S = 30.0  # a driver tries again, each time for as long as a dial may take
DAEMON_FLAGS = ("--takeover-grace", "200ms", "--drain-timeout", "1s", "--access-log", "--ping-interval", "100ms")
DRIVER_FLAGS = ("--ping-interval", "100ms", "--ping-timeout", "2s")
UP, DOWN = pattern(200_000, 1), pattern(300_000, 2)


class Lost(Exception):
    """A step was not served, in a way that visitors and drivers must live with."""


class Wrong(Exception):
    """A step was served what it must never be."""


class Life:
    """One run of a scenario. steps: {name: None, or how it was lost}."""

    def __init__(self, environment):
        self.environment = environment
        self.steps = {}
        self.wrong = []

    @contextlib.contextmanager
    def step(self, name):
        try:
            yield
            self.steps[name] = None
        except LOSSES + (Lost,) as lost:
            self.steps[name] = f"{type(lost).__name__} {lost}"
        except (Wrong, AssertionError) as wrong:
            self.steps[name] = str(wrong)
            self.wrong.append(f"{name}: {wrong}")

    @property
    def lost(self):
        return [name for name, how in self.steps.items() if how is not None]


# ---- the service behind


def serve(sock, _address):
    """/echo: the body again; /down: DOWN in chunks; /gone: a reset in the middle; an upgrade: bytes again."""
    reader = sock.makefile("rb")
    while request := read_request(reader):
        _, target, headers, body = request
        if "upgrade" in headers:
            sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
            while part := sock.recv(65536):
                sock.sendall(part)
            return
        if target == "/gone":
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
            abort(sock)
            return
        if target == "/down":
            sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for place in range(0, len(DOWN), 50_000):
                sock.sendall(b"%x\r\n%b\r\n" % (50_000, DOWN[place : place + 50_000]))
            sock.sendall(b"0\r\n\r\n")
            continue
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def serve_raw(sock, _address):
    sock.sendall(receive_exactly(sock, len(UP)))
    while sock.recv(65536):
        pass


# ---- steps


def dial(port, host="127.0.0.1"):
    return connect(port, timeout=STEP_S, host=host)


def answer_of(sock, expected):
    """The next answer on it must be this body, or none."""
    line, fields, _ = split_head(receive_head(sock))
    status = int(line.split(" ")[1])
    if status != 200:
        if status < 500:
            raise Wrong(f"it was answered {status}")
        raise Lost(str(status))
    headers = {name.lower(): value for name, value in fields}
    body, is_cut = b"", False
    try:
        if headers.get("transfer-encoding") == "chunked":
            while True:
                size = b""
                while not size.endswith(b"\r\n"):
                    size += receive_exactly(sock, 1)
                piece = receive_exactly(sock, int(size, 16) + 2)[:-2]
                if not piece:
                    break
                body += piece
        else:
            body = receive_exactly(sock, int(headers["content-length"]))
    except EOFError:
        is_cut = True
    if is_cut:
        raise Wrong(f"{CUT} of an answer, after {len(body)} bytes")
    if body != expected:
        raise Wrong(f"{len(body)} bytes came that are not the {len(expected)} that were sent")


def get(port, target="/echo"):
    with dial(port) as sock:
        sock.sendall(f"GET {target} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        answer_of(sock, DOWN if target == "/down" else b"")


def post(port, chunked):
    with dial(port) as sock:
        if chunked:
            sock.sendall(b"POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n")
            sock.sendall(b"%x\r\n%b\r\n0\r\n\r\n" % (len(UP), UP))
        else:
            sock.sendall(b"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n" % len(UP) + UP)
        answer_of(sock, UP)


def ask_twice(port):
    with dial(port) as sock:
        for _ in range(2):
            sock.sendall(b"GET /echo HTTP/1.1\r\nHost: test\r\n\r\n" * 2)
            answer_of(sock, b"")
            answer_of(sock, b"")


def upgrade(port):
    with dial(port) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        line, _, _ = split_head(receive_head(sock))
        if " 101 " not in line:
            raise Lost(line)
        sock.sendall(UP)
        if receive_exactly(sock, len(UP)) != UP:
            raise Wrong("an upgraded connection got other bytes")


def be_cut(port):
    with dial(port) as sock:
        sock.sendall(b"GET /gone HTTP/1.1\r\nHost: test\r\n\r\n")
        try:
            line, _, _ = split_head(receive_head(sock))
            if " 200 " in line and receive_exactly(sock, 1000):
                raise Wrong("half an answer is whole")
        except EOFError as end:
            raise Wrong(f"{CUT} of an answer") from end
        except ConnectionResetError:
            pass


def leave(port):
    sock = dial(port)
    sock.sendall(b"GET /down HTTP/1.1\r\nHost: test\r\n\r\n")
    sock.recv(1000)
    abort(sock)


def pull(port):
    with dial(port) as sock:
        sock.sendall(UP)
        came = receive_exactly(sock, len(UP))
        if came != UP:
            raise Wrong("a PULL got other bytes")
        sock.shutdown(socket.SHUT_WR)
        if sock.recv(1) != b"":
            raise Wrong("a PULL got more bytes")


def visit_all(life, prefix, port):
    for name, visit in (
        ("get", get),
        ("download", lambda port: get(port, "/down")),
        ("post", lambda port: post(port, False)),
        ("chunked post", lambda port: post(port, True)),
        ("keep-alive", ask_twice),
        ("upgrade", upgrade),
        ("reset by the service", be_cut),
        ("reset by the visitor", leave),
    ):
        with life.step(prefix + name):
            visit(port)


def ask_api(daemon, method, path, expected=200, timeout=STEP_S):
    with connect(daemon.port, timeout=timeout) as sock:
        sock.sendall(f"{method} {API}{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        line, fields, _ = split_head(receive_head(sock))
        status = int(line.split(" ")[1])
        if status >= 500:
            raise Lost(str(status))
        if status != expected:
            raise Wrong(f"{path} is answered {status}")
        body = receive_exactly(sock, int(dict((name.lower(), value) for name, value in fields)["content-length"]))
        if status == 200 and path not in ("/metrics",):
            json.loads(body)
        return body


def first_line(driver, seconds=STEP_S):
    ready = select.poll()
    ready.register(driver.process.stdout, select.POLLIN)
    line = driver.process.stdout.readline().decode().strip() if ready.poll(seconds * 1000) else ""
    if not line:
        raise Lost("the driver does not start")
    driver.port = int(line.rsplit(":", 1)[1].strip("/").split(" ")[0])
    return driver.port


def end(process):
    """By SIGTERM, at last by SIGKILL. Returns its exit status."""
    if process.process.poll() is None:
        process.process.terminate()
    try:
        return process.process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.process.kill()
        process.process.wait()
        return None


@contextlib.contextmanager
def driver_of(program, where, target, *flags, environment=None):
    driver = program(where, target, *DRIVER_FLAGS, *flags, environment=environment)
    try:
        yield driver
    finally:
        end(driver)
        driver.process.stdout.close()


# ---- a daemon's life


def own_descriptors(daemon):
    """Without the one that libsodium opens when getrandom fails."""
    count = 0
    for fd in os.listdir(f"/proc/{daemon.pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            count += os.readlink(f"/proc/{daemon.pid}/fd/{fd}") not in ("/dev/urandom", "/dev/random")
    return count


def settle(daemon):
    """What the daemon has when all are gone: (sessions, parked, bindings, streams, permits, descriptors)."""
    descriptors = own_descriptors(daemon)  # before we ask: our own connection would be among them
    tunnels = daemon.get_json("/tunnels")
    counts = len(tunnels["sessions"]), tunnels["orphanedSessions"], tunnels["totalBindings"], tunnels["totalStreams"]
    return (*counts, tunnels["fdPermitsAvailable"], descriptors)


def settled(daemon, expected):
    """As expected, sooner or later; None: it is. Fewer descriptors are no loss: what was never needed was never opened."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            now = settle(daemon)
        except (*LOSSES, AssertionError) as failure:
            now = failure
        is_empty = isinstance(now, tuple) and now[:4] == (0, 0, 0, 0)
        if is_empty and (now[4] == expected[4] and now[5] <= expected[5] if expected else daemon.open_sockets() == 1):
            return now, None
        if time.monotonic() > deadline:
            return now, f"is {now}, should be {expected}"
        time.sleep(0.02)


def has_failed(environment):
    """The call that is to fail has done so."""
    with contextlib.suppress(FileNotFoundError), open(environment["HOODY_FAULTS_RECORD"], encoding="ascii") as lines:
        return any(line.startswith("failed ") for line in lines)
    return False


def serve_a_newcomer(daemon, environment):
    """The call that fails may be one of his own: then, and only then, he may be lost, and another one is served."""
    had_failed = has_failed(environment)
    try:
        serve_one_newcomer(daemon)
    except LOSSES:
        if had_failed or not has_failed(environment):
            raise
        serve_one_newcomer(daemon)


def serve_one_newcomer(daemon):
    with RawDriver(daemon) as driver:
        port = driver.bind()["containerPort"]
        with Visitor(port) as visitor:
            visitor.ask(body=b"question", method="POST")
            stream, _ = driver.expect_stream(skipping=(WINDOW,))
            driver.expect(EOF, stream, skipping=(DATA, WINDOW))
            driver.answer(stream, b"answer", headers=[["content-length", "6"]])
            assert visitor.receive_answer()[2] == b"answer"


def is_up(daemon):
    deadline = time.monotonic() + PATIENCE_S
    while daemon.process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(*LOSSES, Lost, Wrong, ValueError):
            ask_api(daemon, "GET", "/health", timeout=2.0)
            return True
        time.sleep(0.01)
    return False


def daemon_life(environment, expected=None, flags=()):
    """Returns (life, daemon, verdict, what it had at the end): verdict None: it served a newcomer and has everything back."""
    life = Life(environment)
    daemon = Daemon(*DAEMON_FLAGS, *flags, environment=environment)
    if not is_up(daemon):
        return life, daemon, "ended" if daemon.process.poll() is not None else "it does not come up", None
    with Origin(serve) as origin, Origin(serve_raw) as raw_origin:
        with (
            driver_of(Expose, daemon, origin.port, "--connections", "2") as exposing,
            driver_of(Pull, daemon, raw_origin.port) as pulling,
        ):
            with life.step("expose"):
                visit_all(life, "", first_line(exposing))
            with life.step("pull"):
                pull(first_line(pulling))
                with dial(pulling.port) as sock:
                    sock.sendall(b"some")
                    abort(sock)
            for path in ("/health", "/tunnels", "/sessions", "/bindings", "/metrics", "/openapi.json"):
                with life.step(f"api {path}"):
                    ask_api(daemon, "GET", path)
            with life.step("api 404"):
                ask_api(daemon, "GET", "/nothing", 404)
            daemon.process.send_signal(signal.SIGHUP)
            with life.step("delete"), RawDriver(daemon) as closed:
                closed.bind(kind="tcp", mode="pull", host="127.0.0.3")
                ask_api(daemon, "DELETE", f"/sessions/{closed.hello_ok['sessionId']}?grace_ms=0", 202)
            with life.step("unbind and errors"), RawDriver(daemon) as raw:
                raw.ping()
                bound = raw.bind()
                raw.send(struct.pack(">BII", 7, 0, 20) + b'{"bindId":%10d}' % bound["bindId"])
                raw.send(struct.pack(">BII", 0x3F, 0, 0))
                raw.receive()
            with life.step("takeover"):
                port = getattr(exposing, "port", 0)
                with driver_of(Expose, daemon, origin.port, "--port", str(port), "--takeover") as heir:
                    get(first_line(heir))
                    heir.process.kill()
            with life.step("resume"):
                resume(daemon)
    verdict = None
    if daemon.process.poll() is None:
        try:
            serve_a_newcomer(daemon, environment)
        except (*LOSSES, AssertionError) as failure:
            verdict = f"it does not serve a newcomer: {failure!r}"
    had = None
    if verdict is None and daemon.process.poll() is None:
        had, verdict = settled(daemon, expected)
    terminated = False
    if daemon.process.poll() is None:
        with life.step("drain"), RawDriver(daemon) as driver, Visitor(driver.bind()["containerPort"]) as visitor:
            visitor.ask()
            stream, _ = driver.expect_stream()
            terminated = True
            daemon.process.terminate()
            driver.answer(stream, b"late", headers=[["content-length", "4"]])
            if visitor.receive_answer()[2] != b"late":
                raise Wrong("the last answer is another")
    if terminated:  # a second signal would not wait for the end
        with contextlib.suppress(subprocess.TimeoutExpired):
            daemon.process.wait(PATIENCE_S)
    return life, daemon, verdict, had


def resume(daemon):
    first = RawDriver(daemon, "hoody-tunnel.v2", capabilities=["multi-ws"], maxConnections=2)
    port = first.bind()["containerPort"]
    abort(first.sock)
    try:
        second = RawDriver(daemon, resume={"sessionId": first.hello_ok["sessionId"]})
    except AssertionError as refusal:
        raise Lost(f"too late: {refusal}") from refusal
    with second:
        if second.hello_ok["resumed"] and [bind["containerPort"] for bind in second.hello_ok["resumedBinds"]] != [port]:
            raise Wrong(f"resumed with {second.hello_ok}")


# ---- a driver's life


def driver_life(environment, program, expected=None):
    """A driver that serves, is cut off and comes back, and is ended. Returns (life, driver, verdict, descriptors at the end)."""
    life = Life(environment)
    handler, visit = (serve, get) if program is Expose else (serve_raw, pull)
    with Daemon("--takeover-grace", "5s") as daemon, Origin(handler) as origin, Relay(daemon) as relay:
        driver = program(relay, origin.port, *DRIVER_FLAGS, "--connections", "2", "--wait", environment=environment)
        verdict = had = None
        with life.step("start"):
            port = first_line(driver, START_S)
            if program is Expose:
                visit_all(life, "", port)
            else:
                with life.step("exchange"):
                    pull(port)
            relay.cut()
            with life.step("after the cut"):
                visit_patiently(driver, visit, port)
        if life.steps["start"]:
            with contextlib.suppress(subprocess.TimeoutExpired):
                driver.process.wait(2)  # its output ends before it does
        if driver.process.poll() is None and not life.steps["start"]:
            verdict, had = visit_and_count(driver, visit, port, expected)
        elif driver.process.poll() is None:
            verdict = "it neither starts nor ends"
        end(driver)
        driver.process.stdout.close()
        return life, driver, verdict, had


def visit_patiently(driver, visit, port):
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return visit(port)
        except (*LOSSES, Lost):
            if time.monotonic() > deadline or driver.process.poll() is not None:
                raise
            time.sleep(0.05)


def visit_and_count(driver, visit, port, expected):
    try:
        visit_patiently(driver, visit, port)
    except (*LOSSES, Lost) as failure:
        return (None if driver.process.poll() is not None else f"it does not serve any more: {failure!r}"), None
    deadline = time.monotonic() + PATIENCE_S
    while expected and driver.open_fds() > expected and time.monotonic() < deadline:
        time.sleep(0.02)
    had = driver.open_fds()
    return (f"has {had} descriptors, should have {expected}" if expected and had > expected else None), had


# ---- an operator's command


def command_life(environment, arguments, expected=None):
    """Returns (life, process, None, what it printed): it prints what it should, or says what is wrong."""
    life = Life(environment)
    with Daemon() as daemon, RawDriver(daemon) as driver:
        driver.bind()
        command, *flags = arguments
        process = Process(
            "hoody-tunnel",
            [command, "--url", f"ws://127.0.0.1:{daemon.port}", "--timeout", "5s", *flags],
            stdout=subprocess.PIPE,
            environment=environment,
        )
        try:
            out, _ = process.process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.process.kill()
            process.process.communicate()
            return life, process, "it hangs", None
        lines = out.decode().count("\n")
        if expected is not None and process.process.returncode == 0 and lines != expected:
            return life, process, f"it prints {lines} lines instead of {expected} and calls it a success", lines
        return life, process, None, lines
