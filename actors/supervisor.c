/* supervisor: the main thread as an actor.
 *
 * Owns: the other actors' threads and the process's signals.
 * Hears: actor_ponged (any), drained (session-manager).
 * Says: ping_actor (any), drain, reload (session-manager), reload_certificate (ws-gateway); to the service manager, how
 * the daemon is: its watchdog is fed only while every actor answers.
 * Never knows what a session or a port is. */
#include "supervisor.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "check.h"
#include "service_manager.h"
#include "supervised_thread.h"

enum {
    PING_INTERVAL_MS = 5000,     /* at most */
    WATCHDOG_SHARE = 3,          /* signs of life in the time within which the service manager wants one */
    SILENCE_MAX_MS = 15000,      /* an actor that answered no ping for so long gets a line in the log */
    EXIT_STATUS_OF_SIGNAL = 128, /* as shells count */
    DRAIN_SLACK_MS = 2000,       /* what `drained` may come later than the streams' time is up */
};

static const uint64_t NO_RELOAD = UINT64_MAX;

/* A running actor. */
struct running {
    const struct supervised *supervised;
    struct actor_start start;
    struct supervised_thread *thread;
    uint64_t last_pong_ms;  /* 0: none yet */
    uint64_t last_pong_ref; /* every ping up to this one is answered */
    bool is_silent;         /* and the log has it */
};

enum phase {
    PHASE_RUNNING,
    PHASE_DRAINING,
    PHASE_DONE,
};

struct supervisor {
    const struct options *options;
    const struct log *log; /* for the actors */
    struct logger logger;
    int signal_fd;
    struct mailbox *mailbox;
    struct running running[SUPERVISED_MAX];
    size_t running_count;
    enum phase phase;
    int exit_status;
    uint64_t ping_interval_ms;
    bool feeds_watchdog;
    uint64_t next_ping_ms;
    uint64_t drain_until_ms;
    uint64_t last_ref;
    uint64_t round_ref;  /* the last ping before the last round of pings */
    uint64_t reload_ref; /* the last ping before those that say the reload is done; NO_RELOAD */
    char listen[OPTION_ADDRESS_TEXT_MAX];
};

static const char *name_of(const struct running *running)
{
    return actor_name(running->supervised->actor);
}

static void ping(struct supervisor *self, const struct running *running)
{
    mailbox_send_to(self->mailbox, running->supervised->actor, running->supervised->shard,
                    MESSAGE_OF(ping_actor, .ref = ++self->last_ref, .from = ACTOR_supervisor));
}

/* Every actor has answered a ping sent after this one. */
static bool all_answered_after(const struct supervisor *self, uint64_t ref)
{
    for (size_t i = 0; i < self->running_count; i++)
        if (self->running[i].last_pong_ref <= ref)
            return false;
    return true;
}

static void finish(struct supervisor *self, int exit_status)
{
    self->phase = PHASE_DONE;
    self->exit_status = exit_status;
}

/* ---- handlers
 * ---------------------------------------------------------------------------------------------------------- */

static void on_actor_ponged(struct supervisor *self, const struct message_actor_ponged *ponged, uint64_t now_ms)
{
    for (size_t i = 0; i < self->running_count; i++) {
        struct running *running = &self->running[i];
        if (running->supervised->actor != ponged->actor || running->supervised->shard != ponged->shard)
            continue;
        if (running->is_silent)
            log_info(&self->logger, "actor-answers-again", log_text("of", name_of(running)),
                     log_number("shard", running->supervised->shard));
        running->last_pong_ms = now_ms;
        running->last_pong_ref = ponged->ref;
        running->is_silent = false;
    }
    if (self->reload_ref == NO_RELOAD || !all_answered_after(self, self->reload_ref))
        return;
    self->reload_ref = NO_RELOAD;
    service_manager_say_ready(self->listen);
}

static void on_drained(struct supervisor *self, const struct message_drained *drained)
{
    if (self->phase != PHASE_DRAINING)
        return;
    log_info(&self->logger, "drained", log_number("sessions", drained->sessions_closed));
    finish(self, EXIT_SUCCESS);
}

/* The kernel spares process 1 of a container every signal that has no handler. */
static void on_second_signal(int number)
{
    (void)raise(number); /* the handler is used up: this is the end, but for process 1 */
    _exit(EXIT_STATUS_OF_SIGNAL + number);
}

