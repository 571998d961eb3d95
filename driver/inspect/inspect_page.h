/* The inspection page's files (page/), which are part of the program. */
#ifndef HOODY_DRIVER_INSPECT_PAGE_H
#define HOODY_DRIVER_INSPECT_PAGE_H

#include "span.h"

struct inspect_file {
    const char *path; /* as it is asked for */
    const char *type; /* Content-Type */
    struct span bytes;
};

/* Static; NULL: there is no such file. */
const struct inspect_file *inspect_page_find(struct span path);

#endif
