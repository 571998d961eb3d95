"""Both programs answer --help and --version on standard output with 0, fit a terminal, and say of wrong usage what to do, with 2.
The man pages tell the same: every flag with its help, default, range and variable."""

import os
import re
import subprocess
import sys

from harness import BIN, PATIENCE, run

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
sys.path.insert(0, os.path.join(ROOT, "ops"))
from generate import def_lists, flags  # pylint: disable=wrong-import-position

DAEMON, DRIVER = flags.daemon(), flags.driver()
COLUMNS, LINES = 80, 40  # a terminal's; of the daemon, whose flags are many, there are more
DAEMON_COLUMNS = 100
FINEST = {"duration": "ms"}  # the unit of a range's ends where it isn't the bare number


def execute(program, *arguments, **variables):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOODY_TUNNEL_")}
    done = subprocess.run(
        [os.path.join(BIN, program), *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        stdin=subprocess.DEVNULL,
        check=False,
        env={**environment, **variables},
    )
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    return done


def help_of(program, *command):
    done = execute(program, *command, "--help")
    assert done.returncode == 0 and done.stderr == "" and done.stdout.endswith("\n"), done
    return done.stdout


def plain(text):
    return " ".join(text.split())


def page(path):
    done = subprocess.run(["mandoc", "-Tascii", os.path.join(ROOT, path)], stdout=subprocess.PIPE, check=True, timeout=PATIENCE)
    return plain(re.sub(".\b", "", done.stdout.decode()))


def all_helps():
    yield DAEMON, help_of(DAEMON.name), DAEMON.flags
    yield DRIVER, help_of(DRIVER.name), []
    for command in DRIVER.commands:
        yield DRIVER, help_of(DRIVER.name, command.name), [flag for flag in DRIVER.flags_of(command) if flag.commands]


def help_fits_a_terminal_and_has_an_example():
    for program, text, _ in all_helps():
        columns = DAEMON_COLUMNS if program is DAEMON else COLUMNS
        wide = [line for line in text.splitlines() if len(line) > columns]
        assert not wide, wide
        assert program is DAEMON or len(text.splitlines()) <= LINES, text
        example = re.search(r"^(?:Examples?|First steps.*):\s+(\S+)", text, re.MULTILINE)
        assert example and example.group(1).startswith(program.name), text


def help_tells_of_each_command_and_flag():
    text = help_of(DRIVER.name)
    for command in DRIVER.commands:
        assert re.search(rf"^ +{command.name} .*{re.escape(command.summary)}$", text, re.MULTILINE), (command, text)
        assert plain(command.summary) in plain(help_of(DRIVER.name, command.name))
    for _, text, listed in all_helps():
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
    text, told = page("man/hoody-tunneld.8"), plain(help_of(DAEMON.name))
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
        if not flag.argument:
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


run(
    help_fits_a_terminal_and_has_an_example,
    help_tells_of_each_command_and_flag,
    the_man_pages_say_what_help_says,
    each_kind_of_value_is_explained_in_the_man_pages,
    version_is_one_line_and_the_same,
    the_daemon_says_in_one_line_what_it_takes,
    the_driver_says_what_is_wrong_and_where_to_look,
)
