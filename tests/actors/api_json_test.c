/* The bodies of the admin API, key by key (protocol section 8). */
#include "admin_http/api_json.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka wants these before it. */
#include <cmocka.h>

#include "session_payloads.h"

#define ID_1 "S-00000000-0000-4000-8000-000000000001"
#define ID_2 "S-00000000-0000-4000-8000-000000000002"
#define ID_3 "S-00000000-0000-4000-8000-000000000003" /* parked: in no list of sessions */

static struct api_facts facts;

static void add(struct message_buffer *rows, const struct message *row)
{
    assert_true(message_pack(row, rows));
}

/* Two live sessions, one parked, streams counted by two shards. */
static int set_up(void **state)
{
    (void)state;
    facts = (struct api_facts){.orphaned_sessions = 1, .fd_permits_available = 1017};
    add(&facts.sessions, MESSAGE_OF(session_row, .session = {ID_1}, .peer = "127.0.0.1:40000", .subprotocol = 1,
                                    .connections_granted = 1, .max_streams = 1024));
    add(&facts.sessions, MESSAGE_OF(session_row, .session = {ID_2}, .peer = "[2001:db8::1]:40001", .subprotocol = 2,
                                    .connections_granted = 4, .max_streams = 16));
    add(&facts.bindings, MESSAGE_OF(binding_row, .binding = {5}, .session = {ID_3}, .kind = BIND_KIND_HTTP,
                                    .mode = BIND_MODE_EXPOSE, .port = 3000, .address = "0.0.0.0", .parked = true));
    add(&facts.bindings, MESSAGE_OF(binding_row, .binding = {7}, .session = {ID_2}, .kind = BIND_KIND_TCP,
                                    .mode = BIND_MODE_PULL, .port = 5432, .address = "127.0.0.1"));
    add(&facts.bindings, MESSAGE_OF(binding_row, .binding = {6}, .session = {ID_2}, .kind = BIND_KIND_HTTP,
                                    .mode = BIND_MODE_EXPOSE, .port = 8080, .address = "0.0.0.0"));
    add(&facts.streams, MESSAGE_OF(stream_count_row, .session = {ID_2}, .active_streams = 3));
    add(&facts.streams, MESSAGE_OF(stream_count_row, .session = {ID_3}, .active_streams = 1)); /* just closed */
    add(&facts.streams, MESSAGE_OF(stream_count_row, .session = {ID_2}, .active_streams = 4));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    api_facts_done(&facts);
    api_facts_done(&facts); /* a second call is fine */
    return 0;
}

