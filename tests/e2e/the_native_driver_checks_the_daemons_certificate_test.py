"""hoody-tunnel over wss://: the daemon's certificate must be trusted and be for the host, and the tunnel is as good as without
TLS."""

import contextlib
import hashlib
import os
import socket
import ssl
import subprocess
import threading
import warnings

from certificates import a_certificate
from connect_proxy import ConnectProxy
from harness import (
    BIN,
    PATIENCE,
    Daemon,
    Expose,
    Origin,
    Pull,
    Visitor,
    connect,
    http_origin,
    pattern,
    receive_all,
    run,
    simple_get,
    wait_until,
)
from relay import Relay


def echo(_method, _target, _headers, body):
    return 200, [], body or b"hello"


@contextlib.contextmanager
def a_tls_daemon(*flags):
    with a_certificate() as certificate, Daemon(*certificate.flags, *flags, tls=certificate.context()) as daemon:
        yield daemon, certificate


def secure(daemon, *more, host="localhost"):
    return ("--url", f"wss://{host}:{daemon.port}", *more)


def ends(*arguments):
    """Status and standard error of a driver that is not let go on."""
    done = subprocess.run(
        [os.path.join(BIN, "hoody-tunnel"), "expose", *map(str, arguments)],
        capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL, check=False,
        env={k: v for k, v in os.environ.items() if not k.startswith("HOODY_TUNNEL_")})  # fmt: skip
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    assert done.stdout == "", done.stdout
    return done.returncode, done.stderr


def a_trusted_certificate_lets_the_tunnel_work():
    body = pattern(3_000_000)
    with http_origin(echo) as origin, a_tls_daemon() as (daemon, certificate):
        for host in ("localhost", "127.0.0.1"):
            flags = secure(daemon, "--cacert", certificate.certificate, "--connections", "3", host=host)
            with Expose(daemon, origin.port, *flags) as driver, Visitor(driver.port) as visitor:
                wait_until(lambda: "all 3 connections" in driver.stderr(), "all connections stand")
                for _ in range(6):
                    visitor.ask("POST", body=body)
                    assert hashlib.sha256(visitor.receive_answer()[2]).digest() == hashlib.sha256(body).digest()
        wait_until(lambda: daemon.get_json("/bindings")["total"] == 0, "the port is given back")
        assert daemon.get_json("/tunnels")["orphanedSessions"] == 0


def a_pull_goes_through_tls_with_half_closes():
    body = pattern(3_000_000)

    def echo_all(sock, _address):
        sock.sendall(receive_all(sock))

    with Origin(echo_all) as origin, a_tls_daemon() as (daemon, certificate):
        with Pull(daemon, origin.port, *secure(daemon, "--cacert", certificate.certificate)) as driver:
            with connect(driver.port) as visitor:
                visitor.sendall(body)
                visitor.shutdown(socket.SHUT_WR)
                assert receive_all(visitor) == body


def a_system_store_may_name_it():
    """OpenSSL's own variable stands for the system's store here."""
    with http_origin(echo) as origin, a_tls_daemon() as (daemon, certificate):
        environment = {"SSL_CERT_FILE": certificate.certificate}
        with Expose(daemon, origin.port, *secure(daemon), environment=environment) as driver:
            assert simple_get(driver.port)[2] == b"hello"
        variable = {"HOODY_TUNNEL_CACERT": certificate.certificate}
        with Expose(daemon, origin.port, *secure(daemon), environment=variable) as driver:
            assert simple_get(driver.port)[2] == b"hello"


def an_unknown_certificate_is_refused():
    with http_origin(echo) as origin, a_tls_daemon() as (daemon, _), a_certificate(name="other") as other:
        for flags in ((), ("--cacert", other.certificate)):
            status, err = ends(origin.port, *secure(daemon, *flags))
            assert status == 1 and "certificate is not trusted" in err and "--cacert" in err, (status, err)
        assert daemon.get_json("/sessions")["total"] == 0


