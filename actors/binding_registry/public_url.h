/* The public URL of an exposed port (protocol section 5, --public-url-pattern). Pure. */
#ifndef HOODY_ACTORS_PUBLIC_URL_H
#define HOODY_ACTORS_PUBLIC_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "ids.h"

enum { PUBLIC_URL_MAX = 4096 }; /* bytes with the NUL */

/* A pattern must have a {port}; "" (unset) is fine. */
bool public_url_pattern_is_valid(const char *pattern);

/* Puts port, bind id and label in the place of {port}, {bindId} and {label}; the label comes from outside and is
 * percent-encoded (RFC 3986 section 2.1). Other braces stay as they are. "": the pattern is unset, or the URL would be
 * longer than PUBLIC_URL_MAX. */
void public_url_write(const char *pattern, uint16_t port, struct bind_id binding, const char *label,
                      char ret_url[PUBLIC_URL_MAX]);

#endif
