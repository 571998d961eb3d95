/* The configuration file (driver/config/; hoody-tunnel.yaml(5)): what it may say, and what is told of each mistake. */
#include "config.h"
#include "config_lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WEB "tunnels: [{name: web, expose: 3000}]\n"

static char *no_environment(const char *name)
{
    (void)name;
    return NULL;
}

static char *some_environment(const char *name)
{
    return strcmp(name, "HOODY_TUNNEL_URL") == 0 ? (char *)(uintptr_t) "ws://environment" : NULL;
}

/* Of `hoody-tunnel up`, with one more flag or without. */
static struct options options_of(char *flag, char *(*environment)(const char *name))
{
    char program[] = "hoody-tunnel", command[] = "up", error[USAGE_ERROR_BYTES];
    char *argv[] = {program, command, flag, NULL};
    struct options options = {0};
    assert_true(options_parse(flag != NULL ? 3 : 2, argv, environment, &options, error));
    return options;
}

static struct config *read_text(const char *text, struct options *options)
{
    struct config *config = NULL;
    char why[CONFIG_WHY_BYTES] = "";
    *options = options_of(NULL, no_environment);
    if (!config_read(span_of_string(text), "dir/f.yaml", options, &config, why))
        fail_msg("%s\n%s", why, text);
    return config;
}

/* What is said of `text`, in static memory. */
static const char *complaint_of(struct span text)
{
    struct options options = options_of(NULL, no_environment);
    struct config *config = NULL;
    static char why[CONFIG_WHY_BYTES];
    why[0] = '\0';
    if (config_read(text, "f.yaml", &options, &config, why))
        fail_msg("taken: %.*s", (int)text.length, (const char *)text.data);
    assert_null(config);
    return why;
}

static void is_wrong(const char *text, const char *expected)
{
    assert_string_equal(complaint_of(span_of_string(text)), expected);
}

/* All keys that there are follow. */
static void is_unknown(const char *text, const char *expected, const char *known)
{
    const char *why = complaint_of(span_of_string(text));
    if (strncmp(why, expected, strlen(expected)) != 0 || strstr(why, known) == NULL)
        fail_msg("'%s', not '%s'", why, expected);
}

/* ---- what it may say ---- */

static void all_keys_are_taken(void **state)
{
    (void)state;
    struct options options;
    struct config *config = read_text("url: wss://h.example:8443\n"
                                      "connections: 4\n"
                                      "wait: true\n"
                                      "exit_on_loss: true\n"
                                      "ping_interval: 5s\n"
                                      "ping_timeout: 1500ms\n"
                                      "proxy: http://p:3128\n"
                                      "token_file: token\n"
                                      "cacert: /abs/ca.pem\n"
                                      "insecure: false\n"
                                      "tunnels:\n"
                                      "  - name: web\n"
                                      "    expose: app:3000\n"
                                      "    port: 8080\n"
                                      "    label: \"the web\"\n"
                                      "    takeover: true\n"
                                      "    host_header: preserve\n"
                                      "  - name: db\n"
                                      "    pull: '[::1]:5432'\n"
                                      "    port: 15432\n"
                                      "    host: 127.0.0.2\n"
                                      "    connect_timeout: 2s\n",
                                      &options);
    assert_string_equal(options.url, "wss://h.example:8443");
    assert_int_equal(options.connections, 4);
    assert_true(options.wait);
    assert_true(options.exit_on_loss);
    assert_int_equal(options.ping_interval_ms, 5000);
    assert_int_equal(options.ping_timeout_ms, 1500);
    assert_string_equal(options.proxy, "http://p:3128");
    assert_string_equal(options.token_file, "dir/token");
    assert_string_equal(options.cacert, "/abs/ca.pem");
    assert_false(options.insecure);
    assert_int_equal(config->plans.count, 2);
    const struct tunnel_plan *web = &config->plans.items[0], *db = &config->plans.items[1];
    assert_string_equal(web->name, "web");
    assert_int_equal(web->kind, TUNNEL_EXPOSE);
    assert_string_equal(web->target.host, "app");
    assert_int_equal(web->target.port, 3000);
    assert_int_equal(web->port, 8080);
    assert_string_equal(web->label, "the web");
    assert_true(web->takeover);
    assert_string_equal(web->host_header, "preserve");
    assert_string_equal(db->name, "db");
    assert_int_equal(db->kind, TUNNEL_PULL);
    assert_string_equal(db->target.host, "::1");
    assert_int_equal(db->port, 15432);
    assert_string_equal(db->host, "127.0.0.2");
    assert_int_equal(db->connect_timeout_ms, 2000);
    assert_null(db->label);
    config_destroy(&config);
}

