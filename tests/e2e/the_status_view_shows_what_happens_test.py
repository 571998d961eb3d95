"""hoody-tunnel expose on a terminal: a view of session, tunnels, visitors and their requests, drawn in place; it follows the window's
size, costs nothing while nothing happens, and leaves the terminal as it was however it ends. A QR code in it can be read."""

import fcntl
import os
import re
import signal
import socket
import struct
import termios
import threading
import time

from harness import Daemon, Expose, Origin, connect, free_port, http_origin, receive_head, run, simple_get, wait_until
from qr import read_qr
from relay import Relay
from terminal import Terminal, url_of

PUBLIC = "https://box-{port}.example.com"


def answer(_method, path, *_):
    status = int(path.rsplit("/", 1)[1]) if path.startswith("/status/") else 200
    return status, [], b"hello" if status == 200 else b""


class View(Terminal):
    """The view of an `expose`; its port is known before."""

    def __init__(self, daemon, origin, *flags, **more):
        self.port = free_port()
        more = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC0", **more}
        super().__init__(url_of(daemon), "expose", str(origin.port), "--port", str(self.port), *flags, **more)

    def wait_for_text(self, *texts):
        self.wait_for(lambda screen: all(text in screen.text() for text in texts), f"{texts} is seen")

    def wait_until_it_serves(self):
        self.wait_for_text("online since", "Forwarding  http")

    def resize(self, columns, rows):
        """It is drawn once for each size: what is seen must tell that it is for this one."""
        with self.lock:
            self.screen.resize(columns, rows)
        self.set_size(columns, rows)

    def end(self):
        self.type(b"\x03")
        self.expect_end()


def it_shows_session_tunnel_and_live_requests():
    page = f"127.0.0.1:{free_port()}"
    with http_origin(answer) as origin, Daemon("--public-url-pattern", PUBLIC) as daemon, View(daemon, origin, f"--inspect={page}") as view:
        view.wait_until_it_serves()
        view.wait_for_text("nobody has come yet")
        (session,) = daemon.get_json("/sessions")["sessions"]
        lines = view.text().splitlines()
        assert lines[0] == "hoody-tunnel" + " " * 54 + "Ctrl-C ends it", lines
        assert lines[2].endswith(session["sessionId"]), lines
        assert re.fullmatch(rf"Daemon      127\.0\.0\.1:{daemon.port}  round trip [\d.]+ m?s", lines[3]), lines
        assert lines[4] == f"Forwarding  https://box-{view.port}.example.com \u2192 127.0.0.1:{origin.port}", lines
        assert lines[5] == f"Inspection  http://{page}", lines
        for path in ("/first", "/status/404", "/status/302", "/status/500"):
            simple_get(view.port, path)
        view.wait_for_text("0 now, 4 in all", "/status/500")
        seen = re.findall(r"^\d\d:\d\d:\d\d  GET     (\S+) +(\d+) +[\d.]+ m?s +(\d+) B$", view.text(), re.MULTILINE)
        assert seen == [("/status/500", "500", "0"), ("/status/302", "302", "0"), ("/status/404", "404", "0"), ("/first", "200", "5")], seen
        assert {"32", "33", "36", "31"} <= view.screen.inks, view.screen.inks
        with view.lock:
            assert view.screen.modes == {"1049": True, "25": False, "7": False}, view.screen.modes
        view.end()
        assert "closed; 4 visitors" in view.errors(), view.errors()


def several_tunnels_are_seen_with_their_visitors():
    def echo(sock, _address):
        while part := sock.recv(100):
            sock.sendall(part)

    with http_origin(answer) as origin, Origin(echo) as raw, Daemon() as daemon:
        web, pulled = free_port(), free_port()
        flags = (f"{web}={origin.port}", "--pull", f"{pulled}={raw.port}")
        with Terminal(url_of(daemon), "expose", *flags, LC_ALL="C.UTF-8") as terminal:
            urls = (f"http://127.0.0.1:{web} \u2192 127.0.0.1:{origin.port}", f"tcp://127.0.0.1:{pulled} \u2192 127.0.0.1:{raw.port}")
            terminal.wait_for(lambda screen: all(url in screen.text() for url in urls), "both are seen")
            simple_get(web, "/web")
            with connect(pulled) as sock:
                sock.sendall(b"ping")
                assert sock.recv(4, socket.MSG_WAITALL) == b"ping"
                terminal.wait_for(lambda screen: re.search(r"tcp     127.0.0.1:\d+ +open +4 B", screen.text()), "it is open")
            terminal.wait_for(lambda screen: re.search(r"tcp     127.0.0.1:\d+ +done ", screen.text()), "it is over")
            terminal.wait_for(lambda screen: re.search(r"GET     /web +200 ", screen.text()), "the request is seen")
            terminal.type(b"\x03")
            terminal.expect_end()


