#include "heap.h"

#include <malloc.h>

enum {
    KEPT_MAX = 4 * 1048576, /* bytes, of each arena */
    MAPPED_MIN = 1048576,   /* what is as large goes back to the kernel at once */
    GROWTH = 1048576,       /* the heap grows by so much and not page by page: what is not touched costs nothing */
};

void heap_keep_freed(void)
{
    (void)mallopt(M_TRIM_THRESHOLD, KEPT_MAX);
    (void)mallopt(M_MMAP_THRESHOLD, MAPPED_MIN); /* setting the one stops glibc from adapting the other */
    (void)mallopt(M_TOP_PAD, GROWTH);
}
