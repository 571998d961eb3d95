/* A library to preload (LD_PRELOAD) that makes calls to the C library fail, one call site at a time.
 *
 * A site is the function called, the place it was called from, and the innermost place of the program itself on the way
 * there, so that each use of a library is a site of its own. It is written as
 *     function caller+offset program+offset
 *
 * HOODY_FAULTS_RECORD  a file to which each site is written when it is first reached, `failed SITE` when it fails, and
 *                      `crashed MODULE` when the program is ended by a signal after that
 * HOODY_FAULTS_FAIL    the site that fails
 * HOODY_FAULTS_TIME    the how manieth time it is reached (default 1)
 * HOODY_FAULTS_CLOCK   seconds: the wall clock is right, ahead, right, behind by so much, 100 ms each
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>
#include <unwind.h>

enum {
    SITES_MAX = 1 << 14,
    MODULES_MAX = 128,
    FRAMES_MAX = 40,
    SITE_TEXT_MAX = 256, /* bytes */
    RECORD_FD_MIN = 900, /* out of the way of the program's own */
    JUMP_MS = 100,
};

struct module {
    uintptr_t begin, end, base;
    char name[48];
};

struct place {
    const struct module *module;
    uintptr_t offset;
};

static struct module modules[MODULES_MAX];
static size_t module_count;
static const struct module *self_module; /* this library: its frames are no places */
static uint64_t seen[SITES_MAX];         /* hashes */
static atomic_flag seen_lock = ATOMIC_FLAG_INIT;
static int record_fd = -1;
static const char *failing;        /* the site, or NULL */
static atomic_long times_left = 1; /* until it fails */
static int64_t clock_jump_s;
static bool is_ready;
static __thread bool is_inside __attribute__((tls_model("initial-exec")));

static int add_module(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_X) == 0 || module_count == MODULES_MAX)
            continue;
        struct module *module = &modules[module_count++];
        module->base = info->dlpi_addr;
        module->begin = module->base + segment->p_vaddr;
        module->end = module->begin + segment->p_memsz;
        const char *slash = strrchr(info->dlpi_name, '/');
        /* The program itself comes first and has no name. */
        const char *name = slash != NULL ? slash + 1 : info->dlpi_name[0] != '\0' ? info->dlpi_name : "program";
        snprintf(module->name, sizeof module->name, "%s", name);
    }
    return 0;
}

static const struct module *module_of(uintptr_t address)
{
    for (size_t i = 0; i < module_count; i++)
        if (address >= modules[i].begin && address < modules[i].end)
            return &modules[i];
    return NULL;
}

__attribute__((constructor)) static void prepare(void)
{
    is_inside = true;
    dl_iterate_phdr(add_module, NULL);
    self_module = module_of((uintptr_t)__builtin_return_address(0));
    self_module = module_of((uintptr_t)&prepare);
    const char *record = getenv("HOODY_FAULTS_RECORD");
    if (record != NULL) {
        int fd = open(record, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        record_fd = fcntl(fd, F_DUPFD_CLOEXEC, RECORD_FD_MIN);
        close(fd);
    }
    failing = getenv("HOODY_FAULTS_FAIL");
    const char *time_of_failure = getenv("HOODY_FAULTS_TIME");
    if (time_of_failure != NULL)
        atomic_store(&times_left, atol(time_of_failure));
    const char *jump = getenv("HOODY_FAULTS_CLOCK");
    clock_jump_s = jump != NULL ? atoll(jump) : 0;
    is_ready = record_fd >= 0;
    is_inside = false;
}

/* ---- sites */

struct walk {
    struct place caller, program;
    int frames;
};

static _Unwind_Reason_Code on_frame(struct _Unwind_Context *context, void *walk_of)
{
    struct walk *walk = walk_of;
    uintptr_t address = _Unwind_GetIP(context) - 1; /* in the call, not behind it */
    const struct module *module = module_of(address);
    if (++walk->frames > FRAMES_MAX || module == NULL)
        return _URC_END_OF_STACK;
    if (module == self_module)
        return _URC_NO_REASON;
    struct place place = {module, address - module->base};
    if (walk->caller.module == NULL)
        walk->caller = place;
    if (module == &modules[0]) {
        walk->program = place;
        return _URC_END_OF_STACK;
    }
    return _URC_NO_REASON;
}

static uint64_t hash_of(const char *text)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    return hash != 0 ? hash : 1;
}

/* True the first time. */
static bool is_new(uint64_t hash)
{
    bool added = false;
    while (atomic_flag_test_and_set(&seen_lock))
        ;
    for (size_t i = 0, at = hash % SITES_MAX; i < SITES_MAX; i++, at = (at + 1) % SITES_MAX) {
        if (seen[at] == hash)
            break;
        if (seen[at] == 0) {
            seen[at] = hash;
            added = true;
            break;
        }
    }
    atomic_flag_clear(&seen_lock);
    return added;
}

