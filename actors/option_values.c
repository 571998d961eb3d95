/* The kinds of options.def: what their values look like, and what is said about one that does not. */
#include "option_values.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cidr.h"

enum { SHOWN_TEXT_MAX = 80 }; /* bytes of a bad value that are shown */

/* Always false, for returning: `"text" <what is wrong>`. */
static bool complain(char *ret_why, const char *text, const char *format, ...) __attribute__((format(printf, 3, 4)));
static bool complain(char *ret_why, const char *text, const char *format, ...)
{
    char shown[SHOWN_TEXT_MAX + 1];
    size_t length = strnlen(text, SHOWN_TEXT_MAX);
    for (size_t i = 0; i < length; i++)
        shown[i] = iscntrl((unsigned char)text[i]) ? '?' : text[i];
    shown[length] = '\0';
    int written = snprintf(ret_why, OPTION_WHY_MAX, "\"%s\"%s ", shown, text[length] != '\0' ? "..." : "");
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(ret_why + written, OPTION_WHY_MAX - (size_t)written, format, arguments);
    va_end(arguments);
    return false;
}

/* ---- numbers -------------------------------------------------------------------------------------------------------
 */

struct unit {
    const char *suffix;
    uint64_t factor;
};

/* Largest first; the first without suffix is what a bare number means. */
static const struct unit count_units[] = {{"", 1}, {NULL, 0}};
static const struct unit duration_units[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000},
                                             {"ms", 1},      {"", 1000},   {NULL, 0}};
static const struct unit size_units[] = {{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}, {NULL, 0}};

static const struct unit *units_of(enum option_kind kind)
{
    if (kind == OPTION_KIND_duration)
        return duration_units;
    return kind == OPTION_KIND_count || kind == OPTION_KIND_shards ? count_units : size_units;
}

/* Decimal digits, then a unit, nothing else. */
static bool number_parse(const char *text, const struct unit *units, uint64_t *ret_number)
{
    uint64_t number = 0;
    const char *next = text;
    for (; *next >= '0' && *next <= '9'; next++)
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*next - '0'), &number))
            return false;
    if (next == text)
        return false;
    for (const struct unit *unit = units; unit->suffix != NULL; unit++)
        if (strcmp(next, unit->suffix) == 0)
            return !__builtin_mul_overflow(number, unit->factor, ret_number);
    return false;
}

void option_number_print(const struct option_spec *spec, uint64_t number, char ret_text[OPTION_NUMBER_MAX])
{
    const struct unit *unit = units_of(spec->kind);
    while (unit->factor > 1 && (number == 0 || number % unit->factor != 0))
        unit++;
    snprintf(ret_text, OPTION_NUMBER_MAX, "%" PRIu64 "%s", number / unit->factor, unit->suffix);
}

static bool number_set(const struct option_spec *spec, const char *text, uint64_t *value, char *ret_why)
{
    enum { WINDOW_STEP = 65536 };
    uint64_t number;
    if (!number_parse(text, units_of(spec->kind), &number)) {
        if (spec->kind == OPTION_KIND_duration)
            return complain(ret_why, text, "is not a time such as 1500ms, 30s, 2m or 1h");
        if (spec->kind == OPTION_KIND_count)
            return complain(ret_why, text, "is not a whole number");
        if (spec->kind == OPTION_KIND_shards)
            return complain(ret_why, text, "is neither a whole number nor auto");
        return complain(ret_why, text, "is not a size such as 65536, 64KiB, 16MiB or 1GiB");
    }
    if (number < spec->minimum || number > spec->maximum) {
        char minimum[OPTION_NUMBER_MAX], maximum[OPTION_NUMBER_MAX];
        option_number_print(spec, spec->minimum, minimum);
        option_number_print(spec, spec->maximum, maximum);
        return complain(ret_why, text, "is out of range: %s to %s", minimum, maximum);
    }
    if (spec->kind == OPTION_KIND_window && number % WINDOW_STEP != 0)
        return complain(ret_why, text, "is not a multiple of 64KiB (65536 bytes)");
    *value = number;
    return true;
}

/* A container may use fewer than there are. */
static uint64_t usable_cpus(void)
{
    cpu_set_t cpus;
    return sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? (uint64_t)CPU_COUNT(&cpus) : 1;
}

