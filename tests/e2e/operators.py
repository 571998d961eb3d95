"""hoody-tunnel's operator commands, as the tests run them."""

import os
import subprocess

from patience import PATIENCE
from processes import BIN

COMMANDS = {"list": [], "sessions": [], "bindings": [], "close": ["S-1"], "health": [], "metrics": [], "top": ["--count", "1"]}


def clean_environment(**more):
    """The tests' own, without what would change what the commands do."""
    proxies = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
    kept = {k: v for k, v in os.environ.items() if k != "NO_COLOR" and k.lower() not in proxies and not k.startswith("HOODY_TUNNEL_")}
    return {**kept, **more}


def operate(where, *arguments, expect=0, warns=False, **environment):
    """Runs a command against what has a port, or a URL; returns what it printed: (standard output, standard error). Whoever is well
    says nothing on the latter, but to warn."""
    url = where if isinstance(where, str) else f"ws://127.0.0.1:{where.port}"
    done = subprocess.run(
        [os.path.join(BIN, "hoody-tunnel"), *arguments, "--url", url],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        stdin=subprocess.DEVNULL,
        check=False,
        env=clean_environment(**environment),
    )
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    assert done.returncode == expect, (arguments, done.returncode, done.stdout, done.stderr)
    assert expect != 0 or warns == (done.stderr != ""), done.stderr
    return done.stdout, done.stderr


def rows_of(table):
    """[{title: cell}] of a table; cells that are empty are there, too."""
    titles, *lines = table.splitlines()
    places = [i for i, c in enumerate(titles) if c != " " and (i == 0 or titles[i - 1] == " ")]
    names = titles.split()
    assert len(places) == len(names), titles
    rows = []
    for line in lines:
        row = dict.fromkeys(names, "")
        for start, word in words_of(line):
            column = column_of(places, names, start, start + len(word))
            row[column] = f"{row[column]} {word}".strip()
        rows.append(row)
    return rows


def words_of(line):
    start = 0
    for word in line.split(" "):
        if word:
            yield start, word
        start += len(word) + 1


def column_of(places, names, start, end):
    """The title that a word stands under: it begins with it, or behind it, or, aligned to the right, ends with it."""
    for place, name in zip(places, names):
        if start == place or end == place + len(name):
            return name
    return names[max(i for i, place in enumerate(places) if place <= start)]
