/* A table for people: a title row, cells in aligned columns, as wide as allowed. Pure but for the FILE. */
#ifndef HOODY_DRIVER_TABLE_H
#define HOODY_DRIVER_TABLE_H

#include "span.h"

#include <stdio.h>

enum {
    TABLE_COLUMNS_MAX = 8,
    TABLE_ID_BYTES_MIN = 10, /* "S-1a2b3c4d" */
    TABLE_CUT_BYTES_MIN = 8,
};

/* What becomes of a column when the table is wider than the terminal, in this order. */
enum table_fit {
    TABLE_ID,    /* keeps its beginning, of TABLE_ID_BYTES_MIN at least: that names it still */
    TABLE_CUT,   /* keeps its beginning and gets dots, TABLE_CUT_BYTES_MIN at least */
    TABLE_WHOLE, /* is left as it is */
};

struct table_column {
    const char *title;
    enum table_fit fit;
    bool is_right; /* numbers */
};

struct table {
    const struct table_column *columns; /* borrowed */
    size_t column_count;
    char **cells; /* row by row, escaped; owned */
    size_t cell_count;
    size_t room;
};

struct table_look {
    size_t width;    /* columns of the terminal; 0: there is no end */
    size_t rows_max; /* of all lines that are printed; what is left out is told in the last. 0: there is no end */
    bool is_bold;    /* the title row, by escape sequence */
};

void table_init(struct table *ret_table, const struct table_column *columns, size_t column_count);
void table_done(struct table *table);

/* The next cell; text of others is escaped (shown_text.h). */
void table_add(struct table *table, struct span text);
__attribute__((format(printf, 2, 3))) void table_addf(struct table *table, const char *format, ...);
size_t table_row_count(const struct table *table);

/* All rows are whole. Lines never are wider than the look says, and end in no blanks. */
void table_print(const struct table *table, const struct table_look *look, FILE *out);

#endif
