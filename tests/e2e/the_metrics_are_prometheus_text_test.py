"""GET /metrics: the fixed series, and well-formed Prometheus text throughout (protocol section 8)."""

import re

from harness import EOF, Daemon, RawDriver, Visitor, run, wait_until

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (-?[0-9.]+(?:e[+-]?[0-9]+)?|[+-]Inf|NaN)")


def parse(text):
    """{series: value}; every rule of the text format that can be broken is checked."""
    assert text.endswith("\n"), "the last line has no end"
    types, helps, samples, family_now, families_seen = {}, set(), {}, None, set()
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split(" ", 3)[2]
            assert name not in helps and len(line.split(" ", 3)) == 4, line
            helps.add(name)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types and kind in ("counter", "gauge", "histogram", "summary", "untyped"), line
            types[name] = kind
        elif line:
            match = SAMPLE.fullmatch(line)
            assert match, f"not a sample: {line}"
            family = match[1]
            if family not in types:
                family = re.sub(r"_(bucket|sum|count)$", "", family)
            assert family in types and family in helps, f"no TYPE or HELP before: {line}"
            if family != family_now:
                assert family not in families_seen, f"a family in two places: {line}"
                families_seen.add(family)
                family_now = family
            assert types[family] != "counter" or family.endswith("_total"), line
            series = line.rsplit(" ", 1)[0]
            assert series not in samples, f"twice: {line}"
            samples[series] = float(match[3])
    return samples


def scrape(daemon):
    status, headers, body = daemon.get("/metrics")
    assert status == 200 and headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8", headers
    return parse(body.decode())


def bindings(samples):
    return {series: value for series, value in samples.items() if series.startswith("hoody_tunnel_bindings_active")}


def the_fixed_series_follow_what_happens():
    expose = 'hoody_tunnel_bindings_active{kind="http",mode="expose"}'
    pull = 'hoody_tunnel_bindings_active{kind="tcp",mode="pull"}'
    with Daemon("--takeover-grace", "0") as daemon:
        before = scrape(daemon)
        permits = before["hoody_tunnel_fd_permits_available"]
        assert before["hoody_tunnel_sessions_active"] == 0 and bindings(before) == {expose: 0, pull: 0}, before
        assert permits == daemon.get_json("/tunnels")["fdPermitsAvailable"]
        with RawDriver(daemon) as driver, RawDriver(daemon) as other:
            port = driver.bind()["containerPort"]
            driver.bind()
            now = scrape(daemon)
            assert now["hoody_tunnel_sessions_active"] == 2 and bindings(now) == {expose: 2, pull: 0}, now
            assert now["hoody_tunnel_fd_permits_available"] == permits - 4, now
            with Visitor(port) as visitor:
                visitor.ask()
                stream, _ = driver.expect_stream()
                driver.expect(EOF, stream)
                assert scrape(daemon)["hoody_tunnel_fd_permits_available"] == permits - 5
                driver.answer(stream, b"ok", headers=[["content-length", "2"]])
                assert visitor.receive_answer()[2] == b"ok"
            other.bind(port, takeover=True)
            assert bindings(scrape(daemon)) == {expose: 2, pull: 0}
        wait_until(lambda: scrape(daemon)["hoody_tunnel_sessions_active"] == 0, "the sessions are gone")
        wait_until(lambda: scrape(daemon)["hoody_tunnel_fd_permits_available"] == permits, "all permits are back")
        assert bindings(scrape(daemon)) == {expose: 0, pull: 0}


run(the_fixed_series_follow_what_happens)
