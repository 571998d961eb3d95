/* The JSON payloads of sessions and bindings: HELLO..., JOIN..., SHARD_MAP, REISSUE_JOIN_TICKETS, BIND..., UNBIND...,
 * GOAWAY, BIND_REVOKED (protocol sections 3, 4, 5, 7). Encoders take valid UTF-8 and return a malloc'd NUL-terminated
 * string, NULL: out of memory. Decoders leave their output untouched unless they return PAYLOAD_OK; `_done` frees what
 * an output owns and takes zeroed ones. A message or reason that is absent is read as "". */
#ifndef HOODY_TUNNEL_SESSION_PAYLOADS_H
#define HOODY_TUNNEL_SESSION_PAYLOADS_H

#include "ids.h"
#include "payload.h"

enum subprotocol { SUBPROTOCOL_V1 = 1, SUBPROTOCOL_V2 = 2 };
#define SUBPROTOCOL_V1_NAME "hoody-tunnel.v1"
#define SUBPROTOCOL_V2_NAME "hoody-tunnel.v2"
const char *subprotocol_name(enum subprotocol subprotocol);
/* false: not one of ours. */
bool subprotocol_parse(struct span name, enum subprotocol *ret_subprotocol);

struct hello {
    enum subprotocol version;
    bool multi_ws;            /* capability */
    bool shard_map;           /* capability */
    uint32_t max_connections; /* 0: not said; more than fits: 2^32-1 */
    char *resume_session;     /* the id as sent, not yet trusted; NULL: none */
    bool has_auth;
    char *token;       /* auth.token when auth.kind is "bearer"; NULL: none. Other kinds are not looked into */
    char *client_name; /* NULL: none */
    char *client_version;
};
void hello_done(struct hello *hello);
enum payload_verdict hello_decode(struct span json, struct hello *ret_hello, const char **ret_why);
char *hello_encode(const struct hello *hello);

/* Who is at the other end, as its HELLO tells: what the kit must be kind about (protocol, first paragraph). */
enum driver_kind {
    DRIVER_KIND_OLD,  /* official, up to beta.12: `auth` and no `client` */
    DRIVER_KIND_NEW,  /* official, beta.15 and later: neither */
    DRIVER_KIND_OURS, /* says `client` */
};
enum driver_kind hello_driver_kind(const struct hello *hello);

enum { JOIN_NONCE_MAX = 64 };
struct join_ticket {
    uint32_t index;
    char nonce[JOIN_NONCE_MAX + 1];
    uint64_t expires_ms; /* a lifetime from now */
};
struct resumed_bind {
    uint32_t bind;
    bool is_pull;
    uint16_t container_port;
};
struct hello_ok {
    struct session_id session;
    bool resumed;
    struct resumed_bind *resumed_binds; /* owned by whoever filled it; malloc'd by the decoder */
    size_t resumed_bind_count;
    uint32_t stream_window;
    uint32_t session_window;
    uint32_t max_streams;
    enum subprotocol subprotocol; /* v1: the next two are not written */
    uint32_t connections_granted;
    struct join_ticket *join_tickets;
    size_t join_ticket_count;
};
void hello_ok_done(struct hello_ok *ok);
char *hello_ok_encode(const struct hello_ok *ok);
/* connectionsGranted or not tells v2 from v1. */
enum payload_verdict hello_ok_decode(struct span json, struct hello_ok *ret_ok, const char **ret_why);

struct join {
    char *session; /* not yet trusted */
    uint32_t index;
    char *nonce;
};
void join_done(struct join *join);
enum payload_verdict join_decode(struct span json, struct join *ret_join, const char **ret_why);
char *join_encode(const struct join *join);

char *join_ok_encode(uint32_t index);
enum payload_verdict join_ok_decode(struct span json, uint32_t *ret_index, const char **ret_why);

struct join_err {
    char *code;
    char *message;
};
void join_err_done(struct join_err *err);
char *join_err_encode(const char *code, const char *message);
enum payload_verdict join_err_decode(struct span json, struct join_err *ret_err, const char **ret_why);

struct shard_map {
    struct shard {
        uint32_t index;
        bool is_attached;
    } * shards; /* owned by whoever filled it; malloc'd by the decoder */
    size_t count;
};
void shard_map_done(struct shard_map *map);
char *shard_map_encode(const struct shard_map *map);
enum payload_verdict shard_map_decode(struct span json, struct shard_map *ret_map, const char **ret_why);

