"""The rules of RFC 6455 that concern whoever receives frames, as cases: what is sent, what must come back, how it must end.

Each case is (section, rule, name, script); a script gets a fresh Peer. The groups are those by which implementations are
commonly compared: framing, pings, reserved bits, opcodes, fragmentation, UTF-8, closing, limits."""

import os

from echo_peer import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Frame, close_payload

CASES = []
ENDS = {1002: "protocol error", 1007: "invalid data", 1009: "too big"}


def case(section, rule, name, script):
    CASES.append((section, rule, name, script))


# ---- how a case ends ----


def ends_well(peer, code=1000):
    """We close, the close frame comes back, then the end."""
    peer.send(Frame(CLOSE, close_payload(code)))
    assert peer.receive() == (CLOSE, close_payload(code), True)
    peer.expect_end()


def is_failed(peer, code=1002):
    """It closes, with that code and a reason, then the end."""
    opcode, payload, _ = peer.receive()
    assert opcode == CLOSE, (opcode, payload[:50])
    assert payload[:2] == close_payload(code), (payload, ENDS[code])
    payload[2:].decode("utf-8")
    peer.expect_end()


def echoes(*frames, opcode, payload, chop="whole"):
    def script(peer):
        peer.send(*frames, chop=chop)
        assert peer.receive_message() == (opcode, payload)
        ends_well(peer)

    return script


def fails(*frames, code=1002, chop="whole", before=()):
    """`before`: messages that are echoed first."""

    def script(peer):
        peer.send(*[Frame(TEXT, payload) for payload in before], *frames, chop=chop)
        for payload in before:
            assert peer.receive_message() == (TEXT, payload)
        is_failed(peer, code)

    return script


CHOPS = (("in one piece", "whole"), ("frame by frame", "frames"), ("byte by byte", 1))

# ---- framing ----

for kind, opcode, fill in (("text", TEXT, b"*"), ("binary", BINARY, b"\xfe")):
    for length in (0, 1, 124, 125, 126, 127, 128, 65535, 65536, 65537):
        whole = fill * length
        case("5.2", "payload length in 7, 16 or 64 bits", f"{kind} of {length} bytes", echoes(Frame(opcode, whole), opcode=opcode, payload=whole))
    case(
        "5.2", "payload length in 7, 16 or 64 bits", f"{kind} of 65536 bytes by 997", echoes(Frame(opcode, fill * 65536), opcode=opcode, payload=fill * 65536, chop=997)
    )
for form, length in ((16, 0), (16, 125), (64, 0), (64, 125), (64, 126), (64, 65535)):
    case("5.2", "the shortest form of a length must be used", f"{length} in {form} bits", fails(Frame(BINARY, b"x" * length, length_form=form)))
case("5.2", "the most significant bit of a 64 bit length is 0", "length 2^63", fails(Frame(BINARY, b"", length_form=64, claimed=1 << 63)))
case("5.1", "a client masks, a server does not", "a frame masked as it must not be", lambda peer: wrongly_masked(peer, Frame(BINARY, b"x")))
case("5.1", "a client masks, a server does not", "a control frame masked as it must not be", lambda peer: wrongly_masked(peer, Frame(PING, b"x")))
case("5.3", "every byte is masked with its byte of the key", "all byte values at all offsets", lambda peer: all_bytes(peer))
case("10.4", "a limit on the size of messages is enforced", "a frame beyond the limit", fails(Frame(BINARY, b"", length_form=64, claimed=1 << 40), code=1009))


def wrongly_masked(peer, frame):
    frame.masked = not peer.is_client
    peer.send(frame)
    is_failed(peer)


def all_bytes(peer):
    for shift in range(9):
        payload = b"-" * shift + bytes(range(256))
        peer.send(Frame(BINARY, payload))
        assert peer.receive_message() == (BINARY, payload)
    ends_well(peer)


# ---- pings and pongs ----


