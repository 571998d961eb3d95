#include "http_head_judge.h"

#include "check.h"
#include "http_byte_class.h"
#include "http_llhttp.h"
#include "http_target.h"

/* One head being judged, and what one pass over its fields says of framing and connection. */
struct judge {
    const struct http_head_scan *scan;
    struct span bytes;
    struct http_head *head;
    struct http_error error; /* when refused */

    size_t host_count;
    size_t coding_count; /* Transfer-Encoding fields */
    bool is_chunked;     /* there is one, and it is exactly `chunked` */
    bool has_length;
    bool has_connection;
    bool has_upgrade;
    bool has_expect;

    /* The head as llhttp gets to see it. Left out are repeated Content-Length lines, which it and many services refuse
     * even when equal (RFC 9110 section 8.6), and white space behind the values of framing, where it knows no tab. */
    size_t piece_count;
    size_t pieced;                           /* bytes of the head already in pieces, or left out */
    struct span pieces[HTTP_FIELDS_MAX + 1]; /* last: what is beyond the count is never set */
};

static bool refuse(struct judge *judge, uint16_t status, const char *text)
{
    judge->error = (struct http_error){.status = status, .text = text};
    return false;
}

static struct span place_span(struct span bytes, struct http_place place)
{
    return span_of(bytes.data + place.at, place.length);
}

/* 1*DIGIT below 2^63. */
static bool read_length(struct span value, uint64_t *ret_length)
{
    uint64_t length = 0;
    for (size_t i = 0; i < value.length; i++) {
        if (value.data[i] < '0' || value.data[i] > '9') {
            return false;
        }
        const uint64_t digit = (uint64_t)(value.data[i] - '0');
        if (length > ((uint64_t)INT64_MAX - digit) / 10) {
            return false;
        }
        length = length * 10 + digit;
    }
    if (value.length == 0) {
        return false;
    }
    *ret_length = length;
    return true;
}

/* Ends a piece at `begin`, and goes on at `end`. At most once for a field. */
static void leave_out(struct judge *judge, size_t begin, size_t end)
{
    judge->pieces[judge->piece_count++] = span_of(judge->bytes.data + judge->pieced, begin - judge->pieced);
    judge->pieced = end;
}

/* Behind the CRLF of field `i`. */
static size_t line_end(const struct judge *judge, size_t i)
{
    const struct http_head_scan *scan = judge->scan;
    return i + 1 < scan->field_count ? scan->names[i + 1].at : judge->bytes.length - strlen("\r\n");
}

static void leave_line_out(struct judge *judge, size_t i)
{
    leave_out(judge, judge->scan->names[i].at, line_end(judge, i));
}

static void leave_blanks_out(struct judge *judge, size_t i)
{
    const struct http_place value = judge->scan->values[i];
    leave_out(judge, (size_t)value.at + value.length, line_end(judge, i) - strlen("\r\n"));
}

static bool take_length(struct judge *judge, size_t i, struct span value)
{
    uint64_t length = 0;
    if (!read_length(value, &length)) {
        return refuse(judge, 400, "Content-Length is not a number below 2^63");
    }
    if (!judge->has_length) {
        judge->has_length = true;
        judge->head->content_length = length;
        leave_blanks_out(judge, i);
        return true;
    }
    if (length != judge->head->content_length) {
        return refuse(judge, 400, "two Content-Length fields differ");
    }
    leave_line_out(judge, i);
    return true;
}

static bool take_host(struct judge *judge, struct span value)
{
    if (judge->host_count++ > 0) {
        return refuse(judge, 400, "more than one Host field");
    }
    if (http_byte_run(value, BYTE_HOST) != value.length) {
        return refuse(judge, 400, "Host is not a host and port");
    }
    judge->head->host = value;
    return true;
}

/* The length of a name sorts nearly all fields out before any comparison. */
static bool take_field(struct judge *judge, size_t i, struct http_field field)
{
    switch (field.name.length) {
    case sizeof "host" - 1:
        if (judge->scan->kind == HTTP_REQUESTS && span_equals_nocase(field.name, "host")) {
            return take_host(judge, field.value);
        }
        return true;
    case sizeof "expect" - 1:
        judge->has_expect |= span_equals_nocase(field.name, "expect");
        return true;
    case sizeof "upgrade" - 1:
        judge->has_upgrade |= span_equals_nocase(field.name, "upgrade") && field.value.length > 0;
        return true;
    case sizeof "connection" - 1:
        judge->has_connection |= span_equals_nocase(field.name, "connection");
        return true;
    case sizeof "content-length" - 1:
        return !span_equals_nocase(field.name, "content-length") || take_length(judge, i, field.value);
    case sizeof "transfer-encoding" - 1:
        if (span_equals_nocase(field.name, "transfer-encoding")) {
            judge->is_chunked = judge->coding_count++ == 0 && span_equals_nocase(field.value, "chunked");
            leave_blanks_out(judge, i);
        }
        return true;
    default: /* of a number, not of an enum */
        return true;
    }
}

