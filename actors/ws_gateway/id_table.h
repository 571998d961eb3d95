/* Objects by a number that is never reused. The key lives in the object and must not change while it is in the table.
 */
#ifndef HOODY_ACTORS_ID_TABLE_H
#define HOODY_ACTORS_ID_TABLE_H

#include <czmq.h>

/* NULL: out of memory. */
zhashx_t *id_table_new(void);
/* Borrowed objects; `key` points into `object`. */
void id_table_add(zhashx_t *table, const uint64_t *key, void *object);
void id_table_remove(zhashx_t *table, uint64_t key);
/* NULL: not there. */
void *id_table_find(zhashx_t *table, uint64_t key);

#endif
