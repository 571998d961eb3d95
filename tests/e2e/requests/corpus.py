"""The corpus: valid, odd and hostile requests, each with what must come of it."""

import bodies
import fields
import request_lines


def corpus():
    items = [*request_lines.items(), *fields.items(), *bodies.items()]
    for number, item in enumerate(items):
        item.settle(number)
    names = [str(item) for item in items]
    assert len(set(names)) == len(names), [name for name in names if names.count(name) > 1]
    return items
