"""Completion for bash: one function, which asks nothing of the package bash-completion."""

from generate.flags import is_file, words_of

TEXT = """\
# Completion of {name} for bash; ops/tables writes it from {source}.

{function}()
{{
    local current=${{COMP_WORDS[COMP_CWORD]}} flag=${{COMP_WORDS[COMP_CWORD - 1]}} words= files=no
    COMPREPLY=()
    # --flag=value comes as three words.
    if [[ $current == = ]]; then
        current=
    elif [[ $flag == = ]]; then
        flag=${{COMP_WORDS[COMP_CWORD - 2]}}
    fi
    case ${{COMP_WORDS[1]}}:$flag in
{values}
    *)
        case $COMP_CWORD:${{COMP_WORDS[1]}}:$current in
{words}
        esac
        ;;
    esac
    [[ $files == no ]] || compopt -o filenames 2>/dev/null # it complains when a test calls
    mapfile -t COMPREPLY < <(
        compgen -W "$words" -- "$current"
        [[ $files == no ]] || compgen -f -- "$current"
    )
}}

complete -F {function} {name}
"""


def offers(argument):
    """What may stand for the argument; nothing where only the user knows."""
    words = words_of(argument)
    parts = [f"words='{' '.join(words)}'"] if words else []
    return " ".join(parts + (["files=yes"] if is_file(argument) else [])) or "return 0"


def listing(flags):
    return "words='" + " ".join(f"--{flag.name}" for flag in flags) + "'"


def values(program):
    lines = []
    for flag in program.flags:
        if flag.argument and not flag.is_optional:
            patterns = [f"{command}:--{flag.name}" for command in flag.commands or "*"]
            lines.append(f"    {' | '.join(patterns)}) {offers(flag.argument)} ;;")
    return lines


def words(program):
    """By the word's number, the command and the word itself: flags where they are begun, or where nothing else can be."""
    if not program.commands:
        return [f"        *) {listing(program.flags)} ;;"]
    names = " ".join(command.name for command in program.commands)
    everywhere = [flag for flag in program.flags if not flag.commands]
    lines = [f"        1:*:-*) {listing(everywhere)} ;;", f"        1:*) words='{names}' ;;"]
    for command in program.commands:
        pattern = f"*:{command.name}:-*" if command.argument else f"*:{command.name}:*"
        lines.append(f"        {pattern}) {listing(program.flags_of(command))} ;;")
        if command.argument:
            lines.append(f"        *:{command.name}:*) {offers(command.offered)} ;;")
    return lines


def script(program):
    return TEXT.format(
        name=program.name,
        source=program.source,
        function="_" + program.name.replace("-", "_"),
        values="\n".join(values(program)),
        words="\n".join(words(program)),
    )
