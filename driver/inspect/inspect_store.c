#include "inspect_store.h"

#include "check.h"

enum { BODY_FIRST = 1024 /* bytes of a body's first room */ };

struct inspect_store {
    inspect_changed *changed;
    void *owner;
    struct inspect_entry *entries[INSPECT_ENTRIES_MAX]; /* by id, modulo */
    uint64_t oldest;
    uint64_t next;
    uint64_t revision;
    size_t memory;
};

static struct inspect_entry *find(const struct inspect_store *store, uint64_t id)
{
    if (id < store->oldest || id >= store->next)
        return NULL;
    return store->entries[id % INSPECT_ENTRIES_MAX];
}

/* ---- memory ---- */

static size_t memory_of(const struct inspect_entry *entry)
{
    return entry->heads_bytes + entry->request.capacity + entry->answer.capacity;
}

static size_t text_bytes(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

static size_t fields_bytes(const struct field_list *fields)
{
    size_t bytes = fields->capacity * sizeof *fields->pairs;
    for (size_t i = 0; i < fields->count; i++)
        bytes += text_bytes(fields->pairs[i].name) + text_bytes(fields->pairs[i].value);
    return bytes;
}

static size_t heads_bytes_of(const struct inspect_entry *entry)
{
    return sizeof *entry + text_bytes(entry->tunnel) + text_bytes(entry->why) + text_bytes(entry->open.method) +
           text_bytes(entry->open.target) + text_bytes(entry->open.peer_address) + fields_bytes(&entry->open.fields) +
           fields_bytes(&entry->fields);
}

static void free_entry(struct inspect_entry *entry)
{
    free(entry->tunnel);
    free(entry->why);
    stream_open_done(&entry->open);
    field_list_done(&entry->fields);
    free(entry->request.bytes);
    free(entry->answer.bytes);
    free(entry);
}

static void drop_oldest(struct inspect_store *store)
{
    struct inspect_entry **slot = &store->entries[store->oldest % INSPECT_ENTRIES_MAX];
    store->memory -= memory_of(*slot);
    free_entry(*slot);
    *slot = NULL;
    store->oldest++;
}

/* `memory_before`: of this entry, before it changed. It stays itself: one alone is always within the limit. */
static void account(struct inspect_store *store, struct inspect_entry *entry, size_t memory_before)
{
    store->memory = store->memory - memory_before + memory_of(entry);
    while (store->memory > INSPECT_MEMORY_MAX && store->oldest < entry->id)
        drop_oldest(store);
    entry->revision = ++store->revision;
    store->changed(store->owner);
}

/* ---- copies ---- */

static char *copy_text(const char *text)
{
    char *copy = strdup(text != NULL ? text : "");
    check(copy != NULL);
    return copy;
}

static void copy_fields(const struct field_list *from, struct field_list *ret_to)
{
    for (size_t i = 0; i < from->count; i++)
        check(field_list_add(ret_to, span_of_string(from->pairs[i].name), span_of_string(from->pairs[i].value)));
}

static void copy_open(const struct stream_open *from, struct stream_open *ret_to)
{
    *ret_to = (struct stream_open){
        .kind = from->kind,
        .method = copy_text(from->method),
        .target = copy_text(from->target),
        .is_upgrade = from->is_upgrade,
        .bind = from->bind,
        .container_port = from->container_port,
        .peer_address = copy_text(from->peer_address),
    };
    copy_fields(&from->fields, &ret_to->fields);
}

/* ---- what happens ---- */

uint64_t inspect_store_begin(struct inspect_store *store, const struct inspect_begin *begin)
{
    struct inspect_entry *entry = calloc(1, sizeof *entry);
    check(entry != NULL);
    *entry = (struct inspect_entry){
        .id = store->next,
        .replay_of = begin->replay_of,
        .tunnel = copy_text(begin->tunnel),
        .service = begin->service,
        .started_at = begin->at,
        .started_us = begin->at_us,
        .why = copy_text(""),
    };
    copy_open(begin->open, &entry->open);
    entry->heads_bytes = heads_bytes_of(entry);
    if (store->next - store->oldest == INSPECT_ENTRIES_MAX)
        drop_oldest(store);
    store->entries[entry->id % INSPECT_ENTRIES_MAX] = entry;
    store->next++;
    account(store, entry, 0);
    return entry->id;
}

void inspect_store_answer(struct inspect_store *store, uint64_t id, const struct response_head *head, int64_t at_us)
{
    struct inspect_entry *entry = find(store, id);
    if (entry == NULL)
        return;
    size_t before = memory_of(entry);
    entry->status = head->status;
    entry->answered_us = at_us;
    field_list_done(&entry->fields);
    copy_fields(&head->fields, &entry->fields);
    entry->heads_bytes = heads_bytes_of(entry);
    account(store, entry, before);
}

void inspect_store_end(struct inspect_store *store, uint64_t id, enum inspect_state state, const char *why,
                       int64_t at_us)
{
    struct inspect_entry *entry = find(store, id);
    if (entry == NULL)
        return;
    size_t before = memory_of(entry);
    entry->state = state;
    entry->ended_us = at_us;
    free(entry->why);
    entry->why = copy_text(why);
    entry->heads_bytes = heads_bytes_of(entry);
    account(store, entry, before);
}

void inspect_store_clear(struct inspect_store *store)
{
    while (store->oldest < store->next)
        drop_oldest(store);
    store->revision++;
    store->changed(store->owner);
}

static void make_room(struct inspect_body *body, size_t length)
{
    size_t capacity = body->capacity == 0 ? BODY_FIRST : body->capacity;
    while (capacity < body->kept + length)
        capacity *= 2;
    if (capacity == body->capacity)
        return;
    body->bytes = realloc(body->bytes, capacity);
    check(body->bytes != NULL);
    body->capacity = capacity;
}

size_t inspect_store_body(struct inspect_store *store, uint64_t id, enum inspect_side side, size_t total,
                          uint8_t **ret_place)
{
    struct inspect_entry *entry = find(store, id);
    if (entry == NULL || total == 0)
        return 0;
    size_t before = memory_of(entry);
    struct inspect_body *body = side == INSPECT_REQUEST ? &entry->request : &entry->answer;
    size_t room = INSPECT_BODY_MAX - body->kept;
    size_t kept = total < room ? total : room;
    if (kept > 0) {
        make_room(body, kept);
        *ret_place = body->bytes + body->kept;
        body->kept += kept;
    }
    body->total += total;
    account(store, entry, before);
    return kept;
}

/* ---- beginning, end, looks ---- */

struct inspect_store *inspect_store_new(inspect_changed *changed, void *owner)
{
    struct inspect_store *store = calloc(1, sizeof *store);
    check(store != NULL);
    *store = (struct inspect_store){.changed = changed, .owner = owner, .oldest = 1, .next = 1};
    return store;
}

void inspect_store_destroy(struct inspect_store **p_store)
{
    struct inspect_store *store = *p_store;
    *p_store = NULL;
    if (store == NULL)
        return;
    while (store->oldest < store->next)
        drop_oldest(store);
    free(store);
}

const struct inspect_entry *inspect_store_find(const struct inspect_store *store, uint64_t id)
{
    return find(store, id);
}

uint64_t inspect_store_oldest(const struct inspect_store *store)
{
    return store->oldest;
}

uint64_t inspect_store_next(const struct inspect_store *store)
{
    return store->next;
}

uint64_t inspect_store_revision(const struct inspect_store *store)
{
    return store->revision;
}

size_t inspect_store_memory(const struct inspect_store *store)
{
    return store->memory;
}
