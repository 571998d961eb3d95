"""The daemon's log, read strictly: a line that is not exactly what the README promises is an error."""

import json
import re

from patience import wait_until

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
LEVELS = ("error", "warn", "info", "debug")
WORD = r"[a-z]+(?:-[a-z0-9]+)*"
VALUE = r'"(?:[^"\\\x00-\x1f\x7f]|\\["\\]|\\x[0-9a-f]{2})*"|[A-Za-z0-9._:/+@%,*\[\]-]+'
FIELD = re.compile(rf" ([a-z][a-z0-9_]*)=({VALUE})")
LINE = re.compile(rf"({TIME}) ({'|'.join(LEVELS)}) ({WORD}) ({WORD})((?: [a-z][a-z0-9_]*=(?:{VALUE}))*)")
ESCAPE = re.compile(rb'\\(?:(["\\])|x([0-9a-f]{2}))')


def unquote(value):
    if not value.startswith('"'):
        return int(value) if re.fullmatch(r"-?\d+", value) else {"true": True, "false": False}.get(value, value)
    raw = ESCAPE.sub(lambda m: m.group(1) or bytes([int(m.group(2), 16)]), value[1:-1].encode())
    return raw.decode("utf-8", "surrogateescape")


def parse_text(line):
    match = LINE.fullmatch(line)
    assert match, f"not a line: {line!r}"
    parsed = dict(zip(("ts", "level", "actor", "event"), match.groups()))
    for key, value in FIELD.findall(match.group(5)):
        assert key not in parsed, f"{key} twice: {line!r}"
        parsed[key] = unquote(value)
    return parsed


def members_once(pairs):
    assert len(dict(pairs)) == len(pairs), f"a member twice: {pairs}"
    return dict(pairs)


def parse_json(line):
    parsed = json.loads(line, object_pairs_hook=members_once)
    assert list(parsed)[:4] == ["ts", "level", "actor", "event"], line
    assert re.fullmatch(TIME, parsed["ts"]) and parsed["level"] in LEVELS, line
    assert all(type(value) in (str, int, bool) for value in parsed.values()), line
    return parsed


def read_log(daemon, log_format="json"):
    """Every line there is, as a dictionary."""
    text = daemon.stderr()
    lines = text.split("\n")[: text.count("\n")]  # what is behind the last newline is still being written
    return [(parse_json if log_format == "json" else parse_text)(line) for line in lines]


def events_of(daemon, event, log_format="json", **fields):
    lines = (line for line in read_log(daemon, log_format) if line["event"] == event)
    return [line for line in lines if all(line.get(key) == value for key, value in fields.items())]


def wait_for_event(daemon, event, log_format="json", **fields):
    """The newest line of that event with those fields, as soon as there is one."""
    wait_until(lambda: events_of(daemon, event, log_format, **fields), f"the log says {event} {fields}")
    return events_of(daemon, event, log_format, **fields)[-1]
