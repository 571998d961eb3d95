#include "terminal/screen_line.h"

#include "terminal/shown_text.h"

#include <stdarg.h>

enum { FORMATTED_BYTES = 512 };

static const char *const INKS[] = {
    [INK_PLAIN] = "",        [INK_BOLD] = "\033[1m",    [INK_DIM] = "\033[2m",  [INK_GREEN] = "\033[32m",
    [INK_CYAN] = "\033[36m", [INK_YELLOW] = "\033[33m", [INK_RED] = "\033[31m", [INK_BLUE] = "\033[34m",
};

struct screen_line screen_line_begin(const struct screen_look *look, FILE *out)
{
    return (struct screen_line){.look = look, .out = out};
}

void screen_line_end(struct screen_line *line)
{
    fputc('\n', line->out);
}

size_t screen_line_room(const struct screen_line *line)
{
    size_t used = line->used + line->owed;
    return used < line->look->columns ? line->look->columns - used : 0;
}

void screen_line_to(struct screen_line *line, size_t column)
{
    if (column > line->used + line->owed)
        line->owed = column - line->used;
}

static void print_units(struct screen_line *line, struct span text, size_t columns)
{
    while (text.length > 0) {
        struct shown_unit unit = shown_text_next(&text, line->look->is_utf8);
        if (unit.columns > columns)
            return;
        fputs(unit.text, line->out);
        columns -= unit.columns;
        line->used += unit.columns;
    }
}

static void print_cut(struct screen_line *line, struct span text, size_t columns)
{
    const char *ellipsis = line->look->is_utf8 ? "\u2026" : "...";
    size_t width = line->look->is_utf8 ? 1 : 3;
    bool is_told = columns > width;
    print_units(line, text, is_told ? columns - width : columns);
    if (is_told) {
        fputs(ellipsis, line->out);
        line->used += width;
    }
}

void screen_line_put(struct screen_line *line, enum screen_ink ink, struct span text, size_t columns)
{
    size_t room = screen_line_room(line);
    if (columns > room)
        columns = room;
    if (columns == 0 || text.length == 0)
        return;
    fprintf(line->out, "%*s", (int)line->owed, "");
    line->used += line->owed;
    line->owed = 0;
    bool is_inked = line->look->is_adorned && ink != INK_PLAIN;
    if (is_inked)
        fputs(INKS[ink], line->out);
    if (shown_text_columns(text, line->look->is_utf8) <= columns)
        print_units(line, text, columns);
    else
        print_cut(line, text, columns);
    if (is_inked)
        fputs("\033[0m", line->out);
}

void screen_line_text(struct screen_line *line, enum screen_ink ink, const char *text)
{
    screen_line_put(line, ink, span_of_string(text), screen_line_room(line));
}

void screen_line_textf(struct screen_line *line, enum screen_ink ink, const char *format, ...)
{
    char text[FORMATTED_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    screen_line_text(line, ink, text);
}

void screen_line_right(struct screen_line *line, enum screen_ink ink, const char *text, size_t columns)
{
    size_t width = shown_text_columns(span_of_string(text), line->look->is_utf8);
    if (width < columns)
        line->owed += columns - width;
    screen_line_put(line, ink, span_of_string(text), columns);
}
