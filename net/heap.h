/* The process's heap. */
#ifndef HOODY_NET_HEAP_H
#define HOODY_NET_HEAP_H

/* To be called first in main: some megabytes that were freed stay with the process. glibc would give each 128 KiB back
 * at once, to fault it in again page by page for the next bytes that pass through: half the time of a bulk transfer. */
void heap_keep_freed(void);

#endif
