#include "replay.h"

#include "check.h"
#include "http_forward.h"
#include "local_connection.h"
#include "local_service.h"

#include <event2/buffer.h>
#include <stdio.h>

enum { WHY_BYTES = 256, BODY_STEP = 65536 /* bytes of an answer taken at a time */ };

struct replay {
    LIST_ENTRY(replay) entry;
    struct replayer *replayer;
    uint64_t id; /* as it is recorded */
    struct endpoint endpoint;
    struct dial *dial;                   /* NULL: done */
    struct local_connection *connection; /* NULL: not yet */
    struct evbuffer *request;            /* head and body, until they are given to the connection */
    struct evbuffer *answer;             /* a step of its body */
    bool is_head;
};

struct replayer {
    struct loop *loop;
    struct inspect_store *store;
    LIST_HEAD(, replay) replays;
    unsigned count;
};

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- the end ---- */

static void free_replay(void *object)
{
    struct replay *replay = object;
    evbuffer_free(replay->request);
    evbuffer_free(replay->answer);
    free(replay);
}

static void end_replay(struct replay *replay, enum inspect_state state, const char *why)
{
    struct replayer *replayer = replay->replayer;
    inspect_store_end(replayer->store, replay->id, state, why, now_us());
    LIST_REMOVE(replay, entry);
    replayer->count--;
    dial_destroy(&replay->dial);
    local_connection_destroy(&replay->connection, state == INSPECT_FAILED);
    loop_reap(replayer->loop, free_replay, replay);
}

__attribute__((format(printf, 2, 3))) static void fail(struct replay *replay, const char *format, ...)
{
    char what[WHY_BYTES], why[WHY_BYTES + HOST_PORT_BYTES + 32];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    snprintf(why, sizeof why, "local service %s %s", replay->endpoint.name, what);
    end_replay(replay, INSPECT_FAILED, why);
}

/* ---- the answer ---- */

static void on_head(struct replay *replay)
{
    struct response_head response = {0};
    check(http_forward_answer(http_reader_head(replay->connection->reader), &response));
    if (response.is_final)
        inspect_store_answer(replay->replayer->store, replay->id, &response, now_us());
    response_head_done(&response);
}

static void on_body(struct replay *replay)
{
    uint8_t *place = NULL;
    size_t length = evbuffer_get_length(replay->answer);
    size_t kept = inspect_store_body(replay->replayer->store, replay->id, INSPECT_ANSWER, length, &place);
    if (kept > 0)
        check(evbuffer_copyout(replay->answer, place, kept) == (ev_ssize_t)kept);
    check(evbuffer_drain(replay->answer, length) == 0);
}

/* A 101 was not asked for: what follows it is no answer. */
static bool is_final(const struct http_head *head)
{
    return head->status >= 200;
}

static void on_input(void *owner)
{
    struct replay *replay = owner;
    struct http_reader *reader = replay->connection->reader;
    bool answers = false; /* the head before this END was final */
    for (;;) {
        const struct http_head *head = http_reader_head(reader);
        answers = head != NULL && is_final(head);
        switch (http_reader_read(reader, local_connection_input(replay->connection), replay->answer, BODY_STEP)) {
        case HTTP_MORE:
            return;
        case HTTP_HEAD:
            if (http_reader_head(reader)->status == 101) {
                fail(replay, "switched protocols, though nobody asked it to");
                return;
            }
            on_head(replay);
            break;
        case HTTP_BODY:
            on_body(replay);
            break;
        case HTTP_END:
            if (answers) {
                end_replay(replay, INSPECT_COMPLETE, "");
                return;
            }
            break;
        case HTTP_BAD:
            fail(replay, "sent a broken answer: %s", http_reader_error(reader).text);
            return;
        }
    }
}

static void on_consumed(void *owner, size_t bytes)
{
    (void)owner;
    (void)bytes;
}

static void on_flushed(void *owner)
{
    (void)owner;
}

static void on_ended(void *owner, enum local_end end)
{
    struct replay *replay = owner;
    switch (end) {
    case LOCAL_ENDED:
        if (http_reader_finish(replay->connection->reader) == HTTP_END)
            end_replay(replay, INSPECT_COMPLETE, "");
        else
            fail(replay, "closed the connection before its answer was whole");
        return;
    case LOCAL_READ_FAILED:
        fail(replay, "reset the connection");
        return;
    case LOCAL_IDLED:
        fail(replay, "was silent for %d seconds", REPLAY_SILENCE_S);
        return;
    case LOCAL_WRITE_FAILED:
        return; /* it may have answered before: the end of its direction follows */
    }
}

static const struct local_connection_events EVENTS = {
    .on_input = on_input,
    .on_consumed = on_consumed,
    .on_flushed = on_flushed,
    .on_ended = on_ended,
};

/* ---- the beginning ---- */

