"""Where a body ends: lengths, codings, both, chunks, trailers; what comes behind it; Expect and Upgrade."""

from item import MARK, NEXT, NEXT_SEEN, Item, Seen, head, show

HELLO = "5\r\nhello\r\n0\r\n\r\n"
LENGTHS = ("5", "05", "0000000000000000000000000000005", " 5", "5 ", "\t5\t")
NO_LENGTHS = (
    "+5", "-5", "-0", "5 5", "5,5", "5, 5", "5,", ",5", "0,5", "5;", "5.0", "5e0", "0x5", "0X5", "5h", "h5", '"5"', "'5'", "", "a", "five",
    "18446744073709551616", "18446744073709551621", "9223372036854775808", "99999999999999999999999999", "1" + "0" * 300, "5\xa0",
    "\xb2", "5\x0b", "\x0b5", "5\0", "\x005", "5\x7f", "5\r", "4 2", "5 \t 5", "5%", "-9223372036854775803", "$5", "5_0",
)  # fmt: skip
CODINGS = ("Transfer-Encoding: chunked", "transfer-encoding:chunked", "TRANSFER-ENCODING: CHUNKED", "Transfer-Encoding:\t chUnked \t")
# A field line (or lines) that some reader somewhere takes for chunked: the status that it deserves alone, and beside a length.
NO_CODINGS = {
    "Transfer-Encoding: xchunked": (501, 400),
    "Transfer-Encoding: chunkedx": (501, 400),
    "Transfer-Encoding: chunked, identity": (501, 400),
    "Transfer-Encoding: identity, chunked": (501, 400),
    "Transfer-Encoding: identity": (501, 400),
    "Transfer-Encoding: gzip": (501, 400),
    "Transfer-Encoding: gzip, chunked": (501, 400),
    "Transfer-Encoding: chunked, chunked": (501, 400),
    "Transfer-Encoding: chunked,": (501, 400),
    "Transfer-Encoding: ,chunked": (501, 400),
    "Transfer-Encoding: chunked;q=1": (501, 400),
    'Transfer-Encoding: "chunked"': (501, 400),
    "Transfer-Encoding: chun ked": (501, 400),
    "Transfer-Encoding:": (501, 400),
    "Transfer-Encoding: chunk\xffed": (501, 400),
    "Transfer-Encoding: chunked\xa0": (501, 400),
    "Transfer-Encoding: \xa0chunked": (501, 400),
    "Transfer-Encoding: c\xd5\xb0unked": (501, 400),
    "Transfer-Encoding: : chunked": (501, 400),
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked": (501, 400),
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity": (501, 400),
    "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked": (501, 400),
    "Transfer-Encoding: chunked\r\nTransfer-Encoding:": (501, 400),
    "Transfer-Encoding: x\r\nTransfer-Encoding: chunked": (501, 400),
    "Transfer-Encoding : chunked": (400, 400),
    "Transfer-Encoding\t: chunked": (400, 400),
    "Transfer-Encoding\x0b: chunked": (400, 400),
    "Transfer-Encoding\0: chunked": (400, 400),
    "Transfer Encoding: chunked": (400, 400),
    "\x0bTransfer-Encoding: chunked": (400, 400),
    " Transfer-Encoding: chunked": (400, 400),
    "\tTransfer-Encoding: chunked": (400, 400),
    "Transfer-Encoding: \x0bchunked": (400, 400),
    "Transfer-Encoding: chunked\x0b": (400, 400),
    "Transfer-Encoding: \x0cchunked": (400, 400),
    "Transfer-Encoding: chunked\0": (400, 400),
    "Transfer-Encoding: \0chunked": (400, 400),
    "Transfer-Encoding: chunked\x08": (400, 400),
    "Transfer-Encoding: chunked\x7f": (400, 400),
    "Transfer-Encoding:\r\n chunked": (400, 400),
    "Transfer-Encoding:\r\n\tchunked": (400, 400),
    "Transfer-Encoding: chunked\r\n ": (400, 400),
    "Transfer-Encoding: chunked\r\n , identity": (400, 400),
    "Transfer-Encoding:\n chunked": (400, 400),
    "Transfer-Encoding\r\n: chunked": (400, 400),
    "Transfer-Encoding\n: chunked": (400, 400),
    "X: y\nTransfer-Encoding: chunked": (400, 400),
    "X: y\rTransfer-Encoding: chunked": (400, 400),
    "X: y\r\r\nTransfer-Encoding: chunked": (400, 400),
    "X: y\n\rTransfer-Encoding: chunked": (400, 400),
    "Transfer-Encoding: chunked\rX: y": (400, 400),
    "Transfer-Encoding: chunked\nX: y": (400, 400),
}
OTHER_FIELDS = (
    "Transfer_Encoding: chunked",
    "TE: chunked",
    "Content-Encoding: chunked",
    "X-Transfer-Encoding: chunked",
    "Transfer-Encodin: chunked",
    "Transfer-Encoding2: chunked",
)
# Chunked bodies: what is in them, or the status.
CHUNKS = {
    HELLO: "hello",
    "0\r\n\r\n": "",
    "00\r\n\r\n": "",
    "000000000000000000000000\r\n\r\n": "",
    "00000000000000000005\r\nhello\r\n0\r\n\r\n": "hello",
    "A\r\n0123456789\r\n0\r\n\r\n": "0123456789",
    "a\r\n0123456789\r\n0\r\n\r\n": "0123456789",
    "1\r\nh\r\n4\r\nello\r\n0\r\n\r\n": "hello",
    "7\r\n0\r\n\r\nhe\r\n0\r\n\r\n": "0\r\n\r\nhe",
    "5;a\r\nhello\r\n0\r\n\r\n": "hello",
    "5;a=b\r\nhello\r\n0;c=d\r\n\r\n": "hello",
    "5;a=\"b;\\\"\"\r\nhello\r\n0\r\n\r\n": "hello",
    "5; a = b\r\nhello\r\n0\r\n\r\n": "hello",
    "5;\r\nhello\r\n0\r\n\r\n": "hello",
    "5;;;\r\nhello\r\n0\r\n\r\n": "hello",
    "5;\xe4\r\nhello\r\n0\r\n\r\n": "hello",
    "5;" + "a" * 4093 + "\r\nhello\r\n0\r\n\r\n": 400,
    "5;" + "a" * 4092 + "\r\nhello\r\n0\r\n\r\n": "hello",
    "5;" + "a" * 100000 + "\r\nhello\r\n0\r\n\r\n": 400,
    "0" * 5000 + "5\r\nhello\r\n0\r\n\r\n": 400,
    "5 \r\nhello\r\n0\r\n\r\n": 400,
    "5\t\r\nhello\r\n0\r\n\r\n": 400,
    " 5\r\nhello\r\n0\r\n\r\n": 400,
    "5 ;a\r\nhello\r\n0\r\n\r\n": 400,
    "0x5\r\nhello\r\n0\r\n\r\n": 400,
    "x5\r\nhello\r\n0\r\n\r\n": 400,
    "+5\r\nhello\r\n0\r\n\r\n": 400,
    "-5\r\nhello\r\n0\r\n\r\n": 400,
    "5h\r\nhello\r\n0\r\n\r\n": 400,
    "5,5\r\nhello\r\n0\r\n\r\n": 400,
    "5.\r\nhello\r\n0\r\n\r\n": 400,
    "5\0\r\nhello\r\n0\r\n\r\n": 400,
    "5\x0b\r\nhello\r\n0\r\n\r\n": 400,
    "\0" + "5\r\nhello\r\n0\r\n\r\n": 400,
    "g\r\nhello\r\n0\r\n\r\n": 400,
    ";a\r\nhello\r\n0\r\n\r\n": 400,
    "\r\nhello\r\n0\r\n\r\n": 400,
    "\r\n5\r\nhello\r\n0\r\n\r\n": 400,
    "5\nhello\r\n0\r\n\r\n": 400,
    "5\rhello\r\n0\r\n\r\n": 400,
    "5\r\r\nhello\r\n0\r\n\r\n": 400,
    "5;a\nhello\r\n0\r\n\r\n": 400,
    "5;a\rb\r\nhello\r\n0\r\n\r\n": 400,
    "5;a\0b\r\nhello\r\n0\r\n\r\n": 400,
    "5;\n5\r\nhello\r\n0\r\n\r\n": 400,
    "2;\nxx\r\n4c\r\n0\r\n\r\n": 400,
    "ffffffffffffffff\r\nhello\r\n0\r\n\r\n": 400,
    "10000000000000005\r\nhello\r\n0\r\n\r\n": 400,
    "100000000000000000000000000000005\r\nhello\r\n0\r\n\r\n": 400,
    "8000000000000000\r\nhello\r\n0\r\n\r\n": 400,
    "fffffffffffffffffffffffffffffff5\r\nhello\r\n0\r\n\r\n": 400,
    "5\r\nhello0\r\n\r\n": 400,
    "5\r\nhelloXX0\r\n\r\n": 400,
    "5\r\nhello\n0\r\n\r\n": 400,
    "5\r\nhello\r0\r\n\r\n": 400,
    "5\r\nhello\r\r\n0\r\n\r\n": 400,
    "5\r\nhello\n\r0\r\n\r\n": 400,
    "4\r\nhello\r\n0\r\n\r\n": 400,
    "6\r\nhello\r\n0\r\n\r\n": 400,
    "5\r\nhello\r\n\r\n0\r\n\r\n": 400,
    "0\n\r\n": 400,
    "0\r\n\n": 400,
    "0\r\r\n": 400,
    "0\r\n\r\r\n": 400,
    "0\r\n\rX": 400,
    "0\n\n": 400,
    "-0\r\n\r\n": 400,
    "0\r\nX: y\r\n\r\n": "",
    "0\r\nX: y\r\nZ:\r\n\r\n": "",
    "0\r\nContent-Length: 5\r\n\r\n": "",
    "0\r\nTransfer-Encoding: chunked\r\n\r\n": "",
    "0\r\nTransfer-Encoding: gzip\r\nContent-Length: x\r\n\r\n": "",
    "0\r\nHost: b.test\r\n\r\n": "",
    "0\r\nConnection: close\r\n\r\n": "",
    "0\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n": "",
    "0\r\nX: y\r\n z\r\n\r\n": 400,
    "0\r\nX:\r\n\ty\r\n\r\n": 400,
    "0\r\n X: y\r\n\r\n": 400,
    "0\r\nX : y\r\n\r\n": 400,
    "0\r\nX y\r\n\r\n": 400,
    "0\r\n: y\r\n\r\n": 400,
    "0\r\nX\r\n\r\n": 400,
    "0\r\nX: y\n\r\n": 400,
    "0\r\nX: y\rZ: a\r\n\r\n": 400,
    "0\r\nX: a\0b\r\n\r\n": 400,
    "0\r\nX@Y: a\r\n\r\n": 400,
    "0\r\nX: " + "a" * 40000 + "\r\n\r\n": 431,
    "0\r\n" + "X: a\r\n" * 1000 + "\r\n": "",
}
UNFINISHED = ("", "5", "5\r\n", "5\r\nhel", "5\r\nhello", "5\r\nhello\r\n", "5\r\nhello\r\n0\r\n", "0\r\nX: y\r\n", "7fffffffffffffff\r\nhello\r\n")
SMUGGLED = f"GET /{MARK}-smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n"
SMUGGLED_SEEN = Seen("GET", f"/{MARK}-smuggled")


