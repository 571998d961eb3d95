"""hoody-tunnel where only an HTTP proxy leads out: which proxy by flag and environment, its user and password, its refusals."""

import os
import subprocess

from certificates import a_certificate
from connect_proxy import ConnectProxy
from harness import BIN, PATIENCE, Daemon, Expose, http_origin, run, simple_get, wait_until

NAME = "tunnel.example"  # which nobody here can resolve but the proxy
PASSWORD = "p@ss:w%rd"
LOGIN = "user:" + PASSWORD
ENCODED = "user:p%40ss%3Aw%25rd"


def answer(*_):
    return 200, [], b"hello"


def a_daemon(*flags, **more):
    return Daemon("--admin-host", NAME, *flags, **more)


def url(daemon, host=NAME, scheme="ws"):
    return ("--url", f"{scheme}://{host}:{daemon.port}")


def ends(*arguments, environment=None):
    env = {k: v for k, v in os.environ.items() if not k.startswith("HOODY_TUNNEL_")}
    done = subprocess.run(
        [os.path.join(BIN, "hoody-tunnel"), "expose", *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE,
        stdin=subprocess.DEVNULL, check=False, env={**env, **(environment or {})})  # fmt: skip
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    assert done.stdout == "" and "p@ss" not in done.stderr and "p%40ss" not in done.stderr, done
    return done.returncode, done.stderr


def a_flag_names_it_and_the_proxy_finds_the_name():
    with http_origin(answer) as origin, a_daemon() as daemon, ConnectProxy(daemon) as proxy:
        with Expose(daemon, origin.port, *url(daemon), "--proxy", proxy.url, "--connections", "3") as driver:
            assert simple_get(driver.port)[2] == b"hello"
            wait_until(lambda: "all 3 connections" in driver.stderr(), "all connections stand")
        assert proxy.asked == [f"{NAME}:{daemon.port}"] * 3, proxy.asked


def the_environment_names_it():
    with http_origin(answer) as origin, a_daemon() as daemon, ConnectProxy(daemon) as proxy:
        for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "HOODY_TUNNEL_PROXY"):
            with Expose(daemon, origin.port, *url(daemon), environment={variable: proxy.url}) as driver:
                assert simple_get(driver.port)[2] == b"hello"
            assert proxy.asked.pop() == f"{NAME}:{daemon.port}" and not proxy.asked


def wss_has_a_variable_of_its_own():
    with a_certificate() as certificate, http_origin(answer) as origin:
        with a_daemon(*certificate.flags, tls=certificate.context()) as daemon, ConnectProxy(daemon) as proxy:
            for variable in ("https_proxy", "HTTPS_PROXY"):
                environment = {variable: proxy.url, "http_proxy": "http://127.0.0.1:1"}
                flags = (*url(daemon, scheme="wss"), "--insecure")
                with Expose(daemon, origin.port, *flags, environment=environment) as driver:
                    assert simple_get(driver.port)[2] == b"hello"
            assert len(proxy.asked) == 2


def loopback_needs_no_proxy_unless_the_flag_says_so():
    with http_origin(answer) as origin, a_daemon() as daemon, ConnectProxy(daemon) as proxy:
        with Expose(daemon, origin.port, environment={"http_proxy": proxy.url}) as driver:
            assert simple_get(driver.port)[2] == b"hello"
        assert not proxy.asked
        with Expose(daemon, origin.port, "--proxy", proxy.url) as driver:
            assert simple_get(driver.port)[2] == b"hello"
        assert proxy.asked == [f"127.0.0.1:{daemon.port}"]


def whom_no_proxy_names_is_dialed_directly():
    with http_origin(answer) as origin, a_daemon() as daemon, ConnectProxy(daemon) as proxy:
        for spared in ("example", ".example", "a, tunnel.example", "*", f"{NAME}:{daemon.port}"):
            status, err = ends(origin.port, *url(daemon), environment={"http_proxy": proxy.url, "no_proxy": spared})
            assert status == 3 and "is not known" in err, (spared, status, err)
        status, err = ends(origin.port, *url(daemon), "--proxy", "none", environment={"http_proxy": proxy.url})
        assert status == 3 and "is not known" in err, (status, err)
        assert not proxy.asked


def user_and_password_are_shown():
    with http_origin(answer) as origin, a_daemon() as daemon, ConnectProxy(daemon, login=LOGIN) as proxy:
        there = f"http://{ENCODED}@127.0.0.1:{proxy.port}/"
        with Expose(daemon, origin.port, *url(daemon), environment={"HOODY_TUNNEL_PROXY": there}) as driver:
            assert simple_get(driver.port)[2] == b"hello"
            assert "p@ss" not in driver.stderr() and ENCODED not in driver.stderr(), driver.stderr()


def a_refusal_of_the_proxy_is_told():
    with http_origin(answer) as origin, a_daemon() as daemon:
        with ConnectProxy(daemon, login=LOGIN) as proxy:
            for login in ("", "user:p@ss-wrong@", "user@"):
                status, err = ends(origin.port, *url(daemon), "--proxy", f"http://{login}127.0.0.1:{proxy.port}")
                assert status == 1 and "wants a user and a password" in err, (status, err)
        for refusal, expected, word in (("403 Forbidden", 1, "does not allow"), ("502 Bad Gateway", 3, "can't reach"),
                                        ("404 Not Found", 1, "knows CONNECT")):  # fmt: skip
            with ConnectProxy(daemon, refusal=refusal) as proxy:
                status, err = ends(origin.port, *url(daemon), "--proxy", proxy.url)
                assert status == expected and word in err and proxy.url[7:] in err, (status, err)


def a_proxy_that_is_none_is_told():
    with http_origin(answer) as origin, a_daemon() as daemon:
        status, err = ends(origin.port, *url(daemon), "--proxy", "http://127.0.0.1:1")
        assert status == 3 and "the proxy 127.0.0.1:1 refused the connection" in err, (status, err)
        for bad in ("socks5://127.0.0.1:1080", "https://127.0.0.1:1", "http://", f"http://{LOGIN}@h/", "http://h:1/path"):
            status, err = ends(origin.port, *url(daemon), "--proxy", bad)
            assert status == 2 and "--proxy" in err, (bad, status, err)
        status, err = ends(origin.port, *url(daemon), environment={"http_proxy": "socks5://h"})
        assert status == 2 and "http_proxy" in err, (status, err)


run(
    a_flag_names_it_and_the_proxy_finds_the_name,
    the_environment_names_it,
    wss_has_a_variable_of_its_own,
    loopback_needs_no_proxy_unless_the_flag_says_so,
    whom_no_proxy_names_is_dialed_directly,
    user_and_password_are_shown,
    a_refusal_of_the_proxy_is_told,
    a_proxy_that_is_none_is_told,
)
