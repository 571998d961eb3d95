"""README.md, PROTOCOL.md, the man pages and the completions say what the .def lists say, and ops/tables notices when not."""

import os
import sys

from written_tree import ROOT, append, copied_tree, rewrite, tables

ROUTES = "actors/admin_http/routes.def"
# A line that the list doesn't have yet, and what is stale then.
MORE = {
    "actors/options.def": (
        'OPTION (count, more, x, "new-flag", "1", 0, 9, "N", "a new one")',
        ["README.md: daemon-flags", "man/hoody-tunneld.8: options", "completions/hoody-tunneld.bash"],
    ),
    "driver/options.def": (
        'OPTION (IN(expose), MORE, "new-flag", x, FLAG, "", "", "", "a new one")',
        ["README.md: driver-flags", "man/hoody-tunnel.1: options", "completions/_hoody-tunnel", "completions/hoody-tunnel.fish"],
    ),
    "driver/config/tunnel_keys.def": (
        'TUNNEL_KEY (new_key, FLAG, BOTH, "true|false", "false", "a new one")',
        ["man/hoody-tunnel.yaml.5: tunnel-keys"],
    ),
    "proto/messages.def": ("MESSAGE (new_message, admin_http, metrics) END (new_message)", ["PROTOCOL.md: actor-messages"]),
    "proto/frame_types.def": ("FRAME (0x41, NEW, BOTH, SESSION, JSON)", ["PROTOCOL.md: frames"]),
    "proto/error_codes.def": ('ERROR_CODE (99, NEW, "a new one")', ["PROTOCOL.md: error-codes"]),
}


def stale_documents_are_noticed_and_rewritten(path, line, documents):
    with copied_tree() as root:
        append(root, path, line)
        stale = tables(root, "--check")
        assert stale.returncode != 0 and "stale" in stale.stderr, (path, stale)
        for document in documents:
            assert document in stale.stderr, (document, stale)
        rewrite(root)
        assert tables(root, "--check").returncode == 0, path


def a_completion_that_was_edited_or_lost_is_noticed():
    with copied_tree() as root:
        append(root, "completions/hoody-tunnel.bash", "# by hand")
        os.remove(os.path.join(root, "completions/_hoody-tunneld"))
        stale = tables(root, "--check")
        assert stale.returncode != 0, stale
        assert "completions/hoody-tunnel.bash" in stale.stderr and "completions/_hoody-tunneld" in stale.stderr, stale
        rewrite(root)
        assert tables(root, "--check").returncode == 0


def a_missing_route_is_noticed():
    with copied_tree() as root:
        append(root, ROUTES, 'ROUTE (new_call, GET, "/new", 0)')
        missing = tables(root, "--check")
        assert missing.returncode != 0 and "GET /new" in missing.stderr, missing


def main():
    current = tables(ROOT, "--check")
    assert current.returncode == 0, current.stderr
    for path, (line, documents) in MORE.items():
        stale_documents_are_noticed_and_rewritten(path, line, documents)
    a_completion_that_was_edited_or_lost_is_noticed()
    a_missing_route_is_noticed()


if __name__ == "__main__":
    sys.exit(main())
