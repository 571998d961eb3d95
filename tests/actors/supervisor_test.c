/* The supervisor: starts in order, stops in reverse, drains on a signal, reloads on another, and knows when an actor
 * could not start or ended. */
#include "supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants these before it. */
#include <cmocka.h>

/* What the played actors do is written here, a letter each, whichever thread they are on. */
static int diary_fds[2];

static void note(char letter)
{
    assert_int_equal(write(diary_fds[1], &letter, 1), 1);
}

static void assert_diary(const char *expected)
{
    char diary[64];
    ssize_t length = read(diary_fds[0], diary, sizeof diary - 1);
    diary[length > 0 ? length : 0] = '\0';
    assert_string_equal(diary, expected);
}

/* ---- the played actors
 * --------------------------------------------------------------------------------------------------- */

struct played {
    struct mailbox *mailbox;
    char letter; /* noted in lower case at the end */
};

static void *played_new(struct mailbox *mailbox, char letter)
{
    struct played *self = calloc(1, sizeof *self);
    assert_non_null(self);
    *self = (struct played){.mailbox = mailbox, .letter = letter};
    note(letter);
    return self;
}

static void *metrics_new(const struct options *options, struct mailbox *mailbox, const struct log *log)
{
    (void)options;
    (void)log;
    return played_new(mailbox, 'M');
}

static void *manager_new(const struct options *options, struct mailbox *mailbox, const struct log *log)
{
    (void)options;
    (void)log;
    return played_new(mailbox, 'S');
}

static void *gateway_new(const struct options *options, struct mailbox *mailbox, const struct log *log)
{
    (void)options;
    (void)log;
    return played_new(mailbox, 'G');
}

static void *failing_new(const struct options *options, struct mailbox *mailbox, const struct log *log)
{
    (void)options;
    (void)mailbox;
    (void)log;
    note('!');
    return NULL;
}

static void played_destroy(void **p_self)
{
    struct played *self = *p_self;
    note((char)(self->letter - 'A' + 'a'));
    free(self);
    *p_self = NULL;
}

static void ignore(void *self, const struct message *message, uint64_t now_ms)
{
    (void)self;
    (void)message;
    (void)now_ms;
}

static void manager_drains(void *context, const struct message *message, uint64_t now_ms)
{
    struct played *self = context;
    (void)now_ms;
    if (message->type != MESSAGE_drain)
        return;
    assert_int_equal(message->drain.timeout_ms, 7);
    note('d');
    mailbox_send(self->mailbox, MESSAGE_OF(drained, .sessions_closed = 2));
}

static void manager_reloads(void *context, const struct message *message, uint64_t now_ms)
{
    if (message->type == MESSAGE_reload)
        note('r');
    manager_drains(context, message, now_ms);
}

/* Nobody else ends the test. */
static void gateway_reloads(void *context, const struct message *message, uint64_t now_ms)
{
    (void)context;
    (void)now_ms;
    if (message->type == MESSAGE_reload_certificate)
        kill(getpid(), SIGTERM);
}

static void manager_is_signalled_again(void *context, const struct message *message, uint64_t now_ms)
{
    (void)context;
    (void)now_ms;
    if (message->type == MESSAGE_drain)
        kill(getpid(), SIGTERM);
}

static const struct actor_spec played_metrics = {
    .actor = ACTOR_metrics, .new = metrics_new, .destroy = played_destroy, .on_message = ignore};
static const struct actor_spec draining_manager = {
    .actor = ACTOR_session_manager, .new = manager_new, .destroy = played_destroy, .on_message = manager_drains};
static const struct actor_spec reloading_manager = {
    .actor = ACTOR_session_manager, .new = manager_new, .destroy = played_destroy, .on_message = manager_reloads};
static const struct actor_spec reloading_gateway = {
    .actor = ACTOR_ws_gateway, .new = gateway_new, .destroy = played_destroy, .on_message = gateway_reloads};
