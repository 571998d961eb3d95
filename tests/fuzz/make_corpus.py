#!/usr/bin/env python3
"""Writes the seeds of tests/fuzz/corpus: per target a few small inputs that reach its main states, in the form that the
target's head comment describes. Findings that became regression tests lie beside them (finding-*) and are left alone."""

import struct
from pathlib import Path

CORPUS = Path(__file__).resolve().parent / "corpus"


def ws_frame(first, payload=b"", key=b"\x01\x02\x03\x04"):
    """A frame; key None: unmasked."""
    mask_bit = 0x80 if key else 0
    length = len(payload)
    if length < 126:
        head = struct.pack(">BB", first, mask_bit | length)
    elif length < 65536:
        head = struct.pack(">BBH", first, mask_bit | 126, length)
    else:
        head = struct.pack(">BBQ", first, mask_bit | 127, length)
    if key:
        payload = key + bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))
    return head + payload


def websocket_reader():
    client = lambda first, payload=b"": ws_frame(first, payload, None)
    limit = 7 << 2
    return {
        "messages": bytes([limit]) + ws_frame(0x82, b"one") + ws_frame(0x82) + ws_frame(0x82, b"x" * 130),
        "fragments": bytes([limit]) + ws_frame(0x02, b"a") + ws_frame(0x89, b"ping") + ws_frame(0x00, b"b")
        + ws_frame(0x80, b"c"),
        "text": bytes([limit | 2]) + ws_frame(0x01, b"caf\xc3") + ws_frame(0x80, b"\xa9") + ws_frame(0x81, b"\xff"),
        "text-refused": bytes([limit]) + ws_frame(0x81, b"hello"),
        "close": bytes([limit]) + ws_frame(0x8A, b"pong") + ws_frame(0x88, b"\x03\xe8bye"),
        "close-empty": bytes([limit]) + ws_frame(0x88),
        "close-bad-code": bytes([limit]) + ws_frame(0x88, b"\x03\xed"),
        "client": bytes([limit | 1]) + client(0x82, b"one") + client(0x89, b"p") + client(0x88, b"\x03\xe9"),
        "client-masked": bytes([limit | 1]) + ws_frame(0x82, b"one"),
        "too-big": bytes([2 << 2]) + ws_frame(0x82, b"x" * 126),
        "too-big-in-fragments": bytes([2 << 2]) + ws_frame(0x02, b"x" * 100) + ws_frame(0x80, b"x" * 26),
        "reserved": bytes([limit]) + ws_frame(0xC2, b"x"),
        "long-form": bytes([limit]) + b"\x82\xfe\x00\x01\x00\x00\x00\x00x",
    }


def frame(kind, stream, payload=b""):
    return struct.pack(">BII", kind, stream, len(payload)) + payload


