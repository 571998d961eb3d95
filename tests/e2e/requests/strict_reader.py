"""Requests read off bytes as RFC 9112 has them and nothing else; written without the project's code."""

import re

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([\x21-\x7e]+) HTTP/1\.([01])")
FIELD = re.compile(rb"(" + TOKEN + rb"):[ \t]*([^\0-\x08\x0a-\x1f\x7f]*?)[ \t]*", re.DOTALL)
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})(;[^\0-\x08\x0a-\x1f\x7f]*)?", re.DOTALL)


class Broken(Exception):
    """The bytes are no request."""


class Cut(Exception):
    """The bytes end in the middle of a request."""


class Request:
    """One request, read whole; `head_only` until its body has been read."""

    def __init__(self, method, target, version, fields):
        self.method, self.target, self.version, self.fields = method, target, version, fields
        self.body = b""

    def all(self, name):
        return [value for field, value in self.fields if field == name]

    def brief(self):
        return self.method, self.target, self.body


def line_at(data, at):
    """(the line without its CRLF, where the next begins). A CR or LF elsewhere is an error."""
    end = data.find(b"\r\n", at)
    line = data[at:] if end < 0 else data[at:end]
    if b"\n" in line or b"\r" in (line[:-1] if end < 0 else line):
        raise Broken("a bare CR or LF")
    if end < 0:
        raise Cut
    return line, end + 2


def fields_at(data, at):
    fields = []
    while True:
        line, at = line_at(data, at)
        if not line:
            return fields, at
        field = FIELD.fullmatch(line)
        if not field:
            raise Broken(f"no field line: {line[:80]!r}")
        fields.append((field[1].lower().decode(), field[2].decode("latin-1")))


def head_at(data, at):
    line, at = line_at(data, at)
    matched = REQUEST_LINE.fullmatch(line)
    if not matched:
        raise Broken(f"no request line: {line[:80]!r}")
    fields, at = fields_at(data, at)
    return Request(matched[1].decode(), matched[2].decode(), int(matched[3]), fields), at


def chunks_at(data, at):
    body = b""
    while True:
        line, at = line_at(data, at)
        chunk = CHUNK.fullmatch(line)
        if not chunk:
            raise Broken(f"no chunk size: {line[:80]!r}")
        size = int(chunk[1], 16)
        if size == 0:
            return body, fields_at(data, at)[1]
        if len(data) < at + size + 2:
            raise Cut
        if data[at + size : at + size + 2] != b"\r\n":
            raise Broken("no CRLF behind a chunk")
        body += data[at : at + size]
        at += size + 2


def body_at(request, data, at):
    codings, lengths = request.all("transfer-encoding"), request.all("content-length")
    if codings and (lengths or request.version == 0 or [coding.lower() for coding in codings] != ["chunked"]):
        raise Broken(f"unclear framing: {codings} {lengths}")
    if codings:
        return chunks_at(data, at)
    if len(lengths) > 1 or (lengths and not re.fullmatch("[0-9]{1,19}", lengths[0])):
        raise Broken(f"unclear length: {lengths}")
    length = int(lengths[0]) if lengths else 0
    if len(data) < at + length:
        raise Cut
    return data[at : at + length], at + length


def request_at(data, at):
    """(the request that begins there, where the next begins); Broken or Cut."""
    request, at = head_at(data, at)
    if len(request.all("host")) != 1 and (request.version == 1 or request.all("host")):
        raise Broken(f"Hosts: {request.all('host')}")
    request.body, at = body_at(request, data, at)
    return request, at


def read_all(data):
    """(all whole requests of a connection, what the rest of its bytes is: None, "cut", or why they are broken)."""
    requests, at = [], 0
    while at < len(data):
        try:
            request, at = request_at(data, at)
        except Cut:
            return requests, "cut"
        except Broken as why:
            return requests, str(why)
        requests.append(request)
    return requests, None
