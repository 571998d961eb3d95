#include "nearest_word.h"

#include <string.h>

enum {
    LETTERS_MAX = 40,
    LETTERS_PER_SLIP = 5, /* whoever types more has more slips */
};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters one has to add, drop, change or swap with their neighbour (optimal string alignment). */
static size_t slips_between(struct span a, struct span b)
{
    size_t rows[3][LETTERS_MAX + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b.length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.length; i++) {
        size_t *oldest = before;
        before = above;
        above = row;
        row = oldest;
        row[0] = i;
        for (size_t j = 1; j <= b.length; j++) {
            bool is_same = a.data[i - 1] == b.data[j - 1];
            bool is_swap = i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1];
            row[j] = least(above[j - 1] + !is_same, 1 + least(above[j], row[j - 1]));
            if (is_swap)
                row[j] = least(row[j], before[j - 2] + 1);
        }
    }
    return row[b.length];
}

struct nearest_word nearest_word_to(struct span typed)
{
    return (struct nearest_word){.typed = typed, .slips = 2 + typed.length / LETTERS_PER_SLIP};
}

void nearest_word_look_at(struct nearest_word *nearest, const char *word)
{
    struct span known = span_of_string(word);
    if (nearest->typed.length > LETTERS_MAX || known.length > LETTERS_MAX)
        return;
    size_t slips = slips_between(nearest->typed, known);
    if (slips >= nearest->slips || slips >= known.length)
        return;
    nearest->slips = slips;
    nearest->word = word;
}
