"""What bash, zsh and fish offer after a command line, asked of the shells themselves. Candidates without their descriptions."""

import os
import pty
import re
import select
import subprocess
import tempfile

PATIENCE = 60  # seconds


def ask(shell, script, *arguments, folder):
    done = subprocess.run([*shell, script, *arguments], capture_output=True, text=True, check=True, timeout=PATIENCE, cwd=folder)
    assert done.stderr == "", done.stderr
    return done.stdout.splitlines()


BASH = r"""
set -u
source "$1"
shift
declaration=$(complete -p "$1")
[[ $declaration =~ -F\ ([^ ]+) ]]
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
"${BASH_REMATCH[1]}"
[[ ${#COMPREPLY[@]} -eq 0 ]] || printf '%s\n' "${COMPREPLY[@]}"
"""


def bash(completions, line, folder):
    program, *words = line.split(" ")
    # As bash splits it with the COMP_WORDBREAKS that it has from the start.
    words = [part for word in words for part in (re.findall(r"=|[^=]+", word) or [""])]
    script = os.path.join(completions, program + ".bash")
    return ask(["bash", "--norc", "-c"], BASH, "bash", script, program, *words, folder=folder)


def fish(completions, line, folder):
    program = line.split()[0]
    script = 'source $argv[1]; complete -C "$argv[2]"'
    answer = ask(["fish", "--no-config", "-c"], script, f"{completions}/{program}.fish", line, folder=folder)
    offers = [candidate.split("\t")[0] for candidate in answer if candidate]
    flag = re.search(r"--[\w-]+=", line.split(" ")[-1])
    return [offer.removeprefix(flag.group()) for offer in offers] if flag else offers


# zsh completes in its line editor only. What it would add is written to a file instead, and the first Tab is its last.
ZSHRC = r"""
fpath=($COMPLETIONS $fpath)
autoload -Uz compinit && compinit -u -D
setopt no_beep
bindkey '^I' complete-word
zstyle ':completion:*' verbose no
compadd() {
    if [[ ${@[1,(i)(-|--)]} != *-(O|A|D)\ * ]]; then
        local -a offers
        builtin compadd -A offers "$@"
        (( $#offers )) && print -rl -- $offers >>$OFFERS
    fi
    builtin compadd "$@"
}
leave() { exit }
comppostfuncs=(leave)
PS1='READY>'
"""


def read_until_ready(terminal):
    shown = b""
    while b"READY>" not in shown:
        readable, _, _ = select.select([terminal], [], [], PATIENCE)
        assert readable, shown
        shown += os.read(terminal, 65536)


def read_to_the_end(terminal):
    while select.select([terminal], [], [], PATIENCE)[0]:
        try:
            if not os.read(terminal, 65536):
                return
        except OSError:  # EIO: the other side is closed
            return
    raise AssertionError("zsh does not end")


def zsh(completions, line, folder):
    with tempfile.TemporaryDirectory(prefix="hoody-zsh-") as home:
        offers = os.path.join(home, "offers")
        with open(os.path.join(home, ".zshrc"), "w", encoding="utf-8") as file:
            file.write(ZSHRC)
        terminal, inner = pty.openpty()
        environment = {"ZDOTDIR": home, "OFFERS": offers, "COMPLETIONS": completions, "TERM": "dumb", "PATH": os.environ["PATH"]}
        with subprocess.Popen(
            ["zsh", "-d", "-i"], stdin=inner, stdout=inner, stderr=inner, env=environment, cwd=folder, start_new_session=True
        ) as process:
            os.close(inner)
            try:
                read_until_ready(terminal)
                os.write(terminal, line.encode() + b"\t")
                read_to_the_end(terminal)
                process.wait(PATIENCE)
            finally:
                process.kill()
                os.close(terminal)
        if not os.path.exists(offers):
            return []
        with open(offers, encoding="utf-8") as file:
            return [offer.rstrip("=").replace("\\", "") for offer in file.read().splitlines()]


SHELLS = [bash, zsh, fish]
