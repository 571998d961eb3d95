"""The services behind every peer: nginx for small and large files, bench_origin for what nginx is not."""

import contextlib
import dataclasses
import os

from services.programs import Server, own, server_folder
from sockets import free_port

SMALL = "/small"
SMALL_LENGTH = 128
LARGE = "/large"
LARGE_LENGTH = 64 << 20  # asked for again and again; sparse, and small enough to stay in the page cache
CHECKED = "/checked"
CHECKED_LENGTH = 20 << 20
STORED = "/stored/checked"  # may be PUT and deleted

# One worker, as there are two cores for everything; what is measured is never the log.
NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr warn;
worker_rlimit_nofile 65536;
events {{ worker_connections 16000; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    keepalive_requests 1000000000;
    keepalive_timeout 300s;
    open_file_cache max=16;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    default_type application/octet-stream;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        root {folder}/www;
        client_max_body_size 0;
        location /stored/ {{ dav_methods PUT DELETE; }}
    }}
}}
"""


@dataclasses.dataclass
class Backends:
    """Ports of what is behind the tunnels."""

    files: int  # nginx
    raw: int  # bench_origin's raw port
    uploads: int  # its HTTP port
    folder: str


def checked_bytes():
    with open("/dev/urandom", "rb") as random:
        return random.read(CHECKED_LENGTH)


@contextlib.contextmanager
def backends():
    """Yields Backends that are up."""
    with server_folder() as folder:
        os.mkdir(f"{folder}/www")
        own(f"{folder}/www")
        os.mkdir(f"{folder}/www/stored")
        own(f"{folder}/www/stored")
        for name, content in ((SMALL, b"s" * SMALL_LENGTH), (LARGE, b""), (CHECKED, checked_bytes())):
            with open(f"{folder}/www{name}", "wb") as file:
                file.write(content)
        os.truncate(f"{folder}/www{LARGE}", LARGE_LENGTH)
        files = Server(folder, "nginx", "-c", "{folder}/nginx.conf", "-p", "{folder}", "-e", "stderr")
        with open(f"{folder}/nginx.conf", "w", encoding="ascii") as out:
            out.write(NGINX.format(folder=folder, port=files.port))
        own(out.name)
        uploads = free_port()
        raw = Server(folder, "bench_origin", "{port}", str(uploads), as_self=True)
        with files, raw:
            yield Backends(files=files.port, raw=raw.port, uploads=uploads, folder=folder)
