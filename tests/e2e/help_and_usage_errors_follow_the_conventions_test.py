"""Both programs answer --help and --version on standard output with 0; each --help fits a screen of 24 rows and 80 columns, has an
example, and says where the rest is. Wrong usage is answered with 2 and with what may have been meant. The man pages tell the same:
every flag with its help, default, range and variable."""

import functools
import os
import re
import subprocess
import sys

from harness import BIN, PATIENCE, run

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
sys.path.insert(0, os.path.join(ROOT, "ops"))
from generate import def_lists, flags  # pylint: disable=wrong-import-position

DAEMON, DRIVER = flags.daemon(), flags.driver()
COLUMNS, LINES = 80, 23  # a terminal's, where the prompt comes back below
FINEST = {"duration": "ms"}  # the unit of a range's ends where it isn't the bare number


def execute(program, *arguments, stdout=subprocess.PIPE, **variables):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOODY_TUNNEL_")}
    done = subprocess.run(
        [os.path.join(BIN, program), *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
        stdin=subprocess.DEVNULL,
        check=False,
        env={**environment, **variables},
    )
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    return done


@functools.lru_cache(maxsize=None)
def told_by(program, *arguments):
    done = execute(program, *arguments)
    assert done.returncode == 0 and done.stderr == "" and done.stdout.endswith("\n"), done
    return done.stdout


def help_of(program, *command):
    return told_by(program, *command, "--help")


def whole_help_of(program, *command):
    return told_by(program, *command, "--help", "all")


def plain(text):
    return " ".join(text.split())


def page(path):
    done = subprocess.run(["mandoc", "-Tascii", os.path.join(ROOT, path)], stdout=subprocess.PIPE, check=True, timeout=PATIENCE)
    return plain(re.sub(".\b", "", done.stdout.decode()))


def all_helps():
    """(the program, the command line that asks for help, the flags that it is about)"""
    yield DAEMON, [DAEMON.name], DAEMON.flags
    yield DRIVER, [DRIVER.name], [flag for flag in DRIVER.flags if flag.commands]
    for command in DRIVER.commands:
        yield DRIVER, [DRIVER.name, command.name], [flag for flag in DRIVER.flags_of(command) if flag.commands]


def has_flag(text, flag):
    return re.search(rf"^  --{flag.name}(?: |$)", text, re.MULTILINE)


def help_fits_a_screen_and_has_an_example():
    for program, asked, listed in all_helps():
        text = help_of(*asked)
        for line in text.splitlines() + whole_help_of(*asked).splitlines():
            assert len(line) <= COLUMNS and line == line.rstrip(), line
        assert len(text.splitlines()) <= LINES, text
        example = re.search(r"^(?:Example|First steps.*):\s+(\S+)", text, re.MULTILINE)
        assert example and example.group(1).startswith(program.name), text
        left_out = [flag.name for flag in listed if not has_flag(text, flag)]
        assert bool(left_out) == (f"{' '.join(asked)} --help all" in text), (left_out, text)


def help_is_asked_for_in_several_ways():
    for _, asked, _ in all_helps():
        assert told_by(*asked, "--help=all") == whole_help_of(*asked), asked
    for command in DRIVER.commands:
        short = help_of(DRIVER.name, command.name)
        assert told_by(DRIVER.name, "help", command.name) == told_by(DRIVER.name, command.name, "-h") == short, command
        assert told_by(DRIVER.name, "help", command.name, "all") == whole_help_of(DRIVER.name, command.name), command
    assert told_by(DRIVER.name, "help", "all") == whole_help_of(DRIVER.name)
    assert told_by(DRIVER.name, "help") == told_by(DRIVER.name, "-h") == help_of(DRIVER.name)
    error = expect_wrong_usage("unknown command 'lsit': did you mean list?", DRIVER.name, "help", "lsit")
    assert error.splitlines()[1:] == [f"Try: {DRIVER.name} --help"], error
    expect_wrong_usage("one argument too many: 'pull'", DRIVER.name, "help", "expose", "pull")


def help_that_cannot_be_told_is_a_failure():
    with open("/dev/full", "wb") as full:
        for asked in ([DAEMON.name], [DRIVER.name], [DRIVER.name, "expose"]):
            for question in (["--help"], ["--help", "all"], ["--version"]):
                done = execute(*asked, *question, stdout=full)
                assert done.returncode == 1, (asked, question, done)
                assert done.stderr == f"{asked[0]}: standard output can't be written: No space left on device\n", done


def help_tells_of_each_command_and_flag():
    text = help_of(DRIVER.name)
    for command in DRIVER.commands:
        assert re.search(rf"^ +{command.name} .*{re.escape(command.summary)}$", text, re.MULTILINE), (command, text)
        assert plain(command.summary) in plain(help_of(DRIVER.name, command.name))
    for _, asked, listed in all_helps():
        text = whole_help_of(*asked)
        for flag in listed:
            usage = f"--{flag.name} {flag.argument}".strip()
            assert f" {usage} " in text.replace("\n", " "), (usage, text)
            assert flag.name in ("help", "version") or plain(flag.help) in plain(text), (flag, text)


def the_man_pages_say_what_help_says():
    for path, program in (("man/hoody-tunneld.8", DAEMON), ("man/hoody-tunnel.1", DRIVER)):
        text = page(path)
        for flag in program.flags:
            usage = f"--{flag.name} {flag.argument}".strip()
            limits = "; ".join(part for part in (flag.default and f"default {flag.default}", flag.range) if part)
            for words in (usage, plain(flag.help), limits, flag.variable):
                assert words in text, (path, words)
        for command in program.commands:
            for words in (plain(command.summary), plain(command.example)):
                assert words in text, (path, words)
    text, told = page("man/hoody-tunneld.8"), plain(whole_help_of(DAEMON.name))
    for limits in re.findall(r"\((default [^)]*)\)", told):
        assert f"({limits})" in text, limits


def each_kind_of_value_is_explained_in_the_man_pages():
    for path, program in (("man/hoody-tunneld.8", DAEMON), ("man/hoody-tunnel.1", DRIVER)):
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            text = file.read()
        arguments = [flag.argument for flag in program.flags] + [command.argument for command in program.commands]
        for argument in arguments:
            for word in flags.placeholders_of(argument):
                assert f"\n.It Ar {word}\n" in text, f"{path} does not say what {word} is: `.It Ar {word}` under `The values are`"


def version_is_one_line_and_the_same():
    with open(os.path.join(ROOT, "CMakeLists.txt"), encoding="utf-8") as file:
        version = re.search(r"project\(\S+ VERSION (\S+)", file.read()).group(1)
    for program in (DAEMON.name, DRIVER.name):
        done = execute(program, "--version")
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{program} {version}\n", ""), done


def expect_wrong_usage(words, program, *arguments, **variables):
    done = execute(program, *arguments, **variables)
    assert done.returncode == 2 and done.stdout == "", (arguments, variables, done)
    assert done.stderr.startswith(f"{program}: ") and words in done.stderr, (arguments, variables, words, done.stderr)
    return done.stderr


def the_daemon_says_in_one_line_what_it_takes():
    for option in def_lists.records_of(flags.DAEMON_LIST, "OPTION"):
        flag = f"--{option['flag']}"
        variable = next(known.variable for known in DAEMON.flags if known.name == option["flag"])
        if option["kind"] == "flag":
            errors = [expect_wrong_usage("takes no value", DAEMON.name, f"{flag}=1")]
            errors.append(expect_wrong_usage(f"{variable}: ", DAEMON.name, **{variable: "yes"}))
        else:
            errors = [expect_wrong_usage(f"{flag} needs a value: {option['argument']}", DAEMON.name, flag)]
        if option["kind"] == "choice":
            errors.append(expect_wrong_usage(option["argument"], DAEMON.name, flag, "x"))
        if int(option["maximum"]) > 0:
            range_text = next(known.range for known in DAEMON.flags if known.name == option["flag"])
            above = str(int(option["maximum"]) + 1) + FINEST.get(option["kind"], "")
            errors.append(expect_wrong_usage(f"{flag}: \"{above}\" is out of range: {range_text}\n", DAEMON.name, flag, above))
            errors.append(expect_wrong_usage(f"{variable}: ", DAEMON.name, **{variable: "x"}))
        assert all(error.count("\n") == 1 for error in errors), errors
    expect_wrong_usage("did you mean --log-level?", DAEMON.name, "--log-lvel", "info")
    expect_wrong_usage("see --help", DAEMON.name, "--nothing-like-that")
    expect_wrong_usage("see --help", DAEMON.name, "start")


def driver_misuse(command):
    """(words of the error, arguments)"""
    argument = ["3000"] if command.argument else []
    yield "unknown flag '--nothing-like-that'", ["--nothing-like-that"]
    yield "unknown flag '-x'", ["-x"]
    if "..." not in command.argument:
        yield "one argument too many: 'more'", [*argument, "more"]
    if command.argument and not command.argument.startswith("["):
        yield f"{command.argument.strip('.')} is missing", []
    for flag in DRIVER.flags_of(command):
        if not flag.argument or command.name not in flag.commands[:1]:  # one of its commands will do
            continue
        if flag.is_optional:
            yield f"--{flag.name} must be ", [*argument, f"--{flag.name}=99999999999"]
            continue
        yield f"--{flag.name} needs a value: {flag.argument}", [*argument, f"--{flag.name}"]
        if flag.range or flag.argument == "TIME":
            yield f"--{flag.name} must be ", [*argument, f"--{flag.name}", "x"]
            yield f"--{flag.name} must be ", [*argument, f"--{flag.name}=99999999999"]


def the_driver_says_what_is_wrong_and_where_to_look():
    text = page("man/hoody-tunnel.1")
    for command in DRIVER.commands:
        for words, arguments in driver_misuse(command):
            error = expect_wrong_usage(words, DRIVER.name, command.name, *arguments)
            assert error.splitlines()[1:] == [f"Try: {DRIVER.name} {command.name} --help"], error
            limits = re.search(r" from (\S+ to (?:a )?\w+)", error)
            assert not limits or limits.group(1) in text, f"man/hoody-tunnel.1 does not say {limits.group(1)}"
    for arguments in ([], ["no-such-command"], ["--nothing-like-that"]):
        error = expect_wrong_usage("", DRIVER.name, *arguments)
        assert error.splitlines()[1:] == [f"Try: {DRIVER.name} --help"], error
        assert "did you mean" not in error, error


def the_driver_says_what_may_have_been_meant():
    for words, arguments in (
        ("unknown command 'expsoe': did you mean expose?", ["expsoe", "3000"]),
        ("unknown command '3000': did you mean expose 3000?", ["3000"]),
        ("unknown flag '--takover': did you mean --takeover?", ["expose", "3000", "--takover"]),
        ("unknown flag '--prot=80': did you mean --port?", ["expose", "3000", "--prot=80"]),
        ("unknown flag '--hlep': did you mean --help?", ["list", "--hlep"]),
        ("'--takeover' is no flag of pull, but of expose", ["pull", "5432", "--takeover"]),
        ("'--qr' is no flag of list, but of expose, up", ["list", "--qr"]),
        ("'--json' comes before the command: flags belong behind it", ["--json", "list"]),
    ):
        error = expect_wrong_usage(words + "\n", DRIVER.name, *arguments)
        assert error.splitlines()[1].startswith(f"Try: {DRIVER.name} "), error
    for command in DRIVER.commands:
        slip = command.name[1] + command.name[0] + command.name[2:]
        expect_wrong_usage(f"unknown command '{slip}': did you mean {command.name}?", DRIVER.name, slip)


run(
    help_fits_a_screen_and_has_an_example,
    help_is_asked_for_in_several_ways,
    help_that_cannot_be_told_is_a_failure,
    help_tells_of_each_command_and_flag,
    the_man_pages_say_what_help_says,
    each_kind_of_value_is_explained_in_the_man_pages,
    version_is_one_line_and_the_same,
    the_daemon_says_in_one_line_what_it_takes,
    the_driver_says_what_is_wrong_and_where_to_look,
    the_driver_says_what_may_have_been_meant,
)
