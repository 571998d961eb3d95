#include "terminal/terminal.h"

#include "check.h"
#include "crash.h"

#include <errno.h>
#include <signal.h>
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

static bool knows_sequences(int fd)
{
    const char *kind = getenv("TERM");
    return isatty(fd) && kind != NULL && *kind != '\0' && strcmp(kind, "dumb") != 0;
}

bool terminal_has_screen(void)
{
    return knows_sequences(STDOUT_FILENO);
}

bool terminal_is_in_front(void)
{
    return tcgetpgrp(STDOUT_FILENO) == getpgrp();
}

bool terminal_may_be_adorned(int fd)
{
    const char *no_color = getenv("NO_COLOR");
    return knows_sequences(fd) && (no_color == NULL || *no_color == '\0');
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

static bool say(const struct terminal_screen *screen, const char *text, size_t length)
{
    return screen->write != NULL ? screen->write(screen->owner, text, length) : write_all(text, length);
}

/* ---- crashes ---- */

/* A handler of signals has nothing but what is global: the screen that is entered, there is one at most. */
static struct termios crash_before;
static volatile sig_atomic_t crash_has_keys;

static void on_crash(void)
{
    ssize_t written = write(STDOUT_FILENO, LEAVE, strlen(LEAVE));
    (void)written;
    if (crash_has_keys != 0)
        tcsetattr(STDIN_FILENO, TCSANOW, &crash_before);
}

static void watch_crashes(const struct terminal_screen *screen)
{
    crash_before = screen->before;
    crash_has_keys = screen->has_keys;
    crash_call_first(on_crash);
}

/* ---- in and out ---- */

void terminal_screen_enter(struct terminal_screen *screen)
{
    if (screen->is_entered)
        return;
    screen->is_entered = true;
    screen->has_keys = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &screen->before) == 0;
    watch_crashes(screen);
    if (screen->has_keys) {
        struct termios quiet = screen->before;
        quiet.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
        tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
    }
    say(screen, ENTER, strlen(ENTER));
}

/* TCSAFLUSH would wait for a terminal that is stopped. */
void terminal_screen_leave(struct terminal_screen *screen)
{
    if (!screen->is_entered)
        return;
    screen->is_entered = false;
    say(screen, LEAVE, strlen(LEAVE));
    if (screen->has_keys) {
        tcflush(STDIN_FILENO, TCIFLUSH);
        tcsetattr(STDIN_FILENO, TCSANOW, &screen->before);
    }
    crash_call_first(NULL);
}

bool terminal_screen_draw(const struct terminal_screen *screen, const char *text)
{
    char *bytes = NULL;
    size_t length = 0, row = 0, rows = terminal_size().rows;
    FILE *out = open_memstream(&bytes, &length);
    check(out != NULL && screen->is_entered);
    fputs(HOME, out);
    /* Erased before it is written: behind a full line the cursor stands on its last character. */
    for (; row < rows && *text != '\0'; row++) {
        size_t line = strcspn(text, "\n");
        fprintf(out, "%s%s%.*s", row > 0 ? NEXT_LINE : "", REST_OF_LINE, (int)line, text);
        text += line + (text[line] == '\n');
    }
    if (row < rows)
        fprintf(out, "%s%s", row > 0 ? NEXT_LINE : "", REST_OF_ROWS);
    check(fclose(out) == 0);
    bool is_drawn = say(screen, bytes, length);
    free(bytes);
    return is_drawn;
}
