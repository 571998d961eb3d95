#include "bearer_token.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char BLANKS[] = " \t\r\n";

/* The token of a line, where it is. NULL: *ret_why says why not. */
static char *find_token(char *line, const char **ret_why)
{
    char *token = line + strspn(line, BLANKS);
    size_t length = strcspn(token, BLANKS);
    const char *rest = token + length + strspn(token + length, BLANKS);
    *ret_why = "its first line holds no token";
    if (length == 0 || *rest != '\0')
        return NULL;
    token[length] = '\0';
    *ret_why = "the token is too long";
    if (length >= BEARER_TOKEN_BYTES)
        return NULL;
    *ret_why = "the token holds something else than printable ASCII";
    for (const char *c = token; *c != '\0'; c++)
        if (*c < '!' || *c > '~')
            return NULL;
    return token;
}

bool bearer_token_read(const char *path, char ret_token[BEARER_TOKEN_BYTES], const char **ret_why)
{
    char line[BEARER_TOKEN_BYTES + 256] = ""; /* with room for white space around it */
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        *ret_why = strerror(errno);
        return false;
    }
    setvbuf(file, NULL, _IONBF, 0); /* leaves no copy behind */
    errno = 0;
    const char *read = fgets(line, sizeof line, file);
    int error = read == NULL ? errno : 0;
    fclose(file);
    char *token = find_token(line, ret_why);
    if (error != 0)
        *ret_why = strerror(error);
    else if (token != NULL)
        strcpy(ret_token, token);
    explicit_bzero(line, sizeof line);
    return error == 0 && token != NULL;
}

bool bearer_token_read_again(const char *path, char ret_token[BEARER_TOKEN_BYTES], const char **ret_why)
{
    struct stat facts;
    if (stat(path, &facts) == 0 && !S_ISREG(facts.st_mode))
        return true;
    return bearer_token_read(path, ret_token, ret_why);
}
