/* Reads JSON token by token, without a tree: for the payloads that every request has. It knows the JSON that programs
 * write, and not all of it: what it does not know it declines, and the caller has Jansson judge the whole text
 * (payload_json.h). What it takes, Jansson takes and understands in the same way; tests/fuzz/stream_head_pull_fuzz.c
 * holds it to that. Private to proto/.
 *
 * Declined: \u escapes, integers with a sign, a fraction, an exponent or beyond 18 digits, and whatever is no JSON. */
#ifndef HOODY_PROTO_JSON_PULL_H
#define HOODY_PROTO_JSON_PULL_H

#include "span.h"

struct json_pull {
    const uint8_t *at;
    const uint8_t *end;
    char *text; /* where the next string goes */
};

/* `text` has room for `json.length` bytes, which is enough for all strings in it. */
void json_pull_begin(struct json_pull *pull, struct span json, char *text);

/* Each skips white space first. false or NULL: something else is there; then the text is to be declined, but after
 * json_pull_token, which has taken nothing, another token may be tried. */
bool json_pull_token(struct json_pull *pull, char token);
/* NUL-terminated, valid UTF-8 without NUL, in `text`. */
char *json_pull_string(struct json_pull *pull);
bool json_pull_integer(struct json_pull *pull, int64_t *ret_value);
bool json_pull_flag(struct json_pull *pull, bool *ret_value);
/* Nothing but white space is left. */
bool json_pull_is_done(struct json_pull *pull);

#endif
