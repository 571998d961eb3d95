/* The stage's local service. */
#include "stage_parts.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

void stage_close_with_reset(struct bufferevent *bev)
{
    const struct linger at_once = {.l_onoff = 1};
    assert_int_equal(setsockopt(bufferevent_getfd(bev), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    bufferevent_free(bev);
}

static void on_service_event(struct bufferevent *bev, short what, void *arg)
{
    struct service_connection *connection = arg;
    (void)bev;
    if ((what & BEV_EVENT_EOF) != 0)
        connection->ended = true;
    if ((what & BEV_EVENT_ERROR) != 0)
        connection->reset = true;
}

void stage_service_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int length,
                          void *arg)
{
    (void)listener;
    (void)address;
    (void)length;
    struct stage *stage = arg;
    assert_true(stage->connection_count < STAGE_CONNECTIONS_MAX);
    struct service_connection *connection = &stage->connections[stage->connection_count++];
    connection->bev = bufferevent_socket_new(loop_base(stage->loop), fd, BEV_OPT_CLOSE_ON_FREE);
    assert_non_null(connection->bev);
    bufferevent_setcb(connection->bev, NULL, NULL, on_service_event, connection);
    bufferevent_enable(connection->bev, EV_READ | EV_WRITE);
}

static struct service_connection *connection_of(struct stage *stage, size_t connection)
{
    if (stage->kit->bev != NULL)
        stage_send(stage);
    AWAIT(stage, connection < stage->connection_count);
    assert_non_null(stage->connections[connection].bev);
    return &stage->connections[connection];
}

void stage_stop_service(struct stage *stage)
{
    evconnlistener_free(stage->service_listener);
    stage->service_listener = NULL;
}

/* A listener whose queue is full: the kernel drops what knocks. */
void stage_block_service(struct stage *stage)
{
    struct sockaddr_in *address = (struct sockaddr_in *)&stage->target.endpoint.addresses[0];
    socklen_t length = sizeof *address;
    for (size_t i = 0; i < STAGE_BLOCKING_SOCKETS; i++) {
        stage->blocking[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        assert_true(stage->blocking[i] > 0);
    }
    address->sin_port = 0;
    assert_int_equal(bind(stage->blocking[0], (struct sockaddr *)address, length), 0);
    assert_int_equal(listen(stage->blocking[0], 0), 0);
    assert_int_equal(getsockname(stage->blocking[0], (struct sockaddr *)address, &length), 0);
    for (size_t i = 1; i < STAGE_BLOCKING_SOCKETS; i++) /* one is queued, the others wait */
        assert_int_equal(connect(stage->blocking[i], (struct sockaddr *)address, length), -1);
    assert_int_equal(errno, EINPROGRESS);
}

static void service_await(struct stage *stage, size_t number, size_t length)
{
    struct service_connection *connection = connection_of(stage, number);
    struct evbuffer *input = bufferevent_get_input(connection->bev);
    while (evbuffer_get_length(input) < length) {
        if (connection->ended || connection->reset)
            fail_msg("the driver closed connection %zu after %zu bytes", number, evbuffer_get_length(input));
        stage_run_once(stage);
    }
}

void stage_service_hear(struct stage *stage, size_t number, const char *text)
{
    char got[2048] = "";
    size_t length = strlen(text);
    assert_true(length < sizeof got);
    service_await(stage, number, length);
    evbuffer_remove(bufferevent_get_input(stage->connections[number].bev), got, length);
    assert_string_equal(got, text);
}

void stage_service_hear_filler(struct stage *stage, size_t number, size_t length)
{
    service_await(stage, number, length);
    struct evbuffer *input = bufferevent_get_input(stage->connections[number].bev);
    const uint8_t *bytes = evbuffer_pullup(input, (ev_ssize_t)length);
    for (size_t i = 0; i < length; i++)
        assert_int_equal(bytes[i], 'k');
    evbuffer_drain(input, length);
}

void stage_service_say(struct stage *stage, size_t number, const char *text)
{
    assert_int_equal(bufferevent_write(connection_of(stage, number)->bev, text, strlen(text)), 0);
}

void stage_service_say_filler(struct stage *stage, size_t number, size_t length)
{
    struct evbuffer *output = bufferevent_get_output(connection_of(stage, number)->bev);
    char *bytes = malloc(length);
    assert_non_null(bytes);
    memset(bytes, 's', length);
    assert_int_equal(evbuffer_add(output, bytes, length), 0);
    free(bytes);
}

void stage_service_pause(struct stage *stage, size_t number)
{
    bufferevent_disable(connection_of(stage, number)->bev, EV_READ);
}

void stage_service_resume(struct stage *stage, size_t number)
{
    bufferevent_enable(connection_of(stage, number)->bev, EV_READ);
}

void stage_service_end(struct stage *stage, size_t number)
{
    struct service_connection *connection = connection_of(stage, number);
    AWAIT(stage, evbuffer_get_length(bufferevent_get_output(connection->bev)) == 0);
    assert_int_equal(shutdown(bufferevent_getfd(connection->bev), SHUT_WR), 0);
}

void stage_service_reset(struct stage *stage, size_t number)
{
    struct service_connection *connection = connection_of(stage, number);
    AWAIT(stage, evbuffer_get_length(bufferevent_get_output(connection->bev)) == 0);
    stage_close_with_reset(connection->bev);
    connection->bev = NULL;
}

void stage_service_hear_end(struct stage *stage, size_t number)
{
    struct service_connection *connection = connection_of(stage, number);
    AWAIT(stage, connection->ended || connection->reset);
    assert_true(connection->ended);
    assert_int_equal(evbuffer_get_length(bufferevent_get_input(connection->bev)), 0);
}

void stage_service_hear_reset(struct stage *stage, size_t number)
{
    struct service_connection *connection = connection_of(stage, number);
    AWAIT(stage, connection->ended || connection->reset);
    assert_true(connection->reset);
}
