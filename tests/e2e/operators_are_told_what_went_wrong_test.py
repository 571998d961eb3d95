"""The operator commands' exit status and the one line about it: 1 failed, 2 wrong usage, 3 not reachable. Whoever answers instead of
the daemon, whatever and however slowly, is never believed, obeyed or waited for."""

import contextlib
import json
import os
import socket
import subprocess

from harness import BIN, PATIENCE, Daemon, Origin, RawDriver, free_port, own_address, receive_head, run
from operators import COMMANDS, clean_environment, operate

SESSION = "S-00000000-0000-4000-8000-000000000000"
LISTS = ("list", "sessions", "bindings")
JSON = "Content-Type: application/json"
TEXT = "Content-Type: text/plain; version=0.0.4"


def answer(body, status="200 OK", field=JSON, length=None):
    body = body if isinstance(body, bytes) else body.encode()
    length = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\n{field}\r\nContent-Length: {length}\r\n\r\n".encode() + body


@contextlib.contextmanager
def somebody(*answers):
    """Who answers each connection with the next of these bytes, the last of them again and again; yields him, and the requests."""
    heads, left = [], list(answers)

    def serve(sock, _):
        heads.append(receive_head(sock).decode())
        sock.sendall(left.pop(0) if len(left) > 1 else left[0])

    with Origin(serve) as origin:
        yield origin, heads
        assert not origin.failures, origin.failures


def fails(where, *arguments, words, expect=1, **environment):
    out, err = operate(where, *arguments, expect=expect, **environment)
    assert out == "" and err.startswith("hoody-tunnel: ") and err.count("\n") == 1 and words in err, (arguments, words, out, err)
    assert all(" " <= c <= "~" or c == "\n" for c in err), err
    return err


def nobody_there_is_3():
    port = free_port()
    for command, arguments in COMMANDS.items():
        for url in (f"ws://127.0.0.1:{port}", f"https://127.0.0.1:{port}"):
            fails(url, command, *arguments, words=f"can't reach the daemon at 127.0.0.1:{port}", expect=3)
    fails("ws://no-such-host.invalid:1", "health", words="can't reach the daemon at no-such-host.invalid:1", expect=3)
    fails("ws://192.0.2.1:1", "health", words="192.0.2.1", expect=3, http_proxy=f"http://127.0.0.1:{port}")


def a_host_that_takes_no_connection_is_3():
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        for _ in range(8):  # more than its queue holds
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        fails(f"ws://127.0.0.1:{port}", "health", "--timeout", "200ms", words="no connection within 200 ms", expect=3)


def a_daemon_that_went_away_is_3():
    with Daemon() as daemon:
        operate(daemon, "health")
    fails(daemon, "health", words=str(daemon.port), expect=3)


def who_never_answers_is_not_waited_for():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"127.0.0.1:{listener.getsockname()[1]}"
        for command, arguments in COMMANDS.items():
            fails(f"ws://{url}", command, *arguments, "--timeout", "100ms", words="no whole answer within 100 ms")
        fails(f"wss://{url}", "health", "--timeout", "100ms", words="no connection within 100 ms", expect=3)


