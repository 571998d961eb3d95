"""How long a visitor is waited for (protocol sections 6 and 9): a deadline begins when what it waits for begins."""

from harness import EOF, Visitor, bound_port, run

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


run(a_kept_connection_outlives_the_first_heads_deadline)