def pings(payloads, chop="whole"):
    def script(peer):
        peer.send(*[Frame(PING, payload) for payload in payloads], chop=chop)
        for payload in payloads:
            assert peer.receive() == (PONG, payload, True)
        ends_well(peer)

    return script


def pongs(*payloads):
    """Nobody asked for them: nothing comes back."""

    def script(peer):
        peer.send(*[Frame(PONG, payload) for payload in payloads])
        peer.send(Frame(PING, b"after"))
        assert peer.receive() == (PONG, b"after", True)
        ends_well(peer)

    return script


for name, payload in (("empty", b""), ("text", b"hello"), ("not UTF-8", b"\x00\xff\xfe\xfd"), ("of 125 bytes", b"\xfe" * 125)):
    case("5.5.2", "a ping is answered with its application data", f"a ping, {name}", pings([payload]))
case("5.5.2", "a ping is answered with its application data", "a ping byte by byte", pings([b"\xfe" * 125], chop=1))
case("5.5.2", "a ping is answered with its application data", "ten pings", pings([b"payload-%d" % i for i in range(10)]))
case("5.5.2", "a ping is answered with its application data", "ten pings byte by byte", pings([b"payload-%d" % i for i in range(10)], chop=1))
case("5.5.3", "an unsolicited pong is not answered", "a pong, empty", pongs(b""))
case("5.5.3", "an unsolicited pong is not answered", "two pongs", pongs(b"nobody", b"asked"))
for opcode, name in ((PING, "ping"), (PONG, "pong"), (CLOSE, "close")):
    case("5.5", "control frames have at most 125 bytes", f"a {name} of 126 bytes", fails(Frame(opcode, close_payload(1000) + b"r" * 124)))
    for chops, chop in CHOPS:
        case(
            "5.5", "control frames are not fragmented", f"a {name} in two, {chops}", fails(Frame(opcode, close_payload(1000), fin=False), Frame(CONTINUATION, b"b"), chop=chop)
        )

# ---- reserved bits and opcodes ----

for rsv in range(1, 8):
    for name, opcode in (("text", TEXT), ("binary", BINARY), ("ping", PING), ("pong", PONG), ("close", CLOSE)):
        payload = close_payload(1000) if opcode == CLOSE else b"payload"
        case("5.2", "reserved bits are 0 when no extension says otherwise", f"{name} with RSV {rsv}", fails(Frame(opcode, payload, rsv=rsv)))
    case("5.2", "reserved bits are 0 when no extension says otherwise", f"RSV {rsv} after a good message", fails(Frame(TEXT, b"x", rsv=rsv), before=[b"good"], chop=1))
for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
    case("5.2", "a reserved opcode fails the connection", f"opcode {opcode}, empty", fails(Frame(opcode)))
    case("5.2", "a reserved opcode fails the connection", f"opcode {opcode}, with payload", fails(Frame(opcode, b"payload")))
    case("5.2", "a reserved opcode fails the connection", f"opcode {opcode} after a good message", fails(Frame(opcode, b"x"), before=[b"good"], chop="frames"))

# ---- fragmentation ----

PARTS = (b"fragment1", b"fragment2")


def with_pings_between(parts, chop):
    frames = []
    for index, part in enumerate(parts):
        frames += [Frame(CONTINUATION if index else TEXT, part, fin=index == len(parts) - 1), Frame(PING, b"ping-%d" % index)]

    def script(peer):
        peer.send(*frames[:-1], chop=chop)
        for index in range(len(parts) - 1):
            assert peer.receive() == (PONG, b"ping-%d" % index, True), "a pong is not held up by the message around it"
        assert peer.receive_message() == (TEXT, b"".join(parts))
        ends_well(peer)

    return script


