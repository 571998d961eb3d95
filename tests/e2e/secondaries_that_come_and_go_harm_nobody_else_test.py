"""Secondary connections are cut at random under load, with RST, FIN or a close frame, and join again with new tickets: the
session lives, streams opened on other connections lose nothing, and at the end all connections are there again (protocol
section 4).

HOODY_CUTS=1000 is the long form.
"""

import asyncio
import os
import random
import time

from harness import SANITIZED, Daemon, run, wait_until
from joined import PULL
from roaming_driver import RoamingDriver, visit

CUTS = int(os.environ.get("HOODY_CUTS", "20" if SANITIZED else "60"))
SEED = int(os.environ.get("HOODY_SEED", "20261123"))
VISITORS, CONNECTIONS, BYTES_MAX, DELAY_S = 24, 5, 200_000, 0.01


class Load:
    """Visitors without pause until `over`; counts how they fared."""

    def __init__(self, driver, ports):
        self.driver = driver
        self.ports = ports
        self.over = False
        self.whole = self.torn = self.numbers = 0

    async def visit_on_and_on(self, rng):
        while not self.over:
            self.numbers += 1
            number = self.numbers
            up, down = (rng.choice((0, 1, rng.randrange(BYTES_MAX), BYTES_MAX)) for _ in range(2))
            try:
                await visit(self.ports[number % 2], number % 2 == 0, number, up, down, rng)
                self.whole += 1
            except (ConnectionError, AssertionError) as end:
                self.torn += 1
                path = self.driver.opened_on.get(number)  # None: its STREAM_OPEN was cut off too
                if isinstance(end, AssertionError) or path and path.is_open:
                    self.driver.failures.append(f"{number}, opened on {path and path.index}: {end!r}")


async def storm(daemon):
    rng = random.Random(SEED)
    driver = RoamingDriver(daemon.port, CONNECTIONS, DELAY_S, SEED, tells=True)
    await driver.start()
    load = Load(driver, (await driver.bind(), await driver.bind(**PULL)))
    visitors = [asyncio.create_task(load.visit_on_and_on(random.Random(number))) for number in range(VISITORS)]
    for cut in range(CUTS):
        await asyncio.sleep(rng.uniform(0, 0.02))
        secondaries = [path for index, path in sorted(driver.paths.items()) if index > 0]
        if secondaries:
            rng.choice(secondaries).cut(rng.choice(("abort", "end", "close")))
        if cut % 2 == 1:
            await driver.rejoin()
    load.over = True
    await asyncio.gather(*visitors)
    while len(driver.paths) < CONNECTIONS:
        await driver.rejoin()
    driver.served.clear()
    await asyncio.gather(*(visit(load.ports[0], True, number, 1000, 1000, rng) for number in range(4 * CONNECTIONS)))
    served = sorted(driver.served)
    await driver.stop()
    assert not driver.failures, driver.failures[:5]
    return load, served


def the_session_lives_and_the_others_lose_nothing():
    with Daemon() as daemon:
        permits, fds = daemon.get_json("/tunnels")["fdPermitsAvailable"], daemon.get_json("/health")["fds"]
        began = time.monotonic()
        load, served = asyncio.run(storm(daemon))
        print(
            f"{CUTS} cuts in {time.monotonic() - began:.1f} s; {load.whole} visitors served whole, {load.torn} torn with their "
            f"connection; the daemon's peak RSS {daemon.peak_rss() >> 20} MiB"
        )
        assert load.whole > CUTS and load.torn > 0, "there was no load to speak of"
        assert served == list(range(CONNECTIONS)), served
        wait_until(lambda: daemon.get_json("/tunnels")["fdPermitsAvailable"] == permits, "the permits are back")
        wait_until(lambda: daemon.get_json("/health")["fds"] <= fds, "the descriptors are back")
        assert daemon.metric("hoody_tunnel_streams_active") == 0


run(the_session_lives_and_the_others_lose_nothing)
