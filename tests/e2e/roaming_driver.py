"""A driver that uses several connections as official ones do: a stream is answered on the connection of its STREAM_OPEN until
its EOF has come, and on the primary from there on; two WINDOW frames for each DATA; PONG on the primary always; credit of the
session is taken before that of the stream. Its secondaries may lie on slow paths, and may be cut at any time. Everything runs
in one asyncio loop, the visitors too."""

import asyncio
import collections
import json
import random
import struct

from raw_driver import (
    BIND,
    BIND_OK,
    DATA,
    EOF,
    GOAWAY,
    HELLO_OK,
    JOIN,
    JOIN_ERR,
    JOIN_OK,
    PING,
    PONG,
    REISSUE_JOIN_TICKETS,
    RESET,
    STREAM_OPEN,
    WINDOW,
    RawDriver,
    frame,
    hello,
    response_head,
    upgrade_request,
    window,
)

V2 = "hoody-tunnel.v2"
CONNECTION_LOST = 0x41
PIECE = 65536
COMPLETE = b"complete"
BLOB = random.Random(1).randbytes(8 << 20)  # what all bodies are cut from: no two places of it are alike


def body(seed, length):
    """The body of that number; of at most half the blob."""
    place = seed * 7919 % (len(BLOB) // 2)
    return memoryview(BLOB)[place : place + length]


class Path:
    """One WebSocket. What is sent or comes is under way for a random time up to `delay` seconds; its order stays."""

    def __init__(self, driver, index, delay):
        self.driver = driver
        self.index = index
        self.delay = delay
        self.rng = random.Random(f"{driver.seed} {index}")
        self.loop = asyncio.get_running_loop()
        self.due = {"out": 0.0, "in": 0.0}
        self.batch = []
        self.batch_bytes = 0
        self.is_open = True
        self.nonce = None
        self.data_sent = self.data_received = 0  # bytes
        self.said = asyncio.Queue()  # answers to HELLO and JOIN

    async def connect(self, port, first):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        self.writer.write(upgrade_request(subprotocol=V2))
        head = await self.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        self.task = asyncio.create_task(self.read())
        self.send(first)
        return await self.said.get()

    def after_its_time(self, way, action, *arguments):
        if self.delay == 0:
            action(*arguments)
            return
        self.due[way] = max(self.due[way] + 1e-6, self.loop.time() + self.rng.uniform(0, self.delay))
        self.loop.call_at(self.due[way], action, *arguments)

    def write(self, opcode, payload):
        self.after_its_time("out", self.put, RawDriver.websocket_frame(opcode, payload, mask=bytes(4)))

    def put(self, sent):
        if not self.writer.is_closing():
            self.writer.write(sent)

    def send(self, sent):
        """A frame; those of one turn of the loop share a message."""
        if not self.batch:
            self.loop.call_soon(self.flush)
        elif len(self.batch) == 64 or self.batch_bytes + len(sent) > 262144:
            self.flush()
            self.loop.call_soon(self.flush)
        self.batch.append(sent)
        self.batch_bytes += len(sent)
        if sent[0] == DATA:
            self.data_sent += len(sent) - 9

    def flush(self):
        if self.batch and self.is_open:
            self.write(2, b"".join(self.batch))
        self.batch, self.batch_bytes = [], 0

    async def read(self):
        try:
            while True:
                head = await self.reader.readexactly(2)
                length = head[1]
                if length == 126:
                    length = struct.unpack(">H", await self.reader.readexactly(2))[0]
                elif length == 127:
                    length = struct.unpack(">Q", await self.reader.readexactly(8))[0]
                self.after_its_time("in", self.hear, head[0] & 15, await self.reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            self.after_its_time("in", self.lose)

    def hear(self, opcode, payload):
        if not self.is_open:
            return
        if opcode == 9:
            self.driver.pings += 1
            self.write(10, payload)
        elif opcode == 8:
            self.lose()
        else:
            for kind, stream, content in RawDriver.split(payload):
                if kind in (HELLO_OK, JOIN_OK, JOIN_ERR):
                    self.said.put_nowait((kind, json.loads(content)))
                else:
                    self.driver.hear(self, kind, stream, content)

    def lose(self, closes=True):
        if self.is_open:
            self.is_open = False
            self.said.put_nowait((None, None))
            if closes:
                self.writer.close()
            self.driver.lost(self)

    def cut(self, way):
        """Ends it: "abort" with RST, "end" with FIN alone, "close" with a close frame."""
        if way == "abort":
            self.writer.transport.abort()
        elif way == "end":
            self.writer.close()
        else:  # behind all that was sent
            self.flush()
            self.write(8, struct.pack(">H", 1000))
            self.after_its_time("out", self.writer.close)
        self.lose(closes=way != "close")


class Credit:
    """Taken whole, first come first served."""

    def __init__(self, available):
        self.available = available
        self.waiting = collections.deque()
        self.is_over = False

    async def take(self, amount):
        if self.is_over:
            raise ConnectionError("the stream is over")
        if self.waiting or self.available < amount:
            turn = asyncio.get_running_loop().create_future()
            self.waiting.append((amount, turn))
            await turn
        else:
            self.available -= amount

    def give(self, amount):
        self.available += amount
        while self.waiting and self.available >= self.waiting[0][0]:
            wanted, turn = self.waiting.popleft()
            if not turn.done():
                self.available -= wanted
                turn.set_result(None)

    def end(self):
        self.is_over = True
        for _, turn in self.waiting:
            if not turn.done():
                turn.set_exception(ConnectionError("the stream is over"))
        self.waiting.clear()


class Stream:
    """One visitor's, which says what to expect and what to answer: (number, bytes up, bytes down)."""

    def __init__(self, number, path, window_bytes):
        self.id = number
        self.path = path
        self.credit = Credit(window_bytes)
        self.head = b""
        self.ask = None
        self.came = 0
        self.ended = asyncio.Event()
        self.answered_on = set()


class RoamingDriver:
    """`tells`: it is one of ours, which say what was lost with a connection, so that no credit is."""

    def __init__(self, port, connections, delay=0.0, seed=0, tells=False):
        self.port = port
        self.seed = seed
        self.delay = delay
        self.tells = tells
        self.lost_paths = {}  # by nonce
        self.wanted = connections
        self.paths = {}
        self.streams = {}
        self.opened_on = {}  # path by visitor's number
        self.pins = {}
        self.bound = asyncio.Queue()
        self.tickets = asyncio.Queue()
        self.tasks = set()
        self.failures = []
        self.pings = 0
        self.changed = 0  # streams that were answered on two connections
        self.served = collections.Counter()  # streams by index

    async def start(self):
        self.primary = Path(self, 0, 0.0)
        self.paths[0] = self.primary
        ours = {"client": {"name": "roaming", "version": "1"}} if self.tells else {}
        said = hello(V2, capabilities=["multi-ws"], maxConnections=self.wanted, **ours)
        _, self.hello_ok = await self.primary.connect(self.port, said)
        self.credit = Credit(self.hello_ok["sessionWindow"])
        for ticket in self.hello_ok["joinTickets"]:
            assert await self.join(ticket), ticket

    async def join(self, ticket):
        path = Path(self, ticket["index"], self.delay)
        join = {"sessionId": self.hello_ok["sessionId"], "index": ticket["index"], "nonce": ticket["nonce"]}
        kind, _ = await path.connect(self.port, frame(JOIN, 0, join))
        if kind == JOIN_OK and path.is_open:
            path.nonce = ticket["nonce"]
            self.paths[path.index] = path
        return kind == JOIN_OK

    async def rejoin(self):
        """Once, for all indexes that are free."""
        self.primary.send(frame(REISSUE_JOIN_TICKETS, 0, {}))
        for ticket in (await self.tickets.get())["joinTickets"]:
            await self.join(ticket)

    async def bind(self, **more):
        ask = {"clientBindRef": 1, "kind": "http", "mode": "expose", "containerPort": 0, **more}
        self.primary.send(frame(BIND, 0, ask))
        return (await self.bound.get())["containerPort"]

    def spawn(self, work):
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def where(self, number):
        return self.pins.get(number, self.primary)

    def lost(self, path):
        if self.paths.get(path.index) is path:
            del self.paths[path.index]
        if path is self.primary:
            self.failures.append("the primary is lost")
        elif path.nonce and self.tells:
            self.lost_paths[path.nonce] = path
            self.primary.send(frame(CONNECTION_LOST, 0, {"nonce": path.nonce, "dataBytes": path.data_sent}))
        for stream in list(self.streams.values()):
            if self.pins.get(stream.id) is path:
                del self.pins[stream.id]
                self.forget(stream)

    def forget(self, stream):
        stream.credit.end()
        stream.ended.set()
        self.streams.pop(stream.id, None)

    def hear(self, path, kind, number, content):
        if kind == STREAM_OPEN:
            self.pins[number] = path
            self.open(Stream(number, path, self.hello_ok["streamWindow"]), json.loads(content))
        elif kind in (EOF, RESET):
            self.pins.pop(number, None)
        stream = self.streams.get(number)
        if kind == PING:
            self.primary.send(frame(PONG, 0, content))
        elif kind == WINDOW:
            credit = self.credit if number == 0 else stream and stream.credit
            if credit:
                credit.give(struct.unpack(">I", content)[0])
        elif kind == CONNECTION_LOST:
            self.hear_lost(**json.loads(content))
        elif kind == DATA:
            path.data_received += len(content)
            if stream:
                self.take(stream, content)
                self.where(number).send(window(number, len(content)))
            self.primary.send(window(0, len(content)))
        elif kind == EOF and stream:
            stream.ended.set()
        elif kind == RESET and stream:
            self.forget(stream)
        elif kind == BIND_OK:
            self.bound.put_nowait(json.loads(content))
        elif kind == REISSUE_JOIN_TICKETS:
            self.tickets.put_nowait(json.loads(content))
        elif kind == GOAWAY:
            self.failures.append(f"GOAWAY {content}")

    def hear_lost(self, nonce, dataBytes):
        for path in list(self.paths.values()):
            if path.nonce == nonce:
                path.lose()
        never_came = dataBytes - self.lost_paths.pop(nonce).data_received
        if never_came > 0:
            self.primary.send(window(0, never_came))

    def open(self, stream, says):
        self.streams[stream.id] = stream
        self.served[stream.path.index] += 1
        if says["kind"] == "http":
            self.begin(stream, [int(part) for part in says["target"].strip("/").split("/")], True)

    def begin(self, stream, ask, is_http):
        stream.ask = ask
        self.opened_on[ask[0]] = stream.path
        self.spawn(self.answer(stream, is_http))

    def take(self, stream, content):
        if not stream.ask:  # a visitor of a PULL port says first what it wants
            stream.head += content
            if len(stream.head) < 24:
                return
            content = stream.head[24:]
            self.begin(stream, struct.unpack(">QQQ", stream.head[:24]), False)
        seed, up, _ = stream.ask
        if body(seed, up)[stream.came : stream.came + len(content)] != content:
            self.failures.append(f"what came of {stream.ask} at {stream.came} is not what was sent")
        stream.came += len(content)

    def send(self, stream, sent):
        path = self.where(stream.id)
        stream.answered_on.add(path)
        path.send(sent)

    async def give(self, stream, content):
        await self.credit.take(len(content))
        try:
            await stream.credit.take(len(content))
        except ConnectionError:
            self.credit.give(len(content))
            raise
        self.send(stream, frame(DATA, stream.id, bytes(content)))

    async def answer(self, stream, is_http):
        seed, up, down = stream.ask
        try:
            if is_http:
                length = [["content-length", str(down + len(COMPLETE))]]
                self.send(stream, response_head(stream.id, headers=length))
            content = body(seed + 1, down)
            for place in range(0, down, PIECE):
                await self.give(stream, content[place : place + PIECE])
            await stream.ended.wait()
            await self.give(stream, COMPLETE)
            if stream.came != up:
                self.failures.append(f"of {stream.ask} came {stream.came}")
            self.send(stream, frame(EOF, stream.id))
        except ConnectionError:
            return  # cut, or reset
        finally:
            self.changed += len(stream.answered_on) > 1
            self.streams.pop(stream.id, None)

    async def stop(self):
        self.primary.writer.write(RawDriver.websocket_frame(8, struct.pack(">H", 1000)))
        for path in list(self.paths.values()):
            path.is_open = False
            path.writer.close()


async def visit(port, is_http, seed, up, down, rng):
    """Sends so many bytes and gets so many, in any order and at any pace. ConnectionError: it was cut short."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        if is_http:
            writer.write(b"POST /%d/%d/%d HTTP/1.1\r\nHost: test\r\nConnection: close\r\n" % (seed, up, down))
            writer.write(b"Content-Length: %d\r\n\r\n" % up)
        else:
            writer.write(struct.pack(">QQQ", seed, up, down))
        sending = asyncio.create_task(upload(writer, body(seed, up), rng, not is_http))
        try:
            if is_http:
                head = await reader.readuntil(b"\r\n\r\n")
                if not head.startswith(b"HTTP/1.1 200 "):
                    raise ConnectionError(head)
            await receive(reader, body(seed + 1, down), f"{seed}/{up}/{down}")
            await sending
        finally:
            sending.cancel()
    except asyncio.IncompleteReadError as end:
        raise AssertionError(f"a clean end of {seed}/{up}/{down} after {len(end.partial)} bytes of a piece") from end
    finally:
        writer.close()


async def upload(writer, content, rng, half_closes):
    place = 0
    while place < len(content):
        piece = rng.choice((1, 1000, 30_000, 200_000))
        writer.write(content[place : place + piece])
        await writer.drain()
        place += piece
        if rng.random() < 0.1:
            await asyncio.sleep(rng.uniform(0, 0.05))
    if half_closes:
        writer.write_eof()


async def receive(reader, content, name):
    place = 0
    while place < len(content):
        piece = await reader.readexactly(min(PIECE, len(content) - place))
        assert piece == content[place : place + len(piece)], f"what {name} got at {place} is not what was sent"
        place += len(piece)
    assert await reader.readexactly(len(COMPLETE)) == COMPLETE, name
    assert await reader.read() == b"", name
