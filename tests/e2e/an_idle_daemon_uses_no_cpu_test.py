"""When nothing happens, daemon and driver do nothing: what they use over three seconds is less than one clock tick in a
hundred."""

import os
import time

import harness
from harness import exposed, simple_get

IDLE_SECONDS = 3.0


def wakeups(process):
    """Voluntary context switches of all threads: each is a wake-up that found nothing more to do."""
    total = 0
    for task in os.listdir(f"/proc/{process.pid}/task"):
        with open(f"/proc/{process.pid}/task/{task}/status", encoding="ascii", errors="replace") as status:
            total += sum(int(line.split()[1]) for line in status if line.startswith("voluntary_ctxt_switches"))
    return total


def nobody_wakes_up():
    with exposed(lambda *_: (200, [], b"hello")) as (daemon, driver, _):
        with harness.connect(driver.port) as idle_visitor:
            assert simple_get(driver.port)[2] == b"hello"
            idle_visitor.sendall(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
            harness.receive_exactly(idle_visitor, 10)
            before = [(p.cpu_seconds(), wakeups(p)) for p in (daemon, driver)]
            time.sleep(IDLE_SECONDS)  # the span that is measured
            after = [(p.cpu_seconds(), wakeups(p)) for p in (daemon, driver)]
        for process, (cpu, woken), (cpu_after, woken_after) in zip((daemon, driver), before, after):
            print(f"{process.name}: {cpu_after - cpu:.2f} s CPU, {woken_after - woken} wake-ups in {IDLE_SECONDS:.0f} s")
            assert cpu_after - cpu <= 0.05, f"{process.name} is busy with nothing"
            assert harness.SANITIZED or woken_after - woken <= 20 * IDLE_SECONDS, f"{process.name} spins"


harness.run(nobody_wakes_up)
