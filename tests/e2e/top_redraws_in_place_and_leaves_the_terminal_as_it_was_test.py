"""hoody-tunnel top on a terminal of 80x24: drawn in place, never scrolled, and however it ends or is suspended, the terminal is as it
was: screen, cursor, wrapping, and how keys are read."""

import contextlib
import re
import signal
import socket
import termios
import threading

from harness import EOF, WINDOW, Daemon, Process, RawDriver, Visitor, abort, free_port, receive_head, run, wait_until
from parking import wait_until_parked
from terminal import Terminal, url_of


def top(daemon, **more):
    return Terminal(url_of(daemon), "top", "--interval", "50ms", **more)


def it_is_drawn_in_place():
    with Daemon() as daemon, RawDriver(daemon) as away:
        parked_port = away.bind()["containerPort"]
        abort(away.sock)
        wait_until_parked(daemon)
        with RawDriver(daemon) as driver, top(daemon) as terminal:
            port = driver.bind()["containerPort"]
            terminal.wait_for(lambda screen: f" {port}" in screen.text(), "the port is seen")
            terminal.wait_for_draws()
            with terminal.lock:
                assert terminal.screen.modes == {"1049": True, "25": False, "7": False}, terminal.screen.modes
            lines = terminal.text().splitlines()
            assert lines[0].startswith(f"hoody-tunnel top  127.0.0.1:{daemon.port}  "), lines
            assert lines[1].startswith("sessions 1  parked 1  bindings 2  streams 0  "), lines
            assert sum("hoody-tunnel top" in line for line in lines) == 1, lines
            assert any("(parked)" in line and str(parked_port) in line for line in lines), lines
            with Visitor(port) as visitor:
                visitor.ask()
                driver.expect_stream()
                terminal.wait_for(lambda screen: "streams 1  " in screen.text(), "the stream is seen")
            terminal.wait_for(lambda screen: "streams 0  " in screen.text(), "the stream is gone")
            terminal.type(b"\x03")
            terminal.expect_end()


def rates_are_of_what_moves():
    with Daemon() as daemon, RawDriver(daemon) as driver, top(daemon) as terminal:
        port = driver.bind()["containerPort"]
        stop = threading.Event()

        def visit():
            while not stop.is_set():
                with Visitor(port) as visitor:
                    visitor.ask()
                    stream, _ = driver.expect_stream(skipping=(EOF, WINDOW))
                    driver.answer(stream, b"x" * 1000, headers=[["content-length", "1000"]])
                    visitor.receive_answer()

        visits = threading.Thread(target=visit)
        visits.start()
        try:
            moving = re.compile(r"to visitors \d+(\.\d)? [KM]?i?B/s  to drivers .*\nrequests \d+(\.\d)?/s  new streams \d")
            still = "to visitors 0 B/s"
            terminal.wait_for(lambda screen: moving.search(screen.text()) and still not in screen.text(), "bytes move")
        finally:
            stop.set()
            visits.join()
        terminal.wait_for(lambda screen: still in screen.text() and "requests 0/s" in screen.text(), "nothing moves")
        terminal.type(b"q")
        terminal.expect_end()


