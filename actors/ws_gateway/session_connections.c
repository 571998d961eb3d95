/* A session's connections: they come, they are lost, they take turns (protocol section 4). */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "driver_connection.h"
#include "tunnel_session.h"

void tunnel_session_attach(struct tunnel_session *session, struct driver_connection *connection)
{
    check(connection->index > 0 && connection->index < CONNECTIONS_MAX && !session->connections[connection->index]);
    session->connections[connection->index] = connection;
}

/* ---- what becomes of a lost connection's streams ---- */

static void judge_streams(struct tunnel_session *session, const struct driver_connection *lost, bool said_goodbye)
{
    struct stream *next = NULL;
    for (struct stream *stream = TAILQ_FIRST(&session->all); stream; stream = next) {
        next = TAILQ_NEXT(stream, session_link);
        switch (stream_order_lose(stream, lost, said_goodbye)) {
        case STREAM_UNTOUCHED:
            break;
        case STREAM_MOVES:
            stream_move(stream, session->primary);
            stream_grant_anew(stream);
            break;
        case STREAM_IS_LOST:
            if (stream->connection == lost)
                stream_move(stream, session->primary); /* where the reset goes */
            stream_refuse(stream, CODE_CANCEL, "the stream's connection was lost");
            break;
        }
    }
}

/* ---- what becomes of the credit that was on its way there ---- */

/* Of streams that were opened there: what its peer may have sent or kept at most, by their own windows. */
struct at_stake {
    uint64_t ours;  /* sent, and not granted back */
    uint64_t peers; /* granted, and not come */
};

static struct at_stake find_at_stake(const struct tunnel_session *session, const struct driver_connection *lost)
{
    struct at_stake at_stake = {0};
    const struct stream *stream = NULL;
    TAILQ_FOREACH(stream, &session->all, session_link)
    {
        if (stream->connection != lost)
            continue;
        int64_t unanswered = session->stream_window - stream->send.available;
        at_stake.ours += unanswered > 0 ? (uint64_t)unanswered : 0;
        at_stake.peers += (uint64_t)stream->receive.available;
    }
    return at_stake;
}

static uint32_t at_most(uint64_t bytes, uint64_t limit)
{
    return (uint32_t)(bytes < limit ? bytes : limit);
}

/* Official drivers cannot tell what they had sent, and mind no credit beyond the window: they are given what was lost
 * at most, within bounds, and so are we. They open no connection anew, so it happens a few times at worst. */
static void settle_on_trust(struct tunnel_session *session, struct at_stake at_stake)
{
    if (session->send.available < session->session_window) {
        uint64_t missing = (uint64_t)(session->session_window - session->send.available);
        (void)tunnel_session_grow_send_window(session, at_most(at_stake.ours, missing));
    }
    uint32_t grant = at_most(at_stake.peers, session->session_window / CONNECTIONS_MAX);
    grant = at_most(grant, session->session_window - session->granted_on_trust);
    if (grant == 0 || !receive_window_lend(&session->receive, grant))
        return;
    session->granted_on_trust += grant;
    frame_batch_add_window(&session->primary->batch, 0, grant);
    driver_connection_mark_unflushed(session->primary);
}

static void settle_by_word(struct tunnel_session *session, const struct driver_connection *lost)
{
    struct connection_lost word = {.data_bytes = lost->batch.data_bytes};
    memcpy(word.nonce, lost->nonce, sizeof word.nonce);
    lost_credit_note(&session->lost, lost->nonce, lost->data_received);
    driver_connection_send_json(session->primary, FRAME_CONNECTION_LOST, connection_lost_encode(&word));
}

void tunnel_session_detach(struct tunnel_session *session, struct driver_connection *connection, bool said_goodbye)
{
    struct at_stake at_stake = find_at_stake(session, connection);
    session->connections[connection->index] = NULL;
    judge_streams(session, connection, said_goodbye);
    barriers_lift(connection);
    tunnel_session_note_passed(session);
    if (session->primary->session != session)
        return; /* a held frame broke the protocol: it is over */
    if (session->driver == DRIVER_KIND_OURS)
        settle_by_word(session, connection);
    else
        settle_on_trust(session, at_stake);
}

/* The driver may know of a loss before we do. */
static void drop_named(struct tunnel_session *session, const char *nonce)
{
    for (unsigned i = 1; i < CONNECTIONS_MAX; i++)
        if (session->connections[i] && strcmp(session->connections[i]->nonce, nonce) == 0)
            driver_connection_drop(session->connections[i]);
}

void tunnel_session_hear_lost(struct tunnel_session *session, const struct connection_lost *said)
{
    struct driver_connection *primary = session->primary;
    drop_named(session, said->nonce);
    uint64_t bytes = 0;
    switch (primary->session == session ? lost_credit_settle(&session->lost, said, &bytes) : LOST_CREDIT_UNKNOWN) {
    case LOST_CREDIT_UNKNOWN:
        break;
    case LOST_CREDIT_ABSURD:
        driver_connection_fail(primary, CODE_PROTOCOL_ERROR, "CONNECTION_LOST tells of less than has come");
        break;
    case LOST_CREDIT_FOUND:
        if (bytes > UINT32_MAX || !receive_window_take(&session->receive, (uint32_t)bytes))
            driver_connection_fail(primary, CODE_FLOW_CONTROL, "more DATA was lost than the session's window");
        else
            tunnel_session_consumed(session, (uint32_t)bytes);
        break;
    }
}

/* ---- where streams go ---- */

struct driver_connection *tunnel_session_next_connection(struct tunnel_session *session)
{
    struct driver_connection *best = session->primary;
    size_t fewest = SIZE_MAX;
    unsigned found = 0;
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
        unsigned index = (session->turn + i) % CONNECTIONS_MAX;
        struct driver_connection *connection = session->connections[index];
        if (!connection || driver_connection_queued(connection) >= fewest)
            continue;
        best = connection;
        fewest = driver_connection_queued(connection);
        found = index;
    }
    session->turn = (found + 1) % CONNECTIONS_MAX;
    return best;
}
