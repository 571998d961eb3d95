"""On the base port: who asks several things at once and then says no more gets every answer, in order, then the end."""

import socket

from harness import API, Daemon, connect, receive_all, run


def request(path):
    return f"GET {API}{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def ask(daemon, requests):
    with connect(daemon.port) as sock:
        sock.sendall(requests)
        sock.shutdown(socket.SHUT_WR)
        return receive_all(sock)


def each_request_before_the_end_is_answered():
    with Daemon() as daemon:
        answers = ask(daemon, request("/health") + request("/nothing") + request("/bindings"))
        statuses = [answer[:3] for answer in answers.split(b"HTTP/1.1 ")[1:]]
        assert statuses == [b"200", b"404", b"200"], answers
        assert answers.count(b"Connection: close") == 1 and answers.endswith(b'{"bindings":[],"total":0}'), answers


def more_of_them_than_are_held_for_who_does_not_read():
    count = 2000
    with Daemon() as daemon:
        assert ask(daemon, request("/nothing") * count).count(b"HTTP/1.1 404 ") == count


def half_a_request_is_none():
    with Daemon() as daemon:
        answers = ask(daemon, request("/health") + request("/health")[:-1])
        assert answers.count(b"HTTP/1.1 ") == 1 and answers.startswith(b"HTTP/1.1 200 "), answers


run(each_request_before_the_end_is_answered, more_of_them_than_are_held_for_who_does_not_read, half_a_request_is_none)
