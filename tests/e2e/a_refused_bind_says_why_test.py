"""BIND_ERR: each code, in the order of the checks, with a message that says what to do (protocol section 5)."""

import socket

from harness import BIND, BIND_ERR, BIND_OK, Bystander, Daemon, RawDriver, frame, free_port, run


def refused(driver, port=0, ref=3, **more):
    ask = {"clientBindRef": ref, "kind": "http", "mode": "expose", "containerPort": port, **more}
    driver.send(frame(BIND, 0, ask))
    error = driver.expect_json(BIND_ERR)[1]
    assert set(error) == {"clientBindRef", "code", "message"}, error
    assert error["clientBindRef"] == ref and error["message"], error
    return error["code"]


def pairs_that_are_none_are_invalid_kind():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        for kind, mode in (("tcp", "expose"), ("http", "pull"), ("udp", "expose"), ("http", "push"), ("", ""), ("HTTP", "expose")):
            assert refused(driver, kind=kind, mode=mode) == "INVALID_KIND", (kind, mode)
            assert refused(driver, 79, kind=kind, mode=mode) == "INVALID_KIND", "the pair is checked first"
        assert refused(driver, kind="tcp", mode="pull", takeover=True) == "INVALID_KIND"
        driver.bind()


def low_ports_and_none_are_reserved():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        for port in (1, 22, 79, -1, 65536, 2**40, daemon.port, "8080", 1.5, None, True, [], {}):
            assert refused(driver, port) == "RESERVED_PORT", port
        driver.send(frame(BIND, 0, {"clientBindRef": 4, "kind": "http", "mode": "expose"}))
        assert driver.expect_json(BIND_ERR)[1]["code"] == "RESERVED_PORT"
        driver.bind()


def ports_to_1023_are_privileged():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        for port in (80, 443, 1023):
            assert refused(driver, port) == "PRIVILEGED_PORT", port


def a_flag_allows_privileged_ports():
    with Daemon("--allow-privileged-expose") as daemon, RawDriver(daemon) as driver:
        for port in range(1023, 79, -1):  # one of them is free, and ours to take or not
            ask = {"clientBindRef": 1, "kind": "http", "mode": "expose", "containerPort": port}
            driver.send(frame(BIND, 0, ask))
            kind, _, payload = driver.receive()
            assert b"PRIVILEGED_PORT" not in payload, payload
            if kind == BIND_OK:
                break
            assert b"PORT_IN_USE" in payload or b"INTERNAL" in payload, payload
        assert refused(driver, 79) == "RESERVED_PORT"


def a_port_of_this_kit_is_already_bound():
    with Daemon() as daemon, RawDriver(daemon) as driver, Bystander(daemon) as bystander:
        port = driver.bind()["containerPort"]
        assert refused(driver, port) == "ALREADY_BOUND"
        assert refused(driver, bystander.port) == "ALREADY_BOUND"
        bystander.check()


def a_port_of_someone_else_is_in_use():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        for address in ("127.0.0.1", "0.0.0.0"):
            with socket.create_server((address, 0)) as other:
                port = other.getsockname()[1]
                assert refused(driver, port) == "PORT_IN_USE", address
                assert refused(driver, port, takeover=True) == "PORT_IN_USE", address
            assert driver.bind(port)["containerPort"] == port


def a_session_holds_only_so_many():
    with Daemon("--max-binds-per-session", "2") as daemon, RawDriver(daemon) as driver, Bystander(daemon) as bystander:
        first = driver.bind()
        driver.bind()
        assert refused(driver) == "BIND_CAP_EXCEEDED"
        assert refused(driver, free_port()) == "BIND_CAP_EXCEEDED"
        assert refused(driver, bystander.port, takeover=True) == "BIND_CAP_EXCEEDED"
        assert refused(driver, first["containerPort"], takeover=True) == "BIND_CAP_EXCEEDED"
        assert refused(driver, bystander.port) == "ALREADY_BOUND", "checked before the cap"
        assert refused(driver, 80) == "PRIVILEGED_PORT", "checked before the cap"
        driver.send(frame(6, 0, {"bindId": first["bindId"]}))
        driver.expect(7)
        driver.bind()


run(
    pairs_that_are_none_are_invalid_kind,
    low_ports_and_none_are_reserved,
    ports_to_1023_are_privileged,
    a_flag_allows_privileged_ports,
    a_port_of_this_kit_is_already_bound,
    a_port_of_someone_else_is_in_use,
    a_session_holds_only_so_many,
)
