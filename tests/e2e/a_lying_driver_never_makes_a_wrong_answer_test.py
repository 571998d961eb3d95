"""Whatever frames a driver sends in answer to a stream, a visitor gets exactly what they may mean, or a 502, or a reset; and the
next request gets its own answer, on the same session (section 6, answers)."""

import itertools
import json
import select

from harness import (
    DATA,
    EOF,
    PATIENCE,
    RESET,
    STREAM_OPEN,
    STREAM_RESPONSE_HEAD,
    WINDOW,
    Daemon,
    RawDriver,
    Visitor,
    data,
    frame,
    reset,
    response_head,
    run,
)
from strict_answer import AnswerReader

KINDS = {
    "1.1": ("GET", "1.1", ""),
    "1.0": ("GET", "1.0", ""),
    "1.0 kept": ("GET", "1.0", "Connection: keep-alive\r\n"),
    "HEAD": ("HEAD", "1.1", ""),
    "HEAD 1.0": ("HEAD", "1.0", ""),
}
SPLIT = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"
H, D, E = object(), object(), object()  # a plain head, some DATA, EOF


def head(status=200, *fields, final=True):
    return ("head", status, [list(pair) for pair in fields], final)


def raw(payload):
    return ("raw", payload)


def rst(code=2, reason="gone"):
    return ("reset", code, reason)


def five(status=200, *fields):
    return head(status, *fields, ("content-length", "5"))


def frames(stream, script):
    """The script's bytes on the wire."""
    made = []
    for step in script:
        if step is H:
            made.append(response_head(stream))
        elif step is D:
            made.append(data(stream, b"hello"))
        elif step is E:
            made.append(frame(EOF, stream))
        elif isinstance(step, bytes):
            made.append(data(stream, step) if step else frame(DATA, stream))
        elif step[0] == "head":
            made.append(response_head(stream, *step[1:]))
        elif step[0] == "raw":
            payload = step[1] if isinstance(step[1], bytes) else json.dumps(step[1]).encode()
            made.append(frame(STREAM_RESPONSE_HEAD, stream, payload))
        else:
            made.append(reset(stream, *step[1:]))
    return made


# ---- what means something: (name, script, status, body, fields that are left) ----

HOP = [("connection", "close, x-named"), ("Connection", "keep-alive"), ("keep-alive", "timeout=1"), ("proxy-connection", "x")]
HOP += [("proxy-authenticate", "Basic"), ("proxy-authorization", "x"), ("te", "trailers"), ("Trailer", "x-t"), ("upgrade", "h2c")]
HOP += [("transfer-encoding", "chunked"), ("x-named", "1"), ("X-NAMED", "2")]
COOKIES = [("set-cookie", "b=1"), ("Set-Cookie", "a=2; Path=/"), ("set-cookie", "b=1"), ("SET-COOKIE", "")]
BAD_NAMES = ["", " ", "x a", "x:a", "x\ta", "x-a ", " x-a", "x-a:", "x\r\nx-evil", "x\n", "\r\n\r\n", "x\0", "x-\u00e9", "(x)", "\x7f", "x\u010d", SPLIT]
BAD_NAMES += ["content-length:", "content-length ", " content-length", "content-length\t", "transfer-encoding ", "Transfer-Encoding\r\n"]
BAD_VALUES = ["a\r\nx-evil: 1", "a\nx-evil: 1", "a\rx-evil: 1", "\r\n\r\nEVIL", "a\r\n b", "\n", "\r", "a\0b", "\0", "a\r\n\r\n" + SPLIT]
CODINGS = ["chunked", "gzip", "gzip, chunked", "identity", "", "chunked, chunked"]
ODD_VALUES = ["\u010d\u010a", "\u0085", "\u2028\u2029", "\u560d\u560a", "gr\u00fc\u00df", "\U0001f600", "", '"\\', "a: b", "%0d%0a", "a" * 60000]

