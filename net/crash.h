/* The last words of a process that crashes: in a container, and without a core, its log is all that is left of it. */
#ifndef HOODY_NET_CRASH_H
#define HOODY_NET_CRASH_H

/* To be called early in main: from then on SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGABRT are told on standard error in
 * one line, a fault with the file and the place in it where the instruction stands, as addr2line -e FILE takes it; then
 * they end the process as ever. A signal that is handled already, say by a sanitizer, is left alone. Not told is a
 * stack that overflows. `program` is borrowed. */
void crash_is_told(const char *program);

/* Is called before; NULL: nobody. From a signal handler: only what is async-signal-safe (signal-safety(7)). There is
 * one at a time. */
void crash_call_first(void (*undo)(void));

#endif
