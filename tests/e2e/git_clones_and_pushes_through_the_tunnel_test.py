"""git clones, fetches and pushes over smart HTTP through the tunnel: small things with a length, large ones in chunks."""

import contextlib
import os
import random
import tempfile

from harness import Daemon, Expose, run, wait_until
from services.programs import Server, client, find, need, own, server_folder

CONFIGURATION = """
ServerRoot {folder}
ServerName localhost
PidFile {folder}/apache.pid
DefaultRuntimeDir {folder}
Mutex file:{folder}
Listen 127.0.0.1:{port}
ErrorLog {folder}/errors
{modules}
LogFormat "%m %U %>s %{{Transfer-Encoding}}i" transfer
CustomLog {folder}/access transfer
SetEnv GIT_PROJECT_ROOT {folder}/repositories
SetEnv GIT_HTTP_EXPORT_ALL
ScriptAlias / {backend}/
"""
MODULES = ("mpm_prefork", "authz_core", "alias", "env", "cgi")
MEBIBYTES = 50
SETTINGS = {
    "user.name": "Developer",
    "user.email": "developer@example.com",
    "init.defaultBranch": "main",
    "core.compression": "0",  # of what is random
    "pack.window": "0",
    "protocol.version": "2",
    "gc.auto": "0",
}


def git(folder, *arguments, **how):
    settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
    environment = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    return client("git", *settings, *arguments, cwd=folder, env=environment, **how).decode().strip()


def commit(folder, **files):
    for name, content in files.items():
        with open(f"{folder}/{name}", "wb") as out:
            out.write(content)
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", f"add {len(files)} files")


def apache(folder):
    """git's own server side, run by Apache for each request."""
    process = Server(folder, "apache2", "-D", "FOREGROUND", "-f", "{folder}/apache.conf")
    modules = "".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n" for name in MODULES)
    with open(f"{folder}/apache.conf", "w", encoding="ascii") as out:
        out.write(CONFIGURATION.format(folder=folder, port=process.port, modules=modules, backend=find("git-http-backend")))
    return process


def requests(folder):
    """What it has logged: METHOD PATH STATUS TRANSFER-ENCODING."""
    with open(f"{folder}/access", encoding="utf-8") as log:
        return log.read().splitlines()


@contextlib.contextmanager
def served():
    """Yields (the repository's URL through the tunnel, the server's folder, a folder for the client)."""
    with server_folder() as folder, tempfile.TemporaryDirectory() as home:
        repository = f"{folder}/repositories/project.git"
        git(home, "init", "-q", "--bare", repository)
        for name, value in (("core.compression", "0"), ("pack.window", "0"), ("http.receivepack", "true")):
            git(repository, "config", name, value)
        for path, folders, files in os.walk(f"{folder}/repositories"):
            for name in (".", *folders, *files):
                own(os.path.join(path, name))
        with apache(folder) as service, Daemon() as daemon, Expose(daemon, service.port) as driver:
            yield f"http://127.0.0.1:{driver.port}/project.git", folder, home


def head_of(folder):
    return git(folder, "rev-parse", "HEAD")


def history_goes_back_and_forth():
    with served() as (url, _, home):
        git(home, "clone", "-q", url, "mine")
        git(home, "clone", "-q", url, "theirs")
        mine, theirs = f"{home}/mine", f"{home}/theirs"
        commit(mine, readme=b"a first text\n")
        git(mine, "push", "-q", "origin", "main")
        git(theirs, "pull", "-q", "origin", "main")
        assert head_of(mine) == head_of(theirs)
        commit(theirs, more=b"a second text\n")
        git(theirs, "push", "-q", "origin", "main", "HEAD:refs/tags/v1")
        git(mine, "fetch", "-q", "--tags")
        assert git(mine, "rev-parse", "v1", "origin/main").split() == [head_of(theirs)] * 2
        commit(mine, readme=b"another text\n")
        git(mine, "push", "-q", "origin", "main", status=1)  # refused: not a fast-forward
        assert git(mine, "ls-remote", url, "refs/heads/main").split()[0] == head_of(theirs)
        git(home, "clone", "-q", "--depth", "1", url, "shallow")
        assert git(f"{home}/shallow", "rev-list", "--count", "HEAD") == "1"
        git(home, "clone", "-q", f"{url}x", "nothing", status=128)


def fifty_mebibytes_go_both_ways():
    with served() as (url, folder, home):
        git(home, "clone", "-q", url, "mine")
        source = random.Random(3)
        commit(f"{home}/mine", **{f"file{i}": source.randbytes(1 << 20) for i in range(MEBIBYTES)})
        git(f"{home}/mine", "push", "-q", "origin", "main")
        pushed = "POST /project.git/git-receive-pack 200 chunked"
        wait_until(lambda: pushed in requests(folder), "Apache tells of a push in chunks")
        git(home, "clone", "-q", url, "theirs")
        assert head_of(f"{home}/mine") == head_of(f"{home}/theirs")
        git(f"{home}/theirs", "fsck", "--full", "--strict")  # every object has the hash of its name
        assert git(f"{home}/theirs", "status", "--porcelain") == ""
        assert len(os.listdir(f"{home}/theirs")) == MEBIBYTES + 1


need("apache2", "git", "git-http-backend")
run(history_goes_back_and_forth, fifty_mebibytes_go_both_ways)
