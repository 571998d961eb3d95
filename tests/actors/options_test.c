/* The daemon's options: defaults, who wins, what each kind takes and refuses, and what --help says. */
#include "options.h"

#include <event2/buffer.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants these before it. */
#include <cmocka.h>

enum { ARGUMENTS_MAX = 16, ERROR_MAX = 512 };

static struct options options;
static char error[ERROR_MAX];

/* Both end with NULL. The casts: argv and environ are not const by tradition, options_read does not write to them. */
static enum options_verdict read_with(const char *const environment[], const char *const arguments[])
{
    char *argv[ARGUMENTS_MAX + 2] = {(char *)(uintptr_t) "hoody-tunneld"};
    char *variables[ARGUMENTS_MAX + 1] = {NULL};
    int argc = 1;
    for (; arguments[argc - 1] != NULL; argc++) {
        assert_true(argc <= ARGUMENTS_MAX);
        argv[argc] = (char *)(uintptr_t)arguments[argc - 1];
    }
    for (size_t i = 0; environment[i] != NULL; i++) {
        assert_true(i < ARGUMENTS_MAX);
        variables[i] = (char *)(uintptr_t)environment[i];
    }
    options_done(&options);
    memset(error, 0, sizeof error);
    return options_read(&options, argc, argv, variables, error, sizeof error);
}

#define LIST(...)           ((const char *const[]){__VA_ARGS__})
#define read_flags(...)     read_with(LIST(NULL), LIST(__VA_ARGS__, NULL))
#define read_variables(...) read_with(LIST(__VA_ARGS__, NULL), LIST(NULL))

static void assert_bad(enum options_verdict verdict, const char *expected)
{
    assert_int_equal(verdict, OPTIONS_BAD);
    assert_string_equal(error, expected);
}

static int forget(void **state)
{
    (void)state;
    options_done(&options);
    return 0;
}

/* ---- where values come from
 * ---------------------------------------------------------------------------------------------- */

static void defaults_are_the_protocols(void **state)
{
    (void)state;
    assert_int_equal(read_with(LIST(NULL), LIST(NULL)), OPTIONS_OK);
    assert_string_equal(options.listen.ip, "127.0.0.1");
    assert_int_equal(options.listen.port, 7080);
    assert_int_equal(options.trusted_sources.count, 0);
    assert_string_equal(options.public_url_pattern, "");
    assert_string_equal(options.expose_address, "0.0.0.0");
    assert_false(options.allow_privileged_expose);
    assert_int_equal(options.hello_timeout, 5000);
    assert_int_equal(options.max_pre_auth_connections, 32);
    assert_int_equal(options.max_sessions, 64);
    assert_int_equal(options.max_binds_per_session, 32);
    assert_int_equal(options.max_streams, 1024);
    assert_int_equal(options.stream_window, 1048576);
    assert_int_equal(options.session_window, 16777216);
    assert_int_equal(options.buffer_budget, 256 * 1024 * 1024);
    assert_int_equal(options.ping_interval, 20000);
    assert_int_equal(options.idle_timeout, 300000);
    assert_int_equal(options.log_level, 2);
    assert_int_equal(options.log_format, 0);
}

static void init_gives_the_defaults(void **state)
{
    (void)state;
    struct options fresh;
    assert_true(options_init(&fresh));
    assert_int_equal(fresh.max_sessions, 64);
    options_done(&fresh);
    options_done(&fresh);
}

static void a_flag_takes_its_value_both_ways(void **state)
{
    (void)state;
    assert_int_equal(read_flags("--max-sessions", "7", "--max-streams=9"), OPTIONS_OK);
    assert_int_equal(options.max_sessions, 7);
    assert_int_equal(options.max_streams, 9);
    assert_int_equal(read_flags("--public-url-pattern=https://x/?p={port}&a=b"), OPTIONS_OK);
    assert_string_equal(options.public_url_pattern, "https://x/?p={port}&a=b");
}

static void the_last_of_two_flags_counts(void **state)
{
    (void)state;
    assert_int_equal(
        read_flags("--max-sessions", "7", "--max-sessions=8", "--expose-address=::", "--expose-address=::1"),
        OPTIONS_OK);
    assert_int_equal(options.max_sessions, 8);
    assert_string_equal(options.expose_address, "::1");
}

