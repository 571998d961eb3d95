/* What the tests of the binding-registry say and hear again and again: two drivers, and the gateway's part. */
#ifndef HOODY_TESTS_TESTS_BINDING_SCRIPT_H
#define HOODY_TESTS_TESTS_BINDING_SCRIPT_H

#include "options.h"
#include "session_payloads.h"
#include "stage.h"

struct driver {
    struct session_id session;
    struct connection_id connection;
};
extern const struct driver alice, bob, carol;

/* Setup and teardown of each test: *state is a struct scene. */
struct scene {
    struct options options;
    struct stage *stage; /* raised by scene_raise */
};
int scene_setup(void **state);
int scene_teardown(void **state);
/* The registry begins, with the scene's options. */
struct stage *scene_raise(void **state);

enum { CLIENT_REF = -77 };

/* An EXPOSE; more fields may follow. */
#define CLAIM(stage, driver, ...)                                                                                      \
    stage_say(stage,                                                                                                   \
              MESSAGE_OF(claim_port, .connection = (driver).connection, .session = (driver).session,                   \
                         .client_ref = CLIENT_REF, .kind = BIND_KIND_HTTP, .mode = BIND_MODE_EXPOSE, __VA_ARGS__))
/* The gateway is asked to listen on this port for this driver. Returns the binding. */
struct bind_id hear_open(struct stage *stage, struct driver driver, uint32_t port);
void say_opened(struct stage *stage, struct bind_id binding, uint32_t port);
void say_failed(struct stage *stage, struct bind_id binding, bool address_in_use);
void say_closed(struct stage *stage, struct bind_id binding);
void say_release(struct stage *stage, struct driver driver, bool streams_may_end);
void say_unbind(struct stage *stage, struct driver driver, struct bind_id binding);

void hear_bound(struct stage *stage, struct driver driver, struct bind_id binding, uint32_t port);
/* The text is valid until stage_destroy. */
const char *hear_refused(struct stage *stage, struct driver driver, const char *code);
void hear_counted(struct stage *stage, struct driver driver, uint32_t bindings);
void hear_close(struct stage *stage, struct bind_id binding, bool streams_may_end);
void hear_unbound(struct stage *stage, struct driver driver, struct bind_id binding);
void hear_not_owned(struct stage *stage, struct driver driver, struct bind_id binding);
void hear_released(struct stage *stage, struct driver driver);
/* Returns the new binding. */
struct bind_id hear_transfer(struct stage *stage, struct bind_id old, struct driver to);

/* From claim to bound, for a driver that holds `before` bindings. */
struct bind_id bind_port(struct stage *stage, struct driver driver, uint32_t port, uint32_t before);

#endif
