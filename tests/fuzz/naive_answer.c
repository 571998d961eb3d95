#include "naive_answer.h"

#include "check.h"

#include <ctype.h>
#include <event2/buffer.h>
#include <stdlib.h>

enum { SWITCHES = 101, NO_CONTENT = 204, NOT_MODIFIED = 304, DIGITS_MAX = 19 };

/* ---- lines ---- */

static bool take_line(struct span *wire, struct span *ret_line)
{
    const uint8_t *end = wire->length > 0 ? memmem(wire->data, wire->length, "\r\n", 2) : NULL;
    if (end == NULL)
        return false;
    const size_t length = (size_t)(end - wire->data);
    *ret_line = span_of(wire->data, length);
    *wire = span_of(wire->data + length + 2, wire->length - length - 2);
    check(memchr(ret_line->data, '\n', length) == NULL && memchr(ret_line->data, '\r', length) == NULL);
    check(memchr(ret_line->data, '\0', length) == NULL);
    return true;
}

static bool is_token(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)name[i]) && (name[i] == '\0' || strchr("!#$%&'*+-.^_`|~", name[i]) == NULL))
            return false;
    return length > 0;
}

static uint64_t read_digits(const char *digits)
{
    const size_t length = strlen(digits);
    check(length > 0 && length <= DIGITS_MAX && strspn(digits, "0123456789") == length);
    return strtoull(digits, NULL, 10);
}

/* ---- a head ---- */

static unsigned read_status(struct span line)
{
    check(line.length >= sizeof "HTTP/1.1 200 " - 1 && memcmp(line.data, "HTTP/1.1 ", 9) == 0);
    const uint8_t *digits = line.data + 9;
    check(digits[0] >= '1' && digits[0] <= '5' && isdigit(digits[1]) && isdigit(digits[2]) && digits[3] == ' ');
    return (unsigned)(digits[0] - '0') * 100 + (unsigned)(digits[1] - '0') * 10 + (unsigned)(digits[2] - '0');
}

static void read_field(struct span line, struct naive_head *head)
{
    const uint8_t *colon = memchr(line.data, ':', line.length);
    check(colon != NULL);
    const size_t name_length = (size_t)(colon - line.data);
    check(is_token((const char *)line.data, name_length));
    check(line.length >= name_length + 2 && colon[1] == ' ');
    check(field_list_add(&head->fields, span_of(line.data, name_length),
                         span_of(colon + 2, line.length - name_length - 2)));
}

/* What the fields say of framing, which must be said once, and with one voice. */
static void note_framing(struct naive_head *head)
{
    size_t lengths = 0, codings = 0, connections = 0;
    for (size_t i = 0; i < head->fields.count; i++) {
        const struct field_pair *field = &head->fields.pairs[i];
        if (strcasecmp(field->name, "content-length") == 0) {
            lengths++;
            head->has_length = true;
            head->length = read_digits(field->value);
        } else if (strcasecmp(field->name, "transfer-encoding") == 0) {
            codings++;
            head->is_chunked = true;
            check(strcmp(field->value, "chunked") == 0);
        } else if (strcasecmp(field->name, "connection") == 0 && head->status != SWITCHES) {
            connections++;
            head->closes = strcmp(field->value, "close") == 0;
            check(head->closes || strcmp(field->value, "keep-alive") == 0);
        }
    }
    check(lengths + codings <= 1 && connections <= 1);
    check(lengths + codings == 0 || (head->status >= 200 && head->status != NO_CONTENT));
    check(codings == 0 || head->status != NOT_MODIFIED);
}

bool naive_head_read(struct span *wire, struct naive_head *ret_head)
{
    struct span rest = *wire, line;
    *ret_head = (struct naive_head){0};
    if (!take_line(&rest, &line))
        return false;
    ret_head->status = read_status(line);
    for (;;) {
        if (!take_line(&rest, &line)) {
            naive_head_done(ret_head);
            return false;
        }
        if (line.length == 0)
            break;
        read_field(line, ret_head);
    }
    note_framing(ret_head);
    *wire = rest;
    return true;
}

void naive_head_done(struct naive_head *head)
{
    field_list_done(&head->fields);
}

/* ---- a body ---- */

