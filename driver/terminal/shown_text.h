/* Text of others as a terminal may show it: what could mean something to it stands as \xNN, a backslash as \\. Pure. */
#ifndef HOODY_DRIVER_SHOWN_TEXT_H
#define HOODY_DRIVER_SHOWN_TEXT_H

#include "span.h"

/* All but printable ASCII is escaped: its length in bytes is its width, whatever the terminal's character set. The
 * caller frees it. */
char *shown_text_new(struct span text);

/* Lines of text that a terminal shows without harm: UTF-8 without control characters but tab and newline. */
bool shown_text_is_harmless(struct span text);

/* One character of it, or an escaped byte. */
enum { SHOWN_UNIT_BYTES = 5 };
struct shown_unit {
    char text[SHOWN_UNIT_BYTES]; /* NUL-terminated */
    size_t columns;              /* 0: a mark on the one before; 2: a wide one */
};

/* Takes the first one off `p_text`, which is not empty. is_utf8: the terminal and this process' locale are UTF-8, what
 * is printable stays as it is; what reorders or hides text is not. */
struct shown_unit shown_text_next(struct span *p_text, bool is_utf8);
/* Of all of it. */
size_t shown_text_columns(struct span text, bool is_utf8);

#endif