def a_request_is_seen_before_it_is_answered():
    asked, may_answer = threading.Event(), threading.Event()

    def slow(sock, _address):
        receive_head(sock)
        asked.set()
        may_answer.wait()
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

    with Origin(slow) as origin, Daemon() as daemon, View(daemon, origin) as view:
        view.wait_until_it_serves()
        visitor = threading.Thread(target=simple_get, args=(view.port, "/slow"))
        visitor.start()
        try:
            view.wait_for(lambda screen: re.search(r"/slow +\.\.\. ", screen.text()), "it is under way")
            view.wait_for_text("1 now, 1 in all")
        finally:
            may_answer.set()
            visitor.join()
        view.wait_for(lambda screen: re.search(r"/slow +200 ", screen.text()), "it is answered")
        view.wait_for_text("0 now, 1 in all")
        view.end()


def what_visitors_say_never_reaches_the_terminal_raw():
    with http_origin(answer) as origin, Daemon() as daemon, View(daemon, origin) as view:
        view.wait_until_it_serves()
        with connect(view.port) as sock:
            sock.sendall(b"GET /%1b[2J\\x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            receive_head(sock)
        view.wait_for_text("/%1b[2J\\\\x")
        view.end()


def without_colours_when_nobody_wants_them():
    with http_origin(answer) as origin, Daemon() as daemon:
        for environment in ({"NO_COLOR": "1"}, {"NO_COLOR": ""}):
            with View(daemon, origin, **environment) as view:
                view.wait_until_it_serves()
                simple_get(view.port, "/")
                view.wait_for_text("0 now, 1 in all")
                assert bool(view.screen.inks) == (not environment["NO_COLOR"]), view.screen.inks
                view.end()


def elsewhere_there_are_plain_lines():
    with http_origin(answer) as origin, Daemon() as daemon:
        for flags, environment in ((["--plain"], {}), ([], {"TERM": "dumb"})):
            with View(daemon, origin, *flags, "--log-requests", **environment) as view:
                wait_until(lambda: f"http://127.0.0.1:{view.port}\r\n".encode() in view.raw, "the URL is there")  # pylint: disable=cell-var-from-loop
                simple_get(view.port, "/a?b")
                wait_until(lambda: "GET /a?b 200 " in view.errors(), "the request is told")  # pylint: disable=cell-var-from-loop
                view.end()
                assert b"\x1b" not in view.raw, view.raw


def it_follows_the_size_of_the_window():
    with http_origin(answer) as origin, Daemon() as daemon, View(daemon, origin) as view:
        view.wait_until_it_serves()
        for number in range(40):
            simple_get(view.port, f"/{number}")
        view.wait_for_text("40 in all")
        for columns, rows in ((132, 50), (40, 12), (20, 5), (1, 1), (3, 2), (80, 24)):
            view.resize(columns, rows)
            last = {50: "/0 ", 12: "/36 ", 24: "/24 "}.get(rows, "h")
            view.wait_for_text(last)
            assert max(map(len, view.text().splitlines())) <= columns, view.text()
        view.end()


def keys_waiting(terminal):
    return struct.unpack("i", fcntl.ioctl(terminal, termios.FIONREAD, b"\0" * 4))[0]


def each_way_out_restores_the_terminal():
    with http_origin(answer) as origin, Daemon() as daemon:
        for leave, status in ((b"\x03", 0), (signal.SIGTERM, 0), (signal.SIGHUP, 0), (b"\x1c", -signal.SIGQUIT), (signal.SIGABRT, -signal.SIGABRT)):
            with View(daemon, origin) as view:
                view.wait_until_it_serves()
                view.type(b"xyz\r")  # not echoed: the screen would scroll or hold it
                wait_until(lambda: keys_waiting(view.slave) == 4, "the keys have come")  # pylint: disable=cell-var-from-loop
                if isinstance(leave, bytes):
                    view.type(leave)
                else:
                    view.process.send_signal(leave)
                view.expect_end(status)
                assert b"xyz" not in view.raw


def a_suspended_one_gives_the_terminal_back_for_the_while():
    with http_origin(answer) as origin, Daemon() as daemon, View(daemon, origin) as view:
        for suspend in (lambda: view.type(b"\x1a"), lambda: view.process.send_signal(signal.SIGTSTP)):
            view.wait_for(lambda screen: screen.modes["1049"] and "online since" in screen.text(), "it is drawn")
            suspend()
            wait_until(view.is_as_before, "the terminal is given back")
            with view.lock:
                view.screen.clear()
            view.process.send_signal(signal.SIGCONT)
        view.wait_for(lambda screen: screen.modes["1049"] and "online since" in screen.text(), "it is drawn again")
        view.end()


def a_terminal_that_is_stopped_stops_no_visitor():
    with http_origin(answer) as origin, Daemon() as daemon, View(daemon, origin) as view:
        view.wait_until_it_serves()
        view.type(b"\x13")  # Ctrl-S
        for number in range(300):
            simple_get(view.port, f"/{number}")
        view.type(b"\x11")
        view.wait_for_text("300 in all", "/299 ")
        view.end()


def when_nothing_happens_nothing_runs():
    """Every wake-up would switch threads; so does the heartbeat, which is put off here. What is still to be drawn will be soon."""

    def switches(pid):
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            return sum(int(line.split()[1]) for line in file if "_ctxt_switches" in line)

    def sleeps(pid):
        before = switches(pid)
        time.sleep(1)
        return switches(pid) == before

    if os.environ.get("HOODY_SANITIZE"):
        return  # sanitizers have threads of their own
    with http_origin(answer) as origin, Daemon() as daemon, View(daemon, origin, "--ping-interval", "60m") as view:
        view.wait_until_it_serves()
        simple_get(view.port, "/")
        view.wait_for_text("0 now, 1 in all")
        wait_until(lambda: sleeps(view.process.pid), "a second passes without a wake-up")
        view.end()


def a_loss_is_shown_until_it_is_over():
    with http_origin(answer) as origin, Daemon() as daemon, Relay(daemon) as relay:
        with View(relay, origin, "--ping-interval", "200ms", "--ping-timeout", "500ms") as view:
            view.wait_until_it_serves()
            relay.freeze()
            view.wait_for_text("reconnecting since", "Trouble     ", "the daemon does not answer")
            relay.thaw()
            view.wait_until_it_serves()
            assert "Trouble" not in view.text(), view.text()
            view.end()


def a_daemon_that_is_not_there_is_3_and_nothing_is_drawn():
    with http_origin(answer) as origin, Terminal(f"ws://127.0.0.1:{free_port()}", "expose", str(origin.port)) as terminal:
        terminal.expect_end(3)
        assert "can't reach the daemon" in terminal.errors() and terminal.raw == b"", (terminal.errors(), terminal.raw)


def read_beside(screen, is_inverted):
    """At the right of a screen of 100 columns; None: it is not there yet."""
    return read_qr("\n".join(line[67:] for line in screen.text().splitlines()), is_inverted)


def the_qr_code_leads_to_the_public_url():
    with http_origin(answer) as origin, Daemon("--public-url-pattern", PUBLIC) as daemon:
        for environment in ({}, {"NO_COLOR": "1"}):
            with View(daemon, origin, "--qr", columns=100, **environment) as view:
                url = PUBLIC.replace("{port}", str(view.port))
                view.wait_for(lambda screen: read_beside(screen, bool(environment)) == url, "the code can be read")  # pylint: disable=cell-var-from-loop
                view.end()
        with Expose(daemon, origin.port, "--qr") as driver:
            wait_until(lambda: "leads to" in driver.stderr(), "everything is told")
            text = "\n".join(line for line in driver.stderr().splitlines() if not line.startswith("hoody-tunnel"))
            assert read_qr(text, is_inverted=True) == driver.url, text


run(
    it_shows_session_tunnel_and_live_requests,
    several_tunnels_are_seen_with_their_visitors,
    a_request_is_seen_before_it_is_answered,
    what_visitors_say_never_reaches_the_terminal_raw,
    without_colours_when_nobody_wants_them,
    elsewhere_there_are_plain_lines,
    it_follows_the_size_of_the_window,
    each_way_out_restores_the_terminal,
    a_suspended_one_gives_the_terminal_back_for_the_while,
    a_terminal_that_is_stopped_stops_no_visitor,
    when_nothing_happens_nothing_runs,
    a_loss_is_shown_until_it_is_over,
    a_daemon_that_is_not_there_is_3_and_nothing_is_drawn,
    the_qr_code_leads_to_the_public_url,
)
