"""Stream cap: 503, Retry-After 1, 'max streams exceeded'; a place is free again when a stream ends (section 6)."""

from harness import EOF, Visitor, bound_port, run


def the_third_of_two():
    with bound_port("--max-streams", "2") as (daemon, driver, port):
        with Visitor(port) as first, Visitor(port) as second, Visitor(port) as third:
            streams = []
            for visitor in (first, second):
                visitor.ask()
                stream, _ = driver.expect_stream()
                driver.expect(EOF, stream)
                streams.append(stream)
            for _ in range(3):  # on a connection that is kept
                third.ask()
                status, headers, body = third.receive_answer()
                assert status == 503 and body == b"max streams exceeded", (status, body)
                assert headers["retry-after"] == "1" and headers["content-type"].startswith("text/plain"), headers
            session = daemon.get_json("/sessions")["sessions"][0]
            assert (session["activeStreams"], session["maxStreams"]) == (2, 2), session
            driver.answer(streams[0], headers=[["content-length", "0"]])
            assert first.receive_answer()[0] == 200
            third.ask(target="/again")
            stream, opened = driver.expect_stream()
            assert opened["target"] == "/again" and stream == streams[1] + 2, (stream, opened)
            driver.expect(EOF, stream)
            driver.answer(stream, headers=[["content-length", "0"]])
            assert third.receive_answer()[0] == 200


run(the_third_of_two)
