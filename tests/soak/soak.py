"""The chaos test: a daemon, native drivers, real services, a random but seeded mix of visitors, while connections are cut, drivers
killed, sockets paused and the daemon signalled. `ops/soak` runs it; see --help."""

import argparse
import asyncio
import collections
import concurrent.futures
import contextlib
import itertools
import os
import random
import resource
import shutil
import signal
import statistics
import sys
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../e2e"))

# pylint: disable=wrong-import-position
import mischief
import truths
from harness import Daemon, free_port
from service import Wrong
from soak_tunnels import HTTP, RAW, VISITORS, WEBSOCKET, Tunnel, log_path
from visitors import Refused, Torn

DAEMON_FLAGS = ("--takeover-grace", "3s", "--ping-interval", "2s", "--pong-timeout", "12s", "--drain-timeout", "2s")
DAEMON_FLAGS += ("--stream-window", "256KiB", "--session-window", "2MiB")
TUNNELS = ((HTTP, 1), (HTTP, 4), (HTTP, 2), (WEBSOCKET, 2), (RAW, 1), (RAW, 4))
VISITORS_AT_ONCE = 40
MISCHIEF_AT_ONCE = 3
VISIT_MAX_S = 300.0
HEARTBEAT_S, STALL_S = 0.2, 1.5
THREADS = 64  # each may wait for a process
STORM_S = 12.0
RESTART_EVERY = 4  # storms


def pick(rng, weights):
    return rng.choices(list(weights), list(weights.values()))[0]


