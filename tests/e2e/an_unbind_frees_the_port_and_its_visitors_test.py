"""UNBIND: the listener and its visitors are closed at once, streams reset with 7; NOT_OWNED for others (section 5)."""

from harness import (
    EOF,
    UNBIND,
    UNBIND_ERR,
    UNBIND_OK,
    Bystander,
    Daemon,
    RawDriver,
    Visitor,
    bound_port,
    connect,
    frame,
    response_head,
    run,
)


def unbind(driver, bind):
    driver.send(frame(UNBIND, 0, {"bindId": bind}))


def is_refused(port):
    try:
        connect(port).close()
    except ConnectionRefusedError:
        return True
    return False


def the_port_is_closed_and_free():
    with Daemon() as daemon, RawDriver(daemon) as driver, RawDriver(daemon) as other:
        bound = driver.bind()
        unbind(driver, bound["bindId"])
        assert driver.expect_json(UNBIND_OK)[1] == {"bindId": bound["bindId"]}
        assert is_refused(bound["containerPort"])
        assert other.bind(bound["containerPort"])["bindId"] != bound["bindId"]


def what_is_not_owned_is_refused():
    with Daemon() as daemon, RawDriver(daemon) as driver, Bystander(daemon) as bystander:
        bound = driver.bind()
        others = bound["bindId"] - 1  # the bystander's came just before
        assert sorted(b["bindId"] for b in daemon.get_json("/bindings")["bindings"]) == [others, others + 1]
        for bind in (others, bound["bindId"] + 1, 2**31 - 1):
            unbind(driver, bind)
            error = driver.expect_json(UNBIND_ERR)[1]
            assert error["bindId"] == bind and error["code"] == "NOT_OWNED" and error["message"], error
        unbind(driver, bound["bindId"])
        driver.expect(UNBIND_OK)
        unbind(driver, bound["bindId"])
        assert driver.expect_json(UNBIND_ERR)[1]["code"] == "NOT_OWNED"
        bystander.check()


def streams_are_reset_and_visitors_go():
    with bound_port() as (daemon, driver, port):
        kept = driver.bind()["containerPort"]
        with Visitor(port) as idle, Visitor(port) as waiting, Visitor(port) as reading, Visitor(kept) as elsewhere:
            waiting.ask(target="/waiting")
            first, _ = driver.expect_stream()
            driver.expect(EOF, first)
            reading.ask(target="/reading")
            second, _ = driver.expect_stream()
            driver.expect(EOF, second)
            driver.send(response_head(second))
            assert reading.receive_head()[0] == 200
            elsewhere.ask(target="/elsewhere")
            third, _ = driver.expect_stream()
            driver.expect(EOF, third)
            unbind(driver, next(b["bindId"] for b in daemon.get_json("/bindings")["bindings"] if b["port"] == port))
            frames = [driver.receive() for _ in range(3)]
            resets = [(stream, payload[:2]) for kind, stream, payload in frames if kind == 0x14]
            assert sorted(resets) == [(first, b"\0\7"), (second, b"\0\7")] and UNBIND_OK in [f[0] for f in frames], frames
            idle.expect_end()
            reading.expect_abort()
            waiting.expect_abort()
            driver.answer(third, b"unharmed", headers=[["content-length", "8"]])
            assert elsewhere.receive_answer()[2] == b"unharmed"


run(the_port_is_closed_and_free, what_is_not_owned_is_refused, streams_are_reset_and_visitors_go)
