"""Completion for zsh: a function to autoload, by _arguments."""

import re

from generate.flags import is_file, words_of


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def escaped(text, special):
    return re.sub(rf"([\\{re.escape(special)}])", r"\\\1", text)


def value(argument):
    """The end of a specification: the message and what may stand here."""
    message, words = escaped(argument, ":"), words_of(argument)
    action = f"({' '.join(words)})" if words else " "
    if is_file(argument):
        action = f'_alternative "words:word:{action}" "files:file:_files"' if words else "_files"
    return f":{message}:{action}"


def specification(flag):
    explanation = f"[{escaped(flag.help, '[]')}]"
    if flag.name in ("help", "version"):
        return quoted(f"(- *)--{flag.name}{explanation}")
    head = f"{'*' if flag.is_repeatable else ''}--{flag.name}"
    if flag.is_optional:
        return quoted(f"{head}=-{explanation}:{value(flag.argument.strip('[]'))}")
    return quoted(f"{head}={explanation}{value(flag.argument)}" if flag.argument else head + explanation)


def arguments(specifications, indent):
    return [f" \\\n{indent}    ".join([f"{indent}_arguments", *specifications])]


def command_case(program, command):
    specifications = [specification(flag) for flag in program.flags_of(command)]
    if command.argument:
        specifications.append(quoted(("*" if "..." in command.argument else "1") + value(command.offered)))
    return [f"    {command.name})", *arguments(specifications, " " * 8), "        ;;"]


def with_commands(program):
    everywhere = [specification(flag) for flag in program.flags if not flag.commands]
    names = [quoted(f"{command.name}:{escaped(command.summary, ':')}") for command in program.commands]
    lines = ["local context state state_descr line", "local -A opt_args", ""]
    lines += arguments(["-C", *everywhere, "'1:command:->command'", "'*::argument:->argument'"], "")
    lines += ["case $state in", "command)", "    local -a commands=("]
    lines += [f"        {name}" for name in names]
    lines += ["    )", "    _describe command commands", "    ;;", "argument)", "    case $words[1] in"]
    for command in program.commands:
        lines += command_case(program, command)
    return lines + ["    esac", "    ;;", "esac"]


def script(program):
    lines = [f"#compdef {program.name}"]
    lines += [f"# Completion of {program.name} for zsh; ops/tables writes it from {program.source}.", ""]
    if program.commands:
        lines += with_commands(program)
    else:
        lines += arguments([specification(flag) for flag in program.flags], "")
    return "\n".join(lines) + "\n"
