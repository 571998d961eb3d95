/* The mailbox: who hears what, in which order, and what happens to a message that cannot be sent or that is none. */
#include "mailbox.h"

#include <czmq.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/resource.h>
/* cmocka wants these before it. */
#include <cmocka.h>

/* Three mailboxes and a log that the test can read. */
struct fixture {
    struct log log;
    int log_read_fd;
    struct mailbox *admin;
    struct mailbox *metrics;
    struct mailbox *gateway; /* shard 1 */
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    int fds[2];
    assert_non_null(f);
    assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
    f->log_read_fd = fds[0];
    f->log = (struct log){.fd = fds[1], .level = LOG_LEVEL_DEBUG};
    assert_non_null(f->admin = mailbox_new(ACTOR_admin_http, 0, &f->log));
    assert_non_null(f->metrics = mailbox_new(ACTOR_metrics, 0, &f->log));
    assert_non_null(f->gateway = mailbox_new(ACTOR_ws_gateway, 1, &f->log));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    mailbox_destroy(&f->admin);
    mailbox_destroy(&f->metrics);
    mailbox_destroy(&f->gateway);
    close(f->log.fd);
    close(f->log_read_fd);
    free(f);
    return 0;
}

/* How often the log has `text`; reading it empties it. */
static int logged(struct fixture *f, const char *text)
{
    char lines[16384];
    ssize_t length = read(f->log_read_fd, lines, sizeof lines - 1);
    lines[length > 0 ? length : 0] = '\0';
    int times = 0;
    for (const char *at = lines; (at = strstr(at, text)) != NULL; at++)
        times++;
    return times;
}

static void assert_none(struct mailbox *mailbox)
{
    struct message message;
    assert_false(mailbox_receive(mailbox, &message));
    assert_false(mailbox_has_input(mailbox));
}

static void a_message_goes_to_whom_the_catalogue_names(void **state)
{
    struct fixture *f = *state;
    struct message message;
    assert_true(mailbox_send(f->admin, MESSAGE_OF(render_metrics, .ref = 5)));
    assert_true(mailbox_receive(f->metrics, &message));
    assert_int_equal(message.type, MESSAGE_render_metrics);
    assert_int_equal(message.render_metrics.ref, 5);
    message_done(&message);
    assert_none(f->metrics);
    assert_none(f->admin);
    assert_none(f->gateway);
}

static void a_gateway_hears_what_names_its_shard(void **state)
{
    struct fixture *f = *state;
    struct mailbox *shard0 = mailbox_new(ACTOR_ws_gateway, 0, &f->log);
    struct message message;
    assert_non_null(shard0);
    assert_true(mailbox_send(f->admin, MESSAGE_OF(count_streams, .shard = 1, .ref = 8)));
    assert_none(shard0);
    assert_true(mailbox_receive(f->gateway, &message));
    assert_int_equal(message.count_streams.ref, 8);
    message_done(&message);
    mailbox_destroy(&shard0);
}

static void a_message_to_any_goes_to_whom_the_sender_names(void **state)
{
    struct fixture *f = *state;
    struct message message;
    assert_true(mailbox_send_to(f->metrics, ACTOR_admin_http, 0, MESSAGE_OF(report_metrics, .ref = 3)));
    assert_true(mailbox_send_to(f->metrics, ACTOR_ws_gateway, 1, MESSAGE_OF(report_metrics, .shard = 1, .ref = 4)));
    assert_true(mailbox_receive(f->admin, &message));
    assert_int_equal(message.report_metrics.ref, 3);
    message_done(&message);
    assert_true(mailbox_receive(f->gateway, &message));
    assert_int_equal(message.report_metrics.ref, 4);
    message_done(&message);
}

static void one_senders_messages_keep_their_order(void **state)
{
    struct fixture *f = *state;
    enum { MESSAGES = 5000 };
    for (uint64_t ref = 0; ref < MESSAGES; ref++)
        assert_true(mailbox_send(f->admin, MESSAGE_OF(render_metrics, .ref = ref)));
    for (uint64_t ref = 0; ref < MESSAGES; ref++) {
        struct message message;
        assert_true(mailbox_has_input(f->metrics));
        assert_true(mailbox_receive(f->metrics, &message));
        assert_int_equal(message.render_metrics.ref, ref);
        message_done(&message);
    }
    assert_none(f->metrics);
    assert_int_equal(mailbox_counts(f->admin).sent, MESSAGES);
    assert_int_equal(mailbox_counts(f->metrics).received, MESSAGES);
}

