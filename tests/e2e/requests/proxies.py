"""HAProxy and nginx in front of an origin, as Debian packages them; the limits of heads as wide as ours or wider, since those are
no difference in judgement, and short times."""

import contextlib
import os
import shutil
import subprocess
import tempfile

from harness import connect, free_port, wait_until

HEAD_MS = 1000  # a head, or progress of a body
KEPT_MS = 500  # between requests
SERVICE_MS = 5000  # an answer: HAProxy counts from the head on, also while the body does not come
TIMES = {"head_ms": HEAD_MS, "kept_ms": KEPT_MS, "service_ms": SERVICE_MS}

HAPROXY = """
global
    tune.bufsize 131072
    tune.http.maxhdr 1000
    maxconn 4000
defaults
    mode http
    timeout connect 20s
    timeout server {service_ms}ms
    timeout client {head_ms}ms
    timeout http-request {head_ms}ms
    timeout http-keep-alive {kept_ms}ms
frontend visitors
    bind 127.0.0.1:{port}
    option forwardfor
    default_backend service
backend service
    server origin 127.0.0.1:{origin}
"""

NGINX = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/log;
events {{ worker_connections 4000; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    large_client_header_buffers 8 128k;
    client_max_body_size 0;
    client_header_timeout {head_ms}ms;
    client_body_timeout {head_ms}ms;
    keepalive_timeout {kept_ms}ms;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{origin};
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_set_header Connection "";
        }}
    }}
}}
"""


def find(name):
    return shutil.which(name) or shutil.which(name, path="/usr/sbin")


def version_of(package):
    """As Debian counts it; None when it is not installed."""
    asked = subprocess.run(["dpkg-query", "-W", "-f=${Version}", package], capture_output=True, text=True, check=False)
    return asked.stdout or None


def accepts(port):
    try:
        connect(port).close()
        return True
    except OSError:
        return False


@contextlib.contextmanager
def proxy(configuration, arguments, origin_port):
    """Runs it on a port of its own, which is yielded. `arguments` has {file} for the configuration's path."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        file = os.path.join(folder, "configuration")
        with open(file, "w", encoding="ascii") as out:
            out.write(configuration.format(folder=folder, port=port, origin=origin_port, **TIMES))
        command = [argument.format(file=file, folder=folder) for argument in arguments]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                wait_until(lambda: accepts(port), f"{command[0]} accepts")
                yield port
            finally:
                process.terminate()


def haproxy(origin_port):
    return proxy(HAPROXY, [find("haproxy"), "-db", "-f", "{file}"], origin_port)


def nginx(origin_port):
    return proxy(NGINX, [find("nginx"), "-c", "{file}", "-p", "{folder}"], origin_port)
