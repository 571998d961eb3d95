"""x-forwarded-for|host|proto: from a trusted source what came is kept and the address appended, from others it is replaced
(protocol section 6)."""

from harness import EOF, Visitor, bound_port, own_address, run

FORGED = "X-Forwarded-For: 1.1.1.1\r\nx-forwarded-for: 2.2.2.2, 3.3.3.3\r\nX-Forwarded-Host: evil.test\r\nX-Forwarded-Proto: https\r\n"


def forwarded(driver, port, headers=FORGED, host="127.0.0.1"):
    """What the driver gets of them, in order."""
    with Visitor(port, host=host) as visitor:
        visitor.ask(headers=headers)
        stream, opened = driver.expect_stream()
        driver.expect(EOF, stream)
        driver.answer(stream, headers=[["content-length", "0"]])
        assert visitor.receive_answer()[0] == 200
        return [tuple(field) for field in opened["headers"] if field[0].startswith("x-forwarded-")]


def made_by_the_kit(address):
    return [("x-forwarded-for", address), ("x-forwarded-host", "test"), ("x-forwarded-proto", "http")]


def kept(address):
    came = [("x-forwarded-host", "evil.test"), ("x-forwarded-proto", "https")]
    return [*came, ("x-forwarded-for", f"1.1.1.1, 2.2.2.2, 3.3.3.3, {address}")]


def of_loopback():
    with bound_port() as (_, driver, port):
        assert forwarded(driver, port) == kept("127.0.0.1")
        assert forwarded(driver, port, "") == made_by_the_kit("127.0.0.1")
        assert forwarded(driver, port, "X-Forwarded-For:\r\n") == made_by_the_kit("127.0.0.1")


def of_a_stranger():
    address = own_address()
    if not address:
        print("no address beside loopback here: not tried")
        return
    with bound_port() as (_, driver, port):
        assert forwarded(driver, port, host=address) == made_by_the_kit(address)
    with bound_port("--trusted-source", "203.0.113.0/24") as (_, driver, port):
        assert forwarded(driver, port, host=address) == made_by_the_kit(address)
    with bound_port("--no-forwarded-headers") as (_, driver, port):
        assert forwarded(driver, port, host=address) == []


def of_a_trusted_source():
    address = own_address()
    if not address:
        print("no address beside loopback here: not tried")
        return
    with bound_port("--trusted-source", f"{address}/32") as (_, driver, port):
        assert forwarded(driver, port, host=address) == kept(address)


def without_ours_those_of_a_trusted_source_stay():
    with bound_port("--no-forwarded-headers") as (_, driver, port):
        assert forwarded(driver, port, "") == []
        assert forwarded(driver, port) == [
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-for", "2.2.2.2, 3.3.3.3"),
            ("x-forwarded-host", "evil.test"),
            ("x-forwarded-proto", "https"),
        ]


run(of_loopback, of_a_stranger, of_a_trusted_source, without_ours_those_of_a_trusted_source_stay)
