#include "http_field_scan.h"

#include "check.h"
#include "http_byte_class.h"

static enum http_field_verdict field_bad(const char *text, struct http_error *ret_error)
{
    *ret_error = (struct http_error){.status = 400, .text = text};
    return FIELD_BAD;
}

static void field_advance(struct http_field_scan *scan, struct span *in, size_t length)
{
    span_advance(in, length);
    scan->at = (uint16_t)(scan->at + length);
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

static const char *why_no_name(uint8_t byte)
{
    if (is_blank(byte)) {
        return "a field line is folded or begins with white space";
    }
    if (byte == ':') {
        return "a field has no name";
    }
    return byte == '\n' ? "a bare LF" : "a field name holds a forbidden byte";
}

static const char *why_no_colon(uint8_t byte)
{
    return is_blank(byte) ? "white space before a colon" : "a field name holds a forbidden byte";
}

/* The white space at a value's end is known as such only at the CR, maybe many cuts later: the value ends after the
 * last byte that was not blank. */
static void take_value(struct http_field_scan *scan, struct span *in)
{
    const size_t run = http_byte_run(*in, BYTE_VALUE);
    size_t solid = run;
    while (solid > 0 && is_blank(in->data[solid - 1])) {
        solid--;
    }
    if (solid > 0) {
        scan->value.length = (uint16_t)(scan->at + solid - scan->value.at);
    }
    field_advance(scan, in, run);
}

/* The end of a line: its LF must follow the CR. */
static enum http_field_verdict take_lf(struct http_field_scan *scan, struct span *in, enum http_field_verdict then,
                                       struct http_error *ret_error)
{
    if (in->data[0] != '\n') {
        return field_bad("a bare CR", ret_error);
    }
    field_advance(scan, in, 1);
    scan->state = FIELD_START;
    return then;
}

/* One byte or one run of them; FIELD_MORE: go on. */
static enum http_field_verdict field_step(struct http_field_scan *scan, struct span *in, struct http_error *ret_error)
{
    const uint8_t byte = in->data[0];

    switch (scan->state) {
    case FIELD_START:
        if (byte == '\r') {
            scan->state = FIELD_LAST_LF;
            field_advance(scan, in, 1);
            return FIELD_MORE;
        }
        if (!http_byte_is(byte, BYTE_TOKEN)) {
            return field_bad(why_no_name(byte), ret_error);
        }
        scan->name = (struct http_place){.at = scan->at};
        scan->state = FIELD_NAME;
        return FIELD_MORE;
    case FIELD_NAME:
        if (byte == ':') {
            scan->name.length = (uint16_t)(scan->at - scan->name.at);
            scan->state = FIELD_VALUE_LEAD;
            field_advance(scan, in, 1);
            return FIELD_MORE;
        }
        if (!http_byte_is(byte, BYTE_TOKEN)) {
            return field_bad(why_no_colon(byte), ret_error);
        }
        field_advance(scan, in, http_byte_run(*in, BYTE_TOKEN));
        return FIELD_MORE;
    case FIELD_VALUE_LEAD:
        if (is_blank(byte)) {
            field_advance(scan, in, 1);
            return FIELD_MORE;
        }
        scan->value = (struct http_place){.at = scan->at};
        scan->state = FIELD_VALUE;
        return FIELD_MORE;
    case FIELD_VALUE:
        if (byte == '\r') {
            scan->state = FIELD_LINE_LF;
            field_advance(scan, in, 1);
            return FIELD_MORE;
        }
        if (!http_byte_is(byte, BYTE_VALUE)) {
            return field_bad(byte == '\n' ? "a bare LF" : "a control byte in a field value", ret_error);
        }
        take_value(scan, in);
        return FIELD_MORE;
    case FIELD_LINE_LF:
        return take_lf(scan, in, FIELD_LINE, ret_error);
    case FIELD_LAST_LF:
        return take_lf(scan, in, FIELD_END, ret_error);
    }
    check(false);
}

enum http_field_verdict http_field_scan(struct http_field_scan *scan, struct span *in, struct http_error *ret_error)
{
    while (in->length > 0) {
        const enum http_field_verdict verdict = field_step(scan, in, ret_error);
        if (verdict != FIELD_MORE) {
            return verdict;
        }
    }
    return FIELD_MORE;
}
