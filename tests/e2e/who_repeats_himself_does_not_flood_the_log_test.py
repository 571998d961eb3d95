"""The same event is written so many times in one go, and then now and then: the log says how often it was not."""

from harness import Daemon, RawDriver, fetch, run
from logs import events_of, wait_for_event

BURST = 100
TIMES = 400


def suppressed_of(daemon, event):
    told = sum(line.get("suppressed", 0) for line in events_of(daemon, event))
    return told + sum(line["suppressed"] for line in events_of(daemon, "lines-suppressed", of=event))


def garbage_is_counted():
    with Daemon("--log-format", "json") as daemon:
        for _ in range(TIMES):
            with RawDriver(daemon, says_hello=False) as driver:
                driver.send(b"no frame")
                driver.expect_closed()
        written = len(events_of(daemon, "driver-refused"))
        assert BURST <= written < TIMES, written
    written = len(events_of(daemon, "driver-refused"))
    assert written + suppressed_of(daemon, "driver-refused") == TIMES, (written, suppressed_of(daemon, "driver-refused"))


def one_event_silences_no_other():
    with Daemon("--log-format", "json") as daemon:
        for _ in range(2 * BURST):
            with RawDriver(daemon, says_hello=False) as driver:
                driver.send(b"no frame")
                driver.expect_closed()
        with RawDriver(daemon) as driver:
            driver.bind()
            wait_for_event(daemon, "bound", session=driver.hello_ok["sessionId"])


def access_lines_are_all_written():
    with Daemon("--access-log", "--log-format", "json") as daemon, RawDriver(daemon) as driver:
        port = driver.bind()["containerPort"]
        for _ in range(TIMES):
            assert fetch(port, b"no HTTP\r\n\r\n")[0] == 400
        driver.ping()
        assert len(events_of(daemon, "request", status=400)) == TIMES


run(garbage_is_counted, one_event_silences_no_other, access_lines_are_all_written)
