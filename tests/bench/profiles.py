"""Where the CPU time of daemon and driver goes under one measure's load: profiles.py MEASURE [SECONDS]. Needs perf (linux-perf).

Time in the kernel is told by system call, time in libraries by library, our own by function; of each the share, and the
microseconds for a request or a MiB."""

import collections
import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../e2e"))
BIN = os.environ.setdefault("HOODY_BIN", os.path.realpath(os.path.join(HERE, "../../build/release/bin")))
os.environ["PATH"] = os.pathsep.join([os.path.join(BIN, "../bench"), os.environ["PATH"]])

# pylint: disable=wrong-import-position
import cost
from backends import backends
from measures import MEASURES
from peers import hoody

HERTZ = 1999
SHOWN = 0.01  # what is below this share is summed up
UNITS = {"request": ("all_operations", 1, "request"), "byte": ("all_bytes", 1 << 20, "MiB")}
FRAME = re.compile(r"^\s+[0-9a-f]+ (.*) \((.*)\)$")
ALLOCATOR = re.compile(r"malloc|calloc|realloc|free|_int_|unlink_chunk|sysmalloc|brk")


def stacks(data):
    """Each sample's [(symbol, library)], from the innermost out."""
    text = subprocess.run(["perf", "script", "-i", data, "-F", "ip,sym,dso"], capture_output=True, text=True, check=True).stdout
    for sample in text.split("\n\n"):
        frames = [FRAME.match(line) for line in sample.splitlines()]
        frames = [(frame[1].split("+0x")[0], os.path.basename(frame[2])) for frame in frames if frame]
        if frames:
            yield frames


def place(frames):
    """What a sample is counted as."""
    symbol, library = frames[0]
    if "kernel" in library or library.startswith("["):
        for name, _ in frames:
            call = re.match(r"__(?:(?:x64|se|do)_)?sys_(\w+)|do_(writev|readv|epoll_wait|epoll_ctl)$", name)
            if call:
                return f"system call {call[1] or call[2]}"
        return "kernel: page faults" if any("page_fault" in name for name, _ in frames) else "kernel: other"
    if library.startswith("libc.so"):
        return "libc: malloc and free" if ALLOCATOR.search(symbol) else "libc: other"
    if library.startswith("hoody-tunnel"):
        return symbol
    return library.split(".so")[0].split("-2")[0]


@contextlib.contextmanager
def recorded(pid, data):
    command = ["perf", "record", "-q", "-g", "-F", str(HERTZ), "-o", data, "-p", str(pid)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as perf:
        yield
        perf.send_signal(signal.SIGINT)


def main():
    measure = {m.name: m for m in MEASURES}[sys.argv[1]]
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 5
    counted, unit, unit_name = UNITS[measure.per]
    with tempfile.TemporaryDirectory() as folder, backends() as origin:
        with hoody(measure.kind, getattr(origin, measure.backend)) as way, contextlib.ExitStack() as recorders:
            for name, pid in way.processes.items():
                recorders.enter_context(recorded(pid, f"{folder}/{name}"))
            time.sleep(0.5)  # until perf has begun; what comes before its load is idle
            before = {name: cost.cpu_seconds(pid) for name, pid in way.processes.items()}
            values = measure.run(way, seconds)
            used = {name: cost.cpu_seconds(pid) - before[name] for name, pid in way.processes.items()}
            recorders.close()
        for name, spent in used.items():
            places = collections.Counter(map(place, stacks(f"{folder}/{name}")))
            total, each = places.total(), spent * 1e6 / (values[counted] / unit)
            print(f"\n{measure.name}, {name}: {each:.1f} us of CPU for each {unit_name} ({total} samples)")
            rest = 0
            for what, samples in places.most_common():
                if samples / total < SHOWN:
                    rest += samples
                    continue
                print(f"  {samples / total:6.1%} {each * samples / total:8.1f} us  {what}")
            print(f"  {rest / total:6.1%} {each * rest / total:8.1f} us  all below {SHOWN:.0%}")


main()