static void a_message_to_oneself_arrives(void **state)
{
    struct fixture *f = *state;
    struct message message;
    assert_true(mailbox_send_to(f->metrics, ACTOR_metrics, 0, MESSAGE_OF(report_metrics, .ref = 6)));
    assert_true(mailbox_receive(f->metrics, &message));
    assert_int_equal(message.report_metrics.ref, 6);
    message_done(&message);
}

static void a_ping_is_answered_by_the_mailbox_in_order(void **state)
{
    struct fixture *f = *state;
    struct message message;
    assert_true(mailbox_send(f->admin, MESSAGE_OF(render_metrics, .ref = 1)));
    assert_true(
        mailbox_send_to(f->admin, ACTOR_metrics, 0, MESSAGE_OF(ping_actor, .ref = 2, .from = ACTOR_admin_http)));
    assert_none(f->admin);
    assert_true(mailbox_receive(f->metrics, &message)); /* the ask that came before the ping is handed out first */
    message_done(&message);
    assert_none(f->admin);
    assert_false(mailbox_receive(f->metrics, &message)); /* the ping is not seen by the actor */
    assert_true(mailbox_receive(f->admin, &message));
    assert_int_equal(message.type, MESSAGE_actor_ponged);
    assert_int_equal(message.actor_ponged.ref, 2);
    assert_int_equal(message.actor_ponged.actor, ACTOR_metrics);
    message_done(&message);
}

static void a_gateways_ping_is_answered_to_its_shard(void **state)
{
    struct fixture *f = *state;
    struct message message;
    mailbox_send_to(f->gateway, ACTOR_metrics, 0,
                    MESSAGE_OF(ping_actor, .ref = 2, .from = ACTOR_ws_gateway, .from_shard = 1));
    assert_false(mailbox_receive(f->metrics, &message));
    assert_true(mailbox_receive(f->gateway, &message));
    assert_int_equal(message.type, MESSAGE_actor_ponged);
    message_done(&message);
}

static void a_ping_from_nobody_is_refused(void **state)
{
    struct fixture *f = *state;
    static const uint32_t nobodies[][2] = {
        {ACTOR_COUNT, 0}, {UINT32_MAX, 0}, {ACTOR_metrics, 1}, {ACTOR_ws_gateway, SHARDS_MAX}};
    for (size_t i = 0; i < 4; i++)
        mailbox_send_to(f->admin, ACTOR_metrics, 0,
                        MESSAGE_OF(ping_actor, .from = nobodies[i][0], .from_shard = nobodies[i][1]));
    assert_none(f->metrics);
    assert_int_equal(mailbox_counts(f->metrics).refused, 4);
    assert_int_equal(mailbox_counts(f->metrics).sent, 0);
}

/* A peer that writes to the inbox what no mailbox of ours would. */
static zsock_t *intruder_at(const char *endpoint)
{
    zsock_t *intruder = zsock_new_push(endpoint);
    assert_non_null(intruder);
    zsock_set_linger(intruder, 0);
    return intruder;
}

static void what_is_no_message_is_counted_logged_and_skipped(void **state)
{
    struct fixture *f = *state;
    struct message message;
    zsock_t *intruder = intruder_at(">inproc://metrics");
    struct message_buffer packed = {0};
    assert_int_equal(zmq_send(zsock_resolve(intruder), "\x92\xff", 2, 0), 2);
    assert_int_equal(zmq_send(zsock_resolve(intruder), "", 0, 0), 0);
    assert_true(message_pack(MESSAGE_OF(render_metrics, .ref = 9), &packed));
    zmq_send(zsock_resolve(intruder), packed.data, packed.length, 0);
    assert_true(mailbox_receive(f->metrics, &message));
    assert_int_equal(message.render_metrics.ref, 9);
    message_done(&message);
    assert_none(f->metrics);
    assert_int_equal(mailbox_counts(f->metrics).refused, 2);
    assert_int_equal(mailbox_counts(f->metrics).received, 3);
    assert_int_equal(logged(f, "warn metrics message-refused"), 2);
    message_buffer_done(&packed);
    zsock_destroy(&intruder);
}

