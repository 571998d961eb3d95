"""Whether a peer carries bytes as they are, before anything is measured with it."""

import hashlib
import http.client
import os

import backends
from patience import PATIENCE
from peers import HTTP, TCP
from sockets import connect, receive_exactly

ECHO_LENGTH = 256 << 10
ECHO_STEP = 4096


def request(port, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, body=body)
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status in (200, 201, 204), (method, path, answer.status)
        return content
    finally:
        connection.close()


def digest(content):
    return hashlib.sha256(content).hexdigest()


def files_come_whole(port, origin):
    for path in (backends.SMALL, backends.CHECKED):
        with open(f"{origin.folder}/www{path}", "rb") as file:
            assert digest(request(port, "GET", path)) == digest(file.read()), path


def uploads_arrive(port, origin):
    content = os.urandom(backends.CHECKED_LENGTH)
    request(port, "PUT", backends.STORED, content)
    with open(f"{origin.folder}/www{backends.STORED}", "rb") as file:
        assert digest(file.read()) == digest(content)
    request(port, "DELETE", backends.STORED)


def bytes_are_echoed(port):
    content = b"e" + os.urandom(ECHO_LENGTH - 1)
    with connect(port) as sock:
        for at in range(0, ECHO_LENGTH, ECHO_STEP):
            sock.sendall(content[at : at + ECHO_STEP])
            assert receive_exactly(sock, ECHO_STEP) == content[at : at + ECHO_STEP], at


def check(peer, origin):
    """Raises AssertionError, or OSError, when they are not."""
    with peer(HTTP, origin.files) as way:
        files_come_whole(way.port, origin)
        uploads_arrive(way.port, origin)
    with peer(TCP, origin.raw) as way:
        bytes_are_echoed(way.port)
