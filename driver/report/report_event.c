#include "report/report_event.h"

#define WITH(field) (1U << REPORT_FIELD_##field)

enum {
    FIELD_COUNT = 0
#define FIELD(name, kind, meaning) +1
#include "report/events.def"
};
_Static_assert(FIELD_COUNT <= 32, "a set of fields is 32 bits");

struct event_text {
    const char *name;
    uint32_t fields;
};

static const struct event_text EVENTS[] = {
#define EVENT(name, fields, meaning) [REPORT_##name] = {#name, fields},
#include "report/events.def"
};

bool report_event_has(enum report_kind what, enum report_field field)
{
    return (EVENTS[what].fields & (1U << field)) != 0;
}

const char *report_event_name(enum report_kind what)
{
    return EVENTS[what].name;
}
