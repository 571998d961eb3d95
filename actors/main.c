/* hoody-tunneld: what the process needs before its actors, and the list of them. */
#include <errno.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "admin_http.h"
#include "binding_registry.h"
#include "crash.h"
#include "gateway_shards.h"
#include "heap.h"
#include "mailbox.h"
#include "metrics.h"
#include "session_manager.h"
#include "supervisor.h"
#include "syscall_filter.h"
#include "ws_gateway.h"

enum {
    EXIT_USAGE = 2,
    ERROR_MAX = 512,            /* bytes */
    DESCRIPTORS_MIN = 64,       /* what the actors speak to each other through, and a handful for the world */
    DESCRIPTORS_PER_SHARD = 36, /* beyond the first */
};

/* In starting order. */
static const struct supervised actors[] = {
    {.actor = ACTOR_metrics, .run = actor_thread, .spec = &metrics_actor},
    {.actor = ACTOR_binding_registry, .run = actor_thread, .spec = &binding_registry_actor},
    {.actor = ACTOR_session_manager, .run = actor_thread, .spec = &session_manager_actor},
    {.actor = ACTOR_admin_http, .run = actor_thread, .spec = &admin_http_actor},
};
enum { ACTORS = sizeof actors / sizeof actors[0] };

/* The gateways come last, and of these shard 0, which opens the door. Returns how many there are of all. */
static size_t list_actors(const struct options *options, struct supervised ret_all[ACTORS + SHARDS_MAX])
{
    size_t count = 0;
    for (; count < ACTORS; count++)
        ret_all[count] = actors[count];
    for (uint32_t shard = gateway_shards(options); shard-- > 0; count++)
        ret_all[count] = (struct supervised){.actor = ACTOR_ws_gateway, .shard = shard, .run = ws_gateway_actor};
    return count;
}

/* Whoever starts us may have closed them: the log must not go to what is opened in their place. */
static bool open_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd) /* the lowest that is free */
            return false;
    return true;
}

/* What was asked for must arrive: a full disk is a failure, too. */
static int print(struct evbuffer *out)
{
    while (evbuffer_get_length(out) > 0 && evbuffer_write(out, STDOUT_FILENO) > 0)
        ;
    int status = evbuffer_get_length(out) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    if (status != EXIT_SUCCESS)
        fprintf(stderr, "hoody-tunneld: standard output can't be written: %s\n", strerror(errno));
    evbuffer_free(out);
    return status;
}

static int print_help(bool is_whole)
{
    struct evbuffer *out = evbuffer_new();
    if (out == NULL)
        return EXIT_FAILURE;
    options_print_help(out, is_whole);
    return print(out);
}

static int print_version(void)
{
    struct evbuffer *out = evbuffer_new();
    if (out == NULL)
        return EXIT_FAILURE;
    evbuffer_add_printf(out, "hoody-tunneld " HOODY_VERSION "\n");
    return print(out);
}

/* Each visitor and driver needs a descriptor: take as many as the system lets us have. false: too few to start with. */
static bool raise_descriptor_limit(const struct options *options, struct logger *logger)
{
    struct rlimit limit;
    rlim_t needed = DESCRIPTORS_MIN + DESCRIPTORS_PER_SHARD * (rlim_t)(gateway_shards(options) - 1);
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return true;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        log_warn(logger, "descriptor-limit", log_reason(strerror(errno)));
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= needed)
        return true;
    log_error(logger, "start-failed", log_number("descriptors", limit.rlim_cur), log_number("descriptors_min", needed),
              log_reason("RLIMIT_NOFILE is too low"));
    return false;
}

/* A core, and whoever may look into our memory, would see tokens and what visitors send. */
static void keep_memory_private(struct logger *logger)
{
    const struct rlimit none = {0};
    if (prctl(PR_SET_DUMPABLE, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
        log_warn(logger, "core-dumps-possible", log_reason(strerror(errno)));
}

static void filter_syscalls(struct logger *logger)
{
#ifdef HOODY_INSTRUMENTED
    log_debug(logger, "syscall-filter-off", log_reason("this build is instrumented"));
#else
    int error = syscall_filter_apply();
    if (error != 0)
        log_warn(logger, "syscall-filter-off", log_reason(strerror(error)));
#endif
}

/* SIGTERM, SIGINT and SIGHUP as a descriptor, blocked here and in all threads to come. -1: errno says why. */
static int catch_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN); /* a peer that is gone is an error of the write, not our end */
    return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int run(const struct options *options)
{
    const struct log log = {
        .fd = STDERR_FILENO,
        .level = (enum log_level)options->log_level,
        .format = (enum log_format)options->log_format,
    };
    struct logger logger = logger_of(&log, actor_name(ACTOR_supervisor));
    if (!raise_descriptor_limit(options, &logger))
        return EXIT_FAILURE;
    if (!options->core_dumps)
        keep_memory_private(&logger);
    if (!options->no_syscall_filter)
        filter_syscalls(&logger);
    int signal_fd = catch_signals();
    if (signal_fd < 0) {
        log_error(&logger, "start-failed", log_text("call", "signalfd"), log_reason(strerror(errno)));
        return EXIT_FAILURE;
    }
    zsys_handler_set(NULL); /* before CZMQ's first use: signals are ours */
    struct supervised all[ACTORS + SHARDS_MAX];
    size_t count = list_actors(options, all);
    int status = supervisor_run(all, count, options, &log, signal_fd);
    zsys_shutdown();
    close(signal_fd);
    return status;
}

int main(int argc, char *argv[])
{
    struct options options;
    char error[ERROR_MAX];
    int status = EXIT_FAILURE;
    heap_keep_freed();
    if (!open_standard_descriptors())
        return EXIT_FAILURE;
    crash_is_told("hoody-tunneld");
    switch (options_read(&options, argc, argv, environ, error, sizeof error)) {
    case OPTIONS_OK:
        status = run(&options);
        break;
    case OPTIONS_HELP:
        status = print_help(false);
        break;
    case OPTIONS_HELP_ALL:
        status = print_help(true);
        break;
    case OPTIONS_VERSION:
        status = print_version();
        break;
    case OPTIONS_BAD:
        fprintf(stderr, "hoody-tunneld: %s\n", error);
        status = EXIT_USAGE;
        break;
    }
    options_done(&options);
    return status;
}
