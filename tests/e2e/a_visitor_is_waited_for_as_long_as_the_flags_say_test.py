"""How long a visitor is waited for (protocol sections 6 and 9): a deadline begins when what it waits for begins."""

from harness import EOF, Visitor, bound_port, data, frame, response_head, run

SHORT, LONG = "2s", "300s"


def a_kept_connection_outlives_the_first_heads_deadline():
    """Requests that the kit answers itself count as requests."""
    flags = ("--max-streams", "1", "--head-timeout", SHORT, "--keepalive-timeout", LONG)
    with bound_port(*flags) as (_, driver, port), Visitor(port) as busy:
        busy.ask()
        stream, _ = driver.expect_stream()
        driver.expect(EOF, stream)
        with Visitor(port) as visitor, Visitor(port) as silent:
            visitor.ask()
            assert visitor.receive_answer()[0] == 503
            silent.expect_end()  # it has asked nothing: closed after SHORT
            visitor.ask()
            assert visitor.receive_answer()[0] == 503


def an_answer_that_has_begun_is_not_late():
    """Even when the visitor is so slow that all of its answer is never out of the kit at once."""
    with bound_port("--response-timeout", SHORT) as (_, driver, port):
        while not answers_a_full_visitor(driver, port, interim_heads_until_full(driver, port)):
            pass  # the sockets took less this time


def answers_a_full_visitor(driver, port, full):
    with Visitor(port, receive_buffer=16384) as slow, Visitor(port) as other:
        stream = asks(driver, slow)
        for _ in range(full):
            driver.send(response_head(stream, 103, INTERIM, final=False))
        if driver.ping():
            return False
        driver.send(response_head(stream, 200, [["content-length", "4"]]))
        later = asks(driver, other)
        assert other.receive_answer()[0] == 504  # the same time was over for the first a moment ago
        driver.expect_reset(later, 7)
        driver.send(data(stream, b"late"), frame(EOF, stream))
        assert driver.ping() == []
        while slow.receive_head()[0] == 103:
            pass
        assert slow.receive(4) == b"late"
        return True


INTERIM = [["link", "x" * 30000]]


def asks(driver, visitor):
    visitor.ask()
    stream, _ = driver.expect_stream()
    driver.expect(EOF, stream)
    return stream


def interim_heads_until_full(driver, port):
    """How many fill the sockets of a visitor that reads nothing, and a little of the kit: see the limit of interim heads."""
    with Visitor(port, receive_buffer=16384) as visitor:
        stream = asks(driver, visitor)
        sent = 0
        while True:
            driver.send(response_head(stream, 103, INTERIM, final=False))
            sent += 1
            if driver.ping():
                return sent - 3


run(a_kept_connection_outlives_the_first_heads_deadline, an_answer_that_has_begun_is_not_late)
