"""nginx with a `server` block of the test's own."""

from .programs import Server, own

CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1000; }}
http {{
    log_format transfer "$request_method $uri $status $http_transfer_encoding";
    access_log {folder}/access transfer;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 0;
    default_type application/octet-stream;
    types {{
        text/html html;
        text/plain txt;
    }}
    server {{
        listen 127.0.0.1:{port};
        {server}
    }}
}}
"""


def nginx(folder, server):
    process = Server(folder, "nginx", "-c", "{folder}/nginx.conf", "-p", "{folder}", "-e", "stderr")
    with open(f"{folder}/nginx.conf", "w", encoding="ascii") as out:
        out.write(CONFIGURATION.format(folder=folder, port=process.port, server=server))
    own(out.name)
    return process


def requests(folder):
    """What it has logged: ["METHOD URI STATUS TRANSFER-ENCODING"]; a request is there once it has ended."""
    with open(f"{folder}/access", encoding="utf-8") as log:
        return log.read().splitlines()
