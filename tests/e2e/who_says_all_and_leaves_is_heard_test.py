"""A visitor of a PULL says all it has to say and closes, while something for it is on its way, which its host then refuses by a reset
behind its FIN. What it said came before both, and reaches the service whole, also when the driver hears of everything at once: so it
is where nothing stands between them."""

import os
import signal

from harness import Pull, receive_exactly, run
from patience import wait_until
from raw_bytes import pulled, stopped, tunnel

WORDS = b"all that there is to say"


def its_words_come_before_its_reset():
    with tunnel(Pull) as (daemon, driver, service, visitor):
        local = pulled(service, visitor)
        with stopped(daemon):
            before = daemon.unread_bytes()
            local.sendall(b"news that nobody asked for")
            wait_until(lambda: daemon.unread_bytes() > before, "the news to wait in front of the daemon")
            visitor.sendall(WORDS)
            visitor.close()
            os.kill(driver.pid, signal.SIGSTOP)
        try:
            wait_until(lambda: daemon.metric("hoody_tunnel_streams_active") == 0, "the daemon knows that it has left")
        finally:
            os.kill(driver.pid, signal.SIGCONT)
        with local:
            assert receive_exactly(local, len(WORDS)) == WORDS


run(its_words_come_before_its_reset)