def each_way_out_restores_the_terminal():
    with Daemon() as daemon:
        for leave in (b"q", b"Q", b"\x03", b"\x1c", signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with top(daemon) as terminal:
                terminal.wait_for(lambda screen: "no sessions" in screen.text(), "it is drawn")
                assert termios.tcgetattr(terminal.slave) != terminal.before
                terminal.type(b"xyz\r")  # not echoed: the screen would scroll or hold it
                terminal.wait_for_draws()
                assert "xyz" not in terminal.text()
                if isinstance(leave, bytes):
                    terminal.type(leave)
                else:
                    terminal.process.send_signal(leave)
                terminal.expect_end()


def a_suspended_one_gives_the_terminal_back_for_the_while():
    with Daemon() as daemon, top(daemon) as terminal:
        for suspend in (lambda: terminal.type(b"\x1a"), lambda: terminal.process.send_signal(signal.SIGTSTP)):
            terminal.wait_for(lambda screen: screen.modes["1049"], "it is drawn")
            terminal.wait_for_draws()
            suspend()
            wait_until(terminal.is_as_before, "the terminal is given back")
            with terminal.lock:
                terminal.screen.clear()
            terminal.process.send_signal(signal.SIGCONT)
            terminal.wait_for(lambda screen: screen.modes["1049"] and "no sessions" in screen.text(), "it is drawn again")
        terminal.process.send_signal(signal.SIGTERM)
        terminal.expect_end()


def what_does_not_fit_is_left_out():
    with contextlib.ExitStack() as stack:
        daemon = stack.enter_context(Daemon())
        for _ in range(30):
            stack.enter_context(RawDriver(daemon)).bind()
        terminal = stack.enter_context(top(daemon))
        terminal.wait_for(lambda screen: "... and 14 more" in screen.line(-1), "24 lines are full")
        assert len(terminal.text().splitlines()) == 24
        titles = {60: f"hoody-tunnel top  127.0.0.1:{daemon.port}  ", 30: "hoody-tunnel top  127.0.0.1...", 120: "hoody-tunnel top  "}
        for columns, rows, words in ((60, 12, "... and 26 more"), (30, 8, "... and 30 more"), (120, 40, "sessions 30")):
            terminal.resize(columns, rows)
            terminal.wait_for(lambda screen, words=words: words in screen.text(), "it is drawn anew")
            terminal.wait_for_draws()
            text = terminal.text()
            assert max(map(len, text.splitlines())) <= columns, text
            assert text.startswith(titles[columns]), text
            assert columns == 120 or text.splitlines()[1].endswith("..."), text
        assert "more" not in text, text
        for columns, rows in ((1, 1), (3, 3), (10, 7)):
            terminal.resize(columns, rows)
            terminal.wait_for_draws()
            terminal.text()
        terminal.type(b"q")
        terminal.expect_end()


def a_daemon_that_goes_away_is_told_until_it_is_back():
    with Daemon() as daemon:
        terminal = top(daemon)
        terminal.wait_for(lambda screen: "no sessions" in screen.text(), "it is drawn")
    with terminal:
        terminal.wait_for(lambda screen: "can't reach the daemon" in screen.text(), "it is told")
        again = Process("hoody-tunneld", ["--listen", f"127.0.0.1:{daemon.port}"])
        terminal.wait_for(lambda screen: "can't reach" not in screen.text() and "requests 0/s" in screen.text(), "it is back")
        again.stop()
        terminal.type(b"q")
        terminal.expect_end()


def a_daemon_that_is_not_there_is_3_and_nothing_is_drawn():
    with Terminal(f"ws://127.0.0.1:{free_port()}", "top") as terminal:
        terminal.expect_end(3)
        assert "can't reach the daemon" in terminal.errors() and terminal.raw == b"", (terminal.errors(), terminal.raw)


def an_end_is_not_waited_for():
    with Daemon() as daemon, Terminal(url_of(daemon), "top", "--interval", "1m", "--timeout", "1m") as terminal:
        terminal.wait_for(lambda screen: "no sessions" in screen.text(), "it is drawn")
        terminal.type(b"\x03")  # between two looks
        terminal.expect_end()
        with Terminal(url_of(daemon), "top", "--interval", "1ms") as restless:
            restless.wait_for_draws()
            restless.type(b"\x03")
            restless.expect_end()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with Terminal(f"ws://127.0.0.1:{silent.getsockname()[1]}", "top", "--timeout", "10m") as terminal:
            sock, _ = silent.accept()
            with sock:
                receive_head(sock)
                terminal.type(b"\x03")  # in one
                terminal.expect_end()
                assert terminal.raw in (b"", b"^C"), terminal.raw


def a_count_or_a_dumb_terminal_gets_blocks():
    with Daemon() as daemon:
        for arguments, environment in ((["--count", "2"], {}), ([], {"TERM": "dumb"})):
            with Terminal(url_of(daemon), "top", "--interval", "50ms", *arguments, rows=1000, **environment) as terminal:
                wait_until(lambda: terminal.text().count("hoody-tunnel top") >= 2, "two blocks are there")
                if not arguments:
                    terminal.process.send_signal(signal.SIGTERM)
                terminal.expect_end()
                assert b"\x1b[?" not in terminal.raw and b"\x1b[H" not in terminal.raw, terminal.raw


def tables_fit_the_terminal_and_are_adorned_unless_no_color():
    with Daemon() as daemon, RawDriver(daemon) as driver:
        for _ in range(20):
            driver.bind()
        for command in ("list", "sessions", "bindings"):
            for environment, bold in (({}, 1), ({"NO_COLOR": "1"}, 0), ({"NO_COLOR": ""}, 1), ({"TERM": "dumb"}, 0)):
                with Terminal(url_of(daemon), command, rows=100, **environment) as terminal:
                    terminal.expect_end()
                    wait_until(lambda: "SESSION" in terminal.text(), "the table is there")  # pylint: disable=cell-var-from-loop
                    text = terminal.text()
                    assert terminal.screen.bold == bold, (command, environment, terminal.raw)
                    longest = max(len(re.sub(rb"\x1b\[\d*m", b"", line)) for line in terminal.raw.split(b"\r\n"))
                    assert longest <= 80, text


run(
    it_is_drawn_in_place,
    rates_are_of_what_moves,
    each_way_out_restores_the_terminal,
    a_suspended_one_gives_the_terminal_back_for_the_while,
    what_does_not_fit_is_left_out,
    a_daemon_that_goes_away_is_told_until_it_is_back,
    a_daemon_that_is_not_there_is_3_and_nothing_is_drawn,
    an_end_is_not_waited_for,
    a_count_or_a_dumb_terminal_gets_blocks,
    tables_fit_the_terminal_and_are_adorned_unless_no_color,
)
