/* admin-http: the REST API of the base listener (protocol section 8).
 *
 * Owns    the API calls that wait for other actors; nothing outlives a call.
 * Hears   api_request; sessions_listed, bindings_listed, streams_counted, session_closing, metrics_rendered;
 *         report_metrics.
 * Says    list_sessions, list_bindings, count_streams to each gateway shard, close_session, render_metrics;
 * api_answered; metrics_reported.
 *
 * A call asks all it needs at once, under its own ref, and is answered once: when the last answer is there, or with 503
 * after CALL_TIMEOUT_MS. Answers to calls that are gone are dropped. */
#include "admin_http.h"

#include <arpa/inet.h>
#include <sys/queue.h>

#include "actor.h"
#include "admin_http/api_description.h"
#include "admin_http/api_json.h"
#include "admin_http/api_route.h"
#include "browser_guard.h"
#include "check.h"
#include "cidr.h"
#include "gateway_shards.h"
#include "metric_labels.h"
#include "metric_report.h"
#include "process_facts.h"
#include "rows.h"

enum {
    CALLS_MAX = 256, /* that wait at the same time */
    CALL_TIMEOUT_MS = 2000,
    STATUS_CLASSES = 6, /* 1xx..5xx by their first digit */
};

#define JSON_TYPE    "application/json"
#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Whom an answer goes to. */
struct caller {
    uint32_t shard;
    struct connection_id connection;
};

/* An API call that waits. */
struct call {
    uint64_t ref;
    uint64_t deadline_ms;
    struct caller caller;
    enum api_call what;
    unsigned awaits;    /* set of enum ask: not answered yet */
    uint64_t fd_budget; /* of the shards that answered */
    uint64_t fd_permits_used;
    bool awaits_shards[SHARDS_MAX]; /* with ASK_STREAMS: which have not */
    struct session_id session;      /* close_session */
    struct api_facts facts;
    TAILQ_ENTRY(call) next;
};
TAILQ_HEAD(call_list, call);

struct admin_http {
    const struct options *options; /* borrowed */
    struct mailbox *mailbox;       /* borrowed */
    struct logger log;
    struct timespec built; /* tv_nsec < 0: not known */
    struct timespec started;
    uint64_t last_ref;
    struct call_list calls; /* oldest first, so by deadline too */
    size_t call_count;
    uint64_t answers[STATUS_CLASSES];
};

/* ---- answers -------------------------------------------------------------------------------------------------- */

static void answer(struct admin_http *self, struct caller caller, uint32_t status, const char *type, const char *allow,
                   struct span body)
{
    check(status / 100 < STATUS_CLASSES);
    self->answers[status / 100]++;
    mailbox_send(self->mailbox, MESSAGE_OF(api_answered, .shard = caller.shard, .connection = caller.connection,
                                           .status = status, .content_type = type, .allow = allow, .body = body));
}

static void answer_error(struct admin_http *self, struct caller caller, uint32_t status, const char *allow,
                         const char *text)
{
    char *json = api_json_error(text);
    check(json != NULL);
    answer(self, caller, status, JSON_TYPE, allow, span_of_string(json));
    free(json);
}

/* Takes the JSON; NULL: it could not be made. */
static void answer_json(struct admin_http *self, struct caller caller, uint32_t status, char *json)
{
    if (json != NULL) {
        answer(self, caller, status, JSON_TYPE, "", span_of_string(json));
    } else {
        log_error(&self->log, "answer-failed", log_reason("out of memory, or rows of another kind"));
        answer_error(self, caller, 503, "", "the answer could not be put together");
    }
    free(json);
}

static void answer_health(struct admin_http *self, struct caller caller, const struct message_api_request *request)
{
    struct process_memory memory;
    uint64_t fds = 0;
    struct api_health health = {
        .built = self->built,
        .started = self->started,
        .rss_bytes = process_memory_read(&memory) ? (int64_t)memory.resident_bytes : -1,
        .fds = process_open_fds_read(&fds) ? (int64_t)fds : -1,
        .pid = getpid(),
        .ip = request->peer_ip,
        .user_agent = request->user_agent,
    };
    answer_json(self, caller, 200, api_json_health(&health));
}

/* ---- calls that wait ------------------------------------------------------------------------------------------ */

static void call_forget(struct admin_http *self, struct call *call)
{
    TAILQ_REMOVE(&self->calls, call, next);
    self->call_count--;
    api_facts_done(&call->facts);
    free(call);
}

