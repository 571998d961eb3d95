"""Header fields: names, values, folding, Host, hop-by-hop, and how much of all that."""

from item import MARK, NEXT, Item, Seen, head, show

TOKEN_MARKS = "!#$%&'*+-.^_`|~"
NO_TOKEN_MARKS = "\0\x01\x08\t\x0b\x0c\x1b\x1f \"(),/;<=>?@[\\]{}\x7f\x80\xa0\xe4\xff"
CONTROLS = "".join(map(chr, [*range(9), *range(11, 13), *range(14, 32), 0x7F]))
FOLDED = {
    "a space": "X-A: b\r\n c",
    "a tab": "X-A: b\r\n\tc",
    "nothing behind the space": "X-A: b\r\n ",
    "a field behind the space": "X-A: b\r\n Content-Length: 5",
    "a coding behind the space": "X-A: b\r\n Transfer-Encoding: chunked",
    "an empty value": "X-A:\r\n b",
    "in Content-Length": "Content-Length:\r\n 5",
    "in Transfer-Encoding": "Transfer-Encoding:\r\n chunked",
    "in Host": "X-A: b\r\nHost2:\r\n a",
    "two times": "X-A: b\r\n c\r\n d",
}
LINES = {
    "no name": ": b",
    "no name, a space": " : b",
    "no colon": "X-A",
    "no colon, a space": "X-A b",
    "a space before the colon": "X-A : b",
    "a tab before the colon": "X-A\t: b",
    "a bare LF for the end": "X-A: b\nX-B: c",
    "a bare CR for the end": "X-A: b\rX-B: c",
    "LF CR": "X-A: b\n\rX-B: c",
    "CR CR LF": "X-A: b\r\r\nX-B: c",
    "a CR in the name": "X\rA: b",
    "an LF in the name": "X\nA: b",
    "a bare LF for the empty line": "X-A: b\n",
    "LF LF": f"X-A: b\n\nGET /{MARK}-smuggled HTTP/1.1\r\nHost: a.test",
    "CR CR": f"X-A: b\r\rGET /{MARK}-smuggled HTTP/1.1\r\nHost: a.test",
    "CR NUL LF": "X-A: b\r\0\nX-B: c",
    "LF NUL": "X-A: b\n\0X-B: c",
    "a status line": "HTTP/1.1 200 OK",
    "a request line": f"GET /{MARK}-smuggled HTTP/1.1",
}
BAD_HOSTS = (
    "a/b", "a.test/", "u@a", "a b", "a\tb", "a?b", "a#b", "a\\b", "http://a.test", '"a"', "a<b", "a{b", "a|b", "a^b", "\xe4", "a\x7f",
    "a\0",
)  # fmt: skip
# Which bytes are a host's is all that the kit judges: what they mean is the service's affair.
GOOD_HOSTS = ("a.test", "A.TEST:80", "127.0.0.1", "[::1]", "[::1]:8080", "a_b", "a,b", "x--y.test.", "a%20b", "localhost:65535", "")
ODD_HOSTS = ("a:", "a:b", "a:80:80", ":80", "a:99999", "[::1", "::1", "..", "-", "[x]", "a:-1", "a.test:0x50")


def names():
    for mark in TOKEN_MARKS:
        yield Item("names with a mark that is a token's", mark, head(f"X{mark}A: b"), [Seen(has={f"x{mark}a": "b"})])
    for mark in NO_TOKEN_MARKS:
        yield Item("names with a byte that is no token's", show(mark), head(f"X{mark}A: b"), [400])
    yield Item("names", "in capitals", head("X-LOUD: b"), [Seen(has={"x-loud": "b"})])
    yield Item("names", "of 8000 bytes", head("X" * 8000 + ": b"), [Seen()])
    yield Item("names", "__proto__", head("__proto__: b"), [Seen()])


