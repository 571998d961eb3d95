"""Where the network passes nothing any more and says nothing of it, the pong timeout parks the session; and who comes back on
another path need not wait for it (protocol sections 3 and 7)."""

from harness import Bystander, Daemon, RawDriver, Visitor, run, wait_until
from parking import expect_away, expect_served, is_parked, resume, resumed_binds, wait_until_parked
from relay import DOWN, UP, Relay
from scripted_driver import HELD, ScriptedDriver

# An hour: what happens then was not for the pong timeout.
NEVER = ("--ping-interval", "500ms", "--pong-timeout", "1h")


def connected(relay, **script):
    """A driver behind the relay: (the driver, its session, its bind id, its port)."""
    driver = ScriptedDriver(relay, ports=[0], **script)
    session, bound = driver.hear("welcome")["sessionId"], driver.hear("bound")
    return driver, session, bound["bindId"], bound["containerPort"]


def cut_and_resume(*directions):
    with Daemon("--ping-interval", "500ms", "--pong-timeout", "2s") as daemon, Relay(daemon) as relay:
        driver, session, bind, port = connected(relay, answer="through the relay")
        with driver, Visitor(port) as waiting, Visitor(port) as reading, Visitor(port) as idle:
            idle.ask()
            assert idle.receive_answer()[0] == 200
            reading.ask(target=HELD)
            assert reading.receive_head()[0] == 200
            relay.freeze(*directions)
            waiting.ask()
            wait_until_parked(daemon)
            waiting.expect_abort_or_502()
            reading.expect_abort()
            idle.ask()
            assert idle.receive_answer()[0] == 503, "a visitor who stayed is told like a new one"
            expect_away(port)
            assert "pong timeout" in daemon.stderr(), daemon.stderr()
            with ScriptedDriver(daemon, resume=session, answer="around it") as back:
                assert resumed_binds(back.hear("welcome")) == {bind: port}
                expect_served(port, b"around it")
                relay.thaw()  # all that the old connection has to say arrives, and changes nothing
                heard = driver.hear_all()
                assert list(heard[-1]) == ["closed"], heard
                expect_served(port, b"around it")
        wait_until(lambda: is_parked(daemon), "the session is parked again")
        assert daemon.metric("hoody_tunnel_sessions_opened_total") == 1


def nothing_passes():
    cut_and_resume()


def the_pings_do_not_arrive():
    cut_and_resume(DOWN)


def the_pongs_do_not_arrive():
    cut_and_resume(UP)


def a_pause_shorter_than_the_timeout_harms_nobody():
    with Daemon("--ping-interval", "100ms", "--pong-timeout", "1h") as daemon, Relay(daemon) as relay:
        driver, _, _, port = connected(relay, answer="late but whole")
        with driver, RawDriver(daemon) as clock, Visitor(port) as visitor:
            relay.freeze()
            visitor.ask()
            pings = [clock.receive_message()[0][0] for _ in range(5)]  # those of the other one are due then, too
            assert pings == [0x20] * 5, pings
            relay.thaw()
            assert visitor.receive_answer()[2] == b"late but whole"
            assert not is_parked(daemon)


def the_resume_of_another_address_wins_at_once():
    with Daemon(*NEVER) as daemon, Bystander(daemon) as bystander, Relay(daemon) as relay:
        driver, session, bind, port = connected(relay, answer="old")
        with driver, Visitor(port) as visitor:
            visitor.ask(target=HELD)
            assert visitor.receive_head()[0] == 200
            relay.freeze()
            with ScriptedDriver(daemon, resume=session, answer="new", source="127.0.0.2") as moved:
                assert resumed_binds(moved.hear("welcome")) == {bind: port}
                visitor.expect_abort()
                expect_served(port, b"new")
                peers = {row["sessionId"]: row["peerAddr"] for row in daemon.get_json("/sessions")["sessions"]}
                assert peers[session].startswith("127.0.0.2:"), peers
                assert is_parked(daemon, 0)
                relay.thaw()
                goaway = driver.hear("goaway")
                assert (goaway["code"], goaway["message"]) == (4, "session resumed on another connection"), goaway
                assert driver.hear("closed") == 1000
                expect_served(port, b"new")
        bystander.check()


def it_may_move_back_and_forth():
    """Each path is cut while its connection is the session's, and the other one takes over; none ever waits."""
    with Daemon(*NEVER) as daemon, RawDriver(daemon) as driver:
        session, bound = driver.hello_ok["sessionId"], driver.bind()
        held = {bound["bindId"]: bound["containerPort"]}
        connections = [driver]
        for turn in range(20):
            with Relay(daemon) as relay:
                again = resume(relay, session, f"hoody-tunnel.v{turn % 2 + 1}")
                assert resumed_binds(again.hello_ok) == held, again.hello_ok
                relay.freeze()
                connections.append(again)
                last = resume(daemon, session)
                assert resumed_binds(last.hello_ok) == held, last.hello_ok
                connections.append(last)
        with Visitor(bound["containerPort"]) as visitor:
            visitor.ask()
            stream, _ = connections[-1].expect_stream()
            connections[-1].answer(stream, b"here", headers=[["content-length", "4"]])
            assert visitor.receive_answer()[2] == b"here"
        driver.expect_goaway(4, 1000)
        for connection in connections:
            connection.sock.close()


run(
    nothing_passes,
    the_pings_do_not_arrive,
    the_pongs_do_not_arrive,
    a_pause_shorter_than_the_timeout_harms_nobody,
    the_resume_of_another_address_wins_at_once,
    it_may_move_back_and_forth,
)
