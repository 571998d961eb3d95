"""hoody-tunnel expose --host-header: the target's own (rewrite, the default), the visitor's (preserve), or any VALUE; the
visitor's is always in x-forwarded-host."""

import json

from harness import Daemon, Expose, fetch, http_origin, run


def echo(_method, _target, headers, _body):
    return 200, [], json.dumps({name: headers.get(name) for name in ("host", "x-forwarded-host")}).encode()


def hosts_of(port, host="pub.test:81", more=""):
    field = f"Host: {host}\r\n" if host is not None else ""
    said = json.loads(fetch(port, f"GET / HTTP/1.0\r\n{field}{more}\r\n".encode())[2])
    return said["host"], said["x-forwarded-host"]


def each_way_of_saying_it():
    with http_origin(echo) as origin:
        own = f"127.0.0.1:{origin.port}"
        for daemon_flags in ((), ("--no-forwarded-headers",)):
            with Daemon(*daemon_flags) as daemon:
                for flags, host, host_of_none in (
                    ((), own, own),
                    (("--host-header", "rewrite"), own, own),
                    (("--host-header", "preserve"), "pub.test:81", own),
                    (("--host-header", "other.test"), "other.test", "other.test"),
                    (("--host-header=other.test:8080",), "other.test:8080", "other.test:8080"),
                ):
                    with Expose(daemon, origin.port, *flags) as driver:
                        assert hosts_of(driver.port) == (host, "pub.test:81"), (flags, hosts_of(driver.port))
                        assert hosts_of(driver.port, None) == (host_of_none, None), (flags, hosts_of(driver.port, None))
        assert not origin.failures, origin.failures


def an_upgrade_cannot_hide_it():
    def refuse(_method, _target, headers, _body):
        return 400, [], json.dumps([headers.get("x-forwarded-host"), headers.get("x-forwarded-for")]).encode()

    with http_origin(refuse) as origin, Daemon() as daemon, Expose(daemon, origin.port) as driver:
        request = (
            "GET / HTTP/1.1\r\nHost: pub.test\r\nUpgrade: x\r\n"
            "Connection: upgrade, x-forwarded-host, x-forwarded-for\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"
        )
        said = json.loads(fetch(driver.port, request.encode())[2])
        assert said == ["pub.test", "127.0.0.1"], said


run(each_way_of_saying_it, an_upgrade_cannot_hide_it)
