/* Whoever connects to an EXPOSE port: one HTTP/1.x connection, its requests one after the other (protocol section 6).
 * visitor.c is its life, visitor_request.c what it sends, visitor_answer.c what it gets back, visitor_deadline.c how
 * long it is waited for,
 * visitor_record.c what is remembered of an exchange. */
#ifndef HOODY_ACTORS_VISITOR_H
#define HOODY_ACTORS_VISITOR_H

#include <event2/bufferevent.h>
#include <sys/queue.h>

#include "gateway.h"
#include "http_answer.h"
#include "http_reader.h"
#include "message.h"
#include "paused_sockets.h"
#include "stream.h"
#include "visitor_record.h"

struct binding;

enum visitor_phase {
    VISITOR_IDLE,       /* between requests, or in the middle of a head */
    VISITOR_EXCHANGE,   /* a request is being forwarded or answered */
    VISITOR_DISCARDING, /* the answer was complete before the request's body: what is left of it is read and dropped */
    VISITOR_UPGRADED,   /* raw bytes both ways */
    VISITOR_GONE,
};

struct visitor {
    struct gateway *gateway;
    struct binding *binding;
    struct bufferevent *socket;
    struct prompt_socket prompt;
    struct http_reader *reader;
    char peer[ADDRESS_TEXT_MAX];
    bool peer_is_trusted;

    enum visitor_phase phase;
    struct stream *stream;     /* NULL: none, or already over */
    struct http_answer answer; /* of the current exchange */
    bool is_upgrade;           /* the request asks for one */
    bool drops_body;           /* GET and HEAD: drivers spoil their connection on a body */
    bool request_ended;        /* upgraded: the visitor has closed its side */
    bool answer_ended;         /* written whole; upgraded: the driver has closed its side */
    bool output_ended;         /* upgraded: our FIN is out */
    bool must_close;           /* after this exchange */
    struct visitor_record record;

    enum visitor_deadline deadline_kind;
    uint64_t deadline_ms; /* when it is over */
    TAILQ_ENTRY(visitor) deadline_link;
    bool is_paused; /* not read from for lack of room */
    struct paused_socket paused;
    TAILQ_ENTRY(visitor) binding_link;
};

/* Takes the accepted descriptor, and the permit that was got for it; without one, the visitor is refused. */
void visitor_accept(struct binding *binding, evutil_socket_t fd, const struct sockaddr *peer, bool has_permit);
/* The lists of deadlines. false: out of memory. */
bool visitor_deadlines_init(struct gateway *gateway);
void visitor_deadlines_done(struct gateway *gateway);
/* Its binding is released: goes at once, or after the exchange that runs. */
void visitor_evict(struct visitor *visitor, bool exchange_may_end);
/* RESET with that code to the driver; the visitor gets 502, or an abort when it has seen a head. Without a stream:
 * nothing. */
void visitor_lose_stream(struct visitor *visitor, enum error_code code, const char *reason);

/* Its port was taken over on another shard: those between two requests, or in the middle of a head, go there. */
bool visitor_is_between_requests(const struct visitor *visitor);
void visitor_hand_over(struct visitor *visitor, const struct message_transfer_listener *transfer);
void visitor_arrive(struct binding *binding, const struct message_visitor_moved *moved);

/* ---- between the files of a visitor ---- */

extern const struct stream_events visitor_stream_events;

/* Reads as far as phase and room allow, then sets the deadline. */
void visitor_read(struct visitor *visitor);
/* Something ended: goes on to the next request, or closes. */
void visitor_settle(struct visitor *visitor);
/* An answer of the kit's own, text/plain; ends the exchange. Takes no stream: reset it before. */
void visitor_answer_own(struct visitor *visitor, uint16_t status, const char *extra_fields, const char *text);
/* The same, for a request that is not served: the text is the reason in the access log too. */
void visitor_refuse(struct visitor *visitor, uint16_t status, const char *extra_fields, const char *text);
/* The visitor's fault, or nobody's answer: that status when no head went out yet, else an abort. */
void visitor_fail_exchange(struct visitor *visitor, uint16_t status, const char *text);

/* Sends what waits, then FIN. */
void visitor_close(struct visitor *visitor);
/* The visitor sees a reset, never a clean end. */
void visitor_abort(struct visitor *visitor);

/* Sets the deadline that is due by phase; `progressed`: deadlines of progress begin anew. */
void visitor_set_deadline(struct visitor *visitor, bool progressed);
/* From its first moment on, and no more. */
void visitor_begin_deadlines(struct visitor *visitor);
void visitor_end_deadlines(struct visitor *visitor);

static inline struct evbuffer *visitor_output(const struct visitor *visitor)
{
    return bufferevent_get_output(visitor->socket);
}

#endif
