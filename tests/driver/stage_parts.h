/* The inside of the stage, for stage_kit.c, stage_service.c and tunnel_stage.c alone. */
#ifndef HOODY_TESTS_STAGE_PARTS_H
#define HOODY_TESTS_STAGE_PARTS_H

#include "tunnel_stage.h"

#include <event2/util.h>

struct evconnlistener;
struct sockaddr;

#define AWAIT(stage, condition)                                                                                        \
    while (!(condition))                                                                                               \
    stage_run_once(stage)

/* A driver or a connection to the service comes; `arg` is the stage. */
void stage_kit_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int length,
                      void *arg);
void stage_service_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int length,
                          void *arg);

void stage_forget_kit(struct kit_socket *kit);
/* Frees it with an RST. */
void stage_close_with_reset(struct bufferevent *bev);

#endif
