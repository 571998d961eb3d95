/* A stage for the driver's session: the real driver code on a real loopback, the kit and the local service played by
 * the test, all on one event loop. A script says and hears; hearing runs the loop until what is awaited is there. No
 * time is waited for: silence is proved by a PING that is answered first. */
#ifndef HOODY_TESTS_TUNNEL_STAGE_H
#define HOODY_TESTS_TUNNEL_STAGE_H

#include "frame_batch.h"
#include "persistent_session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum {
    STAGE_CONNECTIONS_MAX = 16,
    STAGE_SOCKETS_MAX = 256,
    STAGE_BLOCKING_SOCKETS = 3,
    STAGE_OTHERS = 2,
    STAGE_WINDOW = 65536 * 2,
    STAGE_SESSION_WINDOW = 65536 * 4,
};

/* One frame the driver said. */
struct heard {
    TAILQ_ENTRY(heard) entry;
    uint8_t type;
    uint32_t stream;
    size_t length;
    char payload[]; /* NUL-terminated for convenience */
};

/* One WebSocket as the kit sees it. */
struct kit_socket {
    struct stage *stage;
    struct bufferevent *bev; /* NULL: the kit dropped it */
    bool is_open;            /* the handshake is done */
    struct websocket_reader reader;
    struct frame_batch batch;
    TAILQ_HEAD(, heard) heard;
    bool has_ended; /* the driver dropped it */
    bool has_said_close;
    uint16_t close_code; /* of its close frame, 0: none yet */
};

struct service_connection {
    struct bufferevent *bev;
    bool ended; /* the driver's FIN came */
    bool reset; /* its RST */
};

struct stage {
    struct loop *loop;
    struct daemon_access access;
    struct local_service service;
    struct tcp_target target; /* the same, for PULL */
    struct binding_wish wish;
    struct binding_wish others[STAGE_OTHERS]; /* with stage_set_up_crowd */
    uint32_t asked;                           /* how many sockets */
    struct session *session;                  /* NULL: the persistent one */
    struct persistent_session *persistent;    /* NULL: the other one */
    struct heartbeat_times heartbeat;

    /* the kit */
    struct evconnlistener *kit_listener;
    struct kit_socket sockets[STAGE_SOCKETS_MAX]; /* as they came */
    size_t socket_count;
    unsigned refused_upgrades; /* so many upgrades but the first get the refusal */
    const char *refusal;       /* its status and reason */
    size_t cut_upgrades;       /* the 101s of all but the first are cut after 0, 1, 2... bytes, up to this */
    struct kit_socket *kit;    /* what is said goes out on it, only its frames are heard; the first one at first */
    struct heard *current;     /* what stage_hear returned last */

    /* the local service */
    struct evconnlistener *service_listener; /* NULL: down */
    struct service_connection connections[STAGE_CONNECTIONS_MAX];
    size_t connection_count;
    int blocking[STAGE_BLOCKING_SOCKETS]; /* stage_block_service; 0: none */

    /* what the session told */
    bool is_established;
    bool is_resumed;
    unsigned round_trips;
    unsigned attempt; /* of connecting, as told last */
    unsigned kept;
    unsigned refused;
    unsigned given_up;
    char refusal_told[512];
    unsigned interruptions;
    uint32_t delay_ms; /* as told last */
    char interruption[512];
    uint32_t granted;
    uint32_t attached; /* as told last */
    unsigned bound;
    char public_url[128];
    uint16_t bound_port;
    bool is_over;
    enum session_end end;
    char end_text[512];
};

/* cmocka's setup and teardown: *state is the stage. */
int stage_set_up(void **state);         /* bound, ready for STREAM_OPEN */
int stage_set_up_early(void **state);   /* HELLO was heard, nothing said */
int stage_set_up_several(void **state); /* HELLO of v2 was heard that asks for four sockets, nothing said */
int stage_set_up_pull(void **state);    /* bound, ready for STREAM_OPEN of tcp */
/* The same session, persistent, bound; it wishes for that port, or for any and has been given 8080. */
int stage_set_up_persistent(void **state);
int stage_set_up_persistent_any(void **state);
int stage_set_up_patient(void **state);   /* HELLO was heard, nothing said; the first connection may be tried again */
int stage_set_up_impatient(void **state); /* bound; nothing is tried again, nor is the daemon waited for at the end */
/* A persistent session with three wishes: port 8080, any port, and a pull of port 5432; HELLO was heard, nothing said.
 */
