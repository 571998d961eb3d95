/* Reads in bulk: whole and in order, plain and under TLS, many kilobytes a callback, and no error is lost. */
#include "bulk_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "prompt_socket.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 65536, PATIENCE_S = 20 };

struct peer {
    struct event_base *loop;
    struct bufferevent *socket; /* which reads in bulk */
    int fd;                     /* its other end, blocking */
    struct evbuffer *received;
    struct event *deadline;
    size_t expected;
    size_t largest; /* of the reads, bytes */
    short ended;    /* BEV_EVENT_*; 0: not yet */
    bool connected; /* TLS */
};

static void on_read(struct bufferevent *socket, void *arg)
{
    struct peer *peer = arg;
    bulk_read(socket, MOST);
    size_t length = evbuffer_get_length(bufferevent_get_input(socket));
    if (length > peer->largest)
        peer->largest = length;
    assert_int_equal(evbuffer_add_buffer(peer->received, bufferevent_get_input(socket)), 0);
    if (evbuffer_get_length(peer->received) >= peer->expected)
        event_base_loopbreak(peer->loop);
}

static void on_event(struct bufferevent *socket, short what, void *arg)
{
    (void)socket;
    struct peer *peer = arg;
    if ((what & BEV_EVENT_CONNECTED) != 0)
        peer->connected = true;
    else
        peer->ended = what;
    event_base_loopbreak(peer->loop);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    const struct peer *peer = arg;
    event_base_loopbreak(peer->loop);
}

static void peer_begin(struct peer *peer, struct bufferevent *socket)
{
    peer->socket = socket;
    assert_non_null(peer->socket);
    peer->received = evbuffer_new();
    peer->deadline = evtimer_new(peer->loop, on_deadline, peer);
    bufferevent_setcb(peer->socket, on_read, NULL, on_event, peer);
    (void)bufferevent_set_max_single_write(peer->socket, MOST);
    bufferevent_enable(peer->socket, EV_READ | EV_WRITE);
}

static void pair_of_sockets(int fds[2])
{
    const int roomy = 1 << 20;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &roomy, sizeof roomy), 0);
    assert_int_equal(evutil_make_socket_nonblocking(fds[1]), 0);
}

static void peer_init_plain(struct peer *peer)
{
    int fds[2];
    pair_of_sockets(fds);
    *peer = (struct peer){.loop = event_base_new(), .fd = fds[0]};
    peer_begin(peer, bufferevent_socket_new(peer->loop, fds[1], BEV_OPT_CLOSE_ON_FREE));
}

static void peer_done(struct peer *peer)
{
    bufferevent_free(peer->socket);
    evbuffer_free(peer->received);
    event_free(peer->deadline);
    event_base_free(peer->loop);
    if (peer->fd >= 0)
        close(peer->fd);
}

/* Until `expected` bytes are here, or something else happened. */
static void run(struct peer *peer, size_t expected)
{
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    peer->expected = expected;
    assert_int_equal(event_add(peer->deadline, &patience), 0);
    event_base_dispatch(peer->loop);
    event_del(peer->deadline);
}

static uint8_t *make_pattern(size_t length)
{
    uint8_t *bytes = malloc(length);
    assert_non_null(bytes);
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(i * 131 >> 3);
    return bytes;
}

static void assert_received(struct peer *peer, const uint8_t *bytes, size_t length)
{
    assert_int_equal(evbuffer_get_length(peer->received), length);
    assert_memory_equal(evbuffer_pullup(peer->received, -1), bytes, length);
}

static void what_waits_is_taken_in_one_go(void **state)
{
    (void)state;
    struct peer peer;
    peer_init_plain(&peer);
    const size_t length = 50000;
    uint8_t *bytes = make_pattern(length);
    assert_int_equal(write(peer.fd, bytes, length), length);
    run(&peer, 1);
    assert_received(&peer, bytes, length);
    free(bytes);
    peer_done(&peer);
}

static void no_more_is_taken_than_asked_for(void **state)
{
    (void)state;
    struct peer peer;
    peer_init_plain(&peer);
    const size_t length = 300000;
    uint8_t *bytes = make_pattern(length);
    assert_int_equal(write(peer.fd, bytes, length), length);
    run(&peer, length);
    assert_received(&peer, bytes, length);
    assert_int_equal(peer.largest, MOST);
    free(bytes);
    peer_done(&peer);
}

static void an_end_behind_bytes_is_told(void **state)
{
    (void)state;
    struct peer peer;
    peer_init_plain(&peer);
    const size_t length = 50000;
    uint8_t *bytes = make_pattern(length);
    assert_int_equal(write(peer.fd, bytes, length), length);
    close(peer.fd);
    peer.fd = -1;
    run(&peer, SIZE_MAX);
    assert_received(&peer, bytes, length);
    assert_true((peer.ended & BEV_EVENT_EOF) != 0);
    free(bytes);
    peer_done(&peer);
}

