#include "http_head_scan.h"

#include "check.h"
#include "http_byte_class.h"

static const char version_prefix[] = "HTTP/1.";

void http_head_scan_init(struct http_head_scan *scan, enum http_reader_kind kind)
{
    memset(scan, 0, offsetof(struct http_head_scan, names));
    scan->kind = kind;
    scan->state = kind == HTTP_REQUESTS ? HEAD_METHOD : HEAD_VERSION;
}

static enum http_head_verdict head_bad(uint16_t status, const char *text, struct http_error *ret_error)
{
    *ret_error = (struct http_error){.status = status, .text = text};
    return HEAD_BAD;
}

static void head_advance(struct http_head_scan *scan, struct span *in, size_t length)
{
    span_advance(in, length);
    scan->field.at = (uint16_t)(scan->field.at + length);
}

/* The steps: each takes at least one byte, or changes the state, or is HEAD_BAD. */

static enum http_head_verdict step_method(struct http_head_scan *scan, struct span *in, struct http_error *ret_error)
{
    const size_t run = http_byte_run(*in, BYTE_TOKEN);
    head_advance(scan, in, run);
    scan->method.length = (uint16_t)(scan->method.length + run);
    if (in->length == 0) {
        return HEAD_MORE;
    }
    if (in->data[0] != ' ' || scan->method.length == 0) {
        return head_bad(400, "the request line does not begin with a method and a space", ret_error);
    }
    head_advance(scan, in, 1);
    scan->target.at = scan->field.at;
    scan->state = HEAD_TARGET;
    return HEAD_MORE;
}

static enum http_head_verdict step_target(struct http_head_scan *scan, struct span *in, struct http_error *ret_error)
{
    const size_t run = http_byte_run(*in, BYTE_TARGET);
    if (run > HTTP_TARGET_MAX - (size_t)scan->target.length) {
        return head_bad(414, "the request target is too long", ret_error);
    }
    head_advance(scan, in, run);
    scan->target.length = (uint16_t)(scan->target.length + run);
    if (in->length == 0) {
        return HEAD_MORE;
    }
    if (in->data[0] != ' ' || scan->target.length == 0) {
        return head_bad(400, "the request target is empty or holds a forbidden byte", ret_error);
    }
    head_advance(scan, in, 1);
    scan->state = HEAD_VERSION;
    return HEAD_MORE;
}

static enum http_head_verdict step_version(struct http_head_scan *scan, struct span *in, struct http_error *ret_error)
{
    const uint8_t byte = in->data[0];
    const bool is_prefix = scan->part < sizeof version_prefix - 1;
    if (is_prefix ? byte != (uint8_t)version_prefix[scan->part] : byte != '0' && byte != '1') {
        return head_bad(400, "the version is not HTTP/1.0 or HTTP/1.1", ret_error);
    }
    head_advance(scan, in, 1);
    if (is_prefix) {
        scan->part++;
        return HEAD_MORE;
    }
    scan->version_minor = (uint8_t)(byte - '0');
    scan->part = 0;
    scan->state = HEAD_VERSION_END;
    return HEAD_MORE;
}

static enum http_head_verdict step_version_end(struct http_head_scan *scan, struct span *in,
                                               struct http_error *ret_error)
{
    const bool is_request = scan->kind == HTTP_REQUESTS;
    if (in->data[0] != (is_request ? '\r' : ' ')) {
        return head_bad(400, "the version is not followed as it must be", ret_error);
    }
    head_advance(scan, in, 1);
    scan->state = is_request ? HEAD_START_LF : HEAD_STATUS;
    return HEAD_MORE;
}

static enum http_head_verdict step_status(struct http_head_scan *scan, struct span *in, struct http_error *ret_error)
{
    const uint8_t byte = in->data[0];
    if (byte < '0' || byte > '9' || (scan->part == 0 && (byte < '1' || byte > '5'))) {
        return head_bad(400, "the status is not a number in 100..599", ret_error);
    }
    head_advance(scan, in, 1);
    scan->status = (uint16_t)(scan->status * 10 + (byte - '0'));
    if (++scan->part == 3) {
        scan->state = HEAD_STATUS_END;
    }
    return HEAD_MORE;
}

