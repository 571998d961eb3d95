"""A corpus of valid, odd and hostile requests (requests/corpus.py) through hoody-tunnel, HAProxy and nginx, each in front of a service
that records what it gets (protocol section 6, requests and request smuggling):
- each item is answered as the protocol says, and nothing of what is refused reaches the service;
- also when it comes in pieces;
- whatever is forwarded is read by any service, strict or lax, as it was read here;
- what both others refuse is refused;
- where the three differ is written down with the reason: --write writes requests/differences.md anew."""

import asyncio
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "requests"))

from corpus import corpus
from differences import ORIGIN, TABLE, passed, shown, steadied, table
from harness import PATIENCE, SANITIZED, Daemon, Expose, run
from item import Seen
from lax_readers import node_is_here, read_as_node, read_as_python
from proxies import HEAD_MS, KEPT_MS, haproxy, nginx, version_of
from reasons import REASONS
from recording_origin import RecordingOrigin
from strict_reader import read_all
from visitors import visit_all

ITEMS = corpus()
SEED = int(os.environ.get("HOODY_SEED", "20240607"))
PIECES = 4
TIMES = ("--head-timeout", f"{HEAD_MS}ms", "--body-timeout", f"{HEAD_MS}ms", "--keepalive-timeout", f"{KEPT_MS}ms")
HOP_BY_HOP = {"keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te", "trailer"}


async def through_ours(items, times, **more):
    """What the visitors got, and what the service did."""
    async with RecordingOrigin() as origin:
        with Daemon(*times) as daemon, Expose(daemon, origin.port) as driver:
            results = await visit_all(driver.port, items, PATIENCE, **more)
        await origin.ended()  # the driver has, so that its connections have, too
        return results, [bytes(recording) for recording in origin.recordings]


async def through(proxy):
    async with RecordingOrigin() as origin:
        with proxy(origin.port) as port:
            return await visit_all(port, ITEMS, PATIENCE)


def expected_answers(item):
    return [ORIGIN if isinstance(expected, Seen) else expected for expected in item.expected]


def check_fields(item, seen, request):
    """What the service sees of the head beside method and target."""
    values = {name: request.all(name) for name, _ in request.fields}
    assert len(values["host"]) == 1 and not HOP_BY_HOP & set(values), (str(item), values)
    assert request.version == 1, str(item)
    for name, value in seen.has.items():
        assert values.get(name) == [value], f"{item}: {name} is {values.get(name)}"
    for name in seen.lacks:
        assert name not in values, f"{item}: {name} is {values[name]}"


def item_of(request, items):
    """By the mark that each item puts in its target, or in a field where that can't be."""
    for text in (request.target, *request.all("x-item")):
        for word in text.replace("?", "/").replace("-", "/").replace("%", "/").split("/"):
            if word[:5] in items:
                return items[word[:5]]
    raise AssertionError(f"the service got what nobody sent: {request.brief()}")


def check_whole_requests(items, requests):
    """Each item's are those that it says."""
    items = {item.mark: item for item in items}
    due = {mark: [expected for expected in item.expected if isinstance(expected, Seen)] for mark, item in items.items()}
    for request in requests:
        item = item_of(request, items)
        brief = request.brief()
        fitting = [seen for seen in due[item.mark] if (seen.method, seen.target, seen.body.encode("latin-1")) == brief]
        assert fitting, f"{item}: the service got {brief}, due was {[vars(seen) for seen in due[item.mark]]}"
        due[item.mark].remove(fitting[0])
        check_fields(item, fitting[0], request)
    missing = [str(items[mark]) for mark, left in due.items() if left]
    assert not missing, f"the service did not get: {missing}"


def check_cut_ones(items, rests):
    """What did not become a whole request was begun by an item that may do so."""
    may_begin = [item.mark.encode() for item in items if item.begins]
    for rest in rests:
        assert any(mark in rest for mark in may_begin), f"the service got a part of what must be refused: {rest[:200]!r}"


def check_recordings(items, recordings):
    whole, rests = [], []
    for recording in recordings:
        requests, rest = read_all(recording)
        assert rest in (None, "cut"), f"the service got {rest}: {recording[:300]!r}"
        whole += requests
        if rest:
            rests.append(recording.rsplit(b" HTTP/1.1\r\n", 1)[0].rsplit(b"\n", 1)[-1])
        check_lax_reading(requests, read_as_python(recording), "http.server")
    if node_is_here():
        for recording, reading in zip(recordings, read_as_node(recordings), strict=True):
            check_lax_reading(read_all(recording)[0], reading, "Node")
    check_whole_requests(items, whole)
    check_cut_ones(items, rests)


def check_lax_reading(requests, reading, reader):
    strict = [request.brief() for request in requests]
    assert reading == strict, f"{reader} reads {reading}, strictly it is {strict}"


def check(items, results, recordings):
    wrong = [
        f"{item}: got {shown(got)}, due was {shown(expected_answers(item))}"
        for item, got in zip(items, results)
        if got != expected_answers(item)
    ]
    assert not wrong, "\n".join(wrong)
    check_recordings(items, recordings)


def as_the_protocol_says():
    check(ITEMS, *asyncio.run(through_ours(ITEMS, TIMES)))


def in_pieces_as_well():
    """But those that wait for their time, or where it depends on the pieces whether the service answers before the fault comes."""
    rng = random.Random(SEED)

    def cut(raw):
        cuts = sorted(rng.sample(range(1, len(raw)), min(PIECES, len(raw)) - 1))
        return [raw[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(raw)])]

    items = [item for item in ITEMS if 408 not in item.expected and not item.begins]
    check(items, *asyncio.run(through_ours(items, ("--keepalive-timeout", f"{KEPT_MS}ms"), cut=cut)))


def as_the_others_judge():
    versions = {name: version_of(name) for name in ("haproxy", "nginx")}
    if SANITIZED or None in versions.values():
        print(f"the others are not asked: {versions}")  # they are the same in all builds
        return
    results = {"ours": [expected_answers(item) for item in ITEMS], **asyncio.run(through_others())}
    lax = [
        f"{item}: {shown(ours)} | {' | '.join(map(shown, others))}"
        for item, ours, *others in zip(ITEMS, results["ours"], results["haproxy"], results["nginx"])
        if passed(ours) > max(map(passed, others))
    ]
    assert not lax, "both others refuse:\n" + "\n".join(lax)
    compare(results, versions)


async def through_others():
    names = ("haproxy", "nginx")
    judged = await asyncio.gather(through(haproxy), through(nginx))
    return {name: [steadied(item, name, got) for item, got in zip(ITEMS, results)] for name, results in zip(names, judged)}


def compare(results, versions):
    text, unexplained = table(ITEMS, results, REASONS, versions, os.path.basename(__file__))
    assert not unexplained, "differences without a reason:\n" + "\n".join(unexplained)
    if "--write" in sys.argv:
        with open(TABLE, "w", encoding="utf-8") as file:
            file.write(text)
    with open(TABLE, encoding="utf-8") as file:
        written = file.read()
    if not all(version in written for version in versions.values()):
        print(f"the table is of other versions than {versions}")
        return
    assert text == written, f"{TABLE} is not current: run this test with --write"


run(as_the_protocol_says, in_pieces_as_well, as_the_others_judge)
