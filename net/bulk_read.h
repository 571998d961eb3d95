/* Reads in bulk. libevent 2.1 takes at most 4,096 bytes off a socket for each time that it is readable, and asks the
 * kernel how many there are before (buffer.c, EVBUFFER_MAX_READ); under TLS it takes one record. That is three system
 * calls for 4 KiB. So whoever reads much reads on in the read callback. */
#ifndef HOODY_NET_BULK_READ_H
#define HOODY_NET_BULK_READ_H

#include <event2/util.h>
#include <stddef.h>

struct bufferevent;
struct prompt_socket;
struct websocket_reader;

/* For the beginning of a read callback of a socket, plain or TLS: appends to its input what else waits in the kernel,
 * `most` bytes at most with those that libevent has read just now (TLS: about). So where much waits each callback gets
 * the same number, in chains of their own, which pass on as they are. A socket that had little to say costs no system
 * call. Memory is asked for as the bytes are there, so a quiet connection holds none. An end or an error is left for
 * libevent to find and report. */
void bulk_read(struct bufferevent *socket, size_t most);
/* The same, for a prompt socket without TLS. When it read much last time the callback comes before any byte was taken,
 * and all of it is read here, in one piece. */
void bulk_read_on(struct prompt_socket *prompt, size_t most);
/* The same for a WebSocket: a large message that has begun is read to its end and not beyond, so that no chain holds
 * the bytes of two, one of which would have to be copied. */
void bulk_read_messages(struct bufferevent *socket, struct websocket_reader *reader, size_t most);

/* Bytes that wait in the kernel. */
size_t bulk_read_waiting(evutil_socket_t fd);

#endif
