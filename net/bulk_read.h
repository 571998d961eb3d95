/* Reads in bulk. libevent 2.1 takes at most 4,096 bytes off a socket for each time that it is readable, and asks the
 * kernel how many there are before (buffer.c, EVBUFFER_MAX_READ); under TLS it takes one record. That is three system
 * calls for 4 KiB. So whoever reads much reads on in the read callback. */
#ifndef HOODY_NET_BULK_READ_H
#define HOODY_NET_BULK_READ_H

#include <stddef.h>

struct bufferevent;

/* For the beginning of a read callback of a socket, plain or TLS: appends to its input what else waits in the kernel,
 * about `most` bytes at most. A socket that had little to say costs no system call. Memory is asked for as the bytes
 * are there, so a quiet connection holds none. An end or an error is left for libevent to find and report. */
void bulk_read(struct bufferevent *socket, size_t most);

#endif