static void without_keys_the_flags_defaults_hold(void **state)
{
    (void)state;
    struct options options;
    struct config *config = read_text("tunnels:\n- {name: a, expose: 3000}\n- {name: b, pull: 5432}\n", &options);
    assert_string_equal(options.url, "ws://127.0.0.1:7080");
    assert_int_equal(options.connections, 1);
    assert_false(options.wait);
    const struct tunnel_plan *a = &config->plans.items[0], *b = &config->plans.items[1];
    assert_int_equal(a->port, 0);
    assert_false(a->takeover);
    assert_string_equal(a->host_header, "rewrite");
    assert_string_equal(b->host, "127.0.0.1");
    assert_int_equal(b->connect_timeout_ms, 10000);
    config_destroy(&config);
}

static void flag_environment_file_and_default_win_in_this_order(void **state)
{
    (void)state;
    struct config *config = NULL;
    char why[CONFIG_WHY_BYTES], flag[] = "--ping-interval=7s";
    struct options options = options_of(flag, some_environment);
    const char *text = "url: ws://file\nping_interval: 8s\nping_timeout: 9s\n" WEB;
    assert_true(config_read(span_of_string(text), "f.yaml", &options, &config, why));
    assert_string_equal(options.url, "ws://environment");
    assert_int_equal(options.ping_interval_ms, 7000);
    assert_int_equal(options.ping_timeout_ms, 9000);
    config_destroy(&config);
    text = "ping_interval: x\n" WEB;
    assert_false(config_read(span_of_string(text), "f.yaml", &options, &config, why)); /* though it does not count */
}

static void names_of_files_are_meant_from_its_directory(void **state)
{
    static const char *const PATHS[][2] = {
        {"f.yaml", "t"}, {"./f.yaml", "./t"}, {"a/b/f.yaml", "a/b/t"}, {"/f.yaml", "//t"}, {"../f.yaml", "../t"}};
    (void)state;
    for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++) {
        struct options options = options_of(NULL, no_environment);
        struct config *config = NULL;
        char why[CONFIG_WHY_BYTES];
        assert_true(config_read(span_of_string("token_file: t\n" WEB), PATHS[i][0], &options, &config, why));
        assert_string_equal(options.token_file, PATHS[i][1]);
        config_destroy(&config);
    }
}

static void yaml_may_be_written_in_all_its_ways(void **state)
{
    static const char *const TEXTS[] = {
        "# a comment\n---\ntunnels:\n  - name: web # one\n    expose: \"3000\"\n...\n",
        "{tunnels: [{name: web, expose: 3000}]}",
        "tunnels:\n- &a\n  name: web\n  expose: &p 3000\n  port: *p\n",
        ("\xef\xbb\xbf" WEB),
        "tunnels:\r\n- name: web\r\n  expose: 3000\r\n",
        "tunnels:\n- name: >-\n    web\n  expose: |-\n    3000\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        struct options options;
        struct config *config = read_text(TEXTS[i], &options);
        assert_int_equal(config->plans.count, 1);
        assert_string_equal(config->plans.items[0].name, "web");
        assert_int_equal(config->plans.items[0].target.port, 3000);
        config_destroy(&config);
    }
}

static void some_may_be_chosen(void **state)
{
    (void)state;
    struct options options;
    struct config *config =
        read_text("tunnels: [{name: a, expose: 1}, {name: b, expose: 2}, {name: c, pull: 3}]\n", &options);
    struct tunnel_plans plans;
    char why[CONFIG_WHY_BYTES];
    const char *const all[] = {"c", "a", "c"};
    assert_true(config_choose(config, NULL, 0, &plans, why));
    assert_int_equal(plans.count, 3);
    assert_true(config_choose(config, all, 3, &plans, why));
    assert_int_equal(plans.count, 2);
    assert_string_equal(plans.items[0].name, "a");
    assert_string_equal(plans.items[1].name, "c");
    const char *const unknown[] = {"a", "x"};
    assert_false(config_choose(config, unknown, 2, &plans, why));
    assert_string_equal(why, "dir/f.yaml: there is no tunnel 'x'; there are a, b, c");
    config_destroy(&config);
}

