#include "flow_window.h"

#include "check.h"

void send_window_init(struct send_window *window, uint32_t bytes)
{
    check(bytes <= FLOW_WINDOW_MAX);
    *window = (struct send_window){.available = bytes};
}

uint32_t send_window_take(struct send_window *window, uint32_t want)
{
    uint32_t taken = want < window->available ? want : (uint32_t)window->available;
    window->available -= taken;
    return taken;
}

bool send_window_grow(struct send_window *window, uint32_t increment)
{
    if (increment > FLOW_WINDOW_MAX - window->available)
        return false;
    window->available += increment;
    return true;
}

uint32_t receive_window_threshold(uint32_t size, uint32_t share)
{
    uint32_t spare = size > FLOW_WINDOW_UNIT ? size - FLOW_WINDOW_UNIT : 0;
    return spare + 1 < size / share ? spare + 1 : size / share;
}

void receive_window_init(struct receive_window *window, uint32_t size, uint32_t threshold)
{
    check(size <= FLOW_WINDOW_MAX);
    check(threshold > 0 && threshold <= size);
    *window = (struct receive_window){.size = size, .available = size, .threshold = threshold};
}

bool receive_window_take(struct receive_window *window, uint32_t bytes)
{
    if (bytes > window->available)
        return false;
    window->available -= bytes;
    return true;
}

/* What is withheld is paid with bytes that would otherwise be granted back. */
static void pay_withheld(struct receive_window *window)
{
    int64_t paid = window->withheld < window->waiting ? window->withheld : window->waiting;
    window->withheld -= paid;
    window->waiting -= paid;
    window->size -= paid;
}

uint32_t receive_window_consume(struct receive_window *window, uint32_t bytes)
{
    check(bytes <= receive_window_held(window));
    window->waiting += bytes;
    pay_withheld(window);
    if (window->waiting < window->threshold)
        return 0;
    uint32_t increment = (uint32_t)window->waiting;
    window->available += increment;
    window->waiting = 0;
    return increment;
}

int64_t receive_window_held(const struct receive_window *window)
{
    return window->size - window->available - window->waiting;
}

bool receive_window_lend(struct receive_window *window, uint32_t bytes)
{
    if (bytes > FLOW_WINDOW_MAX - window->size)
        return false;
    window->size += bytes;
    window->available += bytes;
    window->lent += bytes;
    return true;
}

void receive_window_withhold(struct receive_window *window, uint32_t bytes)
{
    check(bytes <= window->lent);
    window->lent -= bytes;
    window->withheld += bytes;
    pay_withheld(window);
}
