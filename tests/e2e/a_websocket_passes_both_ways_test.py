"""WebSockets pass through the tunnel both ways; both ends are python3-websockets, independent of this project."""

import asyncio
import os

import websockets

import harness
from harness import Daemon, Expose


async def echo(websocket, _path=None):
    async for message in websocket:
        await websocket.send(message)


async def exchange(port, messages):
    async with websockets.connect(f"ws://127.0.0.1:{port}/echo", max_size=None) as websocket:
        for message in messages:
            await websocket.send(message)
            assert await websocket.recv() == message
        pong = await websocket.ping(b"through the tunnel")
        await pong


async def talk():
    async with websockets.serve(echo, "127.0.0.1", 0, max_size=None) as server:
        service_port = server.sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        daemon = await loop.run_in_executor(None, Daemon().__enter__)
        driver = await loop.run_in_executor(None, Expose(daemon, service_port).__enter__)
        sizes = (0, 1, 125, 126, 65535, 65536, 70000, 3 << 20)
        await exchange(driver.port, ["text", *(os.urandom(size) for size in sizes)])
        await asyncio.gather(*(exchange(driver.port, [os.urandom(5000 + i) for _ in range(20)]) for i in range(20)))
        await loop.run_in_executor(None, driver.__exit__, None, None, None)
        await loop.run_in_executor(None, daemon.__exit__, None, None, None)


def messages_of_all_sizes_come_back():
    asyncio.run(talk())


harness.run(messages_of_all_sizes_come_back)