def gateway_session():
    """Operations by their number in gateway_session_fuzz.c; a choice is 16 times itself."""
    bytes_ = lambda data: bytes([len(data)]) + data
    add = lambda kind, stream, payload=b"": bytes([0, kind, stream // 2]) + bytes_(payload)
    head = lambda choice, stream: bytes([1 + 16 * choice, stream // 2])
    data = lambda length, stream: bytes([2 + 16 * (length // 256), stream // 2])
    send, ask, visit, body, upgrade = b"\x03", b"\x0f", b"\x07", b"\x08", b"\x09"
    eof = lambda stream: add(0x13, stream)
    other = lambda kind, stream, payload=b"": bytes([4, kind, stream // 2]) + bytes_(payload)
    say = lambda text, visitor=0: bytes([10 + 16 * visitor]) + bytes_(text)
    pull = lambda text, visitor=1: bytes([11 + 16 * visitor]) + bytes_(text)
    return {
        "answered": visit + ask + head(0, 2) + data(512, 2) + eof(2) + send,
        "answered-in-pieces": body + ask + head(3, 2) + send + head(1, 2) + data(256, 2) + send + say(b"0\r\n\r\n") + eof(2) + send,
        "upgraded": upgrade + ask + head(4, 2) + data(256, 2) + send + say(b"more") + ask + eof(2) + send + b"\x0c",
        "refused-upgrade": upgrade + ask + head(5, 2) + eof(2) + send,
        "pulled": pull(b"hello") + ask + data(256, 2) + send + b"\x1c" + eof(2) + send,
        "reset": visit + ask + add(0x14, 2, b"\0\7why") + send,
        "reset-twice": visit + ask + head(0, 2) + send + add(0x14, 2, b"\0\7") + add(0x14, 2, b"\0\7") + send,
        "windows": visit + ask + add(0x15, 0, b"\0\1\0\0") + add(0x15, 2, b"\0\0\1\0") + add(0x15, 2, b"\x7f\xff\xff\xff") + send,
        "ping": add(0x20, 0, b"12345678") + add(0x21, 0, b"12345678") + send,
        "bind": add(0x03, 0, b'{"clientBindRef":1,"kind":"http","mode":"expose","containerPort":0}') + add(0x06, 0, b'{"bindId":2}') + send,
        "goaway": visit + ask + add(0x30, 0, b'{"code":0,"message":""}') + send,
        "pushed-together": visit * 3 + b"\x17\x27\x37" + ask + head(0, 2) + data(512, 2) + eof(2) + head(2, 4) + eof(4) + send,
        "on-both-sockets": visit + b"\x17" + ask + other(0x16, 2, b'{"status":200,"headers":[],"final":true}') + data(256, 2) + send
        + other(0x13, 2),
        "lost-secondary": visit + b"\x17" + ask + b"\x06" + bytes_(b"\x88\x80\0\0\0\0") + ask + head(1, 4) + eof(4) + send,
        "second-hello": add(0x01, 0, b'{"version":"hoody-tunnel.v1"}') + send,
        "data-before-head": visit + ask + data(256, 2) + send,
        "unasked-streams": head(0, 8) + data(256, 8) + eof(8) + add(0x14, 10, b"\0\1") + send,
        "text": b"\x05" + bytes_(b"\x81\x80\0\0\0\0"),
        "visitor-leaves": visit + ask + head(1, 2) + data(256, 2) + send + b"\x0d" + data(256, 2) + send,
        "closed-binding": visit + pull(b"x") + ask + b"\x0e" + b"\x1e" + head(1, 2) + send,
        "smuggler": say(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
    }


def tunnel_message():
    driver, kit = b"\x00", b"\x01"
    return {
        "hello": driver + frame(0x01, 0, b'{"version":"hoody-tunnel.v1"}'),
        "stream": driver + frame(0x16, 2, b"{}") + frame(0x12, 2, b"body") + frame(0x13, 2) + frame(0x15, 0, b"\0\0\1\0"),
        "open": kit + frame(0x10, 2, b"{}") + frame(0x13, 2) + frame(0x20, 0, b"12345678"),
        "reset": driver + frame(0x14, 2, b"\0\x07caf\xc3\xa9") + frame(0x14, 4, b"\0\1" + b"x" * 300),
        "ignored": driver + frame(0x55, 9, b"???") + frame(0x21, 0, b"12345678"),
        "unknown": driver + frame(0x99, 0),
        "wrong-side": driver + frame(0x10, 2, b"{}"),
        "wrong-scope": driver + frame(0x12, 0, b"x"),
        "wrong-size": driver + frame(0x20, 0, b"1"),
        "cut": driver + frame(0x12, 2, b"body")[:-1],
        "too-many": driver + frame(0x13, 2) * 65,
        "too-long": driver + struct.pack(">BII", 0x12, 2, 65537),
        "empty": driver,
    }


REQUESTS = {
    "get": b"GET /a?b=c HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\n\r\n",
    "pipelined": b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nHEAD /b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhelloGET",
    "chunked": b"POST / HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: x\r\n\r\n",
    "expect": b"PUT /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
    "upgrade": b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\nraw",
    "absolute": b"GET http://u@b.test:8080/x?y HTTP/1.1\r\nHost: a\r\n\r\n",
    "options": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "options-absolute": b"OPTIONS http://b.test HTTP/1.1\r\nHost: a\r\n\r\n",
    "hop-by-hop": b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close, X-A, host\r\nX-A: 1\r\nTE: trailers\r\n"
    b"Keep-Alive: 5\r\nX-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Host: h\r\nX-B: caf\xe9\r\nX-C: caf\xc3\xa9\r\n\r\n",
    "get-with-body": b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhiGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "get-chunked": b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    "head-length": b"HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
    "smuggling": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "connect": b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    "asterisk": b"GET * HTTP/1.1\r\nHost: a\r\n\r\n",
    "no-authority": b"GET http://u@:80/x HTTP/1.1\r\nHost: a\r\n\r\n",
    "blanks": b"POST / HTTP/1.1\r\nHost:\ta\t\r\nContent-Length:\t02 \t\r\ncontent-length:2\t\r\n\r\nhi"
    b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tCHUNKED\t \r\n\r\n2\r\nhi\r\n0\r\n\r\n",
}


def http_requests():
    seeds = dict(REQUESTS)
    seeds["tunnel"] = (
        b"GET /api/v1/tunnel/connect?x HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Sec-WebSocket-Protocol: other, hoody-tunnel.v2\r\nAuthorization: Bearer token\r\n\r\n"
    )
    return seeds


def http_answers():
    return {
        "length": b"\x02HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 204 No Content\r\n\r\n",
        "chunked": b"\x02HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        "until-close": b"\x02HTTP/1.0 200\r\nX: caf\xe9\r\n\r\nbytes",
        "interim": b"\x02HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        "switch": b"\x02HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nraw",
        "head": b"\x03HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 304 Not Modified\r\n\r\n",
        "cut": b"\x02HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi",
        "hop-by-hop": b"\x00HTTP/1.1 200 OK\r\nConnection: x-a, close\r\nX-A: 1\r\nContent-Length: 0\r\n\r\n",
        "folded": b"\x00HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
    }


def answer_path():
    """The same, to each kind of visitor, and with each end."""
    seeds = {}
    for number, (name, seed) in enumerate(http_answers().items()):
        seeds[name] = seed
        seeds[f"{name}-{number % 16:x}"] = bytes([number % 16]) + seed[1:]
    seeds["trailers"] = b"\x00HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\nA: b\r\nSet-Cookie: c\r\n\r\n"
    seeds["lengths"] = b"\x04HTTP/1.1 200 OK\r\nContent-Length: 2\r\ncontent-length: 02\r\nX: \xe9\r\n\r\nhi and more"
    return seeds


def http_chunks():
    return {
        "two": b"\x005\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
        "extensions": b"\x015;a=b; c\r\nhello\r\n0;d\r\nTrailer: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
        "hexadecimal": b"\x00000A\r\n0123456789\r\n0\r\n\r\n",
        "too-large": b"\x00ffffffffffffffff\r\n",
        "bare-lf": b"\x005\nhello\r\n",
        "bad-end": b"\x005\r\nhelloX",
        "folded-trailer": b"\x000\r\nA: b\r\n c\r\n\r\n",
        "cut": b"\x00a\r\nhel",
    }


def counted(text):
    """A string of the input, as the targets' tables of names and values let through: a byte beyond them, a length."""
    return b"\xfe" + bytes([len(text)]) + text


def fields(*pairs):
    return bytes([len(pairs)]) + b"".join(counted(name) + counted(value) for name, value in pairs)


def answer_head(status_pick, *pairs, final=True):
    return bytes([0, 0 if final else 1, status_pick]) + fields(*pairs)


def answer_body(text):
    return bytes([1, len(text)]) + text


def http_answer():
    end, ok = b"\x02", 4  # places in the table of statuses: 0: 100, 1: 101, 2: 103, 4: 200, 5: 204, 7: 304
    return {
        "length": b"\x00" + answer_head(ok, (b"content-length", b"2"), (b"X-A", b"1")) + answer_body(b"hi") + end,
        "chunked": b"\x00" + answer_head(ok) + answer_body(b"one") + answer_body(b"two") + end + b"\x00" + answer_head(5) + end,
        "old-visitor": b"\x04" + answer_head(ok) + answer_body(b"until close") + end,
        "too-long": b"\x00" + answer_head(ok, (b"content-length", b"2")) + answer_body(b"hi HTTP/1.1 200 OK\r\n\r\n") + end,
        "too-short": b"\x00" + answer_head(ok, (b"content-length", b"5")) + answer_body(b"hi") + end,
        "no-content": b"\x00" + answer_head(5, (b"content-length", b"5")) + answer_body(b"hello") + end,
        "control-byte": b"\x00" + answer_head(ok, (b"a", b"b\x01")) + end,
        "head": b"\x01" + answer_head(ok, (b"content-length", b"5")) + answer_body(b"hello") + end,
        "interim": b"\x00" + answer_head(2, (b"link", b"</a>"), final=False) + answer_head(7) + answer_body(b"no") + end,
        "switch": b"\x02" + answer_head(1, (b"connection", b"upgrade"), (b"upgrade", b"websocket")) + answer_body(b"raw"),
        "refused-upgrade": b"\x02" + answer_head(ok) + answer_body(b"no") + end,
        "injected": b"\x00" + answer_head(ok, (b"a\r\nb", b"c"), (b"d", b"e\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), (b"", b"f")) + end,
        "framing": b"\x00"
        + answer_head(ok, (b"transfer-encoding", b"chunked"), (b"Content-Length", b"05"), (b"connection", b"x, content-length"))
        + answer_body(b"01234") + end,
        "lengths-differ": b"\x00" + answer_head(ok, (b"content-length", b"1"), (b"Content-Length", b"2")) + end,
        "body-first": b"\x00" + answer_body(b"early") + end + answer_head(ok) + end,
    }


def http_forward():
    return {name: bytes([number % 4]) + request for number, (name, request) in enumerate(REQUESTS.items())}


def http_forward_write():
    request = lambda flags, method, target, host, *pairs: (
        bytes([flags]) + counted(method) + counted(target) + counted(host) + fields(*pairs)
    )
    return {
        "get": request(0, b"GET", b"/", b"localhost:3000", (b"host", b"a.test"), (b"accept", b"*/*")),
        "length": request(0, b"POST", b"/", b"h", (b"content-length", b"5"), (b"content-length", b"05")),
        "chunked": request(0, b"POST", b"/", b"h", (b"transfer-encoding", b"chunked")),
        "upgrade": request(1, b"GET", b"/ws", b"h", (b"connection", b"Upgrade"), (b"upgrade", b"websocket")),
        "upgrade-with-body": request(1, b"GET", b"/ws", b"h", (b"content-length", b"1")),
        "lengths-differ": request(0, b"POST", b"/", b"h", (b"content-length", b"1"), (b"content-length", b"2")),
        "both": request(0, b"POST", b"/", b"h", (b"content-length", b"5"), (b"transfer-encoding", b"chunked")),
        "injected-target": request(0, b"GET", b"/ HTTP/1.1\r\nX: y", b"h"),
        "injected-value": request(0, b"GET", b"/", b"h", (b"a", b"b\r\n\r\nGET / HTTP/1.1")),
        "injected-host": request(0, b"GET", b"/", b"h\r\nX: y"),
        "connect": request(0, b"Connect", b"a:1", b"h"),
    }


SESSION = b'"S-01234567-89ab-4cde-8f01-23456789abcd"'


def payloads():
    tickets = b'"joinTickets":[{"index":1,"nonce":"abc","expiresMs":30000}]'
    bind = b'{"clientBindRef":-1,"kind":"http","mode":"expose","containerPort":8080,"label":"w\\u00e9b","takeover":true}'
    inputs = [  # in the order of the target's table
        ("hello", b'{"version":"hoody-tunnel.v2","capabilities":["multi-ws","shard-map"],"maxConnections":4,"resume":'
         b'{"sessionId":' + SESSION + b'},"auth":{"kind":"bearer","token":"t"},"client":{"name":"n","version":"1"}}'),
        ("hello-ok", b'{"sessionId":' + SESSION + b',"resumed":true,"resumedBinds":[{"bindId":1,"kind":"tcp","mode":"pull",'
         b'"containerPort":5432}],"streamWindow":65536,"sessionWindow":65536,"maxStreams":1,"connectionsGranted":2,' + tickets + b"}"),
        ("join", b'{"sessionId":' + SESSION + b',"index":1,"nonce":"abc"}'),
        ("join-ok", b'{"index":1}'),
        ("join-err", b'{"code":"BAD_TICKET","message":"no"}'),
        ("shard-map", b'{"shards":[{"index":0,"attached":true},{"index":1,"attached":false}]}'),
        ("reissue", b"{" + tickets + b"}"),
        ("bind", bind),
        ("bind-ok", b'{"clientBindRef":1,"bindId":7,"containerPort":8080,"publicUrl":null}'),
        ("bind-err", b'{"clientBindRef":1,"code":"PORT_IN_USE","message":"taken"}'),
        ("unbind", b'{"bindId":7}'),
        ("unbind-err", b'{"bindId":7,"code":"NOT_OWNED","message":""}'),
        ("goaway", b'{"code":1,"message":"bye","lastStreamId":0,"retryAfterMs":5}'),
        ("bind-revoked", b'{"bindId":7,"reason":"takeover"}'),
        ("stream-open", b'{"kind":"http","method":"GET","target":"/","headers":[["host","a"]],"isUpgrade":false,"bindId":1,'
         b'"containerPort":80,"peerAddr":"1.2.3.4:5"}'),
        ("response-head", b'{"status":200,"headers":[["A","b\\u0000"],["c","\\ud83d\\ude00"]],"final":true}'),
    ]
    seeds = {name: bytes([number]) + json for number, (name, json) in enumerate(inputs)}
    seeds["duplicate-key"] = b'\x03{"index":1,"index":2}'
    seeds["amended"] = b'\x03{"index":1,"x":1e999,"y":"\\ud800","\\u0000":[-0,{"z":null}]}'
    seeds["raw-nul"] = b'\x03{"index":1\x00}'
    seeds["other-bind"] = b'\x07{"clientBindRef":1,"kind":"udp","containerPort":"80","host":""}'
    return seeds


def stream_payloads():
    return {
        "http": b"\x00\x06" + b"\0\0\0\1\0\x50" + b"\x091.2.3.4:5" + b"\x03GET" + b"\x02/\"" + fields((b"host", b"a\x01\\")),
        "tcp": b"\x00\x01" + b"\x7f\xff\xff\xff\xff\xff",
        "head": b"\x01\x01\x00\xc8" + fields((b"Set-Cookie", b"caf\xc3\xa9"), (b"x", b"\xff\x7f")),
        "decode": b'\x02{"status":204,"headers":[["a","b"],["c\\u0000","d"]],"final":null,"more":{}}',
        "decode-interim": b'\x02{"status":103,"final":false}',
        "decode-bad-pair": b'\x02{"status":200,"headers":[["a"]]}',
        "decode-no-status": b'\x02{"status":200.0}',
    }


def stream_head_pull():
    http = (b'{"kind":"http","method":"GET","target":"/a?b","headers":[["host","a.test"],["x","\\"q\\\\\\/\\b\\f\\n\\r\\t"]],'
            b'"isUpgrade":false,"bindId":1,"containerPort":8080,"peerAddr":"127.0.0.1:1"}')
    return {
        "head": b'{"status":200,"headers":[["Content-Type","text/html"],["ETag","\\"x\\""]],"final":true}',
        "head-spaced": b' { "final" : false ,\t"headers" : [ ] ,\r\n"status" : 103 } ',
        "head-utf8": b'{"status":404,"headers":[["x","caf\xc3\xa9 \xf0\x9f\x8c\x8d"]]}',
        "head-not-utf8": b'{"status":404,"headers":[["x","caf\xe9"],["y","\xed\xa0\x80"]]}',
        "head-duplicate": b'{"status":200,"status":201}',
        "head-duplicate-escaped": b'{"status":200,"st\\u0061tus":201}',
        "head-unknown": b'{"status":200,"more":{"a":[1.5e3,null,"\\u0000"]}}',
        "head-null": b'{"status":200,"headers":null,"final":null}',
        "head-numbers": b'{"status":200.0}',
        "head-zero": b'{"status":0200}',
        "head-long": b'{"status":200000000000000000000}',
        "head-interim": b'{"status":101,"final":false}',
        "head-nul": b'{"status":200\0}',
        "head-bad-pair": b'{"status":200,"headers":[["a","b","c"],["a"],[]]}',
        "head-cut": b'{"status":200,"headers":[["a","b\\',
        "http": http,
        "http-no-target": http.replace(b'"target":"/a?b",', b''),
        "http-null-peer": http.replace(b'"127.0.0.1:1"', b'null'),
        "http-behind": http + b"x",
        "tcp": b'{"kind":"tcp","bindId":2147483647,"containerPort":0,"peerAddr":"[::1]:65535"}',
        "tcp-with-method": b'{"kind":"tcp","bindId":7,"method":5}',
        "tcp-big": b'{"kind":"tcp","bindId":2147483648}',
    }


def message_unpack():
    seeds = {f"message-{number}": bytes([number]) + bytes(range(1, 120)) for number in range(0, 60, 7)}
    seeds["spoiled"] = bytes([3]) + b"\x00" * 60 + b"\x00\x00\x0f\x00\x01\xff\x00\x02\x80"
    seeds["raw-empty"] = b"\xff"
    seeds["raw-array"] = b"\xff\x91\x01"
    seeds["raw-huge-map"] = b"\xff\x92\x01\xdf\xff\xff\xff\xff"
    seeds["raw-huge-string"] = b"\xff\x93\x01\x00\xdb\xff\xff\xff\xff"
    return seeds


def browser_guard():
    return {
        "longer-name": b"a.example\na.example.com",
        "named": b"app.example.com:7080\nother.test\nAPP.example.com",
        "suffix": b"a.b.example.com.\n*.example.com",
        "suffix-itself": b"example.com\n*.example.com",
        "address": b"127.0.0.1:80",
        "address6": b"[::ffff:127.0.0.1]:80",
        "label": b"localhost:7080",
        "origin": b"https://app.example.com\nhttps://app.example.com",
        "null": b"null\nnull",
        "empty": b"\n*.\n",
    }


def cidr():
    address = lambda family, *bytes_: bytes([family, 0, 80]) + bytes(bytes_).ljust(16, b"\0")
    return {
        "ip4": address(0, 10, 1, 2, 3) + b"10.0.0.0/8",
        "loopback": address(0, 127, 0, 0, 1) + b"127.0.0.1",
        "mapped": address(1, *range(12), 192, 0, 2, 1) + b"192.0.2.0/24",
        "ip6": address(2, 0xFD, 1) + b"fd00::/8",
        "loopback6": address(2, *[0] * 15, 1) + b"::1/128",
        "unix": address(3) + b"0.0.0.0/0",
        "bits-beyond": address(0, 10) + b"10.0.0.1/8",
        "odd": address(2, 0x20, 1, 0x0D, 0xB8) + b"2001:db8::/33",
        "odd-bit": address(2, 0x20, 1, 0x0D, 0xB8, 0x40) + b"2001:db8::/33",
        "all": address(2, 1) + b"::/0",
        "none": address(0, 1) + b"10.0.0.0/33",
    }


def daemon_options():
    return {
        "many": b"--listen\n127.0.0.1:7080\n--trusted-source=10.0.0.0/8\n--takeover-grace\n0\n--max-sessions=5\n"
        b"HOODY_TUNNEL_HELLO_TIMEOUT=1500ms\nHOODY_TUNNEL_ADMIN_HOST=a.test, *.b.test\n--buffer-budget\n1GiB",
        "bool": b"--allow-privileged-expose\nHOODY_TUNNEL_NO_FORWARDED_HEADERS=1",
        "windows": b"--stream-window\n128KiB\n--session-window=65537",
        "pattern": b"--public-url-pattern\nhttps://{port}.a.test/{label}",
        "no-port": b"--public-url-pattern=https://a.test",
        "choice": b"--log-level=debug\n--log-format\nyaml",
        "address6": b"--listen=[::1]:7080\n--expose-address=::",
        "slip": b"--max-sesions=5",
        "help": b"--bogus\n--help",
        "missing": b"--listen",
        "range": b"HOODY_TUNNEL_PING_INTERVAL=99999999999999999999h",
    }


def driver_options():
    return {
        "expose": b"ws://e:1\nexpose\n3000\n--port=8080\n--takeover\n--label\nweb\n--host-header=preserve",
        "end-of-flags": b"\nexpose\n--\n3000",
        "help": b"\nexpose\n--help",
        "version": b"\n--version",
        "none": b"",
        "unknown": b"\nexpsoe",
        "bad-port": b"\nexpose\n1\n--port\n65536",
        "too-many": b"\nexpose\n1\n2",
    }


def driver_config():
    web = "tunnels:\n- {name: web, expose: 3000}\n"
    texts = {
        "all": "url: wss://h:1\nconnections: 4\nwait: true\nping_interval: 5s\nproxy: http://p:1\ntoken_file: t\n"
        "tunnels:\n- name: web\n  expose: app:3000\n  port: 8080\n  label: 'x'\n  takeover: true\n  host_header: preserve\n"
        "- name: db\n  pull: \"[::1]:5432\"\n  host: ::1\n  connect_timeout: 2s\n",
        "flow": "{url: ws://h, tunnels: [{name: web, expose: 3000}, {name: db, pull: 5432}]}",
        "aliases": "tunnels:\n- &a {name: a, expose: &p 3000, port: *p}\n- *a\n",
        "blocks": "tunnels:\n- name: >-\n    web\n  expose: |\n    3000\n",
        "unknown": "urll: x\n" + web,
        "unknown-of-tunnel": "tunnels:\n- name: a\n  exposed: 1\n",
        "twice": "url: ws://a\nurl: ws://b\n",
        "shape": "tunnels: {web: 3000}\n",
        "no-yaml": "url: a: b\n",
        "nul": 'url: "a\\0b"\n',
        "documents": web + "---\n" + web,
        "empty": "",
        "null": "url:\n" + web,
        "nested": "url: [[[[{a: [b]}]]]]\n",
        "merge": "tunnels:\n- <<: {name: a}\n",
    }
    return {name: text.encode() for name, text in texts.items()} | {"utf-16": ("\ufeff" + web).encode("utf-16-le")}


def driver_target():
    return {
        "port": b"3000",
        "colon": b":3000",
        "host": b"localhost:3000",
        "address6": b"[::1]:3000",
        "url": b"ws://127.0.0.1:7080",
        "url-tls": b"wss://a.test/path?query",
        "url-address6": b"ws://[::1]/",
        "bad": b"http://a.test",
        "query-only": b"wss://a.test?x",
    }


def driver_handshake():
    answer = lambda *lines: b"ws://a.test/x\n" + b"\r\n".join(lines) + b"\r\n\r\n"
    accept = b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    switch, connection, upgrade = b"HTTP/1.1 101 Switching Protocols", b"Connection: Upgrade", b"Upgrade: websocket"
    protocol = b"Sec-WebSocket-Protocol: hoody-tunnel.v1"
    return {
        "accepted": answer(switch, connection, upgrade, accept, protocol),
        "other-key": answer(switch, connection, upgrade, b"Sec-WebSocket-Accept: x", protocol),
        "extension": answer(switch, connection, upgrade, accept, protocol, b"Sec-WebSocket-Extensions: x"),
        "other-protocol": answer(switch, connection, upgrade, accept, b"Sec-WebSocket-Protocol: hoody-tunnel.v2"),
        "refused": answer(b"HTTP/1.1 403 Forbidden and a long reason" + b"!" * 60, b"Content-Length: 0"),
        "address6": b"wss://[::1]:443/a?b=c\n",
        "no-path": b"ws://localhost:7080\n",
    }


def api_route():
    return {
        "health": b"GET\n/api/v1/tunnel/health",
        "delete": b"DELETE\n/api/v1/tunnel/sessions/S-1?x=y&grace_ms=5000",
        "grace-twice": b"DELETE\n/api/v1/tunnel/sessions/S-1?grace_ms=1&grace_ms=2",
        "absolute": b"HEAD\nhttp://a.test:80/api/v1/tunnel/metrics?x",
        "options": b"OPTIONS\n/api/v1/tunnel/sessions",
        "wrong-method": b"POST\n/api/v1/tunnel/tunnels",
        "unknown": b"GET\n/api/v1/tunnel/%73essions",
        "empty-id": b"DELETE\n/api/v1/tunnel/sessions/",
        "asterisk": b"OPTIONS\n*",
    }


def public_url():
    return {
        "all": b"https://{port}-{bindId}.a.test/{label}\nmy label/\xc3\xa9?",
        "braces": b"{port}{{label}{\n{port}",
        "unset": b"\nlabel",
        "long": b"{port}" + b"{label}" * 40 + b"\n" + b"\xff" * 100,
    }


def inspect():
    return {
        "cookie": b"GET\n/api/requests/12/request-body?x\n127.0.0.1:4040\nhttp://127.0.0.1:4040\ncookie\nsid=1; theme=dark; lone",
        "replay": b"POST\n/api/requests/7/replay\nlocalhost:4040\nhttp://localhost:4040\nauthorization\nBearer abc",
        "set-cookie": b"GET\n/page.js\nevil.test:4040\nhttp://evil.test\nset-cookie\nsid=1; Path=/",
        "location": b"DELETE\n/api/clear\nLOCALHOST:4040\nnull\nlocation\n/cb?a=1&token=t&acc%65ss_token=u#code=3;sig=4?x",
        "empty": b"HEAD\n/\n\n\nx-api-key\n",
    }


def metrics_text():
    return {
        "counters": b'# HELP a_total What\n# TYPE a_total counter\na_total{way="in",mode="x"} 12\na_total{way="out"} 0.5 1700000000\n',
        "histogram": b'b_bucket{le="0.1"} 1\nb_bucket{le="+Inf"} 3\nb_sum 1e-3\nb_count 3\nnone NaN',
        "escapes": b'a{b="x\\"y\\\\z\\nw, }={",c=""} 1\n',
        "broken": b'a{b} 1\na{b="x"c} 1\na\n{b="c"} 1\n',
        "ours": b'hoody_tunnel_stream_bytes_total{direction="to_visitor",mode="expose"} 7\nprocess_start_time_seconds 1e9\n',
    }


TARGETS = [
    websocket_reader, tunnel_message, http_requests, http_answers, http_chunks, http_answer, answer_path,
    http_forward,
    http_forward_write, payloads, stream_payloads, stream_head_pull, message_unpack, browser_guard, cidr, daemon_options, driver_options,
    driver_config, driver_target, driver_handshake, api_route, public_url, gateway_session, inspect, metrics_text,
]


def main():
    for target in TARGETS:
        folder = CORPUS / target.__name__
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            if not old.name.startswith("finding-"):
                old.unlink()
        for name, seed in target().items():
            (folder / name).write_bytes(seed)


if __name__ == "__main__":
    main()
