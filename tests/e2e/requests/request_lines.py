"""Request lines: methods, targets, versions, and what is between them."""

from item import MARK, NEXT, NEXT_SEEN, Item, Seen, head, show

METHODS = (
    "DELETE GET HEAD POST PUT OPTIONS TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK BIND REBIND UNBIND ACL REPORT "
    "MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PATCH PURGE MKCALENDAR LINK UNLINK SOURCE"
)
UNKNOWN_METHODS = "FOO get Get GETT GE POSTT PRI DESCRIBE SETUP PLAY ! GET!POST 0 " + "A" * 300
NOT_A_METHOD = ("G@T", "G(T", '"GET"', "GET,", "G\xc3T", "G:T", "GET/", "G\x7fT", "{}")
BAD_VERSIONS = (
    "HTTP/0.9", "HTTP/1.2", "HTTP/1.9", "HTTP/2.0", "HTTP/2", "HTTP/3", "HTTP/01.1", "HTTP/1.01", "HTTP/1.1.", "HTTP/1.10",
    "HTTP/11.1", "HTTP/1", "HTTP/1.", "HTTP/.1", "HTTP/-1.1", "HTTP/+1.1", "HTTP/1,1", "HTTP/ 1.1", "HTTP /1.1", "HTTP/1 .1",
    "HTTP/1.1 ", "HTTP/1.1\t", "HTTP/1.1x", "HTTP/1.1 x", "http/1.1", "Http/1.1", "HTTPS/1.1", "HTTP\\1.1", "HTTP1.1", "ICY/1.1",
    "RTSP/1.0", "SIP/2.0", "XTTP/1.1", "HTTP/A.B", "HTTP/1.1\x0b", "/1.1", "H", "HTTP/\xb9.1",
)  # fmt: skip
# As a visitor writes it: as the service must see it.
TARGETS = {
    f"/{MARK}": None,
    f"/{MARK}?": None,
    f"/{MARK}?q=/?&a=%20": None,
    f"/{MARK}/../../etc/passwd": None,
    f"/../{MARK}": None,
    f"/{MARK}/./a//b": None,
    f"//{MARK}": None,
    f"//evil.test/{MARK}": None,
    f"/{MARK}%00": None,
    f"/{MARK}%2e%2e%2f": None,
    f"/{MARK}%zz%": None,
    f"/{MARK}%0d%0aX-Injected:%20y": None,
    f"/{MARK}\\..\\a": None,
    f"/{MARK}^`{{|}}": None,
    f"/{MARK};a=b,c!$&'()*+~@:[]": None,
    f"/{MARK}" + "a" * 8000: None,
    f"http://a.test/{MARK}": f"/{MARK}",
    f"HTTP://A.Test/{MARK}": f"/{MARK}",
    f"https://a.test:443/{MARK}?x": f"/{MARK}?x",
    f"http://a.test?{MARK}": f"/?{MARK}",
    f"http://b.test/{MARK}": f"/{MARK}",
    f"http://a.test/{MARK}//http://b.test/": f"/{MARK}//http://b.test/",
    f"http://u:p@a.test/{MARK}": f"/{MARK}",
    f"http://[::1]:80/{MARK}": f"/{MARK}",
}
BAD_TARGETS = (
    f"{MARK}", "a.test:80", "a.test", f"?{MARK}", f"#{MARK}", f"/{MARK}#", f"/{MARK}#frag", f'/{MARK}"', f"/{MARK}<", f"/{MARK}>",
    f"/{MARK}\x00", f"/{MARK}\x01", f"/{MARK}\x0b", f"/{MARK}\x0c", f"/{MARK}\x1f", f"/{MARK}\x7f", f"/{MARK}\x80", f"/{MARK}\xe4",
    f"/{MARK}\xc3\xa4", f"/{MARK}\xff", f"\\{MARK}", f"./{MARK}", f"../{MARK}", f"1http://a.test/{MARK}", f"http:/{MARK}",
    f"http:{MARK}", f"://a.test/{MARK}", f"mailto:{MARK}",
)  # fmt: skip
# What stands between the parts of the line, before and behind them.
SPACES = {
    "two before the target": "GET  /%ID HTTP/1.1\r\n",
    "two before the version": "GET /%ID  HTTP/1.1\r\n",
    "one behind the version": "GET /%ID HTTP/1.1 \r\n",
    "one before the method": " GET /%ID HTTP/1.1\r\n",
    "a tab before the target": "GET\t/%ID HTTP/1.1\r\n",
    "a tab before the version": "GET /%ID\tHTTP/1.1\r\n",
    "a tab before the method": "\tGET /%ID HTTP/1.1\r\n",
    "a vertical tab before the target": "GET\x0b/%ID HTTP/1.1\r\n",
    "a form feed before the version": "GET /%ID\x0cHTTP/1.1\r\n",
    "a no-break space before the target": "GET\xa0/%ID HTTP/1.1\r\n",
    "a CR before the target": "GET\r/%ID HTTP/1.1\r\n",
    "a CR before the version": "GET /%ID\rHTTP/1.1\r\n",
    "one in the target": "GET /%ID a HTTP/1.1\r\n",
    "a second version": "GET /%ID HTTP/1.1 HTTP/1.1\r\n",
    "a second request line in the target": "GET /%ID HTTP/1.1 GET /%ID-smuggled HTTP/1.1\r\n",
    "no target": "GET HTTP/1.1\r\n",
    "no target, two spaces": "GET  HTTP/1.1\r\n",
    "no method": "/%ID HTTP/1.1\r\n",
    "a space for a method": " /%ID HTTP/1.1\r\n",
    "a method alone": "GET\r\n",
    "a bare LF at the end": "GET /%ID HTTP/1.1\n",
    "CR CR LF at the end": "GET /%ID HTTP/1.1\r\r\n",
    "LF CR at the end": "GET /%ID HTTP/1.1\n\r",
    "a bare CR at the end": "GET /%ID HTTP/1.1\r",
    "a NUL at the end": "GET /%ID HTTP/1.1\0\r\n",
    "a NUL before the method": "\0GET /%ID HTTP/1.1\r\n",
    "a mark of UTF-8 before the method": "\xef\xbb\xbfGET /%ID HTTP/1.1\r\n",
    "0.9": "GET /%ID\r\n",
    "0.9 with a space": "GET /%ID \r\n",
    "0.9, LF": "GET /%ID\n",
}
FIELDS = f"Host: a.test\r\nX-Item: {MARK}\r\n\r\n"


