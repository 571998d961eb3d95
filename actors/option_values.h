/* Private to options: the list of options.def as data, and the values of each kind from text. */
#ifndef HOODY_ACTORS_OPTION_VALUES_H
#define HOODY_ACTORS_OPTION_VALUES_H

#include "options.h"

enum option_kind {
    OPTION_KIND_flag,
    OPTION_KIND_file,
    OPTION_KIND_pattern,
    OPTION_KIND_ip,
    OPTION_KIND_address,
    OPTION_KIND_count,
    OPTION_KIND_shards,
    OPTION_KIND_duration,
    OPTION_KIND_size,
    OPTION_KIND_window,
    OPTION_KIND_choice,
    OPTION_KIND_cidrs,
    OPTION_KIND_origins,
    OPTION_KIND_names,
};

enum option_page { OPTION_PAGE_first, OPTION_PAGE_more };

struct option_spec {
    enum option_kind kind;
    enum option_page page;
    size_t offset;    /* in struct options */
    const char *flag; /* without the dashes */
    const char *default_text;
    uint64_t minimum;
    uint64_t maximum;
    const char *argument; /* as --help shows it */
    const char *help;
};

enum option_id {
#define OPTION(kind, page, name, flag, default_text, minimum, maximum, argument, help) OPTION_ID_##name,
#include "options.def"
    OPTION_ID_COUNT,
};

extern const struct option_spec option_specs[OPTION_ID_COUNT];

enum { OPTION_WHY_MAX = 256 }; /* bytes of a reason, with its NUL */

/* Sets the value at `value` (a list: appends to it) from text. false: ret_why says what is wrong with it, beginning
 * with the text in quotes and on one line; the value is as before. */
bool option_value_set(const struct option_spec *spec, const char *text, void *value, char ret_why[OPTION_WHY_MAX]);
/* Frees what the value owns and zeroes it; takes zeroed ones. */
void option_value_clear(const struct option_spec *spec, void *value);

bool option_kind_is_list(enum option_kind kind);

/* "1500ms", "2m"; "64KiB": in the largest unit that shows the whole value. */
enum { OPTION_NUMBER_MAX = 32 };
void option_number_print(const struct option_spec *spec, uint64_t number, char ret_text[OPTION_NUMBER_MAX]);

#endif
