/* What is told of the tunnels' life (events.def), to whoever shows it. */
#ifndef HOODY_DRIVER_REPORT_EVENT_H
#define HOODY_DRIVER_REPORT_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

typedef const char *report_TEXT; /* borrowed; NULL: null */
typedef int64_t report_NUMBER;   /* REPORT_NONE: null */
typedef double report_REAL;      /* the same */

enum { REPORT_NONE = -1 };

enum report_field {
#define FIELD(name, kind, meaning) REPORT_FIELD_##name,
#include "report/events.def"
};

enum report_kind {
#define EVENT(name, fields, meaning) REPORT_##name,
#include "report/events.def"
};

/* Those fields that events.def gives it are set. */
struct report_event {
    enum report_kind what;
    struct timespec at;  /* of the wall clock */
    const char *session; /* NULL: there is none yet */
    bool is_again;       /* settled: not for the first time */
#define FIELD(name, kind, meaning) report_##kind name;
#include "report/events.def"
};

bool report_event_has(enum report_kind what, enum report_field field);
const char *report_event_name(enum report_kind what);

#endif
