"""Completion for fish: a line for each command and flag."""

from generate.flags import is_file, words_of


def quoted(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def value(argument):
    if is_file(argument):
        return ["-r", "-F"]
    words = words_of(argument)
    return ["-x", "-a", quoted(" ".join(words))] if words else ["-x"]


def within(commands):
    return ["-n", quoted("__fish_seen_subcommand_from " + " ".join(commands))] if commands else []


def flag_line(flag):
    parts = within(flag.commands) + ["-l", flag.name] + (value(flag.argument) if flag.argument and not flag.is_optional else [])
    return parts + ["-d", quoted(flag.help)]


def command_lines(command):
    lines = [["-n", "__fish_use_subcommand", "-a", command.name, "-d", quoted(command.summary)]]
    words = words_of(command.offered)
    if words:
        lines.append(within([command.name]) + ["-a", quoted(" ".join(words))])
    if is_file(command.argument):
        lines.append(within([command.name]) + ["-F"])
    return lines


def script(program):
    lines = [["-f"]]
    for command in program.commands:
        lines += command_lines(command)
    lines += [flag_line(flag) for flag in program.flags]
    head = f"# Completion of {program.name} for fish; ops/tables writes it from {program.source}.\n\n"
    return head + "".join(f"complete -c {program.name} {' '.join(parts)}\n" for parts in lines)
