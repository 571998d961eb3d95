/* `joinTickets: [{index, nonce, expiresMs}]`, as HELLO_OK and REISSUE_JOIN_TICKETS carry it. Private to proto/. */
#ifndef HOODY_PROTO_JOIN_TICKETS_JSON_H
#define HOODY_PROTO_JOIN_TICKETS_JSON_H

#include "json_writer.h"
#include "payload_json.h"
#include "session_payloads.h"

/* The member "joinTickets" of `object`; absent: none. Returns what was malloc'd; NULL: none, or refused. */
struct join_ticket *join_tickets_read(struct payload_reader *reader, const json_t *object, size_t *ret_count);
void join_tickets_write(struct json_writer *writer, const struct join_ticket *tickets, size_t count);

#endif
