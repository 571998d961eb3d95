"""Why hoody-tunnel judges otherwise: for a pattern of items, in the order in which they are tried. STRICTER: another passes more of
the item's requests; LAXER: another passes fewer."""

STRICTER, LAXER = "stricter", "laxer"

FOLDING = "a folded line is read as one line, as two, or not at all, depending on who reads; RFC 9112 5.2 lets a proxy refuse it"
BARE = "who takes a bare CR or LF for the end of a line, or for nothing, sees other lines than who doesn't"
TWO_FRAMINGS = "a length beside a coding is how requests are smuggled (RFC 9112 6.1: a server may refuse it)"
CONTROLS = "control bytes mean nothing in a head, and what stands behind may end a line or a string there"
NO_URI_BYTE = "such a byte belongs into no request line; what it is taken for depends on who reads"
VERSION = "HTTP/1.0 and 1.1 are what is spoken here"
BLANKS = "lenient about white space in a request line, which RFC 9112 3 allows, is lenient about where its parts end"
CODING = "exactly `chunked` is served, so that every service sees the coding that was seen here (RFC 9112 6.1: 501 for others)"
CHUNK_SIZE = "a chunk size line is 1*HEXDIG and maybe an extension (RFC 9112 7.1); what else there is, others read as another size"
CHUNK_END = "what follows a chunk's data is CRLF and nothing else: who takes a bare LF may read a chunk one byte longer"
CHUNK_LINE = "an extension has a limit, as every length that a visitor controls"
TRAILER = "trailers obey the rules of fields; who reads them otherwise sees the body end elsewhere"
HOST = "these bytes are no host's (RFC 3986 3.2.2), and what a service makes of them names another one or a path"
NEEDS_HOST = "RFC 9112 3.2: a request of HTTP/1.1 without Host must be refused"
LIMIT = "the limits of protocol section 6: 32 KiB, 100 fields, 16 KiB of target"
TOKEN = "RFC 9110 5.1: a name is a token, and whoever forwards another must not change what it means"
FORM = "RFC 9112 3.2: a target is a path, a URL with a host, or the asterisk of OPTIONS"
METHODS = "methods that llhttp does not know are not passed on: the service's parser may be just that one"
URI = "what a path means is the service's affair: its bytes are passed on unchanged"
TRAILERS_DROPPED = "trailers are dropped, whatever they say, so they cannot harm"

