"""What the driver's --json tells, from its list."""

import re
from dataclasses import dataclass

from generate.def_lists import Bad, records_of

LIST = "driver/report/events.def"


@dataclass
class Field:
    name: str
    kind: str
    meaning: str


@dataclass
class Event:
    name: str
    fields: list  # names
    meaning: str


def fields():
    kinds = {"TEXT": "text", "NUMBER": "integer", "REAL": "number"}
    return [Field(record["name"], kinds[record["kind"]], record["meaning"]) for record in records_of(LIST, "FIELD")]


def events():
    known = {field.name for field in fields()}
    found = []
    for record in records_of(LIST, "EVENT"):
        names = re.findall(r"WITH\((\w+)\)", record["fields"])
        if set(names) - known:
            raise Bad(f"{LIST}: {record['name']} has fields that are not listed")
        found.append(Event(record["name"], names, record["meaning"]))
    return found
