/* What a flag, a variable or a key of the configuration file may say, by its kind, and how it is read. Pure. */
#ifndef HOODY_DRIVER_OPTION_VALUES_H
#define HOODY_DRIVER_OPTION_VALUES_H

#include "target.h"

#include <stddef.h>

enum {
    OPTION_COUNT_MAX = 16,
    OPTION_TIMES_MAX = 999999,
    OPTION_GRACE_MAX_MS = 5000,    /* the API takes no more */
    OPTION_TIME_MAX_MS = 86400000, /* a day */
    OPTION_LIST_MAX = 32,
};

enum option_kind { TEXT, PORT, COUNT, TIMES, TIME, GRACE, FLAG, LIST, PLACE };

/* What a value of each kind is kept in; text is borrowed. */
typedef const char *option_TEXT; /* "" when there is none */
typedef uint16_t option_PORT;
typedef uint32_t option_COUNT;
typedef uint32_t option_TIMES;
typedef uint32_t option_TIME;  /* milliseconds, 1 at least */
typedef uint32_t option_GRACE; /* milliseconds */
typedef bool option_FLAG;
typedef struct {
    size_t count;
    const char *items[OPTION_LIST_MAX];
} option_LIST;
typedef struct {
    bool is_given;
    struct host_port where; /* host an address of loopback */
} option_PLACE;

enum { USAGE_ERROR_BYTES = 512 };

/* Reads `value` into `field`, an option_<kind>; a LIST has one more then. A FLAG is true or false. What a PLACE
 * lacks, `initial` has. `where` names the flag, the variable or the key. false: ret_error says what it must be, in one
 * line that begins with `where`. */
bool option_value_read(enum option_kind kind, const char *value, const char *initial, const char *where, void *field,
                       char ret_error[USAGE_ERROR_BYTES]);

#endif