static void call_fail(struct admin_http *self, struct call *call, const char *text)
{
    answer_error(self, call->caller, 503, "", text);
    call_forget(self, call);
}

/* NULL: gone, or it did not ask that. */
static struct call *call_find(struct admin_http *self, uint64_t ref, enum ask ask)
{
    struct call *call;
    TAILQ_FOREACH(call, &self->calls, next)
    {
        if (call->ref == ref && (call->awaits & ask) != 0)
            return call;
    }
    log_debug(&self->log, "late-answer", log_number("ref", ref));
    return NULL;
}

/* false: a message was lost, its answer will never come. */
static bool call_ask(struct admin_http *self, struct call *call, uint64_t grace_ms)
{
    struct mailbox *mailbox = self->mailbox;
    size_t lost = 0;
    if ((call->awaits & ASK_SESSIONS) != 0)
        lost += !mailbox_send(mailbox, MESSAGE_OF(list_sessions, .ref = call->ref));
    if ((call->awaits & ASK_BINDINGS) != 0)
        lost += !mailbox_send(mailbox, MESSAGE_OF(list_bindings, .ref = call->ref));
    for (uint32_t shard = 0; (call->awaits & ASK_STREAMS) != 0 && shard < gateway_shards(self->options); shard++) {
        call->awaits_shards[shard] = true;
        lost += !mailbox_send(mailbox, MESSAGE_OF(count_streams, .shard = shard, .ref = call->ref));
    }
    if ((call->awaits & ASK_CLOSE) != 0)
        lost += !mailbox_send(
            mailbox, MESSAGE_OF(close_session, .ref = call->ref, .session = call->session.text, .grace_ms = grace_ms));
    if ((call->awaits & ASK_METRICS) != 0)
        lost += !mailbox_send(mailbox, MESSAGE_OF(render_metrics, .ref = call->ref));
    return lost == 0;
}

static void call_begin(struct admin_http *self, struct caller caller, const struct api_route *route,
                       const struct session_id *session, uint64_t grace_ms, uint64_t now_ms)
{
    if (self->call_count == CALLS_MAX) {
        answer_error(self, caller, 503, "", "too many API calls at once");
        return;
    }
    struct call *call = zmalloc(sizeof *call);
    call->ref = ++self->last_ref;
    call->deadline_ms = now_ms + CALL_TIMEOUT_MS;
    call->caller = caller;
    call->what = route->call;
    call->awaits = route->asks;
    call->session = *session;
    TAILQ_INSERT_TAIL(&self->calls, call, next);
    self->call_count++;
    if (!call_ask(self, call, grace_ms))
        call_fail(self, call, "an actor cannot be asked");
}

/* One more ask is answered. `is_kept`: what came with it could be kept. */
static void call_heard(struct admin_http *self, struct call *call, enum ask ask, bool is_kept)
{
    call->awaits &= ~(unsigned)ask;
    if (!is_kept) {
        call_fail(self, call, "out of memory");
        return;
    }
    if (call->awaits != 0)
        return;
    switch (call->what) {
    case CALL_tunnels:
        answer_json(self, call->caller, 200, api_json_tunnels(&call->facts));
        break;
    case CALL_sessions:
        answer_json(self, call->caller, 200, api_json_sessions(&call->facts));
        break;
    case CALL_bindings:
        answer_json(self, call->caller, 200, api_json_bindings(&call->facts));
        break;
    case CALL_close_session:
        answer_json(self, call->caller, 202, api_json_closing(&call->session));
        break;
    case CALL_health: /* never wait */
    case CALL_openapi:
    case CALL_metrics: /* answered with what is heard, nothing to merge */
        break;
    }
    call_forget(self, call);
}

/* ---- requests ------------------------------------------------------------------------------------------------- */

/* An address that cannot be read counts as loopback, where the guard is strict. */
static bool ip_is_loopback(const char *ip)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, ip, &v4.sin_addr) == 1)
        return address_is_loopback((const struct sockaddr *)&v4);
    if (inet_pton(AF_INET6, ip, &v6.sin6_addr) == 1)
        return address_is_loopback((const struct sockaddr *)&v6);
    return true;
}

