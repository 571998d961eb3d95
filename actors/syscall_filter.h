/* The system calls that this process may make from now on, for good, in all its threads to come: those of syscalls.def
 * (seccomp(2)). Takes also the right to gain privileges by any program (no_new_privs). */
#ifndef HOODY_ACTORS_SYSCALL_FILTER_H
#define HOODY_ACTORS_SYSCALL_FILTER_H

/* To be called while the process has one thread. 0, or an errno: nothing has changed but no_new_privs. */
int syscall_filter_apply(void);

#endif
