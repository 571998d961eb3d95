/* What a scanned head means, and whether it may pass: Host, method, framing, connection (RFC 9112 sections 3.2, 6 and
 * 9; protocol section 6, request smuggling). The last word is llhttp's: what it refuses, or frames otherwise than we
 * do, is refused. Pure. */
#ifndef HOODY_PROTO_HTTP_HEAD_JUDGE_H
#define HOODY_PROTO_HTTP_HEAD_JUDGE_H

#include "http_head_scan.h"

/* `bytes` is the whole head, `scan` is HEAD_DONE with it; `ret_head` borrows them. `answers_head`: the answer's request
 * was a HEAD. false: refused; `ret_head` is then of no use. */
bool http_head_judge(const struct http_head_scan *scan, struct span bytes, bool answers_head,
                     struct http_head *ret_head, struct http_error *ret_error);

#endif
