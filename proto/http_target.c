#include "http_target.h"

#include "http_byte_class.h"

static bool is_letter(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static bool is_scheme_byte(uint8_t byte)
{
    return is_letter(byte) || (byte >= '0' && byte <= '9') || byte == '+' || byte == '-' || byte == '.';
}

/* Where the authority begins; 0: there is none. */
static size_t skip_scheme(struct span target)
{
    size_t at = 0;
    while (at < target.length && is_scheme_byte(target.data[at])) {
        at++;
    }
    const bool is_scheme = at > 0 && is_letter(target.data[0]);
    return is_scheme && target.length - at >= 3 && memcmp(target.data + at, "://", 3) == 0 ? at + 3 : 0;
}

/* Host never holds the userinfo (RFC 9110 section 7.2). */
static struct span without_userinfo(struct span authority)
{
    const uint8_t *at = memrchr(authority.data, '@', authority.length);
    return at == NULL ? authority : span_of(at + 1, authority.length - (size_t)(at + 1 - authority.data));
}

static bool is_host(struct span host)
{
    return host.length > 0 && host.data[0] != ':' && http_byte_run(host, BYTE_HOST) == host.length;
}

struct http_target http_target_read(struct span target)
{
    if (target.length > 0 && target.data[0] == '/') {
        return (struct http_target){.form = TARGET_ORIGIN};
    }
    if (span_equals(target, "*")) {
        return (struct http_target){.form = TARGET_ASTERISK};
    }
    const size_t begin = skip_scheme(target);
    size_t end = begin;
    while (end < target.length && target.data[end] != '/' && target.data[end] != '?') {
        end++;
    }
    const struct span host = without_userinfo(span_of(target.data + begin, end - begin));
    if (begin == 0 || !is_host(host)) {
        return (struct http_target){.form = TARGET_OTHER};
    }
    return (struct http_target){
        .form = TARGET_ABSOLUTE, .host = host, .path = span_of(target.data + end, target.length - end)};
}
