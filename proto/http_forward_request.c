/* A visitor's request head on its way into STREAM_OPEN. */
#include "http_field_text.h"
#include "http_forward.h"
#include "http_hop_by_hop.h"
#include "http_target.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* One request being rewritten. */
struct forwarding {
    const struct http_head *head;
    const struct http_forward_policy *policy;
    struct http_hop_by_hop hops;
    struct span host; /* data NULL: none */
    bool drops_body;  /* old drivers discard a body of these methods and spoil their next request with it */
    struct stream_open made;
};

/* ---- the target ---- */

static char *join_text(const char *before, struct span after)
{
    const size_t length = strlen(before);
    char *text = malloc(length + after.length + 1);
    if (text != NULL) {
        memcpy(text, before, length);
        memcpy(text + length, after.data, after.length);
        text[length + after.length] = '\0';
    }
    return text;
}

/* RFC 9112 section 3.2: origin-form, and the authority wins over Host. */
static bool forward_target(struct forwarding *forwarding)
{
    const struct http_head *head = forwarding->head;
    const struct http_target target = http_target_read(head->target);

    forwarding->host = head->host;
    if (target.form != TARGET_ABSOLUTE) {
        forwarding->made.target = join_text("", head->target);
        return forwarding->made.target != NULL;
    }
    forwarding->host = target.host;
    const char *before = "";
    if (target.path.length == 0) {
        before = span_equals(head->method, "OPTIONS") ? "*" : "/";
    } else if (target.path.data[0] == '?') {
        before = "/";
    }
    forwarding->made.target = join_text(before, target.path);
    return forwarding->made.target != NULL;
}

/* ---- the fields ---- */

static bool expects_continue(struct span value)
{
    struct span member;
    while (http_list_next(&value, &member)) {
        if (span_equals_nocase(member, "100-continue")) {
            return true;
        }
    }
    return false;
}

/* Those that say where a request came from are believed only from trusted peers. */
static bool passes_forwarded(const struct http_forward_policy *policy, struct span name)
{
    if (span_equals_nocase(name, "x-forwarded-for")) {
        return policy->peer_is_trusted && !policy->adds_forwarded_fields; /* otherwise ours, last, carries it on */
    }
    if (span_equals_nocase(name, "x-forwarded-host") || span_equals_nocase(name, "x-forwarded-proto")) {
        return policy->peer_is_trusted;
    }
    return true;
}

static bool add_named(struct forwarding *forwarding, const char *name, struct span value)
{
    return http_field_text_add(&forwarding->made.fields, span_of_string(name), value);
}

/* A visitor must not have the next hop remove what is said of it here: naming a field in Connection asks for that. */
static bool names_forwarded(struct span connection)
{
    static const char prefix[] = "x-forwarded-";
    struct span member;
    while (http_list_next(&connection, &member)) {
        if (member.length >= sizeof prefix - 1 &&
            strncasecmp((const char *)member.data, prefix, sizeof prefix - 1) == 0) {
            return true;
        }
    }
    return false;
}

/* Of an upgrade: as the visitor wrote it, where that is harmless. */
static bool forward_connection(struct forwarding *forwarding, struct span connection)
{
    if (!names_forwarded(connection)) {
        return add_named(forwarding, "connection", connection);
    }
    struct span member;
    while (http_list_next(&connection, &member)) {
        if (span_equals_nocase(member, "upgrade")) {
            return add_named(forwarding, "connection", member);
        }
    }
    return true;
}

/* In the fewest digits: zeros before it have been too many for some reader. */
static bool forward_length(struct forwarding *forwarding)
{
    char digits[sizeof "18446744073709551615"];
    (void)snprintf(digits, sizeof digits, "%" PRIu64, forwarding->head->content_length);
    return add_named(forwarding, "content-length", span_of_string(digits));
}