GOOD = [
    ("by length", [five(), D, E], 200, b"hello", []),
    ("no length", [H, D, E], 200, b"hello", []),
    ("no body", [H, E], 200, b"", []),
    ("a length of none", [head(200, ("content-length", "0")), E], 200, b"", []),
    ("in many pieces", [five(), b"h", b"", b"el", b"", b"l", b"o", b"", E], 200, b"hello", []),
    ("nothing in DATA", [H, b"", b"", E], 200, b"", []),
    ("no headers said", [raw({"status": 200}), D, E], 200, b"hello", []),
    ("no final said", [raw({"status": 200, "headers": [["content-length", "5"]]}), D, E], 200, b"hello", []),
    ("unknown members", [raw({"status": 200, "headers": [], "x": "\0", "y": {"headers": 1}, "final": True}), D, E], 200, b"hello", []),
    ("an answer in a body", [head(200, ("content-length", str(len(SPLIT)))), SPLIT.encode(), E], 200, SPLIT.encode(), []),
    ("chunks in a body", [H, b"5\r\nhello\r\n0\r\n\r\n", E], 200, b"5\r\nhello\r\n0\r\n\r\n", []),
    ("the same length twice", [five(200, ("Content-Length", "05")), D, E], 200, b"hello", []),
    ("hop-by-hop fields", [five(200, *HOP, ("x-kept", "1")), D, E], 200, b"hello", [("x-kept", "1")]),
    ("hop-by-hop fields, no length", [head(200, *HOP), D, E], 200, b"hello", []),
    ("a length that is named", [five(200, ("connection", "content-length, host"), ("host", "h")), D, E], 200, b"hello", [("host", "h")]),
    ("cookies", [five(200, *COOKIES), D, E], 200, b"hello", COOKIES),
    ("a thousand fields", [five(200, *[("x", str(i)) for i in range(1000)]), D, E], 200, b"hello", [("x", str(i)) for i in range(1000)]),
    ("a 204", [head(204), E], 204, b"", []),
    ("a 204 with a length", [five(204), D, E], 204, b"", []),
    ("a 204 with a coding", [head(204, ("transfer-encoding", "chunked")), D, E], 204, b"", []),
    ("a 304 with a length", [five(304), E], 304, b"", []),
    ("a 304 with a body", [five(304), D, D, E], 304, b"", []),
    ("a 304 with another body", [head(304), D, E], 304, b"", []),
    ("a 205 with a body", [five(205), D, E], 205, b"hello", []),
    ("the last status", [five(599), D, E], 599, b"hello", []),
    ("an unknown status", [five(299), D, E], 299, b"hello", []),
    ("interim heads", [head(100, final=False), head(103, ("link", "x"), final=False), five(), D, E], 200, b"hello", []),
    ("interim heads of framing", [head(103, *HOP, ("content-length", "9"), final=False), five(), D, E], 200, b"hello", []),
    ("interim heads that split", [head(102, *[("x", value) for value in BAD_VALUES], final=False), H, D, E], 200, b"hello", []),
    ("a storm of interim heads", [head(103, ("link", "x"), final=False)] * 1500 + [H, D, E], 200, b"hello", []),
    ("EOF twice", [five(), D, E, E], 200, b"hello", []),
    ("too much for its length", [five(), b"hello and more", E], 200, b"hello", []),
    ("too much for no length", [head(200, ("content-length", "0")), SPLIT.encode(), E], 200, b"", []),
    ("too much, said later", [five(), D, D, D, E], 200, b"hello", []),
]
GOOD += [(f"a name of {name[:20]!r}", [five(200, ("x-a", "1"), (name, "5"), ("x-b", "2")), D, E], 200, b"hello", [("x-a", "1"), ("x-b", "2")]) for name in BAD_NAMES]
GOOD += [(f"a value of {value[:20]!r}", [five(200, ("x-a", "1"), ("x", value), ("x-b", "2")), D, E], 200, b"hello", [("x-a", "1"), ("x-b", "2")]) for value in BAD_VALUES]
GOOD += [(f"an odd value: {value[:20]!r}", [head(200, ("X-Odd", value)), D, E], 200, b"hello", [("X-Odd", value)]) for value in ODD_VALUES]
GOOD += [(f"a coding of {value!r}", [five(200, ("TrAnSfEr-eNcOdInG", value)), D, E], 200, b"hello", []) for value in CODINGS]
GOOD += [(f"a coding of {value!r}, no length", [head(200, ("transfer-encoding", value)), D, E], 200, b"hello", []) for value in CODINGS]

# ---- what means nothing: (name, script, the kit's RESET or None when the driver's own ended it) ----

