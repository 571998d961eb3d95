"""Each code of BIND_ERR (actors/binding_registry/bind_refusals.def) is provoked, each refusal is counted, and none of them costs
the session anything (protocol section 5)."""

import socket

from harness import BIND, BIND_ERR, Daemon, RawDriver, frame, run
from the_lists import entries

BINDS_MAX = 2


def ask(driver, port=0, **more):
    """The code of the BIND_ERR that comes."""
    driver.send(frame(BIND, 0, {"clientBindRef": 7, "kind": "http", "mode": "expose", "containerPort": port, **more}))
    error = driver.expect_json(BIND_ERR)[1]
    assert set(error) == {"clientBindRef", "code", "message"} and error["clientBindRef"] == 7 and error["message"], error
    return error["code"]


# ---- each is given a daemon and a driver, and returns the code that came


def invalid_kind(_daemon, driver):
    return ask(driver, kind="udp")


def invalid_host(_daemon, driver):
    code = ask(driver, kind="tcp", mode="pull", host="0.0.0.0")
    if code == "INVALID_KIND":  # a kit that offers no PULL at all: no host of it is ever looked at
        assert ask(driver, kind="tcp", mode="pull") == "INVALID_KIND"
        return None
    return code


def reserved_port(_daemon, driver):
    return ask(driver, 79)


def privileged_port(_daemon, driver):
    return ask(driver, 80)


def already_bound(daemon, driver):
    with RawDriver(daemon) as other:
        return ask(driver, other.bind()["containerPort"])


def bind_cap_exceeded(_daemon, driver):
    for _ in range(BINDS_MAX):
        driver.bind()
    return ask(driver)


def port_in_use(_daemon, driver):
    with socket.create_server(("127.0.0.1", 0)) as other:
        return ask(driver, other.getsockname()[1])


def internal(_daemon, driver):
    driver.bind()  # with the driver's own: the budget
    return ask(driver)


FLAGS = {"BIND_CAP_EXCEEDED": ("--max-binds-per-session", str(BINDS_MAX)), "INTERNAL": ("--fd-budget", "2")}
CAUSES = [invalid_kind, invalid_host, reserved_port, privileged_port, already_bound, bind_cap_exceeded, port_in_use, internal]


def every_code_has_its_cause():
    causes = {cause.__name__.upper(): cause for cause in CAUSES}
    codes = [code for (code,) in entries("actors/binding_registry/bind_refusals.def", "BIND_REFUSAL")]
    assert set(codes) == set(causes), f"without a cause here, or no code any more: {set(codes) ^ set(causes)}"
    for code in codes:
        with Daemon(*FLAGS.get(code, ())) as daemon, RawDriver(daemon) as driver:
            got = causes[code](daemon, driver)
            if got is None:
                print(f"     {code}: not provoked, this kit offers no PULL")
                continue
            assert got == code, f"expected {code}, got {got}"
            driver.ping()
            assert daemon.metric(f'hoody_tunnel_binds_refused_total{{code="{code}"}}') == 1


run(every_code_has_its_cause)
