"""Certificates of the tests' own, made with openssl's command line."""

import contextlib
import os
import ssl
import subprocess
import tempfile


class Certificate:
    """A self-signed certificate for localhost and 127.0.0.1, in files of its own."""

    def __init__(self, folder, name="first", key="ec"):
        self.certificate = os.path.join(folder, f"{name}.pem")
        self.key = os.path.join(folder, f"{name}.key")
        kinds = {"ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["-newkey", "rsa:2048"]}
        subprocess.run(
            ["openssl", "req", "-x509", *kinds[key], "-nodes", "-days", "2", "-subj", f"/CN={name}",
             "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", self.key, "-out", self.certificate],
            check=True, capture_output=True, timeout=60)  # fmt: skip
        self.flags = ["--tls-cert", self.certificate, "--tls-key", self.key]

    def context(self, **limits):
        """A client's that trusts this certificate only."""
        context = ssl.create_default_context(cafile=self.certificate)
        for name, value in limits.items():
            setattr(context, name, value)
        return context


@contextlib.contextmanager
def a_certificate(**more):
    with tempfile.TemporaryDirectory() as folder:
        yield Certificate(folder, **more)
