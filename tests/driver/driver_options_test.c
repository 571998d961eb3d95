/* The command line (driver/options.def): every flag in both spellings, the environment, and what is wrong usage. */
#include "options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *environment_url; /* what HOODY_TUNNEL_URL is in a test; NULL: not set */

static char *environment(const char *name)
{
    return strcmp(name, "HOODY_TUNNEL_URL") == 0 ? (char *)(uintptr_t)environment_url : NULL;
}

enum { ARGUMENTS_MAX = 16 };

/* `line` is split at blanks; the options borrow from static memory. */
static bool parse(const char *line, struct options *options, char error[USAGE_ERROR_BYTES])
{
    static char words[512];
    char *argv[ARGUMENTS_MAX + 1] = {(char[]){"hoody-tunnel"}};
    int argc = 1;
    assert_true(strlen(line) < sizeof words);
    strcpy(words, line);
    for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " ")) {
        assert_true(argc < ARGUMENTS_MAX);
        argv[argc++] = word;
    }
    return options_parse(argc, argv, environment, options, error);
}

static struct options parsed(const char *line)
{
    struct options options = {0};
    char error[USAGE_ERROR_BYTES] = "";
    if (!parse(line, &options, error))
        fail_msg("'%s': %s", line, error);
    return options;
}

static void error_is(const char *line, const char *expected)
{
    struct options options = {0};
    char error[USAGE_ERROR_BYTES] = "";
    assert_false(parse(line, &options, error));
    assert_string_equal(error, expected);
}

static int reset_environment(void **state)
{
    (void)state;
    environment_url = NULL;
    return 0;
}

static void without_flags_the_defaults_hold(void **state)
{
    (void)state;
    struct options options = parsed("expose 3000");
    assert_int_equal(options.command, COMMAND_expose);
    assert_string_equal(options.arguments[0], "3000");
    assert_string_equal(options.url, "ws://127.0.0.1:7080");
    assert_int_equal(options.port, 0);
    assert_false(options.takeover);
    assert_string_equal(options.host_header, "rewrite");
    assert_string_equal(options.label, "");
    assert_false(options.wants_help);
    assert_false(options.wants_version);
}

static void flags_are_read_in_both_spellings_and_any_order(void **state)
{
    static const char *const LINES[] = {
        "expose 3000 --url ws://h:1 --port 8080 --takeover --host-header preserve --label web",
        "expose --url=ws://h:1 --port=8080 --host-header=preserve --label=web --takeover 3000",
        "expose --takeover --label web 3000 --port=8080 --url ws://h:1 --host-header=preserve",
        "expose --takeover --label web --port=8080 --url ws://h:1 --host-header=preserve -- 3000",
    };
    (void)state;
    for (size_t i = 0; i < sizeof LINES / sizeof *LINES; i++) {
        struct options options = parsed(LINES[i]);
        assert_string_equal(options.arguments[0], "3000");
        assert_string_equal(options.url, "ws://h:1");
        assert_int_equal(options.port, 8080);
        assert_true(options.takeover);
        assert_string_equal(options.host_header, "preserve");
        assert_string_equal(options.label, "web");
    }
}

static void pull_has_flags_of_its_own(void **state)
{
    (void)state;
    struct options options = parsed("pull 5432");
    assert_int_equal(options.command, COMMAND_pull);
    assert_string_equal(options.host, "127.0.0.1");
    assert_int_equal(options.connect_timeout_ms, 10000);
    assert_int_equal(options.connections, 1);
    options = parsed("pull db:5432 --url ws://h:1 --port 5433 --host ::1 --label db --connect-timeout=1500ms");
    assert_string_equal(options.arguments[0], "db:5432");
    assert_string_equal(options.url, "ws://h:1");
    assert_int_equal(options.port, 5433);
    assert_string_equal(options.host, "::1");
    assert_string_equal(options.label, "db");
    assert_int_equal(options.connect_timeout_ms, 1500);
    error_is("pull 1 --takeover", "'--takeover' is no flag of pull, but of expose");
    error_is("expose 1 --host ::1", "'--host' is no flag of expose, but of pull");
}

