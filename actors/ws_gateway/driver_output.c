/* What goes to a driver. */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "driver_connection.h"
#include "tunnel_session.h"

enum {
    OUTPUT_HIGH = 65536,      /* bytes; no more DATA beyond: a small request must not wait behind megabytes */
    OUTPUT_FLOOD = 1048576,   /* it is not read from until it has read: a flood of pings must not pile up pongs */
    OUTPUT_STALLED = 8388608, /* no new streams beyond */
};

static size_t output_length(const struct driver_connection *connection)
{
    return evbuffer_get_length(bufferevent_get_output(connection->socket));
}

void driver_connection_mark_unflushed(struct driver_connection *connection)
{
    if (connection->is_unflushed || connection->phase == DRIVER_GONE || connection->phase == DRIVER_CLOSING)
        return;
    connection->is_unflushed = true;
    TAILQ_INSERT_TAIL(&connection->gateway->unflushed, connection, unflushed_link);
    gateway_wake_turn_end(connection->gateway);
}

void driver_connection_measure(struct driver_connection *connection)
{
    if (connection->phase == DRIVER_LIVE && round_trip_want(&connection->round_trip, monotonic_ms()))
        driver_connection_mark_unflushed(connection);
}

static void send_owed_ping(struct driver_connection *connection)
{
    uint8_t token[ROUND_TRIP_TOKEN_BYTES];
    if (!connection->round_trip.is_owed || connection->phase != DRIVER_LIVE)
        return;
    round_trip_ask(&connection->round_trip, monotonic_ms(), token);
    websocket_write_control(WEBSOCKET_SERVER, WEBSOCKET_PING, span_of(token, sizeof token),
                            bufferevent_get_output(connection->socket));
}

void driver_connection_flush(struct driver_connection *connection)
{
    if (connection->session)
        tunnel_session_pump(connection->session, connection);
    frame_batch_seal(&connection->batch);
    barriers_flush(connection);
    send_owed_ping(connection);
    if (driver_connection_is_flooded(connection))
        prompt_socket_read(&connection->prompt, false);
}

size_t driver_connection_queued(const struct driver_connection *connection)
{
    return output_length(connection) + evbuffer_get_length(connection->batch.message);
}

bool driver_connection_has_room(const struct driver_connection *connection)
{
    return driver_connection_queued(connection) < OUTPUT_HIGH;
}

bool driver_connection_is_flooded(const struct driver_connection *connection)
{
    return output_length(connection) > OUTPUT_FLOOD;
}

bool driver_connection_is_stalled(const struct driver_connection *connection)
{
    return output_length(connection) > OUTPUT_STALLED;
}

/* ---- session frames ---- */

void driver_connection_send(struct driver_connection *connection, enum frame_type type, struct span payload)
{
    frame_batch_add(&connection->batch, type, 0, payload);
    driver_connection_mark_unflushed(connection);
}

void driver_connection_send_json(struct driver_connection *connection, enum frame_type type, char *json)
{
    if (json)
        driver_connection_send(connection, type, span_of_string(json));
    free(json);
}

void driver_connection_send_goaway(struct driver_connection *connection, enum error_code code, const char *message)
{
    driver_connection_send_json(connection, FRAME_GOAWAY, goaway_encode(code, message));
}

/* ---- revocations ---- */

struct revocation {
    char *payload;
    STAILQ_ENTRY(revocation) link;
};

static struct revocation *take_revocation(struct driver_connection *connection)
{
    struct revocation *revocation = STAILQ_FIRST(&connection->revocations);
    if (revocation)
        STAILQ_REMOVE_HEAD(&connection->revocations, link);
    return revocation;
}

static void revocation_destroy(struct revocation *revocation)
{
    free(revocation->payload);
    free(revocation);
}

void driver_connection_revoke(struct driver_connection *connection, uint32_t bind, const char *reason)
{
    if (connection->phase == DRIVER_LIVE) {
        driver_connection_send_json(connection, FRAME_BIND_REVOKED, bind_revoked_encode(bind, reason));
        return;
    }
    struct revocation *revocation = connection->phase == DRIVER_AWAITS_DECISION ? calloc(1, sizeof *revocation) : NULL;
    if (!revocation)
        return;
    revocation->payload = bind_revoked_encode(bind, reason);
    STAILQ_INSERT_TAIL(&connection->revocations, revocation, link);
}

void driver_connection_send_revocations(struct driver_connection *connection)
{
    struct revocation *revocation = NULL;
    while ((revocation = take_revocation(connection))) {
        driver_connection_send_json(connection, FRAME_BIND_REVOKED, revocation->payload);
        revocation->payload = NULL;
        revocation_destroy(revocation);
    }
}

void driver_connection_forget_revocations(struct driver_connection *connection)
{
    struct revocation *revocation = NULL;
    while ((revocation = take_revocation(connection)))
        revocation_destroy(revocation);
}
