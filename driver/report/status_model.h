/* What the status view shows, and how: a pure picture of it, as text. */
#ifndef HOODY_DRIVER_STATUS_MODEL_H
#define HOODY_DRIVER_STATUS_MODEL_H

#include "report/qr_code.h"
#include "report/visits.h"
#include "session.h"
#include "terminal/screen_line.h"

enum {
    STATUS_REQUESTS_MAX = 256, /* that a screen may show; the latest */
    STATUS_PATH_BYTES = 512,   /* what is longer is cut: no screen is that wide */
    STATUS_WHY_BYTES = 512,
    STATUS_NOTES_MAX = 3,
    STATUS_METHOD_BYTES = 24,
    STATUS_URL_BYTES = 2048,
};

enum status_session {
    STATUS_CONNECTING,
    STATUS_ONLINE,
    STATUS_AWAY, /* interrupted: it is tried again */
};

enum status_place {
    STATUS_WAITING, /* for its port */
    STATUS_SERVING,
    STATUS_REFUSED, /* its port, for now */
    STATUS_OVER,
};

struct status_tunnel {
    enum status_place place;
    bool is_target_down;
    char url[STATUS_URL_BYTES]; /* "": none yet */
    char target[HOST_PORT_BYTES];
    char name[64]; /* "": none */
    char why[STATUS_WHY_BYTES];
};

struct status_request {
    uint64_t number;
    size_t tunnel;
    time_t at;
    bool is_raw;
    bool is_over;
    bool is_upgraded;
    enum exchange_end end; /* when it is over */
    unsigned status;       /* 0: none (yet) */
    uint64_t duration_us;
    uint64_t bytes; /* out */
    char method[STATUS_METHOD_BYTES];
    char path[STATUS_PATH_BYTES]; /* PULL: the peer */
    char why[STATUS_WHY_BYTES];   /* it failed; "": it did not */
};

struct status_model {
    enum status_session session;
    char session_id[64]; /* "": none yet */
    time_t since;        /* of the state */
    char daemon[HOST_PORT_BYTES];
    int64_t round_trip_us; /* -1: not known */
    int connections;       /* that stand */
    int connections_wanted;
    char trouble[STATUS_WHY_BYTES];                 /* "": none */
    char notes[STATUS_NOTES_MAX][STATUS_WHY_BYTES]; /* the latest, in the order they came */
    size_t note_count;
    char inspection[STATUS_URL_BYTES]; /* where its page is; "": nowhere */
    struct status_tunnel tunnels[SESSION_BINDINGS_MAX];
    size_t tunnel_count;
    size_t visitors_now;
    uint64_t visitors;
    uint64_t bytes[2];                                   /* by direction */
    struct status_request requests[STATUS_REQUESTS_MAX]; /* a ring */
    uint64_t request_count;                              /* of all; the last is at request_count - 1, modulo */
    bool draws_qr;
    struct qr_code qr; /* of the first URL for browsers; no modules: there is none */
};

/* The `index`th latest; NULL: there are no more. */
struct status_request *status_model_request(struct status_model *model, size_t index);
/* The one with that number; NULL: it has left the ring. */
struct status_request *status_model_find(struct status_model *model, uint64_t number);
/* A zeroed one in place of the oldest. */
struct status_request *status_model_add(struct status_model *model);

/* At most look->rows lines, each at most look->columns wide. Times are shown in the local zone. */
void status_frame_print(struct status_model *model, const struct screen_look *look, FILE *out);

#endif
