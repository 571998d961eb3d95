#include "shared_limits.h"

#include <sys/param.h>

#include "check.h"
#include "gateway.h"
#include "gateway_shards.h"
#include "tcp_socket.h"

static struct allowance *allowance_of(struct gateway *gateway, enum shared_limit limit)
{
    return &gateway->allowances[limit];
}

static uint64_t left_of(const struct allowance *allowance)
{
    return allowance->share > allowance->used ? allowance->share - allowance->used : 0;
}

uint64_t allowance_left(const struct gateway *gateway, enum shared_limit limit)
{
    return left_of(&gateway->allowances[limit]);
}

void shared_limits_init(struct gateway *gateway, const uint64_t limits[SHARED_LIMIT_COUNT])
{
    TAILQ_INIT(&gateway->permit_waits);
    for (enum shared_limit limit = 0; limit < SHARED_LIMIT_COUNT; limit++)
        if (gateway->shard == 0)
            gateway->allowances[limit].share = gateway->allowances[limit].limit = limits[limit];
}

/* ---- who waits for a permit ---- */

static void end_wait(struct gateway *gateway, struct permit_wait *wait)
{
    if (wait->is_waiting)
        TAILQ_REMOVE(&gateway->permit_waits, wait, link);
    wait->is_waiting = false;
}

/* Answering may let others wait, or wait no more: from the front each time. */
static void grant_permits(struct gateway *gateway)
{
    struct permit_wait *wait = NULL;
    while (allowance_left(gateway, LIMIT_FD_PERMITS) > 0 && (wait = TAILQ_FIRST(&gateway->permit_waits))) {
        allowance_of(gateway, LIMIT_FD_PERMITS)->used++;
        end_wait(gateway, wait);
        wait->on_answer(wait->arg, true);
    }
}

/* Those for whom there is none for sure. */
static void refuse_permits(struct gateway *gateway)
{
    struct permit_wait *wait = NULL;
    while ((wait = TAILQ_FIRST(&gateway->permit_waits)) && wait->was_asked_for) {
        end_wait(gateway, wait);
        wait->on_answer(wait->arg, false);
    }
}

static void ask_for_permits(struct gateway *gateway)
{
    struct permit_wait *wait = NULL;
    uint64_t wanted = 0;
    if (TAILQ_EMPTY(&gateway->permit_waits) || allowance_of(gateway, LIMIT_FD_PERMITS)->is_asked)
        return;
    TAILQ_FOREACH(wait, &gateway->permit_waits, link)
    {
        wait->was_asked_for = true;
        wanted++;
    }
    allowance_ask(gateway, LIMIT_FD_PERMITS, wanted);
}

bool permit_take(struct gateway *gateway)
{
    if (allowance_left(gateway, LIMIT_FD_PERMITS) == 0 || !TAILQ_EMPTY(&gateway->permit_waits))
        return false;
    allowance_of(gateway, LIMIT_FD_PERMITS)->used++;
    return true;
}

void permit_await(struct gateway *gateway, struct permit_wait *wait, void (*on_answer)(void *arg, bool is_granted),
                  void *arg)
{
    check(!wait->is_waiting);
    *wait = (struct permit_wait){.is_waiting = true, .on_answer = on_answer, .arg = arg};
    TAILQ_INSERT_TAIL(&gateway->permit_waits, wait, link);
    grant_permits(gateway);
    ask_for_permits(gateway);
}

void permit_forgo(struct gateway *gateway, struct permit_wait *wait)
{
    end_wait(gateway, wait);
}

void permit_give_back(struct gateway *gateway)
{
    allowance_give_back(gateway, LIMIT_FD_PERMITS, 1);
}

/* ---- shard 0 lends ---- */

static void hear_lent(struct gateway *gateway, enum shared_limit limit, uint64_t amount);

/* Shard 0 borrows from itself: what it is lent is there already. */
static void answer_borrower(struct gateway *gateway, enum shared_limit limit, uint32_t shard, uint64_t amount)
{
    struct allowance *allowance = allowance_of(gateway, limit);
    allowance->borrowers[shard] = (struct borrower){0};
    if (shard == 0) {
        hear_lent(gateway, limit, amount);
        return;
    }
    allowance->share -= amount;
    if (!mailbox_send(gateway->mailbox, MESSAGE_OF(allowance_lent, .shard = shard, .limit = limit, .amount = amount)))
        allowance->share += amount;
}

/* More than was asked for, so that it is not asked for each; what turns out to lie idle is recalled. */
static uint64_t amount_to_lend(const struct gateway *gateway, const struct allowance *allowance, uint64_t wanted)
{
    uint64_t left = left_of(allowance);
    uint64_t part = left / (2 * gateway_shards(gateway->options));
    return MIN(left, MAX(wanted, part));
}

static void lend(struct gateway *gateway, enum shared_limit limit)
{
    struct allowance *allowance = allowance_of(gateway, limit);
    uint32_t shards = gateway_shards(gateway->options);
    for (uint32_t i = 0; i < shards && left_of(allowance) > 0; i++) {
        uint32_t shard = (allowance->turn + i) % shards;
        uint64_t wanted = allowance->borrowers[shard].wanted;
        if (wanted == 0)
            continue;
        allowance->turn = (shard + 1) % shards;
        answer_borrower(gateway, limit, shard, amount_to_lend(gateway, allowance, wanted));
    }
}

static bool has_borrowers(const struct gateway *gateway, const struct allowance *allowance)
{
    for (uint32_t shard = 0; shard < gateway_shards(gateway->options); shard++)
        if (allowance->borrowers[shard].wanted > 0)
            return true;
    return false;
}

