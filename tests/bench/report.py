"""The results of a run: on standard output, and in a folder as results.json, table.md and chart.svg."""

import json
import os
import platform
import statistics
import subprocess
import time

from chart import chart
from verdicts import judge

BASE = "haproxy2"  # what others are compared with


def shown(unit, number):
    if unit == "bytes/s":
        return f"{number / 1e6:,.1f} MB/s"
    if unit == "bytes":
        return f"{number / 1024:,.2f} KiB"
    return f"{number:,.0f}"


def details(values):
    """What was seen beside the headline, medians."""
    parts = []
    for name, numbers in values.items():
        number = statistics.median(numbers)
        if name.endswith(("p50_us", "p99_us")) and number:
            parts.append(f"{name[:-3]} {number:,.0f} us")
        elif name.startswith("cpu_"):
            parts.append(f"{name[4:]} {number:.2f} s")
        elif name == "busiest":
            parts.append(f"the daemon's busiest thread {number:.2f} s")
        elif name.startswith("rss_"):
            parts.append(f"{name[4:]} {number / (1 << 20):.1f} MiB")
    return ", ".join(parts)


def blocks(measures, results):
    """For each measure its peers, with median, spread, ratio and what else there is."""
    lines = []
    for measure in measures:
        lines.append(f"{measure.name}: {measure.title}")
        base = results[measure.name].get(BASE)
        for peer, values in results[measure.name].items():
            numbers = values[measure.headline]
            median = statistics.median(numbers)
            ratio = ""
            if base and peer != BASE and measure.headline == "rate":
                ratio = f"{median / statistics.median(base['rate']):.2f} x"
            spread = f"[{shown(measure.unit, min(numbers))} .. {shown(measure.unit, max(numbers))}]"
            lines.append(f"  {peer:10} {shown(measure.unit, median):>12} {ratio:>7} {spread:28} {details(values)}")
    lines.append(f"x: times {BASE}. s: CPU seconds of a process for 100,000 requests or round trips, or for a GiB.")
    return lines


def cell(numbers, unit):
    """The median and, in brackets, half the spread in percent."""
    median = statistics.median(numbers)
    spread = (max(numbers) - min(numbers)) / 2 / median * 100 if median else 0
    return f"{shown(unit, median)} (±{spread:.0f} %)"


def row(what, values, peers, tell):
    """A line of the table: what `tell` says of each peer's values, where it has something to say."""
    return f"| {what} | " + " | ".join((tell(values[peer]) if peer in values else None) or "" for peer in peers) + " |"


def cpu(values):
    """Each process's CPU seconds, the visitors' side first."""
    return " + ".join(f"{statistics.median(numbers):.1f}" for name, numbers in values.items() if name.startswith("cpu_"))


def resident(count):
    """Of a run that held so many streams: each process's RSS in MiB."""

    def tell(values):
        found = [numbers for name, numbers in values.items() if name.startswith("rss_") and name.endswith(f"_{count}")]
        return " + ".join(f"{statistics.median(numbers) / (1 << 20):.1f}" for numbers in found)

    return tell


def markdown(measures, results, peers):
    """The peers' table, and one for each measure that has peers of its own."""
    common = [measure for measure in measures if not measure.peers]
    lines = table(common, results, peers) if common else []
    for measure in measures:
        if measure.peers:
            lines += ["", *table([measure], results, list(measure.peers))]
    return lines


def table(measures, results, peers):
    """The headlines, and for the measures that stand for others what it cost."""
    lines = ["| measure | " + " | ".join(peers) + " |", "|---" * (len(peers) + 1) + "|"]
    for measure in measures:
        values = results[measure.name]
        unit = f", {measure.unit}" if not measure.unit.startswith("bytes") else ""
        lines.append(row(measure.title + unit, values, peers, lambda of, m=measure: cell(of[m.headline], m.unit)))
        if "p99" in measure.also:
            lines.append(row("... its p99, us", values, peers, lambda of: shown("us", statistics.median(of["p99_us"]))))
        if "alone" in measure.also:
            lines.append(row("... and alone", values, peers, lambda of: shown("us", statistics.median(of["alone_p99_us"]))))
        if "cpu" in measure.also:
            amount = "100,000 requests" if measure.per == "request" else "a GiB"
            lines.append(row(f"... CPU s of each process for {amount}", values, peers, cpu))
        if "busiest" in measure.also:
            busiest = "... CPU s of the daemon's busiest thread for 100,000 requests"
            lines.append(row(busiest, values, peers, lambda of: f"{statistics.median(of['busiest']):.2f}"))
        if "memory" in measure.also:
            for count in (0, 1000, 10_000):
                lines.append(row(f"... RSS of each process with {count:,}, MiB", values, peers, resident(count)))
    return lines


def judged(results):
    lines = ["| what is to be reached | at least | figure | |", "|---|---|---|---|"]
    for verdict in judge(results):
        mark = "reached" if verdict.reached else "**missed**"
        lines.append(
            f"| {verdict.what} | {verdict.sign} {verdict.target:g}{verdict.unit} | {verdict.figure}{verdict.unit} | {mark} |"
        )
    return lines if len(lines) > 2 else []


def machine():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as cpus:
        models = [line.split(":", 1)[1].strip() for line in cpus if line.startswith("model name")]
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False).stdout.strip()
    with open("/proc/sys/net/ipv4/tcp_congestion_control", encoding="ascii") as control:
        congestion_control = control.read().strip()
    return {
        "commit": commit,
        "congestion_control": congestion_control,
        "kernel": platform.release(),
        "processor": models[0] if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": os.getloadavg()[0],
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def write(given, about, results):
    os.makedirs(given.output, exist_ok=True)
    peers = [name for name, _ in given.peers]
    run = {"seconds": given.seconds, "repetitions": given.repetitions, "peers": peers}
    table = [*markdown(given.measures, results, peers), "", *judged(results)]
    for name, content in (
        ("results.json", json.dumps({"machine": about, "run": run, "results": results}, indent=1) + "\n"),
        ("table.md", "\n".join(table) + "\n"),
        ("chart.svg", chart(given.measures, results)),
    ):
        with open(os.path.join(given.output, name), "w", encoding="utf-8") as out:
            out.write(content)
    written = f"written: {given.output}/results.json, table.md, chart.svg"
    print("\n".join([*blocks(given.measures, results), *judged(results), written]))
