"""Who comes to the ports: each kind is a coroutine visit(port, number, rng) that returns when it got exactly what it came for,
raises Refused when it was turned away in a way that is allowed while something is cut, and Wrong for what is never allowed."""

import asyncio
import contextlib
import socket

import websockets

from line import reset_on_close
from roaming_driver import COMPLETE, PIECE, body
from service import RAW_HEAD, TORN, TORN_KIND, CutShort, Wrong, chunk, chunk_reader, end_reader, length_reader

POLITE = (502, 503)  # statuses of a tunnel that is not there for the moment
SMALL_RECEIVE_BUFFER = 32768
STALL_S = 6.5  # longer than the kit bears before it lends credit


class Refused(Exception):
    """502, 503, refused, reset, or closed before anything was said."""


class Torn(Exception):
    """A clean end in the middle of an answer: only who dies can do that."""


@contextlib.asynccontextmanager
async def connected(port, receive_buffer=0):
    sock = socket.socket()
    sock.setblocking(False)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    try:
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=sock, limit=PIECE)
    except OSError as failure:
        sock.close()
        raise Refused(f"connect: {failure}") from failure
    try:
        yield reader, writer
    except OSError as failure:
        raise Refused(repr(failure)) from failure
    finally:
        writer.close()


async def send_upload(writer, number, length, rng, frame=bytes, pace_s=0.0):
    content, place = body(number, length), 0
    while place < length:
        size = rng.choice((1, 1000, 30_000, 200_000))
        writer.write(frame(bytes(content[place : place + size])))
        place += size
        await writer.drain()
        if pace_s:
            await asyncio.sleep(pace_s)


async def read_head(reader):
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as end:
        if end.partial:
            raise Torn(f"a clean end in the head: {end.partial[:200]!r}") from end
        raise Refused("closed without an answer") from end
    lines = head.decode("latin-1").split("\r\n")
    fields = {}
    for line in lines[1:-2]:
        name, _, value = line.partition(": ")
        fields[name.lower()] = value
    return int(lines[0].split(" ")[1]), fields


async def expect_body(reader, fields, number, down, events, pace_s=0.0, stalls_at=None):
    """All of it, and nothing behind."""
    if fields.get("transfer-encoding") == "chunked":
        read = chunk_reader(reader)
    elif "content-length" in fields:
        read = length_reader(reader, int(fields["content-length"]))
    else:
        read = end_reader(reader)
    if events:
        expected = b"".join(b"data: %d %d\n\n" % (number, event) for event in range(down)) + COMPLETE
    else:
        expected = bytes(body(number + 1, down)) + COMPLETE
    place = 0
    try:
        while piece := await read():
            if expected[place : place + len(piece)] != piece:
                raise Wrong(f"{number} got at {place} what was not sent to it")
            place += len(piece)
            if stalls_at is not None and place > stalls_at:
                stalls_at = None
                await asyncio.sleep(STALL_S)
            if pace_s:
                await asyncio.sleep(pace_s)
    except (CutShort, asyncio.IncompleteReadError) as end:
        raise Torn(f"{number}: a clean end after {place} of {len(expected)} bytes") from end
    if place != len(expected):
        if "transfer-encoding" in fields or "content-length" in fields:
            raise Wrong(f"{number} was told that {place} bytes of {len(expected)} were all")
        raise Torn(f"{number}: a clean end after {place} of {len(expected)} bytes")


async def expect_answer(reader, number, down, events=False, method="GET", **pace):
    status, fields = await read_head(reader)
    if status == 100:
        status, fields = await read_head(reader)
    if status in POLITE:
        raise Refused(str(status))
    if status != 200:
        raise Wrong(f"{number} got {status}")
    if fields.get("x-id") != str(number):
        raise Wrong(f"{number} got the answer of {fields.get('x-id')}")
    if method != "HEAD":
        await expect_body(reader, fields, number, down, events, **pace)


def request(method, framing, number, up, down, pace_ms=0, fields=""):
    return f"{method} /{framing}/{number}/{up}/{down}/{pace_ms} HTTP/1.1\r\nHost: soak\r\n{fields}\r\n".encode()


