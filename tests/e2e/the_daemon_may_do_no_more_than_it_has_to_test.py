"""What a daemon that was taken over could do: no other program, no new privileges, no look into its memory from beside it, no core on
the disk; and it needs no root."""

import os
import resource
import shutil
import signal
import subprocess
import tempfile

import harness
from harness import Daemon, Expose, http_origin, simple_get, wait_until

NOBODY = 65534


def statuses(pid):
    """/proc/PID/status of each thread, as dictionaries."""
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii", errors="replace") as status:
            yield dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)


def is_instrumented():
    return bool(os.environ.get("HOODY_SANITIZE"))


def every_thread_is_filtered():
    if is_instrumented():
        return
    with Daemon() as daemon:
        seen = list(statuses(daemon.pid))
        assert len(seen) >= 6, "the actors and libzmq's own"
        for status in seen:
            assert status["Seccomp"].strip() == "2", status
            assert status["NoNewPrivs"].strip() == "1", status
    with Daemon("--no-syscall-filter") as daemon:
        assert all(status["Seccomp"].strip() == "0" for status in statuses(daemon.pid))


def a_crash_leaves_no_core_unless_asked():
    """With the usual core_pattern, a file in the working directory."""
    with open("/proc/sys/kernel/core_pattern", encoding="ascii") as pattern:
        leaves_files = not pattern.read().startswith(("|", "/"))
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]

    def raise_limit():
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))

    for flags, cores in (((), 0), (("--core-dumps",), 1)):
        with tempfile.TemporaryDirectory() as folder:
            daemon = Daemon(*flags, cwd=folder, preexec_fn=raise_limit)
            wait_until(daemon.is_up, "the daemon answers")
            with open(f"/proc/{daemon.pid}/limits", encoding="ascii") as limits:
                soft = next(line.split()[4] for line in limits if line.startswith("Max core file size"))
            assert (soft == "0") == (cores == 0 or hard == 0 or is_instrumented()), soft
            daemon.process.send_signal(signal.SIGABRT)
            daemon.wait()
            left = [name for name in os.listdir(folder) if name.startswith("core")]
            if cores == 0:
                assert not left, left
            elif leaves_files and hard != 0 and not is_instrumented():
                assert left, "asked for, and not there: then the other half of this test shows nothing"


def a_crash_is_told_in_one_line():
    """Through the filter; where it happened is shown by net/crash_test and the faults."""
    if is_instrumented():
        return  # a sanitizer tells it
    daemon = Daemon()
    wait_until(daemon.is_up, "the daemon answers")
    daemon.process.send_signal(signal.SIGSEGV)
    daemon.wait()
    assert daemon.process.returncode == -signal.SIGSEGV, daemon.process.returncode
    assert daemon.stderr().splitlines()[-1] == "hoody-tunneld: crashed: SIGSEGV, which another process sent", daemon.stderr()


def nobody_is_enough():
    """Where the daemon's files can be read by all."""
    if os.geteuid() != 0:
        return
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        binary = shutil.copy(os.path.join(harness.BIN, "hoody-tunneld"), folder)
        as_nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": [], "executable": binary, "cwd": "/"}
        with http_origin(lambda *request: (200, [], b"served")) as origin, Daemon(**as_nobody) as daemon:
            assert all(status["Uid"].split()[0] == str(NOBODY) for status in statuses(daemon.pid))
            assert os.stat(f"/proc/{daemon.pid}/fd").st_uid == 0, "its memory is for root alone"
            with Expose(daemon, origin.port) as driver:
                assert simple_get(driver.port)[2] == b"served"
            health = daemon.get_json("/health")
            assert health["fds"] > 10 and health["memory"]["rss"] > 0, "it knows itself still"
            assert daemon.metric("process_open_fds") > 10


harness.run(
    every_thread_is_filtered,
    a_crash_leaves_no_core_unless_asked,
    a_crash_is_told_in_one_line,
    nobody_is_enough,
)