static void recall(struct gateway *gateway, enum shared_limit limit)
{
    struct allowance *allowance = allowance_of(gateway, limit);
    for (uint32_t shard = 0; shard < gateway_shards(gateway->options); shard++)
        allowance->borrowers[shard].was_recalled = allowance->borrowers[shard].wanted > 0;
    for (uint32_t shard = 1; shard < gateway_shards(gateway->options); shard++)
        allowance->returns_awaited +=
            mailbox_send(gateway->mailbox, MESSAGE_OF(recall_allowance, .shard = shard, .limit = limit));
}

/* Everybody has returned what lay idle, and it was not enough for them. */
static void deny(struct gateway *gateway, enum shared_limit limit)
{
    struct allowance *allowance = allowance_of(gateway, limit);
    for (uint32_t shard = 0; shard < gateway_shards(gateway->options); shard++)
        if (allowance->borrowers[shard].was_recalled)
            answer_borrower(gateway, limit, shard, 0);
}

static void serve_borrowers(struct gateway *gateway, enum shared_limit limit)
{
    struct allowance *allowance = allowance_of(gateway, limit);
    lend(gateway, limit);
    while (has_borrowers(gateway, allowance) && allowance->returns_awaited == 0) {
        recall(gateway, limit);
        if (allowance->returns_awaited == 0)
            deny(gateway, limit);
    }
}

static void hear_ask(struct gateway *gateway, enum shared_limit limit, uint32_t from, uint64_t wanted)
{
    struct allowance *allowance = allowance_of(gateway, limit);
    check(from < gateway_shards(gateway->options) && allowance->borrowers[from].wanted == 0);
    allowance->borrowers[from] = (struct borrower){.wanted = MAX(wanted, 1)};
    serve_borrowers(gateway, limit);
}

static void hear_returned(struct gateway *gateway, enum shared_limit limit, uint64_t amount)
{
    struct allowance *allowance = allowance_of(gateway, limit);
    allowance->share += amount;
    check(allowance->returns_awaited > 0);
    allowance->returns_awaited--;
    lend(gateway, limit);
    if (allowance->returns_awaited == 0)
        deny(gateway, limit);
    serve_borrowers(gateway, limit);
}

/* ---- the others borrow ---- */

void allowance_ask(struct gateway *gateway, enum shared_limit limit, uint64_t wanted)
{
    struct allowance *allowance = allowance_of(gateway, limit);
    if (allowance->is_asked)
        return;
    allowance->is_asked = true;
    if (gateway->shard == 0)
        hear_ask(gateway, limit, 0, wanted);
    else if (!mailbox_send(gateway->mailbox,
                           MESSAGE_OF(ask_allowance, .from = gateway->shard, .limit = limit, .wanted = wanted)))
        hear_lent(gateway, limit, 0);
}

static void hear_lent(struct gateway *gateway, enum shared_limit limit, uint64_t amount)
{
    struct allowance *allowance = allowance_of(gateway, limit);
    allowance->is_asked = false;
    allowance->is_denied = amount == 0;
    if (gateway->shard != 0)
        allowance->share += amount;
    if (limit == LIMIT_LINGERING)
        tcp_socket_limit_lingering(gateway);
    if (limit != LIMIT_FD_PERMITS)
        return;
    grant_permits(gateway);
    if (amount == 0)
        refuse_permits(gateway);
    ask_for_permits(gateway); /* for those who came meanwhile */
}

static void hear_recall(struct gateway *gateway, enum shared_limit limit)
{
    struct allowance *allowance = allowance_of(gateway, limit);
    uint64_t idle = left_of(allowance);
    allowance->share -= idle;
    if (!mailbox_send(gateway->mailbox, MESSAGE_OF(allowance_returned, .limit = limit, .amount = idle)))
        allowance->share += idle;
}

void allowance_arrives(struct gateway *gateway, enum shared_limit limit, uint64_t amount)
{
    allowance_of(gateway, limit)->share += amount;
    allowance_of(gateway, limit)->used += amount;
}

void allowance_departs(struct gateway *gateway, enum shared_limit limit, uint64_t amount)
{
    allowance_of(gateway, limit)->share -= amount;
    allowance_of(gateway, limit)->used -= amount;
}

void allowance_give_back(struct gateway *gateway, enum shared_limit limit, uint64_t amount)
{
    struct allowance *allowance = allowance_of(gateway, limit);
    if (amount == 0)
        return;
    check(allowance->used >= amount);
    allowance->used -= amount;
    if (limit == LIMIT_FD_PERMITS)
        grant_permits(gateway);
    if (gateway->shard == 0 && has_borrowers(gateway, allowance))
        serve_borrowers(gateway, limit);
}

/* ---- messages ---- */

void shared_limits_hear(struct gateway *gateway, const struct message *message)
{
    if (message->type == MESSAGE_ask_allowance)
        hear_ask(gateway, (enum shared_limit)message->ask_allowance.limit, message->ask_allowance.from,
                 message->ask_allowance.wanted);
    else if (message->type == MESSAGE_allowance_lent)
        hear_lent(gateway, (enum shared_limit)message->allowance_lent.limit, message->allowance_lent.amount);
    else if (message->type == MESSAGE_recall_allowance)
        hear_recall(gateway, (enum shared_limit)message->recall_allowance.limit);
    else if (message->type == MESSAGE_allowance_returned)
        hear_returned(gateway, (enum shared_limit)message->allowance_returned.limit,
                      message->allowance_returned.amount);
}