def values():
    for mark in CONTROLS:
        yield Item("control bytes in a value", show(mark), head(f"X-A: b{mark}c"), [400])
    for where, field in {"first": "X-A: {}c", "last": "X-A: c{}", "alone": "X-A: {}"}.items():
        for mark in "\0\x0b\x0c\x7f":
            yield Item("control bytes in a value", f"{show(mark)}, {where}", head(field.format(mark)), [400])
    for name, value, seen in (
        ("none", "", ""),
        ("white space only", " \t ", ""),
        ("white space around", "\t b \t", "b"),
        ("no white space", "b", "b"),
        ("a tab inside", "a\tb", "a\tb"),
        ("a colon first", ":b", ":b"),
        ("quotes", '"a\\"b, c"', '"a\\"b, c"'),
        ("UTF-8", "\xc3\xa4", "\xc3\xa4"),
        ("Latin-1, sent on as UTF-8", "\xe4", "\xc3\xa4"),
        ("8000 bytes", "a" * 8000, "a" * 8000),
    ):
        yield Item("values", name, head(f"X-A:{value}"), [Seen(has={"x-a": seen})])


def lines():
    for name, field in FOLDED.items():
        yield Item("folded lines", name, head("X-First: 1", field), [400])
    yield Item("folded lines", "the first line of all", f"POST /{MARK} HTTP/1.1\r\n Host: a.test\r\n\r\n", [400])
    yield Item("folded lines", "the first, a tab", f"POST /{MARK} HTTP/1.1\r\n\tX: y\r\nHost: a.test\r\n\r\n", [400])
    yield Item(
        "folded lines",
        "the first, a coding",
        f"POST /{MARK} HTTP/1.1\r\n Transfer-Encoding: chunked\r\nHost: a.test\r\n\r\n",
        [400],
    )
    for name, field in LINES.items():
        yield Item("field lines", name, head("X-First: 1", field, "X-Last: 1"), [400])
    for name, end in {"LF CR LF": "\n\r\n", "CR LF LF": "\r\n\n", "CR LF CR NUL": "\r\n\r\0", "LF LF": "\n\n", "CR CR": "\r\r"}.items():
        yield Item("ends of a head", name, f"POST /{MARK} HTTP/1.1\r\nHost: a.test{end}" + "x" * 40 + "\r\n\r\n", [400])
    canonical = ["POST", " ", f"/{MARK}", " ", "HTTP", "/1.1", "\r\n", "Host", ":", " ", "a.test", "\r\n", "X-A", ":", "b", "\r\n", "\r\n"]
    for mark in "\r\n\0\x0b\x1a":
        for at in range(len(canonical)):
            text = "".join(canonical[:at] + [mark] + canonical[at:])
            yield Item(
                f"a stray {show(mark)}", f"before part {at} of a request: {show(canonical[at]).replace(MARK, 'x')}", text, [400]
            )


def hosts():
    for host in BAD_HOSTS:
        yield Item("Host that is none", show(host), head(host=f"Host: {host}\r\n"), [400])
    for host in GOOD_HOSTS:
        yield Item(
            "Host", show(host) or "empty", head(host=f"Host: {host}\r\n"), [Seen(has={"x-forwarded-host": host} if host else {})]
        )
    for host in ODD_HOSTS:
        yield Item("Host of odd form", show(host), head(host=f"Host: {host}\r\n"), [Seen(has={"x-forwarded-host": host})])
    yield Item("how many Hosts", "none on 1.1", head(host=""), [400])
    yield Item("how many Hosts", "none on 1.0", head(host="", line=f"POST /{MARK} HTTP/1.0"), [Seen()])
    for name, hosts_ in {
        "two, equal": ("Host: a.test", "Host: a.test"),
        "two that differ": ("Host: a.test", "Host: b.test"),
        "two, one empty": ("Host: a.test", "Host:"),
        "two in other case": ("host: a.test", "HOST: a.test"),
        "one with a space before the colon": ("Host : a.test",),
        "one more, with a space before the colon": ("Host: a.test", "Host : b.test"),
        "one more, folded": ("Host: a.test\r\n Host: b.test",),
        "two on 1.0": None,
    }.items():
        if hosts_ is None:
            yield Item("how many Hosts", name, head("Host: b.test", line=f"POST /{MARK} HTTP/1.0"), [400])
        else:
            yield Item("how many Hosts", name, head(*hosts_, host=""), [400])