/* Takes the text. */
static void expect_text(char *text, const char *expected)
{
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

static void tunnels_merge_sessions_bindings_and_streams(void **state)
{
    (void)state;
    expect_text(api_json_tunnels(&facts),
                "{\"sessions\":["
                "{\"sessionId\":\"" ID_1 "\",\"peerAddr\":\"127.0.0.1:40000\",\"protocol\":\"hoody-tunnel.v1\","
                "\"connectionsGranted\":1,\"activeStreams\":0,\"exposeBindings\":[],\"pullBindings\":[]},"
                "{\"sessionId\":\"" ID_2 "\",\"peerAddr\":\"[2001:db8::1]:40001\",\"protocol\":\"hoody-tunnel.v2\","
                "\"connectionsGranted\":4,\"activeStreams\":7,"
                "\"exposeBindings\":[{\"bindId\":6,\"containerPort\":8080}],"
                "\"pullBindings\":[{\"bindId\":7,\"containerPort\":5432,\"bindAddr\":\"127.0.0.1\"}]}],"
                "\"orphanedSessions\":1,\"totalStreams\":8,\"totalBindings\":3,\"fdPermitsAvailable\":1017}");
}

static void sessions_carry_their_bindings(void **state)
{
    (void)state;
    expect_text(api_json_sessions(&facts),
                "{\"sessions\":["
                "{\"sessionId\":\"" ID_1 "\",\"peerAddr\":\"127.0.0.1:40000\",\"isV2\":false,"
                "\"connectionsGranted\":1,\"activeStreams\":0,\"maxStreams\":1024,\"bindings\":[]},"
                "{\"sessionId\":\"" ID_2 "\",\"peerAddr\":\"[2001:db8::1]:40001\",\"isV2\":true,"
                "\"connectionsGranted\":4,\"activeStreams\":7,\"maxStreams\":16,\"bindings\":["
                "{\"bindId\":7,\"kind\":\"tcp\",\"mode\":\"pull\",\"containerPort\":5432,\"bindAddr\":\"127.0.0.1\"},"
                "{\"bindId\":6,\"kind\":\"http\",\"mode\":\"expose\",\"containerPort\":8080}]}],"
                "\"total\":2}");
}

static void bindings_tell_which_are_parked(void **state)
{
    (void)state;
    expect_text(api_json_bindings(&facts),
                "{\"bindings\":["
                "{\"port\":3000,\"kind\":\"http\",\"mode\":\"expose\",\"sessionId\":\"" ID_3 "\",\"bindId\":5,"
                "\"parked\":true},"
                "{\"port\":5432,\"kind\":\"tcp\",\"mode\":\"pull\",\"sessionId\":\"" ID_2 "\",\"bindId\":7,"
                "\"bindAddr\":\"127.0.0.1\"},"
                "{\"port\":8080,\"kind\":\"http\",\"mode\":\"expose\",\"sessionId\":\"" ID_2 "\",\"bindId\":6}],"
                "\"total\":3}");
}

static void nothing_is_empty_lists(void **state)
{
    (void)state;
    const struct api_facts none = {0};
    expect_text(api_json_tunnels(&none), "{\"sessions\":[],\"orphanedSessions\":0,\"totalStreams\":0,"
                                         "\"totalBindings\":0,\"fdPermitsAvailable\":0}");
    expect_text(api_json_sessions(&none), "{\"sessions\":[],\"total\":0}");
    expect_text(api_json_bindings(&none), "{\"bindings\":[],\"total\":0}");
}

typedef char *json_maker(const struct api_facts *facts);

static void expect_refused(json_maker *make, const struct message *session, const struct message *binding,
                           const struct message *streams)
{
    struct api_facts bad = {0};
    if (session != NULL)
        add(&bad.sessions, session);
    if (binding != NULL)
        add(&bad.bindings, binding);
    if (streams != NULL)
        add(&bad.streams, streams);
    assert_null(make(&bad));
    api_facts_done(&bad);
}

static void rows_that_are_not_what_they_should_be_give_no_answer(void **state)
{
    (void)state;
    const struct message *session = MESSAGE_OF(session_row, .session = {ID_1}, .subprotocol = 1);
    const struct message *binding = MESSAGE_OF(binding_row, .binding = {1}, .session = {ID_1});
    const struct message *streams = MESSAGE_OF(stream_count_row, .session = {ID_1});
    json_maker *const both[] = {api_json_tunnels, api_json_sessions};
    for (size_t i = 0; i < 2; i++) {
        expect_refused(both[i], binding, NULL, NULL);
        expect_refused(both[i], session, streams, NULL);
        expect_refused(both[i], session, binding, session);
        expect_refused(both[i], session, MESSAGE_OF(binding_row, .session = {ID_1}, .kind = BIND_KIND_OTHER), NULL);
        expect_refused(both[i], session, MESSAGE_OF(binding_row, .session = {ID_1}, .mode = BIND_MODE_OTHER), NULL);
    }
    expect_refused(api_json_tunnels, MESSAGE_OF(session_row, .session = {ID_1}, .subprotocol = 3), NULL, NULL);
    expect_refused(api_json_bindings, NULL, session, NULL);
    expect_refused(api_json_bindings, NULL, MESSAGE_OF(binding_row, .session = {ID_1}, .kind = 77), NULL);
    facts.bindings.length--; /* the last row is cut short */
    assert_null(api_json_tunnels(&facts));
    assert_null(api_json_sessions(&facts));
    assert_null(api_json_bindings(&facts));
}

static void health_says_exactly_this(void **state)
{
    (void)state;
    const struct api_health health = {
        .built = {.tv_sec = 951782400, .tv_nsec = 999999999},
        .started = {.tv_sec = 1709164799, .tv_nsec = 7000000},
        .rss_bytes = 4096,
        .fds = 12,
        .pid = 77,
        .ip = "::1",
        .user_agent = "curl/7.88.1 \"\\",
    };
    expect_text(api_json_health(&health), "{\"status\":\"ok\",\"service\":\"hoody-tunnel\","
                                          "\"built\":\"2000-02-29T00:00:00.999Z\","
                                          "\"started\":\"2024-02-28T23:59:59.007Z\","
                                          "\"memory\":{\"rss\":4096,\"heap\":null},\"fds\":12,\"pid\":77,"
                                          "\"ip\":\"::1\",\"userAgent\":\"curl/7.88.1 \\\"\\\\\"}");
}

static void what_the_kernel_does_not_say_is_null(void **state)
{
    (void)state;
    const struct api_health health = {.built = {.tv_nsec = -1},
                                      .started = {.tv_nsec = -1},
                                      .rss_bytes = -1,
                                      .fds = -1,
                                      .pid = 1,
                                      .ip = "127.0.0.1",
                                      .user_agent = ""};
    expect_text(api_json_health(&health),
                "{\"status\":\"ok\",\"service\":\"hoody-tunnel\",\"built\":null,\"started\":null,"
                "\"memory\":{\"rss\":null,\"heap\":null},\"fds\":null,\"pid\":1,\"ip\":\"127.0.0.1\","
                "\"userAgent\":\"\"}");
}

static void expect_user_agent(const char *bytes, const char *expected)
{
    const struct api_health health = {.ip = "", .user_agent = bytes};
    char *text = api_json_health(&health);
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_string_equal(json_string_value(json_object_get(json, "userAgent")), expected);
    json_decref(json);
    free(text);
}

static void a_user_agent_that_is_no_utf8_is_read_as_latin1(void **state)
{
    (void)state;
    expect_user_agent("caf\xc3\xa9", "caf\xc3\xa9");
    expect_user_agent("caf\xe9", "caf\xc3\xa9");
    expect_user_agent("\xff\x80\xc3\xa9", "\xc3\xbf\xc2\x80\xc3\x83\xc2\xa9");
    expect_user_agent("tab\there", "tab\there");
}

static void small_bodies(void **state)
{
    (void)state;
    expect_text(api_json_closing(&(const struct session_id){ID_1}),
                "{\"sessionId\":\"" ID_1 "\",\"status\":\"closing\"}");
    expect_text(api_json_error("no such \"path\""), "{\"error\":\"no such \\\"path\\\"\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tunnels_merge_sessions_bindings_and_streams, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sessions_carry_their_bindings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bindings_tell_which_are_parked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_empty_lists, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_that_are_not_what_they_should_be_give_no_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(health_says_exactly_this, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_the_kernel_does_not_say_is_null, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_user_agent_that_is_no_utf8_is_read_as_latin1, set_up, tear_down),
        cmocka_unit_test_setup_teardown(small_bodies, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