/* A driver asks with {}: no tickets. The kit answers with tickets of the free indexes. */
struct reissue_join_tickets {
    struct join_ticket *tickets; /* owned by whoever filled it; malloc'd by the decoder */
    size_t count;
};
void reissue_join_tickets_done(struct reissue_join_tickets *reissue);
char *reissue_join_tickets_encode(const struct reissue_join_tickets *reissue);
enum payload_verdict reissue_join_tickets_decode(struct span json, struct reissue_join_tickets *ret_reissue,
                                                 const char **ret_why);

/* Ours: what the sender had sent on a secondary connection that is gone (lost_credit.h). */
struct connection_lost {
    char nonce[JOIN_NONCE_MAX + 1]; /* of the JOIN that it came with */
    uint64_t data_bytes;            /* of DATA payload, to the last frame handed to it; below 2^63 */
};
char *connection_lost_encode(const struct connection_lost *lost);
enum payload_verdict connection_lost_decode(struct span json, struct connection_lost *ret_lost, const char **ret_why);

enum bind_kind { BIND_KIND_HTTP, BIND_KIND_TCP, BIND_KIND_OTHER };
enum bind_mode { BIND_MODE_EXPOSE, BIND_MODE_PULL, BIND_MODE_OTHER };
const char *bind_kind_name(enum bind_kind kind); /* "http", "tcp", "other" */
const char *bind_mode_name(enum bind_mode mode); /* "expose", "pull", "other" */

struct bind_request {
    int64_t client_ref;  /* clientBindRef; absent or not an integer: PAYLOAD_INVALID, a protocol error */
    enum bind_kind kind; /* other or absent: BIND_KIND_OTHER, refused by policy, not here */
    enum bind_mode mode;
    int64_t container_port; /* as sent; BIND_PORT_NOT_A_PORT when it is no integer; absent: the same */
    char *label;            /* NULL: none */
    bool takeover;
    char *host; /* NULL: none; BIND_HOST_NOT_A_HOST when it is no string, is empty or holds a NUL */
};
#define BIND_PORT_NOT_A_PORT INT64_C(-1)
#define BIND_HOST_NOT_A_HOST "?" /* refused by policy, as any other host that is no loopback address */
void bind_request_done(struct bind_request *request);
enum payload_verdict bind_request_decode(struct span json, struct bind_request *ret_request, const char **ret_why);
char *bind_request_encode(const struct bind_request *request);

struct bind_ok {
    int64_t client_ref;
    uint32_t bind;
    uint16_t container_port;
    char *public_url; /* NULL: null */
};
void bind_ok_done(struct bind_ok *ok);
char *bind_ok_encode(const struct bind_ok *ok);
enum payload_verdict bind_ok_decode(struct span json, struct bind_ok *ret_ok, const char **ret_why);

struct bind_err {
    int64_t client_ref;
    char *code;
    char *message;
};
void bind_err_done(struct bind_err *err);
char *bind_err_encode(const struct bind_err *err);
enum payload_verdict bind_err_decode(struct span json, struct bind_err *ret_err, const char **ret_why);

/* UNBIND, UNBIND_OK: {bindId}; UNBIND_ERR: {bindId, code, message}. bindId must be an integer 0..2^32-1: one that never
 * was a binding is answered, not a protocol error. */
enum payload_verdict unbind_decode(struct span json, uint32_t *ret_bind, const char **ret_why);
char *unbind_encode(uint32_t bind);

struct unbind_err {
    uint32_t bind;
    char *code;
    char *message;
};
void unbind_err_done(struct unbind_err *err);
char *unbind_err_encode(uint32_t bind, const char *code, const char *message);
enum payload_verdict unbind_err_decode(struct span json, struct unbind_err *ret_err, const char **ret_why);

struct goaway {
    uint32_t code;
    char *message;
    uint32_t retry_after_ms;
};
void goaway_done(struct goaway *goaway);
char *goaway_encode(uint32_t code, const char *message);
enum payload_verdict goaway_decode(struct span json, struct goaway *ret_goaway, const char **ret_why);

/* ret_reason: malloc'd. */
char *bind_revoked_encode(uint32_t bind, const char *reason);
enum payload_verdict bind_revoked_decode(struct span json, uint32_t *ret_bind, char **ret_reason, const char **ret_why);

#endif
