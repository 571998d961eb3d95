"""Faults at every point: each call site of the C library that the programs reach in their scenarios fails once, one run each, and
the outcome is judged. `ops/faults` runs it; see --help."""

import argparse
import collections
import concurrent.futures
import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../e2e"))

# pylint: disable=wrong-import-position
import scenarios
from harness import BIN, Expose, Pull
from scenarios import CUT

LIBRARY = os.path.join(BIN, "../faults/libfaults.so")
MEMORY = ("malloc", "calloc", "realloc", "posix_memalign")
CARELESS = ("libczmq", "libzmq", "libpgm", "libsodium", "libcrypto", "libstdc++", "libc.so", "ld-linux")  # OpenSSL, CZMQ and what it stands on
SHARED = ("accept", "accept4", "recv", "read", "readv", "send", "sendmsg", "write", "writev", "epoll_ctl", "connect", "shutdown")
LATER = (4, 16)
LAST_WORDS = 300  # characters that are shown of a program's

# What may become of a program one of whose calls fails, the best first.
NOTHING, COST, ENDED, CHECKED, LIBRARY_ENDED, LIBRARY_CRASHED, BAD = (
    "nothing was lost",
    "it cost a visitor, a driver or a call",
    "it ended with a clear line",
    "it ended by a check",
    "a library ended it, with a line",
    "a library crashed for want of memory of its own, with a line",
    "BROKEN",
)
OUTCOMES = (NOTHING, COST, ENDED, CHECKED, LIBRARY_ENDED, LIBRARY_CRASHED, BAD)
LIBRARY_LINE = re.compile(
    r"OUT OF MEMORY|bad_alloc|Assertion `|Assertion failed|\(src/[a-z_]+\.cpp:\d+\)|\[err\]|what\(\):|evutil|Bad file descriptor"
)
LAST_LINE = re.compile(r": crashed: SIG[A-Z]+( at address 0x[0-9a-f]+ in \S+\+0x[0-9a-f]+)?; ")  # net/crash.h


class Run:
    def __init__(self, site, time_of_failure=1):
        self.site = site
        self.time = time_of_failure
        self.outcome = None
        self.why = ""
        self.words = ""
        self.was_reached = False
        self.crashed = None  # module

    def is_crash_of_library(self):
        """It wanted memory, got none, and went on: nothing that its callers do could prevent that."""
        wanted_it = self.site.split(" ")[1].rsplit("+", 1)[0]
        return self.site.split(" ")[0] in MEMORY and all(
            any(module.startswith(name) for name in CARELESS) for module in (wanted_it, self.crashed or "")
        )


def judge(run, life, process, verdict):
    """Sets the outcome of a run whose process has ended."""
    status, words = process.process.returncode, process.stderr()
    run.words = words
    lines = [line for line in words.splitlines() if line]
    last = lines[-1] if lines else ""
    wrong = [what for what in life.wrong if not (status is not None and status < 0 and CUT in what)]  # who dies cuts
    if wrong:
        run.outcome, run.why = BAD, "; ".join(wrong)
    elif status == -signal.SIGABRT and "broken invariant" in words:
        run.outcome, run.why = CHECKED, next(line for line in lines if "broken invariant" in line)
    elif status == -signal.SIGABRT and LIBRARY_LINE.search(words):
        run.outcome, run.why = LIBRARY_ENDED, next(line for line in lines if LIBRARY_LINE.search(line))
    elif status is not None and status < 0 and run.site and LAST_LINE.search(words) and run.is_crash_of_library():
        run.outcome, run.why = LIBRARY_CRASHED, f"{run.crashed}: {signal.Signals(-status).name}"
    elif status is None or status < 0:
        run.outcome, run.why = BAD, f"ended by signal {signal.Signals(-status).name if status else '?'}: {last[-LAST_WORDS:]}"
    elif verdict not in (None, "ended"):
        run.outcome, run.why = BAD, f"{verdict}; lost: {life.lost}"
    elif status != 0:
        run.outcome, run.why = (ENDED, last[-LAST_WORDS:]) if last else (BAD, f"ended with {status} and says nothing")
    elif life.lost:
        run.outcome, run.why = COST, ", ".join(life.lost)
    else:
        run.outcome = NOTHING


class Scenario:
    """`live(environment, expected)` is one life; expected is what a life without faults had at its end."""

    def __init__(self, name, program, live):
        self.name = name
        self.program = program
        self.live = live
        self.expected = None
        self.folder = tempfile.mkdtemp(prefix="faults-")
        self.library = os.path.join(self.folder, "libfaults.so")
        os.symlink(os.path.abspath(LIBRARY), self.library)  # LD_PRELOAD takes no path with a space

    def environment(self, record, **more):
        return {"LD_PRELOAD": self.library, "HOODY_FAULTS_RECORD": record, **more}

    def finish(self, process):
        status = scenarios.end(process)
        process.process.returncode = status
        return process

    def healthy(self, times):
        """Lives without faults. Returns all sites they reach, in order."""
        sites = {}
        for turn in range(times):
            record = os.path.join(self.folder, f"healthy-{turn}")
            life, process, verdict, had = self.live(self.environment(record), None)
            self.finish(process)
            run = Run(None)
            judge(run, life, process, verdict)
            if run.outcome != NOTHING:
                raise AssertionError(f"{self.name} without any fault: {run.outcome}: {run.why} {life.steps} {run.words[-2000:]}")
            self.expected = max(self.expected, had) if self.expected else had
            with open(record, encoding="ascii") as lines:
                sites.update(dict.fromkeys(line.rstrip("\n") for line in lines))
        return list(sites)

    def run(self, call):
        """call: (site, the how manieth time it is reached)."""
        run = Run(*call)
        record = tempfile.mktemp(dir=self.folder)
        life, process, verdict, _ = self.live(
            self.environment(record, HOODY_FAULTS_FAIL=run.site, HOODY_FAULTS_TIME=str(run.time)), self.expected
        )
        self.finish(process)
        with contextlib.suppress(FileNotFoundError), open(record, encoding="ascii") as lines:
            for what, _, which in (line.rstrip("\n").partition(" ") for line in lines):
                run.was_reached |= what == "failed"
                run.crashed = which if what == "crashed" else run.crashed
            os.unlink(record)
        judge(run, life, process, verdict)
        process.stderr_file.close()
        return run