static void record(const char *what, const char *site)
{
    char line[SITE_TEXT_MAX + 16];
    int length = snprintf(line, sizeof line, "%s%s\n", what, site);
    syscall(SYS_write, record_fd, line, (size_t)length);
}

static _Unwind_Reason_Code on_crash_frame(struct _Unwind_Context *context, void *module_of_crash)
{
    const struct module **ret_module = module_of_crash, *module = module_of(_Unwind_GetIP(context) - 1);
    if (module == NULL || module == self_module || strncmp(module->name, "libc.so", strlen("libc.so")) == 0)
        return _URC_NO_REASON;
    *ret_module = module;
    return _URC_END_OF_STACK;
}

static const int CRASHES[] = {SIGSEGV, SIGBUS, SIGABRT};
enum { CRASH_COUNT = sizeof CRASHES / sizeof *CRASHES };
static struct sigaction programs_own[CRASH_COUNT];

/* Whose fault it is: the C library itself only does as it is told. Then the program has its say. */
static void on_crash(int number, siginfo_t *info, void *context)
{
    (void)context;
    const struct module *module = NULL;
    is_inside = true;
    _Unwind_Backtrace(on_crash_frame, &module);
    record("crashed ", module != NULL ? module->name : "?");
    for (size_t i = 0; i < CRASH_COUNT; i++)
        if (CRASHES[i] == number)
            sigaction(number, &programs_own[i], NULL);
    if (info->si_code <= 0) /* sent; a fault comes again by itself */
        raise(number);
}

static void watch_for_crashes(void)
{
    struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = (int)(SA_SIGINFO | SA_NODEFER)};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < CRASH_COUNT; i++)
        sigaction(CRASHES[i], &action, &programs_own[i]);
}

/* The call at hand is to fail. */
static bool fails(const char *function)
{
    if (!is_ready || is_inside)
        return false;
    is_inside = true;
    int error = errno;
    struct walk walk = {.frames = 0};
    _Unwind_Backtrace(on_frame, &walk);
    bool result = false;
    if (walk.caller.module != NULL) {
        char site[SITE_TEXT_MAX];
        snprintf(site, sizeof site, "%s %s+%lx %s+%lx", function, walk.caller.module->name, walk.caller.offset,
                 walk.program.module != NULL ? "program" : "-", walk.program.offset);
        if (failing == NULL) {
            if (is_new(hash_of(site)))
                record("", site);
        } else if (strcmp(site, failing) == 0 && atomic_fetch_sub(&times_left, 1) == 1) {
            record("failed ", site);
            watch_for_crashes();
            result = true;
        }
    }
    errno = error;
    is_inside = false;
    return result;
}

/* ---- memory: strdup and the like come here, too */

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

#define FAIL_WITH(function, number, value)                                                                             \
    if (fails(function)) {                                                                                             \
        errno = number;                                                                                                \
        return value;                                                                                                  \
    }

void *malloc(size_t size)
{
    FAIL_WITH("malloc", ENOMEM, NULL)
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    FAIL_WITH("calloc", ENOMEM, NULL)
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    if (size > 0)
        FAIL_WITH("realloc", ENOMEM, NULL)
    return __libc_realloc(old, size);
}

int posix_memalign(void **ret_memory, size_t alignment, size_t size)
{
    if (fails("posix_memalign"))
        return ENOMEM;
    void *memory = __libc_memalign(alignment, size);
    if (memory == NULL)
        return ENOMEM;
    *ret_memory = memory;
    return 0;
}

/* ---- calls of the system */