static void a_variable_beats_the_default_and_a_flag_the_variable(void **state)
{
    (void)state;
    assert_int_equal(read_variables("PATH=/bin", "HOODY_TUNNEL_MAX_SESSIONS=7"), OPTIONS_OK);
    assert_int_equal(options.max_sessions, 7);
    assert_int_equal(read_with((const char *const[]){"HOODY_TUNNEL_MAX_SESSIONS=7", NULL},
                               (const char *const[]){"--max-sessions=8", NULL}),
                     OPTIONS_OK);
    assert_int_equal(options.max_sessions, 8);
}

static void a_file_is_named_or_left_out_but_never_empty(void **state)
{
    (void)state;
    assert_int_equal(read_with(LIST(NULL), LIST(NULL)), OPTIONS_OK);
    assert_string_equal(options.auth_token_file, "");
    assert_int_equal(read_flags("--auth-token-file", "/etc/tokens"), OPTIONS_OK);
    assert_string_equal(options.auth_token_file, "/etc/tokens");
    assert_bad(read_flags("--auth-token-file="), "--auth-token-file: \"\" is empty: name a file, or leave it out");
    assert_bad(read_variables("HOODY_TUNNEL_AUTH_TOKEN_FILE="),
               "HOODY_TUNNEL_AUTH_TOKEN_FILE: \"\" is empty: name a file, or leave it out");
}

static void grace_and_drain_may_be_none(void **state)
{
    (void)state;
    assert_int_equal(read_with(LIST(NULL), LIST(NULL)), OPTIONS_OK);
    assert_int_equal(options.takeover_grace, 60000);
    assert_int_equal(read_flags("--takeover-grace", "0", "--drain-timeout=0"), OPTIONS_OK);
    assert_int_equal(options.takeover_grace, 0);
    assert_int_equal(options.drain_timeout, 0);
}

static void unknown_variables_are_ignored(void **state)
{
    (void)state;
    assert_int_equal(read_variables("HOODY_TUNNEL_NO_SUCH_THING=1", "HOODY_TUNNEL_MAX_SESSIONSX=1", "MAX_SESSIONS=3",
                                    "HOODY_TUNNEL_MAX_SESSION"),
                     OPTIONS_OK);
    assert_int_equal(options.max_sessions, 64);
}

static void lists_grow_and_their_flags_replace_their_variable(void **state)
{
    (void)state;
    assert_int_equal(read_flags("--trusted-source", "10.0.0.0/8", "--trusted-source=fd00::/8"), OPTIONS_OK);
    assert_int_equal(options.trusted_sources.count, 2);
    assert_string_equal(options.trusted_sources.items[0], "10.0.0.0/8");
    assert_string_equal(options.trusted_sources.items[1], "fd00::/8");
    const char *const environment[] = {"HOODY_TUNNEL_TRUSTED_SOURCE=10.0.0.0/8, 192.168.0.0/16,,", NULL};
    assert_int_equal(read_with(environment, (const char *const[]){NULL}), OPTIONS_OK);
    assert_int_equal(options.trusted_sources.count, 2);
    assert_string_equal(options.trusted_sources.items[1], "192.168.0.0/16");
    assert_int_equal(read_with(environment, (const char *const[]){"--trusted-source=172.16.0.0/12", NULL}), OPTIONS_OK);
    assert_int_equal(options.trusted_sources.count, 1);
    assert_string_equal(options.trusted_sources.items[0], "172.16.0.0/12");
    assert_int_equal(read_variables("HOODY_TUNNEL_ADMIN_HOST="), OPTIONS_OK);
    assert_int_equal(options.admin_hosts.count, 0);
}

static void a_certificate_and_its_key_belong_together(void **state)
{
    (void)state;
    assert_int_equal(read_flags("--tls-cert", "a.pem", "--tls-key=a.key"), OPTIONS_OK);
    assert_string_equal(options.tls_cert, "a.pem");
    assert_string_equal(options.tls_key, "a.key");
    assert_bad(read_flags("--tls-cert", "a.pem"), "--tls-cert and --tls-key belong together: --tls-key is missing");
    assert_bad(read_flags("--tls-key", "a.key"), "--tls-cert and --tls-key belong together: --tls-cert is missing");
    const char *const environment[] = {"HOODY_TUNNEL_TLS_KEY=a.key", NULL};
    assert_int_equal(read_with(environment, (const char *const[]){"--tls-cert=a.pem", NULL}), OPTIONS_OK);
}

