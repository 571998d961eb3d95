"""A copy of what ops/tables reads and writes, for tests that change it."""

import contextlib
import os
import shutil
import subprocess
import tempfile

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
OTHERS = ["README.md", "proto/PROTOCOL.md", "man/hoody-tunneld.8", "man/hoody-tunnel.1", "man/hoody-tunnel.yaml.5"]


def tables(root, *arguments):
    return subprocess.run(
        [os.path.join(ROOT, "ops/tables"), *arguments],
        env={**os.environ, "HOODY_ROOT": root},
        capture_output=True,
        text=True,
        check=False,
    )


def lists():
    for folder in ("actors", "driver", "proto"):
        for where, _, names in os.walk(os.path.join(ROOT, folder)):
            yield from (os.path.relpath(os.path.join(where, name), ROOT) for name in names if name.endswith(".def"))


@contextlib.contextmanager
def copied_tree():
    with tempfile.TemporaryDirectory(prefix="hoody-written-") as root:
        for path in [*OTHERS, *lists()]:
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            shutil.copy(os.path.join(ROOT, path), os.path.join(root, path))
        shutil.copytree(os.path.join(ROOT, "completions"), os.path.join(root, "completions"))
        yield root


def append(root, path, line):
    with open(os.path.join(root, path), "a", encoding="utf-8") as file:
        file.write(line + "\n")


def rewrite(root):
    done = tables(root)
    assert done.returncode == 0, done
