"""hoody-tunnel list, sessions, bindings, close, health, metrics: what the admin API says, as tables for people and as JSON for
programs."""

import contextlib
import json
import re
import tempfile

from certificates import a_certificate
from connect_proxy import ConnectProxy
from harness import (
    EOF,
    Daemon,
    Origin,
    RawDriver,
    Visitor,
    abort,
    data,
    frame,
    free_port,
    receive_head,
    response_head,
    run,
)
from operators import operate, rows_of
from parking import wait_until_parked


@contextlib.contextmanager
def a_busy_daemon():
    """Two live sessions, one of them without a port, and a parked one; yields (daemon, live, idle, parked id, port of the parked)."""
    with Daemon() as daemon, RawDriver(daemon) as away:
        parked, parked_port = away.hello_ok["sessionId"], away.bind()["containerPort"]
        abort(away.sock)
        wait_until_parked(daemon)
        with RawDriver(daemon) as live, RawDriver(daemon) as idle:
            yield daemon, live, idle, parked, parked_port


def all_is_listed():
    with a_busy_daemon() as (daemon, live, idle, parked, parked_port):
        exposed = live.bind()["containerPort"]
        pulled = live.bind(kind="tcp", mode="pull", containerPort=0)["containerPort"]
        v6 = live.bind(kind="tcp", mode="pull", containerPort=0, host="::1")["containerPort"]
        table, _, totals = operate(daemon, "list")[0].rpartition("\n\n")
        rows = {row["PORT"]: row for row in rows_of(table)}
        live_id, idle_id = live.hello_ok["sessionId"], idle.hello_ok["sessionId"]
        assert set(rows) == {str(exposed), f"127.0.0.1:{pulled}", f"[::1]:{v6}", str(parked_port), "-"}, table
        assert [row["SESSION"] for row in rows_of(table)].count(live_id) == 1, table  # its ports stand below
        assert rows[str(exposed)]["MODE"] == "expose" and rows[f"127.0.0.1:{pulled}"]["MODE"] == "pull", table
        assert rows["-"]["SESSION"] == idle_id and rows["-"]["PEER"].startswith("127.0.0.1:"), table
        assert (rows[str(parked_port)]["SESSION"], rows[str(parked_port)]["PEER"]) == (parked, "(parked)"), table
        assert totals.startswith("2 live sessions, 1 parked; 4 bindings, 0 streams; "), totals
        assert json.loads(operate(daemon, "list", "--json")[0]) == daemon.get_json("/tunnels")


def sessions_are_listed():
    with a_busy_daemon() as (daemon, live, _, parked, _):
        ports = [live.bind()["containerPort"], live.bind(kind="tcp", mode="pull")["containerPort"]]
        with Visitor(ports[0]) as visitor:
            visitor.ask()
            live.expect_stream()
            text = operate(daemon, "sessions")[0]
            rows = {row["SESSION"]: row for row in rows_of(text)}
            api = daemon.get_json("/sessions")
            assert set(rows) == {row["sessionId"] for row in api["sessions"]} and parked not in rows, text
            for session in api["sessions"]:
                row = rows[session["sessionId"]]
                assert row["PEER"] == session["peerAddr"] and row["PROTOCOL"] == "v1" and row["SOCKETS"] == "1", row
                assert row["STREAMS"] == f"{session['activeStreams']}/{session['maxStreams']}", row
            row = rows[live.hello_ok["sessionId"]]
            assert row["STREAMS"] == "1/1024", row
            assert set(row["PORTS"].split()) == {str(ports[0]), f"127.0.0.1:{ports[1]}"}, row
            assert json.loads(operate(daemon, "sessions", "--json")[0]) == api


