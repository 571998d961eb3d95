"""nginx answers through the tunnel what it answers directly: ranges, conditional requests, gzip, chunks, uploads, large files,
kept connections and many at once, as curl sees them."""

import contextlib
import hashlib
import os
import re
import tempfile

from harness import Daemon, Expose, pattern, run, wait_until
from services.nginx import nginx, requests
from services.programs import client, need, own, server_folder

LARGE = 100 << 20
SERVER = """
        root {folder}/www;
        client_body_timeout 20s;
        location /packed/ {{
            gzip on;
            gzip_min_length 100;
            gzip_types text/plain;
            gzip_vary on;
        }}
        location /composed/ {{ ssi on; }}
        location /upload/ {{
            dav_methods PUT DELETE;
            create_full_put_path on;
        }}
        location /moved {{ return 301 /packed/; }}
        location /nothing {{ return 204; }}
"""
TEXT = "".join(f"line {i} of a text that is worth packing\n" for i in range(20_000)).encode()
INCLUDE = b'<!--#include virtual="/page.html" -->'
FILES = {
    "page.html": b"<p>a page</p>" * 500,
    "empty.txt": b"",
    "packed/index.html": TEXT,
    "packed/text.txt": TEXT,
    "composed/page.html": (b"before " + INCLUDE + b" after") * 3,
    "large": pattern(LARGE, 5),
}
OF_THE_CONNECTION = ("date", "connection", "keep-alive")


@contextlib.contextmanager
def served():
    """Yields (port through the tunnel, nginx's own port, its folder)."""
    with server_folder() as folder:
        for name, content in FILES.items():
            path = f"{folder}/www/{name}"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as out:
                out.write(content)
            os.utime(path, (1_700_000_000, 1_700_000_000))
        os.mkdir(f"{folder}/www/upload")
        own(f"{folder}/www/upload")
        with nginx(folder, SERVER.format(folder=folder)) as service, Daemon() as daemon:
            with Expose(daemon, service.port) as driver:
                yield driver.port, service.port, folder


def curl(port, path, *arguments, **how):
    return client("curl", "-sS", *arguments, f"http://127.0.0.1:{port}/{path}", **how)


def seen(port, path, *arguments):
    """An answer as curl sees it: (status, sorted fields, body as it came). The protocol has no room for the phrase beside
    the status."""
    with tempfile.NamedTemporaryFile() as body:
        head = curl(port, path, "-D", "-", "-o", body.name, "--raw", *arguments).decode("latin-1")
        content = b"" if "-I" in arguments else body.read()  # with -I it writes the head there
    status, *lines = head.rstrip().split("\r\n")
    fields = sorted(line for line in lines if line.split(":")[0].lower() not in OF_THE_CONNECTION)
    boundary = re.search(r"boundary=(\w+)", head)  # is another each time
    if boundary:
        fields = [field.replace(boundary[1], "BOUNDARY") for field in fields]
        content = content.replace(boundary[1].encode(), b"BOUNDARY")
    if "Transfer-Encoding: chunked" in fields:  # chunks may be cut anew
        content = unchunked(content)
    return int(status.split()[1]), fields, content


def unchunked(data):
    body = b""
    while True:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            assert data == b"\r\n", data[:100]
            return body
        body += data[:length]
        data = data[length + 2 :]


def field(answer, name):
    return next(f.split(": ", 1)[1] for f in answer[1] if f.lower().startswith(name + ":"))


def expect_the_same(tunnel, direct, cases):
    """cases: (status, path, curl's arguments...)."""
    for status, path, *arguments in cases:
        through, expected = seen(tunnel, path, *arguments), seen(direct, path, *arguments)
        assert through == expected, (path, arguments, through[:2], expected[:2], len(through[2]), len(expected[2]))
        assert through[0] == status, (path, arguments, through[0])


def ranges():
    with served() as (tunnel, direct, _):
        tag = field(seen(direct, "large"), "etag")
        cases = [
            (206, "large", "-r", "0-99"),
            (206, "large", "-r", "1000000-1999999"),
            (206, "large", "-r", "-500"),
            (206, "large", "-r", f"{LARGE - 1}-"),
            (206, "large", "-r", "0-0,70000-90000,-5"),  # multipart/byteranges
            (416, "large", "-r", f"{LARGE}-"),
            (416, "page.html", "-r", "5-2"),
            (206, "large", "-r", "0-9", "-H", f"If-Range: {tag}"),
            (206, "large", "-I", "-r", "0-9"),
            (200, "page.html", "-r", "0-9", "-H", 'If-Range: "another"'),
        ]
        expect_the_same(tunnel, direct, cases)
        assert seen(tunnel, "large", "-r", "1000000-1999999")[2] == FILES["large"][1_000_000:2_000_000]
        parts = seen(tunnel, "large", "-r", "0-0,70000-90000,-5")
        assert "multipart/byteranges" in field(parts, "content-type") and FILES["large"][70000:90001] in parts[2], parts[:2]


