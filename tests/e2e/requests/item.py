"""One item of the corpus: what a visitor sends on a connection of its own, and what the protocol says must come of it."""

MARK = "%ID"  # each item's own token stands here, so that whatever reaches the origin says whose it is


class Seen:
    """A request that must reach the origin, and be answered by it."""

    def __init__(self, method="POST", target="/" + MARK, body="", has=None, lacks=()):
        self.method, self.target, self.body = method, target, body
        self.has, self.lacks = has or {}, lacks

    def marked(self, mark):
        has = {name: value.replace(MARK, mark) for name, value in self.has.items()}
        return Seen(self.method, self.target.replace(MARK, mark), self.body.replace(MARK, mark), has, self.lacks)


class Item:
    """`expected`: in order, a Seen for each request that is forwarded whole and a status for each answer of the kit's own; after
    one of 400 and above the connection is closed. `begins`: the head that is refused last was good, so a part of its request
    may have gone out; otherwise not one byte of it may."""

    def __init__(self, group, name, text, expected, begins=False):
        self.group, self.name, self.text, self.expected, self.begins = group, name, text, expected, begins
        self.mark = None

    def settle(self, number):
        self.mark = f"i{number:04d}"
        self.raw = self.text.replace(MARK, self.mark).encode("latin-1")
        self.expected = [e.marked(self.mark) if isinstance(e, Seen) else e for e in self.expected]

    def __str__(self):
        return f"{self.group}: {self.name}"


def head(*fields, line=f"POST /{MARK} HTTP/1.1", host="Host: a.test\r\n"):
    """A head's text; each field without its CRLF."""
    return line + "\r\n" + host + "".join(field + "\r\n" for field in fields) + "\r\n"


NEXT = f"GET /{MARK}-next HTTP/1.1\r\nHost: a.test\r\n\r\n"  # behind a request, to see where that ends
NEXT_SEEN = Seen("GET", f"/{MARK}-next")


def show(text):
    """A short name for bytes."""
    shown = text.encode("unicode_escape").decode().replace("`", "'")
    return shown if len(shown) < 60 else shown[:50] + f"... ({len(text)} bytes)"
