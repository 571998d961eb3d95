/* The bearer tokens of --auth-token-file (protocol section 3). Only their digests are kept, and whichever is compared,
 * all are: how long it takes tells nothing about them. */
#ifndef HOODY_ACTORS_AUTH_TOKENS_H
#define HOODY_ACTORS_AUTH_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "span.h"

enum {
    AUTH_TOKENS_MAX = 4096,
    AUTH_TOKEN_FILE_MAX = 1024 * 1024, /* bytes */
    AUTH_TOKEN_DIGEST = 32,            /* bytes: SHA-256 */
    AUTH_TOKENS_WHY_MAX = 256,         /* bytes, with the NUL */
};

/* Zero-initialised is empty. */
struct auth_tokens {
    uint8_t (*digests)[AUTH_TOKEN_DIGEST]; /* owned */
    size_t count;
};
void auth_tokens_done(struct auth_tokens *tokens);

/* One token a line; blanks around it, blank lines and lines that begin with # do not count. false: ret_why says why,
 * and ret_tokens is untouched. */
bool auth_tokens_parse(struct span text, struct auth_tokens *ret_tokens, char ret_why[AUTH_TOKENS_WHY_MAX]);
/* The same of a regular file. ret_is_exposed: others than its owner and group may read or write it. */
bool auth_tokens_read(const char *path, struct auth_tokens *ret_tokens, bool *ret_is_exposed,
                      char ret_why[AUTH_TOKENS_WHY_MAX]);

bool auth_tokens_have(const struct auth_tokens *tokens, const char *token);

#endif
