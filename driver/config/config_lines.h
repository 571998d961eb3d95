/* Where things stand in a configuration file, which libcyaml does not tell; and whether it is YAML at all. Pure. */
#ifndef HOODY_DRIVER_CONFIG_LINES_H
#define HOODY_DRIVER_CONFIG_LINES_H

#include "span.h"

/* Is it one document of YAML, without NULs in it? false: *ret_why (static) says what is wrong, *ret_line where, from 1
 * on. */
bool config_is_yaml(struct span text, const char **ret_why, unsigned *ret_line);

/* The line of the last such key, or of its tunnel when that has none; tunnel 0: beside `tunnels`, N: in the Nth of
 * them. 0: there is none. Of text that is YAML. */
unsigned config_line_of(struct span text, size_t tunnel, const char *key);

#endif