static void a_message_for_another_is_refused(void **state)
{
    struct fixture *f = *state;
    struct message_buffer packed = {0};
    zsock_t *intruder = intruder_at(">inproc://metrics");
    message_pack(MESSAGE_OF(drain, .timeout_ms = 1), &packed);
    zmq_send(zsock_resolve(intruder), packed.data, packed.length, 0);
    assert_none(f->metrics);
    assert_int_equal(mailbox_counts(f->metrics).refused, 1);
    zsock_destroy(&intruder);

    intruder = intruder_at(">inproc://ws-gateway-1"); /* right actor, wrong shard */
    packed.length = 0;
    message_pack(MESSAGE_OF(stop_accepting, .shard = 0), &packed);
    zmq_send(zsock_resolve(intruder), packed.data, packed.length, 0);
    assert_none(f->gateway);
    assert_int_equal(mailbox_counts(f->gateway).refused, 1);
    zsock_destroy(&intruder);
    message_buffer_done(&packed);
}

static void a_full_mailbox_loses_messages_and_never_blocks(void **state)
{
    struct fixture *f = *state;
    uint64_t taken = 0;
    while (taken <= MAILBOX_DEPTH && mailbox_send(f->admin, MESSAGE_OF(render_metrics, .ref = taken)))
        taken++;
    assert_int_equal(taken, MAILBOX_DEPTH);
    assert_int_equal(mailbox_counts(f->admin).lost, 1);
    assert_int_equal(logged(f, "warn admin-http message-lost message=render_metrics to=metrics total=1"), 1);
    assert_false(mailbox_send(f->admin, MESSAGE_OF(render_metrics, .ref = 0)));
    assert_false(mailbox_send(f->admin, MESSAGE_OF(render_metrics, .ref = 0))); /* the third is only counted */
    assert_int_equal(logged(f, "message-lost"), 1);
    assert_int_equal(mailbox_counts(f->admin).lost, 3);
    /* The fourth would be logged again, but for a ping: its silence is heard by who pings. */
    assert_false(
        mailbox_send_to(f->admin, ACTOR_metrics, 0, MESSAGE_OF(ping_actor, .ref = 1, .from = ACTOR_admin_http)));
    assert_int_equal(mailbox_counts(f->admin).lost, 4);
    assert_int_equal(logged(f, "message-lost"), 0);
    struct message message;
    uint64_t received = 0;
    while (mailbox_receive(f->metrics, &message)) {
        assert_int_equal(message.render_metrics.ref, received);
        message_done(&message);
        received++;
    }
    assert_int_equal(received, taken);
}

static void a_receiver_that_is_gone_loses_messages(void **state)
{
    struct fixture *f = *state;
    struct message message;
    assert_true(mailbox_send(f->admin, MESSAGE_OF(render_metrics, .ref = 0)));
    assert_true(mailbox_receive(f->metrics, &message));
    message_done(&message);
    mailbox_destroy(&f->metrics);
    assert_null(f->metrics);
    /* libzmq's reaper closes the pipe in its own time. */
    while (mailbox_send(f->admin, MESSAGE_OF(render_metrics, .ref = 0)))
        assert_true(mailbox_counts(f->admin).sent <= MAILBOX_DEPTH);
    assert_int_equal(mailbox_counts(f->admin).lost, 1);
    assert_int_equal(logged(f, "message-lost"), 1);
}

static void a_name_belongs_to_one_mailbox(void **state)
{
    struct fixture *f = *state;
    assert_null(mailbox_new(ACTOR_metrics, 0, &f->log));
    assert_int_equal(logged(f, "error metrics mailbox-failed endpoint=inproc://metrics"), 1);
    /* and the failed one did not take the name away from its owner */
    assert_true(mailbox_send(f->admin, MESSAGE_OF(render_metrics, .ref = 0)));
    assert_true(mailbox_has_input(f->metrics));
    mailbox_destroy(&f->metrics);
    assert_non_null(f->metrics = mailbox_new(ACTOR_metrics, 0, &f->log));
    assert_none(f->metrics);
}

