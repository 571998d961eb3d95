/* The state that all parts of the ws-gateway share, and the loop's services. Private to actors/ws_gateway/. */
#ifndef HOODY_ACTORS_GATEWAY_H
#define HOODY_ACTORS_GATEWAY_H

#include <czmq.h>
#include <event2/event.h>
#include <sys/queue.h>

#include "actor.h"
#include "cidr.h"
#include "histogram.h"
#include "http_reader.h"
#include "ids.h"
#include "log.h"
#include "mailbox.h"
#include "options.h"
#include "prompt_socket.h"
#include "session_payloads.h"
#include "shared_limits.h"
#include "window_growth.h"

struct binding;
struct departure;
struct driver_connection;
struct base_connection;
struct lingering;
struct paused_socket;
struct stream;
struct tls_server;
struct visitor;

/* Why a visitor got no stream. */
enum stream_refusal {
    STREAM_TOO_MANY,
    STREAM_SESSION_ENDING,
    STREAM_DRIVER_STALLED,
    STREAM_NO_MEMORY,
    STREAM_DRIVER_AWAY,    /* the session is parked */
    STREAM_NO_DESCRIPTOR,  /* the budget is used up: the connection was refused before its request */
    STREAM_BAD_REQUEST,    /* what two parsers could take differently, or is no HTTP/1.x */
    STREAM_HEAD_TOO_LARGE, /* for STREAM_OPEN */
    STREAM_HEAD_TOO_SLOW,
    STREAM_REFUSAL_COUNT,
};

/* Why a connection was dropped before it had a session, without an answer. */
enum driver_drop {
    DROP_PRE_AUTH_CAP,
    DROP_HELLO_TIMEOUT,
    DROP_BAD_FIRST_MESSAGE,
    DROP_NO_DESCRIPTOR,
    DRIVER_DROP_COUNT,
};

/* Why a caller of the base port was refused before it was a driver or asked the API. */
enum base_refusal {
    BASE_UNTRUSTED_SOURCE,
    BASE_TOO_MANY,
    BASE_HOST, /* of an upgrade: the API counts its own */
    BASE_ORIGIN,
    BASE_BAD_HANDSHAKE,
    BASE_DRAINING,
    BASE_TLS, /* no TLS, or none that we speak */
    BASE_REFUSAL_COUNT,
};

enum { GATEWAY_RESET_CODES = 16, GATEWAY_ANSWER_CLASSES = 6 };

/* DATA of streams, and its payload bytes. */
struct gateway_traffic {
    uint64_t bytes_to_drivers;
    uint64_t bytes_to_visitors;
    uint64_t frames_to_drivers;
    uint64_t frames_to_visitors;
};

/* What a visitor is waited for. All deadlines of one kind are equally long: each kind has a list, in the order in which
 * they are over, and one timer. */
enum visitor_deadline {
    DEADLINE_NONE,
    DEADLINE_FIRST_HEAD,  /* nothing has come since it connected: closed */
    DEADLINE_HEAD,        /* a head has begun: 408 */
    DEADLINE_KEEPALIVE,   /* nothing has begun: closed */
    DEADLINE_BODY,        /* progress of the request's body: 408 */
    DEADLINE_RESPONSE,    /* the driver's head, or that it takes more of the body: 504 */
    DEADLINE_HALF_CLOSED, /* an upgraded visitor has closed its side and nothing moves: the kit ends it */
    DEADLINE_KINDS,
};

struct deadline_list {
    TAILQ_HEAD(, visitor) visitors;
    struct event *timer;
    unsigned looks; /* how often the loop has gone around since the first of them was due */
};

