"""A real Prometheus scrapes the kit: the target is up, its series are there, their types are ours (protocol section 8)."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.parse
import urllib.request

from busy_kit import ANSWER, busy_kit
from harness import API, PATIENCE, free_port, run, skip, wait_until

CONFIGURATION = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: hoody-tunnel
    metrics_path: {path}
    static_configs: [{{targets: ['127.0.0.1:{port}']}}]
"""


class Prometheus:
    """A server of its own that scrapes one target, with nothing of the system's."""

    def __init__(self, daemon, folder):
        self.port = free_port()
        configuration = os.path.join(folder, "prometheus.yml")
        with open(configuration, "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(path=API + "/metrics", port=daemon.port))
        self.log_path = os.path.join(folder, "log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={configuration}",
                    f"--storage.tsdb.path={os.path.join(folder, 'data')}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    "--log.level=warn",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def ask(self, path, **parameters):
        """The data of an answer of its API; None: it is not up yet."""
        assert self.process.poll() is None, f"prometheus ended: {self.log()}"
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
                document = json.load(answer)
        except OSError:
            return None
        assert document["status"] == "success", document
        return document["data"]

    def query(self, expression):
        """{labels as sorted pairs: value}"""
        data = self.ask("query", query=expression)
        plain = {"__name__", "instance", "job"}
        return {
            tuple(sorted((k, v) for k, v in row["metric"].items() if k not in plain)): float(row["value"][1])
            for row in (data or {"result": []})["result"]
        }


@contextlib.contextmanager
def prometheus_of(daemon):
    with tempfile.TemporaryDirectory() as folder:
        server = Prometheus(daemon, folder)
        try:
            yield server
        finally:
            server.process.terminate()
            try:
                server.process.wait(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                server.process.kill()
                server.process.wait()


def scraped_target(server):
    """The one target, as soon as it was scraped."""
    targets = (server.ask("targets") or {}).get("activeTargets", [])
    return targets[0] if targets and targets[0]["health"] != "unknown" else None


def it_is_scraped_without_an_error():
    with busy_kit() as (daemon, driver), prometheus_of(daemon) as server:
        target = wait_until(lambda: scraped_target(server), "prometheus has scraped the kit")
        assert target["health"] == "up" and target["lastError"] == "", target
        assert wait_until(lambda: server.query("up"), "the scrape is stored") == {(): 1}

        values = {
            "hoody_tunnel_sessions_active": {(): 1},
            "hoody_tunnel_fd_permits_available": {(): daemon.get_json("/tunnels")["fdPermitsAvailable"]},
            "hoody_tunnel_bindings_active": {
                (("kind", "http"), ("mode", "expose")): 1,
                (("kind", "tcp"), ("mode", "pull")): 0,
            },
            'hoody_tunnel_stream_bytes_total{mode="expose",direction="to_visitor"}': {
                (("direction", "to_visitor"), ("mode", "expose")): 2 * len(ANSWER)
            },
            'hoody_tunnel_handshakes_total{result="resumed"}': {(("result", "resumed"),): 1},
            "sum(hoody_tunnel_streams_refused_total)": {(): 3},
            "hoody_tunnel_request_duration_seconds_count > 0 and histogram_quantile(0.9, "
            "hoody_tunnel_request_duration_seconds_bucket) >= 0": server.query("hoody_tunnel_request_duration_seconds_count"),
            "process_open_fds > 3 and process_start_time_seconds > 0": server.query("process_open_fds"),
        }
        for expression, expected in values.items():
            assert expected and server.query(expression) == expected, (expression, server.query(expression))

        text = daemon.get("/metrics")[2].decode()
        types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
        helps = dict(re.findall(r"^# HELP (\S+) (.+)$", text, re.M))
        metadata = server.ask("metadata")
        known = {name: [(entry["type"], entry["help"]) for entry in metadata[name]] for name in types if name in metadata}
        assert known == {name: [(types[name], helps[name])] for name in types}, set(types) ^ set(known)
        samples = len([line for line in text.splitlines() if line and not line.startswith("#")])
        assert server.query("scrape_samples_scraped") == {(): samples}, samples

        driver.close()
        wait_until(lambda: server.query("hoody_tunnel_sessions_active") == {(): 0}, "the next scrape sees the end")
        assert "level=error" not in server.log() and "crape" not in server.log(), server.log()


if not shutil.which("prometheus"):
    skip("there is no prometheus here (Debian: prometheus)")
run(it_is_scraped_without_an_error)
