/* The mailbox on CZMQ sockets. libzmq's inproc pipes deliver within the sending call, so what a peer sent before is
 * there. */
#include "mailbox.h"

#include <czmq.h>
#include <inttypes.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "check.h"
#include "tsan_order.h"

struct mailbox {
    enum actor actor;
    uint32_t shard;
    struct logger log;
    zsock_t *inbox;
    zsock_t *outboxes[ACTOR_COUNT][SHARDS_MAX]; /* NULL until connected, or first written to */
    struct message_buffer packed;               /* kept from send to send */
    struct mailbox_counts counts;
};

/* One for each mailbox there can be; only their addresses are used. */
static char order_marks[ACTOR_COUNT][SHARDS_MAX];

/* ---- sockets ------------------------------------------------------------------------------------------------------
 */

struct endpoint {
    char text[64];
};

static struct endpoint endpoint_of(enum actor actor, uint32_t shard)
{
    struct endpoint endpoint;
    if (actor == ACTOR_ws_gateway)
        snprintf(endpoint.text, sizeof endpoint.text, "inproc://%s-%" PRIu32, actor_name(actor), shard);
    else
        snprintf(endpoint.text, sizeof endpoint.text, "inproc://%s", actor_name(actor));
    return endpoint;
}

/* Where there is none, CZMQ ends the process. */
static bool has_descriptor(void)
{
    int fd = eventfd(0, EFD_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* An inproc pipe holds the sender's mark plus the receiver's. */
static zsock_t *socket_new(int type)
{
    zsock_t *socket = has_descriptor() ? zsock_new(type) : NULL;
    if (socket == NULL)
        return NULL;
    zsock_set_linger(socket, 0);
    zsock_set_sndtimeo(socket, 0);
    zsock_set_rcvtimeo(socket, 0);
    zsock_set_sndhwm(socket, MAILBOX_DEPTH / 2);
    zsock_set_rcvhwm(socket, MAILBOX_DEPTH / 2);
    return socket;
}

struct mailbox *mailbox_new(enum actor actor, uint32_t shard, const struct log *log)
{
    check(actor < ACTOR_COUNT && shard < SHARDS_MAX && (shard == 0 || actor == ACTOR_ws_gateway));
    struct endpoint endpoint = endpoint_of(actor, shard);
    struct logger logger = logger_of(log, actor_name(actor));
    struct mailbox *mailbox = calloc(1, sizeof *mailbox);
    if (mailbox == NULL) {
        log_error(&logger, "mailbox-failed", log_reason("out of memory"));
        return NULL;
    }
    mailbox->actor = actor;
    mailbox->shard = shard;
    mailbox->log = logger;
    mailbox->inbox = socket_new(ZMQ_PULL);
    if (mailbox->inbox == NULL || zsock_bind(mailbox->inbox, "%s", endpoint.text) < 0) {
        log_error(&logger, "mailbox-failed", log_text("endpoint", endpoint.text), log_reason(zmq_strerror(errno)));
        zsock_destroy(&mailbox->inbox); /* it is not bound: mailbox_destroy must not free the name of another */
        mailbox_destroy(&mailbox);
        return NULL;
    }
    mailbox_has_input(mailbox); /* a fresh socket's descriptor is silent until its events were read once */
    return mailbox;
}

void mailbox_destroy(struct mailbox **p_mailbox)
{
    struct mailbox *mailbox = *p_mailbox;
    if (mailbox == NULL)
        return;
    /* Closing frees the name some time later, unbinding at once: the next mailbox of that name must be able to bind. */
    if (mailbox->inbox != NULL)
        zsock_unbind(mailbox->inbox, "%s", endpoint_of(mailbox->actor, mailbox->shard).text);
    zsock_destroy(&mailbox->inbox);
    for (size_t actor = 0; actor < ACTOR_COUNT; actor++)
        for (size_t shard = 0; shard < SHARDS_MAX; shard++)
            zsock_destroy(&mailbox->outboxes[actor][shard]);
    message_buffer_done(&mailbox->packed);
    logger_done(&mailbox->log);
    free(mailbox);
    *p_mailbox = NULL;
}

/* NULL: it could not. */
static zsock_t *mailbox_outbox(struct mailbox *mailbox, enum actor actor, uint32_t shard)
{
    zsock_t **p_outbox = &mailbox->outboxes[actor][shard];
    if (*p_outbox != NULL)
        return *p_outbox;
    *p_outbox = socket_new(ZMQ_PUSH);
    if (*p_outbox != NULL && zsock_connect(*p_outbox, "%s", endpoint_of(actor, shard).text) < 0)
        zsock_destroy(p_outbox);
    return *p_outbox;
}

void mailbox_connect(struct mailbox *mailbox, uint32_t gateways)
{
    check(gateways <= SHARDS_MAX);
    for (enum message_type type = MESSAGE_NONE + 1; type < MESSAGE_TYPE_COUNT; type++) {
        enum actor to = message_to(type);
        if (message_from(type) != mailbox->actor || to == ACTOR_any)
            continue;
        for (uint32_t shard = 0; shard < (to == ACTOR_ws_gateway ? gateways : 1); shard++)
            (void)mailbox_outbox(mailbox, to, shard); /* one that cannot be opened is tried again when it is needed */
    }
}

/* ---- sending -------------------------------------------------------------------------------------------------------
 */

/* The first loss and then ever fewer: a receiver that is gone must not flood the log. */
static bool count_is_worth_a_line(uint64_t count)
{
    return (count & (count - 1)) == 0;
}

static bool mailbox_lost(struct mailbox *mailbox, enum actor actor, const struct message *message, const char *why)
{
    /* A ping that finds nobody is an answer: who pings looks out for silence, and says so in words of his own. */
    bool is_news = message->type != MESSAGE_ping_actor;
    mailbox->counts.lost++;
    if (is_news && count_is_worth_a_line(mailbox->counts.lost))
        log_warn(&mailbox->log, "message-lost", log_text("message", message_name(message->type)),
                 log_text("to", actor_name(actor)), log_number("total", mailbox->counts.lost), log_reason(why));
    return false;
}

/* false: errno says why. Our own copy into the message, so that ThreadSanitizer sees it. */
static bool send_bytes(zsock_t *outbox, struct span bytes, char *order_mark)
{
    zmq_msg_t out;
    if (zmq_msg_init_size(&out, bytes.length) < 0)
        return false;
    memcpy(zmq_msg_data(&out), bytes.data, bytes.length);
    TSAN_RELEASE(order_mark);
    bool is_sent = zmq_msg_send(&out, zsock_resolve(outbox), ZMQ_DONTWAIT) >= 0;
    if (!is_sent)
        zmq_msg_close(&out);
    return is_sent;
}

bool mailbox_send_to(struct mailbox *mailbox, enum actor actor, uint32_t shard, const struct message *message)
{
    enum actor from = message_from(message->type), to = message_to(message->type);
    check(from == ACTOR_any || from == mailbox->actor);
    check(to == ACTOR_any || to == actor);
    check(actor < ACTOR_COUNT && shard < SHARDS_MAX && (shard == 0 || actor == ACTOR_ws_gateway));
    zsock_t *outbox = mailbox_outbox(mailbox, actor, shard);
    if (outbox == NULL)
        return mailbox_lost(mailbox, actor, message, zmq_strerror(errno));
    mailbox->packed.length = 0;
    if (!message_pack(message, &mailbox->packed))
        return mailbox_lost(mailbox, actor, message, "out of memory");
    if (!send_bytes(outbox, message_buffer_span(&mailbox->packed), &order_marks[actor][shard]))
        return mailbox_lost(mailbox, actor, message, "the receiver is gone or its mailbox is full");
    mailbox->counts.sent++;
    return true;
}

bool mailbox_send(struct mailbox *mailbox, const struct message *message)
{
    enum actor to = message_to(message->type);
    check(to != ACTOR_any);
    return mailbox_send_to(mailbox, to, to == ACTOR_ws_gateway ? message_shard(message) : 0, message);
}

/* ---- receiving -----------------------------------------------------------------------------------------------------
 */

static void mailbox_refuse(struct mailbox *mailbox, const struct message *message, size_t bytes, const char *why)
{
    mailbox->counts.refused++;
    if (!count_is_worth_a_line(mailbox->counts.refused))
        return;
    /* Its name alone: its fields may hold a token. */
    log_warn(&mailbox->log, "message-refused", log_text("message", message_name(message->type)),
             log_number("bytes", bytes), log_number("total", mailbox->counts.refused), log_reason(why));
}

static bool mailbox_is_addressee(const struct mailbox *mailbox, const struct message *message)
{
    enum actor to = message_to(message->type);
    if (to == ACTOR_any)
        return true;
    return to == mailbox->actor && (to != ACTOR_ws_gateway || message_shard(message) == mailbox->shard);
}

static void mailbox_answer_ping(struct mailbox *mailbox, const struct message *message)
{
    const struct message_ping_actor *ping = &message->ping_actor;
    bool shard_exists = ping->from_shard == 0 || (ping->from == ACTOR_ws_gateway && ping->from_shard < SHARDS_MAX);
    if (ping->from >= ACTOR_COUNT || !shard_exists)
        mailbox_refuse(mailbox, message, 0, "a ping from nobody");
    else
        mailbox_send_to(mailbox, (enum actor)ping->from, ping->from_shard,
                        MESSAGE_OF(actor_ponged, .ref = ping->ref, .actor = mailbox->actor, .shard = mailbox->shard));
}

/* false: not for the actor: refused, or answered here. */
static bool mailbox_accept(struct mailbox *mailbox, struct span packed, struct message *ret_message)
{
    struct message message = {0};
    const char *why = NULL;
    mailbox->counts.received++;
    if (!message_unpack(packed, &message, &why)) {
        mailbox_refuse(mailbox, &message, packed.length, why);
        return false;
    }
    if (mailbox_is_addressee(mailbox, &message) && message.type != MESSAGE_ping_actor) {
        *ret_message = message;
        return true;
    }
    if (message.type == MESSAGE_ping_actor)
        mailbox_answer_ping(mailbox, &message);
    else
        mailbox_refuse(mailbox, &message, packed.length, "it is for another actor");
    message_done(&message);
    return false;
}

bool mailbox_receive(struct mailbox *mailbox, struct message *ret_message)
{
    void *inbox = zsock_resolve(mailbox->inbox);
    bool accepted = false;
    zmq_msg_t received;
    zmq_msg_init(&received);
    while (!accepted && zmq_msg_recv(&received, inbox, ZMQ_DONTWAIT) >= 0) {
        TSAN_ACQUIRE(&order_marks[mailbox->actor][mailbox->shard]);
        accepted = mailbox_accept(mailbox, span_of(zmq_msg_data(&received), zmq_msg_size(&received)), ret_message);
    }
    zmq_msg_close(&received);
    return accepted;
}

/* ---- event loops ---------------------------------------------------------------------------------------------------
 */

int mailbox_fd(const struct mailbox *mailbox)
{
    return (int)zsock_fd(mailbox->inbox);
}

bool mailbox_has_input(struct mailbox *mailbox)
{
    return (zsock_events(mailbox->inbox) & ZMQ_POLLIN) != 0;
}

void *mailbox_inbox(struct mailbox *mailbox)
{
    return zsock_resolve(mailbox->inbox);
}

struct mailbox_counts mailbox_counts(const struct mailbox *mailbox)
{
    return mailbox->counts;
}
