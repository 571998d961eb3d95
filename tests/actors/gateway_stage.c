#include "gateway_stage.h"

#include <arpa/inet.h>
#include <signal.h>
#include <unistd.h>

#include "gateway_peers.h"
#include "ws_gateway.h"

enum { PRINT_MAX = 1024, PERMITS_DEFAULT = 64 };

/* A message that was heard, kept for the test. */
struct heard {
    struct message message;
    LIST_ENTRY(heard) link;
};

/* ---- saying and hearing ---------------------------------------------------------------------------------------- */

void gateway_say(struct gateway_stage *stage, const struct message *message)
{
    enum actor from = message_from(message->type);
    if (from == ACTOR_any)
        from = ACTOR_supervisor;
    uint32_t shard = message_to(message->type) == ACTOR_ws_gateway ? message_shard(message) : 0;
    assert_true(mailbox_send_to(stage->peers[from], ACTOR_ws_gateway, shard, message));
}

static const struct message *keep(struct gateway_stage *stage, const struct message *message)
{
    struct heard *heard = calloc(1, sizeof *heard);
    assert_non_null(heard);
    heard->message = *message;
    LIST_INSERT_HEAD(&stage->heard, heard, link);
    return &heard->message;
}

/* The next message, waited for. false: none came. */
static bool receive(struct mailbox *peer, struct message *ret_message)
{
    zmq_pollitem_t item = {.socket = mailbox_inbox(peer), .events = ZMQ_POLLIN};
    int64_t deadline = zclock_mono() + PATIENCE_MS;
    while (!mailbox_receive(peer, ret_message)) {
        int64_t left = deadline - zclock_mono();
        if (left <= 0 || (zmq_poll(&item, 1, (long)left) < 0 && errno != EINTR)) /* libFuzzer's timer interrupts it */
            return false;
    }
    return true;
}

static const struct message *hear_at(struct gateway_stage *stage, enum actor actor, enum message_type type)
{
    char text[PRINT_MAX];
    struct message message = {0};
    if (!receive(stage->peers[actor], &message))
        fail_msg("%s heard nothing, should have heard %s", actor_name(actor), message_name(type));
    const struct message *heard = keep(stage, &message);
    if (heard->type != type)
        fail_msg("%s heard %s, should have heard %s", actor_name(actor), message_print(heard, text, sizeof text),
                 message_name(type));
    return heard;
}

const struct message *gateway_hear(struct gateway_stage *stage, enum message_type type)
{
    /* The only answer whose receiver the catalogue leaves open goes to the metrics. */
    return hear_at(stage, message_to(type) == ACTOR_any ? ACTOR_metrics : message_to(type), type);
}

static void ping_shard(struct gateway_stage *stage, uint32_t shard)
{
    uint64_t ref = ++stage->last_ref;
    assert_true(mailbox_send_to(stage->peers[ACTOR_supervisor], ACTOR_ws_gateway, shard,
                                MESSAGE_OF(ping_actor, .ref = ref, .from = ACTOR_supervisor)));
    const struct message *pong = hear_at(stage, ACTOR_supervisor, MESSAGE_actor_ponged);
    assert_int_equal(pong->actor_ponged.ref, ref);
    assert_int_equal(pong->actor_ponged.actor, ACTOR_ws_gateway);
    assert_int_equal(pong->actor_ponged.shard, shard);
}

void gateway_ping(struct gateway_stage *stage)
{
    for (uint32_t shard = 0; shard < stage->options.shards; shard++)
        ping_shard(stage, shard);
}

void gateway_silent(struct gateway_stage *stage)
{
    char text[PRINT_MAX];
    struct message message;
    gateway_ping(stage);
    for (enum actor actor = 0; actor < ACTOR_COUNT; actor++)
        if (actor != ACTOR_ws_gateway && mailbox_receive(stage->peers[actor], &message))
            fail_msg("%s heard %s, should have heard nothing", actor_name(actor),
                     message_print(keep(stage, &message), text, sizeof text));
}

static void forget_heard(struct gateway_stage *stage)
{
    while (!LIST_EMPTY(&stage->heard)) {
        struct heard *heard = LIST_FIRST(&stage->heard);
        LIST_REMOVE(heard, link);
        message_done(&heard->message);
        free(heard);
    }
}

void gateway_forget(struct gateway_stage *stage)
{
    struct message message;
    gateway_ping(stage);
    for (enum actor actor = 0; actor < ACTOR_COUNT; actor++)
        while (actor != ACTOR_ws_gateway && mailbox_receive(stage->peers[actor], &message))
            message_done(&message);
    forget_heard(stage);
}

/* ---- counting -------------------------------------------------------------------------------------------------- */

static uint64_t ask_count(struct gateway_stage *stage, uint32_t shard)
{
    uint64_t ref = ++stage->last_ref;
    gateway_say(stage, MESSAGE_OF(count_streams, .shard = shard, .ref = ref));
    return ref;
}

const struct message_streams_counted *gateway_count(struct gateway_stage *stage)
{
    uint64_t ref = ask_count(stage, 0);
    const struct message *counted = gateway_hear(stage, MESSAGE_streams_counted);
    assert_int_equal(counted->streams_counted.ref, ref);
    return &counted->streams_counted;
}

