"""Chromium without a window, led through its DevTools protocol."""

import asyncio
import itertools
import json
import os

import websockets

from harness import PATIENCE

from .programs import Server

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --disable-dev-shm-usage --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --no-proxy-server --remote-debugging-port=0 --window-size=800,700"
).split()


class Browser(Server):
    def __init__(self, folder):
        self.told_where = f"{folder}/profile/DevToolsActivePort"
        profile = "--user-data-dir={folder}/profile"
        super().__init__(folder, "chromium", *FLAGS, profile, "about:blank", until=self.has_told_where)

    def has_told_where(self):
        return os.path.exists(self.told_where) and os.path.getsize(self.told_where) > 0

    def visit(self, script):
        """Runs script(tab), a coroutine, on a new tab."""

        async def visit():
            with open(self.told_where, encoding="ascii") as told:
                port, path = told.read().split()
            async with websockets.connect(f"ws://127.0.0.1:{port}{path}", max_size=None, open_timeout=PATIENCE) as socket:
                tab = Tab(socket)
                reading = asyncio.create_task(tab.read())
                acting = asyncio.create_task(tab.run(script))
                await asyncio.wait((reading, acting), return_when=asyncio.FIRST_COMPLETED)
                if not acting.done():
                    acting.cancel()
                    await reading  # raises what has ended it
                    raise EOFError("the browser has closed")
                reading.cancel()
                return acting.result()

        return asyncio.run(asyncio.wait_for(visit(), 2 * PATIENCE))


class Tab:
    """`complaints`: whatever went wrong in it, as the browser sees it."""

    def __init__(self, socket):
        self.socket = socket
        self.numbers = itertools.count(1)
        self.answers = {}
        self.session = None
        self.complaints = []

    async def open(self):
        target = (await self.ask("Target.createTarget", url="about:blank"))["targetId"]
        self.session = (await self.ask("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.ask(f"{domain}.enable")

    async def run(self, script):
        await self.open()
        return await script(self)

    async def ask(self, method, **parameters):
        number = next(self.numbers)
        self.answers[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        await self.socket.send(json.dumps(message))
        answer = await self.answers[number]
        assert "error" not in answer, (method, answer)
        return answer["result"]

    async def read(self):
        async for text in self.socket:
            message = json.loads(text)
            if "id" in message:
                self.answers.pop(message["id"]).set_result(message)
            elif is_complaint(message["method"], message["params"]):
                self.complaints.append(message)

    async def go_to(self, url):
        answer = await self.ask("Page.navigate", url=url)
        assert "errorText" not in answer, answer

    async def evaluate(self, expression):
        """Its value, awaited when it is a promise."""
        answer = await self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")


def is_complaint(method, told):
    if method in ("Runtime.exceptionThrown", "Network.loadingFailed", "Network.webSocketFrameError"):
        return True
    if method == "Runtime.consoleAPICalled":
        return told["type"] in ("error", "warning", "assert")
    if method == "Log.entryAdded":
        return told["entry"]["level"] in ("error", "warning")
    return method == "Network.responseReceived" and told["response"]["status"] >= 400