static bool shards_set(const struct option_spec *spec, const char *text, uint64_t *value, char *ret_why)
{
    if (strcmp(text, "auto") != 0)
        return number_set(spec, text, value, ret_why);
    uint64_t cpus = usable_cpus();
    *value = cpus < spec->maximum ? cpus : spec->maximum;
    return true;
}

/* ---- texts
 * ----------------------------------------------------------------------------------------------------------- */

static bool text_set(const char *text, char **value, char *ret_why)
{
    char *copy = strdup(text);
    if (copy == NULL)
        return complain(ret_why, text, "does not fit into memory");
    free(*value);
    *value = copy;
    return true;
}

/* Empty only as the default: a variable that somebody forgot to fill must not open the door. */
static bool file_set(const char *text, option_file *value, char *ret_why)
{
    if (*text == '\0' && *value != NULL)
        return complain(ret_why, text, "is empty: name a file, or leave it out");
    return text_set(text, value, ret_why);
}

static bool pattern_set(const char *text, option_pattern *value, char *ret_why)
{
    if (*text != '\0' && strstr(text, "{port}") == NULL)
        return complain(ret_why, text, "has no {port}: all ports would have the same URL");
    return text_set(text, value, ret_why);
}

static bool ip_is_numeric(const char *text)
{
    struct in6_addr address;
    return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
}

static bool ip_set(const char *text, option_ip *value, char *ret_why)
{
    if (!ip_is_numeric(text))
        return complain(ret_why, text, "is not a numeric address such as 0.0.0.0 or ::1");
    return text_set(text, value, ret_why);
}

/* "ip:port", "[ip6]:port", "port". Splits without judging; false: too long to be one. */
static bool address_split(const char *text, char ret_ip[INET6_ADDRSTRLEN], const char **ret_port)
{
    const char *ip = text, *colon = strrchr(text, ':');
    size_t length = colon != NULL ? (size_t)(colon - text) : 0;
    if (colon != NULL && length >= 2 && text[0] == '[' && colon[-1] == ']') {
        ip = text + 1;
        length -= 2;
    } else if (colon == NULL) {
        ip = "127.0.0.1";
        length = strlen(ip);
    } else if (memchr(text, ':', length) != NULL) { /* IPv6 without brackets: where would it end? */
        return false;
    }
    if (length >= INET6_ADDRSTRLEN)
        return false;
    memcpy(ret_ip, ip, length);
    ret_ip[length] = '\0';
    *ret_port = colon != NULL ? colon + 1 : text;
    return true;
}

static bool address_set(const char *text, struct option_address *value, char *ret_why)
{
    struct option_address address;
    const char *port_text;
    uint64_t port;
    if (!address_split(text, address.ip, &port_text) || !number_parse(port_text, count_units, &port) ||
        !ip_is_numeric(address.ip) || (strchr(address.ip, ':') != NULL) != (text[0] == '['))
        return complain(ret_why, text,
                        "is not IP:PORT with a numeric address, such as 127.0.0.1:7080, [::1]:7080 or 7080");
    if (port < 1 || port > UINT16_MAX)
        return complain(ret_why, text, "names a port out of range: 1 to 65535");
    address.port = (uint16_t)port;
    *value = address;
    return true;
}

void option_address_print(const struct option_address *address, char ret_text[OPTION_ADDRESS_TEXT_MAX])
{
    bool has_ip6 = strchr(address->ip, ':') != NULL;
    snprintf(ret_text, OPTION_ADDRESS_TEXT_MAX, has_ip6 ? "[%s]:%u" : "%s:%u", address->ip, (unsigned)address->port);
}

/* ---- words
 * ----------------------------------------------------------------------------------------------------------- */

static bool flag_set(const char *text, option_flag *value, char *ret_why)
{
    if (strcmp(text, "1") != 0 && strcmp(text, "0") != 0)
        return complain(ret_why, text, "is neither 1 nor 0");
    *value = text[0] == '1';
    return true;
}