struct gateway_counts {
    uint64_t streams_opened;
    uint64_t streams_active;
    struct gateway_traffic traffic[BIND_MODE_OTHER]; /* by enum bind_mode */
    uint64_t stream_blocked_ms;  /* streams with bytes to send and no credit of their own, added up */
    uint64_t session_blocked_ms; /* sessions with bytes to send and no credit, added up */
    uint64_t streams_refused[STREAM_REFUSAL_COUNT]; /* by enum stream_refusal */
    uint64_t handshakes_dropped[DRIVER_DROP_COUNT]; /* by enum driver_drop */
    uint64_t base_refused[BASE_REFUSAL_COUNT];      /* by enum base_refusal */
    uint64_t resets_sent[GATEWAY_RESET_CODES];
    uint64_t resets_received[GATEWAY_RESET_CODES];
    uint64_t answers[GATEWAY_ANSWER_CLASSES]; /* by hundreds of the status */
    uint64_t driver_errors[GATEWAY_RESET_CODES];
    struct histogram
        duration; /* of exchanges, first byte of the request's head read to last byte of the answer taken */
    struct histogram first_byte; /* to the answer's head */
    uint64_t connections_shed;   /* closed unheard, for lack of descriptors */
    uint64_t stalled_resets;     /* streams given up for the buffer budget */
    uint64_t window_growth;      /* bytes that windows were ever granted more */
};

struct gateway {
    uint32_t shard;
    const struct options *options;
    struct logger log;
    struct mailbox *mailbox;
    struct event_base *loop;

    struct tls_server *tls; /* of the base listener; NULL: it speaks plain HTTP */
    struct cidr *trusted;   /* --trusted-source */
    size_t trusted_count;

    struct allowance allowances[SHARED_LIMIT_COUNT]; /* by enum shared_limit */
    TAILQ_HEAD(permit_wait_list, permit_wait) permit_waits;
    TAILQ_HEAD(, departure) departures; /* on their way to other shards, not sent yet */

    uint64_t connections_made;  /* makes connection ids */
    zhashx_t *drivers;          /* struct driver_connection by connection id */
    zhashx_t *base_connections; /* struct base_connection by connection id */
    zhashx_t *bindings;         /* struct binding by bind id */
    unsigned pre_auth_count;    /* upgraded, not let in yet */
    int spare_fd;               /* given up when there is no other descriptor: see listener_shed */
    bool accepting;             /* false: draining, no new drivers or visitors */
    bool terminating;           /* $TERM came: the loop ends when the last goodbye is said */

    TAILQ_HEAD(lingering_list, lingering) lingering; /* the oldest first */
    unsigned lingering_count;
    TAILQ_HEAD(, paused_socket) paused_sockets;
    struct event *paused_sweep;
    TAILQ_HEAD(, stream) holding_streams;
    struct event *stalled_sweep;
    TAILQ_HEAD(, stream) early_streams;
    struct event *early_sweep;
    struct window_budget window_budget;        /* this shard's part of --window-budget */
    TAILQ_HEAD(, driver_connection) unflushed; /* have frames to send at the turn's end */
    struct grave *graves;                      /* freed at the turn's end */
    size_t grave_count;
    size_t grave_capacity;
    struct deadline_list deadlines[DEADLINE_KINDS];
    struct evbuffer *dropped;      /* where bodies go that nobody wants */
    struct http_reader_pool heads; /* of visitors' requests */
    struct write_queue writes;     /* plain sockets whose output has grown, written at the turn's end */
    struct event *turn_end;
    bool turn_is_ending; /* what is marked meanwhile is seen to by the next one */

    struct gateway_counts counts;
};

/* Frees `object` with bury(object) at the end of this turn of the loop: nothing is freed inside its own callback chain.
 */
void gateway_bury(struct gateway *gateway, void *object, void (*bury)(void *object));
/* Makes sure that this turn's end is handled: driver connections flushed, sockets written, graves emptied. */
void gateway_wake_turn_end(struct gateway *gateway);

struct connection_id gateway_next_connection_id(struct gateway *gateway);
/* Loopback, or in --trusted-source. */
bool gateway_trusts(const struct gateway *gateway, const struct sockaddr *peer);

static inline struct timeval gateway_timeval(uint64_t ms)
{
    return (struct timeval){.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
}

#endif