static void staying_up_and_security_have_flags(void **state)
{
    (void)state;
    struct options options = parsed("pull 5432");
    assert_false(options.wait);
    assert_false(options.exit_on_loss);
    assert_int_equal(options.ping_interval_ms, 20000);
    assert_int_equal(options.ping_timeout_ms, 15000);
    assert_string_equal(options.token_file, "");
    assert_string_equal(options.proxy, "");
    assert_string_equal(options.cacert, "");
    assert_false(options.insecure);
    options =
        parsed("expose 3000 --wait --exit-on-loss --ping-interval 5s --ping-timeout=500ms --token-file t --proxy none "
               "--cacert=ca.pem");
    assert_true(options.wait);
    assert_true(options.exit_on_loss);
    assert_int_equal(options.ping_interval_ms, 5000);
    assert_int_equal(options.ping_timeout_ms, 500);
    assert_string_equal(options.token_file, "t");
    assert_string_equal(options.proxy, "none");
    assert_string_equal(options.cacert, "ca.pem");
    error_is("list --wait", "'--wait' is no flag of list, but of expose, pull, up");
}

static void place_is(const char *line, const char *host, uint16_t port)
{
    struct options options = parsed(line);
    assert_true(options.inspect.is_given);
    assert_string_equal(options.inspect.where.host, host);
    assert_int_equal(options.inspect.where.port, port);
    assert_string_equal(options.arguments[0], "3000");
}

static void an_inspection_is_wished_with_or_without_an_address(void **state)
{
    (void)state;
    assert_false(parsed("expose 3000").inspect.is_given);
    assert_false(parsed("expose 3000").inspect_show_secrets);
    place_is("expose 3000 --inspect", "127.0.0.1", 4040);
    place_is("expose --inspect 3000", "127.0.0.1", 4040); /* TARGET is what must be there */
    place_is("expose 3000 --inspect --wait", "127.0.0.1", 4040);
    place_is("expose --inspect=4041 3000", "127.0.0.1", 4041);
    place_is("expose --inspect=localhost 3000", "127.0.0.1", 4040);
    place_is("expose --inspect=[::1]:4041 3000", "::1", 4041);
    place_is("expose 3000 --inspect 127.0.0.1:4041", "127.0.0.1", 4041);
    place_is("expose 3000 --inspect localhost:4041 --inspect-show-secrets", "127.0.0.1", 4041);
    assert_string_equal(parsed("expose --inspect 127.0.0.1:4041").arguments[0], "127.0.0.1:4041");
    error_is("expose 3000 --inspect=0.0.0.0:4040",
             "--inspect must be a loopback address and port, such as 127.0.0.1:4040, not '0.0.0.0:4040'");
    error_is("expose 3000 --inspect=x:4040",
             "--inspect must be a loopback address and port, such as 127.0.0.1:4040, not 'x:4040'");
    error_is("expose 3000 --inspect=0",
             "--inspect must be a loopback address and port, such as 127.0.0.1:4040, not '0'");
    error_is("expose 1 --inspect 0.0.0.0:4040",
             "--inspect must be a loopback address and port, such as 127.0.0.1:4040, not '0.0.0.0:4040'");
    error_is("expose 1 --inspect [::]:4040",
             "--inspect must be a loopback address and port, such as 127.0.0.1:4040, not '[::]:4040'");
    error_is("pull 3000 --inspect", "'--inspect' is no flag of pull, but of expose, up");
}

