/* JSON tokens as programs write them; see json_pull.h. */
#include "json_pull.h"

#include "json_plain.h"
#include "utf8.h"

enum { INTEGER_DIGITS_MAX = 18 }; /* below 2^63 whatever they are */

void json_pull_begin(struct json_pull *pull, struct span json, char *text)
{
    *pull = (struct json_pull){.at = json.data, .end = json.data + json.length, .text = text};
}

static void skip_space(struct json_pull *pull)
{
    while (pull->at < pull->end && (*pull->at == ' ' || *pull->at == '\t' || *pull->at == '\n' || *pull->at == '\r'))
        pull->at++;
}

bool json_pull_token(struct json_pull *pull, char token)
{
    skip_space(pull);
    if (pull->at == pull->end || *pull->at != (uint8_t)token)
        return false;
    pull->at++;
    return true;
}

/* What a backslash and this byte stand for; 0: none of the short escapes. */
static char escaped(uint8_t byte)
{
    switch (byte) {
    case '"':
    case '\\':
    case '/':
        return (char)byte;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return 0;
    }
}

char *json_pull_string(struct json_pull *pull)
{
    if (!json_pull_token(pull, '"'))
        return NULL;
    char *begin = pull->text, *out = begin;
    for (;;) {
        const size_t run = json_plain_run(pull->at, (size_t)(pull->end - pull->at));
        memcpy(out, pull->at, run);
        out += run;
        pull->at += run;
        const size_t left = (size_t)(pull->end - pull->at);
        if (left > 0 && *pull->at == '"')
            break;
        if (left < 2 || *pull->at != '\\' || !(*out = escaped(pull->at[1])))
            return NULL;
        out++;
        pull->at += 2;
    }
    pull->at++;
    if (!utf8_is_valid(span_of(begin, (size_t)(out - begin))))
        return NULL;
    *out++ = '\0';
    pull->text = out;
    return begin;
}

bool json_pull_integer(struct json_pull *pull, int64_t *ret_value)
{
    skip_space(pull);
    const uint8_t *first = pull->at;
    int64_t value = 0;
    while (pull->at < pull->end && *pull->at >= '0' && *pull->at <= '9') {
        if (pull->at - first == INTEGER_DIGITS_MAX)
            return false;
        value = value * 10 + (*pull->at++ - '0');
    }
    if (pull->at == first || (*first == '0' && pull->at - first > 1))
        return false;
    *ret_value = value;
    return true;
}

static bool take_word(struct json_pull *pull, const char *word)
{
    const size_t length = strlen(word);
    if ((size_t)(pull->end - pull->at) < length || memcmp(pull->at, word, length) != 0)
        return false;
    pull->at += length;
    return true;
}

bool json_pull_flag(struct json_pull *pull, bool *ret_value)
{
    skip_space(pull);
    *ret_value = take_word(pull, "true");
    return *ret_value || take_word(pull, "false");
}

bool json_pull_is_done(struct json_pull *pull)
{
    skip_space(pull);
    return pull->at == pull->end;
}
