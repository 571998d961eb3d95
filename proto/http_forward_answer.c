/* A local service's answer head on its way into STREAM_RESPONSE_HEAD. */
#include "http_field_text.h"
#include "http_forward.h"
#include "http_hop_by_hop.h"

enum { STATUS_SWITCHING_PROTOCOLS = 101, STATUS_FIRST_FINAL = 200 };

static bool forward_fields(const struct http_head *head, const struct http_hop_by_hop *hops, struct field_list *fields)
{
    for (size_t i = 0; i < head->field_count; i++) {
        const struct http_field *field = &head->fields[i];
        if (!http_hop_by_hop_has(hops, field->name) && !http_field_text_add(fields, field->name, field->value)) {
            return false;
        }
    }
    return true;
}

bool http_forward_answer(const struct http_head *head, struct response_head *ret_head)
{
    const bool switches = head->status == STATUS_SWITCHING_PROTOCOLS;
    struct response_head made = {
        .status = head->status,
        .is_final = switches || head->status >= STATUS_FIRST_FINAL,
    };
    struct http_hop_by_hop hops;
    if (!http_hop_by_hop_init_head(&hops, head, switches)) {
        return false;
    }
    const bool is_made = forward_fields(head, &hops, &made.fields);
    http_hop_by_hop_done(&hops);
    if (!is_made) {
        response_head_done(&made);
        return false;
    }
    *ret_head = made;
    return true;
}
