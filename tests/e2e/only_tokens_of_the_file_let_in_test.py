"""With --auth-token-file a driver needs a token of that file, read again at SIGHUP (protocol section 3)."""

import os
import signal
import subprocess
import tempfile

from harness import HELLO_OK, Daemon, RawDriver, hello, run, wait_until

BIN = os.environ["HOODY_BIN"]


class TokenFile:
    def __init__(self, text, mode=0o600):
        self.path = tempfile.mkstemp(prefix="hoody-tokens-")[1]
        self.write(text)
        os.chmod(self.path, mode)

    def write(self, text):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.unlink(self.path)


def bearer(token):
    return {"auth": {"kind": "bearer", "token": token}}


def is_let_in(daemon, headers="", **more):
    with RawDriver(daemon, headers=headers, says_hello=False) as driver:
        driver.send(hello(**more))
        driver.waiting = driver.receive_message()
        if driver.waiting[0][0] == HELLO_OK:
            return True
        assert driver.expect_goaway(11, 3000) == "authentication failed"
    return False


def a_token_lets_in_by_hello_and_by_upgrade():
    with TokenFile("# laptops\nsecret-of-alice\n\nsecret-of-bob\n") as file:
        with Daemon("--auth-token-file", file.path) as daemon:
            assert is_let_in(daemon, **bearer("secret-of-alice"))
            assert is_let_in(daemon, headers="Authorization: Bearer secret-of-bob\r\n")
            assert not is_let_in(daemon)
            assert not is_let_in(daemon, **bearer("secret-of-mallory"))
            assert not is_let_in(daemon, headers="Authorization: Bearer secret-of-mallory\r\n")
            assert not is_let_in(daemon, **bearer("# laptops"))
            assert daemon.metric('hoody_tunnel_sessions_refused_total{reason="auth_failed"}') == 4
            assert daemon.get_json("/health")["status"] == "ok"  # the API is another matter
            assert "secret-of" not in daemon.stderr(), daemon.stderr()


def a_hangup_reads_the_file_again():
    with TokenFile("first\n") as file, Daemon("--auth-token-file", file.path) as daemon:
        with RawDriver(daemon, **bearer("first")) as driver:
            file.write("second\n")
            assert not is_let_in(daemon, **bearer("second"))
            os.kill(daemon.pid, signal.SIGHUP)
            wait_until(lambda: is_let_in(daemon, **bearer("second")), "the new token lets in")
            assert not is_let_in(daemon, **bearer("first"))
            driver.ping()  # who is in stays in
            os.unlink(file.path)
            os.kill(daemon.pid, signal.SIGHUP)
            wait_until(lambda: "reload-failed" in daemon.stderr(), "the failure is logged")
            assert is_let_in(daemon, **bearer("second"))
            file.write("third\n")
            os.kill(daemon.pid, signal.SIGHUP)
            wait_until(lambda: is_let_in(daemon, **bearer("third")), "the file is back")


def others_who_may_read_it_are_worth_a_warning():
    with TokenFile("secret\n", 0o644) as file, Daemon("--auth-token-file", file.path) as daemon:
        assert "tokens-exposed" in daemon.stderr(), daemon.stderr()
    with TokenFile("secret\n", 0o640) as file, Daemon("--auth-token-file", file.path) as daemon:
        assert "tokens-exposed" not in daemon.stderr(), daemon.stderr()


def without_a_token_it_does_not_start():
    with TokenFile("# nobody\n") as file:
        for path, why in ((file.path, "no token"), ("/nonexistent", "No such file"), ("/tmp", "not a regular file")):
            done = subprocess.run([os.path.join(BIN, "hoody-tunneld"), "--auth-token-file", path], capture_output=True,
                                  text=True, timeout=60)  # fmt: skip
            assert done.returncode == 1, done
            assert "start-failed" in done.stderr and why in done.stderr and path in done.stderr, done
    done = subprocess.run([os.path.join(BIN, "hoody-tunneld"), "--auth-token-file="], capture_output=True, text=True,
                          timeout=60)  # fmt: skip
    assert done.returncode == 2 and "--auth-token-file" in done.stderr, done


run(
    a_token_lets_in_by_hello_and_by_upgrade,
    a_hangup_reads_the_file_again,
    others_who_may_read_it_are_worth_a_warning,
    without_a_token_it_does_not_start,
)
