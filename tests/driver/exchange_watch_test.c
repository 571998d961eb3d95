/* What observers hear of each visitor (driver/local/exchange_observer.h). */
#include "tunnel_stage.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>

enum { TALE_BYTES = 4096, TUNNEL = 7 };

/* An observer that writes down what it hears, a line each; its marks are the numbers. */
struct scribe {
    struct exchange_observers observers;
    char tale[TALE_BYTES];
    size_t length;
};

static struct scribe scribe;

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(scribe.tale + scribe.length, TALE_BYTES - scribe.length, format, arguments);
    va_end(arguments);
    assert_true(length >= 0 && (size_t)length < TALE_BYTES - scribe.length);
    scribe.length += (size_t)length;
}

static void *on_begin(void *owner, const struct exchange_begin *begin)
{
    assert_ptr_equal(owner, &scribe);
    assert_int_equal(begin->tunnel, TUNNEL);
    assert_true(begin->at.tv_sec > 0);
    assert_true(begin->at_us > 0);
    const struct stream_open *open = begin->open;
    note("begin %u %s %s from %s host %s\n", (unsigned)begin->number, open->kind == STREAM_HTTP ? open->method : "tcp",
         open->kind == STREAM_HTTP ? open->target : "-", open->peer_address,
         open->fields.count > 0 ? field_list_find(&open->fields, "host") : "-");
    return &scribe.tale[begin->number];
}

static unsigned number_of(const void *mark)
{
    return (unsigned)((const char *)mark - scribe.tale);
}

static void on_head(void *owner, void *mark, const struct response_head *head)
{
    (void)owner;
    note("head %u %u%s, %zu fields\n", number_of(mark), head->status, head->is_final ? "" : " interim",
         head->fields.count);
}

static void on_bytes(void *owner, void *mark, enum exchange_direction direction, const struct exchange_bytes *bytes)
{
    (void)owner;
    char text[64];
    size_t length = exchange_bytes_copy(bytes, text, sizeof text);
    assert_int_equal(length, bytes->length < sizeof text ? bytes->length : sizeof text);
    note("%s %u '%.*s'\n", direction == EXCHANGE_IN ? "in" : "out", number_of(mark), (int)length, text);
}

static void on_end(void *owner, void *mark, const struct exchange_result *result)
{
    static const char *const ENDS[] = {"complete", "failed", "left", "lost"};
    (void)owner;
    assert_true(result->duration_us < 60000000);
    note("end %u %s in %u out %u%s%s\n", number_of(mark), ENDS[result->end], (unsigned)result->bytes[EXCHANGE_IN],
         (unsigned)result->bytes[EXCHANGE_OUT], *result->why != '\0' ? ": " : "", result->why);
}

static const struct exchange_observer SCRIBE = {
    .owner = &scribe,
    .on_begin = on_begin,
    .on_head = on_head,
    .on_bytes = on_bytes,
    .on_end = on_end,
};

static void observe(struct stage *stage)
{
    const struct exchange_place place = {.observers = &scribe.observers, .tunnel = TUNNEL};
    scribe = (struct scribe){0};
    exchange_observers_add(&scribe.observers, &SCRIBE);
    stage->service.place = place;
    stage->target.place = place;
}

static int set_up(void **state)
{
    int result = stage_set_up(state);
    observe(*state);
    return result;
}

static int set_up_pull(void **state)
{
    int result = stage_set_up_pull(state);
    observe(*state);
    return result;
}

static void expect_tale(const char *tale)
{
    assert_string_equal(scribe.tale, tale);
}

/* Ends with the text that is said here; what the service's name is differs. */
static void expect_last(const char *begin, const char *end)
{
    char *last = strstr(scribe.tale, "end ");
    assert_non_null(last);
    assert_ptr_equal(strstr(last, begin), last);
    assert_non_null(strstr(last, end));
}

/* ---- requests ---- */

