"""What a visitor makes of the bytes it gets, read as RFC 9112 has it and not a byte more kindly. Written without the
project's code: whatever a driver or a service did, the visitor may see a right answer, a 502, or a reset, and nothing else."""

import re
import struct

WHOLE, RESET_IN_IT, ENDED_IN_IT = "whole", "reset", "ended in the middle"

STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) [\t\x20-\x7e\x80-\xff]*")
FIELD_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*")


class Outcome:
    """One answer as far as it came: `end` says how it ended, status is 0 when no final head came."""

    def __init__(self):
        self.end = None
        self.interim = []  # (status, fields)
        self.status = 0
        self.fields = []  # (name, value) as bytes
        self.body = b""
        self.is_kept = False  # the connection may carry another exchange

    def values(self, name):
        return [value for field, value in self.fields if field.lower() == name]

    @property
    def is_whole(self):
        return self.end == WHOLE

    @property
    def is_refusal(self):
        """The kit's 502, or a reset."""
        return self.end == RESET_IN_IT or (self.is_whole and self.status == 502)

    def __repr__(self):
        return f"{self.status} {self.end}, {len(self.interim)} interim, {str(self.fields)[:500]}, {self.body[:200]!r}"


class AnswerReader:
    """The answers of one connection, one after the other."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""

    def read(self, method="GET"):
        """The next answer. What is not HTTP at all is an AssertionError."""
        outcome = Outcome()
        try:
            self._read(method, outcome)
            outcome.end = WHOLE
        except ConnectionResetError:
            outcome.end = RESET_IN_IT
        except EOFError:
            outcome.end = ENDED_IN_IT
        return outcome

    def expect_end(self):
        """The connection ends, and nothing comes before that. A reset is no worse."""
        try:
            rest = self.buffer + self.sock.recv(65536)
        except ConnectionResetError:
            rest = self.buffer
        assert rest == b"", f"after the answer: {rest[:300]!r}"

    def _more(self):
        part = self.sock.recv(65536)
        if not part:
            raise EOFError
        self.buffer += part

    def _line(self):
        while b"\r\n" not in self.buffer:
            assert b"\n" not in self.buffer, f"a bare LF: {self.buffer[:300]!r}"
            self._more()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        assert b"\r" not in line and b"\n" not in line and b"\0" not in line, line
        return line

    def _exactly(self, length, into):
        while length > 0:
            if not self.buffer:
                self._more()
            part, self.buffer = self.buffer[:length], self.buffer[length:]
            into.append(part)
            length -= len(part)

    def _head(self):
        line = self._line()
        match = STATUS_LINE.fullmatch(line)
        assert match, f"no status line: {line!r}"
        fields = []
        while line := self._line():
            field = FIELD_LINE.fullmatch(line)
            assert field, f"no field: {line!r}"
            fields.append(field.groups())
        return int(match[1]), fields

    def _read(self, method, outcome):
        status, fields = self._head()
        while status < 200 and status != 101:
            assert not any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in fields), fields
            outcome.interim.append((status, fields))
            status, fields = self._head()
        outcome.status, outcome.fields = status, fields
        body = []
        try:
            self._body(method, outcome, body)
        finally:
            outcome.body = b"".join(body)

    def _body(self, method, outcome, body):
        lengths, codings = outcome.values(b"content-length"), outcome.values(b"transfer-encoding")
        connection = [value.lower() for value in outcome.values(b"connection")]
        assert len(lengths) + len(codings) <= 1 and len(connection) <= 1, outcome.fields
        outcome.is_kept = b"close" not in connection
        if method == "HEAD" or outcome.status in (101, 204, 304):
            assert not codings and not (lengths and outcome.status in (101, 204)), outcome.fields
        elif codings:
            assert codings == [b"chunked"], codings
            self._chunks(body)
        elif lengths:
            assert re.fullmatch(rb"[0-9]+", lengths[0]), lengths
            self._exactly(int(lengths[0]), body)
        else:
            assert not outcome.is_kept, f"neither a length nor an end: {outcome.fields}"
            self._until_end(body)

    def _chunks(self, body):
        while True:
            line = self._line()
            assert re.fullmatch(rb"[0-9a-fA-F]+", line), line
            self._exactly(int(line, 16), body)
            if int(line, 16) == 0:
                break
            assert self._line() == b"", "a chunk is longer than it says"
        assert self._line() == b"", "a trailer"

    def _until_end(self, body):
        try:
            while True:
                self._more()
        except EOFError:
            pass
        finally:
            body.append(self.buffer)
            self.buffer = b""


def abort(sock):
    """RST."""
    sock.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SOL_SOCKET, SO_LINGER
    sock.close()
