/* A QR code for a terminal: two rows of modules in each row of characters, with the quiet zone around. Pure. */
#ifndef HOODY_DRIVER_QR_CODE_H
#define HOODY_DRIVER_QR_CODE_H

#include <stdbool.h>
#include <stdio.h>

enum { QR_MODULES_MAX = 177, QR_QUIET = 4 /* modules on each side, as readers want it */ };

struct qr_code {
    size_t modules; /* along a side; 0: none */
    bool is_dark[QR_MODULES_MAX][QR_MODULES_MAX];
};

/* false: the text is too long for any. */
bool qr_code_make(const char *text, struct qr_code *ret_code);

/* Of characters. */
size_t qr_code_columns(const struct qr_code *code);
size_t qr_code_rows(const struct qr_code *code);
/* One row, without its newline. is_adorned: black on white by escape sequences; otherwise light modules are drawn,
 * which is right where text is light on dark, as on most terminals. */
void qr_code_print_row(const struct qr_code *code, size_t row, bool is_adorned, FILE *out);

#endif
