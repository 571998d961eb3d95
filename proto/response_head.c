/* STREAM_RESPONSE_HEAD (protocol section 6): a driver's answer to an http stream. */
#include "stream_payloads.h"

#include "field_list_json.h"
#include "stream_head_decoders.h"

void response_head_done(struct response_head *head)
{
    field_list_done(&head->fields);
    *head = (struct response_head){0};
}

static void write_response_head(struct json_writer *writer, const void *payload)
{
    const struct response_head *head = payload;
    json_begin_object(writer);
    json_number_member(writer, "status", head->status);
    field_list_write(writer, &head->fields);
    json_flag_member(writer, "final", head->is_final);
    json_end_object(writer);
}

size_t response_head_encode(const struct response_head *head, struct evbuffer *out)
{
    return json_append(write_response_head, head, out);
}

static void read_status(struct payload_reader *reader, const json_t *root, struct response_head *head)
{
    head->status = (uint16_t)payload_integer(reader, root, "status", 100, 599, "status must be an integer 100..599");
    head->is_final = true;
    if (payload_has(root, "final"))
        head->is_final = payload_flag(reader, root, "final", "final must be true or false");
    bool is_interim = head->status < 200 && head->status != 101;
    if (head->is_final && is_interim)
        payload_refuse(reader, "an interim status must come with final:false");
    if (!head->is_final && !is_interim)
        payload_refuse(reader, "final:false must come with an interim status");
}

enum payload_verdict response_head_load(struct span json, struct response_head *ret_head, const char **ret_why)
{
    struct response_head head = {0};
    struct payload_reader reader;
    const json_t *root = payload_reader_init(&reader, json);
    read_status(&reader, root, &head);
    field_list_read(&reader, root, NUL_IS_DROPPED, &head.fields);
    enum payload_verdict verdict = payload_reader_done(&reader, ret_why);
    if (verdict == PAYLOAD_OK)
        *ret_head = head;
    else
        response_head_done(&head);
    return verdict;
}

enum payload_verdict response_head_decode(struct span json, struct response_head *ret_head, const char **ret_why)
{
    return response_head_pull(json, ret_head) ? PAYLOAD_OK : response_head_load(json, ret_head, ret_why);
}
