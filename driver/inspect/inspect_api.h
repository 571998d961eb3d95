/* What the inspection page's server answers: the page, the API below /api/, and refusals. */
#ifndef HOODY_DRIVER_INSPECT_API_H
#define HOODY_DRIVER_INSPECT_API_H

#include "inspect_guard.h"
#include "inspect_json.h"
#include "replay.h"

/* In every answer: nothing is kept, framed, guessed at, or loaded from elsewhere. */
extern const char INSPECT_FIELDS[];

struct inspect_api {
    struct inspect_guard guard;
    struct inspect_view view;
    struct inspect_store *store;
    struct replayer *replayer;
};

struct inspect_answer {
    uint16_t status;
    const char *type;
    const char *fields; /* beside INSPECT_FIELDS, "Name: value\r\n"...; static */
    struct span body;   /* in `owned`, static, or the store's until it changes */
    char *owned;        /* freed by the caller */
    bool is_feed;       /* 200 without end: events follow */
};

struct inspect_answer inspect_api_answer(struct inspect_api *api, const struct http_head *head);

#endif
