"""The table of what hoody-tunnel judges otherwise than HAProxy and nginx, and why."""

import fnmatch
import os

from visitors import BROKEN, BY_CHANCE, NO_ANSWER, NO_HEAD, ORIGIN, RESET

TABLE = os.path.join(os.path.dirname(__file__), "differences.md")
INTRODUCTION = """# Where hoody-tunnel judges requests otherwise than HAProxy and nginx

Written by `tests/e2e/{test} --write`;
every other run of it compares. The others are HAProxy {haproxy} and nginx {nginx} (Debian 12), their limits of
heads made as wide as ours or wider.

Each cell is what a visitor gets on one connection: *passed*, an answer of the service's, whose request was forwarded; *passed
broken*, what was forwarded is no request by RFC 9112; a status that the proxy gave of its own; *nothing*, closed without an answer.
Interim answers are left out. Items of which all three pass as many requests are not in the table: {agreed} of {all}.

"""
WORDS = {
    ORIGIN: "passed",
    BROKEN: "passed broken",
    NO_ANSWER: "nothing",
    NO_HEAD: "headless bytes",
    RESET: "reset",
    BY_CHANCE: "400 or passed broken",
}


def shown(answers):
    words = [WORDS.get(answer, str(answer)) for answer in answers if answer != 100]
    counted = []
    for word in words:
        if counted and counted[-1][0] == word:
            counted[-1][1] += 1
        else:
            counted.append([word, 1])
    return ", ".join(word if count == 1 else f"{count} {word}" for word, count in counted)


def steadied(item, proxy, answers):
    """HAProxy has or has not forwarded a request already when it meets its broken trailers."""
    is_race = proxy == "haproxy" and item.group == "chunks that are none" and answers in ([400], [BROKEN, ORIGIN])
    return [BY_CHANCE] if is_race and item.name.startswith("0") else answers


def passed(answers):
    return answers.count(ORIGIN) + answers.count(BROKEN) + answers.count(BY_CHANCE)


def reason_of(item, ours, others, reasons):
    """The first reason whose pattern fits the item, and which is of a difference that way round."""
    way = "stricter" if passed(ours) < max(map(passed, others)) else "laxer"
    for of_way, pattern, reason in reasons:
        if of_way == way and fnmatch.fnmatchcase(str(item), pattern):
            return reason
    return None


def table(items, results, reasons, versions, test):
    """(the text, items that differ without a reason)."""
    rows, unexplained, agreed = {}, [], 0
    for item, ours, *others in zip(items, results["ours"], results["haproxy"], results["nginx"]):
        if len({passed(answers) for answers in (ours, *others)}) == 1:
            agreed += 1
            continue
        reason = reason_of(item, ours, others, reasons)
        if reason is None:
            unexplained.append(f"{item}: {shown(ours)} | {' | '.join(map(shown, others))}")
        key = (item.group, shown(ours), *map(shown, others), reason)
        rows.setdefault(key, []).append(item.name)
    text = INTRODUCTION.format(test=test, agreed=agreed, all=len(items), **versions)
    text += "| requests | hoody-tunnel | HAProxy | nginx | why |\n|---|---|---|---|---|\n"
    for (group, *cells, reason), names in rows.items():
        listed = ", ".join(f"`{name}`" for name in names).replace("|", "\\|")
        text += f"| {group}: {listed} | {' | '.join(cells)} | {reason} |\n"
    return text, unexplained
