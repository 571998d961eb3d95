#include "report/qr_code.h"

#include <qrencode.h>

bool qr_code_make(const char *text, struct qr_code *ret_code)
{
    enum { ANY_VERSION = 0, CASE_MATTERS = 1, DARK = 1 };
    QRcode *made = QRcode_encodeString(text, ANY_VERSION, QR_ECLEVEL_L, QR_MODE_8, CASE_MATTERS);
    if (made == NULL)
        return false;
    *ret_code = (struct qr_code){.modules = (size_t)made->width};
    for (size_t y = 0; y < ret_code->modules; y++)
        for (size_t x = 0; x < ret_code->modules; x++)
            ret_code->is_dark[y][x] = (made->data[y * ret_code->modules + x] & DARK) != 0;
    QRcode_free(made);
    return true;
}

size_t qr_code_columns(const struct qr_code *code)
{
    return code->modules + 2 * QR_QUIET;
}

size_t qr_code_rows(const struct qr_code *code)
{
    return (code->modules + 2 * QR_QUIET + 1) / 2;
}

/* Around the code, everything is light. */
static bool is_dark(const struct qr_code *code, size_t x, size_t y)
{
    bool is_inside = x >= QR_QUIET && y >= QR_QUIET && x < code->modules + QR_QUIET && y < code->modules + QR_QUIET;
    return is_inside && code->is_dark[y - QR_QUIET][x - QR_QUIET];
}

void qr_code_print_row(const struct qr_code *code, size_t row, bool is_adorned, FILE *out)
{
    static const char *const BLOCKS[2][2] = {{" ", "\u2584"}, {"\u2580", "\u2588"}}; /* by upper and lower half */
    if (is_adorned)
        fputs("\033[38;5;16;48;5;231m", out);
    for (size_t x = 0; x < qr_code_columns(code); x++) {
        bool upper = is_dark(code, x, row * 2), lower = is_dark(code, x, row * 2 + 1);
        fputs(is_adorned ? BLOCKS[upper][lower] : BLOCKS[!upper][!lower], out);
    }
    if (is_adorned)
        fputs("\033[0m", out);
}
