/* The JSON payloads of streams: STREAM_OPEN and STREAM_RESPONSE_HEAD (protocol section 6). */
#ifndef HOODY_TUNNEL_STREAM_PAYLOADS_H
#define HOODY_TUNNEL_STREAM_PAYLOADS_H

#include "payload.h"

/* An owned list of name and value pairs, in order, duplicates kept. Zero-initialised is empty. */
struct field_list {
    struct field_pair {
        char *name;  /* NUL-terminated UTF-8 */
        char *value; /* NUL-terminated UTF-8 */
    } * pairs;
    size_t count;
    size_t capacity;
    struct field_text *text; /* where the strings are, in few large pieces */
};
/* Copies both, which hold no NUL. false: out of memory, unchanged. */
bool field_list_add(struct field_list *list, struct span name, struct span value);
/* Adds two strings that lie in the list's own room. false: out of memory, unchanged. */
bool field_list_add_own(struct field_list *list, char *name, char *value);
/* Room of so many bytes, which lives as long as the list. NULL: out of memory. */
char *field_list_room(struct field_list *list, size_t bytes);
void field_list_done(struct field_list *list);
/* First value of that name, case-insensitive; NULL: none. */
const char *field_list_find(const struct field_list *list, const char *name);

enum stream_kind { STREAM_HTTP, STREAM_TCP };

/* Owned strings; zero-initialised is empty. */
struct stream_open {
    enum stream_kind kind;
    char *method; /* http only, as are the next three */
    char *target;
    struct field_list fields;
    bool is_upgrade;
    uint32_t bind;
    uint16_t container_port;
    char *peer_address; /* ip:port */
};
void stream_open_done(struct stream_open *open);
/* Appends the JSON to `out` in one piece; returns its bytes, or 0 when out of memory. All strings are valid UTF-8; an
 * http one has a method and a target; peer_address NULL is not written. The caller refuses one over 65,536 bytes (431).
 */
size_t stream_open_encode(const struct stream_open *open, struct evbuffer *out);
/* Required: kind and bindId, for http also method and target; the rest is empty, false or 0 when absent. */
enum payload_verdict stream_open_decode(struct span json, struct stream_open *ret_open, const char **ret_why);

struct response_head {
    uint16_t status; /* 100..599 */
    bool is_final;   /* false: an interim 1xx */
    struct field_list fields;
};
void response_head_done(struct response_head *head);
size_t response_head_encode(const struct response_head *head, struct evbuffer *out);
/* PAYLOAD_INVALID: JSON, but a status outside 100..599, headers that are no pairs of strings, final:false with a status
 * that is no interim 1xx (101 is final), final:true with one. `final` absent: true; `headers` absent: none. A pair with
 * a NUL in it is dropped, as section 6 has it. */
enum payload_verdict response_head_decode(struct span json, struct response_head *ret_head, const char **ret_why);

#endif