/* ---- what is wrong ---- */

static void unknown_and_repeated_keys_are_told_with_their_line(void **state)
{
    (void)state;
    is_wrong("wait: true\nurll: ws://a\n", "f.yaml:2: there is no key 'urll' here: did you mean 'url'?");
    is_unknown("label: x\n", "f.yaml:1: there is no key 'label' here; there are ", "ping_timeout, proxy, ");
    is_unknown("URL: ws://a\n", "f.yaml:1: there is no key 'URL' here; there are ", "ping_timeout, proxy, ");
    is_wrong("exit-on-loss: true\n", "f.yaml:1: there is no key 'exit-on-loss' here: did you mean 'exit_on_loss'?");
    is_wrong("tunnels:\n- name: a\n  expose: 1\n- name: b\n  exposed: 1\n",
             "f.yaml:5: there is no key 'exposed' of a tunnel: did you mean 'expose'?");
    is_unknown("tunnels:\n- url: ws://a\n", "f.yaml:2: there is no key 'url' of a tunnel; there are name, expose, ",
               "host_header");
    is_wrong("wait: true\nurl: ws://a\nwait: true\n", "f.yaml:3: the key 'wait' is there twice");
    is_wrong("tunnels:\n- name: a\n  expose: 1\n- name: b\n  expose: 1\n\n  name: c\n",
             "f.yaml:7: the key 'name' is there twice");
    is_wrong(WEB WEB, "f.yaml:2: the key 'tunnels' is there twice");
}

static void what_is_of_another_shape_is_told(void **state)
{
    (void)state;
    is_wrong("", "f.yaml: it has no tunnels: add `tunnels:` and `- {name: web, expose: 3000}`");
    is_wrong("url: ws://a\n", "f.yaml: it has no tunnels: add `tunnels:` and `- {name: web, expose: 3000}`");
    is_wrong("tunnels: []\n", "f.yaml: it has no tunnels: add `tunnels:` and `- {name: web, expose: 3000}`");
    is_wrong("- a\n", "f.yaml: the file has keys, as in `url: ws://127.0.0.1:7080`");
    is_wrong("web\n", "f.yaml: the file has keys, as in `url: ws://127.0.0.1:7080`");
    is_wrong("wait: true\nurl: [a]\n", "f.yaml:2: 'url' takes one value");
    is_wrong("url: {a: b}\n", "f.yaml:1: 'url' takes one value");
    is_wrong("url: ws://a\ntunnels: web\n",
             "f.yaml:2: 'tunnels' takes a list, each as in `- {name: web, expose: 3000}`");
    is_wrong("tunnels:\n  web: {expose: 3000}\n",
             "f.yaml:1: 'tunnels' takes a list, each as in `- {name: web, expose: 3000}`");
    is_wrong("tunnels:\n- {name: a, expose: 1}\n- web\n",
             "f.yaml:3: a tunnel has keys, as in `- {name: web, expose: 3000}`");
    is_wrong("tunnels:\n- name: a\n  port: [1]\n", "f.yaml:3: 'port' takes one value");
}

static void what_is_no_yaml_is_told_with_its_line(void **state)
{
    (void)state;
    is_wrong("wait: true\nurl: a: b\n", "f.yaml:2: this is not YAML: mapping values are not allowed in this context");
    is_wrong("url: ws://a\n\tx: y\n", "f.yaml:2: this is not YAML: a tab is no indentation, take blanks");
    is_wrong("tunnels:\n  \t- name: a\n", "f.yaml:2: this is not YAML: a tab is no indentation, take blanks");
    is_wrong("tunnels:\n\t- name: a\n", "f.yaml:2: this is not YAML: a tab is no indentation, take blanks");
    is_wrong("url: ws://a\n\nx: \xff\n", "f.yaml:3: this is not YAML: invalid leading UTF-8 octet");
    is_wrong("url: \"ws://a\\0b\"\n", "f.yaml:1: this is not YAML: a text with a NUL in it");
    is_wrong(WEB "---\n" WEB, "f.yaml:2: this is not YAML: a second document begins here: one is enough");
    is_wrong("wait: *x\n", "f.yaml:1: No anchor found for alias: 'x'");
    is_unknown("tunnels:\n- <<: {name: a}\n", "f.yaml:2: there is no key '<<' of a tunnel; there are name, expose, ",
               "host_header");
}

