"""curl, a client that others wrote, gets and sends through the tunnel whatever it is asked to."""

import hashlib
import os
import subprocess
import tempfile

from harness import PATIENCE, exposed, pattern, run

METHODS = "GET POST PUT PATCH DELETE OPTIONS PROPFIND REPORT MKCOL LOCK PURGE SUBSCRIBE M-SEARCH".split()


def answer(method, target, headers, body):
    fields = [("X-Method", method), ("X-Sha", hashlib.sha256(body).hexdigest()), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    if target == "/gone":
        return 404, fields, b"no such thing"
    if target == "/big":
        return 200, fields, pattern(3 << 20)
    return 200, fields, f"{method} {target} {len(body)}".encode()


def curl(port, *arguments, path="/"):
    command = ["curl", "-sS", "--noproxy", "*", "--max-time", str(PATIENCE), *arguments, f"http://127.0.0.1:{port}{path}"]
    done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, (command, done.returncode, done.stderr)
    return done.stdout


def every_method_arrives():
    with exposed(answer) as (_, driver, _):
        for method in METHODS:
            assert curl(driver.port, "-X", method, path="/x") == f"{method} /x 0".encode(), method
        head = curl(driver.port, "-I", path="/big").decode()
        assert head.startswith("HTTP/1.1 200 ") and f"Content-Length: {3 << 20}" in head, head


def bodies_arrive_both_ways():
    with exposed(answer) as (_, driver, _), tempfile.NamedTemporaryFile() as file:
        body = pattern(5 << 20, 3)
        file.write(body)
        file.flush()
        sha = hashlib.sha256(body).hexdigest()
        for how in (["-T", file.name], ["--data-binary", f"@{file.name}"], ["-T", file.name, "-H", "Transfer-Encoding: chunked"]):
            head = curl(driver.port, "-o", os.devnull, "-D", "-", *how).decode()
            assert f"X-Sha: {sha}" in head, (how, head)
        assert curl(driver.port, path="/big") == pattern(3 << 20)


def statuses_and_cookies_are_kept():
    with exposed(answer) as (_, driver, _):
        said = curl(driver.port, "-i", path="/gone").decode()
        assert said.startswith("HTTP/1.1 404 ") and said.endswith("no such thing"), said
        assert said.index("Set-Cookie: a=1") < said.index("Set-Cookie: b=2"), said


def one_connection_carries_many_requests():
    with exposed(answer) as (daemon, driver, _):
        urls = [f"http://127.0.0.1:{driver.port}/{i}" for i in range(20)]
        out = curl(driver.port, "-w", "|%{num_connects}\n", *[a for url in urls for a in (url,)], path="/last").decode()
        connects = [line.rsplit("|", 1)[1] for line in out.splitlines()]
        assert connects == ["1"] + ["0"] * 20, out
        assert daemon.metric('hoody_tunnel_http_answers_total{class="2xx"}') == 21


run(every_method_arrives, bodies_arrive_both_ways, statuses_and_cookies_are_kept, one_connection_carries_many_requests)
