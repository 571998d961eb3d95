/* The runtime: what a turn does, and that the thread does the same, starts, fails to start and ends as its starter
 * expects. */
#include "stage.h"

#include <cmocka.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

/* A small actor in the metrics' place: answers render_metrics, remembers what it saw, ticks every second. */
struct ticker {
    struct mailbox *mailbox;
    uint64_t next_tick_ms;
    uint32_t rendered;
};

enum { TICK_MS = 1000, LIVE_TICK_MS = 5 };

static const struct options one_shard = {.shards = 1};

static void *ticker_new(const struct options *options, struct mailbox *mailbox, const struct log *log)
{
    (void)options;
    (void)log;
    struct ticker *self = calloc(1, sizeof *self);
    assert_non_null(self);
    self->mailbox = mailbox;
    return self;
}

static void ticker_destroy(void **p_self)
{
    free(*p_self);
    *p_self = NULL;
}

static void ticker_on_message(void *context, const struct message *message, uint64_t now_ms)
{
    struct ticker *self = context;
    char text[64];
    if (message->type != MESSAGE_render_metrics)
        return;
    self->rendered++;
    snprintf(text, sizeof text, "%llu", (unsigned long long)now_ms);
    mailbox_send(self->mailbox,
                 MESSAGE_OF(metrics_rendered, .ref = message->render_metrics.ref, .text = span_of_string(text)));
}

/* Each tick is said to the supervisor, with its moment. */
static uint64_t ticker_on_time(void *context, uint64_t now_ms)
{
    struct ticker *self = context;
    if (self->next_tick_ms == 0)
        self->next_tick_ms = now_ms + TICK_MS;
    if (now_ms >= self->next_tick_ms) {
        mailbox_send_to(self->mailbox, ACTOR_supervisor, 0, MESSAGE_OF(report_metrics, .ref = now_ms));
        self->next_tick_ms = now_ms + TICK_MS;
    }
    return self->next_tick_ms;
}

static const struct actor_spec ticker_actor = {
    .actor = ACTOR_metrics,
    .new = ticker_new,
    .destroy = ticker_destroy,
    .on_message = ticker_on_message,
    .on_time = ticker_on_time,
};

static void a_message_said_is_handled_and_its_answer_heard(void **state)
{
    (void)state;
    struct stage *stage = stage_new(&ticker_actor, NULL);
    stage_say(stage, MESSAGE_OF(render_metrics, .ref = 7));
    const struct message *answer = stage_hear(stage, MESSAGE_metrics_rendered);
    assert_int_equal(answer->metrics_rendered.ref, 7);
    assert_non_null(answer->metrics_rendered.text.data);
    stage_silent(stage);
    stage_destroy(&stage);
    assert_null(stage);
}

static void timers_ring_at_their_own_moments(void **state)
{
    (void)state;
    struct stage *stage = stage_new(&ticker_actor, NULL);
    uint64_t start = stage_now(stage);
    stage_advance(stage, TICK_MS - 1);
    stage_silent(stage);
    stage_advance(stage, 2 * TICK_MS + 1);
    for (uint64_t tick = 1; tick <= 3; tick++) {
        const struct message *message = stage_hear_at(stage, ACTOR_supervisor, 0, MESSAGE_report_metrics);
        assert_int_equal(message->report_metrics.ref, start + tick * TICK_MS);
    }
    stage_silent(stage);
    stage_destroy(&stage);
}

static void a_stage_can_follow_a_stage(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        struct stage *stage = stage_new(&ticker_actor, NULL);
        stage_say(stage, MESSAGE_OF(render_metrics, .ref = 1));
        stage_destroy(&stage); /* with an answer that nobody heard */
    }
}

static void a_ping_is_answered_without_the_actor(void **state)
{
    (void)state;
    struct stage *stage = stage_new(&ticker_actor, NULL);
    stage_say_as(stage, ACTOR_ws_gateway, 1,
                 MESSAGE_OF(ping_actor, .ref = 9, .from = ACTOR_ws_gateway, .from_shard = 1));
    const struct message *pong = stage_hear_at(stage, ACTOR_ws_gateway, 1, MESSAGE_actor_ponged);
    assert_int_equal(pong->actor_ponged.ref, 9);
    assert_int_equal(pong->actor_ponged.actor, ACTOR_metrics);
    assert_int_equal(pong->actor_ponged.shard, 0);
    stage_silent(stage);
    stage_destroy(&stage);
}

static void a_turn_handles_one_burst_and_leaves_the_rest(void **state)
{
    (void)state;
    struct log log = {.fd = STDERR_FILENO, .level = LOG_LEVEL_ERROR};
    struct mailbox *admin = mailbox_new(ACTOR_admin_http, 0, &log);
    struct mailbox *mailbox = mailbox_new(ACTOR_metrics, 0, &log);
    struct ticker *self = ticker_new(NULL, mailbox, &log);
    for (int i = 0; i < MAILBOX_BURST + 1; i++)
        assert_true(mailbox_send(admin, MESSAGE_OF(render_metrics, .ref = 1)));
    assert_int_equal(actor_turn(&ticker_actor, self, mailbox, 5), 5 + TICK_MS);
    assert_int_equal(self->rendered, MAILBOX_BURST);
    assert_true(mailbox_has_input(mailbox));
    actor_turn(&ticker_actor, self, mailbox, 6);
    assert_int_equal(self->rendered, MAILBOX_BURST + 1);
    assert_false(mailbox_has_input(mailbox));
    ticker_destroy((void **)&self);
    mailbox_destroy(&mailbox);
    mailbox_destroy(&admin);
}

