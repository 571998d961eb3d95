"""Whatever a service behind the native driver answers, a visitor gets exactly what it may mean, or a 502, or a reset; and the
next request, on a kept or a fresh connection, gets its own answer (section 6, answers)."""

import itertools
import threading

from harness import PATIENCE, Daemon, Expose, Origin, Visitor, connect, pattern, receive_exactly, run, wait_until
from strict_answer import AnswerReader, abort

FIN, RST = "FIN", "RST"  # how a script may end; otherwise the service goes on to the next request
ALL_BYTES = bytes(range(256))
OK = b"HTTP/1.1 200 OK\r\n"
END = b"\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
PIGGYBACK = OK + b"Content-Length: 4\r\n\r\nEVIL"


def length(text, body=b"hello"):
    return OK + b"Content-Length: " + text + b"\r\n\r\n" + body


def fields(*lines, body=b"hello"):
    return OK + b"".join(line + b"\r\n" for line in lines) + b"Content-Length: %d\r\n\r\n" % len(body) + body


def line(start, body=b"hello"):
    return start + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body


# ---- answers that mean something: (name, bytes, how it ends, status, body) ----

GOOD = [
    ("by length", length(b"5"), None, 200, b"hello"),
    ("of no length", length(b"0", b""), None, 200, b""),
    ("a length with zeros before it", length(b"005"), None, 200, b"hello"),
    ("white space around a length", length(b"   5  "), None, 200, b"hello"),
    ("no white space before a length", OK + b"Content-Length:5\r\n\r\nhello", None, 200, b"hello"),
    ("the same length twice", fields(b"content-length: 5"), None, 200, b"hello"),
    ("the same length three times", fields(b"content-length: 5", b"CONTENT-LENGTH: 05"), None, 200, b"hello"),
    ("every byte in a body", fields(body=ALL_BYTES), None, 200, ALL_BYTES),
    ("an answer in a body", fields(body=PIGGYBACK), None, 200, PIGGYBACK),
    ("chunks", CHUNKED + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", None, 200, b"hello world"),
    ("no chunks", CHUNKED + b"0\r\n\r\n", None, 200, b""),
    ("chunks of one byte", CHUNKED + b"".join(b"1\r\n%c\r\n" % c for c in ALL_BYTES) + b"0\r\n\r\n", None, 200, ALL_BYTES),
    ("a chunk's size in capitals", CHUNKED + b"A\r\nhello worl\r\n0\r\n\r\n", None, 200, b"hello worl"),
    ("a chunk's size with zeros", CHUNKED + b"0005\r\nhello\r\n000\r\n\r\n", None, 200, b"hello"),
    ("a chunk's extensions", CHUNKED + b'5;a=b;c="d"\r\nhello\r\n0;e\r\n\r\n', None, 200, b"hello"),
    ("trailers", CHUNKED + b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nSet-Cookie: evil\r\n\r\n", None, 200, b"hello"),
    ("trailers of framing", CHUNKED + b"5\r\nhello\r\n0\r\nContent-Length: 1\r\nHost: x\r\n\r\n", None, 200, b"hello"),
    ("Chunked", OK + b"Transfer-Encoding: ChunKed\r\n\r\n5\r\nhello\r\n0\r\n\r\n", None, 200, b"hello"),
    ("an answer in chunks", CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (len(PIGGYBACK), PIGGYBACK), None, 200, PIGGYBACK),
    ("until the end", OK + END + b"hello", FIN, 200, b"hello"),
    ("until the end at once", OK + END, FIN, 200, b""),
    ("until the end, of 1.0", b"HTTP/1.0 200 OK\r\n\r\nhello", FIN, 200, b"hello"),
    ("until the end, which looks like chunks", OK + END + b"5\r\nhello\r\n0\r\n\r\n", FIN, 200, b"5\r\nhello\r\n0\r\n\r\n"),
    ("until the end, though to be kept", OK + b"Connection: keep-alive\r\n\r\nhello", FIN, 200, b"hello"),
    ("a length of 1.0", line(b"HTTP/1.0 200 OK"), None, 200, b"hello"),
    ("kept by 1.0", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", None, 200, b"hello"),
    ("closed by 1.1", fields(b"Connection: close"), FIN, 200, b"hello"),
    ("closed by 1.1 in chunks", OK + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", FIN, 200, b""),
    ("said to be closed, and kept", fields(b"Connection: close"), None, 200, b"hello"),
    ("said to be kept, and closed", fields(b"Connection: keep-alive", b"Keep-Alive: timeout=5, max=9"), FIN, 200, b"hello"),
    ("kept for no time", fields(b"Keep-Alive: timeout=0"), None, 200, b"hello"),
    ("kept for ever", fields(b"Keep-Alive: timeout=99999999999999999999999"), None, 200, b"hello"),
    ("an empty reason", line(b"HTTP/1.1 200 "), None, 200, b"hello"),
    ("no reason", line(b"HTTP/1.1 200"), None, 200, b"hello"),
    ("a reason in Latin-1", line(b"HTTP/1.1 200 d\xe9j\xe0 vu"), None, 200, b"hello"),
    ("a reason like an answer", line(b"HTTP/1.1 200 HTTP/1.1 404 Content-Length: 9"), None, 200, b"hello"),
    ("an unknown status", line(b"HTTP/1.1 299 What"), None, 299, b"hello"),
    ("the last status", line(b"HTTP/1.1 599 Last"), None, 599, b"hello"),
    ("a failure", line(b"HTTP/1.1 500 Oh"), None, 500, b"hello"),
    ("a 205 of no length", line(b"HTTP/1.1 205 Reset", b""), None, 205, b""),
    ("a 206", line(b"HTTP/1.1 206 Part"), None, 206, b"hello"),
    ("a 204", b"HTTP/1.1 204 None\r\n\r\n", None, 204, b""),
    ("a 204 of no length", line(b"HTTP/1.1 204 None", b""), None, 204, b""),
    ("a 204 with a length", line(b"HTTP/1.1 204 None"), None, 204, b""),
    ("a 204 with chunks", b"HTTP/1.1 204 None\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", None, 204, b""),
    ("a 204 with a body", b"HTTP/1.1 204 None\r\n\r\n" + PIGGYBACK, None, 204, b""),
    ("a 304 with a length", b"HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n", None, 304, b""),
    ("a 304 with a coding", b"HTTP/1.1 304 Same\r\nTransfer-Encoding: chunked\r\n\r\n", None, 304, b""),
    ("a 304 with a body", line(b"HTTP/1.1 304 Same", PIGGYBACK), None, 304, b""),
    ("too much for its length", length(b"5", b"hello and more"), None, 200, b"hello"),
    ("too much, and the end", length(b"5", b"hello and more"), FIN, 200, b"hello"),
    ("a body after no length", length(b"0", PIGGYBACK), None, 200, b""),
    ("two answers", length(b"5") + PIGGYBACK, None, 200, b"hello"),
    ("two answers, and the end", length(b"5") + PIGGYBACK, FIN, 200, b"hello"),
    ("an answer after the chunks", CHUNKED + b"5\r\nhello\r\n0\r\n\r\n" + PIGGYBACK, None, 200, b"hello"),
    ("an interim head after the answer", length(b"5") + b"HTTP/1.1 103 Late\r\n\r\n", None, 200, b"hello"),
    ("an empty line after the answer", length(b"5", b"hello\r\n"), None, 200, b"hello"),
    ("one byte after the answer", length(b"5", b"hello!"), None, 200, b"hello"),
    ("chunks after the last one", CHUNKED + b"0\r\n\r\n5\r\nhello\r\n0\r\n\r\n", None, 200, b""),
    ("an empty value", fields(b"X-A:"), None, 200, b"hello"),
    ("a tab in a value", fields(b"X-A: a\tb"), None, 200, b"hello"),
    ("a long value", fields(b"X-A: " + b"a" * 30000), None, 200, b"hello"),
    ("a long value of Latin-1", fields(b"X-A: " + b"\xe9" * 32600), None, 200, b"hello"),
    ("as many fields as may be", fields(*[b"X-%d: a" % i for i in range(99)]), None, 200, b"hello"),
    ("a name of odd letters", fields(b"!#$%&'*+-.^_`|~0aZ: odd"), None, 200, b"hello"),
    ("an upgrade nobody asked for", fields(b"Upgrade: h2c", b"Connection: upgrade"), None, 200, b"hello"),
    ("a continue", b"HTTP/1.1 100 Continue\r\n\r\n" + length(b"5"), None, 200, b"hello"),
    ("two continues", b"HTTP/1.1 100 Continue\r\n\r\n" * 2 + length(b"5"), None, 200, b"hello"),
    ("a continue of 1.0", b"HTTP/1.0 100 Continue\r\n\r\n" + length(b"5"), None, 200, b"hello"),
    ("an interim head with a length", b"HTTP/1.1 103 Early\r\nContent-Length: 9\r\n\r\n" + length(b"5"), None, 200, b"hello"),
    ("an interim head with chunks", b"HTTP/1.1 103 E\r\nTransfer-Encoding: chunked\r\n\r\n" + length(b"5"), None, 200, b"hello"),
    ("an interim head that closes", b"HTTP/1.1 103 E\r\nConnection: close\r\n\r\n" + length(b"5"), None, 200, b"hello"),
    ("the last interim head", b"HTTP/1.1 199 Last\r\n\r\n" + length(b"5"), None, 200, b"hello"),
    ("thousands of interim heads", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3000 + length(b"5"), None, 200, b"hello"),
]

# ---- answers that mean nothing, as their heads show: (name, bytes, how it ends) ----

BAD_LENGTHS = [b"-5", b"+5", b"0x5", b"5 5", b"", b"5;", b"1e3", b"5.0", b"5,5", b"5, 6", b"five", b"\xef\xbc\x95", b"'5'"]
BAD_LENGTHS += [b"9223372036854775808", b"18446744073709551615", b"18446744073709551621", b"9" * 300]
BAD_CODINGS = [b"gzip", b"gzip, chunked", b"chunked, gzip", b"chunked, chunked", b"identity", b"", b"chunked;q=1", b"xchunked"]
BAD_STARTS = [b"HTTP/1.1 000 Zero", b"HTTP/1.1 099 Low", b"HTTP/1.1 600 High", b"HTTP/1.1 999 High", b"HTTP/1.1 1000 Long"]
BAD_STARTS += [b"HTTP/1.1 20 Short", b"HTTP/1.1 2x0 Odd", b"HTTP/1.1 -200 Odd", b"HTTP/1.1 200OK", b"HTTP/1.1 +20 Odd"]
BAD_STARTS += [b"HTTP/0.9 200 OK", b"HTTP/2.0 200 OK", b"HTTP/2 200", b"HTTP/1.2 200 OK", b"HTTP/1. 200 OK", b"HTTP/1.10 200 OK"]
BAD_STARTS += [b"http/1.1 200 OK", b"HTTP /1.1 200 OK", b"HTTP/1.1  200 OK", b"HTTP/1.1\t200 OK", b" HTTP/1.1 200 OK", b"ICY 200 OK"]
BAD_STARTS += [b"HTTPS/1.1 200 OK", b"GET / HTTP/1.1", b"RTSP/1.0 200 OK", b"\r\nHTTP/1.1 200 OK", b"\xef\xbb\xbfHTTP/1.1 200 OK"]
BAD_STARTS += [b"HTTP/1.1 200 O\0K", b"HTTP/1.1 200 O\rK", b"HTTP/1.1 200 OK\nX-A: b", b"HTTP/1.1 200 O\x01K", b"HTTP/1.1"]
BAD_LINES = [b"X-A: a\r\n b", b"X-A: a\r\n\tb", b" X-A: a", b"X-A: a\nX-B: b", b"X-A: a\rX-B: b", b"X-A: a\0b", b"X-A: a\x01b"]
BAD_LINES += [b"X-A: a\x7fb", b"X-A : a", b"X-A\t: a", b": a", b"X-A", b"X A: a", b"X\0A: a", b"X-\xe9: a", b"X(A): a", b"X-A: a\r\r"]
NOT_HTTP = [b"hello", b"SSH-2.0-OpenSSH_9.2\r\n", b"\x15\x03\x01\x00\x02\x02\x46", b"\0" * 100, b"\xff" * 100, b"\r\n" * 100, b"<html></html>"]

BAD_HEADS = [(f"a length of {text!r}", length(text), None) for text in BAD_LENGTHS]
BAD_HEADS += [(f"a coding of {text!r}", OK + b"Transfer-Encoding: " + text + b"\r\n\r\n0\r\n\r\n", None) for text in BAD_CODINGS]
BAD_HEADS += [(f"a start of {text!r}", line(text), None) for text in BAD_STARTS]
BAD_HEADS += [(f"a field of {text!r}", fields(text), None) for text in BAD_LINES]
BAD_HEADS += [(f"not HTTP: {text!r}", text, FIN) for text in NOT_HTTP]
BAD_HEADS += [
    ("two lengths", fields(b"Content-Length: 6"), None),
    ("two lengths, one of them none", fields(b"Content-Length: x"), None),
    ("a length and chunks", OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", None),
    ("chunks and a length", OK + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n", None),
    ("chunked twice", OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", None),
    ("chunks of 1.0", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", None),
    ("bare LFs", length(b"5").replace(b"\r\n", b"\n"), None),
    ("a bare LF at the head's end", OK + b"Content-Length: 5\r\n\nhello", None),
    ("bare CRs", length(b"5").replace(b"\r\n", b"\r"), None),
    ("a huge head", fields(b"X-A: " + b"a" * 40000), None),
    ("a head without end", OK + b"X-A: " + b"a" * 40000, None),
    ("a reason without end", b"HTTP/1.1 200 " + b"a" * 40000, None),
    ("too many fields", fields(*[b"X-%d: a" % i for i in range(100)]), None),
    ("a switch nobody asked for", b"HTTP/1.1 101 Switch\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nraw", None),
    ("a switch after a continue", b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 101 Switch\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", None),
    ("nothing", b"", FIN),
    ("nothing but a reset", b"", RST),
    ("an interim head, and no more", b"HTTP/1.1 103 Early\r\n\r\n", FIN),
    ("an interim head, and a reset", b"HTTP/1.1 103 Early\r\n\r\n", RST),
    ("thousands of interim heads, and no more", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3000, FIN),
    ("a bad head after an interim one", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 600 Bad\r\n\r\n", None),
    ("a bad interim head", b"HTTP/1.1 103 Early\r\nX A: b\r\n\r\n" + length(b"5"), None),
    ("an interim head with a bad length", b"HTTP/1.1 103 Early\r\nContent-Length: x\r\n\r\n" + length(b"5"), None),
]

# ---- answers whose heads may pass, and whose bodies must not pass for a whole ----

BAD_SIZES = [b"", b"g", b"-5", b"+5", b"0x5", b" 5", b"5 ", b"5\t", b"5 ;a", b"5\r", b"\xef\xbc\x95", b"10000000000000005", b"f" * 40, b"5" + b";a" * 3000]
BAD_TRAILERS = [b" folded", b"X-A", b": a", b"X-A : a", b"X-A: a\nX-B: b", b"X-A: a\0", b"X-A: " + b"a" * 40000, b"X-A: a\r\n b"]
BAD_BODIES = [(f"a chunk's size of {text[:20]!r}", CHUNKED + text + b"\r\nhello\r\n0\r\n\r\n", None) for text in BAD_SIZES]
BAD_BODIES += [(f"a trailer of {text[:20]!r}", CHUNKED + b"5\r\nhello\r\n0\r\n" + text + b"\r\n\r\n", None) for text in BAD_TRAILERS]
BAD_BODIES += [
    ("a chunk longer than it says", CHUNKED + b"4\r\nhello\r\n0\r\n\r\n", None),
    ("a chunk shorter than it says", CHUNKED + b"6\r\nhello\r\n0\r\n\r\n", None),
    ("chunks ended by LF", CHUNKED + b"5\nhello\n0\n\n", None),
    ("a chunk's line ended by LF", CHUNKED + b"5\r\nhello\r\n0\n\r\n", None),
    ("chunks not divided", CHUNKED + b"5\r\nhello5\r\nworld0\r\n\r\n", None),
    ("a LF at the end of chunks", CHUNKED + b"5\r\nhello\r\n0\r\n\n", None),
    ("the largest chunk", CHUNKED + b"7fffffffffffffff\r\nhello", FIN),
    ("a chunk beyond 64 bits", CHUNKED + b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n", FIN),
    ("no chunks at all", CHUNKED, FIN),
    ("too little for its length", length(b"6"), FIN),
    ("too little for its length, and a reset", length(b"6"), RST),
    ("nothing for its length", length(b"5", b""), FIN),
    ("nothing for its length, and a reset", length(b"5", b""), RST),
    ("the largest length", length(b"9223372036854775807"), FIN),
    ("until a reset", OK + END + b"hello", RST),
    ("until a reset, of 1.0", b"HTTP/1.0 200 OK\r\n\r\nhello", RST),
    ("until a reset at once", OK + END, RST),
]


class Service:
    """Plays the case that the target names, /case/<index>/<nonce>; any other target is answered with its own nonce."""

    def __init__(self, scripts):
        self.scripts = scripts
        self.in_bytes = False  # each byte by itself
        self.played = {}

    def __call__(self, sock, _address):
        while (target := self.read_target(sock)) is not None:
            _, kind, number, nonce = target.split("/")
            if kind == "own":
                sock.sendall(length(b"%d" % len(nonce), nonce.encode()))
                continue
            script, end = self.scripts[int(number)]
            try:
                self.play(sock, script, end)
            finally:
                self.played[nonce].set()
            if end:
                return

    @staticmethod
    def read_target(sock):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            part = sock.recv(1)
            if not part:
                return None
            head += part
        return head.split(b" ")[1].decode()

    def play(self, sock, script, end):
        for part in [script[i : i + 1] for i in range(len(script))] if self.in_bytes else [script]:
            sock.sendall(part)
        if end == FIN:
            sock.shutdown(1)
        elif end == RST:
            abort(sock)


class Stage:
    """The whole way, and what a visitor of a kind makes of a case."""

    KINDS = {"1.1": ("GET", "1.1", ""), "1.0": ("GET", "1.0", "Connection: keep-alive\r\n"), "HEAD": ("HEAD", "1.1", "")}

    def __init__(self, scripts):
        self.service = Service(scripts)
        self.nonces = itertools.count()
        self.origin = Origin(self.service)
        self.daemon = Daemon()
        self.driver = None

    def __enter__(self):
        self.origin.__enter__()
        self.daemon.__enter__()
        self.driver = Expose(self.daemon, self.origin.port).__enter__()
        return self

    def __exit__(self, *how):
        self.driver.__exit__(*how)
        self.daemon.__exit__(*how)
        self.origin.__exit__(*how)
        assert not self.origin.failures or how[0], self.origin.failures

    def send(self, visitor, kind, what):
        """Asks for one more; returns the nonce."""
        method, version, more = self.KINDS[kind]
        nonce = f"nonce-{next(self.nonces)}"
        self.service.played[nonce] = threading.Event()
        visitor.send(f"{method} /{what}/{nonce} HTTP/{version}\r\nHost: test\r\n{more}\r\n".encode())
        return nonce

    def expect_own(self, visitor, reader, kind):
        nonce = self.send(visitor, kind, "own/0")
        outcome = reader.read(self.KINDS[kind][0])
        body = b"" if kind == "HEAD" else nonce.encode()
        assert (outcome.is_whole, outcome.status, outcome.body) == (True, 200, body), (nonce, outcome)

    def play(self, number, kind):
        """What a visitor of that kind gets; after it, others get their own."""
        with Visitor(self.driver.port) as visitor, Visitor(self.driver.port) as other:
            reader = AnswerReader(visitor.sock)
            nonce = self.send(visitor, kind, f"case/{number}")
            outcome = reader.read(self.KINDS[kind][0])
            assert self.service.played[nonce].wait(PATIENCE)  # whatever else the service said has been said
            if outcome.is_whole and outcome.is_kept:
                self.expect_own(visitor, reader, kind)
            elif outcome.is_whole:
                reader.expect_end()
            self.expect_own(other, AnswerReader(other.sock), "1.1")
            return outcome

    def ways(self, script):
        """(kind, in bytes): how a case is played."""
        ways = [(kind, False) for kind in self.KINDS]
        return ways + [("1.1", True)] if len(script) < 1000 else ways


def play_all(cases, judge):
    """Each case in each way; judge(case, kind, outcome) says whether that may be."""
    with Stage([case[1:3] for case in cases]) as stage:
        for number, case in enumerate(cases):
            for kind, in_bytes in stage.ways(case[1]):
                stage.service.in_bytes = in_bytes
                try:
                    outcome = stage.play(number, kind)
                    assert judge(case, kind, outcome), outcome
                except Exception as error:
                    raise AssertionError(f"{case[0]}, to {kind}, {'in bytes' if in_bytes else 'at once'}") from error


def a_good_answer_is_exactly_what_it_means():
    def judge(case, kind, outcome):
        _, _, _, status, body = case
        expected = (status, b"" if kind == "HEAD" else body)
        return outcome.is_whole and (outcome.status, outcome.body) == expected

    play_all(GOOD, judge)


def a_bad_head_is_refused():
    play_all(BAD_HEADS, lambda case, kind, outcome: outcome.is_refusal)


def a_bad_body_is_no_whole_one():
    def judge(_, kind, outcome):
        if kind == "HEAD" and outcome.is_whole and outcome.status == 200:
            return outcome.body == b""  # its head was good, and the rest does not concern it
        return outcome.is_refusal

    play_all(BAD_BODIES, judge)


def an_answer_cut_anywhere_is_no_whole_one():
    cases = []
    for whole in (length(b"5"), CHUNKED + b"5\r\nhello\r\n0\r\nX: y\r\n\r\n", b"HTTP/1.1 100 C\r\n\r\n" + length(b"1", b"h")):
        cases += [(f"{whole!r} cut at {at}", whole[:at], end) for at in range(len(whole)) for end in (FIN, RST)]
    with Stage([case[1:3] for case in cases]) as stage:
        for number, case in enumerate(cases):
            outcome = stage.play(number, ("1.1", "1.0")[number // 2 % 2])
            assert outcome.is_refusal, (case, outcome)


def a_large_body_cut_anywhere_is_no_whole_one():
    body = pattern(400000)
    cases = []
    for at in (1, 65535, 65536, 131072, 262145, 399999):
        for end in (FIN, RST):
            cases.append((f"by length, {at}", length(b"400000", body[:at]), end))
            cases.append((f"in chunks, {at}", CHUNKED + b"61a80\r\n" + body[:at], end))
    cases += [("until a reset", OK + END + body, RST)]
    play_all(cases, lambda case, kind, outcome: outcome.is_refusal or kind == "HEAD")


def fields_are_kept_and_those_of_the_hop_are_not():
    kept = [
        (b"Set-Cookie", b"a=1; Path=/"),
        (b"X-oDD-cAsE", b"  kept inside  too"),
        (b"set-cookie", b"b=2"),
        (b"X-Utf8", "gr\u00fc\u00df \u4f60\u597d \U0001f600".encode()),
        (b"Set-Cookie", b"a=1; Path=/"),
        (b"X-Empty", b""),
        (b"Server", b"hostile/1.0"),
        (b"Date", b"not a date"),
        (b"Set-Cookie", b"c=3,d=4"),
        (b"X-Json", b'{"a": "\\u000d\\u000a", "b": "\\\\"}'),
        (b"Location", b"http://elsewhere.test/?a=b#c"),
    ]
    hop = [b"Keep-Alive: timeout=9", b"Proxy-Connection: x", b"Proxy-Authenticate: x", b"TE: trailers", b"Trailer: X-T"]
    hop += [b"Connection: X-Named, content-length, keep-alive", b"X-Named: 1", b"Upgrade: h2c", b"x-named: 2"]
    mixed = [name + b":" + value for name, value in kept]
    for number, extra in enumerate(hop):
        mixed.insert(number * 2, extra)
    expected = [(name, value.strip()) for name, value in kept]
    cases = [("fields", fields(*mixed), None), ("in an interim head", b"HTTP/1.1 103 E\r\n" + b"\r\n".join(mixed) + b"\r\n\r\n" + length(b"5"), None)]
    cases += [("Latin-1", fields(b"X-A: d\xe9j\xe0", b"X-B: \xff\xfe", b"X-C: \xc3\xa9"), None)]
    with Stage([case[1:3] for case in cases]) as stage:
        for kind in ("1.1", "1.0", "HEAD"):
            outcome = stage.play(0, kind)
            own = (b"content-length", b"connection")
            assert [field for field in outcome.fields if field[0].lower() not in own] == expected, outcome
            assert outcome.values(b"content-length") == [b"5"], outcome
        assert stage.play(1, "1.1").interim == [(103, expected)]
        assert stage.play(1, "1.0").interim == []
        outcome = stage.play(2, "1.1")
        assert outcome.values(b"x-a") == ["d\u00e9j\u00e0".encode()], outcome  # as its UTF-8 bytes
        assert outcome.values(b"x-b") == ["\u00ff\u00fe".encode()] and outcome.values(b"x-c") == [b"\xc3\xa9"], outcome


def interim_heads_arrive_all():
    storm = b"".join(b"HTTP/1.1 103 E\r\nLink: <%d>\r\n\r\n" % i for i in range(2000)) + length(b"5")
    with Stage([(storm, None)]) as stage:
        outcome = stage.play(0, "1.1")
        assert outcome.interim == [(103, [(b"Link", b"<%d>" % i)]) for i in range(2000)], len(outcome.interim)
        assert outcome.body == b"hello" and stage.play(0, "1.0").interim == []


def what_an_idle_connection_says_is_nobodys_answer():
    ended = threading.Event()

    def service(sock, _address):
        target = Service.read_target(sock)
        if target == "/first":
            sock.sendall(length(b"5"))
            while sock.recv(1):  # not the next request: that comes later, and not here
                raise AssertionError("a request on a connection that was to be closed")
            ended.set()
        else:
            sock.sendall(length(b"4", b"next"))

    def polluting(sock, address):
        original = sock.sendall

        def send(answer):
            original(answer)
            if answer == length(b"5"):
                polluted.wait(PATIENCE)
                original(PIGGYBACK)

        class Wrapped:
            sendall = staticmethod(send)
            recv = staticmethod(sock.recv)

        service(Wrapped, address)

    polluted = threading.Event()
    with Origin(polluting) as origin, Daemon() as daemon, Expose(daemon, origin.port) as driver:
        with Visitor(driver.port) as visitor:
            visitor.ask(target="/first")
            assert visitor.receive_answer()[2] == b"hello"
            polluted.set()
            assert ended.wait(PATIENCE), "the driver keeps a connection that speaks unasked"
            visitor.ask(target="/second")
            assert visitor.receive_answer()[2] == b"next"
        assert not origin.failures, origin.failures


def an_answer_before_its_request_is_no_wrong_one():
    talking, answered = set(), set()

    def service(sock, address):
        talking.add(address)
        try:
            sock.sendall(length(b"5", b"early"))
            while (target := Service.read_target(sock)) is not None:
                sock.sendall(length(b"%d" % len(target), target.encode()))
                answered.add(target)
        finally:
            talking.discard(address)

    with Origin(service) as origin, Daemon() as daemon, Expose(daemon, origin.port) as driver:
        for number in range(20):
            with connect(driver.port) as sock:
                sock.sendall(b"GET /%d HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n" % number)
                outcome = AnswerReader(sock).read()
                # Each connection of the service says this first: nobody can tell it from an answer.
                assert outcome.is_refusal or outcome.body in (b"early", b"/%d" % number), outcome
            wait_until(lambda: f"/{number}" in answered or not talking, "the service has said all it will say")


def an_answer_before_the_bodys_end_is_whole():
    def service(sock, _address):
        Service.read_target(sock)
        sock.sendall(OK + b"Content-Length: 6\r\nConnection: close\r\n\r\nenough")
        receive_exactly(sock, 1)

    with Origin(service) as origin, Daemon() as daemon, Expose(daemon, origin.port) as driver:
        for _ in range(5):
            with Visitor(driver.port) as visitor:
                visitor.send(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000)
                outcome = AnswerReader(visitor.sock).read()
                assert (outcome.end, outcome.body) == ("whole", b"enough"), outcome


run(
    a_good_answer_is_exactly_what_it_means,
    a_bad_head_is_refused,
    a_bad_body_is_no_whole_one,
    an_answer_cut_anywhere_is_no_whole_one,
    a_large_body_cut_anywhere_is_no_whole_one,
    fields_are_kept_and_those_of_the_hop_are_not,
    interim_heads_arrive_all,
    what_an_idle_connection_says_is_nobodys_answer,
    an_answer_before_its_request_is_no_wrong_one,
    an_answer_before_the_bodys_end_is_whole,
)
