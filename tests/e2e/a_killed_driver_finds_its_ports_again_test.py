"""A driver process that is killed comes back within the grace to the same ports, and beyond it to none (protocol section 7)."""

from hammer import ABORTED, Hammer
from harness import Daemon, Expose, RawDriver, Visitor, http_origin, run, wait_until
from parking import expect_away, expect_served, is_listening, is_parked, resumed_binds, wait_until_parked
from scripted_driver import HELD, ScriptedDriver


def within_the_grace_it_serves_the_same_ports():
    with Daemon() as daemon:
        with ScriptedDriver(daemon, ports=[0, 0], answer="life 0") as driver:
            session = driver.hear("welcome")["sessionId"]
            held = {bound["bindId"]: bound["containerPort"] for bound in (driver.hear("bound"), driver.hear("bound"))}
            for port in held.values():
                expect_served(port, b"life 0")
            for life in range(1, 6):
                with Visitor(min(held.values())) as reading:
                    reading.ask(target=HELD)
                    assert reading.receive_head()[0] == 200
                    driver.kill()
                    reading.expect_abort()
                wait_until_parked(daemon)
                for port in held.values():
                    expect_away(port)
                driver = ScriptedDriver(daemon, resume=session, answer=f"life {life}")
                welcome = driver.hear("welcome")
                assert welcome["sessionId"] == session and resumed_binds(welcome) == held, (welcome, held)
                for port in held.values():
                    expect_served(port, f"life {life}".encode())
            driver.kill()
        assert daemon.metric("hoody_tunnel_sessions_resumed_total") == 5
        assert daemon.metric("hoody_tunnel_sessions_opened_total") == 1


def beyond_the_grace_its_ports_are_anybodys():
    with Daemon("--takeover-grace", "500ms") as daemon:
        with ScriptedDriver(daemon, ports=[0]) as driver:
            session = driver.hear("welcome")["sessionId"]
            port = driver.hear("bound")["containerPort"]
            driver.kill()
        wait_until(lambda: not is_listening(port), "the port is closed")
        wait_until(lambda: is_parked(daemon, 0), "the session is forgotten")
        with ScriptedDriver(daemon, ports=[port], answer="new") as heir:
            assert heir.hear("welcome")["resumed"] is False
            assert heir.hear("bound")["containerPort"] == port
            with ScriptedDriver(daemon, resume=session) as late:
                goaway = late.hear("goaway")
                assert (goaway["code"], goaway["message"]) == (4, "resume grace expired"), goaway
                assert late.hear("closed") == 1008
            expect_served(port, b"new")


def the_native_driver_takes_its_port_back():
    with http_origin(lambda *_: (200, [], b"from the laptop")) as origin, Daemon() as daemon:
        with RawDriver(daemon) as bystander:
            other = bystander.bind()
            killed = Expose(daemon, origin.port).__enter__()
            expect_served(killed.port, b"from the laptop")
            killed.process.kill()
            killed.process.wait()
            killed.process.stdout.close()
            wait_until_parked(daemon)
            expect_away(killed.port)
            with Expose(daemon, origin.port, "--takeover", port=killed.port) as back:
                assert back.port == killed.port
                expect_served(back.port, b"from the laptop")
                wait_until(lambda: is_parked(daemon, 0), "the parked session, without ports, is gone")
            bindings = daemon.get_json("/bindings")["bindings"]
            assert [(bind["bindId"], bind["port"]) for bind in bindings] == [(other["bindId"], other["containerPort"])]


def a_driver_killed_under_load_is_a_502_a_503_or_an_abort():
    lives = [letter * 300000 for letter in (b"a", b"b", b"c")]
    with Daemon() as daemon:
        driver = ScriptedDriver(daemon, ports=[0], answer="a", times=300000)
        session, port = driver.hear("welcome")["sessionId"], driver.hear("bound")["containerPort"]
        with Hammer(port) as hammer:
            for letter in "bc":
                hammer.wait_for(lives[ord(letter) - ord("b")], 10)
                driver.kill()
                hammer.wait_for(503, 10)
                driver = ScriptedDriver(daemon, resume=session, answer=letter, times=300000)
                assert list(resumed_binds(driver.hear("welcome")).values()) == [port]
            hammer.wait_for(lives[2], 10)
            hammer.expect_only(*lives, 502, 503, ABORTED)
        driver.kill()


run(
    within_the_grace_it_serves_the_same_ports,
    beyond_the_grace_its_ports_are_anybodys,
    the_native_driver_takes_its_port_back,
    a_driver_killed_under_load_is_a_502_a_503_or_an_abort,
)
