"""The native driver's secondary connections are cut at random under load: its session lives, no visitor gets a wrong answer, and
its connections come back (protocol section 4).

They are cut until they have joined so often again; the driver waits longer each time, 5 s at most. HOODY_REJOINS=1000 is the
long form, a quarter of an hour.
"""

import os
import random
import socket
import threading
import time

from harness import SANITIZED, Daemon, Expose, Visitor, http_origin, pattern, run, simple_get, wait_until
from relay import Relay

REJOINS = int(os.environ.get("HOODY_REJOINS", "6" if SANITIZED else "12"))
SEED = int(os.environ.get("HOODY_SEED", "20261123"))
CONNECTIONS, VISITORS = 4, 8


def answer(_method, target, _headers, body):
    return 200, [("X-Length", str(len(body)))], pattern(int(target.strip("/")), len(body))


class Load:
    def __init__(self, port):
        self.port = port
        self.over = threading.Event()
        self.whole = self.torn = 0
        self.failures = []
        self.threads = [threading.Thread(target=self.visit_on_and_on, args=(seed,)) for seed in range(VISITORS)]

    def visit_on_and_on(self, seed):
        rng = random.Random(seed)
        while not self.over.is_set():
            up, down = rng.randrange(100_000), rng.randrange(200_000)
            try:
                with Visitor(self.port) as visitor:
                    visitor.ask("POST", f"/{down}", headers="Connection: close\r\n", body=bytes(up))
                    status, headers, body = visitor.receive_answer()
            except ConnectionError:
                self.torn += 1
                continue
            except Exception as end:  # pylint: disable=broad-except
                self.failures.append(f"{up}/{down}: {end!r}")
                return
            if status == 502:
                self.torn += 1
            elif (status, body) == (200, pattern(down, up)) and headers["x-length"] == str(up):
                self.whole += 1
            else:
                self.failures.append(f"{up}/{down}: {status}, {len(body)} bytes")


def handshakes(daemon, result):
    return daemon.metric('hoody_tunnel_handshakes_total{result="%s"}' % result)


def cut_one(relay, rng):
    """Any connection but the first, which is the primary's; those cut before are not there any more."""
    secondaries = [sock for sock in relay.socks[2:] if sock.fileno() >= 0]
    for sock in rng.sample(secondaries[-2 * (CONNECTIONS - 1) :], 1) if secondaries else ():
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it had left


def they_come_back():
    rng = random.Random(SEED)
    with http_origin(answer) as origin, Daemon() as daemon, Relay(daemon) as relay:
        with Expose(relay, origin.port, "--connections", str(CONNECTIONS)) as driver:
            wait_until(lambda: handshakes(daemon, "joined") == CONNECTIONS - 1, "all are there")
            permits = daemon.get_json("/tunnels")["fdPermitsAvailable"]
            load = Load(driver.port)
            for thread in load.threads:
                thread.start()
            while handshakes(daemon, "joined") < CONNECTIONS - 1 + REJOINS and not load.failures:
                time.sleep(rng.uniform(0, 0.1))
                cut_one(relay, rng)
            load.over.set()
            for thread in load.threads:
                thread.join()
            assert not load.failures, load.failures[:5]
            wait_until(lambda: daemon.get_json("/tunnels")["fdPermitsAvailable"] == permits, "as many as before are there")
            assert simple_get(driver.port, "/1000")[2] == pattern(1000, 0)
            print(
                f"{int(handshakes(daemon, 'joined'))} joins; {load.whole} visitors served whole, {load.torn} torn with their connection; "
                + ", ".join(f"{process.name}: peak RSS {process.peak_rss() >> 20} MiB" for process in (daemon, driver))
            )
            assert load.whole > 0 and load.torn > 0, "nothing was cut in the middle"
            assert (handshakes(daemon, "opened"), handshakes(daemon, "resumed")) == (1, 0), "the session did not live"
            wait_until(lambda: daemon.metric("hoody_tunnel_streams_active") == 0, "no stream is left")


run(they_come_back)
