#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

enum {
    START_MS = 1000000,
    TURNS_MAX = 100000, /* an actor that asks to be called at once for ever spins its thread */
    PRINT_MAX = 1024,
};

/* A message that was heard, kept for the test. */
struct heard {
    struct message message;
    struct heard *next;
};

struct stage {
    const struct actor_spec *spec;
    struct log log;
    uint64_t now_ms;
    uint64_t wake_ms; /* what on_time asked for */
    struct mailbox *mailbox;
    void *self;
    struct mailbox *peers[ACTOR_COUNT][STAGE_SHARDS]; /* NULL where the actor itself is, and for shards that none but
                                                         gateways have */
    struct heard *heard;
};

static uint32_t shards_of(enum actor actor)
{
    return actor == ACTOR_ws_gateway ? STAGE_SHARDS : 1;
}

static struct mailbox *peer_of(const struct stage *stage, enum actor actor, uint32_t shard)
{
    if (actor >= ACTOR_COUNT || shard >= shards_of(actor) || stage->peers[actor][shard] == NULL)
        fail_msg("no peer %s shard %u is on this stage", actor_name(actor), (unsigned)shard);
    return stage->peers[actor][shard];
}

/* The actor goes on until nothing waits for it at this moment. */
static void take_turns(struct stage *stage)
{
    int turns = 0;
    do {
        if (turns++ == TURNS_MAX)
            fail_msg("%s never rests at %llu ms", actor_name(stage->spec->actor), (unsigned long long)stage->now_ms);
        stage->wake_ms = actor_turn(stage->spec, stage->self, stage->mailbox, stage->now_ms);
    } while (stage->wake_ms <= stage->now_ms || mailbox_has_input(stage->mailbox));
}

struct stage *stage_new(const struct actor_spec *spec, const struct options *options)
{
    zsys_handler_set(NULL);
    struct stage *stage = calloc(1, sizeof *stage);
    assert_non_null(stage);
    stage->spec = spec;
    stage->log = (struct log){.fd = STDERR_FILENO, .level = LOG_LEVEL_WARN, .format = LOG_FORMAT_TEXT};
    stage->now_ms = START_MS;
    for (enum actor actor = 0; actor < ACTOR_COUNT; actor++)
        for (uint32_t shard = 0; shard < shards_of(actor) && actor != spec->actor; shard++)
            assert_non_null(stage->peers[actor][shard] = mailbox_new(actor, shard, &stage->log));
    assert_non_null(stage->mailbox = mailbox_new(spec->actor, 0, &stage->log));
    assert_non_null(stage->self = spec->new (options, stage->mailbox, &stage->log));
    take_turns(stage);
    return stage;
}

void stage_destroy(struct stage **p_stage)
{
    struct stage *stage = *p_stage;
    if (stage == NULL)
        return;
    stage->spec->destroy(&stage->self);
    mailbox_destroy(&stage->mailbox);
    for (enum actor actor = 0; actor < ACTOR_COUNT; actor++)
        for (uint32_t shard = 0; shard < STAGE_SHARDS; shard++)
            mailbox_destroy(&stage->peers[actor][shard]);
    while (stage->heard != NULL) {
        struct heard *heard = stage->heard;
        stage->heard = heard->next;
        message_done(&heard->message);
        free(heard);
    }
    free(stage);
    *p_stage = NULL;
}

/* ---- saying
 * ---------------------------------------------------------------------------------------------------------- */

void stage_say_as(struct stage *stage, enum actor actor, uint32_t shard, const struct message *message)
{
    assert_true(mailbox_send_to(peer_of(stage, actor, shard), stage->spec->actor, 0, message));
    take_turns(stage);
}

void stage_say(struct stage *stage, const struct message *message)
{
    enum actor from = message_from(message->type);
    if (from == ACTOR_any)
        fail_msg("any actor may say %s: use stage_say_as", message_name(message->type));
    stage_say_as(stage, from, from == ACTOR_ws_gateway ? message_shard(message) : 0, message);
}

/* ---- hearing
 * --------------------------------------------------------------------------------------------------------- */

const struct message *stage_next_at(struct stage *stage, enum actor actor, uint32_t shard)
{
    struct message message;
    if (!mailbox_receive(peer_of(stage, actor, shard), &message))
        return NULL;
    struct heard *heard = calloc(1, sizeof *heard);
    assert_non_null(heard);
    *heard = (struct heard){.message = message, .next = stage->heard};
    stage->heard = heard;
    return &heard->message;
}

const struct message *stage_hear_at(struct stage *stage, enum actor actor, uint32_t shard, enum message_type type)
{
    char text[PRINT_MAX];
    const struct message *message = stage_next_at(stage, actor, shard);
    if (message == NULL)
        fail_msg("%s heard nothing, should have heard %s", actor_name(actor), message_name(type));
    else if (message->type != type)
        fail_msg("%s heard %s, should have heard %s", actor_name(actor), message_print(message, text, sizeof text),
                 message_name(type));
    return message;
}

const struct message *stage_hear(struct stage *stage, enum message_type type)
{
    if (message_to(type) == ACTOR_any)
        fail_msg("any actor may hear %s: use stage_hear_at", message_name(type));
    return stage_hear_at(stage, message_to(type), 0, type);
}

void stage_silent(struct stage *stage)
{
    char text[PRINT_MAX];
    for (enum actor actor = 0; actor < ACTOR_COUNT; actor++) {
        for (uint32_t shard = 0; shard < shards_of(actor) && actor != stage->spec->actor; shard++) {
            const struct message *message = stage_next_at(stage, actor, shard);
            if (message != NULL)
                fail_msg("%s heard %s, should have heard nothing", actor_name(actor),
                         message_print(message, text, sizeof text));
        }
    }
}

/* ---- time
 * ------------------------------------------------------------------------------------------------------------ */

void stage_advance(struct stage *stage, uint64_t ms)
{
    uint64_t until_ms = stage->now_ms + ms;
    while (stage->wake_ms <= until_ms) {
        stage->now_ms = stage->wake_ms;
        take_turns(stage);
    }
    stage->now_ms = until_ms;
    take_turns(stage);
}

uint64_t stage_now(const struct stage *stage)
{
    return stage->now_ms;
}

struct mailbox_counts stage_counts(const struct stage *stage)
{
    return mailbox_counts(stage->mailbox);
}
