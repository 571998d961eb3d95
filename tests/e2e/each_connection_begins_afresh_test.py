"""Every connection starts with full windows and with stream 2, and no STREAM_OPEN shares the message of HELLO_OK, also where a
session goes on (protocol section 3)."""

import contextlib
import threading

from harness import (
    DATA,
    EOF,
    HELLO_OK,
    WINDOW,
    Daemon,
    RawDriver,
    Visitor,
    abort,
    data,
    hello,
    response_head,
    run,
)
from parking import resume, wait_until_parked

WINDOW_BYTES = 16 << 20  # more than sockets hold: a visitor that does not read has it used up
ROUNDS = 20
WINDOWS = ("--stream-window", str(WINDOW_BYTES), "--session-window", str(WINDOW_BYTES))


def receive_body(driver, stream, length):
    """That many bytes of DATA, without a WINDOW in return."""
    while length > 0:
        payload = driver.expect(DATA, stream)[2]
        length -= len(payload)
    assert length == 0, length


def use_windows_up(driver, port, reader):
    """All credit of both directions, each on a stream of its own."""
    with Visitor(port) as sender, request_of(sender, WINDOW_BYTES):
        stream, _ = driver.expect_stream()
        assert stream == 2, stream
        receive_body(driver, stream, WINDOW_BYTES)
        reader.ask()
        stream, _ = driver.expect_stream()
        assert stream == 4, stream
        driver.send(response_head(stream))
        for _ in range(WINDOW_BYTES // 131072):
            driver.send(data(stream, bytes(131072)))
        assert {kind for kind, _, _ in driver.ping()} <= {EOF, WINDOW}, "that was within the windows"


@contextlib.contextmanager
def request_of(visitor, length):
    """The visitor sends a request with a body of that length meanwhile, and does not end it."""

    def send():
        with contextlib.suppress(OSError):  # the driver is cut off
            visitor.send(f"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: {length + 1}\r\n\r\n".encode() + bytes(length))

    thread = threading.Thread(target=send)
    thread.start()
    yield
    thread.join()


def windows_are_full_and_ids_start_at_2():
    with Daemon(*WINDOWS) as daemon:
        with RawDriver(daemon) as driver:
            session, port = driver.hello_ok["sessionId"], driver.bind()["containerPort"]
            for subprotocol in ("hoody-tunnel.v1", "hoody-tunnel.v2", "hoody-tunnel.v1"):
                with Visitor(port, receive_buffer=16384) as reader:
                    use_windows_up(driver, port, reader)
                    abort(driver.sock)
                    wait_until_parked(daemon)
                driver = resume(daemon, session, subprotocol)
            with driver, Visitor(port, receive_buffer=16384) as reader:
                use_windows_up(driver, port, reader)


def hello_ok_is_alone_in_its_message():
    with Daemon("--max-streams", "64") as daemon, RawDriver(daemon) as driver:
        session, port = driver.hello_ok["sessionId"], driver.bind()["containerPort"]
        is_over = threading.Event()

        def knock():
            while not is_over.is_set():
                with contextlib.suppress(OSError), Visitor(port) as visitor:
                    visitor.sock.settimeout(0.01)
                    visitor.ask()
                    visitor.sock.recv(1)

        knockers = [threading.Thread(target=knock) for _ in range(4)]
        for knocker in knockers:
            knocker.start()
        with contextlib.ExitStack() as stack:
            stack.callback(lambda: [knocker.join() for knocker in knockers])
            stack.callback(is_over.set)
            for _ in range(ROUNDS):
                driver = stack.enter_context(RawDriver(daemon, says_hello=False))  # the one before finds itself replaced
                driver.send(hello(resume={"sessionId": session}))
                assert [kind for kind, _, _ in driver.receive_message()] == [HELLO_OK]
                driver.expect_stream()


run(windows_are_full_and_ids_start_at_2, hello_ok_is_alone_in_its_message)