static void times_have_units(void **state)
{
    (void)state;
    assert_int_equal(parsed("pull 1 --connect-timeout 1ms").connect_timeout_ms, 1);
    assert_int_equal(parsed("pull 1 --connect-timeout 3").connect_timeout_ms, 3000);
    assert_int_equal(parsed("pull 1 --connect-timeout 3s").connect_timeout_ms, 3000);
    assert_int_equal(parsed("pull 1 --connect-timeout 1440m").connect_timeout_ms, OPTION_TIME_MAX_MS);
    static const char *const BAD[] = {"0", "0ms", "", "s", "1h", "-1s", "1.5s", "1441m", "86401", "9999999999"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        char line[64], error[USAGE_ERROR_BYTES];
        snprintf(line, sizeof line, "pull 1 --connect-timeout=%s", BAD[i]);
        struct options options;
        if (parse(line, &options, error))
            fail_msg("'%s' is taken", line);
    }
    error_is("pull 1 --connect-timeout=x", "--connect-timeout must be a time from 1ms to a day, such as 10s, not 'x'");
}

static void operators_commands_have_flags_of_their_own(void **state)
{
    (void)state;
    static const char *const LINES[] = {"list", "sessions", "bindings", "close S-1", "health", "metrics", "top"};
    for (size_t i = 0; i < sizeof LINES / sizeof *LINES; i++) {
        struct options options = parsed(LINES[i]);
        assert_int_equal(options.command, COMMAND_list + (int)i);
        assert_string_equal(options.url, "ws://127.0.0.1:7080");
        assert_int_equal(options.timeout_ms, 5000);
        assert_string_equal(options.cacert, "");
        assert_false(options.insecure);
        assert_false(options.json);
    }
    struct options options =
        parsed("close S-1 --grace 0 --json --timeout 1500ms --cacert a.pem --insecure --url https://h");
    assert_string_equal(options.arguments[0], "S-1");
    assert_int_equal(options.grace_ms, 0);
    assert_true(options.json);
    assert_int_equal(options.timeout_ms, 1500);
    assert_string_equal(options.cacert, "a.pem");
    assert_true(options.insecure);
    assert_int_equal(parsed("close x").grace_ms, 50);
    assert_int_equal(parsed("close x --grace 5s").grace_ms, OPTION_GRACE_MAX_MS);
    options = parsed("top --interval 250ms --count 3");
    assert_int_equal(options.interval_ms, 250);
    assert_int_equal(options.count, 3);
    assert_int_equal(parsed("top").interval_ms, 2000);
    assert_int_equal(parsed("top").count, 0);
}

static void what_operators_may_not_say_is_told(void **state)
{
    (void)state;
    error_is("list all", "one argument too many: 'all'");
    error_is("close", "SESSION is missing");
    error_is("metrics --interval 1s", "'--interval' is no flag of metrics, but of top");
    error_is("list --grace 1s", "'--grace' is no flag of list, but of close");
    error_is("close x --grace 5001ms", "--grace must be a time from 0 to 5s, such as 500ms, not '5001ms'");
    error_is("close x --grace 6", "--grace must be a time from 0 to 5s, such as 500ms, not '6'");
    error_is("top --count 1000000", "--count must be a number from 0 to 999999, not '1000000'");
    error_is("top --interval 0", "--interval must be a time from 1ms to a day, such as 10s, not '0'");
    error_is("health --timeout 0ms", "--timeout must be a time from 1ms to a day, such as 10s, not '0ms'");
}

static void connections_are_1_to_16(void **state)
{
    (void)state;
    assert_int_equal(parsed("expose 1 --connections 16").connections, 16);
    assert_int_equal(parsed("pull 1 --connections=4").connections, 4);
    error_is("expose 1 --connections 0", "--connections must be a number from 1 to 16, not '0'");
    error_is("expose 1 --connections 17", "--connections must be a number from 1 to 16, not '17'");
    error_is("expose 1 --connections x", "--connections must be a number from 1 to 16, not 'x'");
}

