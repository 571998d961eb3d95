#include "syscall_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

/* When a call is let through. */
struct rule {
    int syscall; /* libseccomp's number; negative: not on this architecture, which it passes over */
    unsigned comparisons;
    struct scmp_arg_cmp comparison;
};

/* clang-format off: the brackets of SCMP_CMP are libseccomp's. */
static const struct rule RULES[] = {
#define ALLOWED(name) {.syscall = SCMP_SYS(name)},
#define ALLOWED_WITHOUT(name, argument, mask)                                                                          \
    {.syscall = SCMP_SYS(name), .comparisons = 1, .comparison = {argument, SCMP_CMP_MASKED_EQ, (mask), 0}},
#define ALLOWED_WITH(name, argument, mask)                                                                             \
    {.syscall = SCMP_SYS(name), .comparisons = 1, .comparison = {argument, SCMP_CMP_MASKED_EQ, (mask), (mask)}},
#define ALLOWED_EQUAL(name, argument, value)                                                                           \
    {.syscall = SCMP_SYS(name), .comparisons = 1, .comparison = {argument, SCMP_CMP_EQ, (value), 0}},
#include "syscalls.def"
};

static const int DEADLY_SYSCALLS[] = {
#define DEADLY(name) SCMP_SYS(name),
#include "syscalls.def"
};
/* clang-format on */

static int add_rules(scmp_filter_ctx filter)
{
    for (size_t i = 0; i < sizeof RULES / sizeof RULES[0]; i++) {
        int error = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, RULES[i].syscall, RULES[i].comparisons,
                                           &RULES[i].comparison);
        if (error < 0)
            return error;
    }
    for (size_t i = 0; i < sizeof DEADLY_SYSCALLS / sizeof DEADLY_SYSCALLS[0]; i++) {
        int error = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, DEADLY_SYSCALLS[i], 0);
        if (error < 0)
            return error;
    }
    return 0;
}

int syscall_filter_apply(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (filter == NULL)
        return ENOMEM;
    int error = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    /* A tree by number, not a list: a call of the data path is found in a few steps. */
    if (error == 0)
        error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (error == 0)
        error = add_rules(filter);
    if (error == 0)
        error = seccomp_load(filter);
    seccomp_release(filter);
    return -error;
}
