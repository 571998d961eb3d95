/* Names looked up beside the loop (driver/resolver.h). */
#include "resolver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct asker {
    struct loop *loop;
    struct resolution *resolution;
    unsigned answers;
    size_t count;
    char name[HOST_PORT_BYTES];
    const char *why;
};

static void on_done(void *owner, const struct endpoint *endpoint, const char *why)
{
    struct asker *asker = owner;
    asker->answers++;
    asker->why = why;
    asker->count = endpoint != NULL ? endpoint->count : 0;
    if (endpoint != NULL)
        strcpy(asker->name, endpoint->name);
    resolution_destroy(&asker->resolution);
    loop_stop(asker->loop);
}

static struct asker ask(const char *host)
{
    struct asker asker = {.loop = loop_new()};
    struct host_port where = {.port = 7080};
    strcpy(where.host, host);
    asker.resolution = resolution_new(asker.loop, &where, on_done, &asker);
    assert_int_equal(asker.answers, 0); /* never from within */
    loop_run(asker.loop);
    loop_destroy(&asker.loop);
    assert_int_equal(asker.answers, 1);
    return asker;
}

static void an_address_is_its_own_answer(void **state)
{
    (void)state;
    struct asker asker = ask("192.0.2.1");
    assert_int_equal(asker.count, 1);
    assert_string_equal(asker.name, "192.0.2.1:7080");
    assert_int_equal(ask("2001:db8::1").count, 1);
}

static void a_name_is_looked_up(void **state)
{
    (void)state;
    struct asker asker = ask("localhost");
    assert_true(asker.count >= 1);
    assert_string_equal(asker.name, "localhost:7080");
}

static void a_name_that_does_not_exist_is_told(void **state)
{
    (void)state;
    struct asker asker = ask("no.such.name.invalid");
    assert_int_equal(asker.count, 0);
    assert_non_null(asker.why);
}

static void nobody_need_wait_for_the_answer(void **state)
{
    (void)state;
    struct asker asker = {.loop = loop_new()};
    const struct host_port where = {.host = "localhost", .port = 1};
    for (int i = 0; i < 20; i++) {
        asker.resolution = resolution_new(asker.loop, &where, on_done, &asker);
        resolution_destroy(&asker.resolution);
        assert_null(asker.resolution);
        resolution_destroy(&asker.resolution);
    }
    loop_destroy(&asker.loop);
    assert_int_equal(asker.answers, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_its_own_answer),
        cmocka_unit_test(a_name_is_looked_up),
        cmocka_unit_test(a_name_that_does_not_exist_is_told),
        cmocka_unit_test(nobody_need_wait_for_the_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
