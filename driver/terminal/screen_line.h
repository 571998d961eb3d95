/* A line of a screen, filled from left to right: text is escaped (shown_text.h), cut where its place ends, and coloured
 * only where that is wanted. Pure but for the FILE. */
#ifndef HOODY_DRIVER_SCREEN_LINE_H
#define HOODY_DRIVER_SCREEN_LINE_H

#include "span.h"

#include <stdio.h>

struct screen_look {
    size_t columns;
    size_t rows;
    bool is_adorned; /* escape sequences for colours may be used */
    bool is_utf8;    /* the terminal's character set, and the locale's */
};

enum screen_ink { INK_PLAIN, INK_BOLD, INK_DIM, INK_GREEN, INK_CYAN, INK_YELLOW, INK_RED, INK_BLUE };

struct screen_line {
    const struct screen_look *look; /* borrowed */
    FILE *out;
    size_t used; /* columns */
    size_t owed; /* blanks that are printed when something follows */
};

struct screen_line screen_line_begin(const struct screen_look *look, FILE *out);
void screen_line_end(struct screen_line *line);

/* In `columns` at most, and to the line's end at most; what is cut ends in an ellipsis. */
void screen_line_put(struct screen_line *line, enum screen_ink ink, struct span text, size_t columns);
/* To the line's end at most. */
void screen_line_text(struct screen_line *line, enum screen_ink ink, const char *text);
__attribute__((format(printf, 3, 4))) void screen_line_textf(struct screen_line *line, enum screen_ink ink,
                                                             const char *format, ...);
/* At the right of a place of `columns`. */
void screen_line_right(struct screen_line *line, enum screen_ink ink, const char *text, size_t columns);
/* The next text begins at this column, or where we are when that is further. */
void screen_line_to(struct screen_line *line, size_t column);
/* Columns that are left. */
size_t screen_line_room(const struct screen_line *line);

#endif