static void allow_descriptors(rlim_t count)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = count;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void without_a_descriptor_a_message_is_lost_and_later_ones_are_not(void **state)
{
    struct fixture *f = *state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    allow_descriptors(3);
    bool sent = mailbox_send(f->admin, MESSAGE_OF(render_metrics, .ref = 1));
    struct mailbox *another = mailbox_new(ACTOR_session_manager, 0, &f->log);
    allow_descriptors(before.rlim_cur);
    assert_false(sent);
    assert_null(another);
    assert_int_equal(logged(f, "Too many open files"), 2);
    assert_int_equal(mailbox_counts(f->admin).lost, 1);
    assert_true(mailbox_send(f->admin, MESSAGE_OF(render_metrics, .ref = 2)));
    assert_true(mailbox_has_input(f->metrics));
}

static void one_that_is_connected_needs_no_descriptor_to_speak(void **state)
{
    struct fixture *f = *state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    mailbox_connect(f->admin, 2);
    allow_descriptors(3);
    bool to_metrics = mailbox_send(f->admin, MESSAGE_OF(render_metrics, .ref = 1));
    bool to_gateway = mailbox_send(f->admin, MESSAGE_OF(count_streams, .ref = 1, .shard = 1));
    allow_descriptors(before.rlim_cur);
    assert_true(to_metrics && mailbox_has_input(f->metrics));
    assert_true(to_gateway && mailbox_has_input(f->gateway));
}

static void destroying_takes_null(void **state)
{
    (void)state;
    struct mailbox *none = NULL;
    mailbox_destroy(&none);
}

/* ---- the descriptor
 * ---------------------------------------------------------------------------------------------------- */

enum { FLOOD = 20000 };

/* Another thread with a mailbox of its own sends in bursts of odd sizes. */
static void *flood(void *context)
{
    struct fixture *f = context;
    struct mailbox *manager = mailbox_new(ACTOR_session_manager, 0, &f->log);
    assert_non_null(manager);
    for (uint32_t i = 0; i < FLOOD; i++) {
        while (
            !mailbox_send(manager, MESSAGE_OF(end_session, .shard = 1, .close_code = i, .goaway_message = "a reason")))
            sched_yield();
        if (i % 97 == 0)
            sched_yield();
    }
    mailbox_destroy(&manager);
    return NULL;
}

/* An event loop in small: waits on the descriptor alone, drains in bursts, and answers on the way. If an edge were ever
 * missed this would wait for ever. */
static void an_event_loop_on_the_descriptor_misses_nothing(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, flood, f), 0);
    uint32_t received = 0;
    while (received < FLOOD) {
        struct message message;
        for (int burst = 0; burst < MAILBOX_BURST && mailbox_receive(f->gateway, &message); burst++) {
            assert_int_equal(message.end_session.close_code, received);
            assert_string_equal(message.end_session.goaway_message, "a reason");
            message_done(&message);
            received++;
            mailbox_send(f->gateway, MESSAGE_OF(streams_counted, .ref = received, .shard = 1));
        }
        struct pollfd item = {.fd = mailbox_fd(f->gateway), .events = POLLIN};
        if (received < FLOOD && !mailbox_has_input(f->gateway))
            assert_int_equal(poll(&item, 1, -1), 1);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_none(f->gateway);
    assert_int_equal(mailbox_counts(f->gateway).sent, FLOOD);
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

#define with_mailboxes(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_mailboxes(a_message_goes_to_whom_the_catalogue_names),
        with_mailboxes(a_gateway_hears_what_names_its_shard),
        with_mailboxes(a_message_to_any_goes_to_whom_the_sender_names),
        with_mailboxes(one_senders_messages_keep_their_order),
        with_mailboxes(a_message_to_oneself_arrives),
        with_mailboxes(a_ping_is_answered_by_the_mailbox_in_order),
        with_mailboxes(a_gateways_ping_is_answered_to_its_shard),
        with_mailboxes(a_ping_from_nobody_is_refused),
        with_mailboxes(what_is_no_message_is_counted_logged_and_skipped),
        with_mailboxes(a_message_for_another_is_refused),
        with_mailboxes(a_full_mailbox_loses_messages_and_never_blocks),
        with_mailboxes(a_receiver_that_is_gone_loses_messages),
        with_mailboxes(a_name_belongs_to_one_mailbox),
        with_mailboxes(without_a_descriptor_a_message_is_lost_and_later_ones_are_not),
        with_mailboxes(one_that_is_connected_needs_no_descriptor_to_speak),
        cmocka_unit_test(destroying_takes_null),
        with_mailboxes(an_event_loop_on_the_descriptor_misses_nothing),
    };
    return cmocka_run_group_tests(tests, without_signal_handlers, shut_down);
}
