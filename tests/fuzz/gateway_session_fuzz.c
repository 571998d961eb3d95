/* A whole session against the real gateway, its thread and its sockets: whatever a driver and its visitors send, in any
 * order, the gateway lives, gives back every permit when they are gone, and serves another session's visitor all the
 * while.
 *
 * The input is a script, an operation a byte (its low four bits, a choice in the high ones), then what the operation
 * takes. */
#include "fuzz_input.h"

#include <errno.h>
#include <event2/buffer.h>
#include <sys/socket.h>

#include "check.h"
#include "gateway_peers.h"
#include "session_payloads.h"

enum {
    VISITORS = 4,
    STREAMS = 8, /* that frames speak of: 0 is the session, the others are 2, 4, ... */
    STEPS_MAX = 100,
    BIND_BYSTANDER = 1,
    BIND_EXPOSE = 2,
    BIND_PULL = 3,
    BINDINGS = 3,
};

enum operation {
    ADD_FRAME,      /* type, stream, bytes: onto the primary's next message */
    ADD_HEAD,       /* a valid head for a stream */
    ADD_DATA,       /* DATA of so many times 256 bytes */
    SEND,           /* the primary's message goes out */
    SEND_SECONDARY, /* type, stream, bytes, alone, on the secondary */
    SAY_RAW,        /* bytes below the WebSocket framing, on the primary */
    SAY_RAW_SECONDARY,
    VISIT, /* a good request on a visitor's connection */
    VISIT_WITH_BODY,
    UPGRADE,
    SAY_VISITOR, /* any bytes */
    VISIT_PULL,  /* any bytes */
    END_VISITOR, /* half-close */
    ABORT_VISITOR,
    CLOSE_BINDING,
    ASK_AROUND, /* the gateway has handled what was sent before */
};

static const char *const HEADS[] = {
    "{\"status\":200,\"headers\":[[\"content-length\",\"512\"]],\"final\":true}",
    "{\"status\":200,\"headers\":[],\"final\":true}",
    "{\"status\":204,\"headers\":[],\"final\":true}",
    "{\"status\":103,\"headers\":[[\"link\",\"</a>\"]],\"final\":false}",
    "{\"status\":101,\"headers\":[[\"connection\",\"upgrade\"],[\"upgrade\",\"websocket\"]],\"final\":true}",
    "{\"status\":404,\"headers\":[[\"content-length\",\"0\"],[\"connection\",\"close\"]],\"final\":true}",
};

struct session {
    struct gateway_stage *stage;
    struct driver *primary;
    struct driver *secondary;
    struct client *visitors[VISITORS]; /* NULL: not there */
    uint16_t expose_port;              /* 0: closed, as the next */
    uint16_t pull_port;
};

static struct gateway_stage *stage; /* of all inputs */
static struct driver *bystander;
static uint16_t bystander_port;
static uint64_t permits_at_rest;

/* ---- the bystander ---- */

static void tear_down(void)
{
    void *state = stage;
    stage = NULL;
    (void)gateway_stage_tear_down(&state);
}

static void raise_once(void)
{
    void *state = NULL;
    if (stage != NULL)
        return;
    assert_int_equal(gateway_stage_set_up(&state), 0);
    stage = state;
    gateway_raise(stage);
    bystander = driver_enter(stage);
    bystander_port = driver_bind(bystander, BIND_BYSTANDER);
    permits_at_rest = permits_left(gateway_count(stage));
    check(atexit(tear_down) == 0); /* so it comes before CZMQ's own, which waits for open sockets, and OpenSSL's */
}

static void serve_bystander(void)
{
    struct client *visitor = client_dial(stage, bystander_port);
    client_say(visitor, "GET /bystander HTTP/1.1\r\nHost: a\r\n\r\n");
    const struct frame *frame = driver_hear_any(bystander);
    while (frame->type != FRAME_STREAM_OPEN) /* what it ended before, and credit */
        frame = driver_hear_any(bystander);
    driver_say_answer(bystander, frame->stream, 200, "untouched");
    client_hear_answer(visitor, 200, "untouched");
    client_hang_up(visitor);
}

/* ---- the session ---- */

/* What was ended by the other side takes nothing more, which is its right. */
static void try_to_say(int fd, struct span bytes)
{
    ssize_t sent = send(fd, bytes.data, bytes.length, MSG_NOSIGNAL | MSG_DONTWAIT);
    check(sent >= 0 || errno == EPIPE || errno == ECONNRESET || errno == EAGAIN);
}

static void try_to_send(struct driver *driver)
{
    frame_batch_seal(&driver->batch);
    size_t length = evbuffer_get_length(driver->out);
    try_to_say(driver->socket->fd, span_of(evbuffer_pullup(driver->out, -1), length));
    evbuffer_drain(driver->out, length);
}