def bindings_are_listed_with_parked_ones():
    with a_busy_daemon() as (daemon, live, _, parked, parked_port):
        ports = [live.bind()["containerPort"], live.bind(kind="tcp", mode="pull", host="127.0.0.2")["containerPort"]]
        text = operate(daemon, "bindings")[0]
        rows = {row["PORT"]: row for row in rows_of(text)}
        session = live.hello_ok["sessionId"]
        assert set(rows) == {str(ports[0]), f"127.0.0.2:{ports[1]}", str(parked_port)}, text
        assert {(row["KIND"], row["MODE"]) for row in rows.values()} == {("http", "expose"), ("tcp", "pull")}, text
        assert (rows[str(parked_port)]["SESSION"], rows[str(parked_port)]["STATE"]) == (parked, "parked"), text
        assert (rows[str(ports[0])]["SESSION"], rows[str(ports[0])]["STATE"]) == (session, "live"), text
        assert json.loads(operate(daemon, "bindings", "--json")[0]) == daemon.get_json("/bindings")


def nothing_is_said_in_words():
    with Daemon() as daemon:
        assert operate(daemon, "sessions")[0] == "no sessions\n"
        assert operate(daemon, "bindings")[0] == "no bindings\n"
        text = operate(daemon, "list")[0]
        assert text.startswith("no sessions\n\n0 live sessions, 0 parked; 0 bindings, 0 streams; "), text
        assert operate(daemon, "bindings", "--json")[0] == '{"bindings":[],"total":0}\n'


def a_session_is_closed():
    with a_busy_daemon() as (daemon, live, idle, parked, _):
        live_id, idle_id = live.hello_ok["sessionId"], idle.hello_ok["sessionId"]
        assert operate(daemon, "close", live_id)[0] == f"{live_id} is closing\n"
        assert live.expect_closed()[1] == 1000
        beginning = unique_beginning(idle_id, [parked])
        assert json.loads(operate(daemon, "close", beginning, "--json")[0]) == {"sessionId": idle_id, "status": "closing"}
        assert idle.expect_closed()[1] == 1000
        assert operate(daemon, "close", parked[2:12])[0] == f"{parked} is closing\n"  # without the S-, and nobody is there
        assert daemon.get_json("/bindings")["total"] == 0
        for gone in (live_id, live_id[:20], "no-such-session"):
            out, err = operate(daemon, "close", gone, expect=1)
            assert out == "" and "no session" in err and gone in err, err


def unique_beginning(session, others):
    return next(session[:n] for n in range(3, 39) if not any(other.startswith(session[:n]) for other in others))


def a_beginning_of_several_sessions_closes_none():
    with contextlib.ExitStack() as stack:
        daemon = stack.enter_context(Daemon())
        drivers = [stack.enter_context(RawDriver(daemon)) for _ in range(17)]  # of 16 digits one comes twice
        ids = sorted(driver.hello_ok["sessionId"] for driver in drivers)
        beginning = next(a[:3] for a, b in zip(ids, ids[1:]) if a[:3] == b[:3])
        expected = [session for session in ids if session.startswith(beginning)]
        out, err = operate(daemon, "close", beginning, expect=1)
        candidates = [line for line in err.splitlines()[1:] if line != "..."]
        assert out == "" and len(candidates) == min(len(expected), 8) and set(candidates) <= set(expected), err
        assert daemon.get_json("/sessions")["total"] == 17
        for no_beginning in ("", "S-"):
            assert "--help" in operate(daemon, "close", no_beginning, expect=2)[1]


def running_streams_get_the_grace():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        with Visitor(driver.bind()["containerPort"]) as visitor:
            visitor.ask()
            stream, _ = driver.expect_stream()
            driver.expect(EOF, stream)
            driver.send(response_head(stream, headers=[["content-length", "8"]]), data(stream, b"half"))
            assert visitor.receive_head()[0] == 200
            operate(daemon, "close", driver.hello_ok["sessionId"], "--grace", "5s")
            driver.send(data(stream, b"done"), frame(EOF, stream))
            assert visitor.receive(8) == b"halfdone"
            assert driver.expect_closed()[1] == 1000
    with Daemon() as daemon, RawDriver(daemon) as driver:
        with Visitor(driver.bind()["containerPort"]) as visitor:
            visitor.ask()
            stream, _ = driver.expect_stream()
            driver.send(response_head(stream))
            assert visitor.receive_head()[0] == 200
            operate(daemon, "close", driver.hello_ok["sessionId"], "--grace=0")
            visitor.expect_abort()


