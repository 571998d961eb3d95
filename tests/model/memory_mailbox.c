#include "memory_mailbox.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { WAITING_MAX = 256 };

struct mailbox {
    enum actor actor;
    uint32_t shard;
    struct span waiting[WAITING_MAX]; /* packed, owned; a ring */
    size_t first;
    size_t count;
    uint64_t received;
    uint64_t sent;
};

static struct mailbox *mailboxes[ACTOR_COUNT][SHARDS_MAX]; /* NULL: nobody there */
static uint64_t histories[ACTOR_COUNT];
static bool remembers = true;

/* FNV-1a. */
uint64_t memory_mailbox_fold(uint64_t hash, const void *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ ((const uint8_t *)bytes)[i]) * 0x100000001b3;
    return hash;
}

static uint64_t fold_number(uint64_t hash, uint64_t number)
{
    return memory_mailbox_fold(hash, &number, sizeof number);
}

/* ---- what the explorer asks ---- */

void memory_mailboxes_reset(void)
{
    for (size_t actor = 0; actor < ACTOR_COUNT; actor++) {
        histories[actor] = 0xcbf29ce484222325;
        for (size_t shard = 0; shard < SHARDS_MAX; shard++)
            check(mailboxes[actor][shard] == NULL);
    }
}

void memory_mailboxes_remember(bool does)
{
    remembers = does;
}

void memory_mailbox_note(enum actor actor, uint64_t event)
{
    histories[actor] = fold_number(histories[actor], event);
}

bool memory_mailbox_has_mail(enum actor actor, uint32_t shard)
{
    return mailboxes[actor][shard] != NULL && mailboxes[actor][shard]->count > 0;
}

static struct span *waiting_at(struct mailbox *mailbox, size_t index)
{
    return &mailbox->waiting[(mailbox->first + index) % WAITING_MAX];
}

uint64_t memory_mailboxes_fingerprint(void)
{
    uint64_t hash = fold_number(histories[ACTOR_session_manager], histories[ACTOR_binding_registry]);
    for (size_t actor = 0; actor < ACTOR_COUNT; actor++)
        for (size_t shard = 0; shard < SHARDS_MAX; shard++) {
            struct mailbox *mailbox = mailboxes[actor][shard];
            hash = fold_number(hash, mailbox != NULL ? mailbox->count : UINT64_MAX);
            for (size_t i = 0; mailbox != NULL && i < mailbox->count; i++)
                hash = memory_mailbox_fold(hash, waiting_at(mailbox, i)->data, waiting_at(mailbox, i)->length);
        }
    return hash;
}

/* ---- mailbox.h ---- */

struct mailbox *mailbox_new(enum actor actor, uint32_t shard, const struct log *log)
{
    (void)log;
    check(mailboxes[actor][shard] == NULL);
    struct mailbox *mailbox = calloc(1, sizeof *mailbox);
    check(mailbox != NULL);
    mailbox->actor = actor;
    mailbox->shard = shard;
    return mailboxes[actor][shard] = mailbox;
}

static void drop_first(struct mailbox *mailbox)
{
    free((void *)waiting_at(mailbox, 0)->data);
    mailbox->first = (mailbox->first + 1) % WAITING_MAX;
    mailbox->count--;
}

void mailbox_destroy(struct mailbox **p_mailbox)
{
    struct mailbox *mailbox = *p_mailbox;
    if (mailbox == NULL)
        return;
    while (mailbox->count > 0)
        drop_first(mailbox);
    mailboxes[mailbox->actor][mailbox->shard] = NULL;
    free(mailbox);
    *p_mailbox = NULL;
}

void mailbox_connect(struct mailbox *mailbox, uint32_t gateways)
{
    (void)mailbox;
    (void)gateways;
}

bool mailbox_send(struct mailbox *mailbox, const struct message *message)
{
    return mailbox_send_to(mailbox, message_to(message->type), message_shard(message), message);
}

bool mailbox_send_to(struct mailbox *mailbox, enum actor actor, uint32_t shard, const struct message *message)
{
    struct message_buffer packed = {0};
    struct mailbox *receiver = mailboxes[actor][actor == ACTOR_ws_gateway ? shard : 0];
    if (receiver == NULL)
        return false;
    check(receiver->count < WAITING_MAX && message_pack(message, &packed));
    *waiting_at(receiver, receiver->count++) = message_buffer_span(&packed); /* the buffer's memory moves along */
    mailbox->sent++;
    return true;
}

bool mailbox_receive(struct mailbox *mailbox, struct message *ret_message)
{
    const char *why = NULL;
    if (mailbox->count == 0)
        return false;
    struct span packed = *waiting_at(mailbox, 0);
    check(message_unpack(packed, ret_message, &why));
    if (remembers)
        histories[mailbox->actor] =
            memory_mailbox_fold(fold_number(histories[mailbox->actor], mailbox->shard), packed.data, packed.length);
    drop_first(mailbox);
    mailbox->received++;
    return true;
}

int mailbox_fd(const struct mailbox *mailbox)
{
    (void)mailbox;
    return -1;
}

bool mailbox_has_input(struct mailbox *mailbox)
{
    return mailbox->count > 0;
}

void *mailbox_inbox(struct mailbox *mailbox)
{
    (void)mailbox;
    return NULL;
}

struct mailbox_counts mailbox_counts(const struct mailbox *mailbox)
{
    return (struct mailbox_counts){.received = mailbox->received, .sent = mailbox->sent};
}