def lengths():
    for length in LENGTHS:
        text = head(f"Content-Length:{length}") + "hello" + NEXT
        yield Item("lengths", show(length), text, [Seen(body="hello", has={"content-length": "5"}), NEXT_SEEN])
    for length in NO_LENGTHS:
        yield Item("lengths that are none", show(length), head(f"Content-Length: {length}") + "hello" + NEXT, [400])
        yield Item(
            "lengths that are none, with GET",
            show(length),
            head(f"Content-Length: {length}", line=f"GET /{MARK} HTTP/1.1") + "hello" + NEXT,
            [400],
        )
    for first, second in (("5", "5"), ("5", "05")):
        text = head(f"Content-Length: {first}", "X-A: b", f"Content-Length: {second}") + "hello" + NEXT
        yield Item(
            "two lengths", f"equal: {first} and {second}", text, [Seen(body="hello", has={"content-length": "5"}), NEXT_SEEN]
        )
    for first, second in (("5", "6"), ("6", "5"), ("0", "5"), ("5", "0"), ("5", ""), ("", "5"), ("5", "+5"), ("5", "5, 5"), ("5", "0x5")):
        text = head(f"Content-Length: {first}", f"content-length: {second}") + "hello" + NEXT
        yield Item("two lengths", f"{first or 'empty'} and {second or 'empty'}", text, [400])
    for name, field in {
        "a space before the colon": "Content-Length : 5",
        "a tab before the colon": "Content-Length\t: 5",
        "folded": "Content-Length:\r\n 5",
        "folded behind another": "X: y\r\n Content-Length: 5",
        "behind a bare LF": "X: y\nContent-Length: 5",
        "behind a bare CR": "X: y\rContent-Length: 5",
    }.items():
        yield Item("lengths that are hidden", name, head(field) + "hello" + NEXT, [400])
    yield Item(
        "lengths that are hidden", "Content_Length is another field", head("Content_Length: 5") + SMUGGLED, [Seen(), SMUGGLED_SEEN]
    )
    for length in ("9223372036854775807", "4294967301", "6"):
        yield Item("a body that does not come", length, head(f"Content-Length: {length}") + "hello", [408], begins=True)
    yield Item(
        "lengths",
        "0, and a request behind it",
        head("Content-Length: 0") + SMUGGLED,
        [Seen(has={"content-length": "0"}), SMUGGLED_SEEN],
    )
    yield Item("lengths", "on 1.0", head("Content-Length: 5", line=f"POST /{MARK} HTTP/1.0") + "hello", [Seen(body="hello")])
    yield Item(
        "lengths",
        "a request in a body",
        head(f"Content-Length: {len(SMUGGLED) + 2}") + SMUGGLED + NEXT,
        [Seen(body=SMUGGLED), NEXT_SEEN],
    )


