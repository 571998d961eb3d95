#include "sensitive.h"

#include "check.h"

/* Names are compared as letters and digits alone, in lower case: x-api-key, X_API_KEY and apiKey are one. */
static const char *const IS[] = {"key",  "auth", "xauth", "sig", "pwd",         "pass",       "code",        "sid",
                                 "csrf", "xsrf", "otp",   "pin", "credentials", "credential", "samlresponse"};
static const char *const HOLDS[] = {"authorization",   "cookie",       "token",     "secret",     "password",
                                    "passwd",          "passphrase",   "apikey",    "accesskey",  "privatekey",
                                    "subscriptionkey", "functionskey", "signature", "session",    "jwt",
                                    "assertion",       "phpsessid",    "bearer",    "clientcert", "authkey"};

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static bool is_alphanumeric(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'A' && byte <= 'F')
        return byte - 'A' + 10;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* The byte at *p_index, decoded when it is percent-encoded; *p_index is behind it then. */
static uint8_t take_byte(struct span text, size_t *p_index)
{
    const uint8_t *at = text.data + *p_index;
    if (*at == '%' && text.length - *p_index >= 3 && hex_digit(at[1]) >= 0 && hex_digit(at[2]) >= 0) {
        *p_index += 3;
        return (uint8_t)(hex_digit(at[1]) * 16 + hex_digit(at[2]));
    }
    *p_index += 1;
    return *at;
}

static char *plain_name(struct span name)
{
    char *plain = malloc(name.length + 1);
    size_t length = 0;
    check(plain != NULL);
    for (size_t i = 0; i < name.length;) {
        uint8_t byte = take_byte(name, &i);
        if (is_alphanumeric(byte))
            plain[length++] = (char)(byte >= 'A' && byte <= 'Z' ? byte - 'A' + 'a' : byte);
    }
    plain[length] = '\0';
    return plain;
}

bool sensitive_is_name(struct span name)
{
    char *plain = plain_name(name);
    bool is_sensitive = false;
    for (size_t i = 0; i < COUNT_OF(IS) && !is_sensitive; i++)
        is_sensitive = strcmp(plain, IS[i]) == 0;
    for (size_t i = 0; i < COUNT_OF(HOLDS) && !is_sensitive; i++)
        is_sensitive = strstr(plain, HOLDS[i]) != NULL;
    free(plain);
    return is_sensitive;
}

/* ---- values ---- */

/* A copy that grows. */
struct writing {
    FILE *out;
    char *text;
    size_t size;
};

static void begin(struct writing *writing)
{
    writing->out = open_memstream(&writing->text, &writing->size);
    check(writing->out != NULL);
}

static void put(struct writing *writing, const char *text, size_t length)
{
    check(fwrite(text, 1, length, writing->out) == length);
}

static void put_text(struct writing *writing, const char *text)
{
    put(writing, text, strlen(text));
}

static char *finish(struct writing *writing)
{
    check(fclose(writing->out) == 0);
    return writing->text;
}

/* Query and fragment: `name=value` between ? & ; and #. */
static void put_url(struct writing *writing, const char *url)
{
    static const char BETWEEN[] = "?&;#";
    size_t path = strcspn(url, "?#");
    put(writing, url, path);
    for (const char *at = url + path; *at != '\0';) {
        const char *name = at + 1;
        size_t length = strcspn(name, BETWEEN);
        const char *equals = memchr(name, '=', length);
        if (equals != NULL && sensitive_is_name(span_of(name, (size_t)(equals - name)))) {
            put(writing, at, (size_t)(equals - at) + 1);
            put_text(writing, SENSITIVE_HIDDEN);
        } else {
            put(writing, at, 1 + length);
        }
        at = name + length;
    }
}

/* `name=value`, of which the name may be seen. */
static void put_cookie(struct writing *writing, const char *cookie, size_t length)
{
    const char *equals = memchr(cookie, '=', length);
    if (equals != NULL)
        put(writing, cookie, (size_t)(equals - cookie) + 1);
    put_text(writing, SENSITIVE_HIDDEN);
}

static void put_cookies(struct writing *writing, const char *value)
{
    for (;;) {
        size_t length = strcspn(value, ";");
        put_cookie(writing, value, length);
        value += length;
        if (*value == '\0')
            return;
        size_t between = 1 + strspn(value + 1, " ");
        put(writing, value, between);
        value += between;
    }
}

static void put_credentials(struct writing *writing, const char *value)
{
    size_t scheme = 0;
    while (is_alphanumeric((uint8_t)value[scheme]) || value[scheme] == '-')
        scheme++;
    if (scheme > 0 && value[scheme] == ' ')
        put(writing, value, scheme + 1);
    put_text(writing, SENSITIVE_HIDDEN);
}

static void put_field(struct writing *writing, const char *name, const char *value)
{
    if (!sensitive_is_name(span_of_string(name))) {
        put_url(writing, value);
    } else if (strcasecmp(name, "cookie") == 0) {
        put_cookies(writing, value);
    } else if (strcasecmp(name, "set-cookie") == 0) {
        size_t cookie = strcspn(value, ";");
        put_cookie(writing, value, cookie);
        put_text(writing, value + cookie);
    } else if (strcasecmp(name, "authorization") == 0 || strcasecmp(name, "proxy-authorization") == 0) {
        put_credentials(writing, value);
    } else {
        put_text(writing, SENSITIVE_HIDDEN);
    }
}

char *sensitive_hide_in_field(const char *name, const char *value)
{
    struct writing writing;
    begin(&writing);
    put_field(&writing, name, value);
    return finish(&writing);
}

char *sensitive_hide_in_target(const char *target)
{
    struct writing writing;
    begin(&writing);
    put_url(&writing, target);
    return finish(&writing);
}