static void the_flag_wins_over_the_environment_and_that_over_the_default(void **state)
{
    (void)state;
    environment_url = "ws://from-environment";
    assert_string_equal(parsed("expose 1").url, "ws://from-environment");
    assert_string_equal(parsed("expose 1 --url ws://flag").url, "ws://flag");
    environment_url = "";
    assert_string_equal(parsed("expose 1").url, "ws://127.0.0.1:7080");
}

static void several_arguments_are_kept_in_order(void **state)
{
    (void)state;
    struct options options = parsed("expose 3000 --pull 5432 8080=4000 --pull=15432=db:5432");
    assert_int_equal(options.argument_count, 2);
    assert_string_equal(options.arguments[0], "3000");
    assert_string_equal(options.arguments[1], "8080=4000");
    assert_int_equal(options.pull.count, 2);
    assert_string_equal(options.pull.items[0], "5432");
    assert_string_equal(options.pull.items[1], "15432=db:5432");
}

/* `times` words follow the command. */
static void one_of_many_is_too_many(const char *command, const char *word, size_t times, const char *expected)
{
    char *argv[OPTION_ARGUMENTS_MAX + 4] = {(char[]){"hoody-tunnel"}, (char *)(uintptr_t)command};
    char error[USAGE_ERROR_BYTES] = "";
    struct options options = {0};
    int argc = 2;
    for (size_t i = 0; i < times; i++)
        argv[argc++] = (char *)(uintptr_t)word;
    assert_true(options_parse(argc, argv, environment, &options, error));
    argv[argc++] = (char *)(uintptr_t)word;
    assert_false(options_parse(argc, argv, environment, &options, error));
    assert_string_equal(error, expected);
}

static void arguments_have_a_limit(void **state)
{
    (void)state;
    one_of_many_is_too_many("pull", "a", OPTION_ARGUMENTS_MAX, "one argument too many: 'a'");
}

static void a_list_has_a_limit(void **state)
{
    (void)state;
    option_LIST list = {0};
    char error[USAGE_ERROR_BYTES];
    for (size_t i = 0; i < OPTION_LIST_MAX; i++)
        assert_true(option_value_read(LIST, "x", "", "--pull", &list, error));
    assert_false(option_value_read(LIST, "x", "", "--pull", &list, error));
    assert_string_equal(error, "--pull must be given no more than 32 times");
}

static void a_file_fills_in_what_neither_flag_nor_environment_say(void **state)
{
    (void)state;
    char error[USAGE_ERROR_BYTES] = "";
    environment_url = "ws://from-environment";
    struct options options = parsed("pull 1 --ping-timeout 3s");
    assert_true(options_assign_from_file(&options, OPTION_url, "ws://from-file", "url", error));
    assert_string_equal(options.url, "ws://from-environment");
    assert_true(options_assign_from_file(&options, OPTION_ping_timeout_ms, "4s", "ping_timeout", error));
    assert_int_equal(options.ping_timeout_ms, 3000);
    assert_true(options_assign_from_file(&options, OPTION_ping_interval_ms, "4s", "ping_interval", error));
    assert_int_equal(options.ping_interval_ms, 4000);
    assert_true(options_assign_from_file(&options, OPTION_wait, "true", "wait", error));
    assert_true(options.wait);
    assert_false(options_assign_from_file(&options, OPTION_wait, "yes", "wait", error));
    assert_string_equal(error, "wait must be true or false, not 'yes'");
    assert_false(options_assign_from_file(&options, OPTION_ping_timeout_ms, "x", "ping_timeout", error));
    environment_url = NULL;
    options = parsed("pull 1");
    assert_true(options_assign_from_file(&options, OPTION_url, "ws://from-file", "url", error));
    assert_string_equal(options.url, "ws://from-file");
}

static void the_last_of_two_wins(void **state)
{
    (void)state;
    assert_int_equal(parsed("expose 1 --port 1 --port=2").port, 2);
}

static void a_value_may_begin_with_a_dash_or_be_empty(void **state)
{
    (void)state;
    assert_string_equal(parsed("expose 1 --label --port").label, "--port");
    assert_string_equal(parsed("expose 1 --label=").label, "");
    assert_string_equal(parsed("expose 1 --label=a=b").label, "a=b");
}

