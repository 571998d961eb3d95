/* Standard output as a terminal: how wide it is, whether it may be adorned, and a screen that is drawn in place. */
#ifndef HOODY_DRIVER_TERMINAL_H
#define HOODY_DRIVER_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

struct terminal_size {
    size_t columns; /* 0: standard output is no terminal */
    size_t rows;
};

struct terminal_size terminal_size(void);
/* `fd` is a terminal that knows escape sequences, and nobody said NO_COLOR (no-color.org). */
bool terminal_may_be_adorned(int fd);
/* A screen can be drawn in place. */
bool terminal_has_screen(void);
/* It is our turn to use it: the shell has not put us in the background. */
bool terminal_is_in_front(void);

/* Zero-initialise it, or set `write` before. */
struct terminal_screen {
    /* How it reaches the terminal; NULL: it waits until all is written. false: it can't be. */
    bool (*write)(void *owner, const char *text, size_t length);
    void *owner;
    bool is_entered;
    bool has_keys; /* standard input is a terminal: its keys come one by one, and are not echoed */
    struct termios before;
};

/* To the screen beside the one the shell is on, without a cursor. A crash leaves it, too. */
void terminal_screen_enter(struct terminal_screen *screen);
/* Everything as it was; also when it was not entered. */
void terminal_screen_leave(struct terminal_screen *screen);
/* Draws `text` over what was there; lines that are too many are left out, what is too wide of one is, too. false: the
 * terminal is gone. */
bool terminal_screen_draw(const struct terminal_screen *screen, const char *text);

#endif