/* A ping behind it in each mailbox is answered when it is done. */
static void reload(struct supervisor *self, uint64_t now_ms)
{
    log_info(&self->logger, "reloading", log_text("signal", "SIGHUP"));
    service_manager_say_reloading();
    mailbox_send(self->mailbox, MESSAGE_OF(reload, .asked_ms = now_ms));
    mailbox_send(self->mailbox, MESSAGE_OF(reload_certificate, .shard = 0)); /* which has the base port */
    self->reload_ref = self->last_ref;
    for (size_t i = 0; i < self->running_count; i++)
        ping(self, &self->running[i]);
}

/* The next one ends us, whatever this thread waits for then. */
static void let_next_signal_kill(void)
{
    sigset_t signals;
    struct sigaction action = {.sa_handler = on_second_signal, .sa_flags = (int)SA_RESETHAND | SA_NODEFER};
    sigemptyset(&action.sa_mask);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
}

static void on_signal(struct supervisor *self, uint64_t now_ms)
{
    struct signalfd_siginfo info;
    if (read(self->signal_fd, &info, sizeof info) != (ssize_t)sizeof info || self->phase != PHASE_RUNNING)
        return;
    if (info.ssi_signo == SIGHUP) {
        reload(self, now_ms);
        return;
    }
    uint64_t timeout_ms = self->options->drain_timeout;
    log_info(&self->logger, "stopping", log_text("signal", info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM"),
             log_number("timeout_ms", timeout_ms));
    self->reload_ref = NO_RELOAD;
    service_manager_say_stopping(timeout_ms + DRAIN_SLACK_MS);
    let_next_signal_kill();
    mailbox_send(self->mailbox, MESSAGE_OF(drain, .timeout_ms = timeout_ms));
    self->phase = PHASE_DRAINING;
    self->drain_until_ms = now_ms + timeout_ms + DRAIN_SLACK_MS;
}

/* ---- timers
 * ------------------------------------------------------------------------------------------------------------ */

static void ping_all(struct supervisor *self, uint64_t now_ms)
{
    if (self->feeds_watchdog && all_answered_after(self, self->round_ref))
        service_manager_say_alive();
    self->round_ref = self->last_ref;
    for (size_t i = 0; i < self->running_count; i++) {
        struct running *running = &self->running[i];
        uint64_t silence_ms = now_ms - running->last_pong_ms;
        if (silence_ms >= SILENCE_MAX_MS && !running->is_silent) {
            running->is_silent = true;
            log_warn(&self->logger, "actor-silent", log_text("of", name_of(running)),
                     log_number("shard", running->supervised->shard), log_number("silence_ms", silence_ms));
        }
        ping(self, running);
    }
    self->next_ping_ms = now_ms + self->ping_interval_ms;
}

/* Returns when to be called again. */
static uint64_t on_time(struct supervisor *self, uint64_t now_ms)
{
    if (now_ms >= self->next_ping_ms)
        ping_all(self, now_ms);
    if (self->phase == PHASE_DRAINING && now_ms >= self->drain_until_ms) {
        log_warn(&self->logger, "drain-incomplete", log_reason("sessions were left when time was up"));
        finish(self, EXIT_SUCCESS);
    }
    bool drain_ends_first = self->phase == PHASE_DRAINING && self->drain_until_ms < self->next_ping_ms;
    return drain_ends_first ? self->drain_until_ms : self->next_ping_ms;
}

/* ---- dispatch
 * ---------------------------------------------------------------------------------------------------------- */

static void handle_mail(struct supervisor *self, uint64_t now_ms)
{
    struct message message;
    while (mailbox_receive(self->mailbox, &message)) {
        if (message.type == MESSAGE_actor_ponged)
            on_actor_ponged(self, &message.actor_ponged, now_ms);
        else if (message.type == MESSAGE_drained)
            on_drained(self, &message.drained);
        message_done(&message);
    }
}

static zmq_pollitem_t item_of(const struct running *running)
{
    return (zmq_pollitem_t){.socket = zsock_resolve(supervised_thread_pipe(running->thread)), .events = ZMQ_POLLIN};
}

/* Whatever happens first: mail, a signal, an actor's end, the time. */
static void wait_and_handle(struct supervisor *self)
{
    enum { MAIL, SIGNAL, FIRST_ACTOR };
    zmq_pollitem_t items[FIRST_ACTOR + SUPERVISED_MAX] = {
        [MAIL] = {.socket = mailbox_inbox(self->mailbox), .events = ZMQ_POLLIN},
        [SIGNAL] = {.fd = self->signal_fd, .events = ZMQ_POLLIN},
    };
    for (size_t i = 0; i < self->running_count; i++)
        items[FIRST_ACTOR + i] = item_of(&self->running[i]);
    uint64_t now_ms = monotonic_ms();
    uint64_t wake_ms = on_time(self, now_ms);
    if (self->phase == PHASE_DONE)
        return;
    long timeout_ms = wake_ms > now_ms ? (long)(wake_ms - now_ms) : 0;
    if (zmq_poll(items, FIRST_ACTOR + (int)self->running_count, timeout_ms) < 0)
        return; /* EINTR */
    handle_mail(self, monotonic_ms());
    if ((items[SIGNAL].revents & ZMQ_POLLIN) != 0)
        on_signal(self, monotonic_ms());
    for (size_t i = 0; i < self->running_count; i++) {
        if ((items[FIRST_ACTOR + i].revents & ZMQ_POLLIN) == 0)
            continue;
        log_error(&self->logger, "actor-ended", log_text("of", name_of(&self->running[i])),
                  log_number("shard", self->running[i].supervised->shard));
        finish(self, EXIT_FAILURE);
    }
}

/* ---- start and stop
 * ---------------------------------------------------------------------------------------------------- */

/* The thread's first signal is taken, so the actor is pinged: it answers, or its pipe says that it has ended. */
static bool start_one(struct supervisor *self, const struct supervised *supervised)
{
    struct running *running = &self->running[self->running_count];
    *running = (struct running){
        .supervised = supervised,
        .start = {.spec = supervised->spec, .options = self->options, .log = self->log, .shard = supervised->shard},
    };
    running->thread = supervised_thread_new(supervised->run, &running->start);
    if (running->thread == NULL) {
        log_error(&self->logger, "start-failed", log_text("of", name_of(running)), log_reason(strerror(errno)));
        return false;
    }
    self->running_count++;
    ping(self, running);
    zmq_pollitem_t items[] = {
        {.socket = mailbox_inbox(self->mailbox), .events = ZMQ_POLLIN},
        item_of(running),
    };
    while (running->last_pong_ms == 0) {
        int ready = zmq_poll(items, 2, PING_INTERVAL_MS);
        if (ready == 0)
            ping(self, running); /* either message was lost: there was no memory for it */
        if (ready <= 0)
            continue; /* EINTR */
        handle_mail(self, monotonic_ms());
        if ((items[1].revents & ZMQ_POLLIN) != 0)
            return false;
    }
    return true;
}

static bool start_all(struct supervisor *self, const struct supervised *actors, size_t count)
{
    check(count <= SUPERVISED_MAX);
    for (size_t i = 0; i < count; i++)
        if (!start_one(self, &actors[i]))
            return false;
    return true;
}

/* The last one started was the last to be needed. Those with loops of their own may have goodbyes to say, which take
 * their time: they begin together. */
static void stop_all(struct supervisor *self)
{
    for (size_t i = 0; i < self->running_count; i++) {
        if (self->running[i].supervised->spec != NULL)
            continue;
        zsock_t *pipe = supervised_thread_pipe(self->running[i].thread);
        zsock_set_sndtimeo(pipe, 0); /* it may have ended */
        (void)zstr_send(pipe, "$TERM");
    }
    while (self->running_count > 0)
        supervised_thread_destroy(&self->running[--self->running_count].thread);
}

/* ---- entry
 * ------------------------------------------------------------------------------------------------------------- */

static void watch(struct supervisor *self)
{
    uint64_t watchdog_ms = service_manager_watchdog_ms();
    self->feeds_watchdog = watchdog_ms > 0;
    self->ping_interval_ms = PING_INTERVAL_MS;
    if (self->feeds_watchdog && watchdog_ms / WATCHDOG_SHARE < PING_INTERVAL_MS)
        self->ping_interval_ms = watchdog_ms / WATCHDOG_SHARE;
    self->next_ping_ms = monotonic_ms();
    while (self->phase != PHASE_DONE)
        wait_and_handle(self);
}

int supervisor_run(const struct supervised *actors, size_t count, const struct options *options, const struct log *log,
                   int signal_fd)
{
    struct supervisor self = {
        .options = options,
        .log = log,
        .logger = logger_of(log, actor_name(ACTOR_supervisor)),
        .signal_fd = signal_fd,
        .exit_status = EXIT_FAILURE,
        .reload_ref = NO_RELOAD,
    };
    self.mailbox = mailbox_new(ACTOR_supervisor, 0, log);
    if (self.mailbox != NULL && start_all(&self, actors, count)) {
        option_address_print(&options->listen, self.listen);
        log_info(&self.logger, "ready", log_text("listen", self.listen), log_signed("pid", getpid()));
        service_manager_say_ready(self.listen);
        watch(&self);
        stop_all(&self);
        log_info(&self.logger, "stopped", log_signed("status", self.exit_status));
    }
    stop_all(&self);
    mailbox_destroy(&self.mailbox);
    logger_done(&self.logger);
    return self.exit_status;
}