def health_is_one_line():
    with Daemon() as daemon:
        text = operate(daemon, "health")[0]
        facts = daemon.get_json("/health")
        assert text.startswith(f"ok, pid {facts['pid']}, up since {facts['started']}, ") and text.count("\n") == 1, text
        told = json.loads(operate(daemon, "health", "--json")[0])
        assert told["status"] == "ok" and told["userAgent"].startswith("hoody-tunnel/"), told


def metrics_are_prometheus_text():
    with Daemon() as daemon:
        text = operate(daemon, "metrics")[0]
        assert "# TYPE hoody_tunnel_sessions_active gauge\nhoody_tunnel_sessions_active 0\n" in text, text[:500]


def metrics_are_lines_of_json_for_programs():
    with a_busy_daemon() as (daemon, _, _, _, _):
        samples = [json.loads(line) for line in operate(daemon, "metrics", "--json")[0].splitlines()]
        assert all(list(sample) == ["name", "labels", "value"] for sample in samples), samples
        known = {(sample["name"], *sorted(sample["labels"].items())): sample["value"] for sample in samples}
        assert len(known) == len(samples) > 50, len(samples)
        told = re.findall(r'^([a-z_]+)(?:\{(.*)\})? ([-+.\deE]+)$', operate(daemon, "metrics")[0], re.MULTILINE)
        assert len(told) == len(samples), (len(told), len(samples))
        for name, labels, value in told:
            key = (name, *sorted(re.findall(r'(\w+)="([^"]*)"', labels)))
            is_steady = not name.startswith("process_") and "seconds" not in name and "messages" not in name and "bytes" not in name
            assert key in known and (not is_steady or "answers" in name or known[key] == float(value)), (key, value, known.get(key))


def top_prints_lines_of_json_for_programs():
    with a_busy_daemon() as (daemon, live, _, parked, parked_port):
        port = live.bind()["containerPort"]
        looks = [json.loads(line) for line in operate(daemon, "top", "--json", "--count", "3", "--interval", "50ms")[0].splitlines()]
        assert len(looks) == 3, looks
        for look in looks:
            assert list(look) == ["ts", "tunnels", "bindings", "rates", "bufferedBytes", "memoryBytes"], look
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", look["ts"]) and look["memoryBytes"] > 1 << 20, look
            assert look["tunnels"] == daemon.get_json("/tunnels") and look["bindings"] == daemon.get_json("/bindings"), look
            assert {(row["port"], row.get("parked")) for row in look["bindings"]["bindings"]} == {(port, None), (parked_port, True)}, parked
        assert set(looks[0]["rates"].values()) == {None} and looks[1]["rates"]["requests"] == 0 <= looks[1]["rates"]["cpu"], looks


def top_prints_blocks_when_it_is_no_terminal():
    with a_busy_daemon() as (daemon, live, _, parked, parked_port):
        port = live.bind()["containerPort"]
        text = operate(daemon, "top", "--count", "3", "--interval", "50ms")[0]
        blocks = text.split("hoody-tunnel top")[1:]
        assert len(blocks) == 3 and "\033" not in text, text
        for block in blocks:
            assert "sessions 2  parked 1  bindings 2  streams 0  " in block, block
            rows = {row["SESSION"]: row for row in rows_of(block.strip().split("\n\n", 1)[1])}
            assert rows[live.hello_ok["sessionId"]]["PORTS"] == str(port), block
            assert (rows[parked]["PEER"], rows[parked]["PORTS"]) == ("(parked)", str(parked_port)), block
        assert "requests -  " in blocks[0] and "requests 0/s  " in blocks[1], text


def any_url_of_the_daemon_will_do():
    with Daemon() as daemon:
        host = f"127.0.0.1:{daemon.port}"
        dialled = f"ws://{host}/api/v1/tunnel/connect?key=value"
        for url in (f"ws://localhost:{daemon.port}", f"http://{host}/", dialled, f"http://{host}/api/v1/tunnel"):
            assert operate(url, "health")[0].startswith("ok, "), url
        # A proxy is for the world outside.
        assert operate(daemon, "health", http_proxy=f"http://127.0.0.1:{free_port()}")[0].startswith("ok, ")


