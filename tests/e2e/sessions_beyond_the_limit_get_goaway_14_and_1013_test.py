"""Handshake: --max-sessions reached: GOAWAY(14, why), then close 1013 with that reason (protocol section 3)."""

import json

from harness import GOAWAY, HELLO_OK, Daemon, RawDriver, hello, run, wait_until

REASON = "tunnel session limit reached"


def the_third_of_two():
    with Daemon("--max-sessions", "2") as daemon, RawDriver(daemon) as first, RawDriver(daemon) as second:
        with RawDriver(daemon, says_hello=False) as third:
            third.send(hello())
            frames, code, reason = third.expect_closed()
            assert [kind for kind, _, _ in frames] == [GOAWAY] and code == 1013 and reason == REASON, (frames, code)
            goaway = json.loads(frames[0][2])
            assert goaway == {"code": 14, "message": REASON, "lastStreamId": 0, "retryAfterMs": 0}, goaway
        first.bind()
        second.bind()
        first.close()
        wait_until(lambda: len(daemon.get_json("/sessions")["sessions"]) == 1, "the first one has ended")
        with RawDriver(daemon, says_hello=False) as another:
            another.send(hello())
            another.expect(HELLO_OK)


run(the_third_of_two)
