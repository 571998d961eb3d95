"""A Node service pushes through the tunnel: each server-sent event is seen before the next is sent, WebSockets carry messages
of every size and both sides' closes, and the service sees its visitors leave."""

import asyncio
import contextlib
import struct
from socket import SO_LINGER, SOL_SOCKET

import websockets

from harness import PATIENCE, Daemon, Expose, Visitor, abort, pattern, run, wait_until
from services.live import Live
from services.programs import need, server_folder

SIZES = (0, 1, 125, 126, 65535, 65536, 1 << 20, 5 << 20)


@contextlib.contextmanager
def served():
    """Yields (port through the tunnel, the service)."""
    with server_folder() as folder, Live(folder) as service, Daemon() as daemon, Expose(daemon, service.port) as driver:
        yield driver.port, service


def say(port, name, text):
    with Visitor(port) as visitor:
        visitor.ask("POST", f"/say/{name}", body=text.encode())
        assert visitor.receive_answer()[0] == 200


def listen(port, name):
    """A visitor of an event stream that has begun."""
    visitor = Visitor(port)
    visitor.ask(target=f"/events/{name}")
    status, headers = visitor.receive_head()
    assert status == 200 and headers["content-type"] == "text/event-stream", headers
    assert visitor.receive_chunk() == f"event: open\ndata: {name}\n\n".encode()
    return visitor


def socket_of(port):
    return websockets.connect(f"ws://127.0.0.1:{port}/socket", max_size=None, open_timeout=PATIENCE, close_timeout=PATIENCE)


def in_time(talk):
    asyncio.run(asyncio.wait_for(talk, 3 * PATIENCE))


def each_event_is_seen_before_the_next_is_sent():
    with served() as (port, _), listen(port, "one") as one, listen(port, "two") as two:
        for i in range(50):
            for name, visitor in (("one", one), ("two", two)):
                say(port, name, f"{name} {i}")
                assert visitor.receive_chunk() == f"data: {name} {i}\n\n".encode()


def the_service_sees_its_listeners_leave():
    with served() as (port, service):
        with listen(port, "closes"):
            pass
        wait_until(lambda: service.left()["streams"] == ["closes"], "the first has left")
        with listen(port, "stays") as stays:
            abort(listen(port, "aborts").sock)
            wait_until(lambda: service.left()["streams"] == ["closes", "aborts"], "the second has left")
            say(port, "stays", "still here?")
            assert stays.receive_chunk() == b"data: still here?\n\n"


def messages_of_every_size_come_back():
    async def talk(port):
        async with socket_of(port) as socket:
            assert await socket.recv() == "welcome"
            for size in SIZES:
                for message in (pattern(size), "ü" * (size // 2)):
                    await socket.send(message)
                    assert await socket.recv() == message, size
            await socket.send([pattern(70_000), b"", pattern(3)])  # in fragments
            assert await socket.recv() == pattern(70_000) + pattern(3)
            await (await socket.ping(b"are you there"))
            for i in range(500):  # all at once
                await socket.send(f"message {i}")
            assert [await socket.recv() for i in range(500)] == [f"message {i}" for i in range(500)]

    with served() as (port, _):
        in_time(talk(port))


def many_sockets_get_their_own():
    async def talk(port, number):
        async with socket_of(port) as socket:
            assert await socket.recv() == "welcome"
            for i in range(20):
                await socket.send(f"{number} {i}")
                assert await socket.recv() == f"{number} {i}"

    async def all_talk(port):
        await asyncio.gather(*(talk(port, number) for number in range(50)))

    with served() as (port, _):
        in_time(all_talk(port))


def both_sides_closes_are_passed_on():
    async def talk(port, service):
        async with socket_of(port) as socket:
            assert await socket.recv() == "welcome"
            await socket.close(4001, "the visitor wants so")
        assert socket.close_code == 4001
        wait_until(lambda: service.left()["sockets"] == [[4001, "the visitor wants so"]], "the service has read the close")
        async with socket_of(port) as socket:
            assert await socket.recv() == "welcome"
            await socket.send("close me")
            await socket.wait_closed()
            assert (socket.close_code, socket.close_reason) == (4002, "the service wants so")
        wait_until(lambda: len(service.left()["sockets"]) == 2, "the service has closed, too")

    with served() as (port, service):
        in_time(talk(port, service))


def visitors_that_vanish_are_seen_to_leave():
    async def talk(port, service):
        for count, linger in ((1, None), (2, struct.pack("ii", 1, 0))):  # FIN, RST; no close frame
            async with socket_of(port) as socket:
                assert await socket.recv() == "welcome"
                if linger:
                    socket.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, linger)
                socket.transport.abort()
                await socket.wait_closed()
            wait_until(lambda: service.left()["sockets"] == [None] * count, "the service sees that the visitor is gone")

    with served() as (port, service):
        in_time(talk(port, service))


need("node")
run(
    each_event_is_seen_before_the_next_is_sent,
    the_service_sees_its_listeners_leave,
    messages_of_every_size_come_back,
    many_sockets_get_their_own,
    both_sides_closes_are_passed_on,
    visitors_that_vanish_are_seen_to_leave,
)