for chops, chop in CHOPS:
    case("5.4", "fragments make one message", f"text in two, {chops}", echoes(Frame(TEXT, PARTS[0], fin=False), Frame(CONTINUATION, PARTS[1]), opcode=TEXT, payload=b"".join(PARTS), chop=chop))
    case("5.4", "control frames may stand between fragments", f"text in two and a ping, {chops}", with_pings_between(PARTS, chop))
    case("5.4", "control frames may stand between fragments", f"text in five and pings, {chops}", with_pings_between([b"a", b"", b"bc", b"d", b""], chop))
    for fin in (True, False):
        case("5.4", "a continuation continues something", f"continuation first, FIN {int(fin)}, {chops}", fails(Frame(CONTINUATION, b"x", fin=fin), Frame(TEXT, b"hello"), chop=chop))
        case(
            "5.4",
            "a continuation continues something",
            f"continuation after a whole message, FIN {int(fin)}, {chops}",
            fails(Frame(CONTINUATION, b"x", fin=fin), before=[b"good"], chop=chop),
        )
    for opcode in (TEXT, BINARY):
        case("5.4", "messages do not interleave", f"a second start with opcode {opcode}, {chops}", fails(Frame(TEXT, PARTS[0], fin=False), Frame(opcode, PARTS[1]), chop=chop))
for length in (1, 2, 64, 1000):
    fragments = [Frame(BINARY if i == 0 else CONTINUATION, bytes([i % 256]), fin=i == length - 1) for i in range(length)]
    case("5.4", "fragments make one message", f"{length} fragments of a byte", echoes(*fragments, opcode=BINARY, payload=bytes(i % 256 for i in range(length))))
for opcode, name in ((TEXT, "text"), (BINARY, "binary")):
    case("5.4", "fragments may be empty", f"{name} of three empty ones", echoes(Frame(opcode, fin=False), Frame(CONTINUATION, fin=False), Frame(CONTINUATION), opcode=opcode, payload=b""))
    case(
        "5.4", "fragments may be empty", f"{name} in the middle of empty ones", echoes(Frame(opcode, fin=False), Frame(CONTINUATION, b"middle", fin=False), Frame(CONTINUATION), opcode=opcode, payload=b"middle")
    )

# ---- UTF-8 ----

VALID = (
    "Hello-µ@ßöäüàá-UTF-8!!", "κόσμε", "\x00", "\x7f", "\x80", "߿", "ࠀ", "퟿", "\ue000", "�", "￾", "￿", "\U00010000", "\U0001fffe",
    "\U0010ffff", "\U0001f600 and \U0001f1e9\U0001f1ea", "e\u0301\u0327",
)  # fmt: skip
INVALID = (
    b"\x80", b"\xbf", b"\x80\xbf\x80", b"\xc0\xaf", b"\xc1\xbf", b"\xe0\x80\xaf", b"\xe0\x9f\xbf", b"\xf0\x80\x80\xaf", b"\xf0\x8f\xbf\xbf",
    b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xed\xa0\x80\xed\xb0\x80", b"\xf4\x90\x80\x80",
    b"\xf5\x80\x80\x80", b"\xfe", b"\xff", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
)  # fmt: skip


def byte_by_byte(payload):
    return [Frame(TEXT if i == 0 else CONTINUATION, payload[i : i + 1], fin=i == len(payload) - 1) for i in range(len(payload))]


for text in VALID:
    encoded = text.encode()
    label = encoded.hex()
    case("8.1", "text is any UTF-8", f"{label}", echoes(Frame(TEXT, encoded), opcode=TEXT, payload=encoded))
    case("8.1", "text is any UTF-8", f"{label} in fragments of a byte", echoes(*byte_by_byte(encoded), opcode=TEXT, payload=encoded))
    case("8.1", "text is any UTF-8", f"{label} byte by byte", echoes(Frame(TEXT, encoded), opcode=TEXT, payload=encoded, chop=1))
for payload in INVALID:
    label = payload.hex()
    case("8.1", "text that is not UTF-8 fails the connection", f"{label}", fails(Frame(TEXT, payload), code=1007))
    case("8.1", "text that is not UTF-8 fails the connection", f"{label} in fragments of a byte", fails(*byte_by_byte(payload), code=1007))
    case("8.1", "text that is not UTF-8 fails the connection", f"{label} behind good text", fails(Frame(TEXT, b"good" + payload), code=1007, before=["κόσμε".encode()]))
    case("5.6", "binary is any bytes", f"{label}", echoes(Frame(BINARY, payload), opcode=BINARY, payload=payload))

