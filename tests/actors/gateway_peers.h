/* Who connects to the gateway from outside, played by the test over real sockets: drivers, which speak the tunnel
 * protocol, and clients, which send bytes: visitors of bound ports and callers of the admin API. Hearing waits for what
 * must come and fails on anything else. */
#ifndef HOODY_TESTS_TESTS_GATEWAY_PEERS_H
#define HOODY_TESTS_TESTS_GATEWAY_PEERS_H

#include "frame_batch.h"
#include "gateway_stage.h"

/* ---- clients ---- */

struct client {
    struct gateway_stage *stage;
    int fd;
    uint16_t local_port;
    struct evbuffer *in; /* received, not yet heard */
    char *head;          /* client_hear_answer's, until the next one */
    LIST_ENTRY(client) link;
};

/* 127.0.0.1; hung up by the stage's teardown at the latest. */
struct client *client_dial(struct gateway_stage *stage, uint16_t port);
/* Nobody listens there. */
void assert_port_refuses(uint16_t port);
void client_say(struct client *client, const char *text);
/* Exactly these bytes come next. */
void client_hear(struct client *client, const char *text);
/* An answer with that status and, unless `body` is NULL (then nothing is taken but the head), exactly that body by
 * Content-Length. Returns the head, NUL-terminated. */
const char *client_hear_answer(struct client *client, unsigned status, const char *body);
/* The same with any body by Content-Length. */
const char *client_hear_refusal(struct client *client, unsigned status);
/* A clean end comes next, and nothing before it. */
void client_hear_end(struct client *client);
/* The connection is reset, and nothing comes before. */
void client_hear_abort(struct client *client);
void client_end_output(struct client *client);
void client_hang_up(struct client *client);
/* Ends with a reset. */
void client_abort(struct client *client);

/* ---- drivers ---- */

/* One frame of the gateway's. */
struct frame {
    uint8_t type;
    uint32_t stream;
    size_t length;
    char *payload;       /* NUL-terminated for convenience */
    bool begins_message; /* the first of its WebSocket message */
    bool ends_message;
};

struct driver {
    struct client *socket;
    struct connection_id connection; /* from driver_say_hello on */
    uint32_t shard;                  /* where it is said to be: 0, unless the test moved it */
    struct websocket_reader reader;
    struct frame_batch batch; /* what is being said */
    struct evbuffer *out;
    struct evbuffer *message; /* what is left of the one being heard */
    struct frame_walk walk;
    struct frame frame; /* heard last */
    LIST_ENTRY(driver) link;
};

/* The bytes of an upgrade to `subprotocol`, with more fields ("Name: value\r\n"... or ""). Returns text. */
enum { UPGRADE_MAX = 1024 };
const char *driver_upgrade(char text[UPGRADE_MAX], const char *subprotocol, const char *fields);

/* A connection whose upgrade to hoody-tunnel.v1 was answered with 101. */
struct driver *driver_dial(struct gateway_stage *stage);
struct driver *driver_dial_as(struct gateway_stage *stage, const char *subprotocol, const char *fields);
/* A connection that has said HELLO, and of which the session-manager has heard: `connection` is known. */
struct driver *driver_knock(struct gateway_stage *stage);
/* The same, and it was let in with the options' windows and limits, and has heard HELLO_OK. */
struct driver *driver_enter(struct gateway_stage *stage);
/* A secondary connection of that session, let in at this index; the index is its alone. */
struct driver *driver_join(struct driver *primary, uint32_t index);
/* session_opened for a driver that has knocked, and nothing is heard yet. */
void driver_let_in(struct driver *driver);
struct session_id driver_session(const struct driver *driver);

/* Frames added share a WebSocket message until driver_send; driver_say adds and sends. */
void driver_add(struct driver *driver, enum frame_type type, uint32_t stream, struct span payload);
void driver_send(struct driver *driver);
void driver_say(struct driver *driver, enum frame_type type, uint32_t stream, const char *payload);
/* A whole answer with Content-Length: head, DATA, EOF in one message. */
void driver_say_answer(struct driver *driver, uint32_t stream, unsigned status, const char *body);
void driver_say_bytes(struct driver *driver, struct span bytes); /* as they are, below the WebSocket framing */
void driver_say_close(struct driver *driver, uint16_t code);
/* Answers the WebSocket ping heard last. */
void driver_say_pong(struct driver *driver);

/* The next frame must be this one; valid until the next is heard. */
const struct frame *driver_hear(struct driver *driver, enum frame_type type, uint32_t stream);
/* The next frame, whatever it is. */
const struct frame *driver_hear_any(struct driver *driver);
void driver_hear_text(struct driver *driver, enum frame_type type, uint32_t stream, const char *payload);
void driver_hear_reset(struct driver *driver, uint32_t stream, enum error_code code);
void driver_hear_goaway(struct driver *driver, enum error_code code, const char *message);
/* A request without a body on that stream, for that target: STREAM_OPEN and EOF in one message. */
void driver_hear_request(struct driver *driver, uint32_t stream, const char *target);
/* A close frame with that code (1005: none) comes next. It is not answered. */
void driver_hear_close(struct driver *driver, uint16_t code, const char *reason);
/* A WebSocket ping comes next. */
void driver_hear_ping(struct driver *driver);
/* The connection ends, without another byte. */
void driver_hear_end(struct driver *driver);
/* The gateway has read what was sent before on all sockets and has had turns to act on it, and says nothing to this
 * driver. */
void driver_quiet(struct driver *driver);
void driver_hang_up(struct driver *driver);

/* ---- bindings ---- */

/* A port of the kernel's choice on 127.0.0.1 for that driver, `binding` in 1..STAGE_BINDINGS_MAX: listening, not
 * accepting. Returns the port. */
uint16_t driver_open_port(struct driver *driver, uint32_t binding);
/* The same, and bound: BIND_OK was heard. */
uint16_t driver_bind(struct driver *driver, uint32_t binding);
/* A visitor who has asked for `target`; and the driver has heard it, on that stream. */
struct client *driver_visited(struct driver *driver, uint16_t port, uint32_t stream, const char *target);

#endif
