"""Started with standard input, output or error closed, the daemon opens nothing else in their place: its log would go there."""

import os
import signal
import subprocess

from harness import BIN, PATIENCE, connect, free_port, run, wait_until


def is_open(port):
    try:
        connect(port).close()
        return True
    except ConnectionRefusedError:
        return False


def whichever_is_closed():
    for closed in ((0,), (2,), (0, 2), (0, 1, 2)):
        port = free_port()
        redirections = " ".join(f"{fd}>&-" for fd in closed)
        command = f'exec "$0" --listen 127.0.0.1:{port} {redirections}'
        daemon = subprocess.Popen(["sh", "-c", command, os.path.join(BIN, "hoody-tunneld")])
        try:
            wait_until(lambda: is_open(port), "the daemon listens")
            for fd in closed:
                assert os.readlink(f"/proc/{daemon.pid}/fd/{fd}") == "/dev/null", (closed, fd)
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(timeout=PATIENCE) == 0
        finally:
            daemon.kill()
            daemon.wait()


def the_version_that_cannot_be_told_is_a_failure():
    with open("/dev/full", "wb") as full:
        told = subprocess.run([os.path.join(BIN, "hoody-tunneld"), "--version"], stdout=full, check=False)
    assert told.returncode == 1, told


run(whichever_is_closed, the_version_that_cannot_be_told_is_a_failure)