int stage_set_up_crowd(void **state);
int stage_tear_down(void **state);

/* From now on the kit speaks and hears on this socket; they are numbered as they come, and awaited. */
void stage_on(struct stage *stage, size_t socket);
/* No further socket has come. */
void stage_has_sockets(struct stage *stage, size_t count);

/* The kit. Frames said share a message until stage_send. */
void stage_say(struct stage *stage, enum frame_type type, uint32_t stream, const char *payload);
void stage_say_bytes(struct stage *stage, enum frame_type type, uint32_t stream, const void *bytes, size_t length);
void stage_say_filler(struct stage *stage, uint32_t stream, size_t length); /* DATA of one letter */
void stage_grant(struct stage *stage, uint32_t stream, uint32_t increment);
void stage_send(struct stage *stage);
/* STREAM_OPEN with the fields as JSON, e.g. `["a","b"],["c","d"]`; not sent yet. */
void stage_open(struct stage *stage, uint32_t stream, const char *method, const char *target, const char *fields);
void stage_open_upgrade(struct stage *stage, uint32_t stream);
void stage_open_tcp(struct stage *stage, uint32_t stream);

/* Whatever frame is next. The payload is valid until the next call. */
const struct heard *stage_hear_any(struct stage *stage);
/* The next frame must be this one. The payload is valid until the next call. */
const struct heard *stage_hear(struct stage *stage, enum frame_type type, uint32_t stream);
void stage_hear_text(struct stage *stage, enum frame_type type, uint32_t stream, const char *payload);
void stage_hear_reset(struct stage *stage, uint32_t stream, enum error_code code, const char *reason);
/* DATA frames of this stream until `length` bytes have come; other types fail. */
void stage_hear_data(struct stage *stage, uint32_t stream, const char *bytes, size_t length);
/* Sends what was said, and a PING; the PONG must be the next frame. */
void stage_hear_nothing(struct stage *stage);
/* The same, but WINDOW frames are taken, and counted by the answer: bytes granted on `stream`. */
uint32_t stage_take_windows(struct stage *stage, uint32_t stream);
/* DATA on a fresh stream as long as credit for it comes; returns how many bytes. */
size_t stage_fill_up(struct stage *stage, uint32_t stream);
/* The driver's close frame; answers it. */
void stage_hear_close(struct stage *stage, uint16_t code);
/* The kit's close frame; the driver's answer ends the connection. */
void stage_say_close(struct stage *stage, uint16_t code);
void stage_drop_kit(struct stage *stage, bool with_reset);

/* The local service. Connections are numbered as they come. */
void stage_stop_service(struct stage *stage);
void stage_block_service(struct stage *stage); /* of PULL: its connections neither succeed nor fail */
void stage_service_hear(struct stage *stage, size_t number, const char *text);
void stage_service_hear_filler(struct stage *stage, size_t number, size_t length);
void stage_service_say(struct stage *stage, size_t number, const char *text);
void stage_service_say_filler(struct stage *stage, size_t number, size_t length);
void stage_service_pause(struct stage *stage, size_t number);
void stage_service_resume(struct stage *stage, size_t number);
void stage_service_end(struct stage *stage, size_t number); /* FIN, still reads */
void stage_service_reset(struct stage *stage, size_t number);
void stage_service_hear_end(struct stage *stage, size_t number);
void stage_service_hear_reset(struct stage *stage, size_t number);

/* In a row, of which the last delay was to be computed; the stage's delays are none. */
unsigned stage_failures(void);

/* One turn of the loop, for conditions of the test's own. */
void stage_run_once(struct stage *stage);
/* Runs the loop until the session has ended. */
void stage_await_end(struct stage *stage);

#endif