def a_certificate_must_be_trusted():
    with a_certificate() as certificate, Daemon(*certificate.flags, tls=certificate.context()) as daemon:
        for url in (f"wss://localhost:{daemon.port}", f"https://127.0.0.1:{daemon.port}"):
            err = operate(url, "health", expect=1)[1]
            assert "not trusted" in err and "--cacert" in err, err
            assert operate(url, "health", "--cacert", certificate.certificate)[0].startswith("ok, ")
            assert operate(url, "health", HOODY_TUNNEL_CACERT=certificate.certificate)[0].startswith("ok, ")
            out, err = operate(url, "health", "--insecure", warns=True)
            assert out.startswith("ok, ") and "NOT checked" in err, (out, err)


def a_proxy_and_a_token_are_as_for_tunnels():
    name = "tunnel.example"  # which only the proxy can resolve
    with a_certificate() as certificate, tempfile.NamedTemporaryFile("w") as token:
        token.write("not-for-the-log\n")
        token.flush()
        with Daemon("--admin-host", name, *certificate.flags, tls=certificate.context()) as daemon:
            with ConnectProxy(daemon, login="user:p@ss") as proxy:
                url, proxy_url = f"wss://{name}:{daemon.port}", proxy.url.replace("//", "//user:p%40ss@")
                flags = ("--insecure", "--token-file", token.name)
                assert operate(url, "health", *flags, "--proxy", proxy_url, warns=True)[0].startswith("ok, ")
                blocks = operate(url, "top", "--count", "2", "--interval", "1ms", *flags, https_proxy=proxy_url, warns=True)[0]
                assert blocks.count("no sessions") == 2, blocks
                assert set(proxy.asked) == {f"{name}:{daemon.port}"}, proxy.asked
                assert "proxy refuses with status 407" in operate(url, "health", "--proxy", proxy.url, expect=1)[1]
            with ConnectProxy(daemon, refusal="502 Bad Gateway") as proxy:
                assert "proxy refuses with status 502" in operate(url, "health", "--proxy", proxy.url, expect=3)[1]
            assert "not-for-the-log" not in daemon.stderr()


def the_token_is_sent_with_each_call():
    heads = []

    def serve(sock, _):
        heads.append(receive_head(sock).decode())
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 25\r\n\r\n" + b'{"bindings":[],"total":0}')

    with Origin(serve) as origin, tempfile.NamedTemporaryFile("w") as token:
        operate(origin, "bindings")
        assert "authorization" not in heads.pop().lower()
        token.write("  secret.token== \nanother line\n")
        token.flush()
        operate(origin, "bindings", HOODY_TUNNEL_TOKEN_FILE=token.name)
        assert "\r\nAuthorization: Bearer secret.token==\r\n" in heads.pop()
        with ConnectProxy(origin) as proxy:  # through a proxy: for the daemon, not for the proxy
            operate(f"ws://localhost.example:{origin.port}", "bindings", "--token-file", token.name, "--proxy", proxy.url, warns=True)
            assert "\r\nAuthorization: Bearer secret.token==\r\n" in heads.pop()
            assert "bearer" not in "".join(proxy.heads).lower(), proxy.heads


run(
    all_is_listed,
    sessions_are_listed,
    bindings_are_listed_with_parked_ones,
    nothing_is_said_in_words,
    a_session_is_closed,
    a_beginning_of_several_sessions_closes_none,
    running_streams_get_the_grace,
    health_is_one_line,
    metrics_are_prometheus_text,
    metrics_are_lines_of_json_for_programs,
    top_prints_lines_of_json_for_programs,
    top_prints_blocks_when_it_is_no_terminal,
    any_url_of_the_daemon_will_do,
    a_certificate_must_be_trusted,
    a_proxy_and_a_token_are_as_for_tunnels,
    the_token_is_sent_with_each_call,
)
