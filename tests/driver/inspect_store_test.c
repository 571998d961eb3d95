/* What the inspection page remembers (driver/inspect/inspect_store.h): exactly, and never too much. */
#include "inspect_json.h"
#include "inspect_store.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
    struct inspect_store *store;
    unsigned changes;
};

static void on_changed(void *owner)
{
    struct fixture *fixture = owner;
    fixture->changes++;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fixture->store = inspect_store_new(on_changed, fixture);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    inspect_store_destroy(&fixture->store);
    assert_null(fixture->store);
    free(fixture);
    return 0;
}

static void add_field(struct field_list *fields, const char *name, const char *value)
{
    assert_true(field_list_add(fields, span_of_string(name), span_of_string(value)));
}

static uint64_t begin_with(struct fixture *fixture, const char *target, const char *field_value)
{
    char method[] = "POST", peer[] = "192.0.2.1:5";
    struct stream_open open = {.method = method, .target = strdup(target), .peer_address = peer};
    add_field(&open.fields, "authorization", field_value);
    const struct inspect_begin begin = {
        .tunnel = "web", .open = &open, .at = {.tv_sec = 1700000000, .tv_nsec = 123456789}, .at_us = 1000};
    uint64_t id = inspect_store_begin(fixture->store, &begin);
    free(open.target);
    field_list_done(&open.fields);
    return id;
}

static uint64_t begin(struct fixture *fixture)
{
    return begin_with(fixture, "/", "Bearer x");
}

static size_t add_body(struct fixture *fixture, uint64_t id, enum inspect_side side, size_t length, uint8_t byte)
{
    uint8_t *place = NULL;
    size_t kept = inspect_store_body(fixture->store, id, side, length, &place);
    if (kept > 0)
        memset(place, byte, kept);
    return kept;
}

static void answer(struct fixture *fixture, uint64_t id, uint16_t status, const char *value)
{
    struct response_head head = {.status = status, .is_final = true};
    add_field(&head.fields, "Set-Cookie", value);
    inspect_store_answer(fixture->store, id, &head, 3500);
    response_head_done(&head);
}

static void an_entry_holds_what_was_said_of_it(void **state)
{
    struct fixture *fixture = *state;
    uint64_t id = begin_with(fixture, "/a?b", "Bearer x");
    assert_int_equal(id, 1);
    const struct inspect_entry *entry = inspect_store_find(fixture->store, id);
    assert_string_equal(entry->tunnel, "web");
    assert_string_equal(entry->open.method, "POST");
    assert_string_equal(entry->open.target, "/a?b");
    assert_string_equal(entry->open.peer_address, "192.0.2.1:5");
    assert_string_equal(field_list_find(&entry->open.fields, "authorization"), "Bearer x");
    assert_int_equal(entry->state, INSPECT_RUNNING);
    assert_int_equal(entry->status, 0);

    add_body(fixture, id, INSPECT_REQUEST, 3, 'a');
    add_body(fixture, id, INSPECT_REQUEST, 2, 'b');
    answer(fixture, id, 201, "a=1");
    add_body(fixture, id, INSPECT_ANSWER, 1, 'c');
    inspect_store_end(fixture->store, id, INSPECT_FAILED, "it broke off", 9000);
    entry = inspect_store_find(fixture->store, id);
    assert_int_equal(entry->request.total, 5);
    assert_int_equal(entry->request.kept, 5);
    assert_memory_equal(entry->request.bytes, "aaabb", 5);
    assert_memory_equal(entry->answer.bytes, "c", 1);
    assert_int_equal(entry->status, 201);
    assert_string_equal(field_list_find(&entry->fields, "set-cookie"), "a=1");
    assert_int_equal(entry->state, INSPECT_FAILED);
    assert_string_equal(entry->why, "it broke off");
    assert_int_equal(entry->answered_us, 3500);
    assert_int_equal(entry->ended_us, 9000);
}

static void each_change_is_told_and_has_a_revision(void **state)
{
    struct fixture *fixture = *state;
    uint64_t first = begin(fixture), second = begin(fixture);
    uint64_t before = inspect_store_revision(fixture->store);
    assert_int_equal(fixture->changes, 2);
    answer(fixture, first, 200, "");
    assert_int_equal(fixture->changes, 3);
    assert_true(inspect_store_find(fixture->store, first)->revision > before);
    assert_true(inspect_store_find(fixture->store, second)->revision <= before);
    assert_int_equal(inspect_store_find(fixture->store, first)->revision, inspect_store_revision(fixture->store));
}

