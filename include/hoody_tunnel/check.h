/* check(expr): we are wrong, not the peer and not the world. Kept in release builds: a broken invariant must
 * end the process with its place and text, never run on. */
#ifndef HOODY_TUNNEL_CHECK_H
#define HOODY_TUNNEL_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#define check(expr)                                                                                                    \
    do {                                                                                                               \
        if (!(expr)) {                                                                                                 \
            fprintf(stderr, "%s:%d: %s: broken invariant: %s\n", __FILE__, __LINE__, __func__, #expr);                 \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

#endif
