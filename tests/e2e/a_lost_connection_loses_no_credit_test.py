"""What was under way on a lost secondary was charged to the session's window: it comes back, by both sides' word with drivers of
ours, on trust with others; the window does not shrink with each loss (proto/PROTOCOL.md, section 4)."""

import json
import struct

from harness import DATA, EOF, RESET, WINDOW, Closed, frame, pattern, receive_exactly, run, window
from joined import PULL, joined

CONNECTION_LOST = 0x41
MEBIBYTE = 1 << 20
OURS = {"client": {"name": "test", "version": "1"}}


def until(driver, kind):
    """The payload of the next frame of that kind on the session, and what WINDOW has granted the session before it."""
    granted = 0
    while True:
        received, stream, payload = driver.receive()
        if received == kind and stream == 0:
            return payload, granted
        assert received in (WINDOW, RESET, EOF), (received, stream, payload)
        if received == WINDOW and stream == 0:
            granted += struct.unpack(">I", payload)[0]


def tell(driver, nonce, data_bytes):
    driver.send(frame(CONNECTION_LOST, 0, {"nonce": nonce, "dataBytes": data_bytes}))


def lose(session):
    """Streams bytes both ways on the secondary, then drops it: (its nonce, bytes to the driver, bytes from it)."""
    secondary = session.secondaries[0]
    visitor, stream = session.open_on(secondary, session.dial)
    visitor.sendall(pattern(100_000))
    got = 0
    while got < 100_000:
        got += len(secondary.expect(DATA, stream, skipping=(WINDOW,))[2])
    secondary.send(frame(DATA, stream, bytes(50_000)))
    receive_exactly(visitor, 50_000)
    secondary.ping()
    secondary.sock.close()
    return session.primary.hello_ok["joinTickets"][0]["nonce"], 100_000, 50_000


def ours_is_told_and_believed():
    with joined(hello=OURS, **PULL) as session:
        nonce, to_driver, from_driver = lose(session)
        said, before = until(session.primary, CONNECTION_LOST)
        assert json.loads(said) == {"nonce": nonce, "dataBytes": to_driver}, said
        tell(session.primary, nonce, from_driver + 2 * MEBIBYTE)  # so much never came
        payload, more = until(session.primary, WINDOW)
        granted = before + more + struct.unpack(">I", payload)[0]
        assert 2 * MEBIBYTE <= granted <= from_driver + 2 * MEBIBYTE, granted
        tell(session.primary, nonce, from_driver + 4 * MEBIBYTE)  # once is enough
        tell(session.primary, "nobody's", 4 * MEBIBYTE)
        assert session.primary.ping() == []
        assert session.dial()


def who_knows_of_the_loss_first_says_so():
    """The kit drops a connection that its driver has lost, however alive it looks."""
    with joined(hello=OURS, **PULL) as session:
        nonce = session.primary.hello_ok["joinTickets"][0]["nonce"]
        visitor, stream = session.open_on(session.secondaries[0], session.dial)
        tell(session.primary, nonce, 0)
        payload, _ = until(session.primary, CONNECTION_LOST)
        assert json.loads(payload) == {"nonce": nonce, "dataBytes": 0}, payload
        try:
            session.secondaries[0].receive()
            raise AssertionError("it is still there")
        except Closed:
            pass
        visitor.close()
        session.primary.ping()


def more_than_the_window_is_a_lie():
    for lie, code in ((17 * MEBIBYTE, 3), (-1, 1), (10, 1)):
        with joined(hello=OURS, **PULL) as session:
            nonce, _, _ = lose(session)
            until(session.primary, CONNECTION_LOST)
            tell(session.primary, nonce, lie)
            session.primary.expect_goaway(code, 1002)


def others_get_it_on_trust_within_bounds():
    with joined(**PULL) as session:
        lose(session)
        payload, before = until(session.primary, WINDOW)
        granted = before + struct.unpack(">I", payload)[0]
        assert 0 < granted <= session.primary.hello_ok["sessionWindow"] // 16 + 50_000, granted
        frames = session.primary.ping()
        assert all(kind in (RESET, WINDOW) for kind, _, _ in frames), frames


def anothers_41_is_skipped():
    with joined(**PULL) as session:
        for payload in (b"", b"not JSON", {"nonce": "x"}, bytes(65536)):
            session.primary.send(frame(CONNECTION_LOST, 0, payload), frame(CONNECTION_LOST, 2, b"of a stream"))
        assert session.primary.ping() == []


run(
    ours_is_told_and_believed,
    who_knows_of_the_loss_first_says_so,
    more_than_the_window_is_a_lie,
    others_get_it_on_trust_within_bounds,
    anothers_41_is_skipped,
)
