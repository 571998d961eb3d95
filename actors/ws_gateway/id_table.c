#include "id_table.h"

#include "check.h"

static size_t hash_id(const void *key)
{
    uint64_t id = *(const uint64_t *)key;
    id *= UINT64_C(0x9E3779B97F4A7C15); /* Fibonacci hashing: neighbours spread */
    return (size_t)(id >> 32);
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

zhashx_t *id_table_new(void)
{
    zhashx_t *table = zhashx_new();
    if (!table)
        return NULL;
    zhashx_set_key_duplicator(table, NULL);
    zhashx_set_key_destructor(table, NULL);
    zhashx_set_key_hasher(table, hash_id);
    zhashx_set_key_comparator(table, compare_ids);
    return table;
}

void id_table_add(zhashx_t *table, const uint64_t *key, void *object)
{
    int rc = zhashx_insert(table, key, object);
    check(rc == 0);
}

void id_table_remove(zhashx_t *table, uint64_t key)
{
    zhashx_delete(table, &key);
}

void *id_table_find(zhashx_t *table, uint64_t key)
{
    return zhashx_lookup(table, &key);
}