def size(rng, most):
    return rng.choice((0, 1, rng.randrange(2000), rng.randrange(most), most))


# ---- visitors of EXPOSE ports


async def ask_once(port, number, rng):
    async with connected(port) as (reader, writer):
        method = rng.choice(("GET", "GET", "GET", "HEAD"))
        down = size(rng, 30_000)
        writer.write(request(method, rng.choice(("length", "chunked")), number, 0, down, 0, "Connection: close\r\n"))
        await expect_answer(reader, number, down, method=method)


async def exchange(port, number, rng):
    """Up and down at once."""
    up, down = size(rng, 1_500_000), size(rng, 1_500_000)
    async with connected(port) as (reader, writer):
        is_chunked, expects = rng.random() < 0.5, rng.random() < 0.2
        fields = "Transfer-Encoding: chunked\r\n" if is_chunked else f"Content-Length: {up}\r\n"
        fields += "Connection: close\r\n" + ("Expect: 100-continue\r\n" if expects and up else "")
        writer.write(request("POST", rng.choice(("length", "chunked", "close")), number, up, down, 0, fields))

        async def send():
            await send_upload(writer, number, up, rng, chunk if is_chunked else bytes)
            if is_chunked:
                writer.write(chunk(b""))

        await both(send(), expect_answer(reader, number, down))


async def both(sending, receiving):
    """What is received decides; who cannot send any more may still be told why."""
    sending = asyncio.create_task(sending)
    try:
        await receiving
        await sending
    finally:
        sending.cancel()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await sending


async def keep_on_asking(port, number, rng):
    """Several on one connection, some of them before the last was answered."""
    async with connected(port) as (reader, writer):
        for turn in range(rng.randrange(1, 5)):
            asked = [(number + turn * 8 + place, size(rng, 50_000)) for place in range(rng.randrange(1, 6))]
            writer.write(b"".join(request("GET", rng.choice(("length", "chunked")), one, 0, down) for one, down in asked))
            for one, down in asked:
                await expect_answer(reader, one, down)
            await asyncio.sleep(rng.choice((0, 0, 0.05, 0.5)))


