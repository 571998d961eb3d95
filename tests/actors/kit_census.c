#include "kit_census.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants these before it. */
#include <cmocka.h>

#include "samples.h"

/* Which connection has this session; 0: none. */
static uint64_t connection_of(const struct session_id *session)
{
    uint64_t found = 0;
    for (uint64_t id = 1; id <= kit.last_connection; id++) {
        if (kit.connections[id].phase != LIVE || !session_id_equals(&kit.connections[id].session, session))
            continue;
        expect(found == 0); /* a session has one connection */
        found = id;
    }
    return found;
}

static size_t count_live_connections(void)
{
    size_t count = 0;
    for (uint64_t id = 1; id <= kit.last_connection; id++) {
        expect(kit.connections[id].phase != ASKING); /* everybody gets an answer */
        count += kit.connections[id].phase == LIVE;
    }
    return count;
}

static size_t count_held(void)
{
    size_t count = 0;
    for (uint64_t id = 1; id <= kit.last_connection; id++)
        for (size_t i = 0; i < PORTS && kit.connections[id].phase == LIVE; i++)
            count += kit.connections[id].held[i] != 0;
    return count;
}

/* Adds it when it is not there yet. Returns how many there are. */
static size_t add_session(struct session_id *sessions, size_t count, const struct session_id *session)
{
    for (size_t i = 0; i < count; i++)
        if (session_id_equals(&sessions[i], session))
            return count;
    sessions[count] = *session;
    return count + 1;
}

static struct census check_bindings(void)
{
    struct census census = {0};
    struct session_id parked[PORTS];
    struct message listed = kit_ask(kit.admin, MESSAGE_OF(list_bindings, .ref = 1), &kit.registry), row;
    struct span rows = listed.bindings_listed.bindings;
    while (message_rows_next(&rows, &row)) {
        const struct message_binding_row *binding = &row.binding_row;
        const struct listener *listener = &kit.listeners[kit_index_of_port(binding->port)];
        expect(listener->binding == binding->binding.value);
        uint64_t id = connection_of(&binding->session);
        if (binding->parked) {
            census.parked_bindings++;
            census.parked_sessions = add_session(parked, census.parked_sessions, &binding->session);
            expect(id == 0);
            expect(kit.connections[listener->owner].phase == GONE); /* its visitors get 503 */
        } else {
            census.live_bindings++;
            expect(id != 0);
            expect(listener->owner == id); /* its visitors reach the driver that holds it */
            expect(kit.connections[id].held[kit_index_of_port(binding->port)] == binding->binding.value);
            expect(listener->shard == kit.connections[id].place.shard); /* on one loop */
        }
        message_done(&row);
    }
    message_done(&listed);
    return census;
}

static void check_sessions(const struct census *census)
{
    struct message listed = kit_ask(kit.admin, MESSAGE_OF(list_sessions, .ref = 1), &kit.manager), row;
    struct span rows = listed.sessions_listed.sessions;
    size_t live = 0;
    for (; message_rows_next(&rows, &row); live++) {
        expect(connection_of(&row.session_row.session) != 0);
        message_done(&row);
    }
    expect(live == count_live_connections());
    expect(listed.sessions_listed.orphaned_sessions == census->parked_sessions);
    expect(census->parked_sessions <= kit.options.max_sessions);
    message_done(&listed);
}

/* Returns how many there are. */
static size_t check_secondaries(void)
{
    uint32_t attached[CONNECTIONS_MAX + 1] = {0}; /* bit by index, by primary */
    size_t count = 0;
    for (uint64_t i = 1; i <= kit.last_secondary; i++) {
        const struct secondary *secondary = &kit.secondaries[i];
        expect(secondary->phase != ASKING); /* everybody gets an answer */
        if (secondary->phase == GONE)
            continue;
        count++;
        expect(kit.connections[secondary->primary].phase != GONE);
        expect(((attached[secondary->primary] >> secondary->index) & 1) == 0); /* a seat has one connection */
        attached[secondary->primary] |= UINT32_C(1) << secondary->index;
    }
    for (uint64_t id = 1; id <= kit.last_connection; id++)
        if (kit.connections[id].phase == LIVE && kit.connections[id].granted > 1)
            expect(kit.connections[id].attached == (attached[id] | 1)); /* what SHARD_MAP said last */
    return count;
}

static void check_gauges(const struct census *census)
{
    struct message report = kit_ask(kit.metrics, MESSAGE_OF(report_metrics, .ref = 1), &kit.registry);
    struct span samples = report.metrics_reported.samples;
    const char *expose = "kind=\"http\",mode=\"expose\"";
    expect(sample_value(samples, METRIC_bindings_active, expose) == (double)census->live_bindings);
    expect(sample_value(samples, METRIC_parked_bindings, expose) == (double)census->parked_bindings);
    message_done(&report);
    report = kit_ask(kit.metrics, MESSAGE_OF(report_metrics, .ref = 1), &kit.manager);
    samples = report.metrics_reported.samples;
    expect(sample_value(samples, METRIC_sessions_active, "") == (double)count_live_connections());
    expect(sample_value(samples, METRIC_sessions_orphaned, "") == (double)census->parked_sessions);
    expect(sample_value(samples, METRIC_secondary_connections, "") == (double)check_secondaries());
    message_done(&report);
}

struct census kit_take_census(void)
{
    kit_come_to_rest();
    struct census census = check_bindings();
    size_t listening = 0;
    for (size_t i = 0; i < PORTS; i++)
        listening += kit.listeners[i].binding != 0;
    expect(listening == census.live_bindings + census.parked_bindings); /* nothing is leaked */
    expect(count_held() == census.live_bindings);                       /* nobody believes to hold what is not his */
    check_sessions(&census);
    check_gauges(&census);
    expect(kit.kills_answered == kit.kills_asked);
    return census;
}