static void a_request_and_its_answer_are_told(void **state)
{
    struct stage *stage = *state;
    stage_open(stage, 2, "GET", "/a?b=c", "[\"host\",\"v\"]");
    stage_say(stage, FRAME_EOF, 2, "");
    stage_service_hear(stage, 0, "GET /a?b=c HTTP/1.1\r\nHost: service\r\nx-forwarded-host: v\r\n\r\n");
    expect_tale("begin 1 GET /a?b=c from 192.0.2.1:5 host v\n");
    stage_service_say(stage, 0, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello");
    stage_hear(stage, FRAME_STREAM_RESPONSE_HEAD, 2);
    stage_hear_data(stage, 2, "hello", 5);
    stage_hear(stage, FRAME_EOF, 2);
    expect_tale("begin 1 GET /a?b=c from 192.0.2.1:5 host v\n"
                "head 1 200, 2 fields\n"
                "out 1 'hello'\n"
                "end 1 complete in 0 out 5\n");
}

static void bodies_are_told_without_their_chunks(void **state)
{
    struct stage *stage = *state;
    stage_open(stage, 2, "POST", "/p", "[\"host\",\"v\"],[\"transfer-encoding\",\"chunked\"]");
    stage_say(stage, FRAME_DATA, 2, "abc");
    stage_say(stage, FRAME_DATA, 2, "");
    stage_say(stage, FRAME_DATA, 2, "defg");
    stage_say(stage, FRAME_EOF, 2, "");
    stage_service_hear(stage, 0,
                       "POST /p HTTP/1.1\r\nHost: service\r\ntransfer-encoding: chunked\r\nx-forwarded-host: v\r\n\r\n"
                       "7\r\nabcdefg\r\n0\r\n\r\n");
    stage_service_say(stage, 0, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxy\r\n0\r\n\r\n");
    stage_hear(stage, FRAME_STREAM_RESPONSE_HEAD, 2);
    stage_hear_data(stage, 2, "xy", 2);
    stage_hear(stage, FRAME_EOF, 2);
    expect_tale("begin 1 POST /p from 192.0.2.1:5 host v\n"
                "in 1 'abc'\n"
                "in 1 'defg'\n"
                "head 1 200, 0 fields\n"
                "out 1 'xy'\n"
                "end 1 complete in 7 out 2\n");
}

static void interim_heads_are_told_too(void **state)
{
    struct stage *stage = *state;
    stage_open(stage, 2, "GET", "/", "");
    stage_say(stage, FRAME_EOF, 2, "");
    stage_service_hear(stage, 0, "GET / HTTP/1.1\r\nHost: service\r\n\r\n");
    stage_service_say(stage, 0, "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
    stage_hear(stage, FRAME_STREAM_RESPONSE_HEAD, 2);
    stage_hear(stage, FRAME_STREAM_RESPONSE_HEAD, 2);
    stage_hear(stage, FRAME_EOF, 2);
    expect_tale("begin 1 GET / from 192.0.2.1:5 host -\n"
                "head 1 103 interim, 1 fields\n"
                "head 1 204, 0 fields\n"
                "end 1 complete in 0 out 0\n");
}

static void visitors_at_once_are_told_apart(void **state)
{
    struct stage *stage = *state;
    stage_open(stage, 2, "GET", "/a", "");
    stage_say(stage, FRAME_EOF, 2, "");
    stage_service_hear(stage, 0, "GET /a HTTP/1.1\r\nHost: service\r\n\r\n");
    stage_open(stage, 4, "GET", "/b", "");
    stage_say(stage, FRAME_EOF, 4, "");
    stage_service_hear(stage, 1, "GET /b HTTP/1.1\r\nHost: service\r\n\r\n");
    stage_service_say(stage, 1, "HTTP/1.1 204 No Content\r\n\r\n");
    stage_hear(stage, FRAME_STREAM_RESPONSE_HEAD, 4);
    stage_hear(stage, FRAME_EOF, 4);
    stage_service_say(stage, 0, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    stage_hear(stage, FRAME_STREAM_RESPONSE_HEAD, 2);
    stage_hear(stage, FRAME_EOF, 2);
    expect_tale("begin 1 GET /a from 192.0.2.1:5 host -\n"
                "begin 2 GET /b from 192.0.2.1:5 host -\n"
                "head 2 204, 0 fields\n"
                "end 2 complete in 0 out 0\n"
                "head 1 404, 1 fields\n"
                "end 1 complete in 0 out 0\n");
}

static void a_service_that_is_down_is_a_failure_with_its_reason(void **state)
{
    struct stage *stage = *state;
    stage_stop_service(stage);
    stage_open(stage, 2, "GET", "/a", "");
    stage_say(stage, FRAME_EOF, 2, "");
    stage_hear_reset(stage, 2, CODE_INTERNAL_ERROR, "refused the connection");
    expect_last("end 1 failed in 0 out 0: local service ", "refused the connection\n");
}

static void an_answer_that_breaks_off_is_a_failure(void **state)
{
    struct stage *stage = *state;
    stage_open(stage, 2, "GET", "/a", "");
    stage_say(stage, FRAME_EOF, 2, "");
    stage_service_hear(stage, 0, "GET /a HTTP/1.1\r\nHost: service\r\n\r\n");
    stage_service_say(stage, 0, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello");
    stage_hear(stage, FRAME_STREAM_RESPONSE_HEAD, 2);
    stage_hear_data(stage, 2, "hello", 5);
    stage_service_end(stage, 0);
    stage_hear_reset(stage, 2, CODE_INTERNAL_ERROR, "in the middle");
    expect_last("end 1 failed in 0 out 5: local service ", "closed the connection in the middle of its answer\n");
}

static void a_visitor_who_leaves_is_told_as_that(void **state)
{
    static const char RESET[] = "\0\7the visitor has left";
    struct stage *stage = *state;
    stage_open(stage, 2, "GET", "/a", "");
    stage_service_hear(stage, 0, "GET /a HTTP/1.1\r\nHost: service\r\n\r\n");
    stage_say_bytes(stage, FRAME_RESET, 2, RESET, sizeof RESET - 1);
    stage_hear_nothing(stage);
    expect_tale("begin 1 GET /a from 192.0.2.1:5 host -\n"
                "end 1 left in 0 out 0: the visitor has left\n");
}

static void a_lost_session_is_told_as_that(void **state)
{
    struct stage *stage = *state;
    stage_open(stage, 2, "GET", "/a", "");
    stage_service_hear(stage, 0, "GET /a HTTP/1.1\r\nHost: service\r\n\r\n");
    stage_drop_kit(stage, false);
    stage_await_end(stage);
    expect_tale("begin 1 GET /a from 192.0.2.1:5 host -\n"
                "end 1 lost in 0 out 0: the session with the daemon ended\n");
}

/* ---- raw bytes ---- */

static void an_upgrade_is_told_to_its_end(void **state)
{
    struct stage *stage = *state;
    stage_open_upgrade(stage, 2);
    stage_say(stage, FRAME_DATA, 2, "early");
    stage_service_hear(stage, 0,
                       "GET /ws HTTP/1.1\r\nHost: service\r\nconnection: upgrade\r\nupgrade: raw\r\nx-forwarded-host: "
                       "a\r\n\r\n");
    stage_service_say(stage, 0, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n");
    stage_hear(stage, FRAME_STREAM_RESPONSE_HEAD, 2);
    stage_service_hear(stage, 0, "early");
    stage_service_say(stage, 0, "pong");
    stage_hear_data(stage, 2, "pong", 4);
    stage_say(stage, FRAME_EOF, 2, "");
    stage_service_hear_end(stage, 0);
    stage_service_end(stage, 0);
    stage_hear(stage, FRAME_EOF, 2);
    stage_hear_nothing(stage);
    expect_tale("begin 1 GET /ws from 192.0.2.1:5 host a\n"
                "in 1 'early'\n"
                "head 1 101, 2 fields\n"
                "out 1 'pong'\n"
                "end 1 complete in 5 out 4\n");
}

static void a_pull_is_told_to_its_end(void **state)
{
    struct stage *stage = *state;
    stage_open_tcp(stage, 2);
    stage_say(stage, FRAME_DATA, 2, "early");
    stage_service_hear(stage, 0, "early");
    stage_service_say(stage, 0, "pong");
    stage_hear_data(stage, 2, "pong", 4);
    stage_say(stage, FRAME_DATA, 2, "late");
    stage_say(stage, FRAME_EOF, 2, "");
    stage_service_hear(stage, 0, "late");
    stage_service_hear_end(stage, 0);
    stage_service_end(stage, 0);
    stage_hear(stage, FRAME_EOF, 2);
    stage_hear_nothing(stage);
    expect_tale("begin 1 tcp - from 127.0.0.1:5 host -\n"
                "in 1 'early'\n"
                "out 1 'pong'\n"
                "in 1 'late'\n"
                "end 1 complete in 9 out 4\n");
}

static void a_pull_whose_target_refuses_is_a_failure(void **state)
{
    struct stage *stage = *state;
    stage_stop_service(stage);
    stage_open_tcp(stage, 2);
    stage_hear_reset(stage, 2, CODE_REFUSED_STREAM, "refused the connection");
    expect_last("end 1 failed in 0 out 0: target ", "refused the connection\n");
}

/* ---- the observers ---- */

static void each_observer_is_told(void **state)
{
    struct stage *stage = *state;
    exchange_observers_add(&scribe.observers, &SCRIBE);
    stage_open_tcp(stage, 2);
    stage_service_say(stage, 0, "x");
    stage_hear_data(stage, 2, "x", 1);
    expect_tale("begin 1 tcp - from 127.0.0.1:5 host -\n"
                "begin 1 tcp - from 127.0.0.1:5 host -\n"
                "out 1 'x'\n"
                "out 1 'x'\n");
}

static void without_observers_nothing_is_told_and_all_passes(void **state)
{
    struct stage *stage = *state;
    scribe.observers.count = 0;
    stage_open_tcp(stage, 2);
    stage_service_say(stage, 0, "x");
    stage_hear_data(stage, 2, "x", 1);
    expect_tale("");
}

static void bytes_are_copied_from_their_place_whatever_lies_around(void **state)
{
    (void)state;
    struct evbuffer *buffer = evbuffer_new();
    assert_non_null(buffer);
    evbuffer_add_reference(buffer, "before", 6, NULL, NULL); /* pieces of their own */
    evbuffer_add_reference(buffer, "hello ", 6, NULL, NULL);
    evbuffer_add_reference(buffer, "world, after", 12, NULL, NULL);
    const struct exchange_bytes bytes = {.length = 11, .buffer = buffer, .offset = 6};
    char copy[16] = "";
    assert_int_equal(exchange_bytes_copy(&bytes, copy, sizeof copy), 11);
    assert_memory_equal(copy, "hello world", 11);
    assert_int_equal(exchange_bytes_copy(&bytes, copy, 8), 8);
    assert_memory_equal(copy, "hello wo", 8);
    assert_int_equal(exchange_bytes_copy(&bytes, copy, 0), 0);
    assert_int_equal(evbuffer_get_length(buffer), 24);
    evbuffer_free(buffer);
}

#define EXPOSE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, stage_tear_down)
#define PULL_TEST(test)   cmocka_unit_test_setup_teardown(test, set_up_pull, stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXPOSE_TEST(a_request_and_its_answer_are_told),
        EXPOSE_TEST(bodies_are_told_without_their_chunks),
        EXPOSE_TEST(interim_heads_are_told_too),
        EXPOSE_TEST(visitors_at_once_are_told_apart),
        EXPOSE_TEST(a_service_that_is_down_is_a_failure_with_its_reason),
        EXPOSE_TEST(an_answer_that_breaks_off_is_a_failure),
        EXPOSE_TEST(a_visitor_who_leaves_is_told_as_that),
        EXPOSE_TEST(a_lost_session_is_told_as_that),
        EXPOSE_TEST(an_upgrade_is_told_to_its_end),
        PULL_TEST(a_pull_is_told_to_its_end),
        PULL_TEST(a_pull_whose_target_refuses_is_a_failure),
        PULL_TEST(each_observer_is_told),
        PULL_TEST(without_observers_nothing_is_told_and_all_passes),
        cmocka_unit_test(bytes_are_copied_from_their_place_whatever_lies_around),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
