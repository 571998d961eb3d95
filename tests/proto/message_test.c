/* The message catalogue: what goes in comes out, rows are walked, names and ways are the catalogue's, and one line
 * shows a message. */
#include "message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka wants these before it. */
#include <cmocka.h>

#include "message_samples.h"

/* ---- identity
 * ----------------------------------------------------------------------------------------------------- */

static void every_message_comes_out_as_it_went_in(void **state)
{
    (void)state;
    for (enum message_type type = 1; type < MESSAGE_TYPE_COUNT; type++) {
        for (int extremes = 0; extremes < 2; extremes++) {
            struct message sent = sample_make(type, extremes == 1), received;
            struct message_buffer buffer = sample_packed(type, extremes == 1);
            const char *why = NULL;
            assert_true(message_unpack(message_buffer_span(&buffer), &received, &why));
            memset(buffer.data, 0xee, buffer.length); /* nothing may borrow the input */
            sample_assert_same(&sent, &received);
            message_buffer_done(&buffer);
            message_done(&received);
            assert_null(received.storage);
            message_done(&received);
        }
    }
}

static void a_text_left_out_is_empty(void **state)
{
    (void)state;
    struct message_buffer buffer = {0};
    struct message received;
    const char *why = NULL;
    assert_true(message_pack(MESSAGE_OF(api_answered, .status = 204), &buffer));
    assert_true(message_unpack(message_buffer_span(&buffer), &received, &why));
    assert_int_equal(received.api_answered.status, 204);
    assert_string_equal(received.api_answered.content_type, "");
    assert_int_equal(received.api_answered.body.length, 0);
    message_done(&received);
    message_buffer_done(&buffer);
}

static void packing_appends(void **state)
{
    (void)state;
    struct message_buffer buffer = {0}, once = {0};
    assert_true(message_pack(MESSAGE_OF(drain, .timeout_ms = 5), &once));
    for (int i = 0; i < 3; i++)
        assert_true(message_pack(MESSAGE_OF(drain, .timeout_ms = 5), &buffer));
    assert_int_equal(buffer.length, 3 * once.length);
    assert_memory_equal(buffer.data + 2 * once.length, once.data, once.length);
    message_buffer_done(&once);
    message_buffer_done(&buffer);
    assert_null(buffer.data);
}

static void a_long_body_passes(void **state)
{
    (void)state;
    enum { LONG = 3 * 1024 * 1024 };
    uint8_t *body = malloc(LONG);
    assert_non_null(body);
    for (size_t i = 0; i < LONG; i++)
        body[i] = (uint8_t)(i * 7);
    struct message_buffer buffer = {0};
    struct message received;
    const char *why = NULL;
    assert_true(message_pack(MESSAGE_OF(metrics_rendered, .text = span_of(body, LONG)), &buffer));
    assert_true(message_unpack(message_buffer_span(&buffer), &received, &why));
    assert_int_equal(received.metrics_rendered.text.length, LONG);
    assert_memory_equal(received.metrics_rendered.text.data, body, LONG);
    message_done(&received);
    message_buffer_done(&buffer);
    free(body);
}

/* ---- rows
 * ------------------------------------------------------------------------------------------------------------- */

static void rows_are_walked_in_order(void **state)
{
    (void)state;
    struct message_buffer rows = {0}, outer = {0};
    for (uint32_t i = 0; i < 5; i++)
        assert_true(message_pack(MESSAGE_OF(metric_row, .metric = i, .labels = "code=\"x\"", .value = i * 1.5), &rows));
    assert_true(message_pack(MESSAGE_OF(metrics_reported, .ref = 1, .samples = message_buffer_span(&rows)), &outer));
    struct message reported, row;
    const char *why = NULL;
    assert_true(message_unpack(message_buffer_span(&outer), &reported, &why));
    struct span rest = reported.metrics_reported.samples;
    for (uint32_t i = 0; i < 5; i++) {
        assert_true(message_rows_next(&rest, &row));
        assert_int_equal(row.type, MESSAGE_metric_row);
        assert_int_equal(row.metric_row.metric, i);
        assert_string_equal(row.metric_row.labels, "code=\"x\"");
        message_done(&row);
    }
    assert_false(message_rows_next(&rest, &row));
    assert_int_equal(rest.length, 0);
    message_done(&reported);
    message_buffer_done(&rows);
    message_buffer_done(&outer);
}

static void broken_rows_end_the_walk_with_a_rest(void **state)
{
    (void)state;
    struct message_buffer rows = {0};
    struct message row;
    for (int i = 0; i < 2; i++)
        assert_true(message_pack(MESSAGE_OF(stream_count_row, .active_streams = 3), &rows));
    size_t one = rows.length / 2;
    for (size_t length = one + 1; length < rows.length; length++) {
        struct span rest = span_of(rows.data, length);
        assert_true(message_rows_next(&rest, &row));
        message_done(&row);
        assert_false(message_rows_next(&rest, &row));
        assert_int_equal(rest.length, length - one);
    }
    message_buffer_done(&rows);
}

/* ---- names, routing, printing
 * ------------------------------------------------------------------------------------------- */

