"""systemd finds no fault in ops/systemd's unit, calls its exposure low, and the unit denies no system call that the daemon's own
filter (actors/syscalls.def) lets through."""

import os
import re
import subprocess
import sys
import tempfile

from written_tree import ROOT

UNIT = os.path.join(ROOT, "ops/systemd/hoody-tunneld.service")
EXPOSURE_MAX = 15  # tenths, of 100: systemd calls this OK, an unconfined service has 96
# Of the filter's list, what the unit need not allow: changing limits and cores is over before the filter is loaded.
BEFORE_THE_FILTER = {"seccomp", "prctl", "prlimit64", "execve"}


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=60)
    return done.returncode, done.stdout


def it_is_well_formed():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "hoody-tunneld.service")
        with open(UNIT, encoding="utf-8") as unit, open(path, "w", encoding="utf-8") as copy:
            copy.write(unit.read().replace("/usr/local/sbin/hoody-tunneld", "/bin/true"))  # it need not be installed here
        status, said = run("systemd-analyze", "verify", "--man=no", path)
        assert status == 0 and not said, said


def its_exposure_is_low():
    status, said = run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX}", UNIT)
    print(said.strip().splitlines()[-1])
    assert status == 0, said


def members(group):
    """The system calls of a name or, with @, of a group of systemd's."""
    if not group.startswith("@"):
        return {group}
    status, said = run("systemd-analyze", "syscall-filter", group)
    assert status == 0, said
    names = [line.strip() for line in said.splitlines()[1:]]
    return set().union(*(members(name) for name in names if name and not name.startswith("#")))


def it_allows_what_the_daemon_needs():
    allowed = set()
    with open(UNIT, encoding="utf-8") as unit:
        for groups in re.findall(r"^SystemCallFilter=(.*)$", unit.read(), re.MULTILINE):
            named = set().union(*map(members, groups.lstrip("~").split()))
            allowed = allowed - named if groups.startswith("~") else allowed | named
    with open(os.path.join(ROOT, "actors/syscalls.def"), encoding="utf-8") as listed:
        needed = set(re.findall(r"^ALLOWED\w* \((\w+)", listed.read(), re.MULTILINE)) | BEFORE_THE_FILTER
    assert len(needed) > 50, needed
    assert not needed - allowed, f"the unit denies {sorted(needed - allowed)}"
    assert not allowed & {"mount", "reboot", "init_module", "bpf", "keyctl_chown", "setuid"}, allowed


def main():
    it_is_well_formed()
    its_exposure_is_low()
    it_allows_what_the_daemon_needs()


if __name__ == "__main__":
    sys.exit(main())
