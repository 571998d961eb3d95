"""The results as a table, and as JSON."""

import json
import os
import statistics


def shown(value, number):
    if value == "bytes/s":
        return f"{number / 1e6:,.0f} MB/s"
    return f"{number:,.0f}"


def table(given, results):
    lines = []
    for measure in given.measures:
        lines.append(f"{measure.name}: {measure.title} ({measure.unit})")
        baseline = results[measure.name].get("haproxy2")
        for peer, values in results[measure.name].items():
            of = values[measure.headline]
            median = statistics.median(of)
            line = f"  {peer:10} {shown(measure.unit, median):>12} [{shown(measure.unit, min(of))} .. {shown(measure.unit, max(of))}]"
            if baseline and peer != "haproxy2":
                line += f" {median / statistics.median(baseline[measure.headline]):5.2f} x haproxy2"
            for name, numbers in values.items():
                if name in ("p50_us", "p99_us") and numbers[0]:
                    line += f"  {name[:3]} {statistics.median(numbers):,.0f} us"
                elif name.startswith("cpu_"):
                    line += f"  {name[4:]} {statistics.median(numbers):.2f}"
            lines.append(line)
    lines.append("CPU seconds of each process: per 100,000 requests or round trips, or per GiB.")
    return "\n".join(lines)


def write(given, results):
    os.makedirs(given.output, exist_ok=True)
    with open(os.path.join(given.output, "results.json"), "w", encoding="ascii") as out:
        json.dump(results, out, indent=1)
    print(table(given, results))
