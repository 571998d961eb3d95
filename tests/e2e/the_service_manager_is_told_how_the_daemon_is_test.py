"""What systemd is told of a daemon (sd_notify): ready once it answers, reloading and ready again, alive, stopping."""

import os
import signal
import socket
import tempfile

import harness
from harness import PATIENCE, Daemon


class ServiceManager:
    """Listens where systemd would."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.socket.close()
        self.folder.cleanup()

    def hear(self):
        """The next notification as a dictionary."""
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().splitlines())

    def hear_of(self, field):
        """The next notification with this field, signs of life passed over."""
        while True:
            told = self.hear()
            if field in told:
                return told
            assert told == {"WATCHDOG": "1"}, told


def it_is_ready_when_it_answers_and_says_when_it_reloads_and_stops():
    with ServiceManager() as manager, Daemon(environment={"NOTIFY_SOCKET": manager.path}) as daemon:
        told = manager.hear()
        assert told["READY"] == "1" and str(daemon.port) in told["STATUS"], told
        for _ in range(3):
            daemon.process.send_signal(signal.SIGHUP)
            told = manager.hear()
            assert told["RELOADING"] == "1" and int(told["MONOTONIC_USEC"]) > 0, told
            assert manager.hear()["READY"] == "1"
        daemon.process.send_signal(signal.SIGTERM)
        told = manager.hear()
        assert told["STOPPING"] == "1", told
        assert int(told["EXTEND_TIMEOUT_USEC"]) >= 10_000_000, "the drain may take longer than the manager's patience"
        assert daemon.wait() == 0


def its_heart_beats_as_often_as_asked():
    environment = {"WATCHDOG_USEC": "150000"}
    with ServiceManager() as manager:
        environment["NOTIFY_SOCKET"] = manager.path
        with Daemon(environment=environment) as daemon:
            assert manager.hear()["READY"] == "1"
            for _ in range(5):
                assert manager.hear() == {"WATCHDOG": "1"}
            daemon.process.send_signal(signal.SIGTERM)
            manager.hear_of("STOPPING")
            assert daemon.wait() == 0


def without_a_service_manager_nothing_is_different():
    with Daemon(environment={"NOTIFY_SOCKET": "/nowhere/at/all"}) as daemon:
        assert daemon.get("/health")[0] == 200


harness.run(
    it_is_ready_when_it_answers_and_says_when_it_reloads_and_stops,
    its_heart_beats_as_often_as_asked,
    without_a_service_manager_nothing_is_different,
)
