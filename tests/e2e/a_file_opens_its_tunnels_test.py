"""hoody-tunnel up: the tunnels of a file, or some of them; what is wrong with it is told with file, line and key, and nothing is
opened then."""

import contextlib
import os
import subprocess
import tempfile

from events import Narrator
from harness import (
    BIN,
    PATIENCE,
    Daemon,
    Origin,
    RawDriver,
    connect,
    free_port,
    http_origin,
    receive_exactly,
    run,
    simple_get,
    wait_until,
)
from inspection import Inspection
from tunnels import Tunnels, echo, echoes


@contextlib.contextmanager
def folder(**files):
    """A directory with files of these texts, `_` in a name being `.`."""
    with tempfile.TemporaryDirectory(prefix="hoody-up-") as path:
        for name, text in files.items():
            with open(os.path.join(path, name.replace("_", ".")), "w", encoding="utf-8") as file:
                file.write(text)
        yield path


@contextlib.contextmanager
def scene(*daemon_flags):
    """A daemon, a page and an echo, and a file that leads to them; yields (daemon, folder, port of the page's tunnel)."""
    with Daemon(*daemon_flags) as daemon, http_origin(lambda *_: (200, [], b"page")) as page, Origin(echo) as service:
        port = free_port()
        text = f"""\
url: ws://127.0.0.1:{daemon.port}
connections: 2
tunnels:
  - name: web
    expose: {page.port}
    port: {port}
    label: the-web
  - name: any
    expose: 127.0.0.1:{page.port}
  - {{name: db, pull: "localhost:{service.port}", host: "::1"}}
"""
        with folder(tunnels_yaml=text) as path:
            yield daemon, path, port


def bindings(daemon):
    return {binding["port"]: binding for binding in daemon.get_json("/bindings")["bindings"]}


def all_tunnels_of_a_file_are_opened():
    with scene("--public-url-pattern", "http://127.0.0.1:{port}/{label}") as (daemon, path, port):
        with Tunnels(None, "up", os.path.join(path, "tunnels.yaml"), count=3) as driver:
            assert sorted(driver.urls) == ["any", "db", "web"], driver.urls
            assert driver.urls["web"] == f"http://127.0.0.1:{port}/the-web" and driver.urls["db"].startswith("tcp://[::1]:")
            assert simple_get(port)[2] == simple_get(driver.port("any"))[2] == b"page"
            assert len({binding["sessionId"] for binding in bindings(daemon).values()}) == 1 and len(bindings(daemon)) == 3
        wait_until(lambda: not bindings(daemon), "the ports are given back")


def some_may_be_chosen_by_name():
    with scene() as (daemon, path, port):
        with Tunnels(None, "up", os.path.join(path, "tunnels.yaml"), "web", count=1) as driver:
            assert driver.urls == {"web": f"http://127.0.0.1:{port}"}
            assert list(bindings(daemon)) == [port]
            driver.told("Ctrl-C ends it")


def a_file_is_found_where_it_usually_is():
    with scene() as (_, path, _), folder() as home, folder() as elsewhere:
        os.makedirs(os.path.join(home, ".config/hoody-tunnel"))
        os.rename(os.path.join(path, "tunnels.yaml"), os.path.join(home, ".config/hoody-tunnel/tunnels.yaml"))
        with Tunnels(None, "up", "web", count=1, cwd=elsewhere, environment={"HOME": home, "XDG_CONFIG_HOME": ""}):
            pass
        os.rename(os.path.join(home, ".config"), os.path.join(elsewhere, "settings"))
        settings = {"XDG_CONFIG_HOME": os.path.join(elsewhere, "settings")}
        with Tunnels(None, "up", "web", count=1, cwd=home, environment=settings):
            pass
        os.rename(os.path.join(elsewhere, "settings/hoody-tunnel/tunnels.yaml"), os.path.join(home, "hoody-tunnel.yaml"))
        with Tunnels(None, "up", "web", count=1, cwd=home):
            pass


def flag_and_variable_go_before_the_file():
    with scene() as (daemon, path, _), Daemon() as other:
        file = os.path.join(path, "tunnels.yaml")
        for arguments, variables in (((other, "up", file, "any"), {}), ((None, "up", file, "any"), {"HOODY_TUNNEL_URL": f"ws://127.0.0.1:{other.port}"})):
            with Tunnels(*arguments, count=1, environment=variables):
                assert len(bindings(other)) == 1 and not bindings(daemon)
            wait_until(lambda: not bindings(other), "the port is given back")


def the_token_is_read_from_beside_the_file():
    with folder(token="a-secret\n", tunnels_yaml="") as path, http_origin(lambda *_: (200, [], b"page")) as page:
        with Daemon("--auth-token-file", os.path.join(path, "token")) as daemon:
            file = os.path.join(path, "tunnels.yaml")
            with open(file, "w", encoding="utf-8") as out:
                out.write(f"url: ws://127.0.0.1:{daemon.port}\ntoken_file: token\ntunnels: [{{name: web, expose: {page.port}}}]\n")
            with Tunnels(None, "up", file, count=1) as driver:
                assert simple_get(driver.port("web"))[2] == b"page"


def a_takeover_is_asked_for_by_its_key():
    with scene() as (daemon, path, port), RawDriver(daemon) as other:
        file = os.path.join(path, "tunnels.yaml")
        other.bind(port)
        assert refused(path, "./tunnels.yaml", status=1).count(f"the daemon refused port {port}") == 1
        with open(file, encoding="utf-8") as text:
            changed = text.read().replace("    label:", "    takeover: true\n    label:")
        with open(file, "w", encoding="utf-8") as out:
            out.write(changed)
        with Tunnels(None, "up", file, count=3):
            assert simple_get(port)[2] == b"page"


