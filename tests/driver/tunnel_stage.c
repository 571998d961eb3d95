#include "stage_parts.h"

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WATCHDOG_S = 60 };

void stage_run_once(struct stage *stage)
{
    assert_true(event_base_loop(loop_base(stage->loop), EVLOOP_ONCE) >= 0);
}

static void on_established(void *owner, const struct session_id *id, bool is_resumed, uint32_t connections_granted)
{
    struct stage *stage = owner;
    stage->is_resumed = is_resumed;
    stage->granted = connections_granted;
    assert_string_equal(id->text, "S-11111111-2222-4333-8444-555555555555");
    stage->is_established = true;
}

static void on_sockets_changed(void *owner, uint32_t attached, uint32_t granted, const char *why)
{
    struct stage *stage = owner;
    assert_int_equal(granted, stage->granted);
    assert_true(attached == granted || *why != '\0');
    stage->attached = attached;
}

static bool is_ours(const struct stage *stage, const struct binding_wish *wish)
{
    return wish == &stage->wish || (wish >= stage->others && wish < stage->others + STAGE_OTHERS);
}

static void on_round_trip(void *owner, uint64_t us)
{
    struct stage *stage = owner;
    stage->round_trips++;
    assert_true(us < 60000000);
}

static void on_connecting(void *owner, unsigned attempt)
{
    struct stage *stage = owner;
    stage->attempt = attempt;
}

static void on_bound(void *owner, const struct binding_wish *wish, const struct bind_ok *ok)
{
    struct stage *stage = owner;
    assert_true(is_ours(stage, wish));
    stage->bound++;
    stage->bound_port = ok->container_port;
    if (ok->public_url != NULL)
        snprintf(stage->public_url, sizeof stage->public_url, "%s", ok->public_url);
}

static void on_kept(void *owner, const struct binding_wish *wish)
{
    struct stage *stage = owner;
    assert_true(is_ours(stage, wish));
    stage->kept++;
}

static void on_refused(void *owner, const struct binding_wish *wish, const char *why)
{
    struct stage *stage = owner;
    assert_true(is_ours(stage, wish));
    stage->refused++;
    snprintf(stage->refusal_told, sizeof stage->refusal_told, "%s", why);
}

static void on_given_up(void *owner, const struct binding_wish *wish, const char *why)
{
    struct stage *stage = owner;
    assert_true(is_ours(stage, wish));
    stage->given_up++;
    snprintf(stage->refusal_told, sizeof stage->refusal_told, "%s", why);
}

static void end(struct stage *stage, enum session_end end, const char *text)
{
    assert_false(stage->is_over);
    stage->is_over = true;
    stage->end = end;
    snprintf(stage->end_text, sizeof stage->end_text, "%s", text);
}

static void on_ended(void *owner, const struct session_ending *ending)
{
    end(owner, ending->end, ending->text);
}

static const struct session_events EVENTS = {
    .on_established = on_established,
    .on_sockets_changed = on_sockets_changed,
    .on_round_trip = on_round_trip,
    .on_bound = on_bound,
    .on_kept = on_kept,
    .on_refused = on_refused,
    .on_given_up = on_given_up,
    .on_ended = on_ended,
};

static void on_interrupted(void *owner, const char *why, uint32_t delay_ms)
{
    struct stage *stage = owner;
    stage->interruptions++;
    stage->delay_ms = delay_ms;
    snprintf(stage->interruption, sizeof stage->interruption, "%s", why);
}

static void on_persistent_ended(void *owner, enum session_end how, const char *text)
{
    end(owner, how, text);
}

static const struct persistent_events PERSISTENT_EVENTS = {
    .on_connecting = on_connecting,
    .on_established = on_established,
    .on_sockets_changed = on_sockets_changed,
    .on_round_trip = on_round_trip,
    .on_bound = on_bound,
    .on_kept = on_kept,
    .on_refused = on_refused,
    .on_given_up = on_given_up,
    .on_interrupted = on_interrupted,
    .on_ended = on_persistent_ended,
};

void stage_await_end(struct stage *stage)
{
    if (stage->kit->bev != NULL)
        stage_send(stage);
    AWAIT(stage, stage->is_over);
}

/* Listens on a free loopback port, and says which. */
static struct evconnlistener *listen_somewhere(struct stage *stage, evconnlistener_cb on_accept,
                                               struct endpoint *ret_endpoint)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    struct evconnlistener *listener =
        evconnlistener_new_bind(loop_base(stage->loop), on_accept, stage, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 16,
                                (struct sockaddr *)&address, sizeof address);
    assert_non_null(listener);
    assert_int_equal(getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&address, &length), 0);
    const char *why = NULL;
    struct host_port where = {.host = "127.0.0.1", .port = ntohs(address.sin_port)};
    assert_true(endpoint_resolve(&where, ret_endpoint, &why));
    return listener;
}

static struct stage *new_stage(void **state)
{
    struct stage *stage = calloc(1, sizeof *stage);
    struct endpoint target;
    struct endpoint daemon;
    const char *why = NULL;
    char url[HOST_PORT_BYTES + 8];
    assert_non_null(stage);
    *state = stage;
    alarm(WATCHDOG_S);
    stage->kit = &stage->sockets[0];
    stage->asked = 1;
    stage->loop = loop_new();
    assert_non_null(stage->loop);
    stage->kit_listener = listen_somewhere(stage, stage_kit_accept, &daemon);
    stage->service_listener = listen_somewhere(stage, stage_service_accept, &target);
    snprintf(url, sizeof url, "ws://%s", daemon.name);
    assert_true(server_url_parse(url, &stage->access.url, &why));
    snprintf(stage->access.name, sizeof stage->access.name, "%s", daemon.name);
    stage->access.token_file = "";
    stage->heartbeat = (struct heartbeat_times){.interval_ms = 3600000, .timeout_ms = 3600000};
    stage->refusal = "503 Busy";
    local_service_init(&stage->service, stage->loop, &target, HOST_FIXED, "service");
    tcp_target_init(&stage->target, stage->loop, &target, DIAL_TIMEOUT_MS);
    return stage;
}

