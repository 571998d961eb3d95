/* Field values on their way into JSON (protocol section 6): UTF-8 as it is, anything else read as Latin-1. Pure. */
#ifndef HOODY_PROTO_HTTP_FIELD_TEXT_H
#define HOODY_PROTO_HTTP_FIELD_TEXT_H

#include "stream_payloads.h"

/* Appends copies; the value holds no NUL. false: out of memory, unchanged. */
bool http_field_text_add(struct field_list *list, struct span name, struct span value);
/* The same with the name in lower case. */
bool http_field_text_add_lower(struct field_list *list, struct span name, struct span value);

#endif
