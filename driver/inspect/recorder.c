#include "recorder.h"

#include "check.h"

struct recorded_tunnel {
    char *name; /* NULL: not ours */
    struct local_service *service;
};

struct recorder {
    struct inspect_store *store;
    struct recorded_tunnel *tunnels; /* by number */
    size_t count;
};

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* A mark is the id, NULL: not written down. */
static uint64_t id_of(void *mark)
{
    return (uint64_t)(uintptr_t)mark;
}

static void *on_begin(void *owner, const struct exchange_begin *begin)
{
    struct recorder *recorder = owner;
    if (begin->open->kind != STREAM_HTTP || begin->tunnel >= recorder->count ||
        recorder->tunnels[begin->tunnel].name == NULL)
        return NULL;
    const struct recorded_tunnel *tunnel = &recorder->tunnels[begin->tunnel];
    const struct inspect_begin entry = {
        .tunnel = tunnel->name,
        .service = tunnel->service,
        .open = begin->open,
        .at = begin->at,
        .at_us = begin->at_us,
    };
    return (void *)(uintptr_t)inspect_store_begin(recorder->store, &entry);
}

static void on_head(void *owner, void *mark, const struct response_head *head)
{
    struct recorder *recorder = owner;
    if (head->is_final)
        inspect_store_answer(recorder->store, id_of(mark), head, now_us());
}

static void on_bytes(void *owner, void *mark, enum exchange_direction direction, const struct exchange_bytes *bytes)
{
    struct recorder *recorder = owner;
    uint8_t *place = NULL;
    enum inspect_side side = direction == EXCHANGE_IN ? INSPECT_REQUEST : INSPECT_ANSWER;
    size_t kept = inspect_store_body(recorder->store, id_of(mark), side, bytes->length, &place);
    if (kept > 0)
        check(exchange_bytes_copy(bytes, place, kept) == kept);
}

static void on_end(void *owner, void *mark, const struct exchange_result *result)
{
    struct recorder *recorder = owner;
    bool is_complete = result->end == EXCHANGE_COMPLETE;
    inspect_store_end(recorder->store, id_of(mark), is_complete ? INSPECT_COMPLETE : INSPECT_FAILED, result->why,
                      now_us());
}

struct exchange_observer recorder_observer(struct recorder *recorder)
{
    return (struct exchange_observer){
        .owner = recorder,
        .on_begin = on_begin,
        .on_head = on_head,
        .on_bytes = on_bytes,
        .on_end = on_end,
    };
}

void recorder_name_tunnel(struct recorder *recorder, size_t tunnel, const char *name, struct local_service *service)
{
    if (tunnel >= recorder->count) {
        recorder->tunnels = reallocarray(recorder->tunnels, tunnel + 1, sizeof *recorder->tunnels);
        check(recorder->tunnels != NULL);
        while (recorder->count <= tunnel)
            recorder->tunnels[recorder->count++] = (struct recorded_tunnel){0};
    }
    struct recorded_tunnel *named = &recorder->tunnels[tunnel];
    free(named->name);
    *named = (struct recorded_tunnel){.name = strdup(name), .service = service};
    check(named->name != NULL);
}

struct recorder *recorder_new(struct inspect_store *store)
{
    struct recorder *recorder = calloc(1, sizeof *recorder);
    check(recorder != NULL);
    recorder->store = store;
    return recorder;
}

void recorder_destroy(struct recorder **p_recorder)
{
    struct recorder *recorder = *p_recorder;
    *p_recorder = NULL;
    if (recorder == NULL)
        return;
    for (size_t i = 0; i < recorder->count; i++)
        free(recorder->tunnels[i].name);
    free(recorder->tunnels);
    free(recorder);
}
