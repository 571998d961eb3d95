#include "resolver.h"

#include "check.h"

#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* What the thread says, in one piece and by value: whoever stopped listening leaves nothing behind. */
struct answer {
    const char *why; /* static; NULL: endpoint is set */
    struct endpoint endpoint;
};
_Static_assert(sizeof(struct answer) <= PIPE_BUF, "an answer is written at once, or not at all");

/* The thread's own. */
struct question {
    struct host_port where;
    int answers_to;
};

struct resolution {
    struct loop *loop;
    struct event *event; /* the answer can be read */
    int fd;
    resolution_done *done;
    void *owner;
};

static void say(int fd, const struct answer *answer)
{
    ssize_t written = write(fd, answer, sizeof *answer);
    (void)written; /* nobody listens any more */
    close(fd);
}

static void *look_up(void *arg)
{
    struct question *question = arg;
    struct answer answer = {0};
    if (endpoint_resolve(&question->where, &answer.endpoint, &answer.why))
        answer.why = NULL;
    say(question->answers_to, &answer);
    free(question);
    return NULL;
}

static bool start_thread(struct question *question)
{
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_attr_init(&attributes) != 0)
        return false;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the loop's */
    bool is_started = pthread_create(&thread, &attributes, look_up, question) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return is_started;
}

static void ask(const struct host_port *where, int answers_to)
{
    struct answer answer = {0};
    if (endpoint_of_address(where, &answer.endpoint)) {
        say(answers_to, &answer);
        return;
    }
    struct question *question = malloc(sizeof *question);
    check(question != NULL);
    *question = (struct question){.where = *where, .answers_to = answers_to};
    if (start_thread(question))
        return;
    free(question);
    answer.why = "there is no thread left to ask";
    say(answers_to, &answer);
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    struct resolution *resolution = arg;
    struct answer answer;
    check(read(fd, &answer, sizeof answer) == sizeof answer);
    resolution->done(resolution->owner, answer.why == NULL ? &answer.endpoint : NULL, answer.why);
}

struct resolution *resolution_new(struct loop *loop, const struct host_port *where, resolution_done *done, void *owner)
{
    struct resolution *resolution = calloc(1, sizeof *resolution);
    int ends[2];
    check(resolution != NULL && pipe2(ends, O_CLOEXEC) == 0);
    *resolution = (struct resolution){.loop = loop, .fd = ends[0], .done = done, .owner = owner};
    resolution->event = event_new(loop_base(loop), ends[0], EV_READ, on_answer, resolution);
    check(resolution->event != NULL && event_add(resolution->event, NULL) == 0);
    ask(where, ends[1]);
    return resolution;
}

static void free_resolution(void *object)
{
    struct resolution *resolution = object;
    event_free(resolution->event);
    close(resolution->fd);
    free(resolution);
}

void resolution_destroy(struct resolution **p_resolution)
{
    struct resolution *resolution = *p_resolution;
    *p_resolution = NULL;
    if (resolution == NULL)
        return;
    event_del(resolution->event);
    loop_reap(resolution->loop, free_resolution, resolution);
}
