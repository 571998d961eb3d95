/* Who is let in. */
#include "session_manager/handshake.h"

#include <sys/param.h>

#include "check.h"
#include "session_manager/joining.h"
#include "session_manager/session_id.h"

static void refuse_hello(struct session_manager *self, const struct message_open_session *open, const char *session,
                         const struct refusal *refusal)
{
    connection_refuse(self,
                      &(const struct asking){
                          .shard = open->shard, .connection = open->connection, .peer = open->peer, .session = session},
                      refusal);
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

/* ---- bearer tokens ------------------------------------------------------------------------------------------- */

bool handshake_load_tokens(struct session_manager *self, char ret_why[AUTH_TOKENS_WHY_MAX])
{
    const char *path = self->options->auth_token_file;
    if (*path == '\0')
        return true;
    struct auth_tokens tokens;
    bool is_exposed = false;
    if (!auth_tokens_read(path, &tokens, &is_exposed, ret_why))
        return false;
    auth_tokens_done(&self->tokens);
    self->tokens = tokens;
    log_info(&self->log, "tokens-loaded", log_text("file", path), log_number("tokens", tokens.count));
    if (is_exposed)
        log_warn(&self->log, "tokens-exposed", log_text("file", path),
                 log_reason("other users may read or write it: chmod o= it"));
    return true;
}

/* Both places are always looked at. */
static bool is_authenticated(const struct session_manager *self, const struct message_open_session *open,
                             const struct hello *hello)
{
    if (self->tokens.count == 0)
        return true;
    bool by_hello = hello->token != NULL && auth_tokens_have(&self->tokens, hello->token);
    bool by_upgrade = *open->bearer != '\0' && auth_tokens_have(&self->tokens, open->bearer);
    return by_hello || by_upgrade;
}

/* ---- who is let in ------------------------------------------------------------------------------------------- */

/* The peer is a copy, for the session to keep. */
static struct session_link link_of(const struct session_manager *self, const struct message_open_session *open,
                                   const struct hello *hello)
{
    struct session_link link = {
        .shard = open->shard,
        .connection = open->connection,
        .peer = strdup(open->peer),
        .subprotocol = hello->version,
        .connections_granted = joining_grant(self->options, hello),
        .wants_shard_map = hello->shard_map,
        .driver = hello_driver_kind(hello),
    };
    check(link.peer != NULL);
    return link;
}

/* Lets its connection in, with what it holds. */
static void session_begin(struct session_manager *self, struct session *session, const struct hello_ok *held,
                          uint64_t now_ms)
{
    struct join_ticket tickets[JOIN_SEATS_MAX];
    size_t ticket_count = joining_begin(self, session, now_ms, tickets);
    const struct hello_ok ok = {
        .session = session->id,
        .resumed = held->resumed,
        .resumed_binds = held->resumed_binds,
        .resumed_bind_count = held->resumed_bind_count,
        .stream_window = (uint32_t)self->options->stream_window,
        .session_window = (uint32_t)self->options->session_window,
        .max_streams = (uint32_t)self->options->max_streams,
        .subprotocol = session->link.subprotocol,
        .connections_granted = session->link.connections_granted,
        .join_tickets = tickets,
        .join_ticket_count = ticket_count,
    };
    liveness_begin(&session->liveness, &self->limits, now_ms);
    self->probe_at_ms = MIN(self->probe_at_ms, session->liveness.probe_at_ms);
    log_info(&self->log, "session-opened", log_session(&session->id), log_connection(session->link.connection),
             log_peer(session->link.peer), log_text("protocol", subprotocol_name(session->link.subprotocol)),
             log_number("shard", session->link.shard), log_flag("resumed", ok.resumed),
             log_number("bindings", ok.resumed_bind_count));
    char *payload = hello_ok_encode(&ok);
    check(payload != NULL);
    mailbox_send(self->mailbox,
                 MESSAGE_OF(session_opened, .shard = session->link.shard, .connection = session->link.connection,
                            .session = session->id, .hello_ok = span_of_string(payload),
                            .stream_window = ok.stream_window, .session_window = ok.session_window,
                            .max_streams = ok.max_streams, .driver = session->link.driver));
    free(payload);
}

/* One that comes in on shard 0 may be sent to another; from there it has come to stay. */
static bool place(struct session_manager *self, const struct message_open_session *open)
{
    struct placement *placement = &self->table->placement;
    uint32_t shard = open->shard == 0 ? placement_choose(placement) : open->shard;
    if (shard == open->shard)
        return true;
    placement_expect(placement, open->connection, shard);
    connection_move(self, open->shard, open->connection, shard);
    return false;
}

static void open_fresh(struct session_manager *self, const struct message_open_session *open, const struct hello *hello,
                       uint64_t now_ms)
{
    if (self->table->listed >= self->options->max_sessions) {
        refuse_hello(self, open, "",
                     &(const struct refusal){.why = REFUSAL_session_limit,
                                             .goaway_code = CODE_RESOURCE_EXHAUSTED,
                                             .message = "tunnel session limit reached",
                                             .close_code = 1013});
        return;
    }
    if (!place(self, open))
        return;
    const struct session_link link = link_of(self, open, hello);
    struct session_id id = session_id_new();
    struct session *session = session_table_add(self->table, &id, &link);
    self->opened++;
    session_begin(self, session, &(const struct hello_ok){.resumed = false}, now_ms);
}

/* The session of that id that can be resumed, or is being resumed. NULL: none. */
static struct session *find_resumable(struct session_manager *self, const char *id)
{
    struct session *session = session_table_find(self->table, id);
    return session != NULL && (session_is_listed(session) || session_is_parked(session)) ? session : NULL;
}

static void open_resumed(struct session_manager *self, const struct message_open_session *open,
                         const struct hello *hello, uint64_t now_ms)
{
    struct session *session = find_resumable(self, hello->resume_session);
    if (session != NULL && session->state == SESSION_RESUMING) {
        refuse_hello(self, open, session->id.text,
                     &(const struct refusal){.why = REFUSAL_resume_in_progress,
                                             .message = "another handshake for this session is in progress",
                                             .close_code = 1013,
                                             .has_no_goaway = true});
    } else if (session != NULL && session->link.shard != open->shard) {
        connection_move(self, open->shard, open->connection, session->link.shard);
    } else if (session != NULL) {
        const struct session_link link = link_of(self, open, hello);
        session_resume(self, session, &link);
    } else if (expired_sessions_has(&self->expired, hello->resume_session, now_ms)) {
        refuse_hello(self, open, hello->resume_session,
                     &(const struct refusal){.why = REFUSAL_resume_expired,
                                             .goaway_code = CODE_STREAM_CLOSED,
                                             .message = "resume grace expired",
                                             .close_code = 1008});
    } else {
        open_fresh(self, open, hello, now_ms);
    }
}

void on_open_session(struct session_manager *self, const struct message *message, uint64_t now_ms)
{
    const struct message_open_session *open = &message->open_session;
    placement_settle(&self->table->placement, open->connection);
    if (self->is_draining) {
        refuse_hello(self, open, "",
                     &(const struct refusal){.why = REFUSAL_draining,
                                             .goaway_code = CODE_NO_ERROR,
                                             .message = "kit is shutting down",
                                             .close_code = 1001});
        return;
    }
    struct hello hello;
    const char *why = read_hello(open, &hello);
    if (why != NULL) {
        refuse_hello(
            self, open, "",
            &(const struct refusal){
                .why = REFUSAL_bad_hello, .goaway_code = CODE_PROTOCOL_ERROR, .message = why, .close_code = 1002});
        return;
    }
    if (!is_authenticated(self, open, &hello))
        refuse_hello(self, open, "",
                     &(const struct refusal){.why = REFUSAL_auth_failed,
                                             .goaway_code = CODE_AUTH_ERROR,
                                             .message = "authentication failed",
                                             .close_code = 3000});
    else if (hello.resume_session != NULL)
        open_resumed(self, open, &hello, now_ms);
    else
        open_fresh(self, open, &hello, now_ms);
    hello_done(&hello);
}

/* ---- what a resumed session holds ---------------------------------------------------------------------------- */

/* The caller's, to be given to hello_ok_done. */
static struct hello_ok read_held(struct span rows)
{
    struct hello_ok held = {.resumed = true};
    struct message row;
    while (message_rows_next(&rows, &row)) {
        check(row.type == MESSAGE_binding_row);
        struct resumed_bind *binds =
            realloc(held.resumed_binds, (held.resumed_bind_count + 1) * sizeof *held.resumed_binds);
        check(binds != NULL);
        held.resumed_binds = binds;
        binds[held.resumed_bind_count++] = (struct resumed_bind){
            .bind = row.binding_row.binding.value,
            .is_pull = row.binding_row.mode == BIND_MODE_PULL,
            .container_port = (uint16_t)row.binding_row.port,
        };
        message_done(&row);
    }
    return held;
}

void on_session_resumed(struct session_manager *self, const struct message *message, uint64_t now_ms)
{
    const struct message_session_resumed *resumed = &message->session_resumed;
    struct session *session = session_table_find(self->table, resumed->session.text);
    if (session == NULL || session->state != SESSION_RESUMING ||
        !connection_id_equals(session->link.connection, resumed->connection))
        return; /* its new driver was lost meanwhile, or it was killed */
    struct hello_ok held = read_held(resumed->bindings);
    session->bindings = (uint32_t)held.resumed_bind_count;
    self->resumed++;
    session_table_move(self->table, session, SESSION_LIVE);
    session_begin(self, session, &held, now_ms);
    hello_ok_done(&held);
}