def add_lines(path, *lines):
    """Before what the file has."""
    file = os.path.join(path, "tunnels.yaml")
    with open(file, encoding="utf-8") as text:
        before = text.read()
    with open(file, "w", encoding="utf-8") as out:
        out.write("".join(line + "\n" for line in lines) + before)
    return file


def what_is_inspected_is_told_by_the_file_or_by_a_flag():
    with scene() as (_, path, port):
        in_file, by_flag = free_port(), free_port()
        file = add_lines(path, f"inspect: 127.0.0.1:{in_file}")
        for flags, page in (((), in_file), ((f"--inspect=127.0.0.1:{by_flag}",), by_flag)):
            with Tunnels(None, "up", file, *flags, count=3) as driver:
                inspection = Inspection(driver)
                assert inspection.port == page, (inspection.url, page)
                assert simple_get(port)[2] == simple_get(driver.port("any"))[2] == b"page"
                with connect(driver.port("db"), host="::1") as raw:
                    raw.sendall(b"ping")
                    assert receive_exactly(raw, 4) == b"ping"
                seen = [inspection.ended(number) for number in (1, 2)]
                assert [request["tunnel"] for request in seen] == ["the-web", "any"], seen
                assert len(inspection.requests()) == 2, "raw bytes are nothing for the page"


def a_flag_goes_before_what_the_file_says_against_it():
    with scene() as (daemon, path, _):
        file = add_lines(path, "plain: true", "qr: true")
        with Narrator(daemon, "up", file, "any") as driver:
            driver.wait_for("bound")
        json_file = os.path.join(path, "json.yaml")
        with open(file, encoding="utf-8") as text, open(json_file, "w", encoding="utf-8") as out:
            out.write(text.read().replace("plain: true\nqr: true", "json: true"))
        with Tunnels(None, "up", json_file, "any", "--plain", count=1) as driver:
            assert list(driver.urls) == ["any"]
        assert refused(path, json_file, "any", "--json", "--plain").startswith("hoody-tunnel: --json and --plain don't go together\n")
        add_lines(path, "json: true")
        assert refused(path, file, "any").startswith(f"hoody-tunnel: {file}: --json and --plain don't go together\n")


def all_pulls_and_pages_get_their_own_bytes():
    with Daemon() as daemon, contextlib.ExitStack() as stack:
        lines = [f"url: ws://127.0.0.1:{daemon.port}", "connections: 3", "tunnels:"]
        for number in range(4):
            page = stack.enter_context(http_origin(lambda *_, text=b"page %d" % number: (200, [], text)))
            service = stack.enter_context(Origin(echo))
            lines.append(f"  - {{name: page-{number}, expose: {page.port}}}")
            lines.append(f"  - {{name: echo-{number}, pull: {service.port}}}")
        path = stack.enter_context(folder(tunnels_yaml="\n".join(lines)))
        driver = stack.enter_context(Tunnels(None, "up", os.path.join(path, "tunnels.yaml"), count=8))
        for number in range(4):
            assert simple_get(driver.port(f"page-{number}"))[2] == b"page %d" % number
            assert echoes(driver.port(f"echo-{number}"))


def refused(cwd, *arguments, status=2):
    """What is said on standard error by a call that fails so."""
    done = subprocess.run(
        [os.path.join(BIN, "hoody-tunnel"), "up", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        stdin=subprocess.DEVNULL,
        check=False,
        cwd=cwd,
        env={**{name: value for name, value in os.environ.items() if not name.startswith("HOODY_TUNNEL_")}, "HOME": cwd},
    )
    assert done.returncode == status and done.stdout == "" and "Sanitizer" not in done.stderr, done
    return done.stderr


def what_is_wrong_is_told_with_its_line():
    web = "tunnels:\n  - name: web\n    expose: 3000\n"
    for text, words in (
        ("url: ws://h\nurll: x\n" + web, "./t.yaml:2: there is no key 'urll' here: did you mean 'url'?"),
        (web + "    prot: 80\n", "./t.yaml:4: there is no key 'prot' of a tunnel: did you mean 'port'?"),
        (web + "    port: http\n", "./t.yaml:4: port must be a number from 0 to 65535, not 'http'"),
        (web + "  - name: web\n    pull: 1\n", "./t.yaml:4: there are two tunnels 'web'"),
        ("url: a: b\n", "./t.yaml:1: this is not YAML: "),
        ("token_file: nowhere\n" + web, "./t.yaml:1: token_file: ./nowhere can't be read: No such file or directory"),
        ("", "./t.yaml: it has no tunnels"),
        ("#" * 70000, "./t.yaml is longer than 65536 bytes"),
    ):
        with folder(t_yaml=text) as path:
            said = refused(path, "./t.yaml")
            assert words in said and said.splitlines()[1:] == ["Try: hoody-tunnel up --help"], said
    with folder(t_yaml=web) as path:
        assert "there is no tunnel 'db'; there are web" in refused(path, "t.yaml", "web", "db")
        assert "none.yaml can't be read: No such file or directory" in refused(path, "none.yaml")
        assert "there is neither hoody-tunnel.yaml here nor " in refused(path)
        assert "can't be read" in refused(path, "./")


run(
    all_tunnels_of_a_file_are_opened,
    some_may_be_chosen_by_name,
    a_file_is_found_where_it_usually_is,
    flag_and_variable_go_before_the_file,
    the_token_is_read_from_beside_the_file,
    a_takeover_is_asked_for_by_its_key,
    what_is_inspected_is_told_by_the_file_or_by_a_flag,
    a_flag_goes_before_what_the_file_says_against_it,
    all_pulls_and_pages_get_their_own_bytes,
    what_is_wrong_is_told_with_its_line,
)