static const struct actor_spec deaf_manager = {
    .actor = ACTOR_session_manager, .new = manager_new, .destroy = played_destroy, .on_message = ignore};
static const struct actor_spec twice_signalled_manager = {.actor = ACTOR_session_manager,
                                                          .new = manager_new,
                                                          .destroy = played_destroy,
                                                          .on_message = manager_is_signalled_again};
static const struct actor_spec failing_admin = {
    .actor = ACTOR_admin_http, .new = failing_new, .destroy = played_destroy, .on_message = ignore};

/* Answers its first ping, then its thread ends as if it had fallen out of its loop. */
static void short_lived_gateway(zsock_t *pipe, void *args)
{
    const struct actor_start *start = args;
    struct mailbox *mailbox = mailbox_new(ACTOR_ws_gateway, start->shard, start->log);
    assert_non_null(mailbox);
    note('G');
    zsock_signal(pipe, 0);
    zmq_pollitem_t item = {.socket = mailbox_inbox(mailbox), .events = ZMQ_POLLIN};
    struct message message;
    assert_int_equal(zmq_poll(&item, 1, -1), 1);
    assert_false(mailbox_receive(mailbox, &message));
    mailbox_destroy(&mailbox);
}

/* ---- running them
 * -------------------------------------------------------------------------------------------------------- */

static struct log quiet_log(void)
{
    return (struct log){.fd = -1, .level = LOG_LEVEL_ERROR};
}

/* A signal that is sent before waits until the actors run. */
static int run(const struct supervised *actors, size_t count, uint64_t drain_timeout_ms)
{
    struct options options;
    struct log log = quiet_log();
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    assert_true(options_init(&options));
    options.drain_timeout = drain_timeout_ms;
    int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    assert_true(signal_fd >= 0);
    int status = supervisor_run(actors, count, &options, &log, signal_fd);
    close(signal_fd);
    options_done(&options);
    return status;
}

static void block_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &signals, NULL), 0);
}

