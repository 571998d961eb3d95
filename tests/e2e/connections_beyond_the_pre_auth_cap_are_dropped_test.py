"""Handshake: a full pre-auth cap closes the socket with no code; HELLO or leaving makes room again (section 3)."""

from harness import HELLO_OK, JOIN, JOIN_ERR, PATIENCE, Closed, Daemon, RawDriver, frame, hello, run, wait_until


def is_let_in(daemon):
    """One that says HELLO; None when the cap is full."""
    try:
        return RawDriver(daemon)
    except (Closed, ConnectionError, EOFError):
        return None


def the_third_of_two_is_dropped():
    with Daemon("--max-pre-auth-connections", "2") as daemon:
        first, second = RawDriver(daemon, says_hello=False), RawDriver(daemon, "hoody-tunnel.v2", says_hello=False)
        with first, second:
            with RawDriver(daemon, says_hello=False) as third:
                assert third.expect_closed() == ([], None, ""), "the third was let in"
            first.send(hello())
            first.expect(HELLO_OK)
            wait_until(lambda: is_let_in(daemon), "the first one's HELLO has made room")
            with RawDriver(daemon, says_hello=False) as another:
                assert wait_until(lambda: is_let_in(daemon) is None, "the cap is full again")
                second.sock.close()
                wait_until(lambda: is_let_in(daemon), "the second one's leaving has made room")
                another.send(hello())
                another.expect(HELLO_OK)


def live_sessions_do_not_count():
    with Daemon("--max-pre-auth-connections", "1") as daemon:
        drivers = [wait_until(lambda: is_let_in(daemon), "let in") for _ in range(8)]
        assert len(daemon.get_json("/sessions")["sessions"]) == 8
        for driver in drivers:
            driver.sock.close()


def refused_ones_give_their_place_back():
    with Daemon("--max-pre-auth-connections", "1") as daemon:
        for _ in range(8):
            with RawDriver(daemon, says_hello=False) as driver:
                driver.send(hello("hoody-tunnel.v2"))
                driver.expect_goaway(1, 1002)
            with RawDriver(daemon, "hoody-tunnel.v2", says_hello=False) as driver:
                driver.send(frame(JOIN, 0, {"sessionId": "S-none", "index": 1, "nonce": "x"}))
                driver.expect(JOIN_ERR)
            with RawDriver(daemon, says_hello=False) as driver:
                driver.send(b"nonsense")
                driver.expect_closed()
        assert is_let_in(daemon), PATIENCE


run(the_third_of_two_is_dropped, live_sessions_do_not_count, refused_ones_give_their_place_back)
