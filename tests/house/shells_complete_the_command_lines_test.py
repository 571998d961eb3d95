"""bash, zsh and fish complete commands, flags, words and files of both programs, also those that the lists will have one day."""

import os
import subprocess
import sys
import tempfile

from shells import SHELLS
from written_tree import ROOT, append, copied_tree, rewrite

sys.path.insert(0, os.path.join(ROOT, "ops"))
from generate import flags  # noqa: E402

HOSTILE = r"it's \"100%\" [x]: $HOME `tick` {a,b} \\ *; end"
NEW = f"""
COMMAND (fly, "up|down|FILE", "{HOSTILE}", "hoody-tunnel fly up")
COMMAND (land, "", "come down", "hoody-tunnel land")
OPTION (IN(fly), FIRST, "new-wings", x, TEXT, "two|four|N", "NEW_WINGS", "two", "{HOSTILE}")
OPTION (IN(fly) | IN(land), MORE, "new-map", x, TEXT, "FILE", "", "", "{HOSTILE}")
OPTION (IN(land), MORE, "new-gear", x, FLAG, "", "", "", "{HOSTILE}")
"""


def dashed(names):
    return [f"--{name}" for name in names]


class Offers:
    def __init__(self, root):
        self.completions = os.path.join(root, "completions")
        self.folder = tempfile.TemporaryDirectory(prefix="hoody-files-")
        for name in ("fig", "fog and mist"):
            with open(os.path.join(self.folder.name, name), "w", encoding="utf-8"):
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def expect(self, line, wanted):
        for shell in SHELLS:
            got = shell(self.completions, line, self.folder.name)
            assert sorted(set(got)) == sorted(wanted), (shell.__name__, line, got, wanted)


def the_daemons_flags(offers):
    names = [flag.name for flag in flags.daemon().flags]
    offers.expect("hoody-tunneld --", dashed(names))
    offers.expect("hoody-tunneld --access-log --log", ["--log-level", "--log-format"])
    for beginning in ("--log-level ", "--access-log --log-level ", "--log-level="):
        offers.expect(f"hoody-tunneld {beginning}", ["error", "warn", "info", "debug"])
    offers.expect("hoody-tunneld --log-format=j", ["json"])
    offers.expect("hoody-tunneld --max-sessions ", [])
    offers.expect("hoody-tunneld --tls-key fi", ["fig"])


def the_drivers_commands_and_flags(offers):
    driver = flags.driver()
    offers.expect("hoody-tunnel ", [command.name for command in driver.commands])
    for command in driver.commands:
        offers.expect(f"hoody-tunnel {command.name} --", dashed(flag.name for flag in driver.flags_of(command)))
    offers.expect("hoody-tunnel exp", ["expose"])
    offers.expect("hoody-tunnel help ", [command.name for command in driver.commands])
    offers.expect("hoody-tunnel help bi", ["bindings"])
    offers.expect("hoody-tunnel expose 3000 --host-header r", ["rewrite"])
    offers.expect("hoody-tunnel expose 3000 --host-header=", ["preserve", "rewrite"])
    offers.expect("hoody-tunnel expose --port ", [])
    offers.expect("hoody-tunnel expose 3000 40", [])
    offers.expect("hoody-tunnel up ", ["fig", "fog and mist"])
    offers.expect("hoody-tunnel up ./tunnels.yaml --wait f", ["fig", "fog and mist"])


def what_the_lists_will_have(offers):
    offers.expect("hoody-tunnel f", ["fly"])
    offers.expect("hoody-tunnel fly ", ["up", "down", "fig", "fog and mist"])
    offers.expect("hoody-tunnel fly --new", ["--new-wings", "--new-map"])
    offers.expect("hoody-tunnel land --new", ["--new-map", "--new-gear"])
    offers.expect("hoody-tunnel fly --new-wings ", ["two", "four"])
    offers.expect("hoody-tunnel fly up --new-map fo", ["fog and mist"])
    offers.expect("hoody-tunnel land --new-map=fi", ["fig"])
    offers.expect("hoody-tunnel expose --new", [])


def the_installed_files_are_found_by_name(build):
    """Each shell looks for a file by the program's name."""
    with tempfile.TemporaryDirectory(prefix="hoody-install-") as prefix:
        install = ["cmake", "--install", build, "--prefix", prefix, "--component", "documentation"]
        subprocess.run(install, check=True, stdout=subprocess.DEVNULL, timeout=60)
        for program, section in (("hoody-tunnel", 1), ("hoody-tunneld", 8)):
            for path in (
                f"man/man{section}/{program}.{section}",
                f"bash-completion/completions/{program}",
                f"zsh/site-functions/_{program}",
                f"fish/vendor_completions.d/{program}.fish",
            ):
                assert os.path.isfile(os.path.join(prefix, "share", path)), path
        assert os.path.isfile(os.path.join(prefix, "share/man/man5/hoody-tunnel.yaml.5"))


def main():
    with Offers(ROOT) as offers:
        the_daemons_flags(offers)
        the_drivers_commands_and_flags(offers)
    with copied_tree() as root:
        append(root, "driver/options.def", NEW)
        rewrite(root)
        with Offers(root) as offers:
            what_the_lists_will_have(offers)
    the_installed_files_are_found_by_name(os.path.dirname(os.environ["HOODY_BIN"]))


if __name__ == "__main__":
    sys.exit(main())
