"""Both programs' command lines, from their lists: what the man pages and the completions are made of.

What holds of both lists: an upper-case word of an argument is a placeholder, a lower-case one is meant as it stands
(`preserve|rewrite|VALUE`); FILE is a file's name, COMMAND one of the program's commands; [WORD] may be missing, WORD... may come
several times; a help that says `repeatable` means it.
"""

import re
from dataclasses import dataclass, field

from generate.def_lists import Bad, calls_of, kinds_of, records_of

DAEMON_LIST = "actors/options.def"
DRIVER_LIST = "driver/options.def"
TUNNEL_KEYS_LIST = "driver/config/tunnel_keys.def"

# As option_number_print of actors/option_values.c: the largest unit that shows the whole value.
UNITS = {
    "count": [("", 1)],
    "duration": [("h", 3600000), ("m", 60000), ("s", 1000), ("ms", 1)],
    "size": [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("", 1)],
}
UNITS["window"] = UNITS["size"]
UNITS["shards"] = UNITS["count"]


@dataclass
class Flag:
    name: str  # without the dashes
    help: str
    argument: str = ""  # as --help shows it, "": takes none
    default: str = ""
    range: str = ""  # "1 to 16"
    variable: str = ""  # of the environment
    commands: list = field(default_factory=list)  # names; empty: the program itself

    @property
    def is_optional(self):
        """Its argument may be left out; then it follows a `=`, or is known by its looks."""
        return self.argument.startswith("[") and self.argument.endswith("]")

    @property
    def is_repeatable(self):
        return "repeatable" in self.help


@dataclass
class Command:
    name: str
    argument: str
    summary: str
    example: str
    offered: str = ""  # what may stand for the argument, as alternatives


@dataclass
class Program:
    name: str
    source: str  # the list
    flags: list
    commands: list = field(default_factory=list)

    def flags_of(self, command):
        return [flag for flag in self.flags if not flag.commands or command.name in flag.commands]


def words_of(argument):
    """Those alternatives that are meant as they stand; of a single word, when it may be missing."""
    alternatives = argument.strip("[]").split("|")
    are_words = len(alternatives) > 1 or argument.startswith("[")
    return [word for word in alternatives if are_words and re.fullmatch(r"[a-z0-9][a-z0-9._-]*", word)]


def is_file(argument):
    return "FILE" in placeholders_of(argument)


def placeholders_of(argument):
    return [word for word in re.split(r"[][|.= ]+", argument) if word and word not in words_of(argument)]


def number_text(kind, number):
    for suffix, factor in UNITS[kind]:
        if factor == 1 or (number != 0 and number % factor == 0):
            return f"{number // factor}{suffix}"
    raise Bad(f"{kind}: no unit for {number}")


@dataclass
class Key:
    """Of the driver's configuration file."""

    name: str
    help: str
    argument: str = ""
    default: str = ""
    range: str = ""
    of: str = ""  # "expose" or "pull" when it is of such tunnels only


def session_keys(program):
    """The flags of `up`, as keys."""
    keys = []
    for flag in program.flags:
        if "up" in flag.commands:
            name, default = flag.name.replace("-", "_"), flag.default or ("" if flag.argument else "false")
            if flag.is_optional:
                keys.append(Key(name, f"{flag.help}; true: on {flag.default}", "true|" + flag.argument.strip("[]")))
            else:
                keys.append(Key(name, flag.help, flag.argument or "true|false", default, flag.range))
    return keys


def tunnel_keys():
    kinds = kinds_of(DRIVER_LIST)
    keys = []
    for record in records_of(TUNNEL_KEYS_LIST, "TUNNEL_KEY"):
        limits = driver_range(kinds[record["kind"]])
        of = "" if record["of"] == "BOTH" else record["of"].lower()
        keys.append(Key(record["name"], record["help"], record["placeholder"], record["initial"], limits, of))
    return keys


def daemon():
    flags = []
    for option in records_of(DAEMON_LIST, "OPTION"):
        minimum, maximum = int(option["minimum"]), int(option["maximum"])
        kind = option["kind"]
        flags.append(
            Flag(
                name=option["flag"],
                help=option["help"],
                argument=option["argument"],
                default="" if kind == "flag" else option["default"],
                range=f"{number_text(kind, minimum)} to {number_text(kind, maximum)}" if maximum > 0 else "",
                variable="HOODY_TUNNEL_" + option["flag"].upper().replace("-", "_"),
            )
        )
    flags += [Flag("help", "how the program is used; all: with every flag", "[all]"), Flag("version", "the version")]
    return Program("hoody-tunneld", DAEMON_LIST, flags)


def driver_range(meaning):
    """Of a kind's `0..65535`, or of a longer meaning that begins so."""
    match = re.match(r"(\w+)\.\.(\w+)\b", meaning)
    return f"{match.group(1)} to {match.group(2)}" if match else ""


def commands_of(option, known):
    names = re.findall(r"IN\((\w+)\)", option["commands"])
    if not names or set(names) - set(known) or re.sub(r"IN\(\w+\)|\|", "", option["commands"]):
        raise Bad(f"{DRIVER_LIST}: --{option['name']} is of {option['commands']}: expected IN(command) | IN(command)...")
    return names


def driver():
    commands = [
        Command(record["name"], record["argument"], record["summary"], record["example"])
        for record in records_of(DRIVER_LIST, "COMMAND")
    ]
    for command in commands:
        is_command = command.argument == "[COMMAND]"
        command.offered = "|".join(known.name for known in commands) if is_command else command.argument
    kinds = kinds_of(DRIVER_LIST)
    flags = []
    for option in records_of(DRIVER_LIST, "OPTION"):
        flags.append(
            Flag(
                name=option["name"],
                help=option["help"],
                argument=option["placeholder"],
                default="" if option["kind"] in ("FLAG", "LIST") else option["initial"],
                range=driver_range(kinds.get(option["kind"], "")),
                variable=option["environment"],
                commands=commands_of(option, [command.name for command in commands]),
            )
        )
    flags += [Flag("help", "how the program, or a command, is used; all: with every flag", "[all]")]
    flags += [Flag("version", "the version")]
    others = {macro for macro, _, _ in calls_of(DRIVER_LIST)} - {"COMMAND", "GROUP", "OPTION"}
    if others:
        raise Bad(f"{DRIVER_LIST}: {', '.join(sorted(others))}")
    return Program("hoody-tunnel", DRIVER_LIST, flags, commands)
