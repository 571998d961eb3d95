"""BIND: an explicit port, or 0 for a random free one in 20000..65534; ids are never used again (protocol section 5)."""

from harness import BIND_OK, UNBIND, UNBIND_OK, Daemon, RawDriver, connect, frame, free_port, run


def zero_is_a_random_one():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        ports = [driver.bind()["containerPort"] for _ in range(20)]
        assert all(20000 <= port <= 65534 for port in ports) and len(set(ports)) == 20, ports
        assert ports != sorted(ports), f"not random: {ports}"
        for port in ports:
            connect(port).close()


def an_explicit_one():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        port = free_port()
        ok = driver.bind(port, ref=-5)
        assert set(ok) == {"clientBindRef", "bindId", "containerPort", "publicUrl"}, ok
        assert ok["clientBindRef"] == -5 and ok["containerPort"] == port and ok["publicUrl"] is None, ok
        assert 0 < ok["bindId"] < 2**31, ok
        connect(port).close()


def refs_come_back_as_they_were():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        for ref in (0, 1, -1, 2**31, 2**53, -(2**53)):
            assert driver.bind(ref=ref)["clientBindRef"] == ref


def ids_are_not_used_again():
    with Daemon() as daemon:
        seen = set()
        for _ in range(3):
            with RawDriver(daemon) as driver:
                for _ in range(3):
                    bind = driver.bind()["bindId"]
                    assert bind not in seen
                    seen.add(bind)
                    driver.send(frame(UNBIND, 0, {"bindId": bind}))
                    assert driver.expect_json(UNBIND_OK)[1] == {"bindId": bind}


def every_address_of_the_machine_reaches_it():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        port = driver.bind()["containerPort"]
        connect(port, host="127.0.0.9").close()
    with Daemon("--expose-address", "127.0.0.1") as daemon, RawDriver(daemon) as driver:
        port = driver.bind()["containerPort"]
        try:
            connect(port, host="127.0.0.9").close()
        except ConnectionRefusedError:
            connect(port).close()
            return
        raise AssertionError("it listens on more than --expose-address")


def binds_are_answered_in_any_number():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        asks = [{"clientBindRef": ref, "kind": "http", "mode": "expose", "containerPort": 0} for ref in range(32)]
        driver.send(*[frame(3, 0, ask) for ask in asks])
        answers = [driver.expect_json(BIND_OK)[1] for _ in asks]
        assert {answer["clientBindRef"] for answer in answers} == set(range(32)), answers


run(
    zero_is_a_random_one,
    an_explicit_one,
    refs_come_back_as_they_were,
    ids_are_not_used_again,
    every_address_of_the_machine_reaches_it,
    binds_are_answered_in_any_number,
)
