"""mandoc and groff have nothing to say about the man pages, also when the lists have grown by whatever a text may hold."""

import os
import subprocess
import sys

from written_tree import ROOT, append, copied_tree, rewrite

PAGES = ["man/hoody-tunneld.8", "man/hoody-tunnel.1", "man/hoody-tunnel.yaml.5"]
# What mandoc says to whoever is not the base system of a BSD, or has not installed the pages.
ACCEPTED = ("operating system explicitly specified", "referenced manual not found", "outdated mandoc.db")
HOSTILE = r"'tis. A \\fB \"quoted\" -x --flag. .Sh NAME and .so, $HOME `x` [it]: {a} 100% and words to the end of a line of them"
MORE = {
    "actors/options.def": f'OPTION (duration, more, x, "new-flag", "1s", 0, 90000, "TIME", "{HOSTILE}")',
    "driver/config/tunnel_keys.def": f'TUNNEL_KEY (new_key, TEXT, PULL, "a|B C|\\"", "{HOSTILE}", "{HOSTILE}")',
    "driver/options.def": f'COMMAND (fly, "", "{HOSTILE}", "{HOSTILE}")\n'
    f'OPTION (IN(fly), MORE, "new-flag", x, TEXT, "a|B C|\\"", "X_Y", "{HOSTILE}", "{HOSTILE}")',
}


def complaints(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=60)
    return [line for line in done.stdout.splitlines() if not any(text in line for text in ACCEPTED)]


def expect_well_formed(root):
    for page in PAGES:
        path = os.path.join(root, page)
        for command in (["mandoc", "-T", "lint", path], ["groff", "-mdoc", "-Tutf8", "-ww", "-b", "-z", path]):
            assert not complaints(command), complaints(command)


def rendered(root, page):
    text = subprocess.run(["mandoc", "-Tascii", os.path.join(root, page)], stdout=subprocess.PIPE, check=True, timeout=60)
    return " ".join(text.stdout.decode().split())


def main():
    expect_well_formed(ROOT)
    with copied_tree() as root:
        for path, lines in MORE.items():
            append(root, path, lines)
        rewrite(root)
        expect_well_formed(root)
        for page in PAGES:
            text = rendered(root, page).replace("\b", "")
            assert text.count("100% and words to the end of a line of them") >= 1, text
    with copied_tree() as root:
        append(root, PAGES[0], ".Xy z")
        try:
            expect_well_formed(root)
        except AssertionError:
            return
        raise AssertionError("an unknown macro is not noticed")


if __name__ == "__main__":
    sys.exit(main())
