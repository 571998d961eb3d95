"""publicUrl: --public-url-pattern with {port}, {bindId}, {label}; without {port} the start fails (section 5)."""

from harness import Daemon, Process, RawDriver, run


def all_three_are_filled_in():
    with Daemon("--public-url-pattern", "https://{label}-{port}.kit.example/{bindId}?p={port}") as daemon:
        with RawDriver(daemon) as driver:
            ok = driver.bind(label="web")
            port, bind = ok["containerPort"], ok["bindId"]
            assert ok["publicUrl"] == f"https://web-{port}.kit.example/{bind}?p={port}", ok
            ok = driver.bind()
            assert str(ok["containerPort"]) in ok["publicUrl"] and "{" not in ok["publicUrl"], ok


def the_environment_gives_it_too():
    environment = {"HOODY_TUNNEL_PUBLIC_URL_PATTERN": "http://h:{port}/"}
    with Daemon(environment=environment) as daemon, RawDriver(daemon) as driver:
        ok = driver.bind()
        assert ok["publicUrl"] == f"http://h:{ok['containerPort']}/", ok
    with Daemon("--public-url-pattern", "http://flag:{port}", environment=environment) as daemon:
        with RawDriver(daemon) as driver:
            assert driver.bind()["publicUrl"].startswith("http://flag:")


def a_pattern_without_port_is_no_start():
    for pattern in ("https://kit.example/", "https://{label}.kit.example", "{Port}"):
        daemon = Process("hoody-tunneld", ["--public-url-pattern", pattern])
        assert daemon.wait() == 2, pattern
        assert daemon.stderr().count("\n") == 1 and "port" in daemon.stderr(), daemon.stderr()


run(all_three_are_filled_in, the_environment_gives_it_too, a_pattern_without_port_is_no_start)
