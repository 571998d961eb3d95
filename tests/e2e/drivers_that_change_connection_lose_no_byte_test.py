"""A driver that changes connection in the middle of its streams as official ones do, its secondaries up to 200 ms slow: every
byte arrives in its place, both ways, over EXPOSE and PULL (protocol section 4).

HOODY_STREAMS=3000 HOODY_STREAM_BYTES=4000000 is the long form.
"""

import asyncio
import os
import random
import time

from harness import SANITIZED, Daemon, run, wait_until
from joined import PULL
from roaming_driver import RoamingDriver, visit

STREAMS = int(os.environ.get("HOODY_STREAMS", "80" if SANITIZED else "300"))
STREAM_BYTES = int(os.environ.get("HOODY_STREAM_BYTES", "300000"))
SEED = int(os.environ.get("HOODY_SEED", "20261123"))
AT_ONCE, CONNECTIONS, DELAY_S = 60, 5, 0.2


async def exchange(daemon):
    driver = RoamingDriver(daemon.port, CONNECTIONS, DELAY_S, SEED)
    await driver.start()
    ports = await driver.bind(), await driver.bind(**PULL)
    rng = random.Random(SEED)
    turns = asyncio.Semaphore(AT_ONCE)
    moved = 0

    async def one(number, up, down, pace):
        async with turns:
            await visit(ports[number % 2], number % 2 == 0, number, up, down, pace)

    visits = []
    for number in range(STREAMS):
        up, down = (rng.choice((0, 1, rng.randrange(STREAM_BYTES), STREAM_BYTES)) for _ in range(2))
        moved += up + down
        visits.append(one(number, up, down, random.Random(number)))
    await asyncio.gather(*visits)
    await driver.stop()
    assert not driver.failures, driver.failures[:5]
    return driver, moved


def every_byte_arrives_in_its_place():
    with Daemon() as daemon:
        permits = daemon.get_json("/tunnels")["fdPermitsAvailable"]
        began = time.monotonic()
        driver, moved = asyncio.run(exchange(daemon))
        took = time.monotonic() - began
        print(
            f"{STREAMS} streams, {moved / 1e6:.0f} MB in {took:.1f} s; {driver.changed} changed connection, {driver.pings} pings; "
            f"by connection {sorted(driver.served.items())}; the daemon's peak RSS {daemon.peak_rss() >> 20} MiB"
        )
        assert driver.changed > STREAMS // 20 and driver.pings > 0, "they hardly changed connection: nothing was tested"
        assert len(driver.served) == CONNECTIONS
        wait_until(lambda: daemon.get_json("/tunnels")["fdPermitsAvailable"] == permits, "the permits are back")
        assert daemon.metric("hoody_tunnel_streams_active") == 0


run(every_byte_arrives_in_its_place)