static bool forward_field(struct forwarding *forwarding, const struct http_field *field)
{
    const struct http_head *head = forwarding->head;
    if (head->is_upgrade && span_equals_nocase(field->name, "connection")) {
        return forward_connection(forwarding, field->value);
    }
    if (span_equals_nocase(field->name, "transfer-encoding")) {
        const bool is_needed = head->framing == HTTP_CHUNKED && !forwarding->drops_body;
        return !is_needed || add_named(forwarding, "transfer-encoding", span_of_string("chunked"));
    }
    if (span_equals_nocase(field->name, "host")) {
        return add_named(forwarding, "host", forwarding->host);
    }
    if (span_equals_nocase(field->name, "content-length")) {
        return forwarding->drops_body || forward_length(forwarding);
    }
    const bool is_dropped = (span_equals_nocase(field->name, "expect") && expects_continue(field->value)) ||
                            http_hop_by_hop_has(&forwarding->hops, field->name) ||
                            !passes_forwarded(forwarding->policy, field->name);
    return is_dropped || http_field_text_add_lower(&forwarding->made.fields, field->name, field->value);
}

static bool forward_fields(struct forwarding *forwarding)
{
    const struct http_head *head = forwarding->head;
    const bool lacks_host = head->host.data == NULL && forwarding->host.data != NULL;
    if (lacks_host && !add_named(forwarding, "host", forwarding->host)) {
        return false;
    }
    for (size_t i = 0; i < head->field_count; i++) {
        if (!forward_field(forwarding, &head->fields[i])) {
            return false;
        }
    }
    return true;
}

/* ---- x-forwarded-* ---- */

static bool is_kept_forwarded_for(const struct forwarding *forwarding, const struct http_field *field)
{
    return forwarding->policy->peer_is_trusted && field->value.length > 0 &&
           span_equals_nocase(field->name, "x-forwarded-for") && !http_hop_by_hop_has(&forwarding->hops, field->name);
}

/* One field, whatever came in how many: services often look at the first or the last one only. */
static bool add_forwarded_for(struct forwarding *forwarding)
{
    const struct http_head *head = forwarding->head;
    const char *peer_ip = forwarding->policy->peer_ip;
    size_t size = strlen(peer_ip) + 1;
    for (size_t i = 0; i < head->field_count; i++) {
        size += head->fields[i].value.length + strlen(", ");
    }
    char *list = malloc(size);
    if (list == NULL) {
        return false;
    }
    size_t length = 0;
    for (size_t i = 0; i < head->field_count; i++) {
        const struct span value = head->fields[i].value;
        if (is_kept_forwarded_for(forwarding, &head->fields[i])) {
            memcpy(list + length, value.data, value.length);
            memcpy(list + length + value.length, ", ", 2);
            length += value.length + 2;
        }
    }
    memcpy(list + length, peer_ip, strlen(peer_ip));
    const bool is_added = add_named(forwarding, "x-forwarded-for", span_of(list, length + strlen(peer_ip)));
    free(list);
    return is_added;
}

static bool add_forwarded_unless_kept(struct forwarding *forwarding, const char *name, struct span value)
{
    return value.length == 0 || field_list_find(&forwarding->made.fields, name) != NULL ||
           add_named(forwarding, name, value);
}

static bool add_forwarded_fields(struct forwarding *forwarding)
{
    const struct http_forward_policy *policy = forwarding->policy;
    return !policy->adds_forwarded_fields ||
           (add_forwarded_for(forwarding) &&
            add_forwarded_unless_kept(forwarding, "x-forwarded-host", forwarding->host) &&
            add_forwarded_unless_kept(forwarding, "x-forwarded-proto", span_of_string(policy->proto)));
}

bool http_forward_request(const struct http_head *head, const struct http_forward_policy *policy,
                          struct stream_open *open)
{
    struct forwarding forwarding = {
        .head = head,
        .policy = policy,
        .drops_body = span_equals(head->method, "GET") || span_equals(head->method, "HEAD"),
    };
    if (!http_hop_by_hop_init_head(&forwarding.hops, head, head->is_upgrade)) {
        return false;
    }
    forwarding.made.method = join_text("", head->method);
    const bool is_made = forwarding.made.method != NULL && forward_target(&forwarding) && forward_fields(&forwarding) &&
                         add_forwarded_fields(&forwarding);
    http_hop_by_hop_done(&forwarding.hops);
    if (!is_made) {
        stream_open_done(&forwarding.made);
        return false;
    }
    open->method = forwarding.made.method;
    open->target = forwarding.made.target;
    open->fields = forwarding.made.fields;
    open->is_upgrade = head->is_upgrade;
    return true;
}