static void a_second_signal_ends_the_process_at_once(void **state)
{
    (void)state;
    pid_t child = fork(); /* the first test: no thread of libzmq's runs yet */
    assert_true(child >= 0);
    if (child == 0) {
        const struct supervised actors[] = {
            {.actor = ACTOR_session_manager, .run = actor_thread, .spec = &twice_signalled_manager},
        };
        block_signals();
        kill(getpid(), SIGTERM);
        run(actors, 1, 3600000);
        _exit(99);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    /* Killed by it; or, where a handler cannot be left by the signal (ThreadSanitizer, process 1), as a shell would say
     * so. */
    bool is_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM;
    assert_true(is_killed || (WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGTERM));
    assert_diary("S");
}

static void a_signal_drains_and_stops_in_reverse_order(void **state)
{
    (void)state;
    static const int signals[] = {SIGTERM, SIGINT};
    const struct supervised actors[] = {
        {.actor = ACTOR_metrics, .run = actor_thread, .spec = &played_metrics},
        {.actor = ACTOR_session_manager, .run = actor_thread, .spec = &draining_manager},
    };
    for (size_t i = 0; i < 2; i++) {
        block_signals();
        kill(getpid(), signals[i]);
        assert_int_equal(run(actors, 2, 7), EXIT_SUCCESS);
        assert_diary("MSdsm");
    }
}

static void a_hangup_is_no_end_but_a_reload(void **state)
{
    (void)state;
    const struct supervised actors[] = {
        {.actor = ACTOR_session_manager, .run = actor_thread, .spec = &reloading_manager},
        {.actor = ACTOR_ws_gateway, .run = actor_thread, .spec = &reloading_gateway},
    };
    block_signals();
    kill(getpid(), SIGHUP);
    assert_int_equal(run(actors, 2, 7), EXIT_SUCCESS);
    assert_diary("SGrdgs");
}

static void a_drain_that_never_ends_is_cut_off(void **state)
{
    (void)state;
    const struct supervised actors[] = {
        {.actor = ACTOR_session_manager, .run = actor_thread, .spec = &deaf_manager},
        {.actor = ACTOR_metrics, .run = actor_thread, .spec = &played_metrics},
    };
    block_signals();
    kill(getpid(), SIGTERM);
    assert_int_equal(run(actors, 2, 0), EXIT_SUCCESS);
    assert_diary("SMms");
}

static void an_actor_that_cannot_start_stops_those_before_it(void **state)
{
    (void)state;
    const struct supervised actors[] = {
        {.actor = ACTOR_metrics, .run = actor_thread, .spec = &played_metrics},
        {.actor = ACTOR_admin_http, .run = actor_thread, .spec = &failing_admin},
        {.actor = ACTOR_session_manager, .run = actor_thread, .spec = &draining_manager},
    };
    block_signals();
    for (int i = 0; i < 20; i++) {
        assert_int_equal(run(actors, 3, 7), EXIT_FAILURE);
        assert_diary("M!m");
    }
}

static void an_actor_that_ends_by_itself_ends_the_daemon(void **state)
{
    (void)state;
    const struct supervised actors[] = {
        {.actor = ACTOR_metrics, .run = actor_thread, .spec = &played_metrics},
        {.actor = ACTOR_ws_gateway, .run = short_lived_gateway},
    };
    block_signals();
    for (int i = 0; i < 20; i++) {
        assert_int_equal(run(actors, 2, 7), EXIT_FAILURE);
        assert_diary("MGm");
    }
}

/* ---- what the service manager is told
 * ------------------------------------------------------------------------------------------------- */

static int manager_socket;

/* Plays the service manager at a name of its own. */
static void listen_as_service_manager(const char *watchdog_us)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char name[64];
    int length = snprintf(name, sizeof name, "@hoody-supervisor-test-%d", getpid());
    memcpy(address.sun_path + 1, name + 1, (size_t)length - 1); /* an abstract name: no file is left */
    manager_socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(manager_socket >= 0);
    assert_int_equal(bind(manager_socket, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length)),
                     0);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    if (watchdog_us != NULL)
        assert_int_equal(setenv("WATCHDOG_USEC", watchdog_us, 1), 0);
}

static void stop_listening_as_service_manager(void)
{
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    close(manager_socket);
}

