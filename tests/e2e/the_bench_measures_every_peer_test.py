"""ops/bench's work in short: each peer starts and carries every byte, and what was seen is in the table, the JSON and the chart."""

import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

from harness import run
from processes import BIN
from services.programs import LONG, need

BENCH = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../bench/bench.py")
PEERS = ["direct", "haproxy2", "openssh", "hoody", "hoody-tls"]
MEASURES = ["get16", "upload1", "pingpong1"]


def bench(*arguments, status=0):
    command = [sys.executable, BENCH, *arguments]
    done = subprocess.run(command, env={**os.environ, "HOODY_BIN": BIN}, capture_output=True, text=True, timeout=LONG, check=False)
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return done.stdout, done.stderr


def every_peer_is_measured():
    with tempfile.TemporaryDirectory() as folder:
        short = ("--seconds", "0.2", "--repetitions", "1", "--output", folder)
        said, _ = bench(*short, "--only", ",".join(MEASURES), "--peers", ",".join(PEERS))
        with open(f"{folder}/results.json", encoding="utf-8") as file:
            results = json.load(file)["results"]
        with open(f"{folder}/table.md", encoding="utf-8") as file:
            table = file.read()
        drawn = xml.etree.ElementTree.parse(f"{folder}/chart.svg").getroot()
    assert list(results) == MEASURES, results
    for measure, peers in results.items():
        assert list(peers) == PEERS, (measure, peers)
        for peer, values in peers.items():
            assert len(values["rate"]) == 1 and values["rate"][0] > 0, (measure, peer, values)
        assert "cpu_daemon" in peers["hoody"] and "cpu_inner" in peers["haproxy2"], (measure, peers)
    for what in ("| measure | direct | haproxy2 ", "| upload1: hoody to haproxy2 | >= 0.9 x |", "| upload1: hoody-tls to hoody | > 0.5 x |"):
        assert what in table, (what, table)
    assert "get16: small GET, 16 connections" in said, said
    bars = [bar for bar in drawn.iter("{http://www.w3.org/2000/svg}rect") if bar.get("height") == "11" and bar.get("width") != "11"]
    assert len(bars) == len(MEASURES) * len(PEERS), len(bars)


def two_sessions_are_measured_on_one_event_loop_and_on_two():
    with tempfile.TemporaryDirectory() as folder:
        short = ("--seconds", "0.2", "--repetitions", "1", "--output", folder)
        bench(*short, "--only", "sessions2", "--peers", "hoody")
        with open(f"{folder}/results.json", encoding="utf-8") as file:
            peers = json.load(file)["results"]["sessions2"]
        with open(f"{folder}/table.md", encoding="utf-8") as file:
            table = file.read()
    assert list(peers) == ["one-shard", "two-shards"], peers
    assert all(values["rate"][0] > 0 and values["busiest"][0] > 0 for values in peers.values()), peers
    for what in ("| measure | one-shard | two-shards |", "busiest thread for 100,000 requests"):
        assert what in table, (what, table)


def what_is_not_known_is_named():
    for flag in ("--only", "--peers"):
        assert "there is no carrier-pigeon" in bench(flag, "carrier-pigeon", status=2)[1]


need("nginx", "haproxy", "sshd", "ssh", "ssh-keygen", "wrk")
run(every_peer_is_measured, two_sessions_are_measured_on_one_event_loop_and_on_two, what_is_not_known_is_named)