def conditions():
    with served() as (tunnel, direct, _):
        page = seen(direct, "page.html")
        tag, modified = field(page, "etag"), field(page, "last-modified")
        cases = [
            (304, "page.html", "-H", f"If-None-Match: {tag}"),
            (304, "page.html", "-H", f'If-None-Match: "x", {tag}'),
            (200, "page.html", "-H", 'If-None-Match: "another"'),
            (304, "page.html", "-H", f"If-Modified-Since: {modified}"),
            (200, "page.html", "-H", "If-Modified-Since: Sat, 01 Jan 2000 00:00:00 GMT"),
            (412, "page.html", "-H", 'If-Match: "another"'),
            (412, "page.html", "-H", "If-Unmodified-Since: Sat, 01 Jan 2000 00:00:00 GMT"),
            (304, "packed/text.txt", "-H", "Accept-Encoding: gzip", "-H", f"If-Modified-Since: {modified}"),
        ]
        expect_the_same(tunnel, direct, cases)


def encodings_and_other_answers():
    with served() as (tunnel, direct, _):
        packed = ("-H", "Accept-Encoding: gzip")
        cases = [
            (200, "packed/text.txt", *packed),
            (200, "packed/text.txt"),
            (200, "composed/page.html"),
            (200, "empty.txt"),
            (200, "page.html", "-I"),
            (200, "large", "-I"),
            (200, "packed/text.txt", "-I", *packed),
            (200, "composed/page.html", "-I"),
            (200, "page.html", "--http1.0"),
            (200, "packed/text.txt", "--http1.0"),
            (204, "nothing"),
            (404, "no/such/file"),
            (404, "no/such/file", "-I"),
            (405, "page.html", "-d", "a form"),
            (301, "moved"),
            (301, "packed"),  # a folder: the Location names the Host that nginx was sent
            (405, "page.html", "-X", "TRACE"),
        ]
        expect_the_same(tunnel, direct, cases)
        answer = seen(tunnel, "packed/text.txt", *packed)
        assert field(answer, "content-encoding") == "gzip" and field(answer, "transfer-encoding") == "chunked", answer[1]
        assert curl(tunnel, "packed/text.txt", "--compressed") == TEXT
        assert FILES["page.html"] in curl(tunnel, "composed/page.html")


def a_large_file_comes_whole():
    with served() as (tunnel, _, _):
        digest = hashlib.sha256(curl(tunnel, "large")).hexdigest()
        assert digest == hashlib.sha256(FILES["large"]).hexdigest()


def uploads_arrive():
    with served() as (tunnel, direct, folder), tempfile.NamedTemporaryFile() as file:
        file.write(pattern(20 << 20, 9))
        file.flush()
        for name, how in (("sized", ()), ("chunked", ("-H", "Transfer-Encoding: chunked"))):
            status = curl(tunnel, f"upload/{name}", "-T", file.name, "-o", os.devnull, "-w", "%{http_code}", *how)
            assert status == b"201", status
            with open(f"{folder}/www/upload/{name}", "rb") as stored:
                assert stored.read() == pattern(20 << 20, 9), name
        for logged in ("PUT /upload/chunked 201 chunked", "PUT /upload/sized 201 -"):
            wait_until(lambda: logged in requests(folder), f"nginx tells of {logged}")
        assert curl(tunnel, "upload/sized", "-X", "DELETE", "-w", "%{http_code}") == b"204"
        assert seen(direct, "upload/sized")[0] == 404


def one_connection_is_kept():
    with served() as (tunnel, _, _):
        names = ("page.html", "nothing", "no/such/file", "composed/page.html")
        urls = [f"http://127.0.0.1:{tunnel}/{name}" for name in names * 10]
        out = [part for url in urls for part in ("-o", os.devnull, url)]
        told = client("curl", "-sS", "-w", "%{num_connects} %{http_code}\n", *out).decode().splitlines()
        assert [line.split()[0] for line in told] == ["1"] + ["0"] * (len(urls) - 1), told
        assert [line.split()[1] for line in told] == ["200", "204", "404", "200"] * 10, told


def thirty_two_at_once():
    with served() as (tunnel, _, _), tempfile.TemporaryDirectory() as folder:
        outputs = []
        for i in range(256):
            name = ("large", "packed/text.txt", "page.html", "composed/page.html")[i % 4]
            part = ("-r", f"{i * 1000}-{i * 1000 + 999_999}") if name == "large" else ()
            outputs += [*part, "-o", f"{folder}/{i}", f"http://127.0.0.1:{tunnel}/{name}", "--next", "-sS", "-f"]
        client("curl", "-sS", "-f", "-Z", "--parallel-immediate", "--parallel-max", "32", *outputs[:-3])
        composed = FILES["composed/page.html"].replace(INCLUDE, FILES["page.html"])
        whole = {"page.html": FILES["page.html"], "packed/text.txt": TEXT, "composed/page.html": composed}
        for i in range(256):
            name = ("large", "packed/text.txt", "page.html", "composed/page.html")[i % 4]
            with open(f"{folder}/{i}", "rb") as got:
                expected = FILES["large"][i * 1000 : i * 1000 + 1_000_000] if name == "large" else whole[name]
                assert got.read() == expected, (i, name)


need("nginx", "curl")
run(
    ranges,
    conditions,
    encodings_and_other_answers,
    a_large_file_comes_whole,
    uploads_arrive,
    one_connection_is_kept,
    thirty_two_at_once,
)
