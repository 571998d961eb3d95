"""GET /openapi.json describes every real answer: routes, methods, statuses, headers, each property (protocol section 8)."""

import copy
import json
import os
import re

from jsonschema import Draft202012Validator, RefResolver

from harness import (
    API,
    BIND,
    BIND_ERR,
    BIND_OK,
    CONNECT,
    EOF,
    Daemon,
    RawDriver,
    Visitor,
    connect,
    frame,
    own_address,
    parse_answer,
    receive_all,
    receive_exactly,
    run,
    split_head,
    upgrade_request,
    wait_until,
)

ROUTES = os.path.join(os.path.dirname(__file__), "../../actors/admin_http/routes.def")
METHODS = ("get", "head", "options", "delete", "put", "post", "patch", "trace")
NO_SESSION = "S-00000000-0000-4000-8000-000000000000"
OF_EVERY_ANSWER = {"connection", "content-length", "content-type"}
OPTIONAL = {"parked"}  # the only property that is there at times; bindAddr is told apart by mode


class Api:
    """A daemon's API, every answer of which is held against its own description."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.description = daemon.get_json("/openapi.json")
        self.resolver = RefResolver("", self.description)
        self.seen = set()  # (path, method, status)

    def resolved(self, node):
        return self.resolver.resolve(node["$ref"])[1] if "$ref" in node else node

    def validator(self, schema):
        return Draft202012Validator(schema, resolver=self.resolver)

    def template_of(self, path):
        """The documented path that this one is; None: it is none."""
        path = path.partition("?")[0]
        for template in self.description["paths"]:
            if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template)), path):
                return template
        return None

    def documented(self, method, path, status):
        """The response object of such an answer."""
        template = self.template_of(path)
        self.seen.add((template, method.lower(), status))
        if template is None:
            assert status == 404, f"an undocumented route: {method} {path}: {status}"
            return self.resolved(self.description["x-unknown-path"])
        item = self.description["paths"][template]
        if method.lower() not in item:
            assert status == 405, f"an undocumented method: {method} {path}: {status}"
            return self.resolved(item["x-other-methods"])
        responses = item[method.lower()]["responses"]
        assert str(status) in responses, f"an undocumented status: {method} {path}: {status}"
        return self.resolved(responses[str(status)])

    def judge(self, method, path, answer):
        status, headers, body = answer
        response = self.documented(method, path, status)
        self.judge_headers(response, headers)
        content = response.get("content", {})
        if not content:
            assert body == b"" and "content-type" not in headers, (method, path, answer)
            return None
        assert headers["content-type"] in content, (method, path, headers)
        if method == "HEAD":
            assert body == b"", (path, body)
            return None
        schema = content[headers["content-type"]]["schema"]
        is_json = headers["content-type"] == "application/json"
        value = json.loads(body) if is_json else body.decode()
        self.validator(schema).validate(value)
        if is_json and schema != {"type": "object"}:
            self.judge_strictness(schema, value)
        return value

    def judge_headers(self, response, headers):
        documented = {name.lower(): self.resolved(header) for name, header in response.get("headers", {}).items()}
        assert set(headers) <= OF_EVERY_ANSWER | set(documented), (headers, documented)
        for name, header in documented.items():
            assert name in headers or not header.get("required"), f"{name} is missing: {headers}"
            if name in headers:
                self.validator(header["schema"]).validate(headers[name])

    def judge_strictness(self, schema, value):
        """The same answer with a property more or one less is not what the description says."""
        validator = self.validator(schema)
        for what, changed in mutants(value):
            assert not validator.is_valid(changed), f"the description lets pass: {what} of {value}"

    def call(self, method, path, headers=None):
        answer = self.daemon.request(method, path, headers)
        return answer[0], self.judge(method, path, answer)

    def get(self, path):
        status, value = self.call("GET", path)
        assert status == 200, (path, status)
        return value


def mutants(value):
    """(what was done, the changed copy) for each object within."""

    def objects(node, path=()):
        if isinstance(node, dict):
            yield path, node
            for key, child in node.items():
                yield from objects(child, (*path, key))
        elif isinstance(node, list):
            for index, child in enumerate(node):
                yield from objects(child, (*path, index))

    def at(node, path):
        for step in path:
            node = node[step]
        return node

    for path, node in list(objects(value)):
        changed = copy.deepcopy(value)
        at(changed, path)["surplus"] = 1
        yield f"a surplus property at {path}", changed
        for key in set(node) - OPTIONAL:
            changed = copy.deepcopy(value)
            del at(changed, path)[key]
            yield f"no {key} at {path}", changed


def raw(daemon, request, method="GET", host="127.0.0.1"):
    with connect(daemon.port, host=host) as sock:
        sock.sendall(request)
        return parse_answer(receive_all(sock), method)


# ---- the document itself ---------------------------------------------------------------------------------------------------


def nodes(node):
    yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(child)


def the_document_is_sound():
    with Daemon() as daemon:
        status, headers, _ = daemon.get("/openapi.json")
        assert status == 200 and headers["content-type"] == "application/json", headers
        api = Api(daemon)
        document = api.description
        version = daemon.get("/metrics")[2].decode().partition('hoody_tunnel_build_info{version="')[2].partition('"')[0]
        assert document["openapi"].startswith("3.1.") and document["info"]["version"] == version, document["info"]
        assert document["servers"] == [{"url": API}]
        for node in nodes(document):
            if isinstance(node, dict) and "$ref" in node:
                api.resolver.resolve(node["$ref"])
            if isinstance(node, dict) and "properties" in node:
                Draft202012Validator.check_schema(node)
                assert node["type"] == "object" and node["additionalProperties"] is False, node
                assert set(node["properties"]) - set(node["required"]) <= OPTIONAL, node
        names = set()
        for path, item in document["paths"].items():
            parameters = {p["name"] for p in item.get("parameters", []) if p["in"] == "path"}
            assert parameters == set(re.findall(r"\{(\w+)\}", path)), path
            for method in set(item) & set(METHODS):
                name = item[method]["operationId"]
                assert name not in names and item[method]["responses"], (path, method)
                names.add(name)


def it_names_the_routes_of_the_daemon_and_no_others():
    with open(ROUTES, encoding="utf-8") as routes, Daemon() as daemon:
        served = {(path, method.lower()) for method, path in re.findall(r'^ROUTE \(\w+, *(\w+), *"([^"]+)"', routes.read(), re.M)}
        paths = Api(daemon).description["paths"]
        documented = {(path, method) for path, item in paths.items() for method in item if method in METHODS}
        expected = {("/connect", "get")} | served | {(path, "options") for path, _ in served}
        expected |= {(path, "head") for path, method in served if method == "get"}
        assert documented == expected, documented ^ expected


# ---- real answers ----------------------------------------------------------------------------------------------------------


def bind_pull(driver):
    """A PULL binding, where the kit offers them."""
    driver.send(frame(BIND, 0, {"clientBindRef": 9, "kind": "tcp", "mode": "pull", "containerPort": 0}))
    kind, _, payload = driver.receive()
    if kind == BIND_ERR and b"offers no PULL yet" in payload:
        print("this kit offers no PULL: its rows are not seen")
        return False
    assert kind == BIND_OK, (kind, payload)
    return True


def methods_of_every_path(api):
    for template, item in api.description["paths"].items():
        path = template.replace("{id}", NO_SESSION)
        if template == "/connect":
            continue
        for method in ("GET", "HEAD", "OPTIONS", "DELETE", "POST", "PUT", "PATCH", "PROPFIND"):
            status, _ = api.call(method, path)
            good = {"GET": 200, "HEAD": 200, "OPTIONS": 204, "DELETE": 404}
            assert status == (good[method] if method.lower() in item else 405), (method, path, status)
        allowed = set(api.daemon.request("OPTIONS", path)[1]["allow"].split(", "))
        assert allowed == {method.upper() for method in item if method in METHODS}, (path, allowed)
    for method in ("GET", "HEAD", "OPTIONS", "DELETE"):
        assert api.call(method, "/nothing")[0] == 404


def lists_of_sessions(api):
    """Live ones of both subprotocols with ports and a stream, then a parked one."""
    daemon = api.daemon
    with RawDriver(daemon) as one, RawDriver(daemon, "hoody-tunnel.v2", capabilities=["multi-ws"], maxConnections=3) as two:
        port = one.bind()["containerPort"]
        two.bind()
        pulls = int(bind_pull(two))
        with Visitor(port) as visitor:
            visitor.ask()
            stream, _ = one.expect_stream()
            one.expect(EOF, stream)
            tunnels, sessions, bindings = api.get("/tunnels"), api.get("/sessions"), api.get("/bindings")
            assert len(tunnels["sessions"]) == len(sessions["sessions"]) == 2 and tunnels["totalStreams"] == 1, tunnels
            assert sum(len(session["bindings"]) for session in sessions["sessions"]) == bindings["total"] == 2 + pulls
        two.sock.close()  # without a close frame: parked
        wait_until(lambda: api.get("/tunnels")["orphanedSessions"] == 1, "the session is parked")
        parked = [row for row in api.get("/bindings")["bindings"] if "parked" in row]
        assert len(parked) == 1 + pulls and api.get("/sessions")["total"] == 1, parked
        assert api.call("DELETE", "/sessions/" + parked[0]["sessionId"])[0] == 202
        assert api.get("/bindings")["total"] == 1
        mine = f"/sessions/{one.hello_ok['sessionId']}"
        for query in ("?grace_ms=5001", "?grace_ms=-1", "?grace_ms=x", "?grace_ms=1&grace_ms=1"):
            assert api.call("DELETE", mine + query)[0] == 400, query
        assert api.call("DELETE", mine + "?grace_ms=5000")[0] == 202
        assert api.call("DELETE", mine)[0] == 404
    assert api.call("DELETE", "/sessions/none")[0] == 404


def refusals_of_callers(api):
    for template, item in api.description["paths"].items():
        path = template.replace("{id}", NO_SESSION)
        for method in set(item) & set(METHODS):
            request = f"{method.upper()} {API}{path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
            answer = raw(api.daemon, request.encode(), method.upper())
            assert answer[0] == 403, (path, method, answer)
            api.judge(method.upper(), path, answer)
            if own_address():
                answer = raw(api.daemon, request.encode(), method.upper(), own_address())
                assert answer[0] == 403, (path, method, answer)
                if method != "head":  # the guard does not even read what is asked
                    api.judge(method.upper(), path, answer)
    assert api.call("DELETE", f"/sessions/{NO_SESSION}", {"Origin": "https://evil.example"})[0] == 403


def upgrades(api):
    def judge_connect(status, request, method="GET"):
        answer = raw(api.daemon, request, method)
        assert answer[0] == status, answer
        api.judge(method, "/connect", answer)

    with connect(api.daemon.port) as sock:
        sock.sendall(upgrade_request())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += receive_exactly(sock, 1)
        line, fields, _ = split_head(head)
        assert line.startswith("HTTP/1.1 101 "), line
        headers = {name.lower(): value for name, value in fields}
        for name in ("upgrade", "sec-websocket-accept"):  # of every WebSocket
            headers.pop(name)
        api.judge("GET", "/connect", (101, headers, b""))
    judge_connect(400, f"GET {CONNECT} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    judge_connect(400, upgrade_request(subprotocol="chat"))
    judge_connect(400, upgrade_request(subprotocol=None))
    judge_connect(400, upgrade_request().replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"short"))
    judge_connect(426, upgrade_request().replace(b"Version: 13", b"Version: 8"))
    judge_connect(403, upgrade_request(headers="Origin: null\r\n"))
    for method in ("HEAD", "OPTIONS", "POST", "DELETE"):
        judge_connect(405, f"{method} {CONNECT} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode(), method)


def every_real_answer_is_as_described():
    with Daemon(listen="0.0.0.0") as daemon:
        api = Api(daemon)
        for agent in (None, "curl/7.88.1", "a \"quoted\" t\\ab"):
            assert api.call("GET", "/health", {"User-Agent": agent} if agent else None)[0] == 200
        lists_of_sessions(api)
        methods_of_every_path(api)
        refusals_of_callers(api)
        upgrades(api)
        for path, item in api.description["paths"].items():
            for method in set(item) & set(METHODS):
                for status in set(item[method]["responses"]) - {"503"}:  # that takes an overload
                    assert (path, method, int(status)) in api.seen, f"documented, never seen: {method} {path}: {status}"


run(the_document_is_sound, it_names_the_routes_of_the_daemon_and_no_others, every_real_answer_is_as_described)