def a_certificate_of_another_host_is_refused():
    """The proxy leads to the daemon under any name."""
    with http_origin(echo) as origin, a_tls_daemon() as (daemon, certificate), ConnectProxy(daemon) as proxy:
        for host in ("tunnel.example", "192.0.2.1"):
            flags = secure(daemon, "--cacert", certificate.certificate, "--proxy", proxy.url, host=host)
            status, err = ends(origin.port, *flags)
            assert status == 1 and f"certificate is not for {host}" in err, (status, err)


def insecure_believes_anything_and_says_so():
    with http_origin(echo) as origin, a_tls_daemon() as (daemon, _):
        with Expose(daemon, origin.port, *secure(daemon, "--insecure")) as driver:
            assert simple_get(driver.port)[2] == b"hello"
            assert "NOT checked" in driver.stderr(), driver.stderr()


def who_mixes_up_ws_and_wss_is_told():
    with http_origin(echo) as origin, Daemon() as plain, a_tls_daemon() as (daemon, _):
        status, err = ends(origin.port, *secure(plain))
        assert status == 3 and "does not speak TLS" in err, (status, err)
        status, err = ends(origin.port, "--url", f"ws://localhost:{daemon.port}")
        assert status in (1, 3) and "wss://" in err, (status, err)


def flags_that_make_no_sense_are_wrong_usage():
    with a_certificate() as certificate:
        for flags, word in (
            (("--cacert", "/nonexistent/ca.pem"), "/nonexistent/ca.pem"),
            (("--cacert", certificate.key), "no certificate"),
            (("--cacert", certificate.certificate, "--insecure"), "one of them"),
        ):
            status, err = ends(3000, "--url", "wss://localhost:1", *flags)
            assert status == 2 and word in err, (flags, status, err)


def an_old_tls_is_refused():
    """A server that would speak TLS 1.1 at best."""

    def serve(sock, context):
        with contextlib.suppress(OSError, ssl.SSLError):
            context.wrap_socket(sock, server_side=True)

    with a_certificate() as certificate, socket.create_server(("127.0.0.1", 0)) as listener:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.load_cert_chain(certificate.certificate, certificate.key)
        thread = threading.Thread(target=lambda: serve(listener.accept()[0], context), daemon=True)
        thread.start()
        with http_origin(echo) as origin:
            url = f"wss://localhost:{listener.getsockname()[1]}"
            status, err = ends(origin.port, "--url", url, "--cacert", certificate.certificate)
            assert status == 3 and "TLS failed" in err, (status, err)
        thread.join()


def a_server_that_says_nothing_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as listener, http_origin(echo) as origin:
        threading.Thread(target=lambda: listener.accept()[0].close(), daemon=True).start()
        status, err = ends(origin.port, "--url", f"wss://localhost:{listener.getsockname()[1]}")
        assert status == 3 and "TLS" in err, (status, err)


def a_silent_network_below_tls_is_survived():
    with http_origin(echo) as origin, a_tls_daemon() as (daemon, certificate), Relay(daemon) as relay:
        flags = secure(relay, "--cacert", certificate.certificate, "--ping-interval", "200ms", "--ping-timeout", "500ms")
        with Expose(relay, origin.port, *flags) as driver:
            (before,) = daemon.get_json("/bindings")["bindings"]
            relay.freeze()
            wait_until(lambda: "does not answer any more" in driver.stderr(), "the driver notices")
            relay.thaw()
            wait_until(lambda: "is resumed" in driver.stderr(), "the session is resumed")
            wait_until(lambda: daemon.get_json("/bindings")["bindings"] == [before], "the binding is the same")
            assert simple_get(driver.port)[2] == b"hello"


run(
    a_trusted_certificate_lets_the_tunnel_work,
    a_pull_goes_through_tls_with_half_closes,
    a_system_store_may_name_it,
    an_unknown_certificate_is_refused,
    a_certificate_of_another_host_is_refused,
    insecure_believes_anything_and_says_so,
    who_mixes_up_ws_and_wss_is_told,
    flags_that_make_no_sense_are_wrong_usage,
    an_old_tls_is_refused,
    a_server_that_says_nothing_is_given_up,
    a_silent_network_below_tls_is_survived,
)
