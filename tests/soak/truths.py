"""What must be so whatever happens: the API answers, the loop turns, nobody logs an error; and when all is quiet, every gauge is
equal to what there is, and neither memory nor descriptors have grown."""

import asyncio
import contextlib
import os
import re
import time

from harness import SANITIZED, wait_until
from soak_tunnels import HTTP, RAW, WEBSOCKET

PROBE_INTERVAL_S = 0.25
QUIET_MAX_S = 90.0  # beyond all timeouts, whatever the load
ANSWER_MAX_S = LAG_MAX_S = 5.0  # so long is no slow machine: something hangs
EXCUSED_MAX = 3  # in a run: a machine that is too busy more often than that judges nothing
STARVED_S = 0.3  # a thread that was ready so long and got no processor: what is late then is the machine's fault
MEMORY_GROWTH_MAX = 32 << 20  # bytes over what it was at the first quiet point; sanitizers keep what was freed
DRIVER_DESCRIPTORS = 8  # by itself, its standard output opened anew among them
KEPT_MAX = {HTTP: 64, WEBSOCKET: 64, RAW: 0}  # connections to its service without a visitor
SAMPLE = re.compile(rb"^(hoody_tunnel_[a-z_]+)(\{[^}]*\})? ([0-9.e+-]+)$", re.MULTILINE)
API_PATHS = ("/health", "/metrics", "/tunnels", "/metrics", "/sessions", "/metrics", "/bindings")
ALWAYS_ZERO = (
    "mailbox_refused_total",
    "mailbox_lost_total",
    "connections_shed_total",
    "stalled_resets_total",
)
ZERO_WHEN_QUIET = ("streams_active", "sessions_orphaned", "parked_bindings", "buffered_bytes", "stalled_buffer_bytes")
ERROR_LINE = re.compile(r"^\S+ error .*$", re.MULTILINE)


def sums(text):
    """Each family's series added up, without the prefix; histograms by their parts."""
    totals = {}
    for name, _, value in SAMPLE.findall(text):
        short = name.decode().removeprefix("hoody_tunnel_")
        totals[short] = totals.get(short, 0.0) + float(value)
    return totals


def worst(text, name):
    values = [float(value) for family, _, value in SAMPLE.findall(text) if family == b"hoody_tunnel_" + name]
    return max(values, default=0.0)


class Hunger:
    """How long threads of the daemon stood ready and got no processor."""

    def __init__(self):
        self.waited = {}  # thread: nanoseconds in all

    def since_last(self, pid):
        """Seconds of the thread that waited most since this was asked last."""
        now = {}
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended, or one of them has: then the next time tells
            for thread in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as figures:
                    now[thread] = int(figures.read().split()[1])
        most = max((waited - self.waited.get(thread, 0) for thread, waited in now.items()), default=0)
        self.waited = now
        return most / 1e9


class Watch:
    """Asks the API all the time."""

    def __init__(self, soak):
        self.soak = soak
        self.answers_s = []
        self.lags_s = []
        self.hunger = Hunger()
        self.excused = 0  # so often was what it said bad, and it had got no processor
        self.starved_since_metrics = False

    async def run(self):
        for path in self.paths():
            await asyncio.sleep(PROBE_INTERVAL_S)
            async with self.soak.daemon_changing:  # it is there, and not stopped
                try:
                    took, status, text = await asyncio.to_thread(self.ask, path)
                except Exception as failure:  # pylint: disable=broad-except
                    self.soak.fail(f"the API does not answer {path}: {failure!r}")
                    return
                is_starved = self.hunger.since_last(self.soak.daemon.pid) > STARVED_S
            self.answers_s.append(took)
            self.starved_since_metrics |= is_starved
            if status != 200 or took > ANSWER_MAX_S:
                self.judge(is_starved, f"{path} was answered {status} after {took:.3f} s")
            if path == "/metrics" and status == 200:
                self.check_metrics(text)
                self.starved_since_metrics = False

    def ask(self, path):
        began = time.monotonic()
        status, _, text = self.soak.daemon.get(path)
        return time.monotonic() - began, status, text

    @staticmethod
    def paths():
        while True:
            yield from API_PATHS

    def judge(self, is_starved, bad):
        if not is_starved or self.excused == EXCUSED_MAX:
            self.soak.fail(bad)
        self.excused += is_starved

    def check_metrics(self, text):
        lag = worst(text, b"event_loop_lag_seconds")
        totals = sums(text)
        self.lags_s.append(lag)
        if lag > LAG_MAX_S:
            self.judge(self.starved_since_metrics, f"the event loop lags {lag} s")
        if totals["scrape_reports_missing"]:
            self.judge(self.starved_since_metrics, "an actor did not report")
        for name in ALWAYS_ZERO:
            if totals.get(name):
                self.soak.fail(f"{name} is {totals[name]}")
        if totals.get("protocol_errors_total", 0) > self.soak.sins:
            self.soak.fail(f"{totals['protocol_errors_total']} protocol errors of {self.soak.sins} sinners")