LENGTHS = ["-5", "+5", "0x5", " 5", "5 ", "5;", "", "5,5", "5, 5", "1e3", "5.0", "five", "\uff15", "5\t", "9" * 30, "9223372036854775808", "18446744073709551621"]
STATUSES = [99, 600, 0, -1, 1000, 2**31, 2**63, -(2**63), 200.5, 200.0, "200", "", None, True, [200], {}]
HEADERS = [{}, "", 1, True, ["a: b"], [["a"]], [["a", "b", "c"]], [[]], [["a", 1]], [[1, "a"]], [[None, "b"]], [["a", None]], [["a", ["b"]]], [{"a": "b"}], [None]]
BAD_HEADS = [(f"a length of {text!r}", [head(200, ("content-length", text)), D, E], 1) for text in LENGTHS]
BAD_HEADS += [(f"a status of {status!r}", [raw({"status": status, "headers": [], "final": True}), D, E], 1) for status in STATUSES]
BAD_HEADS += [(f"headers of {text!r}", [raw({"status": 200, "headers": text, "final": True}), D, E], 1) for text in HEADERS]
BAD_HEADS += [(f"final of {text!r}", [raw({"status": 200, "headers": [], "final": text}), D, E], 1) for text in (1, 0, "true", [], {})]
BAD_HEADS += [
    ("two lengths", [five(200, ("Content-Length", "6")), D, E], 1),
    ("two lengths, one of them none", [five(200, ("CONTENT-LENGTH", "")), D, E], 1),
    ("a 204 with a bad length", [head(204, ("content-length", "x")), E], 1),
    ("no status", [raw({"headers": [], "final": True}), D, E], 1),
    ("a switch nobody asked for", [head(101, ("upgrade", "x"), ("connection", "upgrade")), b"raw", E], 1),
    ("a switch that is not final", [head(101, ("upgrade", "x"), final=False), b"raw", E], 1),
    ("an interim head that is final", [head(103), D, E], 1),
    ("a final head that is not", [head(200, final=False), D, E], 1),
    ("DATA first", [D, five(), D, E], 1),
    ("EOF first", [E, five(), D, E], 1),
    ("DATA after an interim head", [head(103, final=False), D, five(), D, E], 1),
    ("EOF after an interim head", [head(103, final=False), E], 1),
    ("a reset first", [rst()], None),
    ("a reset of nothing first", [rst(0, "")], None),
    ("a reset that splits", [rst(2, SPLIT)], None),
    ("a reset after an interim head", [head(103, final=False), rst(), five(), D, E], None),
]

BAD_BODIES = [
    ("too little for its length", [head(200, ("content-length", "6")), D, E], 1),
    ("nothing for its length", [five(), E], 1),
    ("the largest length", [head(200, ("content-length", "9223372036854775807")), D, E], 1),
    ("a second head at once", [five(), five(), D, E], 1),
    ("a second head in the body", [five(), b"he", five(), b"llo", E], 1),
    ("a second head, no length", [H, D, H, D, E], 1),
    ("an interim head after the head", [five(), head(103, final=False), D, E], 1),
    ("an invalid head after the head", [H, raw({"status": 0})], 1),
    ("a reset after the head", [five(), rst()], None),
    ("a reset after the head, no length", [H, rst()], None),
    ("a reset in the body", [five(), b"hell", rst()], None),
    ("a reset in the body, no length", [H, D, rst(0, "")], None),
]

# ---- whole, and then more than that: it may be seen whole, or as a reset ----

LATE = [
    ("DATA after EOF", [five(), D, E, D], (4, None)),
    ("DATA after EOF, no length", [H, D, E, D], (4, None)),
    ("a head after EOF", [five(), D, E, H], (4, None)),
    ("a head after EOF, no length", [H, D, E, five(), D, E], (4, None)),
    ("a reset after EOF", [five(), D, E, rst()], (None,)),
    ("a reset of nothing after EOF", [H, D, E, rst(0, "")], (None,)),
    ("a reset before EOF", [five(), D, rst()], (None,)),
    ("a second head before EOF", [five(), D, five(), D, E], (1,)),
]


