/* A plain bufferevent's socket, read and written with fewer system calls than libevent 2.1 makes.
 *
 * Writing: by itself a bufferevent waits until the loop finds its socket writable, which it nearly always is: two
 * epoll_ctl and one more turn for whatever is sent. What a prompt socket's output has been given in a turn is written
 * when the turn ends, in one go; only what the kernel does not take is left to libevent. Reading: libevent asks with
 * FIONREAD before it reads its 4,096 bytes at most; here they are just read (bulk_read.h takes what is behind them).
 * Callbacks, watermarks and buffers are the bufferevent's, and are used as libevent does. TLS is read and written by
 * libevent; what reads and what does not is said here all the same, and the records of one turn leave together. */
#ifndef HOODY_NET_PROMPT_SOCKET_H
#define HOODY_NET_PROMPT_SOCKET_H

#include <event2/event.h>
#include <stdbool.h>
#include <sys/queue.h>

struct bufferevent;
struct evbuffer_cb_entry;

TAILQ_HEAD(prompt_sockets, prompt_socket);

/* The sockets of one loop whose output has grown. */
struct write_queue {
    struct prompt_sockets due;
    struct prompt_sockets running;
    void (*wake)(void *owner); /* something is due: write_queue_run is to be called at the end of this turn */
    void *owner;
};

/* The output has become shorter: `left` bytes remain. `owner` is that of the bufferevent's callbacks; when it has none,
 * nobody is told. Called while the output is being written: only for counting. */
typedef void (*prompt_taken)(void *owner, size_t left);

/* Zero-initialised: not begun. */
struct prompt_socket {
    struct write_queue *queue;
    struct bufferevent *socket; /* NULL: not begun, or ended */
    struct evbuffer_cb_entry *watch;
    prompt_taken on_taken;     /* NULL: nobody asked */
    event_callback_fn read_as; /* by libevent, before its event became ours */
    bool is_tls;
    bool reads;
    bool reads_bulk;                 /* bulk_read_on read much last time */
    size_t waiting;                  /* bytes that it is to read now; 0: not known, and the first ones have been read */
    bool is_corked;                  /* TLS: more than a record is on its way to OpenSSL */
    bool has_written;                /* in this turn, though nobody was told yet */
    bool fin_follows;                /* at the write callback, behind all of the output: both leave together */
    int error;                       /* errno of our write that failed; 0: none did */
    struct prompt_sockets *waits_in; /* one of the queue's; NULL: nothing is due */
    TAILQ_ENTRY(prompt_socket) link;
};

void write_queue_init(struct write_queue *queue, void (*wake)(void *owner), void *owner);
bool write_queue_is_empty(const struct write_queue *queue);
/* Writes what is due, once for each socket; what becomes due meanwhile waits for the next run. Write callbacks run in
 * here, and event callbacks of sockets that fail. */
void write_queue_run(struct write_queue *queue);

/* From now on it writes promptly; whoever enables EV_WRITE again, say because it lingers, ends that. `socket` is
 * borrowed; what it reads is said by prompt_socket_read from here on. TLS does not tell what was taken (on_taken, may
 * be NULL), nor that nothing came. false: out of memory. */
bool prompt_socket_begin(struct prompt_socket *prompt, struct write_queue *queue, struct bufferevent *socket,
                         prompt_taken on_taken);
/* Writes what is due now, as far as the kernel takes it, for whoever is about to judge how much waits. Callbacks come
 * at the turn's end. */
void prompt_socket_write(struct prompt_socket *prompt);
/* Nothing more is written by us; reading goes on. Takes NULL. */
void prompt_socket_stop_writing(struct prompt_socket *prompt);
/* Before the socket is given away, closed, or must not be used any more; may come twice. Nothing more is read or
 * written by us, nor by libevent unless it is enabled there. Takes NULL. */
void prompt_socket_end(struct prompt_socket *prompt);

/* Instead of EV_READ, which stays off. An end or an error stops reading before it is told, as does a timeout. A reset
 * that a write of ours has met is an error here, too. false: the system does not let us watch it. */
bool prompt_socket_read(struct prompt_socket *prompt, bool reads);
/* BEV_EVENT_TIMEOUT when nothing came for so long while it reads; 0: never. Lasts until it stops reading. */
void prompt_socket_wait(struct prompt_socket *prompt, unsigned seconds);

#endif
