#include "supervised_thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct supervised_thread {
    zactor_fn *run;
    void *argument;
    zsock_t *pipe;       /* our end */
    zsock_t *other_pipe; /* the thread's, which ends it */
    pthread_t id;
};

static void *run_thread(void *argument)
{
    struct supervised_thread *thread = argument;
    zsock_t *pipe = thread->other_pipe;
    thread->run(pipe, thread->argument);
    zsock_set_sndtimeo(pipe, 0); /* nobody may be left to hear it */
    (void)zsock_signal(pipe, 0);
    zsock_destroy(&pipe);
    return NULL;
}

struct supervised_thread *supervised_thread_new(zactor_fn *run, void *argument)
{
    struct supervised_thread *thread = calloc(1, sizeof *thread);
    if (thread == NULL)
        return NULL;
    thread->run = run;
    thread->argument = argument;
    thread->pipe = zsys_create_pipe(&thread->other_pipe);
    int error = thread->pipe != NULL ? pthread_create(&thread->id, NULL, run_thread, thread) : errno;
    if (error != 0) {
        zsock_destroy(&thread->pipe);
        zsock_destroy(&thread->other_pipe);
        free(thread);
        errno = error;
        return NULL;
    }
    (void)zsock_wait(thread->pipe);
    return thread;
}

void supervised_thread_destroy(struct supervised_thread **p_thread)
{
    struct supervised_thread *thread = *p_thread;
    if (thread == NULL)
        return;
    zsock_set_sndtimeo(thread->pipe, 0);
    (void)zstr_send(thread->pipe, "$TERM"); /* who has ended before hears nothing */
    (void)pthread_join(thread->id, NULL);
    zsock_destroy(&thread->pipe);
    free(thread);
    *p_thread = NULL;
}

zsock_t *supervised_thread_pipe(const struct supervised_thread *thread)
{
    return thread->pipe;
}
