"""The tables of README.md and PROTOCOL.md say what the .def lists say, and ops/tables notices when they do not."""

import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
LISTS = ["actors/options.def", "driver/options.def", "proto/messages.def", "proto/frame_types.def", "proto/error_codes.def"]
ROUTES = "actors/admin_http/routes.def"
OTHERS = ["README.md", "proto/PROTOCOL.md", "proto/actors.def", ROUTES]
# A line that the list doesn't have yet.
MORE = {
    "actors/options.def": 'OPTION (count, x, "new-flag", "1", 0, 9, "N", "a new one")',
    "driver/options.def": 'OPTION (IN(expose), "new-flag", x, FLAG, "", "", "", "a new one")',
    "proto/messages.def": "MESSAGE (new_message, admin_http, metrics) END (new_message)",
    "proto/frame_types.def": "FRAME (0x41, NEW, BOTH, SESSION, JSON)",
    "proto/error_codes.def": 'ERROR_CODE (99, NEW, "a new one")',
}


def tables(root, *arguments):
    return subprocess.run(
        [os.path.join(ROOT, "ops/tables"), *arguments],
        env={**os.environ, "HOODY_ROOT": root},
        capture_output=True,
        text=True,
        check=False,
    )


def copy_tree(root):
    for path in LISTS + OTHERS:
        os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
        shutil.copy(os.path.join(ROOT, path), os.path.join(root, path))


def append(root, path, line):
    with open(os.path.join(root, path), "a", encoding="utf-8") as file:
        file.write(line + "\n")


def stale_table_is_noticed_and_rewritten(path):
    with tempfile.TemporaryDirectory() as root:
        copy_tree(root)
        append(root, path, MORE[path])
        stale = tables(root, "--check")
        assert stale.returncode != 0 and "stale" in stale.stderr, (path, stale)
        rewritten = tables(root)
        assert rewritten.returncode == 0, (path, rewritten)
        assert tables(root, "--check").returncode == 0, path


def missing_route_is_noticed():
    with tempfile.TemporaryDirectory() as root:
        copy_tree(root)
        append(root, ROUTES, 'ROUTE (new_call, GET, "/new", 0)')
        missing = tables(root, "--check")
        assert missing.returncode != 0 and "GET /new" in missing.stderr, missing


def main():
    current = tables(ROOT, "--check")
    assert current.returncode == 0, current.stderr
    for path in LISTS:
        stale_table_is_noticed_and_rewritten(path)
    missing_route_is_noticed()


if __name__ == "__main__":
    sys.exit(main())
