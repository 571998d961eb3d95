#include "proxy.h"

#include "cidr.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <event2/buffer.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- a proxy's URL ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-encoding undone. false: it is broken, or too long. */
static bool take_credentials(const char *text, size_t length, struct proxy *proxy)
{
    unsigned char credentials[PROXY_CREDENTIALS_BYTES];
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        int c = (unsigned char)text[i];
        if (c == '%') {
            int high = i + 2 < length ? hex_digit(text[i + 1]) : -1, low = high >= 0 ? hex_digit(text[i + 2]) : -1;
            if (low < 0)
                return false;
            c = high * 16 + low;
            i += 2;
        }
        if (c < ' ' || c == 0x7F || count + 2 > sizeof credentials)
            return false;
        credentials[count++] = (unsigned char)c;
    }
    if (memchr(credentials, ':', count) == NULL)
        credentials[count++] = ':'; /* a user without a password */
    EVP_EncodeBlock((unsigned char *)proxy->basic, credentials, (int)count);
    explicit_bzero(credentials, sizeof credentials);
    return true;
}

/* Past the scheme. false: it is not http. */
static bool skip_scheme(const char **p_text, const char **ret_why)
{
    const char *end = strstr(*p_text, "://");
    if (end == NULL)
        return true;
    if (end - *p_text != 4 || strncasecmp(*p_text, "http", 4) != 0) {
        *ret_why = "only http:// proxies are known";
        return false;
    }
    *p_text = end + 3;
    return true;
}

bool proxy_parse(const char *text, struct proxy *ret_proxy, const char **ret_why)
{
    struct proxy proxy = {0};
    char authority[HOST_PORT_BYTES];
    if (!skip_scheme(&text, ret_why))
        return false;
    size_t length = strcspn(text, "/?#");
    const char *at = memrchr(text, '@', length);
    if (text[length] != '\0' && strcmp(text + length, "/") != 0) {
        *ret_why = "a proxy has no path";
        return false;
    }
    if (at != NULL && !take_credentials(text, (size_t)(at - text), &proxy)) {
        *ret_why = "its user and password are too long, or not percent-encoded as they should";
        return false;
    }
    const char *host = at != NULL ? at + 1 : text;
    length -= (size_t)(host - text);
    if (length >= sizeof authority) {
        *ret_why = "the host name is too long";
        return false;
    }
    memcpy(authority, host, length);
    authority[length] = '\0';
    if (!host_port_parse(authority, PROXY_PORT, &proxy.where, ret_why))
        return false;
    if (proxy.where.host[0] == '\0') {
        *ret_why = "the host is missing";
        return false;
    }
    *ret_proxy = proxy;
    return true;
}

/* ---- who is spared ---- */

/* false: the host is a name. */
static bool address_of(const char *host, struct sockaddr_storage *ret_address)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret_address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret_address;
    *ret_address = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1)
        ret_address->ss_family = AF_INET;
    else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1)
        ret_address->ss_family = AF_INET6;
    return ret_address->ss_family != 0;
}

/* The name itself, and whatever is below it. */
static bool name_covers(const char *name, const char *host)
{
    if (strncmp(name, "*.", 2) == 0)
        name += 2;
    else if (*name == '.')
        name++;
    size_t name_length = strlen(name), host_length = strlen(host);
    if (name_length == 0 || name_length > host_length || strcasecmp(host + host_length - name_length, name) != 0)
        return false;
    return name_length == host_length || host[host_length - name_length - 1] == '.';
}

static bool entry_spares(const char *entry, const struct host_port *where)
{
    struct sockaddr_storage address;
    struct host_port named;
    struct cidr range;
    const char *why = NULL;
    if (strcmp(entry, "*") == 0)
        return true;
    if (cidr_parse(entry, &range))
        return address_of(where->host, &address) && cidr_contains(&range, (struct sockaddr *)&address);
    const char *colon = strrchr(entry, ':');
    if (colon == NULL || !host_port_parse(entry, 0, &named, &why))
        return name_covers(entry, where->host);
    return named.port == where->port && name_covers(named.host, where->host);
}

bool proxy_is_spared(const char *list, const struct host_port *where)
{
    static const char SEPARATORS[] = ", \t";
    char entry[HOST_PORT_BYTES];
    for (;;) {
        list += strspn(list, SEPARATORS);
        size_t length = strcspn(list, SEPARATORS);
        if (length == 0)
            return false;
        if (length < sizeof entry) {
            memcpy(entry, list, length);
            entry[length] = '\0';
            if (entry_spares(entry, where))
                return true;
        }
        list += length;
    }
}

/* ---- which one ---- */

static const char *look_up(char *(*environment)(const char *name), const char *lower, const char *upper,
                           const char **ret_name)
{
    const char *value = environment(lower);
    *ret_name = lower;
    if (value == NULL || *value == '\0') {
        value = environment(upper);
        *ret_name = upper;
    }
    return value != NULL ? value : "";
}

enum proxy_verdict proxy_choose(const struct server_url *url, const char *flag, char *(*environment)(const char *name),
                                struct proxy *ret_proxy, const char **ret_where, const char **ret_why)
{
    const char *where = "--proxy", *text = flag, *spared_name;
    if (strcmp(flag, "none") == 0)
        return PROXY_DIRECT;
    if (*flag == '\0') {
        if (host_is_loopback(url->where.host) ||
            proxy_is_spared(look_up(environment, "no_proxy", "NO_PROXY", &spared_name), &url->where))
            return PROXY_DIRECT;
        text = url->is_tls ? look_up(environment, "https_proxy", "HTTPS_PROXY", &where)
                           : look_up(environment, "http_proxy", "HTTP_PROXY", &where);
        if (*text == '\0')
            text = look_up(environment, "all_proxy", "ALL_PROXY", &where);
    }
    if (*text == '\0')
        return PROXY_DIRECT;
    if (proxy_parse(text, ret_proxy, ret_why))
        return PROXY_USED;
    *ret_where = where;
    return PROXY_BAD;
}

void proxy_write_connect(const struct proxy *proxy, const struct host_port *to, struct evbuffer *out)
{
    char authority[HOST_PORT_BYTES];
    host_port_format(to, authority);
    evbuffer_add_printf(out, "CONNECT %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: hoody-tunnel/%s\r\n", authority, authority,
                        HOODY_VERSION);
    if (proxy->basic[0] != '\0')
        evbuffer_add_printf(out, "Proxy-Authorization: Basic %s\r\n", proxy->basic);
    evbuffer_add_printf(out, "\r\n");
}