/* NULL: the request may come in; else why not. */
static const char *refusal_of(const struct options *options, const struct message_api_request *request,
                              const struct api_target *target)
{
    struct span host = target->authority.data != NULL ? target->authority : span_of_string(request->host);
    if (!browser_guard_admits_host(host, ip_is_loopback(request->peer_ip), options->admin_hosts.items,
                                   options->admin_hosts.count))
        return "this Host is not allowed here: name it with --admin-host";
    if (strcmp(request->method, "DELETE") == 0 && request->has_origin &&
        !browser_guard_admits_origin(span_of_string(request->origin), options->allowed_origins.items,
                                     options->allowed_origins.count))
        return "this Origin is not allowed here: name it with --allow-origin";
    return NULL;
}

static void begin_close(struct admin_http *self, struct caller caller, const struct api_route *route, struct span query,
                        const char *peer_ip, uint64_t now_ms)
{
    struct session_id session = {0};
    uint64_t grace_ms = 0;
    if (!api_query_grace(query, &grace_ms)) {
        answer_error(self, caller, 400, "", "grace_ms must be one whole number from 0 to 5000");
    } else if (route->id.length != SESSION_ID_LENGTH) {
        answer_error(self, caller, 404, "", "no such session");
    } else {
        memcpy(session.text, route->id.data, SESSION_ID_LENGTH);
        log_info(&self->log, "close-asked", log_session(&session), log_peer(peer_ip), log_number("grace_ms", grace_ms));
        call_begin(self, caller, route, &session, grace_ms, now_ms);
    }
}

static void on_api_request(struct admin_http *self, const struct message *message, uint64_t now_ms)
{
    const struct message_api_request *request = &message->api_request;
    struct caller caller = {.shard = request->shard, .connection = request->connection};
    struct api_target target = api_target_split(span_of_string(request->target));
    const char *refusal = refusal_of(self->options, request, &target);
    if (refusal != NULL) {
        answer_error(self, caller, 403, "", refusal);
        return;
    }
    struct api_route route = {0};
    switch (api_route_find(request->method, target.path, &route)) {
    case ROUTE_UNKNOWN_PATH:
        answer_error(self, caller, 404, "", "no such path");
        return;
    case ROUTE_WRONG_METHOD:
        answer_error(self, caller, 405, route.allow, "this path does not know this method");
        return;
    case ROUTE_OPTIONS:
        answer(self, caller, 204, "", route.allow, (struct span){0});
        return;
    case ROUTE_CALL:
        break;
    }
    if (route.call == CALL_health)
        answer_health(self, caller, request);
    else if (route.call == CALL_openapi)
        answer(self, caller, 200, JSON_TYPE, "", api_description());
    else if (route.call == CALL_close_session)
        begin_close(self, caller, &route, target.query, request->peer_ip, now_ms);
    else
        call_begin(self, caller, &route, &(const struct session_id){0}, 0, now_ms);
}

/* ---- what was asked ------------------------------------------------------------------------------------------- */

static void on_sessions_listed(struct admin_http *self, const struct message *message, uint64_t now_ms)
{
    (void)now_ms;
    const struct message_sessions_listed *listed = &message->sessions_listed;
    struct call *call = call_find(self, listed->ref, ASK_SESSIONS);
    if (call == NULL)
        return;
    call->facts.orphaned_sessions = listed->orphaned_sessions;
    call_heard(self, call, ASK_SESSIONS, rows_append(&call->facts.sessions, listed->sessions));
}

static void on_bindings_listed(struct admin_http *self, const struct message *message, uint64_t now_ms)
{
    (void)now_ms;
    const struct message_bindings_listed *listed = &message->bindings_listed;
    struct call *call = call_find(self, listed->ref, ASK_BINDINGS);
    if (call != NULL)
        call_heard(self, call, ASK_BINDINGS, rows_append(&call->facts.bindings, listed->bindings));
}

static void on_streams_counted(struct admin_http *self, const struct message *message, uint64_t now_ms)
{
    (void)now_ms;
    const struct message_streams_counted *counted = &message->streams_counted;
    struct call *call = call_find(self, counted->ref, ASK_STREAMS);
    if (call == NULL || counted->shard >= SHARDS_MAX || !call->awaits_shards[counted->shard])
        return;
    call->awaits_shards[counted->shard] = false;
    call->fd_budget += counted->fd_budget;
    call->fd_permits_used += counted->fd_permits_used;
    call->facts.fd_permits_available =
        call->fd_budget > call->fd_permits_used ? call->fd_budget - call->fd_permits_used : 0;
    bool is_kept = rows_append(&call->facts.streams, counted->sessions);
    for (size_t shard = 0; shard < SHARDS_MAX; shard++)
        if (is_kept && call->awaits_shards[shard])
            return;
    call_heard(self, call, ASK_STREAMS, is_kept);
}