static void of_a_body_the_beginning_is_kept_and_all_is_counted(void **state)
{
    struct fixture *fixture = *state;
    uint64_t id = begin(fixture);
    assert_int_equal(add_body(fixture, id, INSPECT_ANSWER, INSPECT_BODY_MAX - 1, 'a'), INSPECT_BODY_MAX - 1);
    assert_int_equal(add_body(fixture, id, INSPECT_ANSWER, 5, 'b'), 1);
    assert_int_equal(add_body(fixture, id, INSPECT_ANSWER, 7, 'c'), 0);
    const struct inspect_entry *entry = inspect_store_find(fixture->store, id);
    assert_int_equal(entry->answer.total, INSPECT_BODY_MAX + 11);
    assert_int_equal(entry->answer.kept, INSPECT_BODY_MAX);
    assert_int_equal(entry->answer.bytes[INSPECT_BODY_MAX - 2], 'a');
    assert_int_equal(entry->answer.bytes[INSPECT_BODY_MAX - 1], 'b');
    assert_int_equal(entry->request.total, 0);
}

static void the_oldest_goes_when_there_are_too_many(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < INSPECT_ENTRIES_MAX; i++)
        begin(fixture);
    assert_non_null(inspect_store_find(fixture->store, 1));
    assert_int_equal(begin(fixture), INSPECT_ENTRIES_MAX + 1);
    assert_null(inspect_store_find(fixture->store, 1));
    assert_int_equal(inspect_store_find(fixture->store, 2)->id, 2);
    assert_int_equal(inspect_store_find(fixture->store, INSPECT_ENTRIES_MAX + 1)->id, INSPECT_ENTRIES_MAX + 1);
    assert_null(inspect_store_find(fixture->store, INSPECT_ENTRIES_MAX + 2));
    assert_null(inspect_store_find(fixture->store, 0));
    assert_int_equal(inspect_store_oldest(fixture->store), 2);
    assert_int_equal(inspect_store_next(fixture->store), INSPECT_ENTRIES_MAX + 2);
}

static void what_is_said_of_one_that_is_gone_is_dropped(void **state)
{
    struct fixture *fixture = *state;
    uint64_t id = begin(fixture);
    inspect_store_clear(fixture->store);
    unsigned changes = fixture->changes;
    answer(fixture, id, 200, "");
    assert_int_equal(add_body(fixture, id, INSPECT_REQUEST, 3, 'a'), 0);
    inspect_store_end(fixture->store, id, INSPECT_COMPLETE, "", 1);
    assert_int_equal(fixture->changes, changes);
    assert_null(inspect_store_find(fixture->store, id));
    assert_int_equal(inspect_store_memory(fixture->store), 0);
    assert_int_equal(begin(fixture), id + 1);
}

/* Every request with a head and bodies as large as may be: 200 of them would take some 50 MiB. */
static void memory_is_bounded_whatever_passes(void **state)
{
    enum { LONG = 60000 };
    struct fixture *fixture = *state;
    char *text = malloc(LONG + 1);
    assert_non_null(text);
    memset(text, 'x', LONG);
    text[LONG] = '\0';
    size_t most = 0;
    for (int i = 0; i < INSPECT_ENTRIES_MAX; i++) {
        uint64_t id = begin_with(fixture, "/", text);
        answer(fixture, id, 200, text);
        add_body(fixture, id, INSPECT_REQUEST, INSPECT_BODY_MAX, 'r');
        add_body(fixture, id, INSPECT_ANSWER, 10 * INSPECT_BODY_MAX, 'a');
        size_t memory = inspect_store_memory(fixture->store);
        most = memory > most ? memory : most;
        assert_non_null(inspect_store_find(fixture->store, id));
    }
    free(text);
    assert_true(most <= INSPECT_MEMORY_MAX);
    assert_true(most > INSPECT_MEMORY_MAX - 400000); /* the bound is what bounds it */
    uint64_t left = inspect_store_next(fixture->store) - inspect_store_oldest(fixture->store);
    assert_true(left < INSPECT_ENTRIES_MAX);
    inspect_store_clear(fixture->store);
    assert_int_equal(inspect_store_memory(fixture->store), 0);
}

/* ---- as JSON ---- */

static json_t *read_json(char *text)
{
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    assert_non_null(json);
    return json;
}

static const char *first_value(const json_t *detail, const char *side)
{
    const json_t *fields = json_object_get(json_object_get(detail, side), "fields");
    return json_string_value(json_array_get(json_array_get(fields, 0), 1));
}

