#include "public_url.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

bool public_url_pattern_is_valid(const char *pattern)
{
    return pattern[0] == '\0' || strstr(pattern, "{port}") != NULL;
}

struct url {
    char *text;
    size_t length;
    bool is_too_long;
};

static void put(struct url *url, const char *text, size_t length)
{
    if (url->is_too_long || length >= PUBLIC_URL_MAX - url->length) {
        url->is_too_long = true;
        return;
    }
    memcpy(url->text + url->length, text, length);
    url->length += length;
}

static void put_number(struct url *url, uint32_t number)
{
    char text[16];
    int length = snprintf(text, sizeof text, "%" PRIu32, number);
    put(url, text, (size_t)length);
}

static void put_encoded(struct url *url, const char *text)
{
    for (; *text != '\0' && !url->is_too_long; text++) {
        char encoded[4];
        if (strchr(unreserved, *text) != NULL) {
            put(url, text, 1);
        } else {
            snprintf(encoded, sizeof encoded, "%%%02X", (unsigned)(unsigned char)*text);
            put(url, encoded, 3);
        }
    }
}

static bool skip(const char **p_text, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(*p_text, word, length) != 0)
        return false;
    *p_text += length;
    return true;
}

void public_url_write(const char *pattern, uint16_t port, struct bind_id binding, const char *label,
                      char ret_url[PUBLIC_URL_MAX])
{
    struct url url = {.text = ret_url};
    while (*pattern != '\0') {
        if (skip(&pattern, "{port}"))
            put_number(&url, port);
        else if (skip(&pattern, "{bindId}"))
            put_number(&url, binding.value);
        else if (skip(&pattern, "{label}"))
            put_encoded(&url, label);
        else
            put(&url, pattern++, 1);
    }
    ret_url[url.is_too_long ? 0 : url.length] = '\0';
}
