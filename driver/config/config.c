#include "config.h"

#include "check.h"
#include "config_lines.h"
#include "proxy.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is looked at, and where to complain. */
struct judge {
    struct config *config;
    struct span text;
    size_t tunnel; /* 0: the keys beside `tunnels`; N: those of the Nth tunnel */
    char *ret_why;
};

/* PATH:LINE: what is wrong. */
__attribute__((format(printf, 3, 4))) static bool wrong(const struct judge *judge, const char *key, const char *format,
                                                        ...)
{
    char why[CONFIG_WHY_BYTES / 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    snprintf(judge->ret_why, CONFIG_WHY_BYTES, "%.400s:%u: %s", judge->config->path,
             config_line_of(judge->text, judge->tunnel, key), why);
    return false;
}

/* ---- the keys beside `tunnels` ---- */

static const char *file_seen_from_here(struct config *config, enum option_id id, const char *value)
{
    char path[PATH_MAX + CONFIG_VALUE_MAX];
    if (*value == '\0' || *value == '/' || config->folder[0] == '\0')
        return value;
    snprintf(path, sizeof path, "%s/%s", config->folder, value);
    config->files[id] = strdup(path);
    check(config->files[id] != NULL);
    return config->files[id];
}

/* What the flags' own checks would tell of a flag, which nobody has used. */
static bool address_is_good(const struct judge *judge, enum option_id id, const char *key, const char *value)
{
    struct server_url url;
    struct proxy proxy;
    const char *why = NULL;
    if (id == OPTION_url && !server_url_parse(value, &url, &why))
        return wrong(judge, key, "url '%.200s' is not understood: %s", value, why);
    if (id == OPTION_proxy && *value != '\0' && strcmp(value, "none") != 0 && !proxy_parse(value, &proxy, &why))
        return wrong(judge, key, "proxy is not understood: %s", why);
    return true;
}

static bool take_option(const struct judge *judge, enum option_id id, struct options *options)
{
    const char *value = judge->config->yaml->values[id];
    char key[CONFIG_KEY_BYTES], why[USAGE_ERROR_BYTES];
    if (value == NULL)
        return true;
    config_key_of_option(id, key);
    if (!address_is_good(judge, id, key, value))
        return false;
    const struct option_text *text = options_text(id, COMMAND_up);
    if (text->kind == PLACE && strcmp(value, "true") == 0)
        value = text->initial;
    if (strcmp(text->placeholder, "FILE") == 0)
        value = file_seen_from_here(judge->config, id, value);
    return options_assign_from_file(options, id, value, key, why) || wrong(judge, key, "%s", why);
}

/* ---- a tunnel ---- */

enum key_of { BOTH, EXPOSE, PULL };

static const struct {
    enum option_kind kind;
    enum key_of of;
    const char *initial;
} TUNNEL_KEYS[TUNNEL_KEY_COUNT] = {
#define TUNNEL_KEY(name, kind, of, placeholder, initial, help) {kind, of, initial},
#include "tunnel_keys.def"
};

struct tunnel_values {
#define TUNNEL_KEY(name, kind, of, placeholder, initial, help) option_##kind name;
#include "tunnel_keys.def"
};

static const size_t VALUE_OFFSETS[TUNNEL_KEY_COUNT] = {
#define TUNNEL_KEY(name, kind, of, placeholder, initial, help) offsetof(struct tunnel_values, name),
#include "tunnel_keys.def"
};

static bool read_values(const struct judge *judge, char *const texts[TUNNEL_KEY_COUNT], enum tunnel_kind kind,
                        struct tunnel_values *ret_values)
{
    enum key_of foreign = kind == TUNNEL_EXPOSE ? PULL : EXPOSE;
    for (enum tunnel_key key = 0; key < TUNNEL_KEY_COUNT; key++) {
        const char *name = config_key_of_tunnel(key);
        const char *text = texts[key] != NULL ? texts[key] : TUNNEL_KEYS[key].initial;
        char why[USAGE_ERROR_BYTES];
        if (texts[key] != NULL && TUNNEL_KEYS[key].of == foreign)
            return wrong(judge, name, "'%s' is not for a tunnel of '%s'", name,
                         kind == TUNNEL_EXPOSE ? "expose" : "pull");
        if ((*text != '\0' || texts[key] != NULL) &&
            !option_value_read(TUNNEL_KEYS[key].kind, text, "", name, (char *)ret_values + VALUE_OFFSETS[key], why))
            return wrong(judge, name, "%s", why);
    }
    return true;
}

static bool name_is_sane(const char *name)
{
    bool is_sane = *name != '\0';
    for (const char *c = name; *c != '\0'; c++)
        is_sane = is_sane && (isalnum((unsigned char)*c) || *c == '_' || *c == '-');
    return is_sane;
}

static bool name_is_good(const struct judge *judge, const char *name)
{
    const struct tunnel_plans *plans = &judge->config->plans;
    if (name == NULL)
        return wrong(judge, "", "the tunnel has no name: add `name: web`, or what it is called");
    if (!name_is_sane(name))
        return wrong(judge, "name", "name must be of letters, digits, _ and -, not '%.100s'", name);
    for (size_t i = 0; i < plans->count; i++)
        if (strcmp(plans->items[i].name, name) == 0)
            return wrong(judge, "name", "there are two tunnels '%.100s'", name);
    return true;
}

static bool kind_is_good(const struct judge *judge, char *const texts[TUNNEL_KEY_COUNT])
{
    bool is_expose = texts[KEY_expose] != NULL, is_pull = texts[KEY_pull] != NULL;
    if (is_expose && is_pull)
        return wrong(judge, "pull", "a tunnel is either of 'expose' or of 'pull'");
    return is_expose || is_pull || wrong(judge, "", "the tunnel leads nowhere: add `expose: 3000` or `pull: 5432`");
}

static bool target_is_good(const struct judge *judge, const char *key, const char *value, struct host_port *ret_target)
{
    const char *why = NULL;
    if (strchr(value, '=') != NULL)
        return wrong(judge, key, "%s takes the target alone, not '%.100s': the container's port is `port: 8080`", key,
                     value);
    return target_parse(value, ret_target, &why) ||
           wrong(judge, key, "%s '%.100s' is not understood: %s", key, value, why);
}

static bool take_tunnel(const struct judge *judge, const struct tunnel_yaml *yaml)
{
    struct tunnel_plans *plans = &judge->config->plans;
    struct tunnel_plan *plan = &plans->items[plans->count];
    struct tunnel_values values = {0};
    char why[PLAN_WHY_BYTES];
    if (!name_is_good(judge, yaml->values[KEY_name]) || !kind_is_good(judge, yaml->values))
        return false;
    bool is_expose = yaml->values[KEY_expose] != NULL;
    *plan = (struct tunnel_plan){.kind = is_expose ? TUNNEL_EXPOSE : TUNNEL_PULL, .name = yaml->values[KEY_name]};
    if (!read_values(judge, yaml->values, plan->kind, &values))
        return false;
    if (!target_is_good(judge, is_expose ? "expose" : "pull", is_expose ? values.expose : values.pull, &plan->target))
        return false;
    if (!tunnel_host_header_check(values.host_header, "host_header", why))
        return wrong(judge, "host_header", "%s", why);
    if (!tunnel_host_check(values.host, "host", why))
        return wrong(judge, "host", "%s", why);
    plan->port = values.port;
    plan->label = values.label != NULL && *values.label != '\0' ? values.label : NULL;
    plan->takeover = values.takeover;
    plan->host_header = values.host_header;
    plan->host = is_expose ? NULL : values.host;
    plan->connect_timeout_ms = values.connect_timeout;
    const struct tunnel_plan *rival = tunnel_plans_find_rival(plans, plans->count++);
    return rival == NULL ||
           wrong(judge, "port", "port %u is that of the tunnel '%s', too", (unsigned)plan->port, rival->name);
}

/* ---- all of it ---- */

static bool take_all(struct judge *judge, struct options *options)
{
    const struct config_yaml *yaml = judge->config->yaml;
    for (enum option_id id = 0; id < OPTION_COUNT_OF_ALL; id++)
        if (!take_option(judge, id, options))
            return false;
    if (yaml->tunnel_count == 0) {
        snprintf(judge->ret_why, CONFIG_WHY_BYTES,
                 "%.400s: it has no tunnels: add `tunnels:` and `- {name: web, expose: 3000}`", judge->config->path);
        return false;
    }
    for (judge->tunnel = 1; judge->tunnel <= yaml->tunnel_count; judge->tunnel++)
        if (!take_tunnel(judge, &yaml->tunnels[judge->tunnel - 1]))
            return false;
    return true;
}

static void note_folder(struct config *config)
{
    const char *slash = strrchr(config->path, '/');
    if (slash != NULL)
        snprintf(config->folder, sizeof config->folder, "%.*s", (int)(slash - config->path), config->path);
    if (slash == config->path)
        strcpy(config->folder, "/");
}

bool config_read(struct span text, const char *path, struct options *options, struct config **ret_config,
                 char ret_why[CONFIG_WHY_BYTES])
{
    struct config *config = calloc(1, sizeof *config);
    char why[CONFIG_WHY_BYTES];
    unsigned line = 0;
    check(config != NULL);
    config->path = path;
    note_folder(config);
    struct judge judge = {.config = config, .text = text, .ret_why = ret_why};
    bool is_good = config_yaml_read(text, &config->yaml, &line, why);
    if (!is_good && line > 0)
        snprintf(ret_why, CONFIG_WHY_BYTES, "%.400s:%u: %.600s", path, line, why);
    else if (!is_good)
        snprintf(ret_why, CONFIG_WHY_BYTES, "%.400s: %.600s", path, why);
    else
        is_good = take_all(&judge, options);
    if (is_good) {
        *ret_config = config;
        return true;
    }
    config_destroy(&config);
    for (char *c = ret_why; *c != '\0'; c++) /* a file from elsewhere has no say over the terminal */
        *c = iscntrl((unsigned char)*c) ? '?' : *c;
    return false;
}

void config_destroy(struct config **p_config)
{
    struct config *config = *p_config;
    *p_config = NULL;
    if (config == NULL)
        return;
    for (size_t i = 0; i < OPTION_COUNT_OF_ALL; i++)
        free(config->files[i]);
    config_yaml_destroy(&config->yaml);
    free(config);
}

/* ---- NAME... ---- */

static bool is_among(const char *name, const char *const names[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static bool has_tunnel(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->plans.count; i++)
        if (strcmp(config->plans.items[i].name, name) == 0)
            return true;
    return false;
}

static void list_tunnels(const struct config *config, const char *name, char ret_why[CONFIG_WHY_BYTES])
{
    snprintf(ret_why, CONFIG_WHY_BYTES, "%.400s: there is no tunnel '%.100s'; there are", config->path, name);
    for (size_t i = 0; i < config->plans.count; i++) {
        size_t length = strlen(ret_why);
        snprintf(ret_why + length, CONFIG_WHY_BYTES - length, "%s %s", i > 0 ? "," : "", config->plans.items[i].name);
    }
}

bool config_choose(const struct config *config, const char *const names[], size_t count, struct tunnel_plans *ret_plans,
                   char ret_why[CONFIG_WHY_BYTES])
{
    for (size_t i = 0; i < count; i++)
        if (!has_tunnel(config, names[i])) {
            list_tunnels(config, names[i], ret_why);
            return false;
        }
    ret_plans->count = 0;
    for (size_t i = 0; i < config->plans.count; i++)
        if (count == 0 || is_among(config->plans.items[i].name, names, count))
            ret_plans->items[ret_plans->count++] = config->plans.items[i];
    return true;
}
