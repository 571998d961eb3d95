"""What processes have used, as the kernel tells it."""

import contextlib
import os

TICK = os.sysconf("SC_CLK_TCK")


def family(pid):
    """The process and all that came of it."""
    found = [pid]
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as children:
                for child in children.read().split():
                    found += family(int(child))
    return found


def cpu_seconds(pid):
    """User and system time of the process and its children, those that have ended included."""
    ticks = 0
    for member in family(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            with open(f"/proc/{member}/stat", encoding="ascii", errors="replace") as stat:
                ticks += sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:15]))
    return ticks / TICK


def threads(pid):
    """{thread: its CPU seconds} of the process."""
    spent = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            with open(f"/proc/{pid}/task/{thread}/stat", encoding="ascii", errors="replace") as stat:
                spent[thread] = sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13])) / TICK
    return spent


def resident(pid):
    """(RSS, PSS) in bytes of the process and its children."""
    rss = pss = 0
    for member in family(pid):
        with open(f"/proc/{member}/smaps_rollup", encoding="ascii") as rollup:
            for line in rollup:
                if line.startswith("Rss:"):
                    rss += int(line.split()[1]) * 1024
                elif line.startswith("Pss:"):
                    pss += int(line.split()[1]) * 1024
    return rss, pss