def codings():
    for field in CODINGS:
        text = head(field) + HELLO + NEXT
        yield Item(
            "codings",
            show(field),
            text,
            [Seen(body="hello", has={"transfer-encoding": "chunked"}, lacks=["content-length"]), NEXT_SEEN],
        )
        for length in ("5", "0", str(len(HELLO))):
            pairs = {"before": (f"Content-Length: {length}", field), "behind": (field, f"Content-Length: {length}")}
            for place, pair in pairs.items():
                yield Item(
                    "codings beside a length", f"Content-Length: {length} {place} {show(field)}", head(*pair) + HELLO + NEXT, [400]
                )
        yield Item("codings on 1.0", show(field), head(field, line=f"POST /{MARK} HTTP/1.0") + HELLO, [400])
    for field, (alone, beside) in NO_CODINGS.items():
        yield Item("codings that are none", show(field), head("X-First: 1", field) + HELLO + NEXT, [alone])
        yield Item("such codings behind a length", show(field), head("Content-Length: 5", field) + "0\r\n\r\n" + SMUGGLED, [beside])
        yield Item(
            "such codings before a length",
            show(field),
            head("X-First: 1", field, "Content-Length: 5") + "0\r\n\r\n" + SMUGGLED,
            [beside],
        )
    for field in OTHER_FIELDS:
        yield Item(
            "fields that are no coding", show(field), head(field) + SMUGGLED, [Seen(lacks=["transfer-encoding"]), SMUGGLED_SEEN]
        )
        text = head("Content-Length: 5", field) + "0\r\n\r\n" + SMUGGLED
        yield Item("fields that are no coding, behind a length", show(field), text, [Seen(body="0\r\n\r\n"), SMUGGLED_SEEN])


