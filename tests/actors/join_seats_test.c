/* The seats of a session's further connections: tickets, and who sits where (protocol section 4). */
#include "session_manager/join_seats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

#include <stdio.h>

enum { TTL_MS = 30000, NOW_MS = 1000000 };

static const struct connection_id somebody = {7};

/* Every test's randomness: bytes that count up from `first`. */
static struct join_ticket issue(struct join_seats *seats, uint32_t index, uint8_t first, uint64_t now_ms)
{
    uint8_t random[JOIN_NONCE_RANDOM_BYTES];
    for (size_t i = 0; i < sizeof random; i++)
        random[i] = (uint8_t)(first + i);
    return join_seats_issue(seats, index, random, TTL_MS, now_ms);
}

static enum join_verdict take(struct join_seats *seats, const struct join_ticket *ticket, uint64_t now_ms)
{
    return join_seats_take(seats, ticket->index, ticket->nonce, somebody, now_ms);
}

static struct join_seats seats_of(uint32_t granted)
{
    struct join_seats seats;
    memset(&seats, 0xff, sizeof seats); /* whatever was before */
    join_seats_begin(&seats, granted);
    return seats;
}

/* ---- seats ------------------------------------------------------------------------------------------------------- */

static void there_are_seats_from_1_to_granted_minus_1(void **state)
{
    (void)state;
    for (uint32_t granted = 1; granted <= JOIN_SEATS_MAX; granted++) {
        const struct join_seats seats = seats_of(granted);
        for (uint32_t index = 0; index <= JOIN_SEATS_MAX + 1; index++) {
            assert_int_equal(join_seats_is_free(&seats, index), index >= 1 && index < granted);
            assert_int_equal(join_seats_at(&seats, index).value, 0);
        }
        assert_false(join_seats_is_free(&seats, UINT32_MAX));
        assert_int_equal(join_seats_at(&seats, UINT32_MAX).value, 0);
    }
}

static void zeroed_there_are_none(void **state)
{
    (void)state;
    struct join_seats seats = {0};
    for (uint32_t index = 0; index <= JOIN_SEATS_MAX; index++) {
        assert_false(join_seats_is_free(&seats, index));
        assert_int_equal(join_seats_take(&seats, index, "", somebody, NOW_MS), JOIN_BAD_TICKET);
    }
}

static void who_shows_the_ticket_gets_the_seat(void **state)
{
    (void)state;
    struct join_seats seats = seats_of(4);
    struct join_ticket ticket = issue(&seats, 2, 0, NOW_MS);
    assert_int_equal(take(&seats, &ticket, NOW_MS), JOIN_ACCEPTED);
    assert_int_equal(join_seats_at(&seats, 2).value, somebody.value);
    assert_false(join_seats_is_free(&seats, 2));
    assert_true(join_seats_is_free(&seats, 1));
    assert_true(join_seats_is_free(&seats, 3));
}

static void a_seat_that_is_left_is_free_and_has_no_ticket(void **state)
{
    (void)state;
    struct join_seats seats = seats_of(2);
    struct join_ticket ticket = issue(&seats, 1, 0, NOW_MS);
    assert_int_equal(take(&seats, &ticket, NOW_MS), JOIN_ACCEPTED);
    join_seats_leave(&seats, 1);
    assert_true(join_seats_is_free(&seats, 1));
    assert_int_equal(take(&seats, &ticket, NOW_MS), JOIN_BAD_TICKET); /* it was good for once */
    ticket = issue(&seats, 1, 1, NOW_MS);
    assert_int_equal(take(&seats, &ticket, NOW_MS), JOIN_ACCEPTED);
}

static void to_begin_again_empties_all_seats_and_voids_all_tickets(void **state)
{
    (void)state;
    struct join_seats seats = seats_of(4);
    struct join_ticket first = issue(&seats, 1, 0, NOW_MS), second = issue(&seats, 2, 1, NOW_MS);
    assert_int_equal(take(&seats, &first, NOW_MS), JOIN_ACCEPTED);
    join_seats_begin(&seats, 3);
    assert_true(join_seats_is_free(&seats, 1));
    assert_int_equal(take(&seats, &first, NOW_MS), JOIN_BAD_TICKET);
    assert_int_equal(take(&seats, &second, NOW_MS), JOIN_BAD_TICKET);
    assert_false(join_seats_is_free(&seats, 3));
}

/* ---- tickets ----------------------------------------------------------------------------------------------------- */

static void a_ticket_says_its_index_its_lifetime_and_the_random_bytes_in_hex(void **state)
{
    (void)state;
    struct join_seats seats = seats_of(16);
    struct join_ticket ticket = issue(&seats, 15, 0xf0, NOW_MS);
    assert_int_equal(ticket.index, 15);
    assert_int_equal(ticket.expires_ms, TTL_MS);
    assert_string_equal(ticket.nonce, "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff000102030405060708090a0b0c0d0e0f");
}

static void a_ticket_is_good_until_the_last_moment_of_its_lifetime(void **state)
{
    (void)state;
    struct join_seats seats = seats_of(2);
    struct join_ticket ticket = issue(&seats, 1, 0, NOW_MS);
    assert_int_equal(take(&seats, &ticket, NOW_MS + TTL_MS), JOIN_EXPIRED_TICKET);
    assert_int_equal(take(&seats, &ticket, NOW_MS + TTL_MS - 1), JOIN_ACCEPTED);
}