static void a_boolean_takes_no_value_as_a_flag_and_1_or_0_as_a_variable(void **state)
{
    (void)state;
    assert_int_equal(read_flags("--allow-privileged-pull", "--max-sessions=2"), OPTIONS_OK);
    assert_true(options.allow_privileged_pull);
    assert_false(options.allow_privileged_expose);
    assert_int_equal(read_variables("HOODY_TUNNEL_ALLOW_PRIVILEGED_EXPOSE=1"), OPTIONS_OK);
    assert_true(options.allow_privileged_expose);
    assert_int_equal(read_variables("HOODY_TUNNEL_ALLOW_PRIVILEGED_EXPOSE=0"), OPTIONS_OK);
    assert_false(options.allow_privileged_expose);
    assert_bad(read_flags("--allow-privileged-pull=1"), "--allow-privileged-pull takes no value");
    assert_bad(read_variables("HOODY_TUNNEL_ALLOW_PRIVILEGED_EXPOSE=yes"),
               "HOODY_TUNNEL_ALLOW_PRIVILEGED_EXPOSE: \"yes\" is neither 1 nor 0");
}

/* ---- words that are no flags
 * ----------------------------------------------------------------------------------------------- */

static void unknown_flags_and_stray_words_are_named_with_a_hint(void **state)
{
    (void)state;
    assert_bad(read_flags("--max-session", "3"), "--max-session: no such flag, did you mean --max-sessions?");
    assert_bad(read_flags("--Listen=3"), "--Listen: no such flag, did you mean --listen?");
    assert_bad(read_flags("--frobnicate"), "--frobnicate: no such flag, see --help");
    assert_bad(read_flags("--max-sessions=3", "serve"), "\"serve\": what is this? Flags begin with --, see --help");
    assert_bad(read_flags("-l"), "\"-l\": what is this? Flags begin with --, see --help");
    assert_bad(read_flags("--"), "\"--\": what is this? Flags begin with --, see --help");
    assert_bad(read_flags(""), "\"\": what is this? Flags begin with --, see --help");
    assert_bad(read_flags("--=3"), "--: no such flag, see --help");
}

static void a_flag_without_its_value_says_what_it_takes(void **state)
{
    (void)state;
    assert_bad(read_flags("--listen"), "--listen needs a value: IP:PORT");
    assert_bad(read_flags("--max-sessions="), "--max-sessions: \"\" is not a whole number");
}

static void an_error_is_one_line_whatever_was_given(void **state)
{
    (void)state;
    assert_bad(read_flags("--max-sessions=1\n2\x1b"), "--max-sessions: \"1?2?\" is not a whole number");
    assert_bad(read_flags("a\nb"), "\"a?b\": what is this? Flags begin with --, see --help");
    char long_value[5000];
    memset(long_value, 'x', sizeof long_value - 1);
    long_value[sizeof long_value - 1] = '\0';
    assert_int_equal(read_flags("--listen", long_value), OPTIONS_BAD);
    assert_true(strlen(error) < 300);
    assert_int_equal(read_flags(long_value), OPTIONS_BAD);
    assert_true(strlen(error) < 300);
    memcpy(long_value, "--", 2);
    assert_int_equal(read_flags(long_value), OPTIONS_BAD);
    assert_true(strlen(error) < 300);
}

static void questions_win_over_errors(void **state)
{
    (void)state;
    assert_int_equal(read_flags("--help"), OPTIONS_HELP);
    assert_int_equal(read_flags("--version"), OPTIONS_VERSION);
    assert_int_equal(read_flags("--frobnicate", "--help"), OPTIONS_HELP);
    assert_int_equal(read_flags("--help", "all"), OPTIONS_HELP_ALL);
    assert_int_equal(read_flags("--frobnicate", "--help=all"), OPTIONS_HELP_ALL);
    assert_int_equal(read_flags("all", "--help"), OPTIONS_HELP);
}

/* ---- kinds
 * ------------------------------------------------------------------------------------------------------------------ */