def chunks():
    for body, seen in CHUNKS.items():
        is_good = isinstance(seen, str)
        expected = [Seen(body=seen), NEXT_SEEN] if is_good else [seen]
        yield Item(
            "chunks" if is_good else "chunks that are none",
            show(body),
            head("Transfer-Encoding: chunked") + body + NEXT,
            expected,
            begins=not is_good,
        )
    for body in UNFINISHED:
        yield Item("chunks that do not come", show(body) or "none", head("Transfer-Encoding: chunked") + body, [408], begins=True)


def bodies_of_any_method():
    for method in ("GET", "HEAD", "DELETE", "OPTIONS", "PUT", "PATCH", "PROPFIND", "TRACE"):
        seen = Seen(method, body="" if method in ("GET", "HEAD") else "hello")
        line = f"{method} /{MARK} HTTP/1.1"
        yield Item(
            "bodies of any method", f"{method}, by length", head("Content-Length: 5", line=line) + "hello" + NEXT, [seen, NEXT_SEEN]
        )
        yield Item(
            "bodies of any method",
            f"{method}, chunked",
            head("Transfer-Encoding: chunked", line=line) + HELLO + NEXT,
            [seen, NEXT_SEEN],
        )
        yield Item("bodies of any method", f"{method}, undeclared", head(line=line) + "hello\r\n\r\n", [Seen(method), 400])
    line = f"GET /{MARK} HTTP/1.1"
    yield Item(
        "bodies of any method",
        "GET, a request in a body",
        head(f"Content-Length: {len(SMUGGLED) + 2}", line=line) + SMUGGLED + NEXT,
        [Seen("GET"), NEXT_SEEN],
    )
    yield Item(
        "bodies of any method",
        "GET, a broken one",
        head("Transfer-Encoding: chunked", line=line) + "x\r\n" + SMUGGLED,
        [400],
        begins=True,
    )


