"""The parts of the man pages (mdoc) that the lists say; the prose around them is written by hand in man/."""

import re
import textwrap

from generate.flags import words_of

LINE_WIDTH = 78  # of the source; mandoc frowns at more than 80


def escaped(text):
    """For lines of text: no escape; flags keep their dashes as what one types."""
    text = text.replace("\\", "\\e")
    return re.sub(r"(?<![\w-])--?(?=\w)[\w-]*", lambda match: match.group().replace("-", "\\-"), text)


def literal(text):
    """For one argument of a macro, as one types it."""
    return text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq").replace(" ", "\\ ")


def quoted(text):
    return '"' + text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq") + '"'


def command_line(text):
    """For the rest of a macro's line; short words could be names of macros or delimiters."""
    return " ".join("\\&" * (len(word) <= 3) + literal(word) for word in text.split())


def sentences(text):
    """Lines of text; each sentence begins a line, as mdoc wants it, and none is taken for a request."""
    lines = []
    for sentence in re.split(r"(?<=[.!?]) (?=[A-Z])", text):
        lines += textwrap.wrap(escaped(sentence), LINE_WIDTH, break_on_hyphens=False)
    return [re.sub(r"^(?=[.'])", r"\\&", line) for line in lines]


def limits(flag):
    default = f"default {flag.default}" if flag.default else ""
    return "; ".join(text for text in (default, flag.range) if text)


def option(flag):
    head = f".It Fl \\-{literal(flag.name)}"
    if flag.is_optional:
        head += f" Oo {'Cm' if words_of(flag.argument) else 'Ar'} {literal(flag.argument.strip('[]'))} Oc"
    elif flag.argument:
        head += f" Ar {literal(flag.argument)}"
    if flag.commands:
        head += " Pq Cm " + " , ".join(literal(command) for command in flag.commands)
    lines = [head, *sentences(flag.help)]
    if limits(flag):
        lines += sentences(f"({limits(flag)})")
    if flag.variable:
        lines[-1] += ";"
        lines.append(f".Ev {literal(flag.variable)}")
    return lines


def options(program):
    return [line for flag in program.flags for line in option(flag)]


def has_flags(program, command):
    """Of its own."""
    return any(command.name in flag.commands for flag in program.flags)


def synopsis(program):
    lines = []
    for command in program.commands:
        lines += [".Nm", f".Cm {literal(command.name)}"]
        if command.argument:
            lines.append(f".Ar {literal(command.argument)}")
        if has_flags(program, command):
            lines.append(".Op Ar flags")
    return lines


def commands(program):
    lines = []
    for command in program.commands:
        argument = f" Ar {literal(command.argument)}" if command.argument else ""
        flags = [flag for flag in program.flags_of(command) if flag.commands]
        lines += [f".It Cm {literal(command.name)}{argument}", *sentences(command.summary + ".")]
        if flags:
            lines += ["Flags:", *(f".Fl \\-{literal(flag.name)} ," for flag in flags[:-1])]
            lines.append(f".Fl \\-{literal(flags[-1].name)} .")
    return lines


def events(listed):
    """Each with its fields."""
    lines = []
    for event in listed:
        lines += [f".It Cm {literal(event.name)}", *sentences(event.meaning[0].upper() + event.meaning[1:] + ".")]
        lines += ["Fields:", *(f".Va {literal(name)} ," for name in event.fields[:-1])]
        lines.append(f".Va {literal(event.fields[-1])} .")
    return lines


def event_fields(fields):
    lines = []
    for field in fields:
        lines += [f".It Va {literal(field.name)} Pq {field.kind}", *sentences(field.meaning[0].upper() + field.meaning[1:] + ".")]
    return lines


def environment(program):
    lines = []
    for flag in program.flags:
        if flag.variable:
            lines += [f".It Ev {literal(flag.variable)}", "what", f".Fl \\-{literal(flag.name)}", "says when it is not given"]
    return lines


def examples(program):
    lines = []
    for command in program.commands:
        lines += [f".It {quoted(command.summary)}", f".Dl $ {command_line(command.example)}"]
    return lines


def keys(listed):
    """Of the configuration file."""
    lines = []
    for key in listed:
        lines += [f".It Cm {literal(key.name)} : Ar {literal(key.argument)}", *sentences(key.help)]
        told = [text for text in (key.of and f"only with {key.of}", limits(key)) if text]
        if told:
            lines += sentences(f"({'; '.join(told)})")
    return lines