static bool choice_set(const struct option_spec *spec, const char *text, option_choice *value, char *ret_why)
{
    uint32_t index = 0;
    for (const char *word = spec->argument;; index++) {
        size_t length = strcspn(word, "|");
        if (strlen(text) == length && memcmp(text, word, length) == 0) {
            *value = index;
            return true;
        }
        if (word[length] == '\0')
            return complain(ret_why, text, "is none of %s", spec->argument);
        word += length + 1;
    }
}

/* ---- lists
 * ----------------------------------------------------------------------------------------------------------- */

static bool list_append(struct option_list *list, const char *text, char *ret_why)
{
    char **items = realloc(list->items, (list->count + 1) * sizeof *items);
    if (items != NULL)
        list->items = items;
    char *item = items != NULL ? strdup(text) : NULL;
    if (item == NULL)
        return complain(ret_why, text, "does not fit into memory");
    list->items[list->count++] = item;
    return true;
}

static bool cidrs_add(const char *text, struct option_list *list, char *ret_why)
{
    struct cidr cidr;
    if (!cidr_parse(text, &cidr))
        return complain(ret_why, text, "is not a range such as 10.0.0.0/8 or fd00::/8 (no bits beyond the prefix)");
    return list_append(list, text, ret_why);
}

/* scheme://host[:port], as browsers send it: no path, no slash at the end. */
static bool origin_is_well_formed(const char *text)
{
    size_t scheme = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789+-.");
    if (scheme == 0 || strncmp(text + scheme, "://", 3) != 0)
        return false;
    const char *host = text + scheme + 3;
    return *host != '\0' && strpbrk(host, "/?# \t,") == NULL;
}

static bool origins_add(const char *text, struct option_list *list, char *ret_why)
{
    if (strcmp(text, "null") != 0 && !origin_is_well_formed(text))
        return complain(ret_why, text, "is not an origin such as https://app.example.com (no path), or null");
    return list_append(list, text, ret_why);
}

static bool names_add(const char *text, struct option_list *list, char *ret_why)
{
    const char *name = strncmp(text, "*.", 2) == 0 ? text + 2 : text;
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
    if (length == 0 || name[length] != '\0' || name[0] == '.')
        return complain(ret_why, text, "is not a DNS name such as kit.example.com or *.example.com (no port)");
    return list_append(list, text, ret_why);
}

/* ---- all kinds
 * ------------------------------------------------------------------------------------------------------- */

bool option_value_set(const struct option_spec *spec, const char *text, void *value, char ret_why[OPTION_WHY_MAX])
{
    switch (spec->kind) {
    case OPTION_KIND_flag:
        return flag_set(text, value, ret_why);
    case OPTION_KIND_file:
        return file_set(text, value, ret_why);
    case OPTION_KIND_pattern:
        return pattern_set(text, value, ret_why);
    case OPTION_KIND_ip:
        return ip_set(text, value, ret_why);
    case OPTION_KIND_address:
        return address_set(text, value, ret_why);
    case OPTION_KIND_count:
    case OPTION_KIND_duration:
    case OPTION_KIND_size:
    case OPTION_KIND_window:
        return number_set(spec, text, value, ret_why);
    case OPTION_KIND_shards:
        return shards_set(spec, text, value, ret_why);
    case OPTION_KIND_choice:
        return choice_set(spec, text, value, ret_why);
    case OPTION_KIND_cidrs:
        return cidrs_add(text, value, ret_why);
    case OPTION_KIND_origins:
        return origins_add(text, value, ret_why);
    case OPTION_KIND_names:
        return names_add(text, value, ret_why);
    }
    return false;
}

bool option_kind_is_list(enum option_kind kind)
{
    return kind == OPTION_KIND_cidrs || kind == OPTION_KIND_origins || kind == OPTION_KIND_names;
}

void option_value_clear(const struct option_spec *spec, void *value)
{
    if (spec->kind == OPTION_KIND_file || spec->kind == OPTION_KIND_pattern || spec->kind == OPTION_KIND_ip) {
        char **text = value;
        free(*text);
        *text = NULL;
    } else if (option_kind_is_list(spec->kind)) {
        struct option_list *list = value;
        for (size_t i = 0; i < list->count; i++)
            free(list->items[i]);
        free(list->items);
        *list = (struct option_list){0};
    }
}
