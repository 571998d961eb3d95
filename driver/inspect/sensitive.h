/* What the inspection page hides unless it was asked to show it: values that let in whoever reads them. Pure.
 *
 * Hidden is "********", whatever stood there: its length is a secret, too. Of cookies the names stay, of a Set-Cookie
 * its attributes, of an Authorization its scheme; and in any value, what parameters of a URL say that have such names.
 */
#ifndef HOODY_DRIVER_SENSITIVE_H
#define HOODY_DRIVER_SENSITIVE_H

#include "span.h"

#define SENSITIVE_HIDDEN "********"

/* Of a header field or of a parameter in a URL (as it stands there, percent-encoded). Case and punctuation have no
 * meaning. */
bool sensitive_is_name(struct span name);

/* A malloc'd copy with what is secret hidden. */
char *sensitive_hide_in_field(const char *name, const char *value);
char *sensitive_hide_in_target(const char *target);

#endif
