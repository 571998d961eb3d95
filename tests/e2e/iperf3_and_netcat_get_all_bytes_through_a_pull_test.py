"""iperf3 sends and receives as fast as it can through a pull, and netcat gets the whole answer to a question that it ends by
closing its side."""

import json

from harness import Daemon, Origin, Pull, pattern, receive_all, run
from services.programs import Server, client, need, server_folder

SENT = 256 << 20
LONG_QUESTION = pattern(3 << 20, 2)
ANSWER = pattern(5 << 20, 8)


def measure(*options):
    """What iperf3's client has measured; its server is a fresh one, which refuses the next client until it is done with the
    last."""
    with server_folder() as folder, Server(folder, "iperf3", "-s", "-B", "127.0.0.1", "-p", "{port}") as service:
        with Daemon() as daemon, Pull(daemon, service.port) as driver:
            told = json.loads(client("iperf3", "-J", "-c", "127.0.0.1", "-p", driver.port, "-n", SENT, *options))
    assert "error" not in told, told["error"]  # its exit status may be 0 all the same
    return told["end"]


def expect_all(end):
    """All that was sent was received, but for what the other side had not read yet when the measurement ended."""
    assert end["sum_sent"]["bytes"] >= SENT, end["sum_sent"]
    assert end["sum_received"]["bytes"] > SENT / 2, end["sum_received"]


def bytes_arrive_from_the_container():
    expect_all(measure())


def bytes_arrive_from_the_service():
    expect_all(measure("-R"))


def eight_connections_share_the_way():
    for options in (("-P", "8"), ("-P", "8", "-R")):
        end = measure(*options)
        expect_all(end)
        assert all(one["receiver"]["bytes"] > 0 for one in end["streams"]), end["streams"]


def a_question_that_ends_gets_its_whole_answer():
    def service(sock, _address):
        question = receive_all(sock)
        sock.sendall(question + ANSWER)

    with Origin(service) as origin, Daemon() as daemon, Pull(daemon, origin.port) as driver:
        for question in (b"q", b"", LONG_QUESTION):
            assert client("nc.openbsd", "-N", "127.0.0.1", driver.port, stdin=question) == question + ANSWER, len(question)


need("iperf3", "nc.openbsd")
run(
    bytes_arrive_from_the_container,
    bytes_arrive_from_the_service,
    eight_connections_share_the_way,
    a_question_that_ends_gets_its_whole_answer,
)
