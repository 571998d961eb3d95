#include "heap.h"

#include <malloc.h>

enum { KEPT_MAX = 2 * 1048576 /* bytes, of each arena */ };

void heap_keep_freed(void)
{
    (void)mallopt(M_TRIM_THRESHOLD, KEPT_MAX);
    (void)mallopt(M_MMAP_THRESHOLD, KEPT_MAX); /* setting the one stops glibc from adapting the other */
}
