/* The admin API (protocol section 8), asked by libcurl, one call at a time. */
#ifndef HOODY_DRIVER_API_CLIENT_H
#define HOODY_DRIVER_API_CLIENT_H

#include "daemon_access.h"
#include "options.h"

#include <stddef.h>

enum {
    API_ANSWER_BYTES_MAX = 16 << 20, /* of one answer; more is no answer of this daemon */
    API_REASON_BYTES = 512,
    API_URL_BYTES = SERVER_PATH_BYTES + HOST_PORT_BYTES + 256,
};

enum api_outcome {
    API_ANSWERED,    /* whole; whatever its status */
    API_UNREACHABLE, /* no connection was made */
    API_FAILED,      /* no whole HTTP answer within the time */
    API_INTERRUPTED, /* there is something to be read from the interrupt descriptor */
};

struct api_answer {
    enum api_outcome outcome;
    unsigned status;               /* HTTP; only when answered, as are those below */
    const char *body;              /* NUL-terminated; borrowed until the next call or the client's end */
    size_t length;                 /* of the body */
    bool is_json;                  /* so its Content-Type says; else: */
    bool is_text;                  /* text/plain */
    char reason[API_REASON_BYTES]; /* otherwise: one line for people */
};

/* Where a call is: `path` ("/health") below the API's, which is the URL's path up to its last segment "connect"; the
 * URL's own query is kept, `query` ("grace_ms=50", or "") follows it. */
void api_url_format(const struct server_url *server, const char *path, const char *query, char ret_url[API_URL_BYTES]);

struct api_client;

/* Of `options`: timeout_ms, cacert, insecure. `interrupt_fd`: -1 for none. All are borrowed; the token is read anew for
 * each call. */
struct api_client *api_client_new(struct daemon_access *access, const struct options *options, int interrupt_fd);
void api_client_destroy(struct api_client **p_client);

/* `method`: GET or DELETE. Waits for the end of it. */
void api_client_ask(struct api_client *client, const char *method, const char *path, const char *query,
                    struct api_answer *ret_answer);

#endif
