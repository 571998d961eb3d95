/* Who is let in. */
#include "session_manager/handshake.h"

#include <inttypes.h>
#include <sys/param.h>

#include "check.h"
#include "session_manager/session_id.h"
#include "tunnel_frame.h"

static const char *self_name(void)
{
    return actor_name(ACTOR_session_manager);
}

struct refusal {
    enum session_refusal why;
    enum error_code goaway_code;
    const char *message; /* of GOAWAY, and the close reason */
    uint32_t close_code;
};

static void refuse_hello(struct session_manager *self, const struct message_open_session *open,
                         const struct refusal *refusal)
{
    self->refused[refusal->why]++;
    log_info(self->log, self_name(), "session-refused", "connection=%" PRIu64 " peer=%s reason=\"%s\"",
             open->connection.value, open->peer, refusal->message);
    mailbox_send(self->mailbox,
                 MESSAGE_OF(session_refused, .shard = open->shard, .connection = open->connection, .sends_goaway = true,
                            .goaway_code = refusal->goaway_code, .goaway_message = refusal->message,
                            .close_code = refusal->close_code, .close_reason = refusal->message));
}

/* NULL: it is one that we can answer; ret_hello is the caller's. Otherwise what is wrong with it. */
static const char *read_hello(const struct message_open_session *open, struct hello *ret_hello)
{
    const char *why = NULL;
    switch (hello_decode(open->hello, ret_hello, &why)) {
    case PAYLOAD_NOT_JSON:
        return "HELLO is not a JSON object";
    case PAYLOAD_INVALID:
        return why;
    case PAYLOAD_OK:
        break;
    }
    if ((uint32_t)ret_hello->version == open->subprotocol)
        return NULL;
    hello_done(ret_hello);
    return "version is not the negotiated subprotocol";
}

static struct session *session_open(struct session_manager *self, const struct message_open_session *open,
                                    const struct hello *hello, uint64_t now_ms)
{
    const struct session_link link = {
        .shard = open->shard,
        .connection = open->connection,
        .peer = strdup(open->peer),
        .subprotocol = hello->version,
        .connections_granted = 1,
    };
    check(link.peer != NULL);
    struct session_id id = session_id_new();
    struct session *session = session_table_add(self->table, &id, &link);
    liveness_begin(&session->liveness, &self->limits, now_ms);
    self->probe_at_ms = MIN(self->probe_at_ms, session->liveness.probe_at_ms);
    self->opened++;
    return session;
}

static void say_opened(struct session_manager *self, const struct session *session)
{
    const struct hello_ok ok = {
        .session = session->id,
        .resumed = false,
        .stream_window = (uint32_t)self->options->stream_window,
        .session_window = (uint32_t)self->options->session_window,
        .max_streams = (uint32_t)self->options->max_streams,
        .subprotocol = session->link.subprotocol,
        .connections_granted = session->link.connections_granted,
    };
    char *payload = hello_ok_encode(&ok);
    check(payload != NULL);
    mailbox_send(self->mailbox, MESSAGE_OF(session_opened, .shard = session->link.shard,
                                           .connection = session->link.connection, .session = session->id,
                                           .hello_ok = span_of_string(payload), .stream_window = ok.stream_window,
                                           .session_window = ok.session_window, .max_streams = ok.max_streams));
    free(payload);
}

void on_open_session(struct session_manager *self, const struct message *message, uint64_t now_ms)
{
    const struct message_open_session *open = &message->open_session;
    if (self->is_draining) {
        refuse_hello(self, open,
                     &(const struct refusal){REFUSAL_draining, CODE_NO_ERROR, "kit is shutting down", 1001});
        return;
    }
    struct hello hello;
    const char *why = read_hello(open, &hello);
    if (why != NULL) {
        refuse_hello(self, open, &(const struct refusal){REFUSAL_bad_hello, CODE_PROTOCOL_ERROR, why, 1002});
        return;
    }
    if (self->table->listed >= self->options->max_sessions) {
        refuse_hello(self, open,
                     &(const struct refusal){REFUSAL_session_limit, CODE_RESOURCE_EXHAUSTED,
                                             "tunnel session limit reached", 1013});
    } else {
        /* A session that it wants to resume is unknown here: sessions end with their connections. */
        struct session *session = session_open(self, open, &hello, now_ms);
        log_info(self->log, self_name(), "session-opened",
                 "session=%s connection=%" PRIu64 " peer=%s protocol=%s resumed=false", session->id.text,
                 open->connection.value, open->peer, subprotocol_name(session->link.subprotocol));
        say_opened(self, session);
    }
    hello_done(&hello);
}

static void refuse_join(struct session_manager *self, const struct message_join_session *join, const char *session,
                        enum session_refusal why, const char *code, const char *text)
{
    self->refused[why]++;
    log_info(self->log, self_name(), "join-refused", "session=%s connection=%" PRIu64 " reason=\"%s\"", session,
             join->connection.value, text);
    char *payload = code != NULL ? join_err_encode(code, text) : strdup("");
    check(payload != NULL);
    mailbox_send(self->mailbox, MESSAGE_OF(join_refused, .shard = join->shard, .connection = join->connection,
                                           .join_err = span_of_string(payload)));
    free(payload);
}

void on_join_session(struct session_manager *self, const struct message *message, uint64_t now_ms)
{
    (void)now_ms;
    const struct message_join_session *ask = &message->join_session;
    struct join join;
    const char *why = NULL;
    if (join_decode(ask->join, &join, &why) != PAYLOAD_OK) {
        refuse_join(self, ask, "", REFUSAL_bad_join, NULL, "JOIN does not parse");
        return;
    }
    const struct session *session = session_table_find(self->table, join.session);
    if (session == NULL || !session_is_listed(session))
        refuse_join(self, ask, "", REFUSAL_unknown_session, "UNKNOWN_SESSION", "there is no session of that id");
    else /* none was issued */
        refuse_join(self, ask, session->id.text, REFUSAL_bad_ticket, "BAD_TICKET",
                    "no ticket was issued for that index");
    join_done(&join);
}