static void durations_have_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ms;
    } good[] = {{"1ms", 1}, {"1500ms", 1500}, {"30s", 30000}, {"7", 7000}, {"2m", 120000}, {"007s", 7000}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(read_flags("--hello-timeout", good[i].text), OPTIONS_OK);
        assert_int_equal(options.hello_timeout, good[i].ms);
    }
    assert_int_equal(read_flags("--idle-timeout=1h"), OPTIONS_OK);
    assert_int_equal(options.idle_timeout, 3600000);
    static const char *const bad[] = {"",
                                      "s",
                                      "-1s",
                                      "+1",
                                      "1.5s",
                                      "1 s",
                                      " 1",
                                      "1S",
                                      "1sec",
                                      "1d",
                                      "0x1",
                                      "99999999999999999999",
                                      "18446744073709551615h"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char expected[ERROR_MAX];
        snprintf(expected, sizeof expected, "--hello-timeout: \"%s\" is not a time such as 1500ms, 30s, 2m or 1h",
                 bad[i]);
        assert_bad(read_flags("--hello-timeout", bad[i]), expected);
    }
    assert_bad(read_flags("--hello-timeout=0"), "--hello-timeout: \"0\" is out of range: 1ms to 10m");
    assert_bad(read_flags("--hello-timeout=600001ms"), "--hello-timeout: \"600001ms\" is out of range: 1ms to 10m");
    assert_int_equal(read_flags("--drain-timeout=0"), OPTIONS_OK);
    assert_int_equal(options.drain_timeout, 0);
}

static void sizes_have_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {{"65536", 65536}, {"64KiB", 65536}, {"16MiB", 16777216}, {"1GiB", 1073741824}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(read_flags("--buffer-budget", good[i].text), OPTIONS_OK);
        assert_int_equal(options.buffer_budget, good[i].bytes);
    }
    static const char *const bad[] = {"", "KiB", "64kb", "64K", "64kib", "1.5MiB", "-1", "17179869184GiB"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char expected[ERROR_MAX];
        snprintf(expected, sizeof expected, "--buffer-budget: \"%s\" is not a size such as 65536, 64KiB, 16MiB or 1GiB",
                 bad[i]);
        assert_bad(read_flags("--buffer-budget", bad[i]), expected);
    }
    assert_bad(read_flags("--stream-window=2GiB"), "--stream-window: \"2GiB\" is out of range: 64KiB to 1GiB");
}

static void windows_are_multiples_of_65536(void **state)
{
    (void)state;
    assert_int_equal(read_flags("--stream-window=131072", "--session-window=192KiB"), OPTIONS_OK);
    assert_int_equal(options.session_window, 196608);
    assert_bad(read_flags("--stream-window=100000"),
               "--stream-window: \"100000\" is not a multiple of 64KiB (65536 bytes)");
    assert_bad(read_variables("HOODY_TUNNEL_SESSION_WINDOW=65537"),
               "HOODY_TUNNEL_SESSION_WINDOW: \"65537\" is not a multiple of 64KiB (65536 bytes)");
    assert_bad(read_flags("--stream-window=0"), "--stream-window: \"0\" is out of range: 64KiB to 1GiB");
}

static void counts_are_whole_numbers_in_range(void **state)
{
    (void)state;
    assert_int_equal(read_flags("--max-sessions=65536"), OPTIONS_OK);
    assert_bad(read_flags("--max-sessions=65537"), "--max-sessions: \"65537\" is out of range: 1 to 65536");
    assert_bad(read_flags("--max-sessions=0"), "--max-sessions: \"0\" is out of range: 1 to 65536");
    assert_bad(read_flags("--max-sessions", "-1"), "--max-sessions: \"-1\" is not a whole number");
    assert_bad(read_flags("--max-sessions=1e3"), "--max-sessions: \"1e3\" is not a whole number");
    assert_bad(read_flags("--max-sessions=18446744073709551616"),
               "--max-sessions: \"18446744073709551616\" is not a whole number");
}

