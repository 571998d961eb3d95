/* What people and scripts are told of the tunnels: URLs on stdout, everything else on stderr, a line each. */
#ifndef HOODY_DRIVER_TUNNEL_REPORT_H
#define HOODY_DRIVER_TUNNEL_REPORT_H

#include "tunnel_set.h"

__attribute__((format(printf, 1, 2))) void report_note(const char *format, ...);

/* Connected for the first time, or again. */
void report_established(const struct tunnel_set *set, const struct session_id *id, bool is_resumed,
                        uint32_t connections_granted);
/* Several connections: all of them stand, or some are lost. */
void report_sockets(uint32_t attached, uint32_t granted, const char *why);
/* It is over for now, and tried again. */
void report_interrupted(const char *why);
/* It is over. */
void report_ended(const char *text);

/* The target of an `expose` is not up; nothing was published. */
void report_target_down(const struct tunnel *tunnel, int error);
/* Bound; `before`: the port that it had, 0: none yet. */
void report_bound(const struct tunnel *tunnel, uint16_t before);
/* tunnel->url is another one than before. */
void report_url(const struct tunnel *tunnel);
/* A resumed session holds it still. */
void report_kept(const struct tunnel *tunnel);
/* Its port is refused for now, and asked for again. */
void report_refused(const struct tunnel *tunnel, const char *why);
/* It is over, `left` others go on. */
void report_given_up(const struct tunnel *tunnel, const char *why, size_t left);
/* It could not be opened at the start: all others are ended. */
void report_failed(const struct tunnel *tunnel, const char *why);
/* Of several: no answer is awaited any more, `open` of the `total` that are not over are open. */
void report_settled(size_t open, size_t total, bool is_again);

#endif