static void help_and_version_need_nothing_else(void **state)
{
    (void)state;
    assert_true(parsed("--help").wants_help);
    assert_true(parsed("-h").wants_help);
    assert_int_equal(parsed("--help").command, COMMAND_COUNT);
    assert_true(parsed("--version").wants_version);
    struct options options = parsed("expose --help");
    assert_true(options.wants_help && !options.wants_all_help);
    assert_int_equal(options.command, COMMAND_expose);
}

static void help_may_be_asked_for_as_a_command_or_whole(void **state)
{
    (void)state;
    assert_int_equal(parsed("help").command, COMMAND_COUNT);
    assert_true(parsed("help").wants_help);
    assert_int_equal(parsed("help close").command, COMMAND_close);
    assert_true(parsed("help close").wants_help);
    assert_int_equal(parsed("help help").command, COMMAND_help);
    assert_int_equal(parsed("help --help").command, COMMAND_help);
    assert_true(parsed("up --help all").wants_all_help);
    assert_true(parsed("up --help=all").wants_all_help);
    assert_true(parsed("--help all").wants_all_help);
    assert_true(parsed("help up all").wants_all_help);
    assert_int_equal(parsed("help all").command, COMMAND_COUNT);
    assert_true(parsed("help all").wants_all_help);
    struct options options = parsed("up --help web all");
    assert_false(options.wants_all_help);
    assert_int_equal(options.argument_count, 2);
    error_is("help clsoe", "unknown command 'clsoe': did you mean close?");
    error_is("help close up", "one argument too many: 'up'");
    error_is(
        "help --json",
        "'--json' is no flag of help, but of expose, pull, up, list, sessions, bindings, close, health, metrics, top");
}

static void wrong_usage_is_told_in_one_line(void **state)
{
    (void)state;
    error_is("", "a command is missing");
    error_is("fly 3000", "unknown command 'fly'");
    error_is("expsoe 3000", "unknown command 'expsoe': did you mean expose?");
    error_is("3000", "unknown command '3000': did you mean expose 3000?");
    error_is("expose", "TARGET is missing");
    error_is("pull", "TARGET is missing");
    error_is("expose 1 --bogus", "unknown flag '--bogus'");
    error_is("expose 1 --por 1", "unknown flag '--por': did you mean --port?");
    error_is("expose 1 --count 1", "'--count' is no flag of expose, but of top");
    error_is("expose 1 -p", "unknown flag '-p'");
    error_is("--port 1 expose 1", "'--port' comes before the command: flags belong behind it");
    error_is("--prot 1 expose 1", "unknown flag '--prot'");
    error_is("expose 1 --port", "--port needs a value: N");
    error_is("expose 1 --takeover=1", "--takeover takes no value");
    error_is("expose 1 --port x", "--port must be a number from 0 to 65535, not 'x'");
    error_is("expose 1 --port=", "--port must be a number from 0 to 65535, not ''");
    error_is("expose 1 --port=65536", "--port must be a number from 0 to 65535, not '65536'");
    error_is("expose 1 --port=-1", "--port must be a number from 0 to 65535, not '-1'");
    error_is("expose 1 --port=1x", "--port must be a number from 0 to 65535, not '1x'");
    error_is("expose 1 --port=99999999999999999999",
             "--port must be a number from 0 to 65535, not '99999999999999999999'");
}

static void the_hint_after_wrong_usage_fits_the_command(void **state)
{
    (void)state;
    struct options options = {.command = COMMAND_COUNT};
    char error[USAGE_ERROR_BYTES];
    assert_false(parse("expose 1 --bogus", &options, error));
    assert_string_equal(options_help_hint(options.command), "hoody-tunnel expose --help");
    assert_false(parse("bogus", &options, error));
    assert_string_equal(options_help_hint(options.command), "hoody-tunnel --help");
}

