/* What `expose` and `pull` wish for (driver/tunnels/tunnel_plan.h). */
#include "tunnel_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { WORDS_MAX = 48 };

static char *no_environment(const char *name)
{
    (void)name;
    return NULL;
}

/* `line` is split at blanks; the plans borrow from static memory. */
static bool plan(const char *line, struct tunnel_plans *plans, char why[PLAN_WHY_BYTES])
{
    static char words[1024];
    char *argv[WORDS_MAX + 1] = {(char[]){"hoody-tunnel"}};
    struct options options = {0};
    int argc = 1;
    assert_true(strlen(line) < sizeof words);
    strcpy(words, line);
    for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " ")) {
        assert_true(argc < WORDS_MAX);
        argv[argc++] = word;
    }
    if (!options_parse(argc, argv, no_environment, &options, why))
        fail_msg("'%s': %s", line, why);
    return tunnel_plans_of_options(&options, plans, why);
}

static struct tunnel_plans planned(const char *line)
{
    struct tunnel_plans plans = {0};
    char why[PLAN_WHY_BYTES] = "";
    if (!plan(line, &plans, why))
        fail_msg("'%s': %s", line, why);
    return plans;
}

static void error_is(const char *line, const char *expected)
{
    struct tunnel_plans plans = {.count = 77};
    char why[PLAN_WHY_BYTES] = "";
    if (plan(line, &plans, why))
        fail_msg("'%s' is taken", line);
    assert_string_equal(why, expected);
    assert_int_equal(plans.count, 77);
}

static void one_target_has_no_name_and_all_flags(void **state)
{
    (void)state;
    struct tunnel_plans plans = planned("expose app:3000 --port 8080 --label web --takeover --host-header example.com");
    const struct tunnel_plan *web = &plans.items[0];
    assert_int_equal(plans.count, 1);
    assert_null(web->name);
    assert_int_equal(web->kind, TUNNEL_EXPOSE);
    assert_string_equal(web->target.host, "app");
    assert_int_equal(web->target.port, 3000);
    assert_int_equal(web->port, 8080);
    assert_string_equal(web->label, "web");
    assert_true(web->takeover);
    assert_string_equal(web->host_header, "example.com");
    plans = planned("pull 5432 --host ::1 --connect-timeout 2s");
    const struct tunnel_plan *db = &plans.items[0];
    assert_int_equal(db->kind, TUNNEL_PULL);
    assert_null(db->label);
    assert_int_equal(db->port, 0);
    assert_string_equal(db->host, "::1");
    assert_int_equal(db->connect_timeout_ms, 2000);
}

static void several_are_named_as_they_were_written(void **state)
{
    (void)state;
    struct tunnel_plans plans = planned("expose 3000 8080=[::1]:4000 --pull 5432 --takeover --pull 15432=db:5432");
    static const struct {
        const char *name;
        enum tunnel_kind kind;
        const char *host;
        uint16_t target, port;
    } EXPECTED[] = {
        {"3000", TUNNEL_EXPOSE, "127.0.0.1", 3000, 0},
        {"8080=[::1]:4000", TUNNEL_EXPOSE, "::1", 4000, 8080},
        {"5432", TUNNEL_PULL, "127.0.0.1", 5432, 0},
        {"15432=db:5432", TUNNEL_PULL, "db", 5432, 15432},
    };
    assert_int_equal(plans.count, 4);
    for (size_t i = 0; i < plans.count; i++) {
        const struct tunnel_plan *item = &plans.items[i];
        assert_string_equal(item->name, EXPECTED[i].name);
        assert_int_equal(item->kind, EXPECTED[i].kind);
        assert_string_equal(item->target.host, EXPECTED[i].host);
        assert_int_equal(item->target.port, EXPECTED[i].target);
        assert_int_equal(item->port, EXPECTED[i].port);
        assert_int_equal(item->takeover, EXPECTED[i].kind == TUNNEL_EXPOSE);
        if (EXPECTED[i].kind == TUNNEL_PULL) {
            assert_string_equal(item->host, "127.0.0.1");
            assert_int_equal(item->connect_timeout_ms, 10000);
        }
    }
}

static void one_target_and_pulls_may_have_its_port_and_label_as_flags(void **state)
{
    (void)state;
    struct tunnel_plans plans = planned("expose 3000 --port 8080 --label web --pull 5432");
    assert_int_equal(plans.items[0].port, 8080);
    assert_string_equal(plans.items[0].label, "web");
    assert_int_equal(plans.items[1].port, 0);
    assert_null(plans.items[1].label);
}

static void a_port_before_the_target_may_be_any(void **state)
{
    (void)state;
    assert_int_equal(planned("pull 0=5432").items[0].port, 0);
    assert_int_equal(planned("pull 65535=5432").items[0].port, 65535);
}

static void what_makes_no_sense_is_told(void **state)
{
    (void)state;
    error_is("expose 1 2 --port 80", "--port is for one TARGET; of several, each has its own: 8080=3000");
    error_is("expose 1 2 --port 0", "--port is for one TARGET; of several, each has its own: 8080=3000");
    error_is("pull 1 2 --label x", "--label is for one TARGET; a file for `up` gives each its own");
    error_is("pull 5=1 --port 6", "the port is said twice: by --port and by '5=1'");
    error_is("expose 8080=1 8080=2", "port 8080 is asked for twice");
    error_is("pull 8080=1 8080=2", "port 8080 is asked for twice");
    error_is("expose 1 --pull 8080=1 --pull 8080=2", "port 8080 is asked for twice");
    error_is("expose x=1", "what stands before = in 'x=1' must be a number from 0 to 65535, not 'x'");
    error_is("expose =1", "what stands before = in '=1' must be a number from 0 to 65535, not ''");
    error_is("expose 65536=1", "what stands before = in '65536=1' must be a number from 0 to 65535, not '65536'");
    error_is("expose 80=", "TARGET '' is not understood: the port must be a number from 1 to 65535");
    error_is("expose 80=90=1",
             "TARGET '90=1' is not understood: the host name holds a character that names do not have");
    error_is("expose 1 --pull x",
             "the TARGET of --pull 'x' is not understood: the port must be a number from 1 to 65535");
    error_is("expose 1 --host-header=", "--host-header must be preserve, rewrite, or a Host such as example.com:8080");
    error_is("pull 1 --host localhost", "--host must be a loopback address, such as 127.0.0.1 or ::1, not 'localhost'");
}

static void the_same_port_may_be_of_either_kind(void **state)
{
    (void)state;
    assert_int_equal(planned("expose 8080=1 --pull 8080=2").count, 2); /* where they listen, the daemon decides */
    assert_int_equal(planned("expose 0=1 0=2").count, 2);
}

static void one_session_takes_so_many(void **state)
{
    (void)state;
    char line[256] = "expose --pull 1";
    for (size_t i = 0; i < SESSION_BINDINGS_MAX - 1; i++)
        strcat(line, " 2");
    assert_int_equal(planned(line).count, SESSION_BINDINGS_MAX);
    strcat(line, " 2");
    error_is(line, "one session takes 32 tunnels at most");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_target_has_no_name_and_all_flags),
        cmocka_unit_test(several_are_named_as_they_were_written),
        cmocka_unit_test(one_target_and_pulls_may_have_its_port_and_label_as_flags),
        cmocka_unit_test(a_port_before_the_target_may_be_any),
        cmocka_unit_test(what_makes_no_sense_is_told),
        cmocka_unit_test(the_same_port_may_be_of_either_kind),
        cmocka_unit_test(one_session_takes_so_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
