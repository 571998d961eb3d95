"""Reverse tunnels of others, each compared when its programs are on PATH. None of them is a package of Debian 12."""

import contextlib

from links import no_link
from patience import wait_until
from peers import Way, running
from services.programs import Server, accepts, find, server_folder
from sockets import free_port


@contextlib.contextmanager
def tunnel(names, files, server_command, client_command, target, link):
    """Server and client with configuration files {name: text}. In texts and commands: {folder}, {port} (the server's), {dial}
    (where the client reaches that), {far} (where visitors come), {target}."""
    with server_folder() as folder:
        far = free_port()
        server = Server(folder, *(part.replace("{far}", str(far)) for part in server_command), as_self=True)
        facts = {"folder": folder, "port": server.port, "far": far, "target": target}

        def write(name, **more):
            with open(f"{folder}/{name}", "w", encoding="ascii") as out:
                out.write(files[name].format(**facts, **more))

        for name in files:
            if name.startswith("server"):
                write(name)
        with server, link(server.port) as dial:
            for name in files:
                if name.startswith("client"):
                    write(name, dial=dial)
            command = [part.format(**facts, dial=dial) for part in client_command]
            with running(folder, *command) as client:
                wait_until(lambda: accepts(far), f"{names[1]} has forwarded its port")
                yield Way(far, {names[0]: server.process.pid, names[1]: client.pid})


def frp(_kind, target, link=no_link):
    files = {
        "server.toml": 'bindAddr = "127.0.0.1"\nbindPort = {port}\nproxyBindAddr = "127.0.0.1"\n',
        "client.toml": 'serverAddr = "127.0.0.1"\nserverPort = {dial}\n[[proxies]]\nname = "bench"\ntype = "tcp"\n'
        'localIP = "127.0.0.1"\nlocalPort = {target}\nremotePort = {far}\n',
    }
    commands = (("frps", "-c", "{folder}/server.toml"), ("frpc", "-c", "{folder}/client.toml"))
    return tunnel(("frps", "frpc"), files, *commands, target, link)


def rathole(_kind, target, link=no_link):
    files = {
        "server.toml": '[server]\nbind_addr = "127.0.0.1:{port}"\ndefault_token = "bench"\n'
        '[server.services.bench]\nbind_addr = "127.0.0.1:{far}"\n',
        "client.toml": '[client]\nremote_addr = "127.0.0.1:{dial}"\ndefault_token = "bench"\n'
        '[client.services.bench]\nlocal_addr = "127.0.0.1:{target}"\n',
    }
    commands = (("rathole", "--server", "{folder}/server.toml"), ("rathole", "--client", "{folder}/client.toml"))
    return tunnel(("server", "client"), files, *commands, target, link)


def like_chisel(program):
    def peer(_kind, target, link=no_link):
        server = (program, "server", "--host", "127.0.0.1", "--port", "{port}", "--reverse")
        client = (program, "client", "ws://127.0.0.1:{dial}", "R:127.0.0.1:{far}:127.0.0.1:{target}")
        return tunnel(("server", "client"), {}, server, client, target, link)

    return peer


KNOWN = {
    "frp": (("frps", "frpc"), frp),
    "chisel": (("chisel",), like_chisel("chisel")),
    "rathole": (("rathole",), rathole),
    "penguin": (("penguin",), like_chisel("penguin")),
}


def present():
    """{name: peer} of those whose programs are here."""
    return {name: peer for name, (programs, peer) in KNOWN.items() if all(map(find, programs))}
