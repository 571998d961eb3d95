"""What a process that does not end is doing: its last words, its signals, its threads, its descriptors and sockets."""

import contextlib
import os
import shutil
import subprocess

STACKS_MAX_S = 30
WORDS_MAX = 4000  # characters
STATUS_FIELDS = ("State", "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "VmRSS", "Threads")
TCP_STATES = "? ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSE CLOSE_WAIT LAST_ACK LISTEN CLOSING".split()


def of(process):
    """All of it as text; to be called while it lives."""
    parts = [process.stderr()[-WORDS_MAX:]]
    for look in (status, stacks, descriptors):
        with contextlib.suppress(OSError, subprocess.SubprocessError):  # it has ended just now, or may not be looked at
            parts.append(f"--- {look.__name__} of {process.pid}\n{look(process.pid)}")
    return "\n".join(parts)


def status(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as lines:
        return "".join(line for line in lines if line.split(":")[0] in STATUS_FIELDS)


def stacks(pid):
    if not shutil.which("gdb"):
        waits = []
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/syscall", encoding="ascii") as call:
                waits.append(f"thread {thread}: system call {call.read().strip()}")
        return "\n".join(waits)
    return subprocess.run(
        ["gdb", "-p", str(pid), "-batch", "-nx", "-ex", "set pagination off", "-ex", "thread apply all bt full 30"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=STACKS_MAX_S,
        check=False,
    ).stdout


def tcp_table(pid):
    """{inode: what the kernel says of it}"""
    sockets = {}
    with open(f"/proc/{pid}/net/tcp", encoding="ascii") as table:
        for fields in map(str.split, list(table)[1:]):
            local, remote = (int(end.rsplit(":", 1)[1], 16) for end in fields[1:3])
            unsent, unread = (int(queue, 16) for queue in fields[4].split(":"))
            state = TCP_STATES[int(fields[3], 16)]
            sockets[fields[9]] = f"port {local} to {remote} {state}, {unsent} bytes unacknowledged, {unread} unread"
    return sockets


def descriptors(pid):
    sockets, lines = tcp_table(pid), []
    for fd in sorted(os.listdir(f"/proc/{pid}/fd"), key=int):
        what = os.readlink(f"/proc/{pid}/fd/{fd}")
        lines.append(f"{fd}: {what} {sockets.get(what.removeprefix('socket:[').removesuffix(']'), '')}")
    return "\n".join(lines)
