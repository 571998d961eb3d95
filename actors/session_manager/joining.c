/* Who joins a session. */
#include "session_manager/joining.h"

#include <openssl/rand.h>
#include <sys/param.h>

#include "check.h"

/* ---- seats and tickets --------------------------------------------------------------------------------------- */

uint32_t joining_grant(const struct options *options, const struct hello *hello)
{
    if (hello->version != SUBPROTOCOL_V2 || !hello->multi_ws)
        return 1;
    return (uint32_t)MIN(MAX(hello->max_connections, 1), options->max_connections_per_session);
}

/* For every free seat. Returns how many. */
static size_t issue_tickets(struct session_manager *self, struct session *session, uint64_t now_ms,
                            struct join_ticket ret_tickets[JOIN_SEATS_MAX])
{
    size_t count = 0;
    for (uint32_t index = 1; index < session->seats.granted; index++) {
        uint8_t random[JOIN_NONCE_RANDOM_BYTES];
        if (!join_seats_is_free(&session->seats, index))
            continue;
        check(RAND_bytes(random, sizeof random) == 1); /* who can guess one is let in */
        ret_tickets[count++] = join_seats_issue(&session->seats, index, random, self->options->join_ticket_ttl, now_ms);
    }
    return count;
}

size_t joining_begin(struct session_manager *self, struct session *session, uint64_t now_ms,
                     struct join_ticket ret_tickets[JOIN_SEATS_MAX])
{
    join_seats_begin(&session->seats, session->link.connections_granted);
    return issue_tickets(self, session, now_ms, ret_tickets);
}

void on_reissue_tickets(struct session_manager *self, const struct message *message, uint64_t now_ms)
{
    const struct message_reissue_tickets *ask = &message->reissue_tickets;
    struct session *session = session_table_find_linked(self->table, ask->connection);
    if (session == NULL || session->state != SESSION_LIVE) {
        log_debug(&self->log, "reissue-dropped", log_session(session != NULL ? &session->id : NULL),
                  log_connection(ask->connection));
        return;
    }
    struct join_ticket tickets[JOIN_SEATS_MAX];
    const struct reissue_join_tickets reissue = {
        .tickets = tickets,
        .count = issue_tickets(self, session, now_ms, tickets),
    };
    char *payload = reissue_join_tickets_encode(&reissue);
    check(payload != NULL);
    mailbox_send(self->mailbox, MESSAGE_OF(tickets_reissued, .shard = ask->shard, .connection = ask->connection,
                                           .tickets = span_of_string(payload)));
    free(payload);
}

/* ---- SHARD_MAP ----------------------------------------------------------------------------------------------- */

/* To a driver that asked to be told. One whose session ends needs no map of it. */
static void say_shards(struct session_manager *self, const struct session *session)
{
    if (!session->link.wants_shard_map || session->state != SESSION_LIVE)
        return;
    struct shard shards[JOIN_SEATS_MAX] = {{.index = 0, .is_attached = true}};
    for (uint32_t index = 1; index < session->seats.granted; index++)
        shards[index] = (struct shard){
            .index = index,
            .is_attached = join_seats_at(&session->seats, index).value != 0,
        };
    char *payload = shard_map_encode(&(const struct shard_map){.shards = shards, .count = session->seats.granted});
    check(payload != NULL);
    mailbox_send(self->mailbox,
                 MESSAGE_OF(shards_changed, .shard = session->link.shard, .connection = session->link.connection,
                            .shard_map = span_of_string(payload)));
    free(payload);
}

/* ---- JOIN ---------------------------------------------------------------------------------------------------- */

struct join_refusal {
    enum session_refusal why;
    const char *code; /* NULL: closed with no word */
    const char *text;
};

