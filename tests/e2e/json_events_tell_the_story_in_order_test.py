"""hoody-tunnel --json: what happens, an event a line, with the fields that are documented, and nothing else on standard output; while a
daemon is killed and comes back under load, too. Nobody waits for a reader who has stopped."""

import contextlib
import json
import os
import signal
import subprocess

from events import Narrator, parsed
from hammer import Hammer
from harness import BIN, PATIENCE, Daemon, Origin, connect, free_port, http_origin, receive_all, receive_head, run, simple_get, wait_until

BACKOFF_MAX_MS = 5000


def answer(_method, path, *_):
    return (404 if path == "/missing" else 200), [], b"hello"


def names(events):
    return [event["event"] for event in events]


def a_tunnels_life_is_told():
    with http_origin(answer) as origin, Daemon() as daemon:
        with Narrator(daemon, "expose", str(origin.port), "--label", "web") as driver:
            bound = driver.wait_for("bound")
            port, target = bound["port"], f"127.0.0.1:{origin.port}"
            assert bound["url"] == f"http://127.0.0.1:{port}" and bound["target"] == target and bound["label"] == "web", bound
            assert (bound["kind"], bound["tunnel"], bound["name"]) == ("http", 1, None), bound
            simple_get(port, "/missing?a=\\b")
            request = driver.wait_for("request")
            expected = {"method": "GET", "path": "/missing?a=\\b", "status": 200, "outcome": "complete", "why": None, "visitor": 1}
            assert {name: request[name] for name in expected} == expected, request
            assert (request["bytes_in"], request["bytes_out"]) == (0, 5) and request["duration_ms"] > 0, request
            assert request["peer"].startswith("127.0.0.1:"), request
            (session,) = daemon.get_json("/sessions")["sessions"]
            assert bound["session"] == session["sessionId"], bound
        assert names(driver.events) == ["connecting", "connected", "bound", "request", "ended"], driver.events
        ended = driver.events[-1]
        assert ended["exit_status"] == 0 and driver.events[0]["session"] is None, driver.events
        assert driver.stderr() == "", driver.stderr()


def the_inspection_page_is_told():
    with http_origin(answer) as origin, Daemon() as daemon:
        page = free_port()
        with Narrator(daemon, "expose", str(origin.port), f"--inspect=127.0.0.1:{page}") as driver:
            driver.wait_for("bound")
            assert names(driver.events)[0] == "inspecting" and driver.events[0]["url"] == f"http://127.0.0.1:{page}", driver.events
            assert driver.events[0]["session"] is None and not driver.of("note"), driver.events


