/* REISSUE_JOIN_TICKETS (protocol section 4), and the tickets as HELLO_OK carries them too. */
#include "session_payloads.h"

#include "join_tickets_json.h"

#include <stdlib.h>

static void read_nonce(struct payload_reader *reader, const json_t *object, struct join_ticket *ticket)
{
    char *nonce = payload_text(reader, object, "nonce", "joinTickets: nonce must be a string without NUL");
    if (nonce && strlen(nonce) < sizeof ticket->nonce)
        strcpy(ticket->nonce, nonce);
    else
        payload_refuse(reader, "joinTickets: nonce is longer than 64 bytes");
    free(nonce);
}

static void read_ticket(struct payload_reader *reader, const json_t *object, struct join_ticket *ticket)
{
    ticket->index = (uint32_t)payload_integer(reader, object, "index", 1, UINT32_MAX,
                                              "joinTickets: index must be an integer 1..2^32-1");
    read_nonce(reader, object, ticket);
    ticket->expires_ms = (uint64_t)payload_integer(reader, object, "expiresMs", 0, INT64_MAX,
                                                   "joinTickets: expiresMs must be an integer of at least 0");
}

struct join_ticket *join_tickets_read(struct payload_reader *reader, const json_t *object, size_t *ret_count)
{
    if (!payload_has(object, "joinTickets"))
        return NULL;
    const json_t *array = payload_array(reader, object, "joinTickets", "joinTickets must be an array");
    size_t count = json_array_size(array);
    struct join_ticket *tickets = payload_allocate(reader, count, sizeof *tickets);
    for (size_t i = 0; tickets && i < count; i++)
        read_ticket(reader, json_array_get(array, i), &tickets[i]);
    if (tickets)
        *ret_count = count;
    return tickets;
}

void join_tickets_write(struct json_writer *writer, const struct join_ticket *tickets, size_t count)
{
    json_key(writer, "joinTickets");
    json_begin_array(writer);
    for (size_t i = 0; i < count; i++) {
        json_begin_object(writer);
        json_number_member(writer, "index", tickets[i].index);
        json_text_member(writer, "nonce", tickets[i].nonce);
        json_number_member(writer, "expiresMs", (int64_t)tickets[i].expires_ms);
        json_end_object(writer);
    }
    json_end_array(writer);
}

void reissue_join_tickets_done(struct reissue_join_tickets *reissue)
{
    free(reissue->tickets);
    *reissue = (struct reissue_join_tickets){0};
}

enum payload_verdict reissue_join_tickets_decode(struct span json, struct reissue_join_tickets *ret_reissue,
                                                 const char **ret_why)
{
    struct reissue_join_tickets reissue = {0};
    struct payload_reader reader;
    const json_t *root = payload_reader_init(&reader, json);
    reissue.tickets = join_tickets_read(&reader, root, &reissue.count);
    enum payload_verdict verdict = payload_reader_done(&reader, ret_why);
    if (verdict == PAYLOAD_OK)
        *ret_reissue = reissue;
    else
        reissue_join_tickets_done(&reissue);
    return verdict;
}

static void write_reissue(struct json_writer *writer, const void *payload)
{
    const struct reissue_join_tickets *reissue = payload;
    json_begin_object(writer);
    join_tickets_write(writer, reissue->tickets, reissue->count);
    json_end_object(writer);
}

char *reissue_join_tickets_encode(const struct reissue_join_tickets *reissue)
{
    return json_render(write_reissue, reissue);
}
