#include "crash.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

/* A handler of signals has nothing but what is global. */
static const char *told_as;
static void (*volatile call_first)(void);

static const struct {
    int number;
    const char *name;
} CRASHES[] = {
    {SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGILL, "SIGILL"}, {SIGFPE, "SIGFPE"}, {SIGABRT, "SIGABRT"},
};

static const char *name_of(int number)
{
    for (size_t i = 0; i < sizeof CRASHES / sizeof *CRASHES; i++)
        if (CRASHES[i].number == number)
            return CRASHES[i].name;
    return "a signal";
}

/* ---- a line without stdio, which is not async-signal-safe ---- */

struct line {
    char text[512];
    size_t length;
};

static void add(struct line *line, const char *text)
{
    size_t length = strnlen(text, sizeof line->text - line->length);
    memcpy(line->text + line->length, text, length);
    line->length += length;
}

static void add_hex(struct line *line, uintptr_t number)
{
    char digits[2 * sizeof number + 1] = "";
    char *digit = &digits[sizeof digits - 1];
    do {
        *--digit = "0123456789abcdef"[number % 16];
        number /= 16;
    } while (number > 0);
    add(line, "0x");
    add(line, digit);
}

/* ---- the crash ---- */

/* 0: not known on this machine. */
static uintptr_t instruction_of(const ucontext_t *context)
{
#if defined __x86_64__
    return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined __aarch64__
    return (uintptr_t)context->uc_mcontext.pc;
#else
    (void)context;
    return 0;
#endif
}

/* "libname.so.1+0x1234", or the program's own. */
static void add_place(struct line *line, uintptr_t instruction)
{
    struct dl_find_object found;
    if (_dl_find_object((void *)instruction, &found) != 0) { /* which is async-signal-safe, as dladdr is not */
        add_hex(line, instruction);
        return;
    }
    const struct link_map *file = found.dlfo_link_map;
    const char *slash = strrchr(file->l_name, '/');
    const char *name = slash != NULL ? slash + 1 : file->l_name;
    add(line, *name != '\0' ? name : told_as);
    add(line, "+");
    add_hex(line, instruction - file->l_addr);
}

static void tell(int number, const siginfo_t *info, const void *context, bool is_ours)
{
    struct line line = {.length = 0};
    add(&line, told_as);
    add(&line, ": crashed: ");
    add(&line, name_of(number));
    if (is_ours) {
        add(&line, " at address ");
        add_hex(&line, (uintptr_t)info->si_addr);
        add(&line, " in ");
        add_place(&line, instruction_of(context));
        add(&line, "; unless memory had run out this is a bug: please report it with this line\n");
    } else if (info->si_pid == getpid()) { /* abort() */
        add(&line, "; unless a line above says why, memory had run out\n");
    } else {
        add(&line, ", which another process sent\n");
    }
    ssize_t written = write(STDERR_FILENO, line.text, line.length);
    (void)written;
}

static void on_crash(int number, siginfo_t *info, void *context)
{
    bool is_ours = info->si_code > 0; /* the kernel's, about an instruction of ours */
    int error = errno;
    if (call_first != NULL)
        call_first();
    tell(number, info, context, is_ours);
    errno = error;
    if (!is_ours)
        raise(number); /* as it would have been: the handler was for once; what is ours comes again by itself */
}

static void watch(int number)
{
    struct sigaction ours = {.sa_sigaction = on_crash, .sa_flags = (int)(SA_SIGINFO | SA_RESETHAND)}, theirs;
    if (sigaction(number, NULL, &theirs) == 0 && theirs.sa_handler == SIG_DFL)
        sigaction(number, &ours, NULL);
}

void crash_is_told(const char *program)
{
    told_as = program;
    for (size_t i = 0; i < sizeof CRASHES / sizeof *CRASHES; i++)
        watch(CRASHES[i].number);
}

void crash_call_first(void (*undo)(void))
{
    call_first = undo;
}
