"""Runs the load generators and reads what they say. All rates are per second; all latencies in microseconds."""

import json
import re
import subprocess

from services.programs import environment, find

UNITS = {"us": 1, "ms": 1e3, "s": 1e6, "m": 60e6}


class LoadFailed(Exception):
    """Bytes were wrong, or answers missing."""


def said(command, timeout):
    done = subprocess.run(command, env=environment("/"), capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode != 0:
        raise LoadFailed(f"{' '.join(command)}: {done.stderr or done.stdout}")
    return done.stdout


def wrk_latency(text, share):
    value, unit = re.search(rf"^ +{share}%\s+([\d.]+)(us|ms|s|m)$", text, re.MULTILINE).groups()
    return float(value) * UNITS[unit]


def wrk(port, path, connections, seconds, *headers):
    """GETs of `path`; the answers' statuses are checked, bodies are compared elsewhere. wrk takes whole seconds only."""
    seconds = max(1, round(seconds))
    command = [find("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "20s"]
    command += [part for header in headers for part in ("-H", header)]
    text = said([*command, f"http://127.0.0.1:{port}{path}"], seconds + 60)
    for wrong in ("Non-2xx", "Socket errors"):
        if wrong in text:
            raise LoadFailed(text)
    requests = int(re.search(r"(\d+) requests in", text)[1])
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
    return {"rate": rate, "all_operations": requests, "p50_us": wrk_latency(text, 50), "p99_us": wrk_latency(text, 99)}


class Held:
    """So many connections that are open and idle: a context manager; with a path, event streams of it."""

    def __init__(self, port, connections, path=None):
        self.command = [find("bench_load"), "hold", str(port), str(connections), "0", *([path] if path else [])]

    def __enter__(self):
        self.process = subprocess.Popen(  # pylint: disable=consider-using-with
            self.command, env=environment("/"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        if self.process.stdout.readline() != "held\n":
            raise LoadFailed(f"{' '.join(self.command)}: {self.process.communicate()[1]}")
        return self

    def __exit__(self, kind, *_):
        _, wrong = self.process.communicate()  # it ends when its standard input does, and tells what ended before
        if kind is None and self.process.returncode != 0:
            raise LoadFailed(f"{' '.join(self.command)}: {wrong}")


def bench_load(mode, port, connections, seconds, *more):
    """What bench_load counts, as a rate of bytes or, for ping-pong, of operations."""
    text = said([find("bench_load"), mode, str(port), str(connections), str(seconds), *map(str, more)], seconds + 120)
    told = json.loads(text)
    if mode == "ping-pong":
        told["rate"] = told["operations"] / told["seconds"]
    else:
        told["rate"] = told["bytes"] / told["seconds"]
    return told