def pipelines():
    get, post = head(line=f"GET /{MARK} HTTP/1.1"), head("Content-Length: 5") + "hello"
    chunked = head("Transfer-Encoding: chunked") + HELLO
    seen = {get: Seen("GET"), post: Seen(body="hello"), chunked: Seen(body="hello")}
    named = {get: "GET", post: "POST by length", chunked: "POST chunked"}
    for first in named:
        for second in named:
            yield Item("pipelines", f"{named[first]}, {named[second]}", first + second, [seen[first], seen[second]])
        yield Item(
            "pipelines", f"{named[first]}, a broken one, a good one", first + "GET / HTTP/1.1\r\n\r\n" + NEXT, [seen[first], 400]
        )
        yield Item("pipelines", f"a broken one, {named[first]}", "GET / HTTP/1.1\r\n\r\n" + first, [400])
    yield Item("pipelines", "thirty", get * 30, [Seen("GET")] * 30)
    yield Item("pipelines", "a lone CR behind a request", get + "\r", [Seen("GET")])
    yield Item("pipelines", "a lone LF behind a request", get + "\n", [Seen("GET"), 400])
    yield Item("pipelines", "zeros behind a request", get + "\0" * 20, [Seen("GET"), 400])
    yield Item("pipelines", "an answer behind a request", get + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", [Seen("GET"), 400])


def expectations():
    for value in ("100-continue", "100-CONTINUE", "100-continue, x", "x", "", "200-ok", "100-continue\xa0"):
        interim, lacks = ([100], ["expect"]) if value.lower() in ("100-continue", "100-continue, x") else ([], [])
        yield Item(
            "Expect",
            show(value) or "empty",
            head(f"Expect: {value}", "Content-Length: 5") + "hello" + NEXT,
            [*interim, Seen(body="hello", lacks=lacks), NEXT_SEEN],
        )
    yield Item(
        "Expect",
        "chunked",
        head("Expect: 100-continue", "Transfer-Encoding: chunked") + HELLO + NEXT,
        [100, Seen(body="hello"), NEXT_SEEN],
    )
    yield Item("Expect", "no body", head("Expect: 100-continue") + NEXT, [Seen(lacks=["expect"]), NEXT_SEEN])
    yield Item(
        "Expect",
        "two",
        head("Expect: 100-continue", "Expect: 100-continue", "Content-Length: 5") + "hello" + NEXT,
        [100, Seen(body="hello", lacks=["expect"]), NEXT_SEEN],
    )
    yield Item(
        "Expect",
        "on 1.0",
        head("Expect: 100-continue", "Content-Length: 5", line=f"POST /{MARK} HTTP/1.0") + "hello",
        [Seen(body="hello", lacks=["expect"])],
    )
    yield Item(
        "Expect",
        "GET with a body",
        head("Expect: 100-continue", "Content-Length: 5", line=f"GET /{MARK} HTTP/1.1") + "hello" + NEXT,
        [100, Seen("GET"), NEXT_SEEN],
    )
    yield Item("Expect", "folded", head("Expect:\r\n 100-continue", "Content-Length: 5") + "hello", [400])
    yield Item(
        "Expect", "of a broken body", head("Expect: 100-continue", "Transfer-Encoding: chunked") + "x", [100, 400], begins=True
    )


def upgrades():
    line = f"GET /{MARK} HTTP/1.1"
    kept = {"connection": "Upgrade", "upgrade": "websocket"}
    yield Item(
        "Upgrade",
        "to what the service refuses",
        head("Connection: Upgrade", "Upgrade: websocket", line=line) + NEXT,
        [Seen("GET", has=kept)],
    )
    yield Item(
        "Upgrade", "a length of 0", head("Connection: Upgrade", "Upgrade: websocket", "Content-Length: 0") + NEXT, [Seen(has=kept)]
    )
    plain = {"lacks": ["connection", "upgrade"]}
    for name, fields in (
        ("to h2c", ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")),
        ("to h2c, in capitals", ("Connection: Upgrade", "Upgrade: H2C")),
        ("to h2c among others", ("Connection: Upgrade", "Upgrade: websocket, h2c")),
        ("to h2c, two fields", ("Connection: Upgrade", "Upgrade: websocket", "Upgrade: h2c")),
        ("Connection does not name it", ("Upgrade: websocket",)),
        ("Connection alone", ("Connection: Upgrade",)),
        ("to nothing", ("Connection: Upgrade", "Upgrade:")),
    ):
        yield Item("Upgrade", name, head(*fields, line=line) + NEXT, [Seen("GET", **plain), NEXT_SEEN])
    for name, fields, rest in (("by length", ("Content-Length: 5",), "hello"), ("chunked", ("Transfer-Encoding: chunked",), HELLO)):
        text = head("Connection: Upgrade", "Upgrade: websocket", *fields) + rest + NEXT
        yield Item("Upgrade", f"with a body {name}", text, [Seen(body="hello", **plain), NEXT_SEEN])
    yield Item(
        "Upgrade", "on 1.0", head("Connection: Upgrade", "Upgrade: websocket", line=f"GET /{MARK} HTTP/1.0"), [Seen("GET", **plain)]
    )


def items():
    for family in (lengths, codings, chunks, bodies_of_any_method, pipelines, expectations, upgrades):
        yield from family()