def hop_by_hop():
    for named in ("content-length", "Content-Length", "host", "transfer-encoding, content-length", "close, content-length"):
        text = head(f"Connection: {named}", "Content-Length: 5") + "hello"
        yield Item(
            "Connection names",
            named,
            text,
            [Seen(body="hello", has={"content-length": "5", "x-forwarded-host": "a.test"}, lacks=["connection"])],
        )
    text = head("Connection: transfer-encoding", "Transfer-Encoding: chunked") + "5\r\nhello\r\n0\r\n\r\n"
    yield Item("Connection names", "transfer-encoding", text, [Seen(body="hello", has={"transfer-encoding": "chunked"})])
    for named in ("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"):
        own = {"x-forwarded-for": "127.0.0.1", "x-forwarded-host": "a.test", "x-forwarded-proto": "http"}
        text = head(f"Connection: {named}", f"{named}: forged")
        yield Item("Connection names", named, text, [Seen(has={named: own[named]})])
    for named in ("x-a", "X-A", "close, x-a", ",, x-a ,", "x-b, x-a", "x-a\tclose, x-a"):
        yield Item("Connection names", show(named), head(f"Connection: {named}", "X-A: gone"), [Seen(lacks=["x-a", "connection"])])
    for name in ("Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailer", "Upgrade"):
        yield Item("hop-by-hop fields", name, head(f"{name}: x"), [Seen(lacks=[name.lower()])])
    yield Item(
        "hop-by-hop fields",
        "two Connections",
        head("Connection: x-a", "Connection: x-b", "X-A: 1", "X-B: 2"),
        [Seen(lacks=["x-a", "x-b"])],
    )
    yield Item("hop-by-hop fields", "Connection: close", head("Connection: close") + NEXT, [Seen()])
    yield Item("hop-by-hop fields", "Connection: keep-alive, close", head("Connection: keep-alive, close") + NEXT, [Seen()])


def limits():
    base = len(head("X-A: ").replace(MARK, "i0000"))
    yield Item("limits", "a head of 32 KiB", head("X-A: " + "a" * (32768 - base)), [Seen()])
    yield Item("limits", "a head of 32 KiB and a byte", head("X-A: " + "a" * (32769 - base)), [431])
    yield Item("limits", "a head of 60 KiB", head("X-A: " + "a" * 61440), [431])
    yield Item("limits", "a name without end", f"GET /{MARK} HTTP/1.1\r\n" + "X" * 40000, [431])
    yield Item("limits", "100 fields", head(*(f"X-{n}: {n}" for n in range(99))), [Seen()])
    yield Item("limits", "101 fields", head(*(f"X-{n}: {n}" for n in range(100))), [431])
    yield Item("limits", "3000 fields", head(*(f"X-{n}: {n}" for n in range(3000))), [431])
    target = "/" + MARK + "a" * (16384 - len("/i0000"))
    yield Item("limits", "a target of 16 KiB", head(line=f"GET {target} HTTP/1.1"), [Seen("GET", target)])
    yield Item("limits", "a target of 16 KiB and a byte", head(line=f"GET {target}a HTTP/1.1"), [414])
    yield Item("limits", "a target without end", f"GET /{MARK}" + "a" * 40000, [414])
    yield Item("limits", "a method without end", "A" * 40000, [431])
    for name, byte in {"Latin-1, which grows as UTF-8": "\xe4", "quotes, which grow in JSON": '"'}.items():
        yield Item("limits", f"a head that fits no frame: {name}", head("X-A: " + byte * (32768 - base)), [431])
    yield Item("limits", "a head that never ends", head("X-A: b")[:-2], [408])
    yield Item("limits", "a request line that never ends", f"GET /{MARK}", [408])


def items():
    for family in (names, values, lines, hosts, hop_by_hop, limits):
        yield from family()