static void listen_is_a_numeric_address_and_a_port(void **state)
{
    (void)state;
    static const struct {
        const char *text, *ip;
        uint16_t port;
    } good[] = {
        {"0.0.0.0:1", "0.0.0.0", 1}, {"[::1]:65535", "::1", 65535}, {"[::]:80", "::", 80}, {"8080", "127.0.0.1", 8080}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(read_flags("--listen", good[i].text), OPTIONS_OK);
        assert_string_equal(options.listen.ip, good[i].ip);
        assert_int_equal(options.listen.port, good[i].port);
    }
    static const char *const bad[] = {
        "",        ":",       ":80",          "127.0.0.1", "127.0.0.1:", "localhost:80", "::1:80",
        "[::1]",   "[]:80",   "[1.2.3.4]:80", "1.2.3.4:x", "1.2.3:80",   "1.2.3.4:80 ",  "[::1]80",
        "[::1:80", "::1]:80", "[::1]:80:80",  "a:b:c:d"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char expected[ERROR_MAX];
        snprintf(expected, sizeof expected,
                 "--listen: \"%s\" is not IP:PORT with a numeric address, such as 127.0.0.1:7080, [::1]:7080 or 7080",
                 bad[i]);
        assert_bad(read_flags("--listen", bad[i]), expected);
    }
    assert_bad(read_flags("--listen=127.0.0.1:0"), "--listen: \"127.0.0.1:0\" names a port out of range: 1 to 65535");
    assert_bad(read_flags("--listen=65536"), "--listen: \"65536\" names a port out of range: 1 to 65535");
}

static void the_expose_address_is_numeric(void **state)
{
    (void)state;
    assert_int_equal(read_flags("--expose-address=::"), OPTIONS_OK);
    assert_bad(read_flags("--expose-address=eth0"),
               "--expose-address: \"eth0\" is not a numeric address such as 0.0.0.0 or ::1");
    assert_bad(read_flags("--expose-address="),
               "--expose-address: \"\" is not a numeric address such as 0.0.0.0 or ::1");
}

static void a_url_pattern_without_port_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(read_flags("--public-url-pattern=https://{port}-{label}.example.com"), OPTIONS_OK);
    assert_int_equal(read_flags("--public-url-pattern="), OPTIONS_OK);
    assert_bad(read_variables("HOODY_TUNNEL_PUBLIC_URL_PATTERN=https://{label}.example.com"),
               "HOODY_TUNNEL_PUBLIC_URL_PATTERN: \"https://{label}.example.com\" has no {port}: all ports would have "
               "the same URL");
}

static void trusted_sources_are_ranges(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "10.0.0.0/33", "10.0.0.1/8", "example.com", "10.0.0.0/", "fd00::/129"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char expected[ERROR_MAX];
        snprintf(expected, sizeof expected,
                 "--trusted-source: \"%s\" is not a range such as 10.0.0.0/8 or fd00::/8 (no bits beyond the prefix)",
                 bad[i]);
        assert_bad(read_flags("--trusted-source", bad[i]), expected);
    }
    assert_int_equal(read_variables("HOODY_TUNNEL_TRUSTED_SOURCE=10.0.0.0/8,nonsense"), OPTIONS_BAD);
}

static void origins_have_a_scheme_and_no_path(void **state)
{
    (void)state;
    assert_int_equal(read_flags("--allow-origin=https://a.example:8443", "--allow-origin=null"), OPTIONS_OK);
    assert_int_equal(options.allowed_origins.count, 2);
    static const char *const bad[] = {"", "a.example", "https://", "https://a.example/", "://a", "https:/a"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char expected[ERROR_MAX];
        snprintf(expected, sizeof expected,
                 "--allow-origin: \"%s\" is not an origin such as https://app.example.com (no path), or null", bad[i]);
        assert_bad(read_flags("--allow-origin", bad[i]), expected);
    }
}

static void admin_hosts_are_names(void **state)
{
    (void)state;
    assert_int_equal(read_flags("--admin-host=kit.example.com", "--admin-host=*.example.org"), OPTIONS_OK);
    static const char *const bad[] = {"", "*", "*.", ".example.com", "a b", "a:80", "https://a", "a.*.b"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char expected[ERROR_MAX];
        snprintf(expected, sizeof expected,
                 "--admin-host: \"%s\" is not a DNS name such as kit.example.com or *.example.com (no port)", bad[i]);
        assert_bad(read_flags("--admin-host", bad[i]), expected);
    }
}

static void choices_are_their_words(void **state)
{
    (void)state;
    assert_int_equal(read_flags("--log-level=error", "--log-format=json"), OPTIONS_OK);
    assert_int_equal(options.log_level, 0);
    assert_int_equal(options.log_format, 1);
    assert_int_equal(read_flags("--log-level=debug"), OPTIONS_OK);
    assert_int_equal(options.log_level, 3);
    static const char *const bad[] = {"", "warning", "err", "error|warn", "Info"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char expected[ERROR_MAX];
        snprintf(expected, sizeof expected, "--log-level: \"%s\" is none of error|warn|info|debug", bad[i]);
        assert_bad(read_flags("--log-level", bad[i]), expected);
    }
}