/* ---- prompt sockets ---- */

struct prompt_peer {
    struct event_base *loop;
    struct write_queue writes;
    struct bufferevent *socket;
    struct prompt_socket prompt;
    int fd;        /* its other end */
    size_t extent; /* of the last read, the first piece */
    size_t received;
    unsigned reads;
    short ended;
};

static void on_wake(void *owner)
{
    (void)owner;
}

static void take(struct prompt_peer *peer)
{
    struct evbuffer *in = bufferevent_get_input(peer->socket);
    peer->reads++;
    peer->extent = evbuffer_get_contiguous_space(in);
    peer->received += evbuffer_get_length(in);
    evbuffer_drain(in, evbuffer_get_length(in));
}

static void on_prompt_read(struct bufferevent *socket, void *arg)
{
    (void)socket;
    struct prompt_peer *peer = arg;
    bulk_read_on(&peer->prompt, MOST);
    take(peer);
}

static void on_idle_read(struct bufferevent *socket, void *arg)
{
    (void)socket;
    take(arg);
}

static void on_prompt_event(struct bufferevent *socket, short what, void *arg)
{
    (void)socket;
    struct prompt_peer *peer = arg;
    peer->ended = what;
}

static void prompt_init(struct prompt_peer *peer)
{
    int fds[2];
    pair_of_sockets(fds);
    *peer = (struct prompt_peer){.loop = event_base_new(), .fd = fds[0]};
    write_queue_init(&peer->writes, on_wake, peer);
    peer->socket = bufferevent_socket_new(peer->loop, fds[1], BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(peer->socket, on_prompt_read, NULL, on_prompt_event, peer);
    assert_true(prompt_socket_begin(&peer->prompt, &peer->writes, peer->socket, NULL));
    assert_true(prompt_socket_read(&peer->prompt, true));
}

static void prompt_done(struct prompt_peer *peer)
{
    prompt_socket_end(&peer->prompt);
    bufferevent_free(peer->socket);
    event_base_free(peer->loop);
    if (peer->fd >= 0)
        close(peer->fd);
}

static void say(struct prompt_peer *peer, size_t length)
{
    uint8_t *bytes = make_pattern(length);
    assert_int_equal(write(peer->fd, bytes, length), length);
    free(bytes);
    event_base_loop(peer->loop, EVLOOP_ONCE);
}

static void whoever_had_much_gets_it_in_one_piece(void **state)
{
    (void)state;
    struct prompt_peer peer;
    prompt_init(&peer);
    say(&peer, 40000);
    assert_int_equal(peer.received, 40000);
    assert_true(peer.extent < 40000);
    say(&peer, 40000);
    assert_int_equal(peer.received, 80000);
    assert_int_equal(peer.extent, 40000);
    assert_int_equal(peer.reads, 2);
    say(&peer, 10);
    say(&peer, 10);
    assert_int_equal(peer.received, 80020);
    assert_int_equal(peer.reads, 4);
    prompt_done(&peer);
}

static void no_more_is_taken_in_one_piece_than_asked_for(void **state)
{
    (void)state;
    struct prompt_peer peer;
    prompt_init(&peer);
    say(&peer, 300000);
    for (size_t before = 0; peer.received < 300000; before = peer.received) {
        event_base_loop(peer.loop, EVLOOP_ONCE);
        assert_in_range(peer.received - before, 1, 2 * MOST);
    }
    assert_in_range(peer.reads, 5, 8);
    prompt_done(&peer);
}

static void an_end_behind_much_is_told(void **state)
{
    (void)state;
    struct prompt_peer peer;
    prompt_init(&peer);
    say(&peer, 40000);
    close(peer.fd);
    peer.fd = -1;
    event_base_loop(peer.loop, EVLOOP_ONCE);
    assert_int_equal(peer.received, 40000);
    assert_true((peer.ended & BEV_EVENT_EOF) != 0);
    prompt_done(&peer);
}

/* As one that lingers. */
static void who_reads_in_bulk_no_more_gets_it_all_the_same(void **state)
{
    (void)state;
    struct prompt_peer peer;
    prompt_init(&peer);
    say(&peer, 40000);
    bufferevent_setcb(peer.socket, on_idle_read, NULL, on_prompt_event, &peer);
    say(&peer, 40000);
    while (peer.received < 80000)
        event_base_loop(peer.loop, EVLOOP_ONCE);
    assert_int_equal(peer.received, 80000);
    prompt_done(&peer);
}

/* ---- TLS ---- */

struct tls_peer {
    struct peer peer;
    SSL_CTX *contexts[2];
    SSL *writer; /* on memory, so that its records can be seen and spoilt */
};

enum { RECORDS_MAX = 1 << 20 };

/* Without certificates: whom it talks to is no matter of this test. */
static SSL *make_ssl(const SSL_METHOD *method, SSL_CTX **ret_context)
{
    *ret_context = SSL_CTX_new(method);
    assert_int_equal(SSL_CTX_set_max_proto_version(*ret_context, TLS1_2_VERSION), 1);
    assert_int_equal(SSL_CTX_set_cipher_list(*ret_context, "ADH-AES128-GCM-SHA256:@SECLEVEL=0"), 1);
    SSL_CTX_set_dh_auto(*ret_context, 1);
    return SSL_new(*ret_context);
}

/* What the writer has to say: to the wire. */
static void send_records(struct tls_peer *tls)
{
    static uint8_t records[RECORDS_MAX];
    int length = BIO_read(SSL_get_wbio(tls->writer), records, sizeof records);
    if (length > 0)
        assert_int_equal(write(tls->peer.fd, records, (size_t)length), length);
}

static void hear_records(struct tls_peer *tls)
{
    uint8_t records[16384];
    ssize_t length = recv(tls->peer.fd, records, sizeof records, MSG_DONTWAIT);
    if (length > 0)
        assert_int_equal(BIO_write(SSL_get_rbio(tls->writer), records, (int)length), length);
}

static void tls_init(struct tls_peer *tls)
{
    int fds[2];
    pair_of_sockets(fds);
    *tls = (struct tls_peer){.peer = {.loop = event_base_new(), .fd = fds[0]}};
    SSL *reader = make_ssl(TLS_server_method(), &tls->contexts[0]);
    tls->writer = make_ssl(TLS_client_method(), &tls->contexts[1]);
    SSL_set_bio(tls->writer, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(tls->writer);
    peer_begin(&tls->peer, bufferevent_openssl_socket_new(tls->peer.loop, fds[1], reader, BUFFEREVENT_SSL_ACCEPTING,
                                                          BEV_OPT_CLOSE_ON_FREE));
    while (!tls->peer.connected || !SSL_is_init_finished(tls->writer)) {
        (void)SSL_do_handshake(tls->writer);
        send_records(tls);
        event_base_loop(tls->peer.loop, EVLOOP_NONBLOCK);
        hear_records(tls);
    }
}

static void tls_done(struct tls_peer *tls)
{
    SSL_free(tls->writer);
    peer_done(&tls->peer);
    SSL_CTX_free(tls->contexts[0]);
    SSL_CTX_free(tls->contexts[1]);
}

static void many_records_are_taken_in_one_go(void **state)
{
    (void)state;
    struct tls_peer tls;
    tls_init(&tls);
    const size_t length = 60000;
    uint8_t *bytes = make_pattern(2 * length);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(SSL_write(tls.writer, bytes + i * length, (int)length), length);
        send_records(&tls);
        run(&tls.peer, i * length + 1);
        assert_received(&tls.peer, bytes, (i + 1) * length);
    }
    free(bytes);
    tls_done(&tls);
}

static void a_spoilt_record_behind_good_ones_is_told(void **state)
{
    (void)state;
    struct tls_peer tls;
    tls_init(&tls);
    const size_t length = 20000;
    uint8_t *bytes = make_pattern(length);
    const uint8_t spoilt[] = {0x17, 3, 3, 0, 32, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
                              15,   1, 2, 3, 4,  5, 6, 7, 8, 9, 0, 1, 2, 3, 4,  5,  6,  7};
    assert_int_equal(SSL_write(tls.writer, bytes, (int)length), length);
    static uint8_t records[RECORDS_MAX];
    int written = BIO_read(SSL_get_wbio(tls.writer), records, sizeof records);
    memcpy(records + written, spoilt, sizeof spoilt);
    assert_int_equal(write(tls.peer.fd, records, (size_t)written + sizeof spoilt), (size_t)written + sizeof spoilt);
    run(&tls.peer, SIZE_MAX);
    assert_received(&tls.peer, bytes, length);
    assert_true((tls.peer.ended & BEV_EVENT_ERROR) != 0); /* though the other end is open, and silent */
    free(bytes);
    tls_done(&tls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_waits_is_taken_in_one_go),
        cmocka_unit_test(no_more_is_taken_than_asked_for),
        cmocka_unit_test(an_end_behind_bytes_is_told),
        cmocka_unit_test(whoever_had_much_gets_it_in_one_piece),
        cmocka_unit_test(no_more_is_taken_in_one_piece_than_asked_for),
        cmocka_unit_test(an_end_behind_much_is_told),
        cmocka_unit_test(who_reads_in_bulk_no_more_gets_it_all_the_same),
        cmocka_unit_test(many_records_are_taken_in_one_go),
        cmocka_unit_test(a_spoilt_record_behind_good_ones_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
