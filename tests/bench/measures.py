"""What is measured: each measure sends one kind of load through a peer's way to one backend."""

import dataclasses
import typing

import backends
from load import bench_load, wrk
from peers import HTTP, TCP

UPLOAD_LENGTH = 64 << 20


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
    )


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
    ),
    *(transfer("download", "download", HTTP, "files", "download", n, backends.LARGE) for n in (1, 4)),
    *(transfer("upload", "upload", HTTP, "uploads", "upload", n, "/sink", UPLOAD_LENGTH) for n in (1, 4)),
    *(transfer("pull-down", "PULL, service to visitor", TCP, "raw", "raw-download", n) for n in (1, 4)),
    *(transfer("pull-up", "PULL, visitor to service", TCP, "raw", "raw-upload", n) for n in (1, 4)),
    *(ping_pong(n) for n in (1, 16)),
]