static void on_session_closing(struct admin_http *self, const struct message *message, uint64_t now_ms)
{
    (void)now_ms;
    const struct message_session_closing *closing = &message->session_closing;
    struct call *call = call_find(self, closing->ref, ASK_CLOSE);
    if (call == NULL)
        return;
    if (closing->found) {
        call_heard(self, call, ASK_CLOSE, true);
        return;
    }
    answer_error(self, call->caller, 404, "", "no such session");
    call_forget(self, call);
}

static void on_metrics_rendered(struct admin_http *self, const struct message *message, uint64_t now_ms)
{
    (void)now_ms;
    struct call *call = call_find(self, message->metrics_rendered.ref, ASK_METRICS);
    if (call == NULL)
        return;
    answer(self, call->caller, 200, METRICS_TYPE, "", message->metrics_rendered.text);
    call_forget(self, call);
}

static void on_report_metrics(struct admin_http *self, const struct message *message, uint64_t now_ms)
{
    (void)now_ms;
    struct metric_report report = {0};
    for (size_t class = 2; class < STATUS_CLASSES; class ++) {
        const char name[] = {(char)('0' + class), 'x', 'x', '\0'};
        char labels[32] = "";
        check(metric_labels_add(labels, sizeof labels, "class", name));
        metric_report_add(&report, METRIC_api_answers_total, labels, (double)self->answers[class]);
    }
    metric_report_add_mailbox(&report, self->mailbox, ACTOR_admin_http);
    metric_report_send(&report, self->mailbox, ACTOR_admin_http, 0, message->report_metrics.ref);
}

/* ---- timers --------------------------------------------------------------------------------------------------- */

static uint64_t on_time(void *context, uint64_t now_ms)
{
    struct admin_http *self = context;
    struct call *call = TAILQ_FIRST(&self->calls);
    while (call != NULL && call->deadline_ms <= now_ms) {
        struct call *later = TAILQ_NEXT(call, next);
        log_warn(&self->log, "call-timed-out", log_session(&call->session), log_number("ref", call->ref),
                 log_number("awaits", call->awaits));
        call_fail(self, call, "an actor did not answer in time");
        call = later;
    }
    return call != NULL ? call->deadline_ms : UINT64_MAX;
}

/* ---- dispatch and entry --------------------------------------------------------------------------------------- */

typedef void handler(struct admin_http *self, const struct message *message, uint64_t now_ms);

static handler *const handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_api_request] = on_api_request,         [MESSAGE_sessions_listed] = on_sessions_listed,
    [MESSAGE_bindings_listed] = on_bindings_listed, [MESSAGE_streams_counted] = on_streams_counted,
    [MESSAGE_session_closing] = on_session_closing, [MESSAGE_metrics_rendered] = on_metrics_rendered,
    [MESSAGE_report_metrics] = on_report_metrics,
};

static void on_message(void *self, const struct message *message, uint64_t now_ms)
{
    if (handlers[message->type] != NULL)
        handlers[message->type](self, message, now_ms);
}

static void admin_http_destroy(void **p_self)
{
    struct admin_http *self = *p_self;
    if (self == NULL)
        return;
    for (struct call *call = TAILQ_FIRST(&self->calls), *later; call != NULL; call = later) {
        later = TAILQ_NEXT(call, next);
        call_forget(self, call);
    }
    logger_done(&self->log);
    free(self);
    *p_self = NULL;
}

static void *admin_http_new(const struct options *options, struct mailbox *mailbox, const struct log *log)
{
    struct admin_http *self = zmalloc(sizeof *self);
    self->options = options;
    self->mailbox = mailbox;
    self->log = logger_of(log, actor_name(ACTOR_admin_http));
    TAILQ_INIT(&self->calls);
    if (!process_executable_time_read(&self->built))
        self->built.tv_nsec = -1;
    if (!process_start_time_read(&self->started))
        self->started.tv_nsec = -1;
    return self;
}

const struct actor_spec admin_http_actor = {
    .actor = ACTOR_admin_http,
    .new = admin_http_new,
    .destroy = admin_http_destroy,
    .on_message = on_message,
    .on_time = on_time,
};
