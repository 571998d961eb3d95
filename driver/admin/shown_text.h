/* Text of others as a terminal may show it: what is no printable ASCII stands as \xNN, a backslash as \\. Its length in
 * bytes is then its width, whatever the terminal's character set. Pure. */
#ifndef HOODY_DRIVER_SHOWN_TEXT_H
#define HOODY_DRIVER_SHOWN_TEXT_H

#include "span.h"

/* The caller frees it. */
char *shown_text_new(struct span text);

/* Lines of text that a terminal shows without harm: UTF-8 without control characters but tab and newline. */
bool shown_text_is_harmless(struct span text);

#endif