REASONS = (
    (STRICTER, "unknown methods: *", METHODS),
    (STRICTER, "CONNECT: *", "CONNECT is not served: what follows would be no HTTP, on a connection that is used again"),
    (STRICTER, "versions: *", VERSION),
    (STRICTER, "targets that are none: a.test", FORM),
    (STRICTER, "targets that are none: *", NO_URI_BYTE),
    (STRICTER, "targets in a*-form: without Host on 1.1", NEEDS_HOST),
    (STRICTER, "targets in a*-form: *", FORM),
    (STRICTER, "request lines: *LF*", BARE),
    (STRICTER, "request lines: *", BLANKS),
    (STRICTER, "empty lines before a request: 17", "empty lines have a limit, as everything that a visitor controls"),
    (STRICTER, "empty lines before a request: *", BARE),
    (STRICTER, "names with a byte that is no token's: *", TOKEN),
    (STRICTER, "control bytes in a value: *", CONTROLS),
    (STRICTER, "folded lines: *", FOLDING),
    (STRICTER, "field lines: no *", "a field is a name that is a token, and a colon; what stands on other lines is nobody's to guess"),
    (STRICTER, "field lines: a space before the colon", TOKEN),
    (STRICTER, "field lines: *", BARE),
    (STRICTER, "ends of a head: *", BARE),
    (STRICTER, "a stray \\[nr]: *", BARE),
    (STRICTER, "a stray *", CONTROLS),
    (STRICTER, "Host that is none: *", HOST),
    (STRICTER, "how many Hosts: none on 1.1", NEEDS_HOST),
    (STRICTER, "how many Hosts: *, folded", FOLDING),
    (STRICTER, "how many Hosts: *", "RFC 9112 3.2: more than one Host must be refused, equal or not"),
    (STRICTER, "limits: *", LIMIT),
    (STRICTER, "lengths that are none*: 5\\r", BARE),
    (STRICTER, "lengths that are none*: *", "RFC 9110 8.6: a length is 1*DIGIT, and one that overflows is read as another number"),
    (STRICTER, "two lengths: *", "a list of lengths, even of equal ones, is one length to some and none to others"),
    (STRICTER, "lengths that are hidden: folded*", FOLDING),
    (STRICTER, "lengths that are hidden: behind a bare *", BARE),
    (STRICTER, "codings beside a length: *", TWO_FRAMINGS),
    (STRICTER, "codings on 1.0: *", "RFC 9112 6.1: such framing is faulty: who speaks only 1.0 knows no chunks"),
    (STRICTER, "*coding*: Transfer-Encoding: chunked\\r\\nTransfer-Encoding:", CODING),
    (STRICTER, "*coding*:*\\r\\n[ \\]*", FOLDING),
    (STRICTER, "*coding*: [ \\][Tt]*", FOLDING),
    (STRICTER, "*coding*:*\\[nr]*", BARE),
    (STRICTER, "*coding*: Transfer-Encoding: chunked,", CODING),
    (STRICTER, "*coding*:*\\x*", CONTROLS),
    (STRICTER, "chunks that are none: *;aaaaa*", CHUNK_LINE),
    (STRICTER, "chunks that are none: 00000*", CHUNK_LINE),
    (STRICTER, "chunks that are none: *X: aaaaa*", LIMIT),
    (STRICTER, "chunks that are none: *0\\r\\n*X*", TRAILER),
    (STRICTER, "chunks that are none: 0\\r\\n: y*", TRAILER),
    (STRICTER, "chunks that are none: 5\\n*", BARE),
    (STRICTER, "chunks that are none: 5;a\\n*", BARE),
    (STRICTER, "chunks that are none: [56]\\r\\nhello*", CHUNK_END),
    (STRICTER, "chunks that are none: 0*\\n\\r\\n", BARE),
    (STRICTER, "chunks that are none: 0*\\n\\n", BARE),
    (STRICTER, "chunks that are none: *", CHUNK_SIZE),
    (STRICTER, "pipelines: *a broken one*", NEEDS_HOST),
    (STRICTER, "Expect: folded", FOLDING),
    (STRICTER, "Upgrade: *", "an upgrade's connection is used for nothing else"),
    (LAXER, "*TRACE*", "TRACE is a method as others: nginx refuses it to hide what it adds, here the service decides"),
    (LAXER, "targets in origin-form: *", URI),
    (LAXER, "targets in absolute-form: *userinfo*", FORM),
    (LAXER, "targets in absolute-form: *", "RFC 9112 3.2.2: the URL's host takes the place of Host, whatever that says"),
    (LAXER, "targets in asterisk-form: OPTIONS *", "RFC 9110 9.3.7: OPTIONS may ask about the server as a whole"),
    (LAXER, "names: of 8000 bytes", "a name is as long as the limit of the head lets it be"),
    (LAXER, "Host*: *", "a Host may be empty, and what its bytes mean is judged by the service"),
    (LAXER, "lengths: 000*", "RFC 9110 8.6: zeros before a length change nothing; the service gets it without them"),
    (LAXER, "lengths: \\t5\\t", "RFC 9110 5.5: white space around a value is no part of it"),
    (LAXER, "codings: *\\t*", "RFC 9110 5.5: white space around a value is no part of it"),
    (LAXER, "two lengths: equal*", "RFC 9110 8.6: equal lengths may be made one, which is what the service gets"),
    (LAXER, "chunks: 0\\r\\n*", TRAILERS_DROPPED),
    (LAXER, "Expect: two", "100-continue is answered here and never passed on"),
    (LAXER, "Upgrade: *", "an upgrade is judged by the service, not by the proxy"),
)