static void values_are_judged_as_those_of_flags(void **state)
{
    (void)state;
    is_wrong("connections: 17\n", "f.yaml:1: connections must be a number from 1 to 16, not '17'");
    is_wrong("wait: true\n\nping_timeout: 0\n",
             "f.yaml:3: ping_timeout must be a time from 1ms to a day, such as 10s, not '0'");
    is_wrong("wait: yes\n", "f.yaml:1: wait must be true or false, not 'yes'");
    is_wrong("wait:\n", "f.yaml:1: wait must be true or false, not ''");
    is_wrong("url: ftp://a\n", "f.yaml:1: url 'ftp://a' is not understood: it must begin with ws:// or wss://, or "
                               "http:// or https://");
    is_wrong("proxy: ftp://u:secret@h\n", "f.yaml:1: proxy is not understood: only http:// proxies are known");
#define TUNNEL(keys) "tunnels:\n- name: web\n" keys
    is_wrong(TUNNEL("  expose: 3000\n  port: 65536\n"), "f.yaml:4: port must be a number from 0 to 65535, not '65536'");
    is_wrong(TUNNEL("  expose: 3000\n  takeover: 1\n"), "f.yaml:4: takeover must be true or false, not '1'");
    is_wrong(TUNNEL("  pull: 3000\n  connect_timeout: 1h\n"),
             "f.yaml:4: connect_timeout must be a time from 1ms to a day, such as 10s, not '1h'");
    is_wrong(TUNNEL("  expose: 3000\n  host_header: ''\n"),
             "f.yaml:4: host_header must be preserve, rewrite, or a Host such as example.com:8080");
    is_wrong(TUNNEL("  pull: 3000\n  host: box\n"),
             "f.yaml:4: host must be a loopback address, such as 127.0.0.1 or ::1, not 'box'");
    is_wrong(TUNNEL("  expose: http://a\n"),
             "f.yaml:3: expose 'http://a' is not understood: it is a host and a port, not a URL");
    is_wrong(TUNNEL("  pull: 0\n"), "f.yaml:3: pull '0' is not understood: the port must be a number from 1 to 65535");
    is_wrong(TUNNEL("  expose: 8080=3000\n"),
             "f.yaml:3: expose takes the target alone, not '8080=3000': the container's port is `port: 8080`");
}

static void what_a_file_says_never_reaches_the_terminal_raw(void **state)
{
    (void)state;
    is_wrong("url: \"\\e[31m\\n\"\n",
             "f.yaml:1: url '?[31m?' is not understood: it must begin with ws:// or wss://, or "
             "http:// or https://");
}