static bool take_bytes(struct span *wire, uint64_t length, struct evbuffer *body)
{
    const size_t taken = length < wire->length ? (size_t)length : wire->length;
    check(taken == 0 || evbuffer_add(body, wire->data, taken) == 0);
    *wire = span_of(wire->data + taken, wire->length - taken);
    return taken == length;
}

static uint64_t read_size(struct span line)
{
    char text[DIGITS_MAX + 1] = "";
    check(line.length > 0 && line.length < sizeof text);
    memcpy(text, line.data, line.length);
    check(strspn(text, "0123456789abcdefABCDEF") == line.length);
    return strtoull(text, NULL, 16);
}

static enum naive_end read_chunks(struct span *wire, struct evbuffer *body)
{
    struct span line;
    while (take_line(wire, &line)) {
        const uint64_t size = read_size(line);
        if (!take_bytes(wire, size, body) || wire->length < 2)
            return NAIVE_SHORT;
        check(wire->data[0] == '\r' && wire->data[1] == '\n');
        *wire = span_of(wire->data + 2, wire->length - 2);
        if (size == 0)
            return NAIVE_WHOLE;
    }
    check(wire->length == 0); /* chunks are written whole */
    return NAIVE_SHORT;
}

enum naive_end naive_body_read(struct span *wire, const struct naive_head *head, bool answers_head,
                               struct evbuffer *body)
{
    if (head->status == SWITCHES) {
        check(take_bytes(wire, wire->length, body));
        return NAIVE_OPEN;
    }
    if (answers_head || head->status == NO_CONTENT || head->status == NOT_MODIFIED) {
        check(!head->is_chunked);
        return NAIVE_WHOLE;
    }
    if (head->is_chunked)
        return read_chunks(wire, body);
    if (head->has_length)
        return take_bytes(wire, head->length, body) ? NAIVE_WHOLE : NAIVE_SHORT;
    check(head->closes && take_bytes(wire, wire->length, body));
    return NAIVE_OPEN;
}

/* ---- what may pass ---- */

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names != NULL; names++)
        if (strcasecmp(name, *names) == 0)
            return true;
    return false;
}

static bool is_named_by(const char *name, const char *connection)
{
    const size_t length = strlen(name);
    for (const char *at = connection;; at++) {
        at += strspn(at, " \t");
        const size_t member = strcspn(at, ",");
        if (member >= length && strncasecmp(at, name, length) == 0 && strspn(at + length, " \t") == member - length)
            return true;
        at += member;
        if (*at == '\0')
            return false;
    }
}

static bool is_of_the_hop(const struct field_list *sent, const char *name, unsigned status)
{
    static const char *const never[] = {"host", NULL}, *const of_a_switch[] = {"connection", "upgrade", NULL};
    static const char *const always[] = {
        "connection",
        "keep-alive",
        "proxy-connection",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        NULL,
    };
    if (is_one_of(name, never) || (status == SWITCHES && is_one_of(name, of_a_switch)))
        return false;
    for (size_t i = 0; i < sent->count; i++)
        if (strcasecmp(sent->pairs[i].name, "connection") == 0 && is_named_by(name, sent->pairs[i].value))
            return true;
    return is_one_of(name, always);
}

void naive_fields_that_pass(const struct field_list *sent, unsigned status, struct field_list *ret_passing)
{
    *ret_passing = (struct field_list){0};
    for (size_t i = 0; i < sent->count; i++) {
        const char *name = sent->pairs[i].name, *value = sent->pairs[i].value;
        if (is_token(name, strlen(name)) && strpbrk(value, "\r\n") == NULL && strcasecmp(name, "content-length") != 0 &&
            !is_of_the_hop(sent, name, status))
            check(field_list_add(ret_passing, span_of_string(name), span_of_string(value)));
    }
}

static bool is_the_kits(const struct naive_head *head, const char *name)
{
    static const char *const framing[] = {"content-length", "transfer-encoding", "connection", NULL};
    return head->status != SWITCHES && is_one_of(name, framing);
}

void naive_check_fields(const struct naive_head *seen, const struct field_list *passing)
{
    size_t next = 0;
    for (size_t i = 0; i < seen->fields.count; i++) {
        const struct field_pair *field = &seen->fields.pairs[i];
        if (is_the_kits(seen, field->name))
            continue;
        check(next < passing->count);
        check(strcmp(field->name, passing->pairs[next].name) == 0);
        check(strcmp(field->value, passing->pairs[next].value) == 0);
        next++;
    }
    check(next == passing->count);
}
