"""From nothing to a served page by what --help says: its first steps are typed as they stand, in a network of their own, where
nobody holds the ports that they name. Each command's example is a line that its own --help explains."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile

from harness import BIN, PATIENCE, run, skip

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
sys.path.insert(0, os.path.join(ROOT, "ops"))
from generate import flags  # pylint: disable=wrong-import-position

# A shell with programs in the background, as a newcomer has it, who types slowly enough for each to be up before the next one
# is asked for. The page is fetched where the last step says.
SESSION = """
set -m
trap 'kill $(jobs -p)' EXIT
up() {{ for try in $(seq 300); do "$@" && return; sleep 0.1; done; exit 1; }}
listens() {{ [ -n "$(ss --no-header --listening --tcp "sport = :$1")" ]; }}
{first}
up listens 7080
{second}
up listens 3000
{third} >first-line &
up curl --silent --fail --max-time 5 --output page {url}
kill -INT %3
wait %3
"""


def help_of(*command):
    path = os.path.join(BIN, "hoody-tunnel")
    return subprocess.run([path, *command, "--help"], capture_output=True, text=True, timeout=PATIENCE, check=True).stdout


def first_steps():
    text = help_of().partition("First steps")[2].partition("\n\n")[0]
    return [line.strip() for line in text.splitlines()[1:]]


def the_first_steps_serve_a_page():
    if os.geteuid() != 0 or not shutil.which("ip") or subprocess.run(["unshare", "-n", "true"], check=False).returncode:
        skip("a network of one's own takes root")
    steps = first_steps()
    assert len(steps) == 3 and [step.split()[0] for step in steps] == ["hoody-tunneld", "python3", "hoody-tunnel"], steps
    url = re.search(r"# .*(http://\S+)", steps[-1]).group(1)
    first, second, third = [step.partition(" #")[0].rstrip() for step in steps]
    assert first.endswith("&") and second.endswith("3000 &") and third.endswith("=3000"), steps
    with tempfile.TemporaryDirectory(prefix="hoody-newcomer-") as folder:
        with open(os.path.join(folder, "index.html"), "w", encoding="utf-8") as file:
            file.write("my page")
        script = "ip link set lo up\n" + SESSION.format(first=first, second=second, third=third, url=url)
        variables = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        process = subprocess.Popen(
            ["unshare", "-n", "bash", "-c", script],
            cwd=folder,
            env={**variables, "PATH": f"{BIN}:{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            said, _ = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        assert process.returncode == 0 and "Sanitizer" not in said, said
        with open(os.path.join(folder, "page"), encoding="utf-8") as page:
            assert page.read() == "my page", said
        with open(os.path.join(folder, "first-line"), encoding="utf-8") as line:
            assert line.read() == f"{url}\n", said


def each_example_is_explained_by_its_own_help():
    for command in flags.driver().commands:
        text = help_of(command.name)
        (example,) = re.findall(r"^Example: (.*)$", text, re.MULTILINE)
        words = shlex.split(example.partition(" | ")[0])
        assert words[:2] == ["hoody-tunnel", command.name], example
        for word in words[2:]:
            assert not word.startswith("--") or f"  {word.partition('=')[0]}" in text, (word, text)


run(
    the_first_steps_serve_a_page,
    each_example_is_explained_by_its_own_help,
)