static uint16_t bind_port(struct driver *driver, uint32_t binding, enum bind_mode mode)
{
    gateway_say(stage, MESSAGE_OF(open_listener, .connection = driver->connection, .binding = {binding}, .mode = mode,
                                  .address = "127.0.0.1"));
    uint16_t port = (uint16_t)gateway_hear(stage, MESSAGE_listener_opened)->listener_opened.port;
    gateway_say(stage, MESSAGE_OF(bound, .connection = driver->connection, .client_ref = 1, .binding = {binding},
                                  .port = port));
    driver_hear(driver, FRAME_BIND_OK, 0);
    return port;
}

static uint32_t take_stream(struct span *input)
{
    return 2 * (fuzz_take_u8(input) % STREAMS);
}

static void add_any_frame(struct driver *driver, struct span *input)
{
    enum frame_type type = (enum frame_type)fuzz_take_u8(input);
    uint32_t stream = take_stream(input);
    frame_batch_add(&driver->batch, type, stream, fuzz_take_bytes(input));
}

/* On the connection that the choice names, which is made when there is none. */
static void say_as_visitor(struct session *session, unsigned choice, uint16_t port, struct span bytes)
{
    struct client **p_visitor = &session->visitors[choice % VISITORS];
    if (*p_visitor == NULL && port == 0)
        return;
    if (*p_visitor == NULL)
        *p_visitor = client_dial(stage, port);
    try_to_say((*p_visitor)->fd, bytes);
}

static void take_step(struct session *session, struct span *input)
{
    static const uint8_t zeros[256 * 16];
    uint8_t step = fuzz_take_u8(input);
    unsigned choice = step >> 4;
    struct client **p_visitor = &session->visitors[choice % VISITORS];
    switch ((enum operation)(step & 0x0F)) {
    case ADD_FRAME:
        add_any_frame(session->primary, input);
        break;
    case ADD_HEAD:
        frame_batch_add(&session->primary->batch, FRAME_STREAM_RESPONSE_HEAD, take_stream(input),
                        span_of_string(HEADS[choice % (sizeof HEADS / sizeof HEADS[0])]));
        break;
    case ADD_DATA:
        frame_batch_add(&session->primary->batch, FRAME_DATA, take_stream(input), span_of(zeros, choice * 256));
        break;
    case SEND:
        try_to_send(session->primary);
        break;
    case SEND_SECONDARY:
        add_any_frame(session->secondary, input);
        try_to_send(session->secondary);
        break;
    case SAY_RAW:
        try_to_say(session->primary->socket->fd, fuzz_take_bytes(input));
        break;
    case SAY_RAW_SECONDARY:
        try_to_say(session->secondary->socket->fd, fuzz_take_bytes(input));
        break;
    case VISIT:
        say_as_visitor(session, choice, session->expose_port, span_of_string("GET /a HTTP/1.1\r\nHost: a\r\n\r\n"));
        break;
    case VISIT_WITH_BODY:
        say_as_visitor(
            session, choice, session->expose_port,
            span_of_string("POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"));
        break;
    case UPGRADE:
        say_as_visitor(
            session, choice, session->expose_port,
            span_of_string("GET /c HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nearly"));
        break;
    case SAY_VISITOR:
        say_as_visitor(session, choice, session->expose_port, fuzz_take_bytes(input));
        break;
    case VISIT_PULL:
        say_as_visitor(session, choice, session->pull_port, fuzz_take_bytes(input));
        break;
    case END_VISITOR:
        if (*p_visitor != NULL)
            (void)shutdown((*p_visitor)->fd, SHUT_WR);
        break;
    case ABORT_VISITOR:
        if (*p_visitor != NULL)
            client_abort(*p_visitor);
        *p_visitor = NULL;
        break;
    case CLOSE_BINDING:
        gateway_say(stage, MESSAGE_OF(close_listener, .binding = {choice % 2 == 0 ? BIND_EXPOSE : BIND_PULL},
                                      .streams_may_end = choice % 4 >= 2));
        *(choice % 2 == 0 ? &session->expose_port : &session->pull_port) = 0;
        break;
    case ASK_AROUND:
        gateway_ping(stage);
        break;
    }
}

static void end(struct session *session)
{
    driver_hang_up(session->secondary);
    driver_hang_up(session->primary);
    for (size_t i = 0; i < VISITORS; i++)
        if (session->visitors[i] != NULL)
            client_hang_up(session->visitors[i]);
    for (uint32_t binding = BIND_BYSTANDER + 1; binding <= BINDINGS; binding++)
        gateway_say(stage, MESSAGE_OF(close_listener, .binding = {binding}));
    gateway_await_permits(stage, permits_at_rest);
    gateway_forget(stage);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    raise_once();
    struct session session = {.stage = stage, .primary = driver_enter(stage)};
    session.expose_port = bind_port(session.primary, BIND_EXPOSE, BIND_MODE_EXPOSE);
    session.pull_port = bind_port(session.primary, BIND_PULL, BIND_MODE_PULL);
    session.secondary = driver_join(session.primary, 1);
    for (int step = 0; step < STEPS_MAX && input.length > 0; step++)
        take_step(&session, &input);
    try_to_send(session.primary);
    gateway_ping(stage);
    serve_bystander();
    end(&session);
    return 0;
}