class Stage:
    """A daemon, one driver, and a visitor of each kind for each case."""

    def __init__(self):
        self.daemon = Daemon()
        self.driver = None
        self.nonces = itertools.count()

    def __enter__(self):
        self.daemon.__enter__()
        self.driver = RawDriver(self.daemon)
        self.port = self.driver.bind()["containerPort"]
        return self

    def __exit__(self, *how):
        self.driver.sock.close()
        self.daemon.__exit__(*how)

    def asks(self, visitor, kind):
        """The stream of a request."""
        target = self.send_request(visitor, kind)
        stream, opened = self.driver.expect_stream(skipping=(WINDOW, EOF, RESET))
        assert opened["target"] == target, opened
        return stream

    def asks_or_is_reset(self, visitor, kind):
        """The stream of a request on a connection that may have been reset, however late that is seen: None then."""
        try:
            target = self.send_request(visitor, kind)
        except (BrokenPipeError, ConnectionResetError):
            return None
        while True:
            readable = select.select([visitor.sock, self.driver.sock], [], [], PATIENCE)[0]
            assert readable, "neither a stream nor a reset"
            if visitor.sock in readable:
                try:
                    rest = visitor.sock.recv(100)
                except ConnectionResetError:
                    return None
                raise AssertionError(f"after a whole answer, on a connection that was to be kept: {rest!r}")
            self.driver.waiting += self.driver.receive_some()
            while received := self.driver.next_waiting():
                kind, stream, payload = received
                if kind == STREAM_OPEN:
                    assert json.loads(payload)["target"] == target, payload
                    return stream
                assert kind in (WINDOW, EOF, RESET), received

    def send_request(self, visitor, kind):
        method, version, more = KINDS[kind]
        target = f"/{next(self.nonces)}"
        visitor.send(f"{method} {target} HTTP/{version}\r\nHost: test\r\n{more}\r\n".encode())
        return target

    def expect_own(self, visitor, reader, kind):
        self.expect_own_answer(self.asks(visitor, kind), reader, kind)

    def expect_own_answer(self, stream, reader, kind):
        nonce = b"own-%d" % stream
        self.driver.answer(stream, nonce, headers=[["content-length", str(len(nonce))]])
        outcome = reader.read(KINDS[kind][0])
        body = b"" if KINDS[kind][0] == "HEAD" else nonce
        assert (outcome.end, outcome.status, outcome.body) == ("whole", 200, body), outcome

    def resets(self, stream):
        """The codes of the kit's RESETs of that stream; nothing else may have come but what costs nothing."""
        received = self.driver.ping()
        assert all(kind in (EOF, WINDOW, RESET) for kind, _, _ in received), received
        return [int.from_bytes(payload[:2], "big") for kind, of, payload in received if kind == RESET and of == stream]

    def play(self, script, kind, at_once):
        """(what the visitor made of it, the kit's resets)."""
        with Visitor(self.port) as visitor, Visitor(self.port) as other:
            reader = AnswerReader(visitor.sock)
            stream = self.asks(visitor, kind)
            made = frames(stream, script)
            if at_once:
                for i in range(0, len(made), 30):
                    self.driver.send(*made[i : i + 30])
            else:
                for one in made:
                    self.driver.send(one)
            outcome = reader.read(KINDS[kind][0])
            resets = self.resets(stream)
            if outcome.is_whole and outcome.is_kept:
                stream = self.asks_or_is_reset(visitor, kind)  # a lie that came after the answer's end may have ended it
                if stream is not None:
                    self.expect_own_answer(stream, reader, kind)
            elif outcome.is_whole:
                reader.expect_end()
            self.expect_own(other, AnswerReader(other.sock), "1.1")
            return outcome, resets


def play_all(cases, judge):
    """Each case to each kind of visitor, in one message and in many; judge(case, kind, outcome, resets) says whether that may be."""
    with Stage() as stage:
        for case in cases:
            for kind in KINDS:
                for at_once in (True, False):
                    if not at_once and len(case[1]) > 100:
                        continue
                    try:
                        outcome, resets = stage.play(case[1], kind, at_once)
                        assert judge(case, kind, outcome, resets), (outcome, resets)
                    except Exception as error:
                        raise AssertionError(f"{case[0]}, to {kind}, {'at once' if at_once else 'one by one'}") from error


def without_own_fields(outcome):
    own = (b"content-length", b"transfer-encoding", b"connection")
    return [(name.decode(), value.decode()) for name, value in outcome.fields if name.lower() not in own]


def a_good_answer_is_exactly_what_it_means():
    def judge(case, kind, outcome, resets):
        name, script, status, body, fields = case
        is_head = kind.startswith("HEAD")
        interim = sum(isinstance(step, tuple) and step[0] == "head" and not step[3] for step in script)
        assert len(outcome.interim) == (0 if "1.0" in kind else interim), (outcome, interim)
        assert all(field[0] in (b"link",) for _, fields in outcome.interim for field in fields), outcome.interim
        assert resets == [] or (resets == [1] and name.startswith("too much") and not is_head), resets
        assert without_own_fields(outcome) == [(field, value.strip(" \t")) for field, value in fields], outcome
        return outcome.is_whole and (outcome.status, outcome.body) == (status, b"" if is_head else body)

    play_all(GOOD, judge)


def a_bad_head_is_a_502():
    def judge(case, _, outcome, resets):
        assert resets == ([case[2]] if case[2] else []), resets
        assert outcome.values(b"content-type") == [b"text/plain; charset=utf-8"], outcome
        return outcome.is_whole and outcome.status == 502 and b"\r" not in outcome.body and b"\n" not in outcome.body

    play_all(BAD_HEADS, judge)


def a_bad_body_is_no_whole_one():
    def judge(case, kind, outcome, resets):
        assert resets == ([case[2]] if case[2] else []) or kind.startswith("HEAD"), resets
        if kind.startswith("HEAD") and outcome.is_whole:  # the answer to a HEAD ends with its head
            return outcome.status == 200 and outcome.body == b""
        return outcome.end == "reset"

    play_all(BAD_BODIES, judge)


def what_comes_late_harms_no_whole_one():
    def judge(case, kind, outcome, resets):
        assert tuple(resets or [None])[0] in case[2], resets
        body = b"" if kind.startswith("HEAD") else b"hello"
        return outcome.is_refusal or (outcome.is_whole and (outcome.status, outcome.body) == (200, body))

    play_all(LATE, judge)


run(
    a_good_answer_is_exactly_what_it_means,
    a_bad_head_is_a_502,
    a_bad_body_is_no_whole_one,
    what_comes_late_harms_no_whole_one,
)