/* ---- help
 * -------------------------------------------------------------------------------------------------------------------
 */

enum { ROWS = 23, COLUMNS = 80 };

/* What --help prints, NUL-terminated; to be freed by evbuffer_free. */
static const char *print_help(bool is_whole, struct evbuffer **ret_out)
{
    *ret_out = evbuffer_new();
    assert_non_null(*ret_out);
    options_print_help(*ret_out, is_whole);
    evbuffer_add(*ret_out, "", 1);
    return (const char *)evbuffer_pullup(*ret_out, -1);
}

/* How many there are, each no wider than a screen. */
static size_t count_lines(const char *text)
{
    size_t lines = 0;
    for (const char *line = text; *line != '\0'; lines++) {
        size_t length = strcspn(line, "\n");
        assert_in_range(length, 0, COLUMNS);
        assert_true(length == 0 || line[length - 1] != ' ');
        line += length + (line[length] == '\n');
    }
    return lines;
}

static void help_fits_a_screen_and_names_what_is_needed_first(void **state)
{
    (void)state;
    struct evbuffer *out = NULL;
    const char *text = print_help(false, &out);
    assert_in_range(count_lines(text), 1, ROWS);
    assert_non_null(strstr(text, "\n  --listen "));
    assert_null(strstr(text, "\n  --window-budget "));
    assert_non_null(strstr(text, "hoody-tunneld --help all\n"));
    assert_non_null(strstr(text, "\nExample: hoody-tunneld "));
    evbuffer_free(out);
}

static void help_all_names_every_flag(void **state)
{
    (void)state;
    struct evbuffer *out = NULL;
    const char *text = print_help(true, &out);
#define OPTION(kind, page, name, flag, default_text, minimum, maximum, argument, help)                                 \
    assert_non_null(strstr(text, "\n  --" flag));                                                                      \
    assert_non_null(strstr(text, default_text));
#include "options.def"
    assert_non_null(strstr(text, "\n  --help "));
    assert_non_null(strstr(text, "\n  --version "));
    assert_true(count_lines(text) > ROWS);
    evbuffer_free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_the_protocols),
        cmocka_unit_test(init_gives_the_defaults),
        cmocka_unit_test(a_flag_takes_its_value_both_ways),
        cmocka_unit_test(the_last_of_two_flags_counts),
        cmocka_unit_test(a_variable_beats_the_default_and_a_flag_the_variable),
        cmocka_unit_test(a_file_is_named_or_left_out_but_never_empty),
        cmocka_unit_test(grace_and_drain_may_be_none),
        cmocka_unit_test(unknown_variables_are_ignored),
        cmocka_unit_test(lists_grow_and_their_flags_replace_their_variable),
        cmocka_unit_test(a_boolean_takes_no_value_as_a_flag_and_1_or_0_as_a_variable),
        cmocka_unit_test(unknown_flags_and_stray_words_are_named_with_a_hint),
        cmocka_unit_test(a_flag_without_its_value_says_what_it_takes),
        cmocka_unit_test(an_error_is_one_line_whatever_was_given),
        cmocka_unit_test(questions_win_over_errors),
        cmocka_unit_test(durations_have_units),
        cmocka_unit_test(sizes_have_units),
        cmocka_unit_test(windows_are_multiples_of_65536),
        cmocka_unit_test(counts_are_whole_numbers_in_range),
        cmocka_unit_test(listen_is_a_numeric_address_and_a_port),
        cmocka_unit_test(the_expose_address_is_numeric),
        cmocka_unit_test(a_url_pattern_without_port_is_an_error),
        cmocka_unit_test(trusted_sources_are_ranges),
        cmocka_unit_test(origins_have_a_scheme_and_no_path),
        cmocka_unit_test(admin_hosts_are_names),
        cmocka_unit_test(choices_are_their_words),
        cmocka_unit_test(a_certificate_and_its_key_belong_together),
        cmocka_unit_test(help_fits_a_screen_and_names_what_is_needed_first),
        cmocka_unit_test(help_all_names_every_flag),
    };
    return cmocka_run_group_tests(tests, NULL, forget);
}