static void refuse_join(struct session_manager *self, const struct message_join_session *ask, const char *session,
                        const struct join_refusal *refusal)
{
    self->refused[refusal->why]++;
    log_info(&self->log, "join-refused", log_text("session", *session != '\0' ? session : NULL),
             log_connection(ask->connection), log_text("code", refusal->code), log_reason(refusal->text));
    char *payload = refusal->code != NULL ? join_err_encode(refusal->code, refusal->text) : strdup("");
    check(payload != NULL);
    mailbox_send(self->mailbox, MESSAGE_OF(join_refused, .shard = ask->shard, .connection = ask->connection,
                                           .join_err = span_of_string(payload)));
    free(payload);
}

static void accept_join(struct session_manager *self, const struct message_join_session *ask, struct session *session,
                        const struct join *join)
{
    uint32_t index = join->index;
    session_table_attach(self->table, session, index);
    self->joined++;
    log_info(&self->log, "connection-joined", log_session(&session->id), log_connection(ask->connection),
             log_number("index", index));
    char *payload = join_ok_encode(index);
    check(payload != NULL);
    mailbox_send(self->mailbox, MESSAGE_OF(session_joined, .shard = ask->shard, .connection = ask->connection,
                                           .primary = session->link.connection, .index = index, .nonce = join->nonce,
                                           .join_ok = span_of_string(payload)));
    free(payload);
    say_shards(self, session);
}

static void judge_join(struct session_manager *self, const struct message_join_session *ask, const struct join *join,
                       uint64_t now_ms)
{
    static const struct join_refusal refusals[] = {
        [JOIN_INDEX_IN_USE] = {REFUSAL_index_in_use, "INDEX_IN_USE", "another connection has that index"},
        [JOIN_BAD_TICKET] = {REFUSAL_bad_ticket, "BAD_TICKET", "no such ticket is outstanding for that index"},
        [JOIN_EXPIRED_TICKET] = {REFUSAL_expired_ticket, "EXPIRED_TICKET", "the ticket expired: ask for another"},
    };
    struct session *session = session_table_find(self->table, join->session);
    if (session == NULL || session->state != SESSION_LIVE) {
        refuse_join(self, ask, session != NULL ? session->id.text : "",
                    &(const struct join_refusal){REFUSAL_unknown_session, "UNKNOWN_SESSION",
                                                 "there is no live session of that id"});
        return;
    }
    if (session->link.shard != ask->shard) {
        connection_move(self, ask->shard, ask->connection, session->link.shard);
        return;
    }
    enum join_verdict verdict = join_seats_take(&session->seats, join->index, join->nonce, ask->connection, now_ms);
    switch (verdict) {
    case JOIN_ACCEPTED:
        accept_join(self, ask, session, join);
        return;
    case JOIN_INDEX_IN_USE:
    case JOIN_BAD_TICKET:
    case JOIN_EXPIRED_TICKET:
        refuse_join(self, ask, session->id.text, &refusals[verdict]);
        return;
    }
}

void on_join_session(struct session_manager *self, const struct message *message, uint64_t now_ms)
{
    const struct message_join_session *ask = &message->join_session;
    struct join join;
    const char *why = NULL;
    if (join_decode(ask->join, &join, &why) != PAYLOAD_OK) {
        refuse_join(self, ask, "", &(const struct join_refusal){REFUSAL_bad_join, NULL, "JOIN does not parse"});
        return;
    }
    judge_join(self, ask, &join, now_ms);
    join_done(&join);
}

void on_secondary_closed(struct session_manager *self, const struct message *message, uint64_t now_ms)
{
    (void)now_ms;
    const struct message_secondary_closed *closed = &message->secondary_closed;
    uint32_t index;
    struct session *session = session_table_find_attached(self->table, closed->connection, &index);
    if (session == NULL)
        return; /* its session's primary went before it */
    session_table_detach(self->table, session, index);
    log_info(&self->log, "connection-left", log_session(&session->id), log_connection(closed->connection),
             log_number("index", index));
    say_shards(self, session);
}
