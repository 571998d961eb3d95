"""GET /metrics: the fixed series, and well-formed Prometheus text throughout (protocol section 8)."""

import os
import re
import time

from busy_kit import ANSWER, BODY, busy_kit
from harness import DATA, EOF, Daemon, RawDriver, Visitor, run, wait_until, window

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


DEFINITIONS = os.path.join(os.path.dirname(__file__), "../../actors")
DIRECTIONS, MODES = ("to_driver", "to_visitor"), ("expose", "pull")
# What a fresh daemon reports as 0, by family: where the values of labels are known, no series is ever missing.
ZEROS = {
    "stream_bytes_total": [f'direction="{d}",mode="{m}"' for d in DIRECTIONS for m in MODES],
    "stream_frames_total": [f'direction="{d}",mode="{m}"' for d in DIRECTIONS for m in MODES],
    "buffered_bytes": [f'direction="{d}"' for d in DIRECTIONS],
    "blocked_seconds_total": ['window="stream"', 'window="session"'],
    "http_answers_total": [f'class="{c}xx"' for c in range(1, 6)],
    "handshakes_total": [f'result="{r}"' for r in ("opened", "resumed", "joined", "refused", "dropped")],
    "binds_total": ['result="bound"', 'result="refused"'],
    "protocol_errors_total": [f'code="{c}"' for c in ("protocol error", "flow control", "frame size")],
}


def families():
    """{name: type} of every family that the lists of the sources name."""
    found = {}
    for path, prefix in (("metrics.def", "hoody_tunnel_"), ("metrics/process_metrics.def", "")):
        with open(os.path.join(DEFINITIONS, path), encoding="utf-8") as file:
            found.update((prefix + name, kind) for name, kind in re.findall(r"^\w+ \((\w+), *(\w+),", file.read(), re.M))
    assert len(found) > 30, found
    return found


def every_family_is_there_before_anything_happened():
    with Daemon() as daemon:
        text = daemon.get("/metrics")[2].decode()
        samples = parse(text)
        assert dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M)) == families()
        for family, labels in ZEROS.items():
            series = {name: value for name, value in samples.items() if name.startswith(f"hoody_tunnel_{family}{{")}
            assert series == {f"hoody_tunnel_{family}{{{label}}}": 0 for label in labels}, (family, series)
        for code in ("no error", "cancel", "bind takeover", "resource exhausted"):
            for whom in ("kit", "driver"):
                assert samples[f'hoody_tunnel_streams_reset_total{{code="{code}",by="{whom}"}}'] == 0
        assert not [name for name, value in samples.items() if value != value], "not a number"


def what_happens_is_counted():
    with busy_kit() as (daemon, _):
        samples = scrape(daemon)
        expected = {
            "sessions_active": 1,
            'bindings_active{kind="http",mode="expose"}': 1,
            "sessions_parked_total": 1,
            'handshakes_total{result="opened"}': 3,
            'handshakes_total{result="resumed"}': 1,
            'handshakes_total{result="refused"}': 1,
            'handshakes_total{result="dropped"}': 1,
            'sessions_refused_total{reason="bad_hello"}': 1,
            'handshakes_dropped_total{reason="bad_first_message"}': 1,
            'base_refused_total{reason="origin"}': 1,
            'base_refused_total{reason="bad_handshake"}': 0,
            'protocol_errors_total{code="protocol error"}': 1,
            'binds_total{result="bound"}': 2,
            'binds_total{result="refused"}': 1,
            'binds_refused_total{code="RESERVED_PORT"}': 1,
            "streams_opened_total": 4,
            "streams_active": 0,
            'streams_refused_total{reason="max_streams"}': 1,
            'streams_refused_total{reason="driver_away"}': 1,
            'streams_refused_total{reason="bad_request"}': 1,
            'streams_refused_total{reason="no_descriptor"}': 0,
            'streams_reset_total{code="refused stream",by="driver"}': 1,
            'streams_reset_total{code="cancel",by="kit"}': 1,
            'stream_bytes_total{direction="to_driver",mode="expose"}': len(BODY),
            'stream_bytes_total{direction="to_visitor",mode="expose"}': 2 * len(ANSWER),
            'stream_bytes_total{direction="to_driver",mode="pull"}': 0,
            'stream_frames_total{direction="to_visitor",mode="expose"}': 2,
            'buffered_bytes{direction="to_visitor"}': 0,
            'http_answers_total{class="2xx"}': 1,
            'http_answers_total{class="4xx"}': 2,
            'http_answers_total{class="5xx"}': 3,
            "scrape_reports_missing": 0,
        }
        seen = {name: samples["hoody_tunnel_" + name] for name in expected}
        assert seen == expected, {name: (seen[name], expected[name]) for name in expected if seen[name] != expected[name]}
        assert samples["hoody_tunnel_request_first_byte_seconds_count"] >= 2


def is_steady(daemon, series):
    """It grows no more: a clock that runs would be seen to."""
    before = scrape(daemon)[series]
    time.sleep(0.05)
    assert scrape(daemon)[series] == before


def what_waits_for_the_credit_of_its_stream_is_seen():
    with Daemon("--stream-window", "64KiB") as daemon, RawDriver(daemon) as driver:
        port = driver.bind()["containerPort"]
        with Visitor(port) as visitor:
            visitor.ask("POST", body=bytes(80000))
            blocked = 'hoody_tunnel_blocked_seconds_total{window="stream"}'
            wait_until(lambda: scrape(daemon)[blocked] > 0, "a stream is out of credit")
            held = scrape(daemon)
            assert held['hoody_tunnel_buffered_bytes{direction="to_driver"}'] == 80000 - 65536, held
            assert held['hoody_tunnel_stream_bytes_total{direction="to_driver",mode="expose"}'] == 65536
            stream, _ = driver.expect_stream()
            driver.send(window(stream, 65536))
            wait_until(lambda: scrape(daemon)['hoody_tunnel_buffered_bytes{direction="to_driver"}'] == 0, "all is sent")
            is_steady(daemon, blocked)


def what_waits_for_the_credit_of_its_session_is_seen():
    with Daemon("--stream-window", "64KiB", "--session-window", "64KiB") as daemon, RawDriver(daemon) as driver:
        port = driver.bind()["containerPort"]
        with Visitor(port) as first, Visitor(port) as second:
            first.ask("POST", body=bytes(65536))
            first_stream, _ = driver.expect_stream()
            second.ask("POST", body=b"more")
            blocked = 'hoody_tunnel_blocked_seconds_total{window="session"}'
            wait_until(lambda: scrape(daemon)[blocked] > 0, "the session is out of credit")
            assert scrape(daemon)['hoody_tunnel_buffered_bytes{direction="to_driver"}'] == 4
            driver.send(window(0, 65536))
            second_stream, _ = driver.expect_stream(skipping=(DATA, EOF))
            assert second_stream != first_stream
            wait_until(lambda: scrape(daemon)['hoody_tunnel_buffered_bytes{direction="to_driver"}'] == 0, "all is sent")
            is_steady(daemon, blocked)


run(
    the_fixed_series_follow_what_happens,
    every_family_is_there_before_anything_happened,
    what_happens_is_counted,
    what_waits_for_the_credit_of_its_stream_is_seen,
    what_waits_for_the_credit_of_its_session_is_seen,
)
