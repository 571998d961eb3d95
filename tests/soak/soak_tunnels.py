"""A tunnel of the soak: a port, the driver that holds it now, the line between the driver and the daemon, the service behind it,
and the times in which visitors may be turned away."""

import asyncio
import os
import random
import subprocess
import time

import autopsy
import visitors
from harness import PATIENCE, Expose, Pull
from line import Line
from service import Service, echo_messages, serve_http, serve_raw

DRIVER_FLAGS = ("--wait", "--ping-interval", "2s", "--ping-timeout", "10s")
RECOVERY_MAX_S = 180.0  # whatever the load: never a measure of anything
HTTP, WEBSOCKET, RAW = "http", "websocket", "raw"
SERVICES = {HTTP: serve_http, WEBSOCKET: echo_messages, RAW: serve_raw}
VISITORS = {HTTP: visitors.HTTP, WEBSOCKET: visitors.WEBSOCKET, RAW: visitors.RAW}
PROBES = {HTTP: visitors.ask_once, WEBSOCKET: visitors.probe_websocket_service, RAW: visitors.pull}
FAILED = 1  # the driver's exit status when others have its port, or an admin closed it


class Tunnel:
    def __init__(self, soak, kind, connections, port):
        self.soak = soak
        self.kind = kind
        self.connections = connections
        self.port = port
        self.name = f"{kind}-{connections}"
        self.driver = None
        self.lives = 0
        self.memory_at_first = None  # (pid, resident bytes) of the driver, at its first quiet point
        self.changing = asyncio.Lock()  # who starts and ends its drivers
        self.hurts = 0  # what is being done to it just now
        self.hurt_times = []  # [began, ended or None]
        self.done_to_it = 0  # so many things so far
        self.killed_at = float("-inf")

    async def open(self):
        self.line = await Line(self.soak.daemon.port).open()
        self.service = await Service(SERVICES[self.kind], self.soak.fail, self.doubt).open()
        await self.start()
        return self

    async def close(self):
        self.expect_alive()
        self.driver.process.terminate()
        await self.expect_end(self.driver, 0)
        self.line.close()
        self.service.close()

    # ---- what visitors may be told

    def hurt(self, since=None):
        if self.hurts == 0:
            self.hurt_times.append([since or time.monotonic(), None])
        elif since:
            self.hurt_times[-1][0] = min(since, self.hurt_times[-1][0])
        self.hurts += 1
        self.done_to_it += 1

    def healed(self):
        self.hurts -= 1
        if self.hurts == 0:
            self.hurt_times[-1][1] = time.monotonic()

    def was_hurt(self, began, ended):
        """At some time between those two."""
        return any(since <= ended and (until is None or until >= began) for since, until in self.hurt_times)

    def doubt(self, began, wrong):
        """A service saw an upload that ended cleanly and too early: its driver has died, or it is wrong."""
        if self.killed_at < began - 1:
            self.soak.fail(f"{self.name}: {wrong}")

    # ---- drivers

    def spawn(self, *flags):
        program = Pull if self.kind == RAW else Expose
        flags = (*DRIVER_FLAGS, "--connections", str(self.connections), *flags)
        self.lives += 1
        return program(self.line, self.service.port, *flags, port=self.port)

    async def start(self, *flags):
        """Until one has the port. Who was killed may still have it, for as long as the grace."""
        deadline = time.monotonic() + RECOVERY_MAX_S
        while True:
            driver = self.spawn(*flags)
            if await asyncio.to_thread(driver.process.stdout.readline):
                self.driver = driver
                return
            status = await asyncio.to_thread(driver.wait)
            self.finish(driver)
            if status != FAILED or not self.hurts or time.monotonic() > deadline:
                self.soak.fail(f"{self.name}: a driver does not start: {driver.text[-2000:]}")
                raise asyncio.CancelledError
            await asyncio.sleep(0.2)

    def finish(self, driver):
        """It has ended; its last words are kept."""
        driver.check_sanitizers()
        driver.text = driver.stderr()
        if "broken invariant" in driver.text:
            self.soak.fail(f"{self.name}: {driver.text[-2000:]}")
        self.soak.keep_log(self, driver)
        driver.process.stdout.close()
        driver.stderr_file.close()

    def fail_stuck(self, driver, what):
        self.soak.fail(f"{self.name}: a driver does not end after {what}:\n{autopsy.of(driver)}")
        raise asyncio.CancelledError

    async def expect_end(self, driver, *statuses):
        try:
            status = await asyncio.to_thread(driver.wait)
        except subprocess.TimeoutExpired:
            self.fail_stuck(driver, "its signal")
        self.finish(driver)
        if status not in statuses:
            self.soak.fail(f"{self.name}: a driver ended with {status}, not {statuses}: {driver.text[-2000:]}")

    def expect_alive(self):
        status = self.driver.process.poll()
        if status is not None:
            self.soak.fail(f"{self.name}: its driver ended by itself with {status}: {self.driver.stderr()[-2000:]}")

    # ---- does it serve?

    async def probe(self):
        try:
            await asyncio.wait_for(PROBES[self.kind](self.port, self.soak.number(), random.Random(1)), PATIENCE)
        except (visitors.Refused, asyncio.TimeoutError):
            return False
        except visitors.Torn as torn:
            self.soak.judge_torn(self, time.monotonic() - PATIENCE, torn)
            return False
        return True

    async def recover(self):
        """Until it serves again; to be called while it is hurt."""
        deadline = time.monotonic() + RECOVERY_MAX_S
        while not await self.probe():
            if time.monotonic() > deadline:
                self.soak.fail(f"{self.name} does not serve again: {self.driver.stderr()[-2000:]}")
                raise asyncio.CancelledError
            await asyncio.sleep(0.05)

    async def session(self):
        """The id of the session that holds the port now; None: nobody does."""
        return await asyncio.to_thread(self.soak.session_of, self.port)


def log_path(folder, tunnel):
    return os.path.join(folder, f"{tunnel.name}.{tunnel.lives:04}.log")
