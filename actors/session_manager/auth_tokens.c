#include "session_manager/auth_tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

_Static_assert((int)AUTH_TOKEN_DIGEST == SHA256_DIGEST_LENGTH, "a token is kept as its SHA-256");

void auth_tokens_done(struct auth_tokens *tokens)
{
    free(tokens->digests);
    *tokens = (struct auth_tokens){0};
}

/* Always false, for returning. */
static bool fail(char *ret_why, const char *why)
{
    snprintf(ret_why, AUTH_TOKENS_WHY_MAX, "%s", why);
    return false;
}

/* ---- the text ------------------------------------------------------------------------------------------------ */

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Takes the next line off *rest, without the blanks around it. */
static struct span take_line(struct span *rest)
{
    const uint8_t *end = memchr(rest->data, '\n', rest->length);
    size_t length = end != NULL ? (size_t)(end - rest->data) : rest->length;
    size_t taken = end != NULL ? length + 1 : length;
    struct span line = span_of(rest->data, length);
    *rest = span_of(rest->data + taken, rest->length - taken);
    while (line.length > 0 && is_blank(line.data[line.length - 1]))
        line.length--;
    while (line.length > 0 && is_blank(line.data[0]))
        line = span_of(line.data + 1, line.length - 1);
    return line;
}

bool auth_tokens_parse(struct span text, struct auth_tokens *ret_tokens, char ret_why[AUTH_TOKENS_WHY_MAX])
{
    struct auth_tokens tokens = {.digests = calloc(AUTH_TOKENS_MAX, sizeof *tokens.digests)};
    if (tokens.digests == NULL)
        return fail(ret_why, "out of memory");
    while (text.length > 0) {
        struct span line = take_line(&text);
        if (line.length == 0 || line.data[0] == '#')
            continue;
        if (tokens.count == AUTH_TOKENS_MAX) {
            auth_tokens_done(&tokens);
            return fail(ret_why, "it has more than 4096 tokens");
        }
        SHA256(line.data, line.length, tokens.digests[tokens.count++]);
    }
    if (tokens.count == 0) {
        auth_tokens_done(&tokens);
        return fail(ret_why, "it has no token: nobody could come in");
    }
    *ret_tokens = tokens;
    return true;
}

/* ---- the file ------------------------------------------------------------------------------------------------ */

/* -1: errno says why; more than capacity: it goes on. */
static ssize_t read_whole(int fd, uint8_t *buffer, size_t capacity)
{
    size_t length = 0;
    while (length < capacity) {
        ssize_t got = read(fd, buffer + length, capacity - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        length += (size_t)got;
    }
    return (ssize_t)length;
}

static bool read_tokens(int fd, struct auth_tokens *ret_tokens, bool *ret_is_exposed, char *ret_why)
{
    struct stat stat;
    if (fstat(fd, &stat) < 0)
        return fail(ret_why, strerror(errno));
    if (!S_ISREG(stat.st_mode))
        return fail(ret_why, "it is not a regular file");
    size_t capacity = AUTH_TOKEN_FILE_MAX + 1;
    uint8_t *text = malloc(capacity);
    if (text == NULL)
        return fail(ret_why, "out of memory");
    ssize_t length = read_whole(fd, text, capacity);
    bool is_read = false;
    if (length < 0)
        fail(ret_why, strerror(errno));
    else if ((size_t)length == capacity)
        fail(ret_why, "it is larger than 1 MiB");
    else
        is_read = auth_tokens_parse(span_of(text, (size_t)length), ret_tokens, ret_why);
    OPENSSL_cleanse(text, capacity);
    free(text);
    if (is_read)
        *ret_is_exposed = (stat.st_mode & (S_IROTH | S_IWOTH)) != 0;
    return is_read;
}

bool auth_tokens_read(const char *path, struct auth_tokens *ret_tokens, bool *ret_is_exposed,
                      char ret_why[AUTH_TOKENS_WHY_MAX])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold us up */
    if (fd < 0)
        return fail(ret_why, strerror(errno));
    bool is_read = read_tokens(fd, ret_tokens, ret_is_exposed, ret_why);
    close(fd);
    return is_read;
}

/* ---- whoever comes ------------------------------------------------------------------------------------------- */

bool auth_tokens_have(const struct auth_tokens *tokens, const char *token)
{
    uint8_t digest[AUTH_TOKEN_DIGEST];
    SHA256((const uint8_t *)token, strlen(token), digest);
    unsigned found = 0;
    for (size_t i = 0; i < tokens->count; i++)
        found |= CRYPTO_memcmp(tokens->digests[i], digest, sizeof digest) == 0;
    return found != 0;
}
