"""How services that are not strict read the bytes of a connection: Python's http.server and Node's lenient parser (llhttp). Both
give (method, target, body) of each whole request."""

import base64
import http.client
import http.server
import io
import json
import os
import shutil
import subprocess


http.client._MAXHEADERS = 1000  # pylint: disable=protected-access


class _Reading(http.server.BaseHTTPRequestHandler):
    """Never serves: it parses one head after the other, off bytes."""

    def __init__(self, data):  # pylint: disable=super-init-not-called
        self.rfile, self.wfile = io.BytesIO(data), io.BytesIO()
        self.client_address = ("", 0)

    def log_message(self, *_):
        pass

    def body(self):
        """None: cut short."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self.chunks()
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        return body if len(body) == length else None

    def chunks(self):
        body = b""
        while True:
            size = self.rfile.readline().split(b";")[0].strip()
            if not size:
                return None
            length = int(size, 16)
            body += self.rfile.read(length)
            if length == 0:
                return body if self.rfile.readline() else None
            self.rfile.readline()

    def request(self):
        self.raw_requestline = self.rfile.readline()
        if not self.raw_requestline or not self.parse_request():
            return None
        body = self.body()
        return None if body is None else (self.command, self.requestline.split()[1], body)


def read_as_python(data):
    reading = _Reading(data)
    return list(iter(reading.request, None))


def node_is_here():
    return shutil.which("node") is not None


def read_as_node(recordings):
    """One list of requests for each recording."""
    lines = b"".join(base64.b64encode(recording) + b"\n" for recording in recordings)
    script = os.path.join(os.path.dirname(__file__), "lax_reader.js")
    done = subprocess.run(["node", script], input=lines, capture_output=True, check=True, timeout=120)
    return [[(m, t, base64.b64decode(b)) for m, t, b in json.loads(line)] for line in done.stdout.splitlines()]
