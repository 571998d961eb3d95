"""The visitors of all items at once, each on a connection of its own, and what each of them got."""

import asyncio
import re

from harness import connect

STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([0-9]{3})[^\r\n]*\r\n")
LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)\r\n", re.IGNORECASE)
MADE_BY = re.compile(rb"\r\nx-origin: *([a-z]+)\r\n", re.IGNORECASE)
AT_ONCE = 200
PAUSE = 0.02  # seconds, so that pieces mostly arrive one by one
ORIGIN, BROKEN, NO_ANSWER, NO_HEAD, RESET, BY_CHANCE = "origin", "broken", "nothing", "headless", "reset", "by chance"


def read_answers(data):
    """In order: ORIGIN for an answer of the origin's (BROKEN: for what it could not read), a status for one on the way, NO_HEAD for
    bytes that are no answer."""
    answers = []
    while data:
        line = STATUS_LINE.match(data)
        head, end, rest = data.partition(b"\r\n\r\n")
        if not line or not end:
            answers.append(NO_HEAD)
            break
        by_origin = MADE_BY.search(head + b"\r\n")
        answers.append((ORIGIN if by_origin[1] == b"whole" else BROKEN) if by_origin else int(line[1]))
        length = LENGTH.search(head + b"\r\n")
        has_body = length and not STATUS_LINE.match(rest)  # not in an answer to HEAD
        data = rest[int(length[1]) :] if has_body else rest
    return answers


async def visit(port, pieces, patience):
    """Sends the pieces, reads until the peer ends."""
    sock = connect(port)
    sock.sendall(pieces[0])  # before anything else runs here: nobody may seem slow because of other visitors
    reader, writer = await asyncio.open_connection(sock=sock)
    received = b""
    try:
        for piece in pieces[1:]:
            await asyncio.sleep(PAUSE)
            writer.write(piece)
        while part := await asyncio.wait_for(reader.read(1 << 16), patience):
            received += part
        answers = read_answers(received)
    except (ConnectionResetError, BrokenPipeError):
        answers = [*read_answers(received), RESET]
    finally:
        writer.close()
    return answers or [NO_ANSWER]


async def visit_all(port, items, patience, cut=lambda raw: [raw]):
    """What each item got, in their order; `cut` makes pieces of its bytes."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(item):
        async with gate:
            return await visit(port, cut(item.raw), patience)

    return await asyncio.gather(*map(one, items))
