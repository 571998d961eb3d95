"""What visitors leave unread is bounded by --buffer-budget: beyond it the longest stalled stream is reset (protocol section
6), and its visitor's bytes go with it, also those of an answer that is already complete."""

from harness import EOF, RESET, WINDOW, Visitor, bound_port, data, frame, pattern, response_head, run

ANSWER = 32 << 20  # beyond what sockets hold
FLAGS = ("--stream-window", "64MiB", "--session-window", "64MiB", "--buffer-budget", "64KiB")


def stall(is_complete):
    with bound_port(*FLAGS) as (daemon, driver, port), Visitor(port, receive_buffer=16384) as visitor:
        visitor.ask()
        stream, _ = driver.expect_stream()
        driver.expect(EOF, stream)
        body = pattern(ANSWER)
        driver.send(response_head(stream, 200, [["content-length", str(ANSWER)]]))
        for start in range(0, ANSWER, 131072):
            driver.send(data(stream, body[start : start + 131072]))
        if is_complete:
            driver.send(frame(EOF, stream))
        received = driver.expect(RESET, stream, skipping=(WINDOW,))
        assert received[2][:2] == b"\0\10", received
        visitor.expect_abort()
        assert daemon.metric("hoody_tunnel_stalled_buffer_bytes") == 0
        assert daemon.metric("hoody_tunnel_stalled_resets_total") == 1


def of_an_answer_that_goes_on():
    stall(False)


def of_an_answer_that_is_complete():
    stall(True)


run(of_an_answer_that_goes_on, of_an_answer_that_is_complete)