/* Whatever else the admin API is asked meanwhile is not looked at. */
static uint64_t count_permits(struct gateway_stage *stage)
{
    uint64_t budget = 0, used = 0;
    for (uint32_t shard = 0; shard < stage->options.shards; shard++) {
        struct message message = {0};
        ask_count(stage, shard);
        do {
            message_done(&message);
            assert_true(receive(stage->peers[ACTOR_admin_http], &message));
        } while (message.type != MESSAGE_streams_counted);
        budget += message.streams_counted.fd_budget;
        used += message.streams_counted.fd_permits_used;
        message_done(&message);
    }
    return budget - used;
}

/* Returns what is free in the end. */
static uint64_t await_permits(struct gateway_stage *stage, uint64_t permits)
{
    int64_t deadline = zclock_mono() + PATIENCE_MS;
    uint64_t available = 0;
    do {
        available = count_permits(stage);
    } while (available != permits && zclock_mono() < deadline);
    return available;
}

void gateway_await_permits(struct gateway_stage *stage, uint64_t permits)
{
    assert_int_equal(await_permits(stage, permits), permits);
}

/* ---- set up and tear down -------------------------------------------------------------------------------------- */

int gateway_stage_set_up(void **state)
{
    zsys_handler_set(NULL);
    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    struct gateway_stage *stage = calloc(1, sizeof *stage);
    assert_non_null(stage);
    stage->log = (struct log){.fd = STDERR_FILENO, .level = LOG_LEVEL_ERROR, .format = LOG_FORMAT_TEXT};
    LIST_INIT(&stage->heard);
    LIST_INIT(&stage->drivers);
    LIST_INIT(&stage->clients);
    assert_true(options_init(&stage->options));
    stage->options.fd_budget = PERMITS_DEFAULT;
    for (enum actor actor = 0; actor < ACTOR_COUNT; actor++)
        if (actor != ACTOR_ws_gateway)
            assert_non_null(stage->peers[actor] = mailbox_new(actor, 0, &stage->log));
    *state = stage;
    return 0;
}

/* Bound but not listening: nobody else is given the port, and whoever sets SO_REUSEADDR may listen on it. */
static int reserve_port(uint16_t *ret_port)
{
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

void gateway_raise(struct gateway_stage *stage)
{
    int reserved = reserve_port(&stage->port);
    struct actor_start starts[SHARDS_MAX]; /* one each: the actors read theirs until they answer */
    stage->options.listen.port = stage->port;
    for (uint32_t shard = (uint32_t)stage->options.shards; shard-- > 1;) {
        starts[shard] = (struct actor_start){.options = &stage->options, .log = &stage->log, .shard = shard};
        assert_non_null(stage->others[shard] = zactor_new(ws_gateway_actor, &starts[shard]));
    }
    starts[0] = (struct actor_start){.options = &stage->options, .log = &stage->log};
    stage->gateway = zactor_new(ws_gateway_actor, &starts[0]);
    assert_non_null(stage->gateway);
    gateway_ping(stage);
    close(reserved);
    stage->permits = permits_left(gateway_count(stage));
}

void gateway_terminate(struct gateway_stage *stage)
{
    assert_int_equal(zstr_send(stage->gateway, "$TERM"), 0);
}

void gateway_await_end(struct gateway_stage *stage)
{
    /* zactor_new took the first signal; a second says that the thread has ended. It is left for zactor_destroy. */
    zmq_pollitem_t pipe = {.socket = zsock_resolve(stage->gateway), .events = ZMQ_POLLIN};
    assert_int_equal(zmq_poll(&pipe, 1, PATIENCE_MS), 1);
    zactor_destroy(&stage->gateway);
}

/* Whoever still waits for the session-manager is sent away, so that the gateway looks at its socket again. */
static void decide_all(struct gateway_stage *stage)
{
    struct driver *driver = NULL;
    LIST_FOREACH(driver, &stage->drivers, link)
    for (uint32_t shard = 0; shard < stage->options.shards; shard++)
        gateway_say(stage, MESSAGE_OF(session_refused, .shard = shard, .connection = driver->connection));
}

static void hang_up_all(struct gateway_stage *stage)
{
    while (!LIST_EMPTY(&stage->drivers))
        driver_hang_up(LIST_FIRST(&stage->drivers));
    while (!LIST_EMPTY(&stage->clients))
        client_hang_up(LIST_FIRST(&stage->clients));
}

static void close_all_bindings(struct gateway_stage *stage)
{
    for (uint32_t binding = 1; binding <= STAGE_BINDINGS_MAX; binding++)
        for (uint32_t shard = 0; shard < stage->options.shards; shard++)
            gateway_say(stage, MESSAGE_OF(close_listener, .shard = shard, .binding = {binding}));
}

int gateway_stage_tear_down(void **state)
{
    struct gateway_stage *stage = *state;
    uint64_t permits = stage->permits, available = permits;
    if (stage->gateway != NULL)
        decide_all(stage);
    hang_up_all(stage);
    if (stage->gateway != NULL) {
        close_all_bindings(stage);
        available = await_permits(stage, permits);
    }
    zactor_destroy(&stage->gateway);
    for (uint32_t shard = 1; shard < SHARDS_MAX; shard++)
        zactor_destroy(&stage->others[shard]);
    for (enum actor actor = 0; actor < ACTOR_COUNT; actor++)
        mailbox_destroy(&stage->peers[actor]);
    forget_heard(stage);
    options_done(&stage->options);
    free(stage);
    assert_int_equal(available, permits);
    return 0;
}