def who_answers_by_and_by_is_not_waited_for():
    def trickle(sock, _):
        receive_head(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        with contextlib.suppress(OSError):
            while True:
                sock.sendall(b" ")

    with Origin(trickle) as origin:
        err = operate(origin, "health", "--timeout", "300ms", expect=1)[1]
        assert "no whole answer within 300 ms" in err or "more than" in err, err


def an_answer_without_end_is_given_up():
    def flood(sock, _):
        receive_head(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        with contextlib.suppress(OSError):
            while True:
                sock.sendall(b" " * 65536)

    with Origin(flood) as origin:
        fails(origin, "bindings", "--timeout", "60s", words="has more than 16777216 bytes")


def what_is_cut_short_is_no_answer():
    whole = answer('{"status":"ok","service":"hoody-tunnel"}')
    for end in (0, 5, 20, whole.index(b"\r\n\r\n"), len(whole) - 1):
        with somebody(whole[:end]) as (origin, _):
            fails(origin, "health", words="")
    with somebody(whole[:-1]) as (origin, _):
        fails(origin, "health", words="cut short")
    chunked = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nx 1\n\n\r\n"
    with somebody(chunked) as (origin, _):
        fails(origin, "metrics", words="")


def another_server_is_not_taken_for_the_daemon():
    for garbage in (b"SSH-2.0-OpenSSH_9.2\r\n", b"\x00\xff\x1b[2J" * 10, b"HTTP/1.1 abc\r\n\r\n", b"<html></html>\r\n\r\n"):
        with somebody(garbage) as (origin, _):
            for command, arguments in COMMANDS.items():
                fails(origin, command, *arguments, words="")
    with somebody(answer("<html>welcome</html>", field="Content-Type: text/html")) as (origin, _):
        for command in (*LISTS, "health"):
            fails(origin, command, words="is no JSON")
        fails(origin, "metrics", words="is no text of Prometheus")
    with somebody(answer("x", "302 Found", field="Location: /elsewhere")) as (origin, heads):
        fails(origin, "list", words="status 302")
        assert len(heads) == 1, heads


def a_status_of_failure_is_told_with_its_reason():
    for status in (400, 404, 500, 503):
        with somebody(answer('{"error":"too much \\u001b[2J at once"}', f"{status} No")) as (origin, _):
            for command in (*LISTS, "health", "metrics", "top"):
                fails(origin, command, words=f"too much \\x1b[2J at once ({status})")
    with somebody(answer("", "500 No", field="X-Nothing: here")) as (origin, _):
        fails(origin, "close", SESSION, words="status 500")
    with somebody(answer("", "403 Forbidden", field=TEXT)) as (origin, _):
        fails(origin, "list", words="--trusted-source")


def json_is_read_strictly():
    for broken in ("", "{", '{"bindings":[],"total":0}}', '{"bindings":[],"bindings":[],"total":0}', "[]", "nonsense", '{"total":0}',
                   '{"bindings":{},"total":0}', '{"bindings":[{}],"total":1}', '{"bindings":[7],"total":1}',
                   '{"bindings":[{"port":"80","kind":"http","mode":"expose","sessionId":"S","bindId":1}],"total":1}',
                   '{"bindings":[{"port":-1,"kind":"http","mode":"expose","sessionId":"S","bindId":1}],"total":1}',
                   '{"bindings":[{"port":1,"kind":"http","mode":"expose","sessionId":"S","bindId":1.5}],"total":1}',
                   '{"bindings":[{"port":1,"kind":"http","mode":"expose","sessionId":"S","bindId":1,"parked":1}],"total":1}',
                   b'{"bindings":[{"port":1,"kind":"\xff","mode":"expose","sessionId":"S","bindId":1}],"total":1}'):  # fmt: skip
        with somebody(answer(broken)) as (origin, _):
            for arguments in (["bindings"], ["bindings", "--json"], ["close", "S-12"]):
                fails(origin, *arguments, words="/")
    row = '{"port":1,"kind":"http","mode":"expose","sessionId":"S","bindId":1,"news":[{"\\u0001":null}]}'
    with somebody(answer(f'{{"bindings":[{row}],"total":1,"more":"\\u0000"}}')) as (origin, _):
        assert operate(origin, "bindings")[0].splitlines()[1].split() == ["1", "http", "expose", "1", "S", "live"]


def text_of_the_daemon_cannot_steer_the_terminal():
    row = {"port": 1, "kind": "\x1b]0;x\x07", "mode": "\x9b2J", "sessionId": "S\n\x00\x7f\\", "bindId": 1}
    with somebody(answer(json.dumps({"bindings": [row], "total": 1}, ensure_ascii=False))) as (origin, _):
        out = operate(origin, "bindings")[0]
        assert out.splitlines()[1].split() == ["1", "\\x1b]0;x\\x07", "\\xc2\\x9b2J", "1", "S\\x0a\\x00\\x7f\\\\", "live"], out
    with somebody(answer("a 1\n\x1b[2J\n", field=TEXT)) as (origin, _):
        fails(origin, "metrics", words="is no text of Prometheus")


def health_must_be_ok():
    for status in ("draining", "OK", ""):
        with somebody(answer(json.dumps({"status": status, "service": "hoody-tunnel"}))) as (origin, _):
            fails(origin, "health", words=f"'{status}'")
    with somebody(answer('{"status":"ok","service":"another"}')) as (origin, _):
        fails(origin, "health", words="is no hoody-tunneld")
        fails(origin, "health", "--json", words="is no hoody-tunneld")
    with somebody(answer('{"status":"ok"}')) as (origin, _):
        fails(origin, "health", words="service")
    unknown = {"status": "ok", "service": "hoody-tunnel", "pid": 1, "started": None, "fds": None, "memory": {"rss": None}}
    with somebody(answer(json.dumps(unknown))) as (origin, _):
        assert operate(origin, "health")[0] == "ok, pid 1\n"


def only_session_ids_are_sent_in_a_path():
    evil = "../health?x=S-"
    with somebody(answer(json.dumps({"sessions": [{"sessionId": evil}], "bindings": []}))) as (origin, heads):
        fails(origin, "close", evil, words="sessionId")
        assert all(head.startswith("GET /api/v1/tunnel/sessions HTTP/1.1\r\n") for head in heads), heads
    with somebody(answer("{}", "202 Accepted")) as (origin, heads):
        operate(origin, "close", SESSION, "--grace", "1s")
        assert [head.split("\r\n")[0] for head in heads] == [f"DELETE /api/v1/tunnel/sessions/{SESSION}?grace_ms=1000 HTTP/1.1"], heads


def wrong_usage_is_2():
    with Daemon() as daemon:
        for url in ("ftp://127.0.0.1", "127.0.0.1:1", "ws://", "ws://h:0", "ws://u:p@h"):
            out, err = operate(url, "list", expect=2)
            assert out == "" and "Try: --url " in err, err
        for arguments in (["close"], ["list", "more"], ["top", "--count", "x"], ["list", "--token-file", "/does/not/exist"]):
            assert operate(daemon, *arguments, expect=2)[0] == ""
        wss = f"wss://127.0.0.1:{daemon.port}"
        out, err = operate(wss, "health", "--cacert", "/does/not/exist", expect=2)
        assert out == "" and "--cacert: /does/not/exist can't be read: No such file or directory" in err, err
        fails(wss, "health", words="it does not speak TLS: is it ws:// rather than wss://?", expect=3)


def a_full_disk_is_a_failure():
    with Daemon() as daemon, RawDriver(daemon), open("/dev/full", "wb") as full:
        commands = {**COMMANDS, "close": [daemon.get_json("/sessions")["sessions"][0]["sessionId"]]}
        as_json = [("list", ["--json"]), ("metrics", ["--json"]), ("top", ["--json", "--count", "1"])]
        for command, arguments in (*commands.items(), *as_json):
            done = subprocess.run(
                [os.path.join(BIN, "hoody-tunnel"), command, *arguments, "--url", f"ws://127.0.0.1:{daemon.port}"],
                stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, timeout=PATIENCE, check=False,
                env=clean_environment())  # fmt: skip
            assert done.returncode == 1 and b"standard output can't be written" in done.stderr, (command, done)


def who_is_no_trusted_source_is_told_so():
    address = own_address()
    if address is None:
        return
    with Daemon(listen="0.0.0.0") as daemon:
        fails(f"ws://{address}:{daemon.port}", "list", words="--trusted-source")


run(
    nobody_there_is_3,
    a_host_that_takes_no_connection_is_3,
    a_daemon_that_went_away_is_3,
    who_never_answers_is_not_waited_for,
    who_answers_by_and_by_is_not_waited_for,
    an_answer_without_end_is_given_up,
    what_is_cut_short_is_no_answer,
    another_server_is_not_taken_for_the_daemon,
    a_status_of_failure_is_told_with_its_reason,
    json_is_read_strictly,
    text_of_the_daemon_cannot_steer_the_terminal,
    health_must_be_ok,
    only_session_ids_are_sent_in_a_path,
    wrong_usage_is_2,
    a_full_disk_is_a_failure,
    who_is_no_trusted_source_is_told_so,
)
