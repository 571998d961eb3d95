#include "session_manager/join_seats.h"

#include <openssl/crypto.h>

#include "check.h"

void join_seats_begin(struct join_seats *seats, uint32_t granted)
{
    check(granted >= 1 && granted <= JOIN_SEATS_MAX);
    *seats = (struct join_seats){.granted = granted};
}

static bool has_seat(const struct join_seats *seats, uint32_t index)
{
    return index >= 1 && index < seats->granted;
}

struct connection_id join_seats_at(const struct join_seats *seats, uint32_t index)
{
    return has_seat(seats, index) ? seats->seats[index].connection : (struct connection_id){0};
}

bool join_seats_is_free(const struct join_seats *seats, uint32_t index)
{
    return has_seat(seats, index) && seats->seats[index].connection.value == 0;
}

struct join_ticket join_seats_issue(struct join_seats *seats, uint32_t index,
                                    const uint8_t random[JOIN_NONCE_RANDOM_BYTES], uint64_t ttl_ms, uint64_t now_ms)
{
    static const char digits[] = "0123456789abcdef";
    check(join_seats_is_free(seats, index));
    struct join_seat *seat = &seats->seats[index];
    struct join_ticket ticket = {.index = index, .expires_ms = ttl_ms};
    _Static_assert(sizeof ticket.nonce == sizeof seat->nonce, "the payload holds a whole nonce");
    for (size_t i = 0; i < JOIN_NONCE_RANDOM_BYTES; i++) {
        ticket.nonce[2 * i] = digits[random[i] >> 4];
        ticket.nonce[2 * i + 1] = digits[random[i] & 0x0f];
    }
    memcpy(seat->nonce, ticket.nonce, sizeof seat->nonce);
    seat->expires_ms = now_ms + ttl_ms;
    return ticket;
}

/* How long a nonce is, is no secret. */
static bool is_nonce_of(const struct join_seat *seat, const char *nonce)
{
    return seat->nonce[0] != '\0' && strlen(nonce) == JOIN_NONCE_LENGTH &&
           CRYPTO_memcmp(seat->nonce, nonce, JOIN_NONCE_LENGTH) == 0;
}

enum join_verdict join_seats_take(struct join_seats *seats, uint32_t index, const char *nonce,
                                  struct connection_id connection, uint64_t now_ms)
{
    check(connection.value != 0);
    if (!has_seat(seats, index))
        return JOIN_BAD_TICKET;
    struct join_seat *seat = &seats->seats[index];
    if (seat->connection.value != 0)
        return JOIN_INDEX_IN_USE;
    if (!is_nonce_of(seat, nonce))
        return JOIN_BAD_TICKET;
    if (now_ms >= seat->expires_ms)
        return JOIN_EXPIRED_TICKET;
    *seat = (struct join_seat){.connection = connection};
    return JOIN_ACCEPTED;
}

void join_seats_leave(struct join_seats *seats, uint32_t index)
{
    check(join_seats_at(seats, index).value != 0);
    seats->seats[index] = (struct join_seat){0};
}