/* The SP before an empty reason is left out by many servers, and means nothing. */
static enum http_head_verdict step_status_end(struct http_head_scan *scan, struct span *in,
                                              struct http_error *ret_error)
{
    const uint8_t byte = in->data[0];
    if (byte != ' ' && byte != '\r') {
        return head_bad(400, "the status is not three digits", ret_error);
    }
    head_advance(scan, in, 1);
    scan->reason.at = scan->field.at;
    scan->state = byte == ' ' ? HEAD_REASON : HEAD_START_LF;
    return HEAD_MORE;
}

static enum http_head_verdict step_reason(struct http_head_scan *scan, struct span *in, struct http_error *ret_error)
{
    const size_t run = http_byte_run(*in, BYTE_VALUE);
    head_advance(scan, in, run);
    scan->reason.length = (uint16_t)(scan->reason.length + run);
    if (in->length == 0) {
        return HEAD_MORE;
    }
    if (in->data[0] != '\r') {
        return head_bad(400, "the status line holds a forbidden byte", ret_error);
    }
    head_advance(scan, in, 1);
    scan->state = HEAD_START_LF;
    return HEAD_MORE;
}

static enum http_head_verdict step_start_lf(struct http_head_scan *scan, struct span *in, struct http_error *ret_error)
{
    if (in->data[0] != '\n') {
        return head_bad(400, "a bare CR", ret_error);
    }
    head_advance(scan, in, 1);
    scan->state = HEAD_FIELDS;
    return HEAD_MORE;
}

static enum http_head_verdict step_fields(struct http_head_scan *scan, struct span *in, struct http_error *ret_error)
{
    switch (http_field_scan(&scan->field, in, ret_error)) {
    case FIELD_MORE:
        return HEAD_MORE;
    case FIELD_LINE:
        break;
    case FIELD_END:
        return HEAD_DONE;
    case FIELD_BAD:
        return HEAD_BAD;
    }
    if (scan->field_count == HTTP_FIELDS_MAX) {
        return head_bad(431, "the head has too many fields", ret_error);
    }
    scan->names[scan->field_count] = scan->field.name;
    scan->values[scan->field_count] = scan->field.value;
    scan->field_count++;
    return HEAD_MORE;
}

static enum http_head_verdict head_step(struct http_head_scan *scan, struct span *in, struct http_error *ret_error)
{
    switch (scan->state) {
    case HEAD_METHOD:
        return step_method(scan, in, ret_error);
    case HEAD_TARGET:
        return step_target(scan, in, ret_error);
    case HEAD_VERSION:
        return step_version(scan, in, ret_error);
    case HEAD_VERSION_END:
        return step_version_end(scan, in, ret_error);
    case HEAD_STATUS:
        return step_status(scan, in, ret_error);
    case HEAD_STATUS_END:
        return step_status_end(scan, in, ret_error);
    case HEAD_REASON:
        return step_reason(scan, in, ret_error);
    case HEAD_START_LF:
        return step_start_lf(scan, in, ret_error);
    case HEAD_FIELDS:
        return step_fields(scan, in, ret_error);
    }
    check(false);
}

enum http_head_verdict http_head_scan(struct http_head_scan *scan, struct span *in, struct http_error *ret_error)
{
    /* Never shown a byte beyond the limit, so the verdict is the same however the input is cut. */
    const size_t room = HTTP_HEAD_MAX - (size_t)scan->field.at;
    const size_t beyond = in->length > room ? in->length - room : 0;
    enum http_head_verdict verdict = HEAD_MORE;

    in->length -= beyond;
    while (verdict == HEAD_MORE && in->length > 0) {
        verdict = head_step(scan, in, ret_error);
    }
    in->length += beyond;
    if (verdict == HEAD_MORE && beyond > 0) {
        return head_bad(431, "the head is too large", ret_error);
    }
    return verdict;
}
