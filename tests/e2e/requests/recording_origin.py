"""A service that keeps every byte it gets, by connection, and answers each whole request with the same 200; what is no request with
400, after which it closes."""

import asyncio

from strict_reader import Broken, Cut, request_at

ANSWER = b"HTTP/1.1 200 OK\r\nX-Origin: whole\r\nContent-Length: 0\r\n\r\n"
REFUSAL = b"HTTP/1.1 400 Bad Request\r\nX-Origin: broken\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class RecordingOrigin:
    """`recordings`: the bytes of each connection."""

    def __init__(self):
        self.recordings = []
        self.connections = {}  # each one's task and what it writes to
        self.server = None
        self.port = None

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=1024)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()
        for writer in self.connections.values():
            writer.transport.abort()
        await self.ended()

    async def ended(self):
        """All its connections have, and nothing they brought is unread."""
        await asyncio.gather(*self.connections)

    async def serve(self, reader, writer):
        self.connections[asyncio.current_task()] = writer
        recording, answered = bytearray(), 0
        self.recordings.append(recording)
        try:
            while part := await reader.read(1 << 16):
                recording += part
                try:
                    while answered < len(recording):
                        _, answered = request_at(bytes(recording), answered)
                        writer.write(ANSWER)
                except Cut:
                    pass
        except Broken:
            writer.write(REFUSAL)
        except OSError:
            pass  # the visitor has left, or its proxy
        finally:
            writer.close()
