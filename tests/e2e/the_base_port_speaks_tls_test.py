"""--tls-cert and --tls-key: drivers and the API over TLS 1.2 and 1.3, certificates read again at SIGHUP (protocol section
9)."""

import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile

from certificates import Certificate, a_certificate
from harness import (
    DATA,
    EOF,
    WINDOW,
    Bystander,
    Daemon,
    Process,
    RawDriver,
    Visitor,
    connect,
    frame,
    own_address,
    pattern,
    receive_all,
    response_head,
    run,
    wait_until,
    window,
)


@contextlib.contextmanager
def tls_daemon(*flags, **more):
    with a_certificate() as certificate:
        with Daemon(*certificate.flags, *flags, tls=certificate.context(), **more) as daemon:
            yield daemon, certificate


def refuses(daemon, context):
    """The handshake with that context fails."""
    with connect(daemon.port) as sock:
        try:
            with context.wrap_socket(sock, server_hostname="localhost") as tls:
                tls.sendall(b"GET /api/v1/tunnel/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                return tls.recv(1) == b""
        except (ssl.SSLError, ConnectionError):
            return True


def versions_and_ciphers():
    with tls_daemon() as (daemon, certificate):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            daemon.tls = certificate.context(minimum_version=version, maximum_version=version)
            assert daemon.get_json("/health")["status"] == "ok"
            with daemon.dial() as sock:
                assert sock.version() == {ssl.TLSVersion.TLSv1_2: "TLSv1.2", ssl.TLSVersion.TLSv1_3: "TLSv1.3"}[version]
        old = certificate.context(maximum_version=ssl.TLSVersion.TLSv1_1, minimum_version=ssl.TLSVersion.TLSv1)
        old.set_ciphers("ALL:@SECLEVEL=0")
        assert refuses(daemon, old)
        weak = certificate.context(maximum_version=ssl.TLSVersion.TLSv1_2)
        weak.set_ciphers("ECDHE+AES:!AESGCM:!AESCCM:@SECLEVEL=0")  # CBC
        assert refuses(daemon, weak)
        assert daemon.get_json("/health")["status"] == "ok"


def http_1_is_what_is_spoken():
    with tls_daemon() as (daemon, certificate):
        both = certificate.context()
        both.set_alpn_protocols(["h2", "http/1.1"])
        daemon.tls = both
        with daemon.dial() as sock:
            assert sock.selected_alpn_protocol() == "http/1.1"
        assert daemon.get_json("/health")["status"] == "ok"
        h2 = certificate.context()
        h2.set_alpn_protocols(["h2"])
        assert refuses(daemon, h2)


def a_driver_serves_over_it():
    with tls_daemon() as (daemon, _), RawDriver(daemon) as driver:
        port = driver.bind()["containerPort"]
        with Visitor(port) as visitor:
            visitor.ask()
            stream, _ = driver.expect_stream()
            driver.expect(EOF, stream)
            body = pattern(8 << 20)
            driver.send(response_head(stream, headers=[["content-length", str(len(body))]]))
            credit, got = driver.hello_ok["streamWindow"], b""
            for start in range(0, len(body), 65536):
                while credit < 65536:
                    got += visitor.receive(65536) if got else visitor.receive_head() and visitor.receive(65536)
                    driver.send(frame(0x20, 0, b"8 bytes."))
                    for kind, on, payload in iter(driver.receive, None):
                        if kind == 0x21:
                            break
                        if kind == WINDOW and on == stream:
                            credit += int.from_bytes(payload, "big")
                driver.send(frame(DATA, stream, body[start : start + 65536]))
                credit -= 65536
            driver.send(frame(EOF, stream))
            got += visitor.receive(len(body) - len(got))
            assert got == body


def an_upload_comes_through_whole():
    with tls_daemon() as (daemon, _), RawDriver(daemon) as driver:
        bound = driver.bind(kind="tcp", mode="pull")
        body = pattern(8 << 20)
        sender = subprocess.Popen(
            ["/usr/bin/python3", "-c", "import socket,sys; s=socket.create_connection(('127.0.0.1', int(sys.argv[1])));"
             "s.sendall(sys.stdin.buffer.read()); s.shutdown(1); s.recv(1)", str(bound["containerPort"])],
            stdin=subprocess.PIPE)  # fmt: skip
        with sender, sender.stdin:
            stream, _ = driver.expect_stream()
            sender.stdin.write(body)
            sender.stdin.close()
            got = b""
            while len(got) < len(body):
                payload = driver.expect(DATA, stream)[2]
                got += payload
                driver.send(window(0, len(payload)), window(stream, len(payload)))
            driver.expect(EOF, stream)
            assert got == body
            driver.send(frame(EOF, stream))
            assert sender.wait(60) == 0


def others_can_talk_to_it():
    with tls_daemon() as (daemon, certificate):
        url = f"https://localhost:{daemon.port}/api/v1/tunnel/health"
        done = subprocess.run(["curl", "-sS", "--noproxy", "*", "--cacert", certificate.certificate, url],
                              capture_output=True, timeout=60, check=True)  # fmt: skip
        assert b'"status"' in done.stdout, done
        script = (
            "import asyncio, ssl, sys, websockets\n"
            "async def main():\n"
            "    context = ssl.create_default_context(cafile=sys.argv[2])\n"
            "    async with websockets.connect(sys.argv[1], ssl=context, subprotocols=['hoody-tunnel.v1']) as ws:\n"
            "        hello = b'{\"version\":\"hoody-tunnel.v1\",\"capabilities\":[]}'\n"
            "        await ws.send(b'\\x01' + bytes(4) + len(hello).to_bytes(4, 'big') + hello)\n"
            "        assert (await ws.recv())[0] == 2\n"
            "asyncio.run(main())\n"
        )
        subprocess.run(["/usr/bin/python3", "-c", script, f"wss://localhost:{daemon.port}/api/v1/tunnel/connect",
                        certificate.certificate], timeout=60, check=True)  # fmt: skip


def what_is_no_tls_is_closed_and_harms_nobody():
    with tls_daemon("--head-timeout", "1s") as (daemon, _), Bystander(daemon) as bystander:
        for said in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x00\x05hello", os.urandom(300), b"\x16\x03\x01\x40\x00" + bytes(100)):
            with connect(daemon.port) as sock:
                sock.sendall(said)
                with contextlib.suppress(ConnectionError):
                    receive_all(sock)  # ends: at once, or when its time is over
        with connect(daemon.port) as silent:
            with contextlib.suppress(ConnectionError):
                receive_all(silent)
        bystander.check()
        assert daemon.metric('hoody_tunnel_base_refused_total{reason="tls"}') >= 2


def its_ends_are_clean():
    """close_notify before FIN: nobody can cut an answer short unseen."""
    with tls_daemon() as (daemon, _):
        with connect(daemon.port) as plain, daemon.tls.wrap_socket(
            plain, server_hostname="localhost", suppress_ragged_eofs=False
        ) as sock:
            sock.sendall(b"GET /api/v1/tunnel/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert receive_all(sock).startswith(b"HTTP/1.1 200 ")


def a_hangup_reads_the_certificate_again():
    with tempfile.TemporaryDirectory() as folder:
        served, second = Certificate(folder, "served"), Certificate(folder, "second", key="rsa")
        with Daemon(*served.flags, tls=served.context()) as daemon, RawDriver(daemon) as driver:
            first_context, second_context = daemon.tls, second.context()
            shutil.copy(second.certificate, served.certificate)
            shutil.copy(second.key, served.key)
            assert not refuses(daemon, first_context)  # not before it is told
            os.kill(daemon.pid, signal.SIGHUP)
            wait_until(lambda: not refuses(daemon, second_context), "the second certificate is served")
            assert refuses(daemon, first_context)
            daemon.tls = second_context
            driver.ping()  # who is in stays in
            with open(served.key, "w", encoding="ascii") as key:
                key.write("not a key\n")
            os.kill(daemon.pid, signal.SIGHUP)
            wait_until(lambda: "reload-failed" in daemon.stderr(), "the failure is logged")
            assert served.key in daemon.stderr()
            assert daemon.get_json("/health")["status"] == "ok"
            driver.ping()


def fails(status, *arguments):
    daemon = Process("hoody-tunneld", ["--listen", "127.0.0.1:1", *arguments])
    got, text = daemon.wait(), daemon.stderr()
    daemon.check_sanitizers()
    assert got == status, (arguments, got, text)
    return text


def a_start_without_a_usable_certificate_fails():
    with tempfile.TemporaryDirectory() as folder:
        one, other = Certificate(folder, "one"), Certificate(folder, "other")
        locked = os.path.join(folder, "locked.key")
        subprocess.run(["openssl", "ec", "-aes128", "-passout", "pass:secret", "-in", one.key, "-out", locked],
                       check=True, capture_output=True)  # fmt: skip
        assert "--tls-key is missing" in fails(2, "--tls-cert", one.certificate)
        assert "--tls-cert is missing" in fails(2, "--tls-key", one.key)
        for certificate, key, word in (
            ("/nonexistent.pem", one.key, "/nonexistent.pem"),
            (one.certificate, "/nonexistent.key", "/nonexistent.key"),
            (one.key, one.key, one.key),
            (one.certificate, other.key, other.key),
            (one.certificate, locked, "password"),
        ):
            text = fails(1, "--tls-cert", certificate, "--tls-key", key)
            assert "start-failed" in text and word in text and len(text.splitlines()) == 1, text


def strangers_are_refused_over_tls_too():
    address = own_address()
    if address is None:
        print("this machine has no address but loopback")
        return
    with a_certificate() as certificate:
        context = certificate.context(check_hostname=False)
        with Daemon(*certificate.flags, listen="0.0.0.0", tls=context) as daemon:
            with connect(daemon.port, host=address) as plain, context.wrap_socket(plain) as sock:
                sock.sendall(b"GET /api/v1/tunnel/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert receive_all(sock).startswith(b"HTTP/1.1 403 ")
            with connect(daemon.port, host=address) as silent:  # it is not waited for, for ever
                with contextlib.suppress(ConnectionError):
                    receive_all(silent)


run(
    versions_and_ciphers,
    http_1_is_what_is_spoken,
    a_driver_serves_over_it,
    an_upload_comes_through_whole,
    others_can_talk_to_it,
    what_is_no_tls_is_closed_and_harms_nobody,
    its_ends_are_clean,
    a_hangup_reads_the_certificate_again,
    a_start_without_a_usable_certificate_fails,
    strangers_are_refused_over_tls_too,
)
