"""The tables of README.md and proto/PROTOCOL.md."""

from generate.def_lists import Bad, calls_of


def cell(text):
    return text.replace("|", "\\|")


def code(text):
    return f"`{cell(text)}`" if text else ""


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def daemon_flags(program):
    rows = []
    for flag in listed(program):
        shown = code(flag.default) if flag.argument else "off"
        rows.append([code(f"--{flag.name} {flag.argument}".strip()), shown, cell(flag.help)])
    return table(["flag", "default", "what it says"], rows)


def driver_flags(program):
    rows = []
    for flag in listed(program):
        shown = code(flag.default) if flag.argument else "off"
        variable = f" ({code(flag.variable)})" if flag.variable else ""
        usage = code(f"--{flag.name} {flag.argument}".strip())
        rows.append([usage, ", ".join(flag.commands), shown, cell(flag.help) + variable])
    return table(["flag", "of", "default", "what it says"], rows)


def listed(program):
    """Without those that every program has."""
    return [flag for flag in program.flags if flag.name not in ("help", "version")]


def driver_events(events):
    rows = [[code(event.name), cell(event.meaning), ", ".join(code(name) for name in event.fields)] for event in events]
    return table(["event", "what has happened", "its fields"], rows)


def driver_event_fields(fields):
    return table(["field", "is", "what it says"], [[code(field.name), field.kind, cell(field.meaning)] for field in fields])


def actor_messages():
    names = {arguments[0]: arguments[1] for _, arguments, _ in calls_of("proto/actors.def")}
    names["any"] = "any"
    rows, fields = [], []
    for macro, arguments, comment in calls_of("proto/messages.def"):
        if macro == "MESSAGE":
            name, sender, receiver = arguments
            fields = []
            rows.append([code(name), names[sender], names[receiver], fields, cell(comment)])
        elif macro == "FIELD":
            fields.append(f"{arguments[1]} {arguments[0]}" if arguments[0] != arguments[1] else arguments[0])
        elif macro != "END":
            raise Bad(f"proto/messages.def: {macro}")
    rows = [[*row[:3], code(", ".join(row[3])), row[4]] for row in rows]
    return table(["message", "from", "to", "fields and kinds", "what it says"], rows)


def frames():
    rows = []
    for _, (number, name, sender, scope, payload), _ in calls_of("proto/frame_types.def"):
        rows.append([code(number[2:]), name, sender.lower(), scope.lower(), payload])
    return table(["type", "frame", "from", "of", "payload"], rows)


def error_codes():
    return [", ".join(f"{number} {text}" for _, (number, _, text), _ in calls_of("proto/error_codes.def")) + "."]
