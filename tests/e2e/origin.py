"""The local service behind a driver."""

import socket
import threading
import traceback


class Origin:
    """A local service: one thread a connection, handler(sock, address) owns the socket."""

    def __init__(self, handler, port=0, host="127.0.0.1"):
        self.listener = socket.create_server((host, port), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.handler = handler
        self.failures = []

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept(), which would take one more
        self.listener.close()

    def _accept(self):
        while True:
            try:
                sock, address = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(sock, address), daemon=True).start()

    def _serve(self, sock, address):
        with sock:
            try:
                self.handler(sock, address)
            except (OSError, EOFError):
                pass  # the driver has dropped its connection: a test that minds looks itself
            except Exception:  # pylint: disable=broad-except
                self.failures.append(traceback.format_exc())


def read_request(reader):
    """One request off a socket's makefile('rb'): (method, target, {lower-case name: value}, body); None: clean end."""
    line = reader.readline()
    if not line:
        return None
    method, target, _ = line.decode("latin-1").split(" ")
    headers = {}
    while True:
        field = reader.readline().rstrip(b"\r\n")
        if not field:
            break
        name, _, value = field.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    body = b""
    if headers.get("transfer-encoding") == "chunked":
        while True:
            length = int(reader.readline().split(b";")[0], 16)
            body += reader.read(length)
            reader.readline()
            if length == 0:
                break
    elif "content-length" in headers:
        body = reader.read(int(headers["content-length"]))
    return method, target, headers, body


def http_origin(answer, port=0, host="127.0.0.1"):
    """An Origin whose answer(method, target, headers, body) returns (status, [(name, value)...], body)."""

    def handler(sock, _address):
        reader = sock.makefile("rb")
        while True:
            request = read_request(reader)
            if request is None:
                return
            status, fields, body = answer(*request)
            head = f"HTTP/1.1 {status} Whatever\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields)
            if status not in (204, 304):
                head += f"Content-Length: {len(body)}\r\n"
            sock.sendall(head.encode("latin-1") + b"\r\n" + (b"" if request[0] == "HEAD" else body))

    return Origin(handler, port, host)
