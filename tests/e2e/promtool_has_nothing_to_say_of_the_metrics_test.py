"""`promtool check metrics` is silent over a scrape, of a fresh kit and of one with a past (protocol section 8)."""

import shutil
import subprocess

from busy_kit import busy_kit
from harness import PATIENCE, Daemon, run, skip


def check(text):
    """What promtool says: (exit status, its words)."""
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=PATIENCE, check=False)
    return checked.returncode, (checked.stdout + checked.stderr).decode()


def expect_silence(daemon):
    text = daemon.get("/metrics")[2]
    assert check(text) == (0, ""), check(text)
    return text


def of_a_fresh_kit():
    with Daemon() as daemon:
        expect_silence(daemon)


def after_real_traffic():
    with busy_kit() as (daemon, _):
        expect_silence(daemon)


def it_would_speak_of_a_fault():
    with Daemon() as daemon:
        text = expect_silence(daemon)
        for fault in (
            text + b"# TYPE hoody_tunnel_more counter\nhoody_tunnel_more 1\n",  # no HELP, no _total
            text.replace(b"# TYPE hoody_tunnel_sessions_active gauge", b"# TYPE hoody_tunnel_sessions_active counter"),
        ):
            status, words = check(fault)
            assert status != 0 and words, (status, words)


if not shutil.which("promtool"):
    skip("there is no promtool here (Debian: prometheus)")
run(of_a_fresh_kit, after_real_traffic, it_would_speak_of_a_fault)
