"""A driver that lost its connection finds its ports as they were, within the grace (protocol sections 3 and 7)."""

from harness import BIND, BIND_ERR, EOF, Bystander, Daemon, RawDriver, Visitor, abort, frame, hello, run, wait_until
from parking import expect_away, is_parked, resume, wait_until_parked


def session_of(driver):
    return driver.hello_ok["sessionId"]


def expect_served(driver, port, bind):
    with Visitor(port) as visitor:
        visitor.ask()
        stream, opened = driver.expect_stream()
        assert opened["bindId"] == bind and opened["containerPort"] == port, opened
        driver.expect(EOF, stream)
        driver.answer(stream, b"here")
        assert visitor.receive_answer()[2] == b"here"


def park(daemon, ports=(0, 0)):
    driver = RawDriver(daemon)
    bound = [driver.bind(port) for port in ports]
    abort(driver.sock)
    wait_until_parked(daemon)
    return session_of(driver), [(bind["bindId"], bind["containerPort"]) for bind in bound]


def a_port_answers_503_and_then_serves_again():
    with Daemon() as daemon, Bystander(daemon) as bystander:
        session, bound = park(daemon)
        for _, port in bound:
            expect_away(port)
        rows = {row["port"]: row for row in daemon.get_json("/bindings")["bindings"]}
        for bind, port in bound:
            assert rows[port] == {"port": port, "kind": "http", "mode": "expose", "sessionId": session, "bindId": bind,
                                  "parked": True}, rows  # fmt: skip
        assert daemon.get_json("/tunnels")["totalBindings"] == 3
        assert session not in [row["sessionId"] for row in daemon.get_json("/sessions")["sessions"]]
        assert daemon.metric("hoody_tunnel_sessions_orphaned") == 1
        assert daemon.metric('hoody_tunnel_parked_bindings{kind="http",mode="expose"}') == 2
        for subprotocol in ("hoody-tunnel.v2", "hoody-tunnel.v1"):  # it may change on the way
            with resume(daemon, session, subprotocol) as driver:
                ok = driver.hello_ok
                assert ok["sessionId"] == session and ok["resumed"] is True, ok
                binds = sorted((b["bindId"], b["containerPort"], b["kind"], b["mode"]) for b in ok["resumedBinds"])
                assert binds == sorted((bind, port, "http", "expose") for bind, port in bound), ok
                for bind, port in bound:
                    expect_served(driver, port, bind)
                assert daemon.get_json("/tunnels")["orphanedSessions"] == 0
                abort(driver.sock)
            wait_until_parked(daemon)
        bystander.check()


def a_visitor_of_the_lost_driver_gets_502():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        port = driver.bind()["containerPort"]
        with Visitor(port) as visitor:
            visitor.ask()
            driver.expect_stream()
            abort(driver.sock)
            visitor.expect_abort_or_502()


def the_new_connection_wins_over_one_that_looks_alive():
    with Daemon() as daemon, RawDriver(daemon) as old:
        bound = old.bind()
        with Visitor(bound["containerPort"]) as visitor:
            visitor.ask()
            stream, _ = old.expect_stream()
            old.expect(EOF, stream)
            with resume(daemon, session_of(old)) as new:
                assert [bind["bindId"] for bind in new.hello_ok["resumedBinds"]] == [bound["bindId"]]
                message = old.expect_goaway(4, 1000)
                assert message == "session resumed on another connection", message
                visitor.expect_abort_or_502()
                expect_served(new, bound["containerPort"], bound["bindId"])
                assert len(daemon.get_json("/sessions")["sessions"]) == 1


def beyond_the_grace_the_ports_are_free_and_the_session_is_gone():
    with Daemon("--takeover-grace", "300ms") as daemon:
        session, bound = park(daemon)
        wait_until(lambda: not is_parked(daemon), "the grace is over")
        with RawDriver(daemon) as another:
            for _, port in bound:
                assert another.bind(port)["containerPort"] == port
        late = RawDriver(daemon, says_hello=False)
        late.send(hello(resume={"sessionId": session}))
        assert late.expect_goaway(4, 1008) == "resume grace expired"


def a_parked_port_can_be_taken_over():
    with Daemon() as daemon:
        session, [(_, port), (kept, kept_port)] = park(daemon)
        with RawDriver(daemon) as heir:
            heir.send(frame(BIND, 0, {"clientBindRef": 1, "kind": "http", "mode": "expose", "containerPort": port}))
            refusal = heir.expect_json(BIND_ERR)[1]
            assert refusal["code"] == "ALREADY_BOUND" and "parked" in refusal["message"], refusal
            bind = heir.bind(port, takeover=True)["bindId"]
            expect_served(heir, port, bind)
            expect_away(kept_port)
            with resume(daemon, session) as driver:
                assert [b["bindId"] for b in driver.hello_ok["resumedBinds"]] == [kept], driver.hello_ok
                expect_served(driver, kept_port, kept)
                expect_served(heir, port, bind)


def a_resume_is_let_in_when_nobody_else_is():
    with Daemon("--max-sessions", "1") as daemon:
        session, _ = park(daemon)
        with RawDriver(daemon), resume(daemon, session) as driver:
            assert driver.hello_ok["resumed"] is True


run(
    a_port_answers_503_and_then_serves_again,
    a_visitor_of_the_lost_driver_gets_502,
    the_new_connection_wins_over_one_that_looks_alive,
    beyond_the_grace_the_ports_are_free_and_the_session_is_gone,
    a_parked_port_can_be_taken_over,
    a_resume_is_let_in_when_nobody_else_is,
)