/* What `print` writes; freed by the caller. */
static char *help_of(enum command command, bool is_whole)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    options_print_help(command, is_whole, out);
    fclose(out);
    return text;
}

static void help_all_names_every_flag_with_its_default(void **state)
{
    (void)state;
    char *text = help_of(COMMAND_expose, true);
    static const char *const PARTS[] = {"--url URL",        "--port N",
                                        "--takeover",       "--host-header preserve|rewrite|VALUE",
                                        "--label TEXT",     "--ping-timeout TIME",
                                        "HOODY_TUNNEL_URL", "ws://127.0.0.1:7080",
                                        "default rewrite",  "Example: hoody-tunnel expose "};
    for (size_t i = 0; i < sizeof PARTS / sizeof *PARTS; i++)
        assert_non_null(strstr(text, PARTS[i]));
    free(text);
    text = help_of(COMMAND_COUNT, true);
#define OPTION(commands, page, name, field, kind, placeholder, environment, initial, help)                             \
    assert_non_null(strstr(text, "\n  --" name));
#include "options.def"
    free(text);
}

static void help_fits_a_screen(void **state)
{
    (void)state;
    for (enum command command = 0; command <= COMMAND_COUNT; command++) {
        char *text = help_of(command, false);
        size_t lines = 0;
        for (const char *c = text; *c != '\0'; c++)
            lines += *c == '\n';
        assert_in_range(lines, 1, 23);
        free(text);
    }
}

static void the_programs_help_names_every_command(void **state)
{
    (void)state;
    char *text = help_of(COMMAND_COUNT, false);
#define COMMAND(name, argument, summary, example)                                                                      \
    assert_non_null(strstr(text, #name));                                                                              \
    assert_non_null(strstr(text, summary));
#include "options.def"
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_flags_the_defaults_hold, reset_environment),
        cmocka_unit_test_setup(flags_are_read_in_both_spellings_and_any_order, reset_environment),
        cmocka_unit_test_setup(pull_has_flags_of_its_own, reset_environment),
        cmocka_unit_test_setup(staying_up_and_security_have_flags, reset_environment),
        cmocka_unit_test_setup(an_inspection_is_wished_with_or_without_an_address, reset_environment),
        cmocka_unit_test_setup(times_have_units, reset_environment),
        cmocka_unit_test_setup(operators_commands_have_flags_of_their_own, reset_environment),
        cmocka_unit_test_setup(what_operators_may_not_say_is_told, reset_environment),
        cmocka_unit_test_setup(connections_are_1_to_16, reset_environment),
        cmocka_unit_test_setup(the_flag_wins_over_the_environment_and_that_over_the_default, reset_environment),
        cmocka_unit_test_setup(several_arguments_are_kept_in_order, reset_environment),
        cmocka_unit_test_setup(arguments_have_a_limit, reset_environment),
        cmocka_unit_test_setup(a_list_has_a_limit, reset_environment),
        cmocka_unit_test_setup(a_file_fills_in_what_neither_flag_nor_environment_say, reset_environment),
        cmocka_unit_test_setup(the_last_of_two_wins, reset_environment),
        cmocka_unit_test_setup(a_value_may_begin_with_a_dash_or_be_empty, reset_environment),
        cmocka_unit_test_setup(help_and_version_need_nothing_else, reset_environment),
        cmocka_unit_test_setup(wrong_usage_is_told_in_one_line, reset_environment),
        cmocka_unit_test_setup(the_hint_after_wrong_usage_fits_the_command, reset_environment),
        cmocka_unit_test_setup(help_may_be_asked_for_as_a_command_or_whole, reset_environment),
        cmocka_unit_test_setup(help_all_names_every_flag_with_its_default, reset_environment),
        cmocka_unit_test_setup(help_fits_a_screen, reset_environment),
        cmocka_unit_test_setup(the_programs_help_names_every_command, reset_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
