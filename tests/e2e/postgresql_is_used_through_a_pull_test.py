"""PostgreSQL behind a pull, used by its own clients: queries, 50 MiB copied in and out, a cancelled query, a client that leaves,
and eight clients of pgbench at once."""

import contextlib
import functools
import hashlib
import re
import signal
import subprocess
import tempfile

from harness import PATIENCE, Daemon, Pull, run, wait_until
from services.programs import LONG, Server, as_server, client, environment, find, need, own, server_folder

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "{folder}",
    "fsync": "off",
    "shared_buffers": "64MB",
    "max_wal_size": "2GB",
}
COPIED = 50 << 20
URI = "postgresql://tester@127.0.0.1:{port}/postgres?sslmode=disable&connect_timeout=20"


def as_servers_user(folder, *command):
    subprocess.run(as_server(command), env=environment(folder), cwd=folder, check=True, capture_output=True, timeout=LONG)


@functools.cache
def empty_cluster():
    """The folder of one that is as initdb makes it, once."""
    folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
    own(folder.name)
    how = ("-U", "tester", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
    as_servers_user(folder.name, "initdb", "-D", f"{folder.name}/data", *how)
    return folder


@contextlib.contextmanager
def served():
    """Yields the database's URI through the tunnel."""
    with server_folder() as folder:
        as_servers_user(folder, "cp", "-a", f"{empty_cluster().name}/data", f"{folder}/data")
        settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        service = Server(folder, "postgres", "-D", "{folder}/data", "-p", "{port}", *settings, stop=signal.SIGINT)
        with service, Daemon() as daemon, Pull(daemon, service.port) as driver:
            uri = URI.format(port=driver.port)
            wait_until(lambda: "ready to accept connections" in service.said(), "PostgreSQL is ready")
            yield uri, folder


def psql(uri, *commands, **how):
    """What the commands print, unadorned."""
    options = [part for command in commands for part in ("-c", command)]
    return client("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", uri, *options, **how)


def rows():
    """Lines of a table, some 50 MiB of them."""
    size = number = 0
    while size < COPIED:
        line = f"{number}\t{hashlib.sha256(str(number).encode()).hexdigest()}\n".encode()
        size += len(line)
        number += 1
        yield line


def queries_are_answered():
    with served() as (uri, _):
        assert psql(uri, "select 6 * 7") == b"42\n"
        assert psql(uri, "select g from generate_series(1, 1000) g").split() == [b"%d" % i for i in range(1, 1001)]
        assert len(psql(uri, "select repeat('x', 20000000)")) == 20_000_001
        psql(uri, "select 1 / 0", status=1)
        psql(uri, "begin", "create table t (a int)", "insert into t values (1), (2)", "commit")
        assert psql(uri, "select sum(a) from t") == b"3\n"


def a_table_is_copied_in_and_out():
    with served() as (uri, folder):
        with open(f"{folder}/in", "wb") as file:
            file.writelines(rows())
        psql(uri, "create unlogged table copied (number int primary key, digest text)", f"\\copy copied from '{folder}/in'")
        psql(uri, f"\\copy (select * from copied order by number) to '{folder}/out'")
        with open(f"{folder}/in", "rb") as put, open(f"{folder}/out", "rb") as got:
            assert put.read() == got.read()


def a_query_is_cancelled_by_a_connection_beside_it():
    with served() as (uri, folder):
        command = [find("psql"), "-XqAt", uri, "-c", "select pg_sleep(600)"]
        with subprocess.Popen(command, env=environment(folder), stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) as waiting:
            running = "select count(*) from pg_stat_activity where state = 'active' and query = 'select pg_sleep(600)'"
            wait_until(lambda: psql(uri, running) == b"1\n", "the query runs")
            waiting.send_signal(signal.SIGINT)
            said = waiting.communicate(timeout=PATIENCE)[1]
        assert b"canceling statement due to user request" in said, said
        assert psql(uri, running) == b"0\n"


def a_client_that_leaves_is_seen_to_leave():
    with served() as (uri, folder):
        command = [find("psql"), "-XqAt", uri]
        with subprocess.Popen(command, env=environment(folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            holder.stdin.write(b"begin; select pg_advisory_lock(7); \\echo held\n")
            holder.stdin.flush()
            while holder.stdout.readline() not in (b"held\n", b""):
                pass
            assert psql(uri, "select pg_try_advisory_lock(7)") == b"f\n"
            holder.kill()
        wait_until(lambda: psql(uri, "select pg_try_advisory_lock(7)") == b"t\n", "the lock of the one who left is free")


def eight_clients_at_once_have_no_error():
    with served() as (uri, _):
        client("pgbench", "-i", "-q", "-s", "4", uri)
        told = client("pgbench", "-n", "-c", "8", "-j", "2", "-T", "5", uri).decode()
        done = re.search(r"number of transactions actually processed: (\d+)", told)
        assert done and int(done[1]) > 0 and "number of failed transactions: 0 " in told, told
        assert psql(uri, "select count(*) from pgbench_history") == done[1].encode() + b"\n", told
        sums = psql(uri, "select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history)")
        assert sums == b"t\n"


need("postgres", "initdb", "psql", "pgbench")
run(
    queries_are_answered,
    a_table_is_copied_in_and_out,
    a_query_is_cancelled_by_a_connection_beside_it,
    a_client_that_leaves_is_seen_to_leave,
    eight_clients_at_once_have_no_error,
)
