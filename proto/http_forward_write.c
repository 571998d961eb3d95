/* STREAM_OPEN as the request a local service gets. The kit is not trusted to have made it: whatever it holds, one
 * request comes out, or none. */
#include "check.h"
#include "http_forward.h"
#include "http_head_write.h"
#include "http_hop_by_hop.h"

static bool is_named(const struct field_pair *field, const char *name)
{
    return strcasecmp(field->name, name) == 0;
}

enum coding { CODING_NONE, CODING_CHUNKED, CODING_BAD };

static enum coding coding_of(const struct stream_open *open)
{
    enum coding coding = CODING_NONE;
    for (size_t i = 0; i < open->fields.count; i++) {
        const struct field_pair *field = &open->fields.pairs[i];
        if (is_named(field, "transfer-encoding")) {
            const bool is_one = coding == CODING_NONE && strcasecmp(field->value, "chunked") == 0;
            coding = is_one ? CODING_CHUNKED : CODING_BAD;
        }
    }
    return coding;
}

bool http_forward_is_chunked(const struct stream_open *open)
{
    return coding_of(open) == CODING_CHUNKED;
}

uint64_t http_forward_content_length(const struct stream_open *open)
{
    uint64_t length = 0;
    return http_declared_length(&open->fields, &length) == HTTP_LENGTH_GIVEN ? length : 0;
}

/* RFC 9112 section 6.3; after the head of an upgrade come bytes that are no body. */
static bool framing_is_clear(const struct stream_open *open)
{
    uint64_t length = 0;
    const enum coding coding = coding_of(open);
    const enum http_length_verdict verdict = http_declared_length(&open->fields, &length);
    if (coding == CODING_BAD || verdict == HTTP_LENGTH_BAD) {
        return false;
    }
    if (coding == CODING_CHUNKED) {
        return verdict == HTTP_LENGTH_ABSENT && !open->is_upgrade;
    }
    return length == 0 || !open->is_upgrade;
}

static bool target_is_safe(struct span target)
{
    for (size_t i = 0; i < target.length; i++) {
        if (target.data[i] <= 0x20 || target.data[i] >= 0x7F) {
            return false;
        }
    }
    return target.length > 0;
}

/* A CONNECT would turn the connection into a tunnel, which is later used for other requests. */
static bool method_is_safe(const char *method)
{
    return http_token_is_valid(span_of_string(method)) && strcasecmp(method, "CONNECT") != 0;
}

static bool is_writable(const struct stream_open *open, const char *host)
{
    for (size_t i = 0; i < open->fields.count; i++) {
        const struct field_pair *field = &open->fields.pairs[i];
        if (!http_field_is_safe(span_of_string(field->name), span_of_string(field->value))) {
            return false;
        }
    }
    return method_is_safe(open->method) && target_is_safe(span_of_string(open->target)) &&
           http_value_is_safe(span_of_string(host)) && framing_is_clear(open);
}

/* Everything but Host, which went out first. */
static void write_fields(struct http_head_writer *writer, const struct stream_open *open,
                         const struct http_hop_by_hop *hops)
{
    bool length_is_due = true;
    for (size_t i = 0; i < open->fields.count; i++) {
        const struct field_pair *field = &open->fields.pairs[i];
        const struct span name = span_of_string(field->name);
        if (is_named(field, "transfer-encoding")) {
            http_head_write_field(writer, name, span_of_string("chunked"));
        } else if (is_named(field, "content-length")) {
            if (length_is_due) {
                http_head_write_length(writer, name, http_forward_content_length(open));
            }
            length_is_due = false;
        } else if (!is_named(field, "host") && !http_hop_by_hop_has(hops, name)) {
            http_head_write_field(writer, name, span_of_string(field->value));
        }
    }
}

/* What a Connection field names is left out, this one too. */
static bool writes_forwarded_host(const struct stream_open *open, const struct http_hop_by_hop *hops)
{
    return field_list_find(&open->fields, "x-forwarded-host") != NULL &&
           !http_hop_by_hop_has(hops, span_of_string("x-forwarded-host"));
}

bool http_forward_write_request(const struct stream_open *open, const char *host, struct evbuffer *out)
{
    if (!is_writable(open, host)) {
        return false;
    }
    struct http_hop_by_hop hops;
    check(http_hop_by_hop_init_fields(&hops, &open->fields, open->is_upgrade));
    const char *own_host = field_list_find(&open->fields, "host");
    const bool adds_forwarded_host = own_host != NULL && own_host[0] != '\0' && !writes_forwarded_host(open, &hops);

    struct http_head_writer writer;
    http_head_writer_begin(&writer, out,
                           strlen(open->method) + strlen(open->target) + strlen(host) +
                               (adds_forwarded_host ? strlen(own_host) : 0) + http_head_fields_size(&open->fields) +
                               HTTP_HEAD_OWN_MAX);
    http_head_write_text(&writer, open->method);
    http_head_write_text(&writer, " ");
    http_head_write_text(&writer, open->target);
    http_head_write_text(&writer, " HTTP/1.1\r\n");
    http_head_write_field(&writer, span_of_string("Host"), span_of_string(host));
    write_fields(&writer, open, &hops);
    if (adds_forwarded_host) {
        http_head_write_field(&writer, span_of_string("x-forwarded-host"), span_of_string(own_host));
    }
    http_head_writer_end(&writer);
    http_hop_by_hop_done(&hops);
    return true;
}
