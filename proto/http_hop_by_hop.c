#include "http_hop_by_hop.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 8 };

static bool add_name(struct http_hop_by_hop *hops, struct span name)
{
    if (hops->count == hops->capacity) {
        const size_t capacity = hops->capacity > 0 ? hops->capacity * 2 : FIRST_CAPACITY;
        struct span *named = reallocarray(hops->named, capacity, sizeof *named);
        if (named == NULL) {
            return false;
        }
        hops->named = named;
        hops->capacity = capacity;
    }
    hops->named[hops->count++] = name;
    return true;
}

static bool add_field(struct http_hop_by_hop *hops, struct span name, struct span value)
{
    if (!span_equals_nocase(name, "connection")) {
        return true;
    }
    struct span member;
    while (http_list_next(&value, &member)) {
        if (!add_name(hops, member)) {
            return false;
        }
    }
    return true;
}

static int compare_names(const void *left, const void *right)
{
    const struct span *a = left, *b = right;
    if (a->length != b->length) {
        return a->length < b->length ? -1 : 1;
    }
    return strncasecmp((const char *)a->data, (const char *)b->data, a->length);
}

static bool settle(struct http_hop_by_hop *hops, bool is_whole)
{
    if (!is_whole) {
        http_hop_by_hop_done(hops);
        return false;
    }
    if (hops->count > 1) {
        qsort(hops->named, hops->count, sizeof *hops->named, compare_names);
    }
    return true;
}

bool http_hop_by_hop_init_head(struct http_hop_by_hop *hops, const struct http_head *head, bool keeps_upgrade)
{
    *hops = (struct http_hop_by_hop){.keeps_upgrade = keeps_upgrade};
    bool is_whole = true;
    for (size_t i = 0; i < head->field_count && is_whole; i++) {
        is_whole = add_field(hops, head->fields[i].name, head->fields[i].value);
    }
    return settle(hops, is_whole);
}

bool http_hop_by_hop_init_fields(struct http_hop_by_hop *hops, const struct field_list *fields, bool keeps_upgrade)
{
    *hops = (struct http_hop_by_hop){.keeps_upgrade = keeps_upgrade};
    bool is_whole = true;
    for (size_t i = 0; i < fields->count && is_whole; i++) {
        const struct field_pair *pair = &fields->pairs[i];
        is_whole = add_field(hops, span_of_string(pair->name), span_of_string(pair->value));
    }
    return settle(hops, is_whole);
}

void http_hop_by_hop_done(struct http_hop_by_hop *hops)
{
    free(hops->named);
    *hops = (struct http_hop_by_hop){0};
}

static bool is_one_of(struct span name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (span_equals_nocase(name, names[i])) {
            return true;
        }
    }
    return false;
}

bool http_hop_by_hop_has(const struct http_hop_by_hop *hops, struct span name)
{
    static const char *const END_TO_END[] = {"host", "content-length"};
    static const char *const UPGRADE[] = {"connection", "upgrade"};
    static const char *const HOP_BY_HOP[] = {
        "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization",
        "te",         "trailer",          "transfer-encoding",
    };
    if (is_one_of(name, END_TO_END, sizeof END_TO_END / sizeof *END_TO_END)) {
        return false;
    }
    if (is_one_of(name, UPGRADE, sizeof UPGRADE / sizeof *UPGRADE)) {
        return !hops->keeps_upgrade;
    }
    return is_one_of(name, HOP_BY_HOP, sizeof HOP_BY_HOP / sizeof *HOP_BY_HOP) ||
           (hops->count > 0 && bsearch(&name, hops->named, hops->count, sizeof name, compare_names) != NULL);
}
