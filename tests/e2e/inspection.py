"""The inspection page of a native driver, asked as a program of this machine would."""

import contextlib
import http.client
import json
import re

from harness import PATIENCE, Daemon, Expose, free_port, http_origin, wait_until


class Inspection:
    """Of a driver that was started with --inspect."""

    def __init__(self, driver):
        said = wait_until(lambda: re.search(r"inspect the requests at (http://(\S+?):(\d+))\n", driver.stderr()), "the page is told")
        self.url, self.host, self.port = said.group(1), said.group(2).strip("[]"), int(said.group(3))

    def ask(self, path, method="GET", headers=None, body=None):
        """(status, {lower-case name: value}, body)."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def json(self, path):
        status, headers, body = self.ask(path)
        assert status == 200 and headers["content-type"] == "application/json", (path, status, headers, body)
        return json.loads(body)

    def post(self, path):
        """With the token: (status, JSON or None)."""
        status, _, body = self.ask(path, "POST", {"x-inspect-token": self.json("/api/info")["token"]})
        return status, json.loads(body) if body else None

    def requests(self):
        return self.json("/api/requests")["requests"]

    def request(self, number):
        return self.json(f"/api/requests/{number}")

    def body(self, number, side):
        status, headers, body = self.ask(f"/api/requests/{number}/{side}-body")
        assert status == 200 and headers["content-type"] == "application/octet-stream", (status, headers)
        return body

    def ended(self, number):
        """That request when it has come to its end."""

        def look():
            shown = [request for request in self.requests() if request["id"] == number]
            return shown and shown[0]["state"] != "running"

        wait_until(look, f"request {number} has ended")
        return self.request(number)

    def replay(self, number):
        """The new request's number."""
        status, said = self.post(f"/api/requests/{number}/replay")
        assert status == 202, (status, said)
        return said["id"]


@contextlib.contextmanager
def inspected(answer, *flags):
    """A daemon, a service with that answer function, and a driver that is inspected: (daemon, driver, inspection)."""
    with http_origin(answer) as origin, Daemon() as daemon:
        with Expose(daemon, origin.port, f"--inspect=127.0.0.1:{free_port()}", *flags) as driver:
            yield daemon, driver, Inspection(driver)
        assert not origin.failures, origin.failures


class Events:
    """The page's event stream, event by event."""

    def __init__(self, inspection):
        self.connection = http.client.HTTPConnection(inspection.host, inspection.port, timeout=PATIENCE)
        self.connection.request("GET", "/api/events")
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200 and self.answer.getheader("content-type") == "text/event-stream", self.answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.answer.close()
        self.connection.close()

    def next(self):
        lines = [self.answer.readline() for _ in range(3)]
        assert lines[0] == b"event: requests\n" and lines[1].startswith(b"data: ") and lines[2] == b"\n", lines
        return json.loads(lines[1][len(b"data: ") :])

    def until(self, is_it):
        """The first request told of that is it."""
        while True:
            for request in self.next()["requests"]:
                if is_it(request):
                    return request
