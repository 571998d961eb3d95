"""While the reader of standard error has stopped, and the pipe is full, the daemon goes on: lines are lost, nothing else."""

import os
import re
import signal
import subprocess

from harness import API, BIN, PATIENCE, RawDriver, connect, free_port, receive_all, run, wait_until

REQUESTS = 1000  # each has an access line of 200 bytes and more; the pipe takes 64 KiB


def is_up(port):
    try:
        connect(port).close()
        return True
    except ConnectionRefusedError:
        return False


def ask(port, request):
    with connect(port) as sock:
        sock.sendall(request)
        return receive_all(sock)


def the_daemon_goes_on():
    port = free_port()
    reader, writer = os.pipe()
    daemon = subprocess.Popen(
        [os.path.join(BIN, "hoody-tunneld"), "--listen", f"127.0.0.1:{port}", "--access-log"], stderr=writer
    )
    os.close(writer)
    try:
        wait_until(lambda: is_up(port), "the daemon listens")
        with RawDriver(connect(port)) as driver:
            bad = b"GET / HTTP/1.1\r\nHost: test\r\nContent-Length: x\r\n\r\n"
            exposed = driver.bind()["containerPort"]
            for _ in range(REQUESTS):
                assert ask(exposed, bad).startswith(b"HTTP/1.1 400 ")
            assert driver.ping() == []
            health = f"GET {API}/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
            assert ask(port, health).startswith(b"HTTP/1.1 200 ")
            log = b""
            while b" suppressed=" not in log:  # read on, and it is told
                log += os.read(reader, 1 << 20)
                assert ask(exposed, bad).startswith(b"HTTP/1.1 400 ")
            lines = log.splitlines()
            told = [int(number) for number in re.findall(rb" request .* suppressed=(\d+)", log)]
            written = sum(b" request " in line for line in lines)
            assert told and REQUESTS < sum(told) + written <= REQUESTS + 10, (told, written)
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(timeout=PATIENCE) == 0
    finally:
        daemon.kill()
        daemon.wait()
        os.close(reader)


run(the_daemon_goes_on)