static void begin_session(struct stage *stage)
{
    const struct session_options options = {.connections = stage->asked, .heartbeat = stage->heartbeat};
    stage->session = session_new(stage->loop, &stage->access, &options, &EVENTS, stage);
    session_bind(stage->session, &stage->wish, (struct binding_past){0});
    stage_on(stage, 0);
    stage_hear(stage, FRAME_HELLO, 0);
}

/* HELLO_OK, and what was wished for is bound. */
static void become_bound(struct stage *stage)
{
    char json[256];
    snprintf(json, sizeof json,
             "{\"sessionId\":\"S-11111111-2222-4333-8444-555555555555\",\"resumed\":false,\"resumedBinds\":[],"
             "\"streamWindow\":%d,\"sessionWindow\":%d,\"maxStreams\":8}",
             STAGE_WINDOW, STAGE_SESSION_WINDOW);
    stage_say(stage, FRAME_HELLO_OK, 0, json);
    stage_hear(stage, FRAME_BIND, 0);
    stage_say(stage, FRAME_BIND_OK, 0, "{\"clientBindRef\":1,\"bindId\":1,\"containerPort\":8080,\"publicUrl\":null}");
    stage_send(stage);
    AWAIT(stage, stage->bound == 1);
}

int stage_set_up_early(void **state)
{
    struct stage *stage = new_stage(state);
    stage->wish = (struct binding_wish){.port = 8080, .service = &stage->service};
    begin_session(stage);
    return 0;
}

int stage_set_up(void **state)
{
    stage_set_up_early(state);
    become_bound(*state);
    return 0;
}

int stage_set_up_several(void **state)
{
    struct stage *stage = new_stage(state);
    stage->wish = (struct binding_wish){.port = 8080, .service = &stage->service};
    stage->asked = 4;
    begin_session(stage);
    return 0;
}

int stage_set_up_pull(void **state)
{
    struct stage *stage = new_stage(state);
    stage->wish = (struct binding_wish){.port = 8080, .target = &stage->target, .host = "127.0.0.1"};
    begin_session(stage);
    become_bound(stage);
    return 0;
}

/* Nothing is waited for; whether the stage's time is right is for backoff_test. */
static unsigned failures_seen;

static uint32_t no_delay_ms(unsigned failures)
{
    failures_seen = failures;
    return 0;
}

unsigned stage_failures(void)
{
    return failures_seen;
}

static struct stage *begin_persistent(void **state, uint16_t port, bool waits, bool ends_on_loss)
{
    struct stage *stage = new_stage(state);
    stage->wish = (struct binding_wish){.port = port, .service = &stage->service};
    const struct persistent_options options = {
        .connections = stage->asked,
        .heartbeat = stage->heartbeat,
        .waits_for_daemon = waits,
        .ends_on_loss = ends_on_loss,
        .delay_ms = no_delay_ms,
        .close_timeout_ms = ends_on_loss ? 1 : 0,
    };
    stage->persistent = persistent_session_new(stage->loop, &stage->access, &options, &PERSISTENT_EVENTS, stage);
    persistent_session_bind(stage->persistent, &stage->wish);
    stage_on(stage, 0);
    stage_hear(stage, FRAME_HELLO, 0);
    return stage;
}

int stage_set_up_persistent(void **state)
{
    become_bound(begin_persistent(state, 8080, false, false));
    return 0;
}

int stage_set_up_persistent_any(void **state)
{
    become_bound(begin_persistent(state, 0, false, false));
    return 0;
}

int stage_set_up_patient(void **state)
{
    begin_persistent(state, 8080, true, false);
    return 0;
}

int stage_set_up_impatient(void **state)
{
    become_bound(begin_persistent(state, 8080, false, true));
    return 0;
}

int stage_set_up_crowd(void **state)
{
    struct stage *stage = begin_persistent(state, 8080, false, false);
    stage->others[0] = (struct binding_wish){.service = &stage->service};
    stage->others[1] = (struct binding_wish){.port = 5432, .target = &stage->target, .host = "127.0.0.1"};
    for (size_t i = 0; i < STAGE_OTHERS; i++)
        persistent_session_bind(stage->persistent, &stage->others[i]);
    return 0;
}

int stage_tear_down(void **state)
{
    struct stage *stage = *state;
    free(stage->current);
    session_destroy(&stage->session);
    persistent_session_destroy(&stage->persistent);
    local_service_done(&stage->service);
    for (size_t i = 0; i < stage->socket_count; i++)
        stage_forget_kit(&stage->sockets[i]);
    for (size_t i = 0; i < stage->connection_count; i++)
        if (stage->connections[i].bev != NULL)
            bufferevent_free(stage->connections[i].bev);
    for (size_t i = 0; i < STAGE_BLOCKING_SOCKETS; i++)
        if (stage->blocking[i] > 0)
            close(stage->blocking[i]);
    evconnlistener_free(stage->kit_listener);
    if (stage->service_listener != NULL)
        evconnlistener_free(stage->service_listener);
    loop_destroy(&stage->loop);
    free(stage);
    alarm(0);
    return 0;
}
