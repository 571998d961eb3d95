/* The token that lets us in, from a file: never on a command line, never in a log. */
#ifndef HOODY_DRIVER_BEARER_TOKEN_H
#define HOODY_DRIVER_BEARER_TOKEN_H

#include <stdbool.h>

enum { BEARER_TOKEN_BYTES = 2049 }; /* NUL included; HELLO, which carries it too, has 4 KiB */

/* The file's first line, without white space around it: printable ASCII without blanks. false: *ret_why (static, or the
 * system's words) says what is wrong with the file. */
bool bearer_token_read(const char *path, char ret_token[BEARER_TOKEN_BYTES], const char **ret_why);
/* The same once more, without ever waiting: a pipe or a terminal says its token once, and nothing changes. */
bool bearer_token_read_again(const char *path, char ret_token[BEARER_TOKEN_BYTES], const char **ret_why);

#endif
