"""The driver's --json events: read as they come, each checked against the list that documents them."""

import json
import os
import re
import sys
import threading

from patience import wait_until
from processes import Process

ROOT = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../..")
sys.path.insert(0, os.path.join(ROOT, "ops"))
from generate.def_lists import records_of  # pylint: disable=wrong-import-position

LIST = "driver/report/events.def"
KINDS = {"TEXT": str, "NUMBER": int, "REAL": (int, float)}
FIELDS = {record["name"]: KINDS[record["kind"]] for record in records_of(LIST, "FIELD")}
EVENTS = {record["name"]: ["ts", "event", "session", *re.findall(r"WITH\((\w+)\)", record["fields"])] for record in records_of(LIST, "EVENT")}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def parsed(line):
    """A line is one event, with exactly the fields that are documented."""
    event = json.loads(line)
    assert TIME.fullmatch(event["ts"]) and set(event) == set(EVENTS[event["event"]]), event
    assert event["session"] is None or re.fullmatch(r"S-[0-9a-f-]{36}", event["session"]), event
    for name in EVENTS[event["event"]][3:]:
        assert event[name] is None or isinstance(event[name], FIELDS[name]), (name, event)
    return event


class Narrator(Process):
    """hoody-tunnel with --json."""

    def __init__(self, where, *arguments):
        super().__init__("hoody-tunnel", [*arguments, "--json", "--url", f"ws://127.0.0.1:{where.port}"], stdout=-1)
        self.events, self.failure = [], None
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        try:
            for line in self.process.stdout:
                self.events.append(parsed(line))
        except Exception as failure:  # pylint: disable=broad-except
            self.failure = failure

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None and self.process.poll() is None:
            self.stop()
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()
        if kind is not None:
            print("\n".join(map(str, self.events[-40:])), self.stderr())
        assert kind is not None or self.failure is None, self.failure

    def of(self, *names):
        return [event for event in list(self.events) if event["event"] in names]

    def wait_for(self, name, count=1, **fields):
        """The latest of so many events of that name and with those fields."""

        def found():
            assert self.failure is None, self.failure
            return [event for event in self.of(name) if all(event[field] == value for field, value in fields.items())]

        wait_until(lambda: len(found()) >= count, f"{name} {fields} is told")
        return found()[-1]