static void an_actor_without_timers_waits_for_messages(void **state)
{
    (void)state;
    struct log log = {.fd = STDERR_FILENO, .level = LOG_LEVEL_ERROR};
    struct actor_spec spec = ticker_actor;
    spec.on_time = NULL;
    struct mailbox *mailbox = mailbox_new(ACTOR_metrics, 0, &log);
    struct ticker *self = ticker_new(NULL, mailbox, &log);
    assert_true(actor_turn(&spec, self, mailbox, 5) == UINT64_MAX);
    ticker_destroy((void **)&self);
    mailbox_destroy(&mailbox);
}

/* ---- the thread
 * -------------------------------------------------------------------------------------------------------- */

/* Waits, as an event loop would, until a message is there. */
static void wait_for(struct mailbox *mailbox, struct message *ret_message)
{
    zmq_pollitem_t item = {.socket = mailbox_inbox(mailbox), .events = ZMQ_POLLIN};
    while (!mailbox_receive(mailbox, ret_message))
        assert_true(zmq_poll(&item, 1, -1) >= 0);
}

static void the_thread_takes_turns_until_term(void **state)
{
    (void)state;
    struct log log = {.fd = STDERR_FILENO, .level = LOG_LEVEL_ERROR};
    struct mailbox *supervisor = mailbox_new(ACTOR_supervisor, 0, &log);
    struct actor_start start = {.spec = &ticker_actor, .options = &one_shard, .log = &log};
    zactor_t *actor = zactor_new(actor_thread, &start);
    assert_non_null(actor);
    struct message message;
    for (uint64_t ref = 1; ref <= 3; ref++) {
        assert_true(mailbox_send_to(supervisor, ACTOR_metrics, 0,
                                    MESSAGE_OF(ping_actor, .ref = ref, .from = ACTOR_supervisor)));
        do { /* a tick may come between */
            wait_for(supervisor, &message);
        } while (message.type != MESSAGE_actor_ponged);
        assert_int_equal(message.actor_ponged.ref, ref);
        message_done(&message);
    }
    zactor_destroy(&actor); /* returns once the thread has ended */
    mailbox_destroy(&supervisor);
}

/* Ticks on its own: as ticker_on_time, only faster, so that the test need not wait long for the thread's own timers. */
static uint64_t live_on_time(void *context, uint64_t now_ms)
{
    struct ticker *self = context;
    if (now_ms >= self->next_tick_ms) {
        mailbox_send_to(self->mailbox, ACTOR_supervisor, 0, MESSAGE_OF(report_metrics, .ref = now_ms));
        self->next_tick_ms = now_ms + LIVE_TICK_MS;
    }
    return self->next_tick_ms;
}

static void the_thread_wakes_for_its_timers(void **state)
{
    (void)state;
    struct log log = {.fd = STDERR_FILENO, .level = LOG_LEVEL_ERROR};
    struct actor_spec spec = ticker_actor;
    spec.on_time = live_on_time;
    struct mailbox *supervisor = mailbox_new(ACTOR_supervisor, 0, &log);
    struct actor_start start = {.spec = &spec, .options = &one_shard, .log = &log};
    zactor_t *actor = zactor_new(actor_thread, &start);
    uint64_t before = 0;
    for (int tick = 0; tick < 3; tick++) {
        struct message message;
        wait_for(supervisor, &message);
        assert_int_equal(message.type, MESSAGE_report_metrics);
        assert_true(message.report_metrics.ref >= before + (tick > 0 ? LIVE_TICK_MS : 0));
        before = message.report_metrics.ref;
        message_done(&message);
    }
    zactor_destroy(&actor);
    mailbox_destroy(&supervisor);
}

static void *never_new(const struct options *options, struct mailbox *mailbox, const struct log *log)
{
    (void)options;
    (void)mailbox;
    (void)log;
    return NULL;
}

static void a_thread_that_cannot_start_signals_and_ends(void **state)
{
    (void)state;
    struct log log = {.fd = STDERR_FILENO, .level = LOG_LEVEL_ERROR};
    struct actor_spec spec = ticker_actor;
    spec.new = never_new;
    struct actor_start start = {.spec = &spec, .options = &one_shard, .log = &log};
    zactor_t *actor = zactor_new(actor_thread, &start);
    assert_non_null(actor);
    /* zactor_new took the first signal; a second says that the thread has ended. It is left for zactor_destroy. */
    zmq_pollitem_t pipe = {.socket = zsock_resolve(actor), .events = ZMQ_POLLIN};
    assert_int_equal(zmq_poll(&pipe, 1, -1), 1);
    struct mailbox *mailbox = mailbox_new(ACTOR_metrics, 0, &log); /* and its name is free */
    assert_non_null(mailbox);
    mailbox_destroy(&mailbox);
    zactor_destroy(&actor);
}

static int without_signal_handlers(void **state)
{
    (void)state;
    zsys_handler_set(NULL);
    return 0;
}

static int shut_down(void **state)
{
    (void)state;
    zsys_shutdown();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_said_is_handled_and_its_answer_heard),
        cmocka_unit_test(timers_ring_at_their_own_moments),
        cmocka_unit_test(a_stage_can_follow_a_stage),
        cmocka_unit_test(a_ping_is_answered_without_the_actor),
        cmocka_unit_test(a_turn_handles_one_burst_and_leaves_the_rest),
        cmocka_unit_test(an_actor_without_timers_waits_for_messages),
        cmocka_unit_test(the_thread_takes_turns_until_term),
        cmocka_unit_test(the_thread_wakes_for_its_timers),
        cmocka_unit_test(a_thread_that_cannot_start_signals_and_ends),
    };
    return cmocka_run_group_tests(tests, without_signal_handlers, shut_down);
}
