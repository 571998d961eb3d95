"""What is done to the tunnels and the daemon while visitors come. Each is a coroutine act(soak, rng) that returns when all is well
again; in between it says which tunnels are hurt, so that only their visitors may be turned away."""

import asyncio
import contextlib
import signal
import time

import visitors
from harness import DATA, PATIENCE, Closed, RawDriver, frame
from soak_tunnels import FAILED, RAW, RECOVERY_MAX_S

SHORT_S, LONG_S = 2.0, 17.0  # below all timeouts; beyond those of the drivers and the daemon both
WAITS_FOR_A_PORT_S = 6.0  # so long to come to know that it was taken is too long
GARBAGE = (b"\0" * 4000, b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", b"\r\n\r\n\r\n", b"A" * 70000)


@contextlib.contextmanager
def hurting(*tunnels):
    for tunnel in tunnels:
        tunnel.hurt()
    try:
        yield
    finally:
        for tunnel in tunnels:
            tunnel.healed()


def any_of(soak, rng, *kinds):
    return rng.choice([tunnel for tunnel in soak.tunnels if not kinds or tunnel.kind in kinds])


# ---- to the network


async def cut(soak, rng):
    """One connection, or all, with RST or FIN."""
    tunnel = any_of(soak, rng)
    with hurting(tunnel):
        calls = list(tunnel.line.calls)
        chosen = calls if rng.random() < 0.5 or not calls else [rng.choice(calls)]
        tunnel.line.cut(chosen, resets=rng.random() < 0.5)
        await tunnel.recover()


async def cut_again_and_again(soak, rng):
    """Also while the driver is coming back."""
    tunnel = any_of(soak, rng)
    with hurting(tunnel):
        for _ in range(rng.randrange(2, 8)):
            tunnel.line.cut(tunnel.line.calls, resets=rng.random() < 0.5)
            await asyncio.sleep(rng.random() * 0.3)
        await tunnel.recover()


async def pause_the_line(soak, rng):
    """Nobody's visitor may notice more than that it takes longer."""
    line = any_of(soak, rng).line
    line.freeze(*rng.choice((("up",), ("down",), ("up", "down"))))
    try:
        await asyncio.sleep(rng.random() * SHORT_S)
    finally:
        line.thaw()


async def silence_the_line(soak, rng):
    """Until both sides have given it up."""
    tunnel = any_of(soak, rng)
    with hurting(tunnel):
        tunnel.line.freeze(*rng.choice((("up",), ("down",), ("up", "down"))))
        try:
            await asyncio.sleep(LONG_S)
        finally:
            tunnel.line.thaw()
        await tunnel.recover()


# ---- to drivers


async def stop_a_driver_for_a_moment(soak, rng):
    tunnel = any_of(soak, rng)
    async with tunnel.changing:
        tunnel.driver.process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(rng.random() * SHORT_S)
        finally:
            tunnel.driver.process.send_signal(signal.SIGCONT)


async def stop_a_driver_for_long(soak, rng):
    tunnel = any_of(soak, rng)
    async with tunnel.changing:
        with hurting(tunnel):
            tunnel.driver.process.send_signal(signal.SIGSTOP)
            try:
                await asyncio.sleep(LONG_S)
            finally:
                tunnel.driver.process.send_signal(signal.SIGCONT)
            await tunnel.recover()


async def kill_a_driver(soak, rng):
    tunnel = any_of(soak, rng)
    async with tunnel.changing:
        with hurting(tunnel):
            tunnel.killed_at = float("inf")
            tunnel.driver.process.kill()
            await tunnel.expect_end(tunnel.driver, -signal.SIGKILL)
            tunnel.killed_at = asyncio.get_running_loop().time()
            await asyncio.sleep(rng.choice((0, 0, 0.5, 4)))  # within the grace, and beyond
            await tunnel.start(*(["--takeover"] if tunnel.kind != RAW and rng.random() < 0.7 else []))
            await tunnel.recover()


async def end_a_driver(soak, rng):
    tunnel = any_of(soak, rng)
    async with tunnel.changing:
        with hurting(tunnel):
            tunnel.driver.process.send_signal(rng.choice((signal.SIGTERM, signal.SIGINT)))
            await tunnel.expect_end(tunnel.driver, 0)
            await tunnel.start()
            await tunnel.recover()


async def take_over(soak, rng):
    tunnel = rng.choice([tunnel for tunnel in soak.tunnels if tunnel.kind != RAW])
    async with tunnel.changing:
        with hurting(tunnel):
            old, done_before, was_away = tunnel.driver, tunnel.done_to_it, tunnel.hurts > 1
            await tunnel.start("--takeover")
            since, told = time.monotonic(), None
            while old.process.poll() is None:
                await asyncio.sleep(0.05)
                now = time.monotonic()
                was_away = was_away or tunnel.done_to_it != done_before
                if was_away and not told and now - since > WAITS_FOR_A_PORT_S:
                    told = now  # away when its port was taken, it came as somebody new, and has it again or waits for it
                    old.process.terminate()
                if now - (told or since) > PATIENCE:
                    tunnel.fail_stuck(old, "SIGTERM" if told else "its port was taken over")
            await tunnel.expect_end(old, FAILED, *([0] if told else []))
            if was_away and tunnel.driver.process.poll() is not None:
                await tunnel.expect_end(tunnel.driver, FAILED)  # both came back as somebody new, and the old one, a taker too, came last
                await tunnel.start()
            await tunnel.recover()


async def close_a_session(soak, rng):
    """An admin does. Its driver ends, or, cut off just then, comes back as somebody new."""
    tunnel = any_of(soak, rng)
    async with tunnel.changing:
        with hurting(tunnel):
            session = await tunnel.session()
            grace_ms = rng.choice((0, 50, 500))
            status = session and await asyncio.to_thread(soak.close_session, session, grace_ms)
            if status == 202:
                since = time.monotonic()
                while tunnel.driver.process.poll() is None and not await tunnel.probe():
                    await asyncio.sleep(0.05)
                    if time.monotonic() - since > RECOVERY_MAX_S:
                        tunnel.fail_stuck(tunnel.driver, "its session was closed, and does not serve")
            if tunnel.driver.process.poll() is not None:
                await tunnel.expect_end(tunnel.driver, FAILED)
                await tunnel.start()
            await tunnel.recover()


# ---- to the daemon


async def reload_the_daemon(soak, rng):
    soak.daemon.process.send_signal(signal.SIGHUP)
    await asyncio.sleep(0)


async def stop_the_daemon_for_a_moment(soak, rng):
    async with soak.daemon_changing:
        soak.daemon.process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(rng.random())
        finally:
            soak.daemon.process.send_signal(signal.SIGCONT)


async def drain_the_daemon(soak, rng):
    await restart_the_daemon(soak, signal.SIGTERM, 0)


async def kill_the_daemon(soak, rng):
    await restart_the_daemon(soak, signal.SIGKILL, -signal.SIGKILL)


async def restart_the_daemon(soak, how, status):
    async with soak.daemon_changing:
        with hurting(*soak.tunnels):
            await soak.restart_daemon(how, status)
            await asyncio.gather(*(tunnel.recover() for tunnel in soak.tunnels))


# ---- to nobody


async def talk_garbage(soak, rng):
    """Nobody but who says it is the worse for it."""
    ports = [soak.daemon.port, *(tunnel.port for tunnel in soak.tunnels if tunnel.kind != RAW)]
    for _ in range(rng.randrange(1, 10)):
        with contextlib.suppress(visitors.Refused):
            async with visitors.connected(rng.choice(ports)) as (reader, writer):
                writer.write(rng.choice(GARBAGE))
                await writer.drain()
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(reader.read(100), rng.random())


async def sin_against_the_protocol(soak, rng):
    """A driver that binds, and then breaks the protocol."""
    soak.sins += 1
    await asyncio.to_thread(sin, soak.daemon, rng.choice((frame(0x3F), frame(DATA), b"", frame(DATA, 7, b"x")[:-1])))


def sin(daemon, sent):
    with contextlib.suppress(OSError, Closed, AssertionError, EOFError), RawDriver(daemon) as driver:
        driver.bind()
        driver.send(sent)
        driver.expect_closed()


NETWORK = {cut: 6, cut_again_and_again: 2, pause_the_line: 4, silence_the_line: 0.4}
DRIVERS = {
    stop_a_driver_for_a_moment: 2,
    stop_a_driver_for_long: 0.4,
    kill_a_driver: 3,
    end_a_driver: 2,
    take_over: 3,
    close_a_session: 2,
}
DAEMON = {reload_the_daemon: 1, stop_the_daemon_for_a_moment: 0.5}
NOBODY = {talk_garbage: 2, sin_against_the_protocol: 1}
OFTEN = {**NETWORK, **DRIVERS, **DAEMON, **NOBODY}
SELDOM = (drain_the_daemon, kill_the_daemon)
