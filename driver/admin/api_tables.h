/* The API's documents as tables. What a document lacks is noted in `reader`, and then the table is not to be shown; who
 * made the table drops it (table_done) either way. */
#ifndef HOODY_DRIVER_API_TABLES_H
#define HOODY_DRIVER_API_TABLES_H

#include "admin/api_reader.h"
#include "admin/table.h"

/* GET /sessions: a row for each. */
void api_tables_sessions(struct api_reader *reader, const json_t *sessions, struct table *ret_table);
/* GET /bindings: a row for each. */
void api_tables_bindings(struct api_reader *reader, const json_t *bindings, struct table *ret_table);
/* GET /tunnels and /bindings: a row for each port, those of a session together; parked sessions at the end. */
void api_tables_all(struct api_reader *reader, const json_t *tunnels, const json_t *bindings, struct table *ret_table);
/* GET /tunnels and /bindings: a row for each session, the busiest first; parked sessions at the end. */
void api_tables_activity(struct api_reader *reader, const json_t *tunnels, const json_t *bindings,
                         struct table *ret_table);

#endif
