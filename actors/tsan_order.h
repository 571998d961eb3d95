/* What ThreadSanitizer cannot see: libzmq passes messages with atomics of its own, uninstrumented. These two tell it
 * that what was written before a message went out is read after it came in. Nothing in other builds. */
#ifndef HOODY_ACTORS_TSAN_ORDER_H
#define HOODY_ACTORS_TSAN_ORDER_H

#ifdef __SANITIZE_THREAD__
void __tsan_release(void *address);
void __tsan_acquire(void *address);
#define TSAN_RELEASE(address) __tsan_release(address)
#define TSAN_ACQUIRE(address) __tsan_acquire(address)
#else
#define TSAN_RELEASE(address) ((void)(address))
#define TSAN_ACQUIRE(address) ((void)(address))
#endif

#endif