async def read_slowly(port, number, rng):
    down = rng.randrange(200_000, 2_000_000)
    async with connected(port, SMALL_RECEIVE_BUFFER) as (reader, writer):
        writer.write(request("GET", rng.choice(("length", "chunked", "close")), number, 0, down, 0, "Connection: close\r\n"))
        stalls_at = rng.randrange(down // 2) if rng.random() < 0.2 else None
        await expect_answer(reader, number, down, pace_s=0.0 if stalls_at else 0.03, stalls_at=stalls_at)


async def hear_events(port, number, rng):
    count = rng.randrange(1, 30)
    async with connected(port) as (reader, writer):
        writer.write(request("GET", "events", number, 0, count, rng.choice((1, 20, 100)), "Connection: close\r\n"))
        await expect_answer(reader, number, count, events=True)


async def leave_early(port, number, rng):
    """In the middle of the request, of the upload, or of the answer."""
    up, down = rng.randrange(1, 1_000_000), rng.randrange(1, 1_000_000)
    async with connected(port) as (reader, writer):
        place = rng.randrange(4)
        whole = request("POST", "chunked", number, up, down, 0, "Transfer-Encoding: chunked\r\n")
        if place == 0:
            writer.write(whole[: rng.randrange(len(whole))])
        else:
            writer.write(whole)
            await send_upload(writer, number, rng.randrange(up), rng, chunk)
        if place > 1:
            await asyncio.wait_for(reader.read(rng.randrange(1, 100_000)), 60)
        if place == 3:
            await asyncio.sleep(rng.random() * 0.2)
        if rng.random() < 0.5:
            reset_on_close(writer)


async def be_torn(port, number, rng):
    """The service resets in the middle of its answer, with bytes for it still on their way."""
    up, down = rng.randrange(1, 300_000), rng.randrange(1, 300_000)
    async with connected(port) as (reader, writer):
        kind = TORN_KIND + rng.choice(("length", "chunked", "close"))
        writer.write(request("POST", kind, number, up, down, 0, "Transfer-Encoding: chunked\r\n"))
        try:
            await both(send_upload(writer, number, up, rng, chunk), expect_answer(reader, number, down))
        except (OSError, Refused):
            return  # as it must: reset, or a 502 when the reset was faster than the head
        raise Wrong(f"{number} was told that an answer is whole which was torn")


async def talk_in_messages(port, number, rng):
    try:
        async with websockets.connect(
            f"ws://127.0.0.1:{port}/ws/{number}/0/0/0", compression=None, ping_interval=None, open_timeout=None, close_timeout=60
        ) as talk:
            for turn in range(rng.randrange(1, 20)):
                said = [f"{number} {turn} {place}".encode() + body(number, size(rng, 60_000)) for place in range(rng.randrange(1, 4))]
                for message in said:
                    await talk.send(message)
                for message in said:
                    if await talk.recv() != message:
                        raise Wrong(f"{number} got another message than it sent")
                await asyncio.sleep(rng.choice((0, 0, 0.02)))
    except websockets.InvalidStatusCode as refusal:
        if refusal.status_code not in POLITE:
            raise Wrong(f"{number}: an upgrade got {refusal.status_code}") from refusal
        raise Refused(str(refusal.status_code)) from refusal
    except (websockets.ConnectionClosed, websockets.InvalidMessage, OSError, EOFError) as end:
        raise Refused(repr(end)) from end


async def probe_websocket_service(port, number, rng):
    """Plain requests go there, too."""
    async with connected(port) as (reader, writer):
        writer.write(request("GET", "plain", number, 0, 0, 0, "Connection: close\r\n"))
        await expect_answer(reader, number, 0)


# ---- visitors of PULL ports


async def pull(port, number, rng):
    up, down = size(rng, 1_500_000), size(rng, 1_500_000)
    await exchange_raw(port, number, up, down, rng)


async def exchange_raw(port, number, up, down, rng, receive_buffer=0, pace_s=0.0):
    async with connected(port, receive_buffer) as (reader, writer):
        writer.write(RAW_HEAD.pack(number, up, down))

        async def send():
            await send_upload(writer, number, up, rng)
            writer.write_eof()

        await both(send(), expect_raw(reader, number, down, pace_s))


async def expect_raw(reader, number, down, pace_s):
    expected = number.to_bytes(8, "big") + bytes(body(number + 1, down)) + COMPLETE
    place = 0
    while piece := await reader.read(PIECE):
        if expected[place : place + len(piece)] != piece:
            raise Wrong(f"{number} got at {place} what was not sent to it")
        place += len(piece)
        if pace_s:
            await asyncio.sleep(pace_s)
    if place == 0:
        raise Refused("closed with nothing sent")
    if place < len(expected):
        raise Torn(f"{number}: a clean end after {place} of {len(expected)} bytes")


async def pull_torn(port, number, rng):
    up, down = rng.randrange(1, 300_000), rng.randrange(300_000)
    async with connected(port) as (reader, writer):
        writer.write(RAW_HEAD.pack(number, up, down | TORN))
        try:
            await both(send_upload(writer, number, up, rng), expect_raw(reader, number, down, 0.0))
        except (OSError, Refused):
            return
        raise Wrong(f"{number} was told that a stream is whole which was torn")


async def pull_slowly(port, number, rng):
    await exchange_raw(port, number, 1000, rng.randrange(200_000, 2_000_000), rng, SMALL_RECEIVE_BUFFER, 0.03)


async def leave_pull_early(port, number, rng):
    up = rng.randrange(1, 1_000_000)
    async with connected(port) as (reader, writer):
        writer.write(RAW_HEAD.pack(number, up, rng.randrange(1_000_000)))
        await send_upload(writer, number, rng.randrange(up), rng)
        await asyncio.wait_for(reader.read(rng.randrange(1, 100_000)), 60)
        reset_on_close(writer)  # a clean end would say that this was all


HTTP = {ask_once: 8, exchange: 4, keep_on_asking: 5, read_slowly: 2, hear_events: 2, leave_early: 3, be_torn: 2}
WEBSOCKET = {talk_in_messages: 6, probe_websocket_service: 2}
RAW = {pull: 5, pull_slowly: 2, leave_pull_early: 2, pull_torn: 2}
