/* `headers: [[name, value], ...]`, as STREAM_OPEN and STREAM_RESPONSE_HEAD carry it. Private to proto/. */
#ifndef HOODY_PROTO_FIELD_LIST_JSON_H
#define HOODY_PROTO_FIELD_LIST_JSON_H

#include "json_writer.h"
#include "payload_json.h"
#include "stream_payloads.h"

/* What becomes of a pair with a NUL in it, which no field_list can hold. */
enum nul_policy { NUL_IS_REFUSED, NUL_IS_DROPPED };

/* The member "headers" of `object`; absent: nothing is added. Anything but pairs of strings is refused. */
void field_list_read(struct payload_reader *reader, const json_t *object, enum nul_policy policy,
                     struct field_list *list);
void field_list_write(struct json_writer *writer, const struct field_list *list);

#endif