/* The first line of the next notification; "": there is none. */
static const char *next_told(void)
{
    static char text[512];
    ssize_t length = recv(manager_socket, text, sizeof text - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return text;
}

static void it_tells_of_the_start_each_reload_and_the_end(void **state)
{
    (void)state;
    const struct supervised actors[] = {
        {.actor = ACTOR_session_manager, .run = actor_thread, .spec = &reloading_manager},
        {.actor = ACTOR_ws_gateway, .run = actor_thread, .spec = &reloading_gateway},
    };
    listen_as_service_manager(NULL);
    block_signals();
    kill(getpid(), SIGHUP);
    assert_int_equal(run(actors, 2, 7), EXIT_SUCCESS);
    assert_diary("SGrdgs");
    assert_string_equal(next_told(), "READY=1");
    assert_string_equal(next_told(), "RELOADING=1");
    const char *told = next_told();
    if (strcmp(told, "READY=1") == 0) /* unless the gateway's signal overtook it */
        told = next_told();
    assert_string_equal(told, "STOPPING=1");
    assert_string_equal(next_told(), "");
    stop_listening_as_service_manager();
}

/* Waits for three signs of life, then ends the daemon. */
static void *end_after_signs_of_life(void *arg)
{
    size_t *signs = arg;
    const struct pollfd told = {.fd = manager_socket, .events = POLLIN};
    while (*signs < 3) {
        struct pollfd waiting = told;
        assert_int_equal(poll(&waiting, 1, 60000), 1);
        *signs += strcmp(next_told(), "WATCHDOG=1") == 0;
    }
    kill(getpid(), SIGTERM);
    return NULL;
}

static void the_watchdog_is_fed_while_every_actor_answers(void **state)
{
    (void)state;
    const struct supervised actors[] = {
        {.actor = ACTOR_session_manager, .run = actor_thread, .spec = &draining_manager},
        {.actor = ACTOR_metrics, .run = actor_thread, .spec = &played_metrics},
    };
    size_t signs = 0;
    pthread_t watcher;
    listen_as_service_manager("30000");
    block_signals();
    assert_int_equal(pthread_create(&watcher, NULL, end_after_signs_of_life, &signs), 0);
    assert_int_equal(run(actors, 2, 7), EXIT_SUCCESS);
    pthread_join(watcher, NULL);
    assert_diary("SMdms");
    assert_int_equal(signs, 3);
    stop_listening_as_service_manager();
}

/* Answers its first ping, then hangs: what comes is taken and not heard. Ends the daemon after so many more. */
static void hanging_gateway(zsock_t *pipe, void *args)
{
    enum { UNHEARD = 4 };
    const struct actor_start *start = args;
    struct mailbox *mailbox = mailbox_new(ACTOR_ws_gateway, start->shard, start->log);
    assert_non_null(mailbox);
    zsock_signal(pipe, 0);
    zmq_pollitem_t item = {.socket = mailbox_inbox(mailbox), .events = ZMQ_POLLIN};
    struct message message;
    assert_int_equal(zmq_poll(&item, 1, -1), 1);
    assert_false(mailbox_receive(mailbox, &message));
    for (int i = 0; i < UNHEARD; i++) {
        char unheard[256];
        assert_int_equal(zmq_poll(&item, 1, -1), 1);
        assert_true(zmq_recv(mailbox_inbox(mailbox), unheard, sizeof unheard, 0) > 0);
    }
    kill(getpid(), SIGTERM);
    free(zstr_recv(pipe)); /* $TERM */
    mailbox_destroy(&mailbox);
}

static void the_watchdog_starves_when_one_actor_hangs(void **state)
{
    (void)state;
    const struct supervised actors[] = {
        {.actor = ACTOR_session_manager, .run = actor_thread, .spec = &draining_manager},
        {.actor = ACTOR_ws_gateway, .run = hanging_gateway},
    };
    listen_as_service_manager("30000");
    block_signals();
    assert_int_equal(run(actors, 2, 7), EXIT_SUCCESS);
    assert_diary("Sds");
    assert_string_equal(next_told(), "READY=1");
    assert_string_equal(next_told(), "WATCHDOG=1"); /* all had answered when they started */
    const char *told = next_told();
    if (strcmp(told, "WATCHDOG=1") == 0) /* it answered the next ping along with its first */
        told = next_told();
    assert_string_equal(told, "STOPPING=1");
    stop_listening_as_service_manager();
}

static int set_up(void **state)
{
    (void)state;
    zsys_handler_set(NULL);
    return pipe2(diary_fds, O_NONBLOCK | O_CLOEXEC);
}

static int shut_down(void **state)
{
    (void)state;
    zsys_shutdown();
    close(diary_fds[0]);
    close(diary_fds[1]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_signal_ends_the_process_at_once),
        cmocka_unit_test(a_signal_drains_and_stops_in_reverse_order),
        cmocka_unit_test(a_hangup_is_no_end_but_a_reload),
        cmocka_unit_test(a_drain_that_never_ends_is_cut_off),
        cmocka_unit_test(an_actor_that_cannot_start_stops_those_before_it),
        cmocka_unit_test(an_actor_that_ends_by_itself_ends_the_daemon),
        cmocka_unit_test(it_tells_of_the_start_each_reload_and_the_end),
        cmocka_unit_test(the_watchdog_is_fed_while_every_actor_answers),
        cmocka_unit_test(the_watchdog_starves_when_one_actor_hangs),
    };
    return cmocka_run_group_tests(tests, set_up, shut_down);
}