def methods():
    for method in METHODS.split():
        yield Item("methods llhttp knows", method, head(line=f"{method} /{MARK} HTTP/1.1"), [Seen(method)])
    for method in UNKNOWN_METHODS.split():
        yield Item("unknown methods", show(method), head(line=f"{method} /{MARK} HTTP/1.1"), [501])
    for method in NOT_A_METHOD:
        yield Item("methods that are no token", show(method), head(line=f"{method} /{MARK} HTTP/1.1"), [400])
    for target in ("a.test:443", "a.test", "*", f"http://a.test/{MARK}", f"/{MARK}"):
        yield Item("CONNECT", target.replace(MARK, ""), f"CONNECT {target} HTTP/1.1\r\n{FIELDS}" + NEXT, [405])
    preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"
    yield Item("versions", "the preface of HTTP/2", preface, [400])


def versions():
    for version in BAD_VERSIONS:
        yield Item("versions", show(version), f"GET /{MARK} {version}\r\n{FIELDS}", [400])
    yield Item("versions", "HTTP/1.0", f"GET /{MARK} HTTP/1.0\r\n{FIELDS}", [Seen("GET")])
    yield Item(
        "versions",
        "HTTP/1.0 that stays",
        f"GET /{MARK} HTTP/1.0\r\nConnection: keep-alive\r\n{FIELDS}{NEXT}",
        [Seen("GET"), NEXT_SEEN],
    )
    yield Item("versions", "HTTP/1.0 behind 1.1", f"{NEXT}GET /{MARK} HTTP/1.0\r\n\r\n{NEXT}", [NEXT_SEEN, Seen("GET")])


def targets():
    for target, seen in TARGETS.items():
        group = "targets in absolute-form" if seen else "targets in origin-form"
        yield Item(group, show(target.replace(MARK, "")), f"GET {target} HTTP/1.1\r\n{FIELDS}", [Seen("GET", seen or target)])
    for target in BAD_TARGETS:
        yield Item("targets that are none", show(target.replace(MARK, "x")), f"GET {target} HTTP/1.1\r\n{FIELDS}", [400])
    yield Item("targets in asterisk-form", "OPTIONS *", f"OPTIONS * HTTP/1.1\r\n{FIELDS}", [Seen("OPTIONS", "*")])
    yield Item(
        "targets in asterisk-form", "OPTIONS http://a.test", f"OPTIONS http://a.test HTTP/1.1\r\n{FIELDS}", [Seen("OPTIONS", "*")]
    )
    yield Item("targets in asterisk-form", "GET *", f"GET * HTTP/1.1\r\n{FIELDS}", [400])
    yield Item("targets in asterisk-form", "POST * with a body", f"POST * HTTP/1.1\r\nContent-Length: 1\r\n{FIELDS}x", [400])
    yield Item("targets in asterisk-form", "OPTIONS *x", f"OPTIONS *x HTTP/1.1\r\n{FIELDS}", [400])
    yield Item("targets in asterisk-form", "OPTIONS **", f"OPTIONS ** HTTP/1.1\r\n{FIELDS}", [400])
    yield Item(
        "targets in absolute-form", "http://a.test, nothing more", f"GET http://a.test HTTP/1.1\r\n{FIELDS}", [Seen("GET", "/")]
    )
    yield Item("targets in absolute-form", "http:///, no authority", f"GET http:///{MARK} HTTP/1.1\r\n{FIELDS}", [400])
    yield Item("targets in absolute-form", "http://, nothing more", f"GET http:// HTTP/1.1\r\n{FIELDS}", [400])
    yield Item(
        "targets in absolute-form",
        "its host wins",
        f"GET http://b.test/{MARK} HTTP/1.1\r\n{FIELDS}",
        [Seen("GET", has={"x-forwarded-host": "b.test"})],
    )
    yield Item(
        "targets in absolute-form",
        "without Host on 1.0",
        f"GET http://b.test/{MARK} HTTP/1.0\r\n\r\n",
        [Seen("GET", has={"x-forwarded-host": "b.test"})],
    )
    yield Item("targets in absolute-form", "without Host on 1.1", f"GET http://b.test/{MARK} HTTP/1.1\r\n\r\n", [400])


def spaces():
    for name, line in SPACES.items():
        yield Item("request lines", name, line + FIELDS, [400])
    for count in (1, 2, 16):
        yield Item("empty lines before a request", f"{count}", "\r\n" * count + head(), [Seen()])
    yield Item("empty lines before a request", "17", "\r\n" * 17 + head(), [400])
    yield Item("empty lines before a request", "bare LF", "\n" + head(), [400])
    yield Item("empty lines before a request", "bare CR", "\r" + head(), [400])
    yield Item("empty lines before a request", "between requests", NEXT + "\r\n\r\n" + head(), [NEXT_SEEN, Seen()])


def items():
    yield from methods()
    yield from versions()
    yield from targets()
    yield from spaces()