static void tunnels_are_told_apart(void **state)
{
    (void)state;
    is_wrong("tunnels:\n- expose: 1\n", "f.yaml:2: the tunnel has no name: add `name: web`, or what it is called");
    is_wrong("tunnels:\n- name: a.b\n  expose: 1\n", "f.yaml:2: name must be of letters, digits, _ and -, not 'a.b'");
    is_wrong("tunnels:\n- name: ''\n  expose: 1\n", "f.yaml:2: name must be of letters, digits, _ and -, not ''");
    is_wrong("tunnels:\n- name: a\n  expose: 1\n- expose: 2\n  name: a\n", "f.yaml:5: there are two tunnels 'a'");
    is_wrong("tunnels:\n- &a {name: a, expose: 1}\n- *a\n", "f.yaml:3: there are two tunnels 'a'");
    is_wrong("tunnels:\n- name: a\n", "f.yaml:2: the tunnel leads nowhere: add `expose: 3000` or `pull: 5432`");
    is_wrong("tunnels:\n- name: a\n  expose: 1\n  pull: 1\n", "f.yaml:4: a tunnel is either of 'expose' or of 'pull'");
    is_wrong("tunnels:\n- name: a\n  expose: 1\n  host: ::1\n", "f.yaml:4: 'host' is not for a tunnel of 'expose'");
    is_wrong("tunnels:\n- name: a\n  pull: 1\n  takeover: true\n",
             "f.yaml:4: 'takeover' is not for a tunnel of 'pull'");
    is_wrong("tunnels:\n- {name: a, expose: 1, port: 80}\n- {name: b, expose: 1, port: 80}\n",
             "f.yaml:3: port 80 is that of the tunnel 'a', too");
    is_wrong("tunnels:\n- {name: a, pull: 1, port: 80}\n- {name: b, pull: 1, port: 80}\n",
             "f.yaml:3: port 80 is that of the tunnel 'a', too");
}

static void ports_of_other_addresses_are_others(void **state)
{
    (void)state;
    struct options options;
    struct config *config =
        read_text("tunnels:\n- {name: a, pull: 1, port: 80}\n- {name: b, pull: 1, port: 80, host: '::1'}\n", &options);
    assert_int_equal(config->plans.count, 2);
    config_destroy(&config);
}

static void what_outsiders_control_has_a_limit(void **state)
{
    (void)state;
    static char text[CONFIG_VALUE_MAX + 64];
    size_t used = (size_t)snprintf(text, sizeof text, "tunnels:\n");
    for (unsigned i = 0; i < SESSION_BINDINGS_MAX; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "- {name: a%u, expose: 1}\n", i);
    struct options options;
    struct config *config = read_text(text, &options);
    assert_int_equal(config->plans.count, SESSION_BINDINGS_MAX);
    config_destroy(&config);
    snprintf(text + used, sizeof text - used, "- {name: more, expose: 1}\n");
    is_wrong(text, "f.yaml:1: one session takes 32 tunnels at most");
    memset(text, 'x', sizeof text - 1);
    memcpy(text, "\nproxy: ", 8);
    is_wrong(text, "f.yaml:2: 'proxy' takes no more than 4096 bytes");
}

/* Wherever it is cut, it is taken or refused with one line. */
static void a_file_may_be_cut_anywhere(void **state)
{
    (void)state;
    static const char TEXT_[] =
        "url: wss://h\nwait: true\ntunnels:\n- {name: a, expose: \"3000\"}\n- name: b\n  pull: 1\n";
    for (size_t length = 0; length < sizeof TEXT_; length++) {
        struct options options = options_of(NULL, no_environment);
        struct config *config = NULL;
        char *copy = malloc(length > 0 ? length : 1), why[CONFIG_WHY_BYTES] = "";
        memcpy(copy, TEXT_, length);
        if (config_read(span_of(copy, length), "f.yaml", &options, &config, why))
            assert_in_range(config->plans.count, 1, 2);
        else
            assert_true(strncmp(why, "f.yaml:", 7) == 0 && strchr(why, '\n') == NULL);
        config_destroy(&config);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_keys_are_taken),
        cmocka_unit_test(without_keys_the_flags_defaults_hold),
        cmocka_unit_test(flag_environment_file_and_default_win_in_this_order),
        cmocka_unit_test(names_of_files_are_meant_from_its_directory),
        cmocka_unit_test(yaml_may_be_written_in_all_its_ways),
        cmocka_unit_test(some_may_be_chosen),
        cmocka_unit_test(unknown_and_repeated_keys_are_told_with_their_line),
        cmocka_unit_test(what_is_of_another_shape_is_told),
        cmocka_unit_test(what_is_no_yaml_is_told_with_its_line),
        cmocka_unit_test(values_are_judged_as_those_of_flags),
        cmocka_unit_test(what_a_file_says_never_reaches_the_terminal_raw),
        cmocka_unit_test(tunnels_are_told_apart),
        cmocka_unit_test(ports_of_other_addresses_are_others),
        cmocka_unit_test(what_outsiders_control_has_a_limit),
        cmocka_unit_test(a_file_may_be_cut_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
