/* The metrics that a daemon answers. Input: that text, which is harmless for a terminal or not read at all. */
#include "fuzz_input.h"

#include "admin/metrics_text.h"
#include "admin/rates.h"
#include "check.h"
#include "terminal/shown_text.h"

#include <stdlib.h>

static size_t count_samples(struct span text)
{
    struct metrics_sample sample;
    size_t count = 0;
    for (; metrics_text_next(&text, &sample); count++)
        check(sample.name.length > 0 && memchr(sample.name.data, '\n', sample.name.length) == NULL);
    check(text.length == 0);
    return count;
}

/* Each line is a JSON object. */
static size_t count_lines(const char *told)
{
    size_t count = 0;
    for (const char *line = told; *line != '\0'; count++) {
        size_t length = strcspn(line, "\n");
        json_t *json = json_loadb(line, length, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
        check(line[length] == '\n' && json_is_object(json) && json_object_size(json) == 3);
        json_decref(json);
        line += length + 1;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_of(data, size);
    struct metrics_look look;
    char *told = NULL;
    if (!shown_text_is_harmless(text))
        return 0;
    size_t length = 0, samples = count_samples(text);
    FILE *out = open_memstream(&told, &length);
    check(out != NULL);
    bool is_understood = metrics_text_print_json(text, out);
    check(fclose(out) == 0 && strlen(told) == length);
    size_t lines = count_lines(told);
    check(is_understood ? lines == samples : lines < samples);
    metrics_look_read(text, 1, &look);
    free(told);
    return 0;
}