def upgrades_and_raw_connections_are_told_at_both_ends():
    def switch(sock, _address):
        receive_head(sock)
        sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n")
        while part := sock.recv(100):
            sock.sendall(part)

    def echo(sock, _address):
        while part := sock.recv(100):
            sock.sendall(part)

    with Origin(switch) as origin, Daemon() as daemon, Narrator(daemon, "expose", str(origin.port)) as driver:
        with connect(driver.wait_for("bound")["port"]) as sock:
            sock.sendall(b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n")
            receive_head(sock)
            sock.sendall(b"ping")
            assert sock.recv(4, 0x100) == b"ping"
            assert driver.wait_for("upgraded")["path"] == "/ws"
            assert not driver.of("request")
        request = driver.wait_for("request")
        assert (request["status"], request["bytes_in"], request["bytes_out"]) == (101, 4, 4), request
    with Origin(echo) as origin, Daemon() as daemon, Narrator(daemon, "pull", str(origin.port)) as driver:
        with connect(driver.wait_for("bound", kind="tcp")["port"]) as sock:
            sock.sendall(b"ping")
            driver.wait_for("pull_opened")
            sock.shutdown(1)
            assert receive_all(sock) == b"ping"
        closed = driver.wait_for("pull_closed")
        assert (closed["outcome"], closed["bytes_in"], closed["bytes_out"]) == ("complete", 4, 4), closed


def a_service_that_goes_away_is_told_with_its_requests():
    origin = http_origin(answer)
    with Daemon() as daemon, contextlib.ExitStack() as service:
        service.enter_context(origin)
        with Narrator(daemon, "expose", str(origin.port)) as driver:
            port = driver.wait_for("bound")["port"]
            service.close()
            assert simple_get(port)[0] == 502
            down, request = driver.wait_for("target_down"), driver.wait_for("request", status=502)
            assert request["outcome"] == "failed" and down["why"] in request["why"], (down, request)
            with http_origin(answer, port=origin.port):
                assert simple_get(port)[0] == 200
                driver.wait_for("target_up", target=down["target"])


def a_killed_daemon_under_load_is_a_story():
    base = free_port()
    with http_origin(answer) as origin:
        daemon = Daemon(port=base).__enter__()
        with Narrator(daemon, "expose", str(origin.port)) as driver:
            port = driver.wait_for("bound")["port"]
            with Hammer(port, threads=2) as hammer:
                hammer.wait_for(b"hello", 20)
                daemon.stop(signal.SIGKILL, expect=-signal.SIGKILL)
                driver.wait_for("interrupted", 2)
                with Daemon(port=base):
                    driver.wait_for("rebound")
                    hammer.wait_for(b"hello", 20)
                    driver.stop()
    told = driver.of("connecting", "connected", "bound", "interrupted", "rebound", "ended")
    story = names(told)
    tries = story.count("interrupted")
    assert story == ["connecting", "connected", "bound"] + ["interrupted", "connecting"] * tries + ["connected", "rebound", "ended"], story
    losses = [event for event in told if event["event"] == "interrupted"]
    assert losses[0]["retry_ms"] == 0 and all(0 <= loss["retry_ms"] <= BACKOFF_MAX_MS for loss in losses), losses
    assert [event["attempt"] for event in told if event["event"] == "connecting"] == [1, *range(1, tries + 1)], told
    rebound = told[-2]
    assert rebound["port"] == rebound["previous_port"] == port and rebound["session"] != losses[0]["session"], rebound
    served = [event["outcome"] for event in driver.events[driver.events.index(rebound) :] if event["event"] == "request"]
    assert "complete" in served, served
    assert {event["outcome"] for event in driver.of("request")} <= {"complete", "lost", "left"}, driver.of("request")


def a_reader_who_has_stopped_stops_nothing():
    with http_origin(answer) as origin, Daemon() as daemon:
        reader, writer = os.pipe()
        driver = subprocess.Popen(
            [os.path.join(BIN, "hoody-tunnel"), "expose", str(origin.port), "--json", "--url", f"ws://127.0.0.1:{daemon.port}"], stdout=writer
        )
        os.close(writer)
        try:
            with os.fdopen(reader, "rb") as lines:
                while (event := parsed(lines.readline()))["event"] != "bound":
                    pass
                path = "/" + "x" * 8000
                for _ in range(200):  # more than a pipe, and what waits for it, can hold
                    assert simple_get(event["port"], path)[0] == 200
                driver.send_signal(signal.SIGINT)
                wait_until(lambda: not daemon.get_json("/sessions")["sessions"], "it has said goodbye, and all that it has to say")
                rest = [parsed(line) for line in lines]
            assert driver.wait(timeout=PATIENCE) == 0
        finally:
            driver.kill()
            driver.wait()
    dropped = sum(event["count"] for event in rest if event["event"] == "dropped")
    assert dropped > 0 and names(rest)[-1] == "ended", names(rest)
    assert len([event for event in rest if event["event"] == "request"]) + dropped >= 200, (len(rest), dropped)


def what_can_not_go_together_is_wrong_usage():
    for flags in (["--json", "--qr"], ["--json", "--plain"]):
        done = subprocess.run([os.path.join(BIN, "hoody-tunnel"), "expose", "1", *flags], capture_output=True, check=False, timeout=PATIENCE)
        assert done.returncode == 2 and done.stdout == b"" and b"don't go together" in done.stderr, done


def a_daemon_that_is_not_there_is_an_end_with_3():
    with http_origin(answer) as origin:
        done = subprocess.run(
            [os.path.join(BIN, "hoody-tunnel"), "expose", str(origin.port), "--json", "--url", f"ws://127.0.0.1:{free_port()}"],
            capture_output=True, check=False, timeout=PATIENCE)  # fmt: skip
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 3 and names(events) == ["connecting", "ended"] and events[1]["exit_status"] == 3, (done, events)


def what_ends_before_anything_is_called_is_an_end_too():
    with http_origin(answer) as origin:
        for target, *flags, status in (
            (str(origin.port), "--token-file", os.devnull, 2),
            (str(origin.port), "--url", "bogus", 2),
            (str(origin.port), "--url", "wss://127.0.0.1:1", "--cacert", os.devnull, 2),
            ("nobody.invalid:80", 1),
        ):
            command = [os.path.join(BIN, "hoody-tunnel"), "expose", target, "--json", *flags]
            done = subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE)
            (ended,) = [parsed(line) for line in done.stdout.splitlines()]
            assert (done.returncode, ended["event"], ended["exit_status"]) == (status, "ended", status) and ended["why"], (done, ended)


run(
    a_tunnels_life_is_told,
    the_inspection_page_is_told,
    upgrades_and_raw_connections_are_told_at_both_ends,
    a_service_that_goes_away_is_told_with_its_requests,
    a_killed_daemon_under_load_is_a_story,
    a_reader_who_has_stopped_stops_nothing,
    what_can_not_go_together_is_wrong_usage,
    a_daemon_that_is_not_there_is_an_end_with_3,
    what_ends_before_anything_is_called_is_an_end_too,
)