# ---- closing ----


def closes(payload, *later):
    """The close frame is echoed, what comes later is not heard."""

    def script(peer):
        peer.send(Frame(CLOSE, payload), *later)
        opcode, echoed, _ = peer.receive()
        assert opcode == CLOSE and echoed == payload[:2], (opcode, echoed)
        peer.expect_end()

    return script


def message_then_close(size):
    def script(peer):
        payload = os.urandom(size)
        peer.send(Frame(BINARY, payload), Frame(CLOSE, close_payload(1000)), Frame(PING, b"late"))
        assert peer.receive_message() == (BINARY, payload)
        assert peer.receive() == (CLOSE, close_payload(1000), True)
        peer.expect_end()

    return script


for size in (0, 5, 262144):
    case("5.5.1", "what came before a close frame counts", f"a message of {size} bytes and a close", message_then_close(size))
case("5.5.1", "a close frame is answered with one", "no code", closes(b""))
for length in (0, 1, 60, 123):
    case("5.5.1", "a close frame is answered with one", f"a reason of {length} bytes", closes(close_payload(1000, b"r" * length)))
case("5.5.1", "a close frame is answered with one", "a reason of many characters", closes(close_payload(1000, "κόσμε".encode())))
case("5.5.1", "a code has two bytes", "one byte", fails(Frame(CLOSE, b"\x03")))
for name, later in (
    ("a second close", [Frame(CLOSE, close_payload(1000))]),
    ("a ping", [Frame(PING, b"late")]),
    ("text", [Frame(TEXT, b"late")]),
    ("a broken frame", [Frame(3, b"late")]),
):
    case("5.5.1", "nothing is heard after a close frame", name, closes(close_payload(1000), *later))
case(
    "5.5.1",
    "nothing is heard after a close frame",
    "the rest of a message",
    lambda peer: (peer.send(Frame(TEXT, b"part", fin=False)), closes(close_payload(1000), Frame(CONTINUATION, b"late"))(peer)),
)
for payload in INVALID:
    case("5.5.1", "a reason is UTF-8", payload.hex(), fails(Frame(CLOSE, close_payload(1000, payload)), code=1007))
for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999):
    case("7.4", "codes that may be sent are echoed", str(code), closes(close_payload(code)))
for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535):
    case("7.4", "codes that must not be sent fail the connection", str(code), fails(Frame(CLOSE, close_payload(code))))

# ---- size and number ----

for size in (1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24):
    for opcode, name in ((TEXT, "text"), (BINARY, "binary")):
        case("5.2", "long messages pass", f"{name} of {size} bytes", echoes(Frame(opcode, b"*" * size), opcode=opcode, payload=b"*" * size))
for size in (64, 256, 1024, 4096, 16384, 65536, 262144, 1 << 20):
    total = 1 << 20
    fragments = [Frame(BINARY if at == 0 else CONTINUATION, b"#" * size, fin=at + size == total) for at in range(0, total, size)]
    case("5.4", "long messages pass in any number of fragments", f"1 MiB by {size}", echoes(*fragments, opcode=BINARY, payload=b"#" * total))
for piece in (64, 512, 2048):
    case("5.2", "how the network cuts frames does not matter", f"1 MiB in pieces of {piece}", echoes(Frame(BINARY, b"*" * (1 << 20)), opcode=BINARY, payload=b"*" * (1 << 20), chop=piece))


def many(count, size):
    def script(peer):
        for at in range(count):
            payload = b"%08d" % at + b"x" * size
            peer.send(Frame(TEXT if at % 2 else BINARY, payload))
            assert peer.receive_message() == (TEXT if at % 2 else BINARY, payload)
        ends_well(peer)

    return script


for size in (0, 16, 1024):
    case("5", "messages pass one after the other", f"1000 of {size + 8} bytes", many(1000, size))
