#include "api_script.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

#include "admin_http.h"
#include "session_payloads.h"

static char allowed_origin[] = "https://app.example.com", admin_host[] = "kit.example.com",
            admin_hosts_below[] = "*.tunnels.example.net";
static char *allowed_origins[] = {allowed_origin};
static char *admin_hosts[] = {admin_host, admin_hosts_below};

static struct options options;

int api_set_up(void **state)
{
    options = (struct options){.shards = 1}; /* the actor looks at no others than these */
    options.allowed_origins = (struct option_list){.items = allowed_origins, .count = 1};
    options.admin_hosts = (struct option_list){.items = admin_hosts, .count = 2};
    *state = stage_new(&admin_http_actor, &options);
    return 0;
}

int api_tear_down(void **state)
{
    struct stage *stage = *state;
    stage_destroy(&stage);
    return 0;
}

/* ---- requests and answers ------------------------------------------------------------------------------------- */

void api_request_on(struct stage *stage, uint64_t connection, const char *method, const char *target)
{
    stage_say(stage, MESSAGE_OF(api_request, .connection = {connection}, .method = method, .target = target,
                                .host = "127.0.0.1:7080", .peer_ip = "127.0.0.1", .user_agent = "curl/7.88.1"));
}

void api_request(struct stage *stage, const char *method, const char *target)
{
    api_request_on(stage, API_CONNECTION, method, target);
}

/* What does not matter to a test: what a browser adds. */
void api_request_from(struct stage *stage, const char *method, const char *target, const char *host,
                      const char *peer_ip, const char *origin)
{
    stage_say(stage, MESSAGE_OF(api_request, .connection = {API_CONNECTION}, .method = method, .target = target,
                                .host = host, .has_origin = origin != NULL, .origin = origin, .peer_ip = peer_ip));
}

const struct message_api_answered *api_hear(struct stage *stage, uint32_t status)
{
    const struct message_api_answered *answered = &stage_hear(stage, MESSAGE_api_answered)->api_answered;
    if (answered->status != status)
        fail_msg("answered %u %.*s, not %u", (unsigned)answered->status, (int)answered->body.length,
                 (const char *)answered->body.data, (unsigned)status);
    return answered;
}

/* The body must be exactly this JSON. */
void api_hear_json(struct stage *stage, uint32_t status, const char *expected)
{
    const struct message_api_answered *answered = api_hear(stage, status);
    assert_int_equal(answered->connection.value, API_CONNECTION);
    assert_int_equal(answered->shard, 0);
    assert_string_equal(answered->content_type, "application/json");
    assert_string_equal(answered->allow, "");
    assert_int_equal(answered->body.length, strlen(expected));
    assert_memory_equal(answered->body.data, expected, strlen(expected));
}

/* {"error": "..."} and nothing else. */
void api_check_error(const struct message_api_answered *answered)
{
    assert_string_equal(answered->content_type, "application/json");
    json_t *json = json_loadb((const char *)answered->body.data, answered->body.length, JSON_REJECT_DUPLICATES, NULL);
    assert_int_equal(json_object_size(json), 1);
    assert_true(json_string_length(json_object_get(json, "error")) > 0);
    json_decref(json);
}

void api_hear_error(struct stage *stage, uint32_t status)
{
    const struct message_api_answered *answered = api_hear(stage, status);
    api_check_error(answered);
    assert_string_equal(answered->allow, "");
}

/* ---- what the peers answer ------------------------------------------------------------------------------------ */

uint64_t api_hear_list_sessions(struct stage *stage)
{
    return stage_hear(stage, MESSAGE_list_sessions)->list_sessions.ref;
}

uint64_t api_hear_list_bindings(struct stage *stage)
{
    return stage_hear(stage, MESSAGE_list_bindings)->list_bindings.ref;
}

uint64_t api_hear_count_streams(struct stage *stage)
{
    return stage_hear(stage, MESSAGE_count_streams)->count_streams.ref;
}

void api_say_sessions(struct stage *stage, uint64_t ref)
{
    struct message_buffer rows = {0};
    assert_true(message_pack(MESSAGE_OF(session_row, .session = {ID_1}, .peer = "127.0.0.1:40000", .subprotocol = 1,
                                        .connections_granted = 1, .max_streams = 1024),
                             &rows));
    stage_say(stage,
              MESSAGE_OF(sessions_listed, .ref = ref, .orphaned_sessions = 1, .sessions = message_buffer_span(&rows)));
    message_buffer_done(&rows);
}

void api_say_bindings(struct stage *stage, uint64_t ref)
{
    struct message_buffer rows = {0};
    assert_true(message_pack(MESSAGE_OF(binding_row, .binding = {6}, .session = {ID_1}, .mode = BIND_MODE_EXPOSE,
                                        .kind = BIND_KIND_HTTP, .port = 8080, .address = "0.0.0.0"),
                             &rows));
    assert_true(message_pack(MESSAGE_OF(binding_row, .binding = {5}, .session = {ID_2}, .mode = BIND_MODE_EXPOSE,
                                        .kind = BIND_KIND_HTTP, .port = 3000, .parked = true),
                             &rows));
    stage_say(stage, MESSAGE_OF(bindings_listed, .ref = ref, .bindings = message_buffer_span(&rows)));
    message_buffer_done(&rows);
}

void api_say_streams(struct stage *stage, uint64_t ref, uint32_t shard)
{
    struct message_buffer rows = {0};
    assert_true(message_pack(MESSAGE_OF(stream_count_row, .session = {ID_1}, .active_streams = 3), &rows));
    stage_say_as(stage, ACTOR_ws_gateway, shard,
                 MESSAGE_OF(streams_counted, .ref = ref, .shard = shard, .fd_budget = 1003, .fd_permits_used = 3,
                            .sessions = message_buffer_span(&rows)));
    message_buffer_done(&rows);
}

uint64_t api_hear_close(struct stage *stage, uint64_t grace_ms)
{
    const struct message_close_session *close = &stage_hear(stage, MESSAGE_close_session)->close_session;
    assert_string_equal(close->session, ID_1);
    assert_int_equal(close->grace_ms, grace_ms);
    return close->ref;
}
