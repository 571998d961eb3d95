#include "admin/table.h"

#include "check.h"
#include "terminal/shown_text.h"

#include <stdarg.h>
#include <stdlib.h>

#define GAP      "  "
#define CUT_MARK "..."
#define BOLD     "\033[1m"
#define NORMAL   "\033[0m"

enum { GAP_BYTES = 2, CUT_MARK_BYTES = 3 };

void table_init(struct table *ret_table, const struct table_column *columns, size_t column_count)
{
    check(column_count > 0 && column_count <= TABLE_COLUMNS_MAX);
    *ret_table = (struct table){.columns = columns, .column_count = column_count};
}

void table_done(struct table *table)
{
    for (size_t i = 0; i < table->cell_count; i++)
        free(table->cells[i]);
    free(table->cells);
    *table = (struct table){0};
}

void table_add(struct table *table, struct span text)
{
    if (table->cell_count == table->room) {
        table->room = table->room == 0 ? 64 : table->room * 2;
        table->cells = reallocarray(table->cells, table->room, sizeof *table->cells);
        check(table->cells != NULL);
    }
    table->cells[table->cell_count++] = shown_text_new(text);
}

void table_addf(struct table *table, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    check(length >= 0);
    table_add(table, span_of(text, (size_t)length));
    free(text);
}

size_t table_row_count(const struct table *table)
{
    return table->cell_count / table->column_count;
}

/* ---- the columns' widths ---- */

static size_t total_width(const struct table *table, const size_t *widths)
{
    size_t total = GAP_BYTES * (table->column_count - 1);
    for (size_t i = 0; i < table->column_count; i++)
        total += widths[i];
    return total;
}

static void shrink(const struct table *table, enum table_fit fit, size_t min, size_t width, size_t *widths)
{
    for (size_t i = 0; i < table->column_count; i++) {
        size_t total = total_width(table, widths);
        if (total <= width)
            return;
        if (table->columns[i].fit != fit || widths[i] <= min)
            continue;
        size_t excess = total - width, spare = widths[i] - min;
        widths[i] -= excess < spare ? excess : spare;
    }
}

static void measure(const struct table *table, size_t width, size_t *ret_widths)
{
    for (size_t i = 0; i < table->column_count; i++)
        ret_widths[i] = strlen(table->columns[i].title);
    for (size_t i = 0; i < table->cell_count; i++) {
        size_t length = strlen(table->cells[i]), *widest = &ret_widths[i % table->column_count];
        *widest = length > *widest ? length : *widest;
    }
    if (width == 0)
        return;
    shrink(table, TABLE_ID, TABLE_ID_BYTES_MIN, width, ret_widths);
    shrink(table, TABLE_CUT, TABLE_CUT_BYTES_MIN, width, ret_widths);
}

/* ---- lines ---- */

static void print_cell(const struct table_column *column, const char *text, size_t width, FILE *out)
{
    size_t length = strlen(text);
    if (length <= width)
        fprintf(out, "%*s", column->is_right ? (int)width : -(int)width, text);
    else if (column->fit == TABLE_CUT && width > CUT_MARK_BYTES)
        fprintf(out, "%.*s%s", (int)(width - CUT_MARK_BYTES), text, CUT_MARK);
    else
        fprintf(out, "%.*s", (int)width, text);
}

/* `cells` NULL: the titles. */
static void print_row(const struct table *table, const size_t *widths, char *const *cells,
                      const struct table_look *look, FILE *out)
{
    char *line = NULL;
    size_t length = 0;
    FILE *row = open_memstream(&line, &length);
    check(row != NULL);
    for (size_t i = 0; i < table->column_count; i++) {
        fputs(i > 0 ? GAP : "", row);
        print_cell(&table->columns[i], cells != NULL ? cells[i] : table->columns[i].title, widths[i], row);
    }
    check(fclose(row) == 0);
    if (look->width > 0 && length > look->width)
        length = look->width;
    while (length > 0 && line[length - 1] == ' ')
        length--;
    bool is_bold = look->is_bold && cells == NULL;
    fprintf(out, "%s%.*s%s\n", is_bold ? BOLD : "", (int)length, line, is_bold ? NORMAL : "");
    free(line);
}

void table_print(const struct table *table, const struct table_look *look, FILE *out)
{
    size_t widths[TABLE_COLUMNS_MAX], rows = table_row_count(table), shown = rows;
    check(rows * table->column_count == table->cell_count);
    measure(table, look->width, widths);
    if (look->rows_max > 0 && rows + 1 > look->rows_max) /* the titles, and the line about the rest */
        shown = look->rows_max > 2 ? look->rows_max - 2 : 0;
    if (look->rows_max != 1 || rows == 0)
        print_row(table, widths, NULL, look, out);
    for (size_t i = 0; i < shown; i++)
        print_row(table, widths, table->cells + i * table->column_count, look, out);
    if (shown < rows) {
        char rest[64];
        int length = snprintf(rest, sizeof rest, "... and %zu more", rows - shown);
        fprintf(out, "%.*s\n", look->width > 0 && look->width < (size_t)length ? (int)look->width : length, rest);
    }
}