static void an_expired_ticket_stays_expired_until_another_is_issued(void **state)
{
    (void)state;
    struct join_seats seats = seats_of(2);
    struct join_ticket ticket = issue(&seats, 1, 0, NOW_MS);
    for (int i = 0; i < 3; i++)
        assert_int_equal(take(&seats, &ticket, NOW_MS + TTL_MS), JOIN_EXPIRED_TICKET);
    assert_true(join_seats_is_free(&seats, 1));
    struct join_ticket fresh = issue(&seats, 1, 1, NOW_MS + TTL_MS);
    assert_int_equal(take(&seats, &ticket, NOW_MS + TTL_MS), JOIN_BAD_TICKET);
    assert_int_equal(take(&seats, &fresh, NOW_MS + TTL_MS), JOIN_ACCEPTED);
}

static void who_has_another_nonce_learns_nothing_of_expiry(void **state)
{
    (void)state;
    struct join_seats seats = seats_of(2);
    issue(&seats, 1, 0, NOW_MS);
    struct join_ticket other = {.index = 1, .nonce = "00"};
    assert_int_equal(take(&seats, &other, NOW_MS + TTL_MS), JOIN_BAD_TICKET);
}

static void a_ticket_that_is_issued_again_replaces_the_one_before(void **state)
{
    (void)state;
    struct join_seats seats = seats_of(3);
    struct join_ticket old = issue(&seats, 1, 0, NOW_MS), neighbour = issue(&seats, 2, 9, NOW_MS);
    struct join_ticket fresh = issue(&seats, 1, 1, NOW_MS);
    assert_string_not_equal(fresh.nonce, old.nonce);
    assert_int_equal(take(&seats, &old, NOW_MS), JOIN_BAD_TICKET);
    assert_int_equal(take(&seats, &fresh, NOW_MS), JOIN_ACCEPTED);
    assert_int_equal(take(&seats, &neighbour, NOW_MS), JOIN_ACCEPTED);
}

static void a_ticket_is_good_for_its_own_index_only(void **state)
{
    (void)state;
    struct join_seats seats = seats_of(3);
    struct join_ticket ticket = issue(&seats, 1, 0, NOW_MS);
    issue(&seats, 2, 1, NOW_MS);
    static const uint32_t others[] = {0, 2, 3, 15, 16, UINT32_MAX};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(join_seats_take(&seats, others[i], ticket.nonce, somebody, NOW_MS), JOIN_BAD_TICKET);
    assert_int_equal(take(&seats, &ticket, NOW_MS), JOIN_ACCEPTED);
}

static void without_an_outstanding_ticket_no_nonce_is_good(void **state)
{
    (void)state;
    struct join_seats seats = seats_of(2);
    static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
    assert_int_equal(join_seats_take(&seats, 1, "", somebody, NOW_MS), JOIN_BAD_TICKET);
    assert_int_equal(join_seats_take(&seats, 1, zeros, somebody, NOW_MS), JOIN_BAD_TICKET);
}

static void a_nonce_must_be_the_same_in_every_place_and_as_long(void **state)
{
    (void)state;
    struct join_seats seats = seats_of(2);
    const struct join_ticket ticket = issue(&seats, 1, 0, NOW_MS);
    for (size_t i = 0; i < JOIN_NONCE_LENGTH; i++) {
        struct join_ticket other = ticket, shorter = ticket;
        other.nonce[i] = ticket.nonce[i] == 'f' ? '0' : 'f';
        shorter.nonce[i] = '\0';
        assert_int_equal(take(&seats, &other, NOW_MS), JOIN_BAD_TICKET);
        assert_int_equal(take(&seats, &shorter, NOW_MS), JOIN_BAD_TICKET);
    }
    char longer[JOIN_NONCE_LENGTH + 2];
    snprintf(longer, sizeof longer, "%s0", ticket.nonce);
    assert_int_equal(join_seats_take(&seats, 1, longer, somebody, NOW_MS), JOIN_BAD_TICKET);
    assert_int_equal(take(&seats, &ticket, NOW_MS), JOIN_ACCEPTED); /* none of these used it up */
}

static void a_taken_index_is_in_use_whatever_the_ticket(void **state)
{
    (void)state;
    struct join_seats seats = seats_of(2);
    struct join_ticket ticket = issue(&seats, 1, 0, NOW_MS);
    assert_int_equal(take(&seats, &ticket, NOW_MS), JOIN_ACCEPTED);
    assert_int_equal(take(&seats, &ticket, NOW_MS), JOIN_INDEX_IN_USE);
    assert_int_equal(take(&seats, &ticket, NOW_MS + TTL_MS), JOIN_INDEX_IN_USE);
    assert_int_equal(join_seats_take(&seats, 1, "", (struct connection_id){8}, NOW_MS), JOIN_INDEX_IN_USE);
    assert_int_equal(join_seats_at(&seats, 1).value, somebody.value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_are_seats_from_1_to_granted_minus_1),
        cmocka_unit_test(zeroed_there_are_none),
        cmocka_unit_test(who_shows_the_ticket_gets_the_seat),
        cmocka_unit_test(a_seat_that_is_left_is_free_and_has_no_ticket),
        cmocka_unit_test(to_begin_again_empties_all_seats_and_voids_all_tickets),
        cmocka_unit_test(a_ticket_says_its_index_its_lifetime_and_the_random_bytes_in_hex),
        cmocka_unit_test(a_ticket_is_good_until_the_last_moment_of_its_lifetime),
        cmocka_unit_test(an_expired_ticket_stays_expired_until_another_is_issued),
        cmocka_unit_test(who_has_another_nonce_learns_nothing_of_expiry),
        cmocka_unit_test(a_ticket_that_is_issued_again_replaces_the_one_before),
        cmocka_unit_test(a_ticket_is_good_for_its_own_index_only),
        cmocka_unit_test(without_an_outstanding_ticket_no_nonce_is_good),
        cmocka_unit_test(a_nonce_must_be_the_same_in_every_place_and_as_long),
        cmocka_unit_test(a_taken_index_is_in_use_whatever_the_ticket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
