"""What is measured: each measure sends one kind of load through a peer's way to one backend."""

import concurrent.futures
import dataclasses
import time
import typing

import backends
import cost
from links import MEGABITS, delayed, no_link
from load import Held, bench_load, wrk
from peers import HTTP, ON_SHARDS, TCP

UPLOAD_LENGTH = 64 << 20
IDLE = (100, 1000, 10_000)


@dataclasses.dataclass(frozen=True)
class Measure:
    """One of them. `run(way, seconds)` returns {value: number}, of which `headline` is the one to compare."""

    name: str
    title: str
    kind: str  # HTTP or TCP
    backend: str  # a port of Backends
    headline: str
    unit: str
    run: typing.Callable
    per: str = ""  # CPU time is told per this: "request" or "byte"; "": not at all
    link: typing.Callable = no_link  # between the peer's two halves
    at_least_seconds: int = 0
    also: tuple = ()  # further lines of the table: "p99", "alone", "cpu", "memory", "busiest"
    peers: dict | None = None  # of its own, where hoody-tunnel is compared with itself


def small_get(connections):
    return Measure(
        f"get{connections}",
        f"small GET, {connections} connection{'s' if connections > 1 else ''}",
        HTTP,
        "files",
        "rate",
        "requests/s",
        lambda way, seconds: wrk(way.port, backends.SMALL, connections, seconds),
        "request",
        also=("p99", "cpu"),
    )


def transfer(name, title, kind, backend, mode, streams, *more):
    return Measure(
        f"{name}{streams}",
        f"{title}, {streams} stream{'s' if streams > 1 else ''}",
        kind,
        backend,
        "rate",
        "bytes/s",
        lambda way, seconds: bench_load(mode, way.port, streams, seconds, *more),
        "byte",
        also=("cpu",) if streams == 1 else (),
    )


def ping_pong(connections):
    return Measure(
        f"pingpong{connections}",
        f"1-byte ping-pong, {connections} connection{'s' if connections > 1 else ''}",
        TCP,
        "raw",
        "rate",
        "round trips/s",
        lambda way, seconds: bench_load("ping-pong", way.port, connections, seconds),
        "request",
        also=("p99",),
    )


def over_a_link(milliseconds, name, title, backend, mode, *more):
    """An upload is one of as many bytes as the link carries in that time."""

    def run(way, seconds):
        length = [] if mode == "download" else [int(seconds * MEGABITS * 1e6 / 8)]
        return bench_load(mode, way.port, 1, seconds if mode == "download" else 0, *more, *length)

    return Measure(
        f"link{milliseconds}-{name}",
        f"{title}, 1 stream, {milliseconds} ms, {MEGABITS} Mbit/s",
        HTTP,
        backend,
        "rate",
        "bytes/s",
        run,
        link=delayed(milliseconds),
        at_least_seconds=4,
    )


def beside(way, seconds):
    """A small request at a time: alone, then while a download takes all it can get."""
    alone = wrk(way.port, backends.SMALL, 1, seconds)
    with concurrent.futures.ThreadPoolExecutor() as background:
        download = background.submit(bench_load, "download", way.port, 1, seconds + 2, backends.LARGE)
        time.sleep(1)  # until it is in full swing
        values = wrk(way.port, backends.SMALL, 1, seconds)
        values["beside_rate"] = download.result()["rate"]
    return {**values, **{f"alone_{name}": alone[name] for name in ("p50_us", "p99_us")}}


def both_sessions(way, seconds):
    """Small requests through two sessions at once, and what the busiest of the daemon's threads did for 100,000 of them: with
    cores enough for everybody else it is the one that ends the daemon's rate."""
    before = cost.threads(way.processes["daemon"])
    with concurrent.futures.ThreadPoolExecutor() as both:
        runs = list(both.map(lambda port: wrk(port, backends.SMALL, 32, seconds), (way.port, way.second_port)))
    after = cost.threads(way.processes["daemon"])
    served = sum(run["all_operations"] for run in runs)
    busiest = max(spent - before.get(thread, 0) for thread, spent in after.items())
    return {
        "rate": sum(run["rate"] for run in runs),
        "all_operations": served,
        "p99_us": max(run["p99_us"] for run in runs),
        "busiest": busiest / served * 100_000,
    }


def holding(name, title, kind, backend, path):
    """Memory of each process without streams and with more and more of them, all idle."""

    def run(way, _seconds):
        counts = [0, *(count for count in IDLE if count <= way.most_streams)]
        memory = {}
        for count in counts:
            if count == 0:
                memory[count] = {name: cost.resident(pid) for name, pid in way.processes.items()}
                continue
            with Held(way.port, count, path):
                memory[count] = {name: cost.resident(pid) for name, pid in way.processes.items()}
        values = {}
        for count, processes in memory.items():
            for name, (rss, pss) in processes.items():
                values[f"rss_{name}_{count}"] = rss
                values[f"pss_{name}_{count}"] = pss
        for name, (most, _) in memory[counts[-1]].items():
            values[f"stream_{name}"] = (most - memory[0][name][0]) / counts[-1]
        values["bytes"] = sum(value for name, value in values.items() if name.startswith("stream_"))
        return values

    title = f"memory of an idle {title}, all processes"
    return Measure(f"idle-{name}", title, kind, backend, "bytes", "bytes", run, also=("memory",))


MEASURES = [
    *(small_get(n) for n in (1, 16, 64, 256)),
    Measure(
        "connect",
        "a new connection for each GET, 16 at once",
        HTTP,
        "files",
        "rate",
        "requests/s",
        lambda way, seconds: wrk(way.port, backends.SMALL, 16, seconds, "Connection: close"),
        "request",
        also=("cpu",),
    ),
    *(transfer("download", "download", HTTP, "files", "download", n, backends.LARGE) for n in (1, 4)),
    *(transfer("upload", "upload", HTTP, "uploads", "upload", n, "/sink", UPLOAD_LENGTH) for n in (1, 4)),
    *(transfer("pull-down", "PULL, service to visitor", TCP, "raw", "raw-download", n) for n in (1, 4)),
    *(transfer("pull-up", "PULL, visitor to service", TCP, "raw", "raw-upload", n) for n in (1, 4)),
    *(ping_pong(n) for n in (1, 16)),
    Measure("beside", "p99 of a small GET beside a download", HTTP, "files", "p99_us", "us", beside, also=("alone",)),
    *(over_a_link(n, "down", "download", "files", "download", backends.LARGE) for n in (20, 100)),
    *(over_a_link(n, "up", "upload", "uploads", "upload", "/sink") for n in (20, 100)),
    Measure(
        "sessions2",
        "small GET, 2 sessions with 32 connections each",
        HTTP,
        "files",
        "rate",
        "requests/s",
        both_sessions,
        "request",
        also=("p99", "cpu", "busiest"),
        peers=ON_SHARDS,
    ),
    holding("events", "event stream", HTTP, "uploads", "/events"),
    holding("pull", "PULL connection", TCP, "raw", None),
]
