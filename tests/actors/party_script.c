#include "party_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

#include "samples.h"

static void keep_tickets(struct party *party, const struct join_ticket *tickets, size_t count)
{
    party->ticket_count = count;
    for (size_t i = 0; i < count; i++) {
        assert_in_range(tickets[i].index, 1, party->granted - 1);
        party->tickets[tickets[i].index] = tickets[i];
    }
}

struct party hear_party(struct stage *stage, uint64_t connection)
{
    struct hello_ok ok = hear_opened(stage, connection);
    assert_int_equal(ok.subprotocol, SUBPROTOCOL_V2); /* both fields are there */
    struct party party = {.session = ok.session, .granted = ok.connections_granted};
    keep_tickets(&party, ok.join_tickets, ok.join_ticket_count);
    hello_ok_done(&ok);
    return party;
}

struct party open_party(struct stage *stage, uint64_t connection, const char *hello)
{
    say_hello(stage, connection, 2, hello);
    return hear_party(stage, connection);
}

void party_joins(struct stage *stage, const struct party *party, uint64_t connection, uint64_t primary, uint32_t index)
{
    say_join_with(stage, connection, party->session, &party->tickets[index]);
    hear_joined(stage, connection, primary, index);
}

void party_is_refused(struct stage *stage, const struct party *party, uint32_t index, const char *code)
{
    say_join_with(stage, 99, party->session, &party->tickets[index]);
    hear_join_refused(stage, 99, code);
}

struct party open_joined_party(struct stage *stage)
{
    struct party party = open_party(stage, 1, HELLO_V2);
    party_joins(stage, &party, 2, 1, 1);
    return party;
}

void party_asks_again(struct stage *stage, struct party *party, uint64_t primary)
{
    stage_say(stage, MESSAGE_OF(reissue_tickets, .connection = {primary}));
    const struct message_tickets_reissued *reissued = &stage_hear(stage, MESSAGE_tickets_reissued)->tickets_reissued;
    assert_int_equal(reissued->connection.value, primary);
    struct reissue_join_tickets answer;
    const char *why;
    assert_int_equal(reissue_join_tickets_decode(reissued->tickets, &answer, &why), PAYLOAD_OK);
    keep_tickets(party, answer.tickets, answer.count);
    reissue_join_tickets_done(&answer);
}

double metric_of(struct stage *stage, enum metric metric, const char *labels)
{
    stage_say(stage, MESSAGE_OF(report_metrics, .ref = 5));
    return sample_value(stage_hear(stage, MESSAGE_metrics_reported)->metrics_reported.samples, metric, labels);
}

void expect_attached(struct stage *stage, int count)
{
    assert_true(metric_of(stage, METRIC_secondary_connections, "") == count);
}

void expect_no_tickets(struct stage *stage, uint64_t primary)
{
    stage_say(stage, MESSAGE_OF(reissue_tickets, .connection = {primary}));
    struct span answer = stage_hear(stage, MESSAGE_tickets_reissued)->tickets_reissued.tickets;
    static const char none[] = "{\"joinTickets\":[]}";
    assert_int_equal(answer.length, sizeof none - 1);
    assert_memory_equal(answer.data, none, answer.length);
}

void hear_shards(struct stage *stage, uint64_t primary, unsigned attached)
{
    const struct message_shards_changed *changed = &stage_hear(stage, MESSAGE_shards_changed)->shards_changed;
    assert_int_equal(changed->connection.value, primary);
    struct shard_map map;
    const char *why;
    assert_int_equal(shard_map_decode(changed->shard_map, &map, &why), PAYLOAD_OK);
    assert_int_equal(map.count, 3);
    for (uint32_t index = 0; index < 3; index++) {
        assert_int_equal(map.shards[index].index, index);
        assert_int_equal(map.shards[index].is_attached, (attached >> index) & 1);
    }
    shard_map_done(&map);
}
