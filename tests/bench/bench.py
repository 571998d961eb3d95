"""ops/bench's work: every measure with every peer in turn, repetition by repetition, then the table, JSON and a chart."""

import argparse
import os
import resource
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../e2e"))
BIN = os.environ.setdefault("HOODY_BIN", os.path.realpath(os.path.join(HERE, "../../build/release/bin")))
os.environ["PATH"] = os.pathsep.join([os.path.join(BIN, "../bench"), os.environ["PATH"]])

# pylint: disable=wrong-import-position
import cost
import other_tunnels
import report
from backends import backends
from check import check
from measures import MEASURES
from peers import ALWAYS

PER = {"request": ("all_operations", 100_000), "byte": ("all_bytes", 1 << 30)}


def arguments():
    parser = argparse.ArgumentParser(prog="ops/bench", description="Compares hoody-tunnel with its peers on the same work.")
    parser.add_argument("--quick", action="store_true", help="one short run of each: a look, not a measurement")
    parser.add_argument("--only", metavar="MEASURE,...", help="these measures")
    parser.add_argument("--peers", metavar="PEER,...", help="these peers")
    parser.add_argument("--seconds", type=float, help="how long each run takes (3; --quick: 1)")
    parser.add_argument("--repetitions", type=int, help="how many runs of each (3; --quick: 1)")
    parser.add_argument("--output", metavar="FOLDER", default="build/bench", help="where results go (build/bench)")
    parser.add_argument("--list", action="store_true", help="names the measures and peers")
    given = parser.parse_args()
    given.seconds = given.seconds or (1 if given.quick else 3)
    given.repetitions = given.repetitions or (1 if given.quick else 3)
    given.measures = chosen(parser, given.only, {m.name: m for m in MEASURES})
    given.peers = chosen(parser, given.peers, {name: (name, peer) for name, peer in known_peers().items()})
    return given


def known_peers():
    return {**ALWAYS, **other_tunnels.present()}


def chosen(parser, names, known):
    if names is None:
        return list(known.values())
    for name in names.split(","):
        if name not in known:
            parser.error(f"there is no {name}; there are {', '.join(known)}")
    return [known[name] for name in names.split(",")]


def run_once(measure, peer, origin, seconds):
    """One run's values, with the CPU time that each of the peer's processes took for them."""
    with peer(measure.kind, getattr(origin, measure.backend), measure.link) as way:
        before = {name: cost.cpu_seconds(pid) for name, pid in way.processes.items()}
        values = measure.run(way, max(seconds, measure.at_least_seconds))
        if measure.per:
            counted, unit = PER[measure.per]
            share = values[counted] / unit
            for name, pid in way.processes.items():
                values[f"cpu_{name}"] = (cost.cpu_seconds(pid) - before[name]) / share
    return values


def say(*words):
    print("bench:", *words, file=sys.stderr, flush=True)


def check_all(peers, origin):
    """Only who carries every byte is measured. Of a tunnel of others that doesn't, we say so and go on without it."""
    good = []
    for name, peer in peers:
        say("checking", name)
        try:
            check(peer, origin)
            good.append((name, peer))
        except Exception as wrong:  # pylint: disable=broad-except
            if name in ALWAYS:
                raise
            say(f"{name} is left out: {wrong}")
    return good


def run_all(given, origin):
    """{measure: {peer: {value: [of each repetition]}}}."""
    results = {}
    for repetition in range(given.repetitions):
        for measure in given.measures:
            for name, peer in measure.peers.items() if measure.peers else given.peers:
                say(f"{repetition + 1}/{given.repetitions} {measure.name} {name}")
                values = run_once(measure, peer, origin, given.seconds)
                for value, number in values.items():
                    results.setdefault(measure.name, {}).setdefault(name, {}).setdefault(value, []).append(number)
    return results


def allow_descriptors():
    """As many as we may have, for all that is started from here on."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main():
    given = arguments()
    if given.list:
        print("measures:", *(m.name for m in MEASURES))
        print("peers:", *known_peers(), "(others when they are on PATH:", ", ".join(other_tunnels.KNOWN) + ")")
        return
    allow_descriptors()
    about = report.machine()
    with backends() as origin:
        given.peers = check_all(given.peers, origin)
        results = run_all(given, origin)
    report.write(given, about, results)


main()