static void on_dialed(void *owner, int fd, int error)
{
    struct replay *replay = owner;
    dial_destroy(&replay->dial);
    if (fd < 0) {
        fail(replay, "%s", dial_error_text(error));
        return;
    }
    replay->connection = local_connection_new(replay->replayer->loop, fd);
    if (replay->is_head)
        http_reader_answers_head(replay->connection->reader);
    local_connection_own(replay->connection, &EVENTS, replay);
    local_connection_idle(replay->connection, REPLAY_SILENCE_S);
    check(evbuffer_add_buffer(local_connection_output(replay->connection), replay->request) == 0);
}

static struct evbuffer *body_of(const struct inspect_entry *entry)
{
    struct evbuffer *body = evbuffer_new();
    check(body != NULL && evbuffer_add(body, entry->request.bytes, entry->request.kept) == 0);
    return body;
}

/* false: not a request that can be written. */
static bool write_head(struct replay *replay, const struct inspect_entry *entry)
{
    const char *host = local_service_host(entry->service, &entry->open);
    return http_forward_write_request(&entry->open, host, replay->request);
}

/* Takes all of `body`. */
static void write_body(struct replay *replay, bool is_chunked, struct evbuffer *body)
{
    if (!is_chunked) {
        check(evbuffer_add_buffer(replay->request, body) == 0);
        return;
    }
    size_t length = evbuffer_get_length(body);
    if (length > 0)
        http_chunk_write(body, length, replay->request);
    http_chunk_write_last(replay->request);
}

/* The new request's id; `entry` may have been pushed out by it. */
static uint64_t record(struct replayer *replayer, const struct inspect_entry *entry, struct evbuffer *body)
{
    struct inspect_begin begin = {
        .tunnel = entry->tunnel,
        .service = entry->service,
        .replay_of = entry->id,
        .open = &entry->open,
        .at_us = now_us(),
    };
    uint8_t *place = NULL;
    clock_gettime(CLOCK_REALTIME, &begin.at);
    uint64_t id = inspect_store_begin(replayer->store, &begin);
    size_t kept = inspect_store_body(replayer->store, id, INSPECT_REQUEST, evbuffer_get_length(body), &place);
    if (kept > 0)
        check(evbuffer_copyout(body, place, kept) == (ev_ssize_t)kept);
    return id;
}

const char *replay_refusal(const struct inspect_entry *entry)
{
    const struct inspect_body *body = &entry->request;
    if (entry->open.is_upgrade)
        return "a request to switch protocols, as for a WebSocket, cannot be replayed";
    if (body->total > body->kept)
        return "its body was longer than the 64 KiB that are kept: it cannot be replayed";
    if (http_forward_is_chunked(&entry->open) ? entry->state != INSPECT_COMPLETE
                                              : body->total != http_forward_content_length(&entry->open))
        return "its body is not whole: it cannot be replayed";
    return NULL;
}

const char *replayer_start(struct replayer *replayer, const struct inspect_entry *entry, uint64_t *ret_id)
{
    const char *refusal = replay_refusal(entry);
    if (refusal != NULL)
        return refusal;
    if (replayer->count == REPLAYS_MAX)
        return "as many replays as may be are under way: wait for their ends";
    struct replay *replay = calloc(1, sizeof *replay);
    check(replay != NULL);
    *replay = (struct replay){
        .replayer = replayer,
        .endpoint = entry->service->endpoint,
        .request = evbuffer_new(),
        .answer = evbuffer_new(),
        .is_head = strcmp(entry->open.method, "HEAD") == 0,
    };
    check(replay->request != NULL && replay->answer != NULL);
    if (!write_head(replay, entry)) {
        free_replay(replay);
        return "the request cannot be written safely";
    }
    struct evbuffer *body = body_of(entry);
    bool is_chunked = http_forward_is_chunked(&entry->open);
    replay->id = *ret_id = record(replayer, entry, body);
    write_body(replay, is_chunked, body);
    evbuffer_free(body);
    LIST_INSERT_HEAD(&replayer->replays, replay, entry);
    replayer->count++;
    replay->dial = dial_new(replayer->loop, &replay->endpoint, LOCAL_DIAL_TIMEOUT_MS, on_dialed, replay);
    return NULL;
}

/* ---- all of them ---- */

struct replayer *replayer_new(struct loop *loop, struct inspect_store *store)
{
    struct replayer *replayer = calloc(1, sizeof *replayer);
    check(replayer != NULL);
    *replayer = (struct replayer){.loop = loop, .store = store};
    LIST_INIT(&replayer->replays);
    return replayer;
}

void replayer_abort_all(struct replayer *replayer)
{
    while (!LIST_EMPTY(&replayer->replays))
        end_replay(LIST_FIRST(&replayer->replays), INSPECT_FAILED, "given up");
}

void replayer_destroy(struct replayer **p_replayer)
{
    struct replayer *replayer = *p_replayer;
    *p_replayer = NULL;
    if (replayer == NULL)
        return;
    replayer_abort_all(replayer);
    free(replayer);
}
