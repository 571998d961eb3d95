"""The services behind the drivers. Each request says its number, how much it brings, how much it wants, and how that is to be
framed: all of it is checked, and nothing is answered to its end before what it brings has come whole."""

import asyncio
import contextlib
import struct
from http import HTTPStatus

import websockets

from line import reset_on_close
from roaming_driver import COMPLETE, PIECE, body

HEAD_MAX = 65536
RAW_HEAD = struct.Struct(">QQQ")  # number, bytes up, bytes down
TORN = 1 << 63  # with the bytes down: they are not all
TORN_KIND = "torn-"


class Wrong(Exception):
    """What must never happen, whatever was cut."""


class CutShort(Exception):
    """The connection ended before its time."""


async def check_body(read, number, length):
    """Reads all of it; `read()` gives the next piece, b"" at its clean end."""
    expected, place = body(number, length), 0
    while piece := await read():
        if bytes(expected[place : place + len(piece)]) != piece:
            raise Wrong(f"of {number} came at {place} what was not sent")
        place += len(piece)
    return place


async def send_body(writer, number, length, pace_s, frame=lambda piece: piece):
    content = body(number + 1, length)
    for place in range(0, length, PIECE):
        writer.write(frame(bytes(content[place : place + PIECE])))
        await writer.drain()
        if pace_s:
            await asyncio.sleep(pace_s)


def chunk(content):
    return b"%x\r\n%b\r\n" % (len(content), content)


def chunk_reader(reader):
    async def read():
        line = await reader.readuntil(b"\r\n")
        piece = await reader.readexactly(int(line, 16) + 2)
        if piece[-2:] != b"\r\n":
            raise Wrong(f"a chunk does not end: {piece[-10:]!r}")
        return piece[:-2]

    return read


def length_reader(reader, length):
    left = length

    async def read():
        nonlocal left
        piece = await reader.read(min(left, PIECE)) if left else b""
        if left and not piece:
            raise CutShort
        left -= len(piece)
        return piece

    return read


def end_reader(reader):
    async def read():
        return await reader.read(PIECE)

    return read


class Service:
    """One port. `tells(wrong)` hears of what must never be; `doubts(began, wrong)` of what may be where a driver was killed."""

    def __init__(self, serve, tells, doubts):
        self.serve = serve
        self.tells = tells
        self.doubts = doubts
        self.served = 0

    async def open(self):
        if self.serve is echo_messages:
            self.server = await websockets.serve(
                self._websocket, "127.0.0.1", 0, compression=None, ping_interval=None, process_request=answer_probe
            )
        else:
            self.server = await asyncio.start_server(self._connection, "127.0.0.1", 0, limit=HEAD_MAX, backlog=512)
        self.port = list(self.server.sockets)[0].getsockname()[1]
        return self

    def close(self):
        self.server.close()

    async def _websocket(self, socket):
        with contextlib.suppress(websockets.ConnectionClosed):
            await echo_messages(socket)
        self.served += 1

    async def _connection(self, reader, writer):
        began = asyncio.get_running_loop().time()
        try:
            await self.serve(self, reader, writer)
        except Wrong as wrong:
            self.tells(str(wrong))
        except TruncatedUpload as wrong:
            self.doubts(began, str(wrong))
        except (OSError, asyncio.IncompleteReadError, CutShort):
            pass
        finally:
            writer.close()


class TruncatedUpload(Exception):
    """It ended cleanly, and too early."""


async def answer_probe(path, headers):
    if "Upgrade" not in headers:
        return HTTPStatus.OK, [("X-Id", path.split("/")[2])], COMPLETE
    return None


async def echo_messages(socket):
    async for message in socket:
        await socket.send(message)


async def serve_http(service, reader, writer):
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as end:
            if end.partial:
                raise Wrong(f"half a head: {end.partial[:200]!r}") from end
            return
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:-2])
        kind, number, up, down, pace_ms = target.strip("/").split("/")
        await answer(reader, writer, method, fields, kind, int(number), int(up), int(down), int(pace_ms) / 1000)
        service.served += 1
        if kind == "close":
            return


async def answer(reader, writer, method, fields, kind, number, up, down, pace_s):
    """kind: how the answer is framed, with "torn-" before it when it ends by a reset; "events" has no upload."""
    is_torn, kind = kind.startswith(TORN_KIND), kind.removeprefix(TORN_KIND)
    if "transfer-encoding" in fields:
        read = chunk_reader(reader)
    else:
        read = length_reader(reader, int(fields.get("content-length", 0)))
    upload = asyncio.create_task(check_body(read, number, up))
    try:
        framing = {"length": f"Content-Length: {down + len(COMPLETE)}", "close": "Connection: close"}
        head = f"HTTP/1.1 200 OK\r\nX-Id: {number}\r\n{framing.get(kind, 'Transfer-Encoding: chunked')}\r\n\r\n"
        writer.write(head.encode())
        if method != "HEAD":
            if kind == "events":
                for event in range(down):
                    writer.write(chunk(b"data: %d %d\n\n" % (number, event)))
                    await writer.drain()
                    await asyncio.sleep(pace_s)
            else:
                is_chunked = kind == "chunked"
                await send_body(writer, number, down, pace_s, chunk if is_chunked else bytes)
        if is_torn:
            reset_on_close(writer)
            raise CutShort
        came = await upload
        if came != up:
            raise Wrong(f"of {number} came {came} bytes of {up}, as if they were all")
        if method != "HEAD":
            writer.write(COMPLETE if kind in ("length", "close") else chunk(COMPLETE) + chunk(b""))
        await writer.drain()
    finally:
        upload.cancel()


async def serve_raw(service, reader, writer):
    try:
        number, up, down = RAW_HEAD.unpack(await reader.readexactly(RAW_HEAD.size))
    except asyncio.IncompleteReadError:
        return  # it left before it said anything
    upload = asyncio.create_task(check_body(end_reader(reader), number, up))
    try:
        writer.write(struct.pack(">Q", number))
        await send_body(writer, number, down & ~TORN, 0)
        if down & TORN:
            reset_on_close(writer)
            raise CutShort
        came = await upload
        if came > up:
            raise Wrong(f"of {number} came {came} bytes, more than the {up} sent")
        if came < up:
            reset_on_close(writer)
            raise TruncatedUpload(f"of {number} came {came} bytes of {up}, then a clean end")
        writer.write(COMPLETE)
        await writer.drain()
        service.served += 1
    finally:
        upload.cancel()