#define REAL(result, function, parameters, arguments)                                                                  \
    static result(*real) parameters;                                                                                   \
    if (real == NULL)                                                                                                  \
        real = (result(*) parameters)dlsym(RTLD_NEXT, #function);                                                      \
    return real arguments;

#define FAILING(result, function, number, value, parameters, arguments)                                                \
    result function parameters                                                                                         \
    {                                                                                                                  \
        FAIL_WITH(#function, number, value)                                                                            \
        REAL(result, function, parameters, arguments)                                                                  \
    }

/* What a program says to itself, through eventfds, pipes and pairs of UNIX sockets, cannot fail while the kernel lives.
 */
#define FAILING_ON_FILES(function, number, parameters, arguments)                                                      \
    ssize_t function parameters                                                                                        \
    {                                                                                                                  \
        if (is_file(fd))                                                                                               \
            FAIL_WITH(#function, number, -1)                                                                           \
        REAL(ssize_t, function, parameters, arguments)                                                                 \
    }

static bool is_file(int fd)
{
    struct stat status;
    int error = errno;
    bool result = is_ready && fstat(fd, &status) == 0 && (status.st_mode & S_IFMT) != 0 && !S_ISFIFO(status.st_mode);
    if (result && S_ISSOCK(status.st_mode)) {
        struct sockaddr address = {.sa_family = AF_UNSPEC};
        socklen_t length = sizeof address;
        result = syscall(SYS_getsockname, fd, &address, &length) == 0 && address.sa_family != AF_UNIX;
    }
    errno = error;
    return result;
}

FAILING(int, socket, EMFILE, -1, (int domain, int type, int protocol), (domain, type, protocol))
FAILING(int, socketpair, EMFILE, -1, (int domain, int type, int protocol, int ends[2]), (domain, type, protocol, ends))
FAILING(int, bind, EACCES, -1, (int fd, const struct sockaddr *address, socklen_t length), (fd, address, length))
FAILING(int, listen, EADDRINUSE, -1, (int fd, int backlog), (fd, backlog))
FAILING(int, accept, ENFILE, -1, (int fd, struct sockaddr *address, socklen_t *length), (fd, address, length))
FAILING(int, accept4, ENFILE, -1, (int fd, struct sockaddr *address, socklen_t *length, int flags),
        (fd, address, length, flags))
FAILING(int, connect, ENETUNREACH, -1, (int fd, const struct sockaddr *address, socklen_t length),
        (fd, address, length))
FAILING(int, setsockopt, ENOBUFS, -1, (int fd, int level, int name, const void *value, socklen_t length),
        (fd, level, name, value, length))
FAILING(int, getsockopt, ENOBUFS, -1, (int fd, int level, int name, void *value, socklen_t *length),
        (fd, level, name, value, length))
FAILING(int, getsockname, ENOBUFS, -1, (int fd, struct sockaddr *address, socklen_t *length), (fd, address, length))
FAILING(int, getpeername, ENOBUFS, -1, (int fd, struct sockaddr *address, socklen_t *length), (fd, address, length))
FAILING(int, shutdown, ENOTCONN, -1, (int fd, int how), (fd, how))
FAILING(int, epoll_create1, EMFILE, -1, (int flags), (flags))
FAILING(int, epoll_ctl, ENOSPC, -1, (int epoll, int operation, int fd, struct epoll_event *event),
        (epoll, operation, fd, event))
FAILING(int, eventfd, EMFILE, -1, (unsigned count, int flags), (count, flags))
FAILING(int, timerfd_create, EMFILE, -1, (int clock, int flags), (clock, flags))
FAILING(int, signalfd, EMFILE, -1, (int fd, const sigset_t *signals, int flags), (fd, signals, flags))
FAILING(int, pipe2, EMFILE, -1, (int ends[2], int flags), (ends, flags))
FAILING(ssize_t, getrandom, EIO, -1, (void *bytes, size_t length, unsigned flags), (bytes, length, flags))
FAILING(FILE *, fopen, EMFILE, NULL, (const char *path, const char *mode), (path, mode))
FAILING(FILE *, fopen64, EMFILE, NULL, (const char *path, const char *mode), (path, mode))
FAILING_ON_FILES(read, EIO, (int fd, void *bytes, size_t length), (fd, bytes, length))
FAILING_ON_FILES(readv, ECONNRESET, (int fd, const struct iovec *parts, int count), (fd, parts, count))
FAILING_ON_FILES(recv, ECONNRESET, (int fd, void *bytes, size_t length, int flags), (fd, bytes, length, flags))
FAILING_ON_FILES(recvmsg, ECONNRESET, (int fd, struct msghdr *message, int flags), (fd, message, flags))
FAILING_ON_FILES(recvfrom, ECONNRESET,
                 (int fd, void *bytes, size_t length, int flags, struct sockaddr *address, socklen_t *address_length),
                 (fd, bytes, length, flags, address, address_length))
FAILING_ON_FILES(write, ENOSPC, (int fd, const void *bytes, size_t length), (fd, bytes, length))
FAILING_ON_FILES(writev, ENOBUFS, (int fd, const struct iovec *parts, int count), (fd, parts, count))
FAILING_ON_FILES(send, ENOBUFS, (int fd, const void *bytes, size_t length, int flags), (fd, bytes, length, flags))
FAILING_ON_FILES(sendmsg, ENOBUFS, (int fd, const struct msghdr *message, int flags), (fd, message, flags))

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument)
{
    if (fails("pthread_create"))
        return EAGAIN;
    REAL(int, pthread_create, (pthread_t *, const pthread_attr_t *, void *(*)(void *), void *),
         (thread, attributes, run, argument))
}

int open(const char *path, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
    va_end(more);
    FAIL_WITH("open", EMFILE, -1)
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* ---- the wall clock */

int clock_gettime(clockid_t clock, struct timespec *ret_now)
{
    int status = (int)syscall(SYS_clock_gettime, clock, ret_now);
    if (status == 0 && clock_jump_s != 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        static const int64_t JUMPS[] = {0, 1, 0, -1};
        struct timespec now;
        syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
        int64_t turn = (now.tv_sec * 1000 + now.tv_nsec / 1000000) / JUMP_MS;
        ret_now->tv_sec += JUMPS[turn % 4] * clock_jump_s;
    }
    return status;
}

time_t time(time_t *ret_now)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (ret_now != NULL)
        *ret_now = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *ret_now, void *zone)
{
    (void)zone;
    struct timespec now;
    int status = clock_gettime(CLOCK_REALTIME, &now);
    *ret_now = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return status;
}