static bool take_fields(struct judge *judge)
{
    const struct http_head_scan *scan = judge->scan;
    struct http_head *head = judge->head;

    for (size_t i = 0; i < scan->field_count; i++) {
        const struct http_field field = {
            .name = place_span(judge->bytes, scan->names[i]),
            .value = place_span(judge->bytes, scan->values[i]),
        };
        if (!take_field(judge, i, field)) {
            return false;
        }
        const bool was_left_out = judge->pieced == line_end(judge, i);
        if (!was_left_out) {
            head->fields[head->field_count++] = field;
        }
    }
    judge->pieces[judge->piece_count++] =
        span_of(judge->bytes.data + judge->pieced, judge->bytes.length - judge->pieced);
    return true;
}

static bool judge_coding(struct judge *judge)
{
    if (judge->coding_count == 0) {
        return true;
    }
    if (judge->has_length) {
        return refuse(judge, 400, "Transfer-Encoding and Content-Length together");
    }
    if (judge->head->version_minor == 0) {
        return refuse(judge, 400, "Transfer-Encoding in HTTP/1.0");
    }
    return judge->is_chunked || refuse(judge, 501, "Transfer-Encoding is not chunked");
}

static bool judge_target(struct judge *judge)
{
    const struct http_head *head = judge->head;
    switch (http_target_read(head->target).form) {
    case TARGET_ORIGIN:
    case TARGET_ABSOLUTE:
        return true;
    case TARGET_ASTERISK:
        return span_equals(head->method, "OPTIONS") || refuse(judge, 400, "the target * is of OPTIONS only");
    case TARGET_OTHER:
        return refuse(judge, 400, "the request target is neither a path nor a URL with a host");
    }
    check(false);
}

static bool judge_request(struct judge *judge)
{
    struct http_head *head = judge->head;

    if (judge->host_count == 0 && head->version_minor == 1) {
        return refuse(judge, 400, "no Host field");
    }
    if (!http_llhttp_knows_method(head->method)) {
        return refuse(judge, 501, "unknown method");
    }
    if (span_equals(head->method, "CONNECT")) {
        return refuse(judge, 405, "CONNECT is not served");
    }
    if (!judge_target(judge)) {
        return false;
    }
    if (judge->is_chunked) {
        head->framing = HTTP_CHUNKED;
    } else {
        head->framing = judge->has_length ? HTTP_BY_LENGTH : HTTP_NO_BODY;
    }
    const bool has_body = judge->is_chunked || head->content_length > 0;
    head->expects_continue = judge->has_expect && head->version_minor == 1 && has_body &&
                             http_head_has_token(head, "expect", "100-continue");
    head->is_upgrade = judge->has_upgrade && judge->has_connection && head->version_minor == 1 && !has_body &&
                       http_head_has_token(head, "connection", "upgrade") &&
                       !http_head_has_token(head, "upgrade", "h2c");
    return true;
}

static void judge_answer(struct judge *judge, bool answers_head)
{
    struct http_head *head = judge->head;

    if (answers_head || head->status < 200 || head->status == 204 || head->status == 304) {
        head->framing = HTTP_NO_BODY;
    } else if (judge->is_chunked) {
        head->framing = HTTP_CHUNKED;
    } else {
        head->framing = judge->has_length ? HTTP_BY_LENGTH : HTTP_UNTIL_CLOSE;
    }
}

static bool says_keep_alive(const struct judge *judge)
{
    const struct http_head *head = judge->head;

    if (head->framing == HTTP_UNTIL_CLOSE) {
        return false;
    }
    if (!judge->has_connection) {
        return head->version_minor == 1;
    }
    return !http_head_has_token(head, "connection", "close") &&
           (head->version_minor == 1 || http_head_has_token(head, "connection", "keep-alive"));
}

static bool llhttp_agrees(struct judge *judge)
{
    const struct http_head *head = judge->head;
    struct http_llhttp_view view;

    if (!http_llhttp_view_head(judge->scan->kind == HTTP_REQUESTS, judge->pieces, judge->piece_count, &view)) {
        return refuse(judge, 400, "the head is not valid HTTP");
    }
    if (view.version_minor != head->version_minor || view.status != head->status ||
        view.content_length != head->content_length || view.is_chunked != judge->is_chunked) {
        return refuse(judge, 400, "the head can be read in two ways");
    }
    return true;
}

static bool judge_head(struct judge *judge, bool answers_head)
{
    if (!take_fields(judge) || !judge_coding(judge)) {
        return false;
    }
    if (judge->scan->kind == HTTP_REQUESTS) {
        if (!judge_request(judge)) {
            return false;
        }
    } else {
        judge_answer(judge, answers_head);
    }
    judge->head->keeps_alive = says_keep_alive(judge);
    return llhttp_agrees(judge);
}

bool http_head_judge(const struct http_head_scan *scan, struct span bytes, bool answers_head,
                     struct http_head *ret_head, struct http_error *ret_error)
{
    check(bytes.length == scan->field.at);
    memset(ret_head, 0, offsetof(struct http_head, fields));
    ret_head->method = place_span(bytes, scan->method);
    ret_head->target = place_span(bytes, scan->target);
    ret_head->status = scan->status;
    ret_head->reason = place_span(bytes, scan->reason);
    ret_head->version_minor = scan->version_minor;
    struct judge judge;
    memset(&judge, 0, offsetof(struct judge, pieces));
    judge.scan = scan;
    judge.bytes = bytes;
    judge.head = ret_head;
    if (!judge_head(&judge, answers_head)) {
        *ret_error = judge.error;
        return false;
    }
    return true;
}
