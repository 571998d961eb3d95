/* A question to the API and what it deserves: the answer that was hoped for, or a failure in words and an exit status.
 */
#ifndef HOODY_DRIVER_ASK_H
#define HOODY_DRIVER_ASK_H

#include "admin/api_client.h"
#include "exit_status.h"

#include <jansson.h>

struct ask_failure {
    enum exit_status status;
    bool is_interrupted;         /* by the client's interrupt descriptor; there is nothing to tell */
    char text[API_REASON_BYTES]; /* one line for people */
};

__attribute__((format(printf, 3, 4))) void ask_fail(struct ask_failure *ret_failure, enum exit_status status,
                                                    const char *format, ...);

/* GET. NULL: *ret_failure says why. The document's root is an object; the caller drops it. `ret_answer` has its text.
 */
json_t *ask_json(struct api_client *client, const char *path, struct api_answer *ret_answer,
                 struct ask_failure *ret_failure);
/* DELETE, answered with 202. As above. */
json_t *ask_close(struct api_client *client, const char *path, const char *query, struct api_answer *ret_answer,
                  struct ask_failure *ret_failure);
/* GET /metrics. */
bool ask_metrics(struct api_client *client, struct api_answer *ret_answer, struct ask_failure *ret_failure);

/* A document lacks `field`, or has it in another shape. */
void ask_fail_field(struct ask_failure *ret_failure, const char *path, const char *field);

#endif
