/* A lying kit: whatever STREAM_OPEN holds, the driver writes one request for its local service, or none. Input: flags,
 * method, target, host, fields. */
#include "fuzz_fields.h"

#include "check.h"
#include "http_forward.h"

#include <event2/buffer.h>
#include <stdlib.h>

/* One byte below the table's size picks from it; others begin a string of the input. */
static char *take_text(struct span *input, const char *const *table, size_t count)
{
    const uint8_t pick = fuzz_take_u8(input);
    return pick < count ? fuzz_text(span_of_string(table[pick])) : fuzz_text(fuzz_take_bytes(input));
}

static void take_open(struct span *input, struct stream_open *open, char **ret_host)
{
    static const char *const methods[] = {"GET", "POST", "HEAD", "PUT", "OPTIONS", "CONNECT", "connect", "PRI", ""};
    static const char *const targets[] = {
        "/", "*", "/a?b=c", "http://a.test/", "a.test:80", "/ HTTP/1.1\r\nX:", "//", ""};
    static const char *const hosts[] = {"localhost:3000", "a.test", "", "a b", "a\r\nX: y", "[::1]:80"};
    open->kind = STREAM_HTTP;
    open->bind = 1;
    open->is_upgrade = (fuzz_take_u8(input) & 1) != 0;
    open->method = take_text(input, methods, sizeof methods / sizeof methods[0]);
    open->target = take_text(input, targets, sizeof targets / sizeof targets[0]);
    *ret_host = take_text(input, hosts, sizeof hosts / sizeof hosts[0]);
    fuzz_take_fields(input, &open->fields);
}

/* Whatever any reader makes of it: lines that end in CRLF, one empty one, at the end, and nothing after it. */
static void check_lines(struct span head)
{
    check(head.length >= 4);
    for (size_t i = 0; i < head.length; i++) {
        const bool is_cr = head.data[i] == '\r', is_lf = head.data[i] == '\n';
        check(head.data[i] != '\0');
        check(!is_cr || (i + 1 < head.length && head.data[i + 1] == '\n'));
        check(!is_lf || (i > 0 && head.data[i - 1] == '\r'));
        const bool is_empty_line = is_lf && i >= 3 && head.data[i - 2] == '\n';
        check(is_empty_line == (i == head.length - 1));
    }
}

/* The framing that STREAM_OPEN asks for cannot be read in two ways. */
static void check_framing(const struct stream_open *open)
{
    const char *length = NULL;
    bool is_chunked = false;
    for (size_t i = 0; i < open->fields.count; i++) {
        const char *value = open->fields.pairs[i].value;
        if (strcasecmp(open->fields.pairs[i].name, "content-length") == 0) {
            check(value[0] != '\0' && value[strspn(value, "0123456789")] == '\0');
            check(strtoull(value, NULL, 10) <= INT64_MAX);
            check(length == NULL || strtoull(value, NULL, 10) == strtoull(length, NULL, 10));
            length = value;
        }
        if (strcasecmp(open->fields.pairs[i].name, "transfer-encoding") == 0) {
            check(!is_chunked && strcasecmp(value, "chunked") == 0);
            is_chunked = true;
        }
    }
    check(!is_chunked || (length == NULL && !open->is_upgrade));
    check(http_forward_is_chunked(open) == is_chunked);
    check(http_forward_content_length(open) == (length != NULL ? strtoull(length, NULL, 10) : 0));
}

static void check_one_request(struct evbuffer *wire, const struct stream_open *open, const char *host)
{
    struct http_reader *reader = http_reader_new(HTTP_REQUESTS);
    /* What our reader refuses is the service's to judge; by then it is one request all the same. */
    if (http_reader_read(reader, wire, NULL, 0) == HTTP_HEAD) {
        const struct http_head *head = http_reader_head(reader);
        check(span_equals(head->method, open->method) && span_equals(head->target, open->target));
        check((head->framing == HTTP_CHUNKED) == http_forward_is_chunked(open));
        check(head->content_length == http_forward_content_length(open));
        check(!open->is_upgrade || (head->framing != HTTP_CHUNKED && head->content_length == 0));
        check(fuzz_span_is(head->host, fuzz_trimmed(host)));
        check(evbuffer_get_length(wire) == 0);
    }
    http_reader_destroy(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    struct stream_open open = {0};
    struct evbuffer *wire = evbuffer_new();
    char *host = NULL;
    take_open(&input, &open, &host);
    if (http_forward_write_request(&open, host, wire)) {
        check(strcasecmp(open.method, "CONNECT") != 0);
        check_framing(&open);
        check_lines(fuzz_span(wire));
        check_one_request(wire, &open, host);
    } else {
        check(evbuffer_get_length(wire) == 0);
    }
    free(host);
    stream_open_done(&open);
    evbuffer_free(wire);
    return 0;
}