class Baseline:
    """A daemon that has just started: what it has by itself."""

    def __init__(self, daemon):
        for path in API_PATHS:
            daemon.get(path)
        daemon.request("DELETE", "/sessions/nobody")  # its actors make their ways to each other when they first need them
        self.permits = daemon.get_json("/tunnels")["fdPermitsAvailable"]
        wait_until(lambda: daemon.open_sockets() == 1, "only its listener is left")
        self.descriptors = daemon.open_fds()


def expect_quiet(soak, daemon):
    """Everybody is gone but the tunnels, and they are well. Returns (resident bytes, descriptors)."""
    connections = sum(tunnel.connections for tunnel in soak.tunnels)
    ports = len(soak.tunnels)

    def what_differs():
        descriptors = daemon.open_fds()  # before we ask: our own connection would be among them
        tunnels, metrics = daemon.get_json("/tunnels"), sums(daemon.get("/metrics")[2])
        is_there = {
            "sessions": len(tunnels["sessions"]),
            "orphans": tunnels["orphanedSessions"],
            "streams": tunnels["totalStreams"],
            "bindings": tunnels["totalBindings"],
            "permits": tunnels["fdPermitsAvailable"],
            "bindings listed": daemon.get_json("/bindings")["total"],
            "sessions_active": metrics["sessions_active"],
            "bindings_active": metrics["bindings_active"],
            "secondary_connections": metrics["secondary_connections"],
            "fd_permits_available": metrics["fd_permits_available"],
            "descriptors": descriptors,
            **{name: metrics.get(name, 0) for name in ZERO_WHEN_QUIET},
            **{f"{tunnel.name}'s descriptors too many": excess_descriptors(tunnel) for tunnel in soak.tunnels},
        }
        permits = soak.baseline.permits - connections - ports
        should_be = {
            "sessions": ports,
            "bindings": ports,
            "permits": permits,
            "bindings listed": ports,
            "sessions_active": ports,
            "bindings_active": ports,
            "secondary_connections": connections - ports,
            "fd_permits_available": permits,
            "descriptors": soak.baseline.descriptors + connections + ports,
        }
        return {name: (is_now, should_be.get(name, 0)) for name, is_now in is_there.items() if is_now != should_be.get(name, 0)}

    differences = {}

    def is_quiet():
        nonlocal differences
        try:
            differences = what_differs()
        except (AssertionError, KeyError, OSError) as failure:  # an answer that is none: as different as can be
            differences = repr(failure)
        return not differences

    deadline = time.monotonic() + QUIET_MAX_S
    while not is_quiet():
        if time.monotonic() > deadline:
            raise AssertionError(f"it does not become quiet; is and should be: {differences}")
        time.sleep(0.1)
    return daemon.rss(), soak.baseline.descriptors + connections + ports


def excess_descriptors(tunnel):
    """What its driver has beyond its connections, and those to its service that are kept for the next visitor."""
    return max(0, tunnel.driver.open_fds() - DRIVER_DESCRIPTORS - tunnel.connections - KEPT_MAX[tunnel.kind])


def expect_modest_driver(soak, tunnel):
    pid, memory = tunnel.driver.pid, tunnel.driver.rss()
    if not tunnel.memory_at_first or tunnel.memory_at_first[0] != pid:
        tunnel.memory_at_first = pid, memory
    expect_no_growth(soak, f"{tunnel.name}'s driver", memory, tunnel.memory_at_first[1])


def expect_no_growth(soak, name, memory, baseline):
    if not SANITIZED and memory > baseline + MEMORY_GROWTH_MAX:
        soak.fail(f"{name} grew from {baseline >> 20} to {memory >> 20} MiB")


def expect_clean_log(soak, daemon):
    with contextlib.suppress(ValueError):  # its file is closed: it was looked at before
        daemon.check_sanitizers()
        text = daemon.stderr()
        for line in ERROR_LINE.findall(text):
            soak.fail(f"the daemon logs an error: {line}")
        if "broken invariant" in text:
            soak.fail(f"the daemon: {text[-2000:]}")