def all_scenarios():
    commands = (["health"], ["list"], ["sessions", "--json"], ["top", "--count", "2", "--interval", "1ms"])
    return [
        Scenario("daemon", "hoody-tunneld", scenarios.daemon_life),
        Scenario("expose", "hoody-tunnel", lambda environment, expected: scenarios.driver_life(environment, Expose, expected)),
        Scenario("pull", "hoody-tunnel", lambda environment, expected: scenarios.driver_life(environment, Pull, expected)),
        *(
            Scenario(command[0], "hoody-tunnel", lambda environment, expected, c=command: scenarios.command_life(environment, c, expected))
            for command in commands
        ),
    ]


# ---- the names of places


def places(program, sites):
    """{offset: "function file:line"} of the program's own places."""
    offsets = sorted({site.rsplit("+", 1)[1] for site in sites if " program+" in site})
    asked = subprocess.run(
        ["addr2line", "-f", "-s", "-e", os.path.join(BIN, program), *(f"0x{offset}" for offset in offsets)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.splitlines()
    return {offset: f"{asked[2 * i]} {asked[2 * i + 1]}" for i, offset in enumerate(offsets) if 2 * i + 1 < len(asked)}


def spell(site, names, time_of_failure=1):
    function, caller, program = site.split(" ")
    where = names.get(program.split("+")[1], program)
    which = "" if time_of_failure == 1 else f", time {time_of_failure}"
    return f"{function} in {where}" + ("" if caller.startswith("program+") else f" by {caller}") + which


# ---- all of it


def choose(sites, share, rng):
    """All calls of the system, those that many sockets share at later times, too; and that share of those for memory."""
    memory = [site for site in sites if site.split(" ")[0] in MEMORY]
    chosen = set(rng.sample(memory, round(len(memory) * share)))
    calls = [(site, 1) for site in sites if site not in memory or site in chosen]
    return calls + [(site, later) for later in LATER for site in sites if site.split(" ")[0] in SHARED]


def run_scenario(scenario, share, rng, jobs, verbose):
    """Returns its runs."""
    sites = scenario.healthy(2)
    chosen = choose(sites, share, rng)
    names = places(scenario.program, sites)
    runs = []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for run in pool.map(scenario.run, chosen):
            runs.append(run)
            if run.outcome == BAD or verbose:
                print(f"faults: {scenario.name}: {run.outcome}: {spell(run.site, names, run.time)}: {run.why}", flush=True)
                if run.outcome == BAD:
                    print("    " + run.words[-6000:].replace("\n", "\n    "), flush=True)
    counts = collections.Counter(run.outcome for run in runs)
    unreached = sum(not run.was_reached for run in runs)
    print(
        f"faults: {scenario.name}: {len(sites)} call sites, {len(runs)} runs ({unreached} did not reach theirs): "
        + ", ".join(f"{outcome} {counts[outcome]}" for outcome in OUTCOMES if counts[outcome]),
        flush=True,
    )
    return runs


def parse(arguments):
    parser = argparse.ArgumentParser(prog="ops/faults", description=__doc__.split(".")[0])
    parser.add_argument("scenario", nargs="*", help="daemon, expose, pull, health, list, sessions, top (default: all)")
    parser.add_argument("--memory", type=float, default=1.0, metavar="SHARE", help="of the allocation sites, 0 to 1 (default 1)")
    parser.add_argument("--seed", type=int, default=1, help="chooses that share")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at a time")
    parser.add_argument("--only", default="", metavar="REGEX", help="sites that match")
    parser.add_argument("--verbose", action="store_true", help="each outcome, not only what is broken")
    return parser.parse_args(arguments)


def main(arguments=None):
    chosen = parse(arguments)
    rng = random.Random(chosen.seed)
    began = time.monotonic()
    totals = collections.Counter()
    for scenario in all_scenarios():
        if chosen.scenario and scenario.name not in chosen.scenario:
            continue
        runs = run_scenario(scenario, chosen.memory, rng, chosen.jobs, chosen.verbose)
        totals.update(run.outcome for run in runs)
    print(f"faults: {sum(totals.values())} runs in {time.monotonic() - began:.0f} s: "
          + ", ".join(f"{outcome} {totals[outcome]}" for outcome in OUTCOMES if totals[outcome]))
    return 1 if totals[BAD] else 0


if __name__ == "__main__":
    sys.exit(main())
