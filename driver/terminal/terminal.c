#include "terminal/terminal.h"

#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ECMA-48 and xterm's private modes: alternate screen, cursor, wrapping of lines. */
#define ENTER        "\033[?1049h\033[?25l\033[?7l\033[H\033[2J"
#define LEAVE        "\033[?7h\033[?25h\033[?1049l"
#define HOME         "\033[H"
#define REST_OF_LINE "\033[K"
#define REST_OF_ROWS "\033[J"
#define NEXT_LINE    "\r\n"

enum { COLUMNS_DEFAULT = 80, ROWS_DEFAULT = 24 };

struct terminal_size terminal_size(void)
{
    struct winsize size = {0};
    if (!isatty(STDOUT_FILENO))
        return (struct terminal_size){0};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        size = (struct winsize){0};
    return (struct terminal_size){.columns = size.ws_col > 0 ? size.ws_col : COLUMNS_DEFAULT,
                                  .rows = size.ws_row > 0 ? size.ws_row : ROWS_DEFAULT};
}

bool terminal_has_screen(void)
{
    const char *kind = getenv("TERM");
    return isatty(STDOUT_FILENO) && kind != NULL && *kind != '\0' && strcmp(kind, "dumb") != 0;
}

bool terminal_is_in_front(void)
{
    return tcgetpgrp(STDOUT_FILENO) == getpgrp();
}

bool terminal_may_be_adorned(void)
{
    const char *no_color = getenv("NO_COLOR");
    return terminal_has_screen() && (no_color == NULL || *no_color == '\0');
}

/* ---- the screen ---- */

static bool write_all(const char *text, size_t length)
{
    while (length > 0) {
        ssize_t written = write(STDOUT_FILENO, text, length);
        if (written < 0 && errno != EINTR)
            return false;
        if (written > 0) {
            text += written;
            length -= (size_t)written;
        }
    }
    return true;
}

void terminal_screen_enter(struct terminal_screen *screen)
{
    if (screen->is_entered)
        return;
    screen->is_entered = true;
    screen->has_keys = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &screen->before) == 0;
    if (screen->has_keys) {
        struct termios quiet = screen->before;
        quiet.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
        tcsetattr(STDIN_FILENO, TCSADRAIN, &quiet);
    }
    write_all(ENTER, strlen(ENTER));
}

void terminal_screen_leave(struct terminal_screen *screen)
{
    if (!screen->is_entered)
        return;
    screen->is_entered = false;
    write_all(LEAVE, strlen(LEAVE));
    if (screen->has_keys)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &screen->before);
}

bool terminal_screen_draw(const struct terminal_screen *screen, const char *text)
{
    char *bytes = NULL;
    size_t length = 0, rows = terminal_size().rows;
    FILE *out = open_memstream(&bytes, &length);
    check(out != NULL && screen->is_entered);
    fputs(HOME, out);
    for (size_t row = 0; row < rows && *text != '\0'; row++) {
        size_t line = strcspn(text, "\n");
        fprintf(out, "%s%.*s%s", row > 0 ? NEXT_LINE : "", (int)line, text, REST_OF_LINE);
        text += line + (text[line] == '\n');
    }
    fputs(REST_OF_ROWS, out);
    check(fclose(out) == 0);
    bool is_drawn = write_all(bytes, length);
    free(bytes);
    return is_drawn;
}
