"""The official driver, unmodified, publishes a local service through the daemon.

It is not part of this repository. HOODY_SDK names a folder with its `lib` (dist-ts/lib of the public package hoody-sdk),
HOODY_NODE a Node.js 22; without them this test is skipped.
"""

import asyncio
import hashlib
import json
import os
import subprocess

import websockets

import harness
from harness import Daemon, fetch, free_port, http_origin, pattern, simple_get, wait_until

SDK = os.environ.get("HOODY_SDK", "")
NODE = os.environ.get("HOODY_NODE", "")
SCRIPT = """
const [sdk, url, port, target] = process.argv.slice(1);
const { expose } = await import(sdk + '/lib/tunnel-client.js');
const handle = await expose({ url, token: 'any', containerPort: Number(port), to: { host: '127.0.0.1', port: Number(target) } });
console.log(JSON.stringify({ id: handle.session.id, port: handle.bind.containerPort }));
handle.session.onClose(() => process.exit(0));
process.on('SIGTERM', async () => { await handle.close(); process.exit(0); });
"""


class OfficialDriver:
    def __init__(self, daemon, target):
        url = f"ws://127.0.0.1:{daemon.port}{harness.CONNECT}"
        self.process = subprocess.Popen(
            [NODE, "--input-type=module", "-e", SCRIPT, SDK, url, str(free_port()), str(target)],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )
        said = json.loads(self.process.stdout.readline())
        self.session = said["id"]
        self.port = said["port"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(harness.PATIENCE)
        self.process.stdout.close()


def answer(method, target, _headers, body):
    if target == "/big":
        return 200, [], pattern(10 << 20)
    return 200, [("X-Sha", hashlib.sha256(body).hexdigest())], f"{method} {len(body)}".encode()


def requests_and_bodies_arrive():
    with http_origin(answer) as origin, Daemon() as daemon, OfficialDriver(daemon, origin.port) as driver:
        for _ in range(3):
            assert simple_get(driver.port, "/hello")[2] == b"GET 0"
        assert simple_get(driver.port, "/big")[2] == pattern(10 << 20)
        body = pattern(10 << 20, 7)
        head = b"POST /up HTTP/1.1\r\nHost: test\r\nConnection: close\r\n"
        chunked = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[: 5 << 20], body[5 << 20 :])) + b"0\r\n\r\n"
        for request in (
            head + b"Content-Length: %d\r\n\r\n" % len(body) + body,
            head + b"Transfer-Encoding: chunked\r\n\r\n" + chunked,
        ):
            status, headers, text = fetch(driver.port, request)
            assert (status, text) == (200, b"POST %d" % len(body)), (status, text)
            assert headers["x-sha"] == hashlib.sha256(body).hexdigest()
        wait_until(lambda: daemon.metric("hoody_tunnel_streams_active") == 0, "no stream is left")


async def talk(daemon):
    async def echo(websocket, _path=None):
        async for message in websocket:
            await websocket.send(message)

    loop = asyncio.get_running_loop()
    async with websockets.serve(echo, "127.0.0.1", 0, max_size=None) as server:
        driver = await loop.run_in_executor(None, OfficialDriver, daemon, server.sockets[0].getsockname()[1])
        async with websockets.connect(f"ws://127.0.0.1:{driver.port}/", max_size=None) as websocket:
            for size in (1, 125, 126, 65535, 65536, 1 << 20):
                message = os.urandom(size)
                await websocket.send(message)
                assert await websocket.recv() == message, size
        await loop.run_in_executor(None, driver.__exit__)


def a_websocket_echoes():
    with Daemon() as daemon:
        asyncio.run(talk(daemon))


def delete_ends_its_session():
    with http_origin(answer) as origin, Daemon() as daemon, OfficialDriver(daemon, origin.port) as driver:
        status, _, body = daemon.request("DELETE", f"/sessions/{driver.session}")
        assert status == 202, (status, body)
        assert json.loads(body) == {"sessionId": driver.session, "status": "closing"}
        assert daemon.get_json("/sessions") == {"sessions": [], "total": 0}
        try:
            harness.connect(driver.port).close()
            raise AssertionError("the port still listens after the 202")
        except ConnectionRefusedError:
            pass
        assert driver.process.wait(harness.PATIENCE) == 0, "the driver was not told"


if not (SDK and NODE):
    harness.skip("HOODY_SDK and HOODY_NODE do not name the official driver and a Node.js 22")
harness.run(requests_and_bodies_arrive, a_websocket_echoes, delete_ends_its_session)
