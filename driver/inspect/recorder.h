/* Observes the exchanges of a process (exchange_observer.h) and writes down in the store what passes. */
#ifndef HOODY_DRIVER_RECORDER_H
#define HOODY_DRIVER_RECORDER_H

#include "exchange_observer.h"
#include "inspect_store.h"

struct recorder;

/* `store` must outlive it. */
struct recorder *recorder_new(struct inspect_store *store);
void recorder_destroy(struct recorder **p_recorder);

/* What the exchanges of that number (exchange_place.tunnel) belong to; before the first of them. Those of others, and
 * raw connections (PULL), are not written down. `service` must outlive the store; `name` is copied. */
void recorder_name_tunnel(struct recorder *recorder, size_t tunnel, const char *name, struct local_service *service);

/* Borrows the recorder. */
struct exchange_observer recorder_observer(struct recorder *recorder);

#endif