static void secrets_are_in_the_json_only_when_asked_for(void **state)
{
    struct fixture *fixture = *state;
    uint64_t id = begin_with(fixture, "/a?token=t&b=1", "Bearer x");
    answer(fixture, id, 200, "a=1; Path=/");
    struct inspect_view view = {.store = fixture->store};
    const struct inspect_entry *entry = inspect_store_find(fixture->store, id);
    json_t *detail = read_json(inspect_json_entry(&view, entry, NULL));
    assert_string_equal(json_string_value(json_object_get(detail, "target")), "/a?token=********&b=1");
    assert_string_equal(first_value(detail, "request"), "Bearer ********");
    assert_string_equal(first_value(detail, "response"), "a=********; Path=/");
    json_decref(detail);
    char *list = inspect_json_list(&view, 0);
    assert_null(strstr(list, "token=t"));
    free(list);

    view.shows_secrets = true;
    detail = read_json(inspect_json_entry(&view, entry, NULL));
    assert_string_equal(json_string_value(json_object_get(detail, "target")), "/a?token=t&b=1");
    assert_string_equal(first_value(detail, "request"), "Bearer x");
    assert_string_equal(first_value(detail, "response"), "a=1; Path=/");
    json_decref(detail);
}

static void a_list_is_short_whatever_was_sent(void **state)
{
    enum { LONG = 60000 };
    struct fixture *fixture = *state;
    const struct inspect_view view = {.store = fixture->store};
    char *text = malloc(LONG + 1);
    assert_non_null(text);
    memset(text, '/', LONG);
    text[LONG] = '\0';
    struct response_head head = {.status = 200, .is_final = true};
    add_field(&head.fields, "content-type", text);
    inspect_store_answer(fixture->store, begin_with(fixture, text, text), &head, 1);
    response_head_done(&head);
    free(text);
    char *list = inspect_json_list(&view, 0);
    assert_true(strlen(list) < 2000);
    free(list);
    json_t *detail = read_json(inspect_json_entry(&view, inspect_store_find(fixture->store, 1), NULL));
    assert_int_equal(json_string_length(json_object_get(detail, "target")), LONG);
    json_decref(detail);
}

static void a_list_has_what_changed_since(void **state)
{
    struct fixture *fixture = *state;
    const struct inspect_view view = {.store = fixture->store};
    uint64_t first = begin(fixture);
    begin(fixture);
    uint64_t revision = inspect_store_revision(fixture->store);
    json_t *list = read_json(inspect_json_list(&view, 0));
    assert_int_equal(json_array_size(json_object_get(list, "requests")), 2);
    assert_int_equal(json_integer_value(json_object_get(list, "oldest")), 1);
    json_decref(list);

    inspect_store_end(fixture->store, first, INSPECT_COMPLETE, "", 2500);
    list = read_json(inspect_json_list(&view, revision));
    const json_t *requests = json_object_get(list, "requests");
    assert_int_equal(json_array_size(requests), 1);
    const json_t *request = json_array_get(requests, 0);
    assert_int_equal(json_integer_value(json_object_get(request, "id")), first);
    assert_string_equal(json_string_value(json_object_get(request, "state")), "complete");
    assert_string_equal(json_string_value(json_object_get(request, "startedAt")), "2023-11-14T22:13:20.123Z");
    assert_true(json_real_value(json_object_get(request, "durationMs")) == 1.5);
    assert_true(json_is_null(json_object_get(request, "status")));
    json_decref(list);

    inspect_store_clear(fixture->store);
    list = read_json(inspect_json_list(&view, revision));
    assert_int_equal(json_array_size(json_object_get(list, "requests")), 0);
    assert_int_equal(json_integer_value(json_object_get(list, "oldest")), 3);
    json_decref(list);
}

#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(an_entry_holds_what_was_said_of_it),
        STORE_TEST(each_change_is_told_and_has_a_revision),
        STORE_TEST(of_a_body_the_beginning_is_kept_and_all_is_counted),
        STORE_TEST(the_oldest_goes_when_there_are_too_many),
        STORE_TEST(what_is_said_of_one_that_is_gone_is_dropped),
        STORE_TEST(memory_is_bounded_whatever_passes),
        STORE_TEST(secrets_are_in_the_json_only_when_asked_for),
        STORE_TEST(a_list_is_short_whatever_was_sent),
        STORE_TEST(a_list_has_what_changed_since),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
