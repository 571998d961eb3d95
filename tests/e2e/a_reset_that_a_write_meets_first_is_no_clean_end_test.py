"""A reset is passed on as one, also to whom it becomes known only because bytes were on their way there: the kernel tells of it once,
to the first who asks, and calls it a clean end afterwards (section 6, RESET)."""

import socket

from harness import Expose, run
from patience import wait_until
from raw_bytes import KINDS, expect_reset, stopped, tunnel
from sockets import receive_head
from strict_answer import AnswerReader, abort

HALF_AN_UPLOAD = b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 8\r\n\r\nhalf"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\nhalf"


def reset_while_written(between, other_side, resetting, last_words=b"torn"):
    """`between` is given bytes for the one who resets, then his last words and the reset, all while it is stopped."""
    with stopped(between):
        before = between.unread_bytes()
        other_side.sendall(b"more")
        wait_until(lambda: between.unread_bytes() > before, "the bytes to wait there")
        resetting.sendall(last_words)
        abort(resetting)


def of_a_service():
    for kind, begin in KINDS:
        with tunnel(kind) as (_, driver, service, visitor):
            reset_while_written(driver, visitor, begin(service, visitor))
            expect_reset(kind.command, visitor)


def of_a_service_whose_answer_lasts_until_its_end():
    with tunnel(Expose) as (_, driver, service, visitor):
        visitor.sendall(HALF_AN_UPLOAD)
        local = service.accept()
        receive_head(local)
        local.sendall(UNTIL_CLOSE)
        while b"half" not in visitor.recv(65536, socket.MSG_PEEK):
            pass
        reset_while_written(driver, visitor, local, last_words=b"")
        outcome = AnswerReader(visitor).read()
        assert (outcome.status, outcome.end) == (200, "reset"), outcome


def of_a_visitor():
    for kind, begin in KINDS:
        with tunnel(kind) as (daemon, _, service, visitor):
            local = begin(service, visitor)
            reset_while_written(daemon, local, visitor)
            expect_reset(kind.command, local)
            local.close()


run(of_a_service, of_a_service_whose_answer_lasts_until_its_end, of_a_visitor)
