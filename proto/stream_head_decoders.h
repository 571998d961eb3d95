/* The two ways to read a stream's head. What every request has is read token by token; whatever is not as programs
 * write it, faulty or not, is judged by Jansson. Both say the same where both say something. Private to proto/. */
#ifndef HOODY_PROTO_STREAM_HEAD_DECODERS_H
#define HOODY_PROTO_STREAM_HEAD_DECODERS_H

#include "stream_payloads.h"

/* false: declined, or out of memory: stream_open_load and response_head_load will tell. */
bool stream_open_pull(struct span json, struct stream_open *ret_open);
bool response_head_pull(struct span json, struct response_head *ret_head);

/* As stream_open_decode and response_head_decode, by Jansson. */
enum payload_verdict stream_open_load(struct span json, struct stream_open *ret_open, const char **ret_why);
enum payload_verdict response_head_load(struct span json, struct response_head *ret_head, const char **ret_why);

#endif
