#include "binding_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

#include "binding_registry.h"

const struct driver alice = {{"S-00000000-0000-4000-8000-00000000000a"}, {11}};
const struct driver bob = {{"S-00000000-0000-4000-8000-00000000000b"}, {12}};
const struct driver carol = {{"S-00000000-0000-4000-8000-00000000000c"}, {13}};

int scene_setup(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    assert_non_null(scene);
    assert_true(options_init(&scene->options));
    *state = scene;
    return 0;
}

int scene_teardown(void **state)
{
    struct scene *scene = *state;
    stage_destroy(&scene->stage);
    options_done(&scene->options);
    free(scene);
    return 0;
}

struct stage *scene_raise(void **state)
{
    struct scene *scene = *state;
    scene->stage = stage_new(&binding_registry_actor, &scene->options);
    return scene->stage;
}

/* ---- the peers say ------------------------------------------------------------------------------------------- */

void say_opened(struct stage *stage, struct bind_id binding, uint32_t port)
{
    stage_say(stage, MESSAGE_OF(listener_opened, .binding = binding, .port = port));
}

void say_failed(struct stage *stage, struct bind_id binding, bool address_in_use)
{
    stage_say(stage, MESSAGE_OF(listener_failed, .binding = binding, .address_in_use = address_in_use,
                                .text = "the system's reason"));
}

void say_closed(struct stage *stage, struct bind_id binding)
{
    stage_say(stage, MESSAGE_OF(listener_closed, .binding = binding));
}

void say_release(struct stage *stage, struct driver driver, bool streams_may_end)
{
    stage_say(stage, MESSAGE_OF(release_session, .session = driver.session, .streams_may_end = streams_may_end));
}

void say_unbind(struct stage *stage, struct driver driver, struct bind_id binding)
{
    stage_say(stage,
              MESSAGE_OF(release_port, .connection = driver.connection, .session = driver.session, .binding = binding));
}

/* ---- the registry says --------------------------------------------------------------------------------------- */

struct bind_id hear_open(struct stage *stage, struct driver driver, uint32_t port)
{
    const struct message_open_listener *open = &stage_hear(stage, MESSAGE_open_listener)->open_listener;
    assert_int_equal(open->connection.value, driver.connection.value);
    assert_int_equal(open->port, port);
    assert_int_equal(open->mode, BIND_MODE_EXPOSE);
    assert_in_range(open->binding.value, 1, INT32_MAX);
    return open->binding;
}

void hear_bound(struct stage *stage, struct driver driver, struct bind_id binding, uint32_t port)
{
    const struct message_bound *bound = &stage_hear(stage, MESSAGE_bound)->bound;
    assert_int_equal(bound->connection.value, driver.connection.value);
    assert_int_equal(bound->client_ref, CLIENT_REF);
    assert_int_equal(bound->binding.value, binding.value);
    assert_int_equal(bound->port, port);
}

const char *hear_refused(struct stage *stage, struct driver driver, const char *code)
{
    const struct message_bind_refused *refused = &stage_hear(stage, MESSAGE_bind_refused)->bind_refused;
    assert_string_equal(refused->code, code);
    assert_int_equal(refused->connection.value, driver.connection.value);
    assert_int_equal(refused->client_ref, CLIENT_REF);
    assert_string_not_equal(refused->text, "");
    return refused->text;
}

void hear_counted(struct stage *stage, struct driver driver, uint32_t bindings)
{
    const struct message_bindings_counted *counted = &stage_hear(stage, MESSAGE_bindings_counted)->bindings_counted;
    assert_string_equal(counted->session.text, driver.session.text);
    assert_int_equal(counted->bindings, bindings);
}

void hear_close(struct stage *stage, struct bind_id binding, bool streams_may_end)
{
    const struct message_close_listener *close = &stage_hear(stage, MESSAGE_close_listener)->close_listener;
    assert_int_equal(close->binding.value, binding.value);
    assert_int_equal(close->streams_may_end, streams_may_end);
}

void hear_unbound(struct stage *stage, struct driver driver, struct bind_id binding)
{
    const struct message_unbound *unbound = &stage_hear(stage, MESSAGE_unbound)->unbound;
    assert_int_equal(unbound->connection.value, driver.connection.value);
    assert_int_equal(unbound->binding.value, binding.value);
}

void hear_not_owned(struct stage *stage, struct driver driver, struct bind_id binding)
{
    const struct message_unbind_refused *refused = &stage_hear(stage, MESSAGE_unbind_refused)->unbind_refused;
    assert_int_equal(refused->connection.value, driver.connection.value);
    assert_int_equal(refused->binding.value, binding.value);
    assert_string_equal(refused->code, "NOT_OWNED");
    assert_string_not_equal(refused->text, "");
}

void hear_released(struct stage *stage, struct driver driver)
{
    const struct message *released = stage_hear(stage, MESSAGE_session_released);
    assert_string_equal(released->session_released.session.text, driver.session.text);
}

struct bind_id hear_transfer(struct stage *stage, struct bind_id old, struct driver to)
{
    const struct message_transfer_listener *transfer = &stage_hear(stage, MESSAGE_transfer_listener)->transfer_listener;
    assert_int_equal(transfer->old_binding.value, old.value);
    assert_int_equal(transfer->connection.value, to.connection.value);
    assert_int_not_equal(transfer->binding.value, old.value);
    assert_string_not_equal(transfer->reason, "");
    return transfer->binding;
}

struct bind_id bind_port(struct stage *stage, struct driver driver, uint32_t port, uint32_t before)
{
    CLAIM(stage, driver, .port = port);
    struct bind_id binding = hear_open(stage, driver, port);
    say_opened(stage, binding, port);
    hear_counted(stage, driver, before + 1);
    hear_bound(stage, driver, binding, port);
    return binding;
}
