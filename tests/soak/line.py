"""The network between a driver and the daemon, in the asyncio loop of the soak: it can stop passing bytes, and be cut."""

import asyncio
import contextlib
import socket
import struct

PIECE = 1 << 16


def reset_on_close(writer):
    """Whatever closes it from now on sends RST."""
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Line:
    """A driver is led to it as if it were the daemon: it has a port."""

    def __init__(self, daemon_port):
        self.daemon_port = daemon_port
        self.calls = []  # (writer to the driver, writer to the daemon), the oldest first
        self.passes = {"up": asyncio.Event(), "down": asyncio.Event()}
        self.thaw()

    async def open(self):
        self.server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    def close(self):
        self.server.close()
        self.thaw()
        self.cut(self.calls, True)

    def freeze(self, *ways):
        """No byte and no end gets through any more, nor is any lost."""
        for way in ways:
            self.passes[way].clear()

    def thaw(self):
        for gate in self.passes.values():
            gate.set()

    def cut(self, calls, resets):
        for call in list(calls):
            for writer in call:
                if resets:
                    reset_on_close(writer)
                    writer.transport.abort()
                else:
                    writer.close()

    async def _carry(self, from_driver, to_driver):
        try:
            from_daemon, to_daemon = await asyncio.open_connection("127.0.0.1", self.daemon_port)
        except OSError:
            reset_on_close(to_driver)
            to_driver.transport.abort()
            return
        call = (to_driver, to_daemon)
        self.calls.append(call)
        try:
            await asyncio.gather(self._pass(from_driver, to_daemon, "up"), self._pass(from_daemon, to_driver, "down"))
        except OSError:  # a reset on one side is the end of the other
            self.cut([call], True)
        finally:
            self.calls.remove(call)
            for writer in call:
                writer.close()

    async def _pass(self, reader, writer, way):
        while True:
            part = await reader.read(PIECE)
            await self.passes[way].wait()
            if not part:
                writer.write_eof()
                return
            writer.write(part)
            await writer.drain()
