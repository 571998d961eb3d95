"""256 visitors at once over one session: every one gets its own bytes, up and down."""

import hashlib
import threading

import harness
from harness import connect, exposed, parse_answer, pattern, receive_all, wait_until

VISITORS = 256


def answer(method, target, headers, body):
    """What came, and a body of the visitor's own."""
    seed = int(target.rsplit("/", 1)[1])
    fields = [("X-Sent", hashlib.sha256(body).hexdigest()), ("X-Seed", str(seed))]
    return 200, fields, pattern(1000 * seed % 150000, seed)


def visit(port, seed, failures, barrier):
    try:
        body = pattern(777 * seed % 90000, seed + 1000)
        with connect(port) as sock:
            barrier.wait(harness.PATIENCE)
            for repetition in range(3):
                last = repetition == 2
                sock.sendall(
                    f"POST /{seed} HTTP/1.1\r\nHost: v{seed}\r\nContent-Length: {len(body)}\r\n"
                    f"{'Connection: close' if last else 'Connection: keep-alive'}\r\n\r\n".encode()
                )
                sock.sendall(body)
                if last:
                    status, headers, received = parse_answer(receive_all(sock))
                else:
                    head = b""
                    while not head.endswith(b"\r\n\r\n"):
                        head += harness.receive_exactly(sock, 1)
                    _, fields, _ = harness.split_head(head)
                    headers = {name.lower(): value for name, value in fields}
                    received = harness.receive_exactly(sock, int(headers["content-length"]))
                    status = int(head.split(b" ")[1])
                assert status == 200, status
                assert headers["x-seed"] == str(seed), headers
                assert headers["x-sent"] == hashlib.sha256(body).hexdigest(), "the upload arrived changed"
                assert received == pattern(1000 * seed % 150000, seed), "the download arrived changed"
    except Exception as failure:  # pylint: disable=broad-except
        failures.append(f"visitor {seed}: {failure!r}")


def all_get_their_own():
    with exposed(answer) as (daemon, driver, _):
        failures = []
        barrier = threading.Barrier(VISITORS)
        threads = [
            threading.Thread(target=visit, args=(driver.port, seed, failures, barrier)) for seed in range(1, VISITORS + 1)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures, failures[:5]
        wait_until(lambda: daemon.metric("hoody_tunnel_streams_active") == 0, "no stream is left")
        assert daemon.metric("hoody_tunnel_streams_opened_total") == 3 * VISITORS


harness.run(all_get_their_own)
