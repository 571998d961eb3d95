"""Every rule of RFC 6455 on receiving frames, in both roles, against the project's WebSocket layer: cases.py, and python3-websockets as
a second peer. Writes what passed to websocket.md in the folder that HOODY_RESULTS names.

With words as arguments: only cases whose rule or name has one of them."""

import asyncio
import os
import sys
import traceback

import websockets

from cases import CASES
from echo_peer import PATIENCE, PROGRAM, Echo

MESSAGES = ["", "hello", "κόσμε" * 1000, b"", b"\x00\xff" * 40000, b"z" * (1 << 20), "t" * (1 << 20)]


def run_cases(role, words):
    """[(section, rule, name, what went wrong or None)]"""
    outcomes = []
    with Echo(role) as echo:
        for section, rule, name, script in CASES:
            if words and not any(word in f"{rule} {name}" for word in words):
                continue
            wrong = None
            try:
                with echo.connect() as peer:
                    script(peer)
                echo.done()
            except Exception:  # pylint: disable=broad-except
                wrong = traceback.format_exc()
                print(f"FAIL {role}: {section} {rule}: {name}\n{wrong}", flush=True)
            outcomes.append((section, rule, name, wrong))
    return outcomes


async def converse(peer):
    """python3-websockets on the other side, which has its own opinion of every frame of ours."""
    for message in MESSAGES:
        await peer.send(message)
        assert await peer.recv() == message
    await peer.send([b"frag", b"", b"ments"])
    assert await peer.recv() == b"fragments"
    await asyncio.wait_for(await peer.ping(b"there?"), PATIENCE)
    await peer.close(1001, "enough")
    assert peer.close_code == 1001, peer.close_code


async def with_websockets_as_client(port):
    async with websockets.connect(f"ws://127.0.0.1:{port}/", max_size=None, compression=None, open_timeout=PATIENCE) as peer:
        await converse(peer)


async def with_websockets_as_server():
    verdict = asyncio.get_running_loop().create_future()

    async def serve(peer):
        try:
            await converse(peer)
            verdict.set_result(None)
        except Exception as wrong:  # pylint: disable=broad-except
            verdict.set_exception(wrong)

    async with websockets.serve(serve, "127.0.0.1", 0, max_size=None, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        dialler = await asyncio.create_subprocess_exec(PROGRAM, "dial", str(port))
        await asyncio.wait_for(verdict, PATIENCE)
        assert await asyncio.wait_for(dialler.wait(), PATIENCE) == 0


def second_peer():
    with Echo("server") as echo:
        asyncio.run(with_websockets_as_client(echo.port))
    asyncio.run(with_websockets_as_server())


def write_results(outcomes_by_role):
    folder = os.environ.get("HOODY_RESULTS")
    if not folder:
        return
    rules = {}
    for role, outcomes in outcomes_by_role.items():
        for section, rule, _, wrong in outcomes:
            passed, total = rules.setdefault((section, rule), {}).get(role, (0, 0))
            rules[(section, rule)][role] = (passed + (wrong is None), total + 1)
    with open(os.path.join(folder, "websocket.md"), "w", encoding="utf-8") as table:
        table.write("| section | rule | as server | as client |\n|---|---|---|---|\n")
        for (section, rule), roles in sorted(rules.items(), key=lambda item: [float(part) for part in item[0][0].split(".")]):
            table.write(f"| {section} | {rule} | {' | '.join('%d of %d' % roles[role] for role in ('server', 'client'))} |\n")


def main(words):
    outcomes_by_role = {role: run_cases(role, words) for role in ("server", "client")}
    for role, outcomes in outcomes_by_role.items():
        print(f"as {role}: {sum(wrong is None for *_, wrong in outcomes)} of {len(outcomes)} cases passed")
        assert outcomes, "no case has these words"
    if not words:
        second_peer()
        print("python3-websockets agrees in both roles")
        write_results(outcomes_by_role)
    return any(wrong for outcomes in outcomes_by_role.values() for *_, wrong in outcomes)


if __name__ == "__main__":
    if os.environ.get("HOODY_SANITIZE") == "thread":
        print("skipped: the echo has one thread")
        sys.exit(77)
    sys.exit(main(sys.argv[1:]))