static void every_message_has_its_name_and_way(void **state)
{
    (void)state;
#define MESSAGE(name, from, to)                                                                                        \
    assert_string_equal(message_name(MESSAGE_##name), #name);                                                          \
    assert_int_equal(message_from(MESSAGE_##name), ACTOR_##from);                                                      \
    assert_int_equal(message_to(MESSAGE_##name), ACTOR_##to);
#define FIELD(kind, name)
#define END(name)
#include "messages.def"
#undef MESSAGE
#undef FIELD
#undef END
    assert_string_equal(message_name(MESSAGE_NONE), "none");
    assert_string_equal(message_name(MESSAGE_TYPE_COUNT), "unknown");
    assert_int_equal(message_to(MESSAGE_NONE), ACTOR_any);
    assert_int_equal(message_from(MESSAGE_NONE), ACTOR_any);
    assert_string_equal(actor_name(ACTOR_session_manager), "session-manager");
    assert_string_equal(actor_name(ACTOR_any), "any");
    assert_string_equal(actor_thread_name(ACTOR_binding_registry), "binding-reg");
    for (enum actor actor = 0; actor < ACTOR_COUNT; actor++)
        assert_in_range(strlen(actor_thread_name(actor)), 1, 15);
}

/* The catalogue's own rule: a gateway is always told which shard is meant, in the first field. */
static void messages_to_a_gateway_name_its_shard(void **state)
{
    (void)state;
    for (enum message_type type = 1; type < MESSAGE_TYPE_COUNT; type++) {
        const char *kinds[SAMPLE_FIELDS_MAX];
        if (message_to(type) != ACTOR_ws_gateway)
            continue;
        struct message message = sample_make(type, false);
        assert_true(sample_kinds(type, kinds) >= 1);
        assert_string_equal(kinds[0], "u32");
        assert_int_equal(message_shard(&message), 100000 + type); /* what make gave the first field */
    }
    assert_int_equal(message_shard(MESSAGE_OF(actor_ponged, .ref = 5, .actor = 6, .shard = 7)), 7);
    assert_int_equal(message_shard(MESSAGE_OF(drain, .timeout_ms = 9)), 0);
}

static void messages_are_printed_on_one_line(void **state)
{
    (void)state;
    char text[2048];
    assert_string_equal(message_print(MESSAGE_OF(actor_ponged, .ref = 1, .actor = 2, .shard = 3), text, sizeof text),
                        "actor_ponged{ref=1 actor=2 shard=3}");
    assert_string_equal(message_print(MESSAGE_OF(bind_refused, .connection = {7}, .client_ref = -1, .code = "A\"\n\\"),
                                      text, sizeof text),
                        "bind_refused{shard=0 connection=7 client_ref=-1 code=\"A\\x22\\x0a\\x5c\" text=\"\"}");
    assert_string_equal(message_print(MESSAGE_OF(session_closing, .ref = 1, .found = true), text, sizeof text),
                        "session_closing{ref=1 found=true}");
    assert_string_equal(message_print(MESSAGE_OF(session_released, .session = {"S-x"}), text, sizeof text),
                        "session_released{session=S-x}");
    assert_string_equal(message_print(MESSAGE_OF(metrics_rendered, .text = span_of("abc", 3)), text, sizeof text),
                        "metrics_rendered{ref=0 text=(3 bytes)}");
    assert_string_equal(message_print(MESSAGE_OF(metric_row, .labels = "", .value = 1.5), text, sizeof text),
                        "metric_row{metric=0 part=0 labels=\"\" value=1.5}");
    struct message none = {0};
    assert_string_equal(message_print(&none, text, sizeof text), "none{}");
}

static void secrets_are_not_printed(void **state)
{
    (void)state;
    char text[2048];
    message_print(
        MESSAGE_OF(open_session, .peer = "10.0.0.1:5", .bearer = "hunter2", .hello = span_of_string("{\"auth\":1}")),
        text, sizeof text);
    assert_null(strstr(text, "hunter2"));
    assert_null(strstr(text, "auth"));
    assert_non_null(strstr(text, "peer=\"10.0.0.1:5\""));
    assert_non_null(strstr(text, "bearer=(7 bytes)"));
    assert_non_null(strstr(text, "hello=(10 bytes)"));
}

static void printing_is_cut_at_any_capacity(void **state)
{
    (void)state;
    for (enum message_type type = 1; type < MESSAGE_TYPE_COUNT; type++) {
        struct message message = sample_make(type, false);
        char whole[4096];
        message_print(&message, whole, sizeof whole);
        for (size_t capacity = 1; capacity <= strlen(whole) + 1; capacity++) {
            char *text = malloc(capacity);
            assert_non_null(text);
            assert_ptr_equal(message_print(&message, text, capacity), text);
            assert_int_equal(strlen(text), capacity - 1);
            assert_memory_equal(text, whole, capacity - 1);
            free(text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_comes_out_as_it_went_in),
        cmocka_unit_test(a_text_left_out_is_empty),
        cmocka_unit_test(packing_appends),
        cmocka_unit_test(a_long_body_passes),
        cmocka_unit_test(rows_are_walked_in_order),
        cmocka_unit_test(broken_rows_end_the_walk_with_a_rest),
        cmocka_unit_test(every_message_has_its_name_and_way),
        cmocka_unit_test(messages_to_a_gateway_name_its_shard),
        cmocka_unit_test(messages_are_printed_on_one_line),
        cmocka_unit_test(secrets_are_not_printed),
        cmocka_unit_test(printing_is_cut_at_any_capacity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