class Soak:
    def __init__(self, seed, shards, logs):
        self.seed = seed
        self.flags = DAEMON_FLAGS + (("--shards", str(shards)) if shards else ())
        self.logs = logs
        self.failures = []
        self.numbers = itertools.count(1, 64)  # a visitor may use the next 63, too
        self.outcomes = collections.Counter()
        self.deeds = collections.Counter()
        self.refused = collections.Counter()
        self.sins = 0
        self.tunnels = []
        self.daemon_lives = 0
        self.killed_times = []  # of the daemon: [began, ended]
        self.stall_max_s = 0.0
        self.storms = 0
        self.quiet = []  # (seconds since start, daemon's life, resident bytes, descriptors)

    def fail(self, why):
        if len(self.failures) < 50:
            self.failures.append(why)
            print(f"soak: BROKEN: {why}", flush=True)

    def number(self):
        return next(self.numbers)

    # ---- the daemon

    async def start_daemon(self, port):
        self.daemon = Daemon(*self.flags, port=port)
        self.daemon_lives += 1
        await asyncio.to_thread(self.daemon.__enter__)
        self.memory_at_first = None

    async def restart_daemon(self, how, status):
        killed = [time.monotonic(), float("inf")]
        if how == signal.SIGKILL:
            self.killed_times.append(killed)
        old = self.daemon
        try:
            await asyncio.to_thread(old.stop, how, status)
        except AssertionError as failure:
            self.fail(str(failure))
        truths.expect_clean_log(self, old)
        self.keep_daemon_log(old)
        await self.start_daemon(old.port)
        self.sins = 0
        killed[1] = time.monotonic()

    def session_of(self, port):
        with contextlib.suppress(OSError):
            for binding in self.daemon.get_json("/bindings")["bindings"]:
                if binding["port"] == port:
                    return binding["sessionId"]
        return None

    def close_session(self, session, grace_ms):
        with contextlib.suppress(OSError):
            return self.daemon.request("DELETE", f"/sessions/{session}?grace_ms={grace_ms}")[0]
        return None

    # ---- logs

    def keep_log(self, tunnel, driver):
        with open(log_path(self.logs, tunnel), "a", encoding="utf-8") as kept:
            kept.write(f"--- pid {driver.pid}\n{driver.stderr()}")

    def keep_daemon_log(self, daemon):
        with open(os.path.join(self.logs, f"daemon.{self.daemon_lives:04}.log"), "w", encoding="utf-8") as kept:
            kept.write(daemon.stderr())

    # ---- visitors

    async def visit_on_and_on(self, rng):
        while time.monotonic() < self.storm_ends and not self.failures:
            tunnel = rng.choice(self.tunnels)
            visit = pick(rng, VISITORS[tunnel.kind])
            await self.visit(tunnel, visit, random.Random(rng.random()))

    async def visit(self, tunnel, visit, rng):
        began, number = time.monotonic(), self.number()
        name = f"{visit.__name__} at {tunnel.name}, number {number}"
        try:
            await asyncio.wait_for(visit(tunnel.port, number, rng), VISIT_MAX_S)
            self.outcomes["served"] += 1
        except Refused as refused:
            ended = time.monotonic()
            self.outcomes["refused"] += 1
            self.refused[str(refused)[:40]] += 1
            await asyncio.sleep(2 * HEARTBEAT_S)  # until it is known whether we ourselves have slept
            if not tunnel.was_hurt(began, ended):
                self.fail(f"{name}: {refused}, and nothing was done to it")
        except Torn as torn:
            self.judge_torn(tunnel, began, f"{name}: {torn}")
        except asyncio.TimeoutError:
            self.fail(f"{name} still waits after {VISIT_MAX_S} s")
        except Wrong as wrong:
            self.fail(f"{name}: {wrong}")
        except Exception:  # pylint: disable=broad-except
            self.fail(f"{name}: {traceback.format_exc()}")

    def judge_torn(self, tunnel, began, torn):
        self.outcomes["torn"] += 1
        if not any(ended >= began for _, ended in self.killed_times):
            self.fail(f"{tunnel.name}: {torn}, and the daemon was not killed")

    async def feel_the_pulse(self):
        """The network of the tunnels is in this process: when it does not get the processor, they are cut off."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(HEARTBEAT_S)
            stalled_s = time.monotonic() - before
            self.stall_max_s = max(self.stall_max_s, stalled_s)
            if stalled_s > STALL_S:
                self.deeds["(this test itself stood still)"] += 1
                for tunnel in self.tunnels:
                    tunnel.hurt(before)
                asyncio.create_task(self.recover_all())

    async def recover_all(self):
        try:
            await asyncio.gather(*(tunnel.recover() for tunnel in self.tunnels))
        finally:
            for tunnel in self.tunnels:
                tunnel.healed()

    # ---- mischief

    async def do_mischief(self, rng, ends):
        while time.monotonic() < ends and not self.failures:
            await asyncio.sleep(rng.random() * 0.8)
            act = pick(rng, mischief.OFTEN)
            self.deeds[act.__name__] += 1
            await act(self, random.Random(rng.random()))

    async def storm(self, index):
        rng = random.Random(f"{self.seed} {index}")
        self.storm_ends = time.monotonic() + STORM_S
        work = [self.visit_on_and_on(random.Random(rng.random())) for _ in range(VISITORS_AT_ONCE)]
        work += [self.do_mischief(random.Random(rng.random()), self.storm_ends - 1) for _ in range(MISCHIEF_AT_ONCE)]
        if index % RESTART_EVERY == RESTART_EVERY - 1:
            act = mischief.SELDOM[index // RESTART_EVERY % len(mischief.SELDOM)]
            self.deeds[act.__name__] += 1
            work.append(self.later(rng.random() * STORM_S / 2, act, rng))
        await asyncio.gather(*work)

    async def later(self, delay_s, act, rng):
        await asyncio.sleep(delay_s)
        await act(self, rng)

    async def look_around(self):
        """All is quiet: what should be, is."""
        while any(tunnel.hurts for tunnel in self.tunnels):  # it stood still
            await asyncio.sleep(HEARTBEAT_S)
        for tunnel in self.tunnels:
            tunnel.expect_alive()
            tunnel.hurt_times.clear()
        self.killed_times.clear()
        truths.expect_clean_log(self, self.daemon)
        async with self.daemon_changing:  # the watch asks nothing meanwhile
            memory, descriptors = await asyncio.to_thread(truths.expect_quiet, self, self.daemon)
        self.quiet.append((time.monotonic() - self.began, self.daemon_lives, memory, descriptors))
        self.memory_at_first = self.memory_at_first or memory
        truths.expect_no_growth(self, "the daemon", memory, self.memory_at_first)
        for tunnel in self.tunnels:
            truths.expect_modest_driver(self, tunnel)

    async def run(self, minutes):
        self.began = time.monotonic()
        asyncio.get_running_loop().set_default_executor(concurrent.futures.ThreadPoolExecutor(THREADS))
        self.daemon_changing = asyncio.Lock()
        await self.start_daemon(free_port())
        self.baseline = await asyncio.to_thread(truths.Baseline, self.daemon)
        for kind, connections in TUNNELS:
            self.tunnels.append(await Tunnel(self, kind, connections, free_port()).open())
        self.watch = truths.Watch(self)
        helpers = [asyncio.create_task(work) for work in (self.watch.run(), self.feel_the_pulse())]
        try:
            for index in itertools.count():
                if time.monotonic() - self.began >= minutes * 60 or self.failures:
                    break
                await self.storm(index)
                self.storms += 1
                if not self.failures:
                    await self.look_around()
                    self.print_progress()
            if not self.storms and not self.failures:
                self.fail(f"no storm in {minutes:g} minutes: the start alone took {time.monotonic() - self.began:.0f} s")
        finally:
            for helper in helpers:
                helper.cancel()
            await self.end()

    async def end(self):
        if not self.failures:
            for tunnel in self.tunnels:
                await tunnel.close()
            await asyncio.to_thread(self.daemon.stop)
            truths.expect_clean_log(self, self.daemon)
            return
        for process in [self.daemon, *(tunnel.driver for tunnel in self.tunnels)]:
            process.process.kill()
            process.process.wait()
        self.keep_daemon_log(self.daemon)
        for tunnel in self.tunnels:
            with contextlib.suppress(ValueError):
                self.keep_log(tunnel, tunnel.driver)

    # ---- what it showed

    def print_progress(self):
        seconds, _, memory, descriptors = self.quiet[-1]
        print(f"soak: {seconds:.0f} s, quiet: {sum(self.outcomes.values())} visits, {memory >> 20} MiB, {descriptors} descriptors", flush=True)

    def print_summary(self):
        took = time.monotonic() - self.began
        deeds = ", ".join(f"{name} {times}" for name, times in sorted(self.deeds.items()))
        print(f"soak: seed {self.seed}, {took:.0f} s, {self.storms} storms, {len(self.quiet)} quiet points, {self.daemon_lives} daemons, "
              f"{sum(tunnel.lives for tunnel in self.tunnels)} drivers")
        print("soak: visitors: " + ", ".join(f"{name} {times}" for name, times in sorted(self.outcomes.items())))
        print("soak: turned away while something was cut: "
              + ", ".join(f"{times} x {name}" for name, times in self.refused.most_common(12)))
        print(f"soak: done to it: {deeds}")
        if len(self.watch.answers_s) > 1:
            print(f"soak: the API answered {len(self.watch.answers_s)} times, median {statistics.median(self.watch.answers_s) * 1e3:.0f} ms, "
                  f"at most {max(self.watch.answers_s) * 1e3:.0f} ms; event-loop lag at most {max(self.watch.lags_s, default=0) * 1e3:.0f} ms")
        print(f"soak: {self.watch.excused} times it was excused, as it had got no processor for {truths.STARVED_S * 1e3:.0f} ms; "
              f"this test itself stood still for {self.stall_max_s * 1e3:.0f} ms at most")
        by_life = collections.defaultdict(list)
        for _, life, memory, descriptors in self.quiet:
            by_life[life].append((memory >> 20, descriptors))
        for life, points in by_life.items():
            print(f"soak: daemon {life}: MiB resident at quiet points {[memory for memory, _ in points]}, "
                  f"descriptors {sorted({count for _, count in points})}")


def parse(arguments):
    parser = argparse.ArgumentParser(prog="ops/soak", description=__doc__.split(".")[0])
    parser.add_argument("minutes", nargs="?", type=float, default=2.0, metavar="MINUTES", help="how long (default 2)")
    parser.add_argument("--seed", type=int, default=None, help="of all that is random (default: another one each time)")
    parser.add_argument("--shards", type=int, default=0, help="the daemon's event loops (default: its own)")
    parser.add_argument("--logs", default="build/soak", help="where logs are kept when something broke (default build/soak)")
    return parser.parse_args(arguments)


def main(arguments=None):
    chosen = parse(arguments)
    seed = chosen.seed if chosen.seed is not None else random.SystemRandom().randrange(10**6)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    logs = os.path.join(chosen.logs, str(seed))
    shutil.rmtree(logs, ignore_errors=True)
    os.makedirs(logs)
    soak = Soak(seed, chosen.shards, logs)
    print(f"soak: seed {seed}, {chosen.minutes:g} minutes", flush=True)
    try:
        asyncio.run(soak.run(chosen.minutes))
    except (Exception, asyncio.CancelledError):  # pylint: disable=broad-except
        soak.fail(traceback.format_exc())
    soak.print_summary()
    if soak.failures:
        print(f"soak: {len(soak.failures)} things broke; seed {seed}, logs in {logs}")
        return 1
    shutil.rmtree(logs)
    print("soak: nothing broke")
    return 0


if __name__ == "__main__":
    sys.exit(main())
