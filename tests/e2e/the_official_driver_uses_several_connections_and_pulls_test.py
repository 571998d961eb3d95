"""The official driver, unmodified: pull() echoes megabytes, and a session of several connections serves requests with bodies;
it changes to the primary in the middle of its streams (protocol section 4). The same by wss://.

It is not part of this repository. HOODY_SDK names a folder with its `lib` (dist-ts/lib of the public package hoody-sdk),
HOODY_NODE a Node.js 22; without them this test is skipped.
"""

import concurrent.futures
import hashlib
import json
import os
import subprocess
import threading

import harness
from certificates import a_certificate
from harness import Daemon, Origin, abort, connect, fetch, http_origin, pattern, receive_exactly, wait_until

SDK = os.environ.get("HOODY_SDK", "")
NODE = os.environ.get("HOODY_NODE", "")
ECHO_BYTES = (8 if harness.SANITIZED else 100) << 20
CROWD, CROWD_BYTES = 50, (256 << 10) if harness.SANITIZED else 1 << 20
CONNECTIONS, REQUESTS = 4, 200 if harness.SANITIZED else 1000

PULL_SCRIPT = """
const [sdk, url, target] = process.argv.slice(1);
const { pull } = await import(sdk + '/lib/tunnel-client.js');
const handle = await pull({ url, token: 'any', containerPort: 0, to: { host: '127.0.0.1', port: Number(target) } });
console.log(JSON.stringify({ port: handle.bind.containerPort }));
process.on('SIGTERM', async () => { await handle.close(); process.exit(0); });
"""
SEVERAL_SCRIPT = """
const [sdk, url, target] = process.argv.slice(1);
const { TunnelSession } = await import(sdk + '/lib/tunnel-session.js');
const { setupAutoForwarding } = await import(sdk + '/lib/tunnel-http-pump.js');
const session = new TunnelSession({ url, token: 'any', maxConnections: CONNECTIONS });
await session.connect();
const to = { host: '127.0.0.1', port: Number(target) };
setupAutoForwarding(session, to, to);
const bind = await session.bind({ kind: 'http', mode: 'expose', containerPort: 0 });
const pulled = await session.bind({ kind: 'tcp', mode: 'pull', containerPort: 0 });
console.log(JSON.stringify({ port: bind.containerPort, pulled: pulled.containerPort }));
process.on('SIGTERM', async () => { await session.close(); process.exit(0); });
""".replace("CONNECTIONS", str(CONNECTIONS))


class OfficialDriver:
    """Running that script; what it says first becomes its attributes."""

    def __init__(self, script, daemon, target, certificate=None):
        url = f"{'wss' if certificate else 'ws'}://127.0.0.1:{daemon.port}{harness.CONNECT}"
        command = [NODE, "--input-type=module", "-e", script, SDK, url, str(target)]
        env = {**os.environ, "NODE_EXTRA_CA_CERTS": certificate} if certificate else None
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=env)
        self.__dict__.update(json.loads(self.process.stdout.readline()))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(harness.PATIENCE)
        self.process.stdout.close()


def echo(sock, _address):
    while part := sock.recv(1 << 16):
        sock.sendall(part)


def send_and_get_back(port, body):
    """It ends with a reset: this driver never ends a stream whose visitor has said FIN."""
    visitor = connect(port)
    visitor.settimeout(4 * harness.PATIENCE)
    sender = threading.Thread(target=visitor.sendall, args=(body,))
    sender.start()
    assert receive_exactly(visitor, len(body)) == body
    sender.join()
    abort(visitor)


def pull_echoes_megabytes_and_many_at_once():
    with Origin(echo) as origin, Daemon() as daemon, OfficialDriver(PULL_SCRIPT, daemon, origin.port) as driver:
        send_and_get_back(driver.port, pattern(ECHO_BYTES, 1))
        with concurrent.futures.ThreadPoolExecutor(CROWD) as crowd:
            list(crowd.map(lambda seed: send_and_get_back(driver.port, pattern(CROWD_BYTES, seed)), range(CROWD)))
        wait_until(lambda: daemon.metric("hoody_tunnel_streams_active") == 0, "no stream is left")


def answer(method, target, _headers, body):
    seed, length = (int(part) for part in target.strip("/").split("/"))
    return 200, [("X-Sha", hashlib.sha256(body).hexdigest()), ("X-Method", method)], pattern(length, seed)


def ask(port, number):
    """Every third is a GET, the others have bodies by Content-Length and in chunks; all of different sizes."""
    up, down = number * 7919 % 200_000, number * 104_729 % 200_000
    head = b"%s /%d/%d HTTP/1.1\r\nHost: test\r\nConnection: close\r\n"
    if number % 3 == 0:
        body = b""
        request = head % (b"GET", number, down) + b"\r\n"
    else:
        body = pattern(up, number + 1)
        request = head % (b"POST", number, down)
        if number % 3 == 1:
            request += b"Content-Length: %d\r\n\r\n" % up + body
        else:
            parts = [part for part in (body[: up // 2], body[up // 2 :]) if part]
            request += b"Transfer-Encoding: chunked\r\n\r\n"
            request += b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    status, headers, got = fetch(port, request)
    assert status == 200, (number, status, got[:200])
    assert headers["x-sha"] == hashlib.sha256(body).hexdigest(), number
    assert got == pattern(down, number), number


def several_connections_serve_requests_with_bodies():
    with Daemon() as daemon:
        serve_requests_with_bodies(daemon)


def several_connections_serve_requests_over_tls():
    with a_certificate() as certificate, Daemon(*certificate.flags, tls=certificate.context()) as daemon:
        serve_requests_with_bodies(daemon, certificate.certificate)


def serve_requests_with_bodies(daemon, certificate=None):
    with http_origin(answer) as origin:
        with OfficialDriver(SEVERAL_SCRIPT, daemon, origin.port, certificate) as driver:
            (listed,) = daemon.get_json("/sessions")["sessions"]
            assert (listed["isV2"], listed["connectionsGranted"]) == (True, CONNECTIONS), listed
            assert daemon.metric('hoody_tunnel_handshakes_total{result="joined"}') == CONNECTIONS - 1
            with concurrent.futures.ThreadPoolExecutor(16) as crowd:
                list(crowd.map(lambda number: ask(driver.port, number), range(REQUESTS)))
            wait_until(lambda: daemon.metric("hoody_tunnel_streams_active") == 0, "no stream is left")


def several_connections_pull_too():
    with Origin(echo) as origin, Daemon() as daemon:
        with OfficialDriver(SEVERAL_SCRIPT, daemon, origin.port) as driver:
            with concurrent.futures.ThreadPoolExecutor(16) as crowd:
                list(crowd.map(lambda seed: send_and_get_back(driver.pulled, pattern(CROWD_BYTES, seed)), range(16)))
            wait_until(lambda: daemon.metric("hoody_tunnel_streams_active") == 0, "no stream is left")


if not (SDK and NODE):
    harness.skip("HOODY_SDK and HOODY_NODE do not name the official driver and a Node.js 22")
harness.run(
    pull_echoes_megabytes_and_many_at_once,
    several_connections_serve_requests_with_bodies,
    several_connections_serve_requests_over_tls,
    several_connections_pull_too,
)
