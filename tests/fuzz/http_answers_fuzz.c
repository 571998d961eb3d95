/* http_reader on a local service's answers, whole against cut; every head that passes goes on to STREAM_RESPONSE_HEAD,
 * and comes out of it as a head of the protocol. The first byte says whether the requests were HEADs and whether the
 * service closes. */
#include "reader_log.h"

#include "check.h"
#include "http_forward.h"

#include <event2/buffer.h>

static void check_forwarded(const struct http_head *head)
{
    struct response_head made = {0}, read = {0};
    const char *why = NULL;
    struct evbuffer *json = evbuffer_new();
    check(http_forward_answer(head, &made));
    check(response_head_encode(&made, json) == evbuffer_get_length(json));
    check(response_head_decode(fuzz_span(json), &read, &why) == PAYLOAD_OK);
    check(read.status == head->status && read.is_final == made.is_final && read.fields.count == made.fields.count);
    for (size_t i = 0; i < read.fields.count; i++) {
        check(strcmp(read.fields.pairs[i].name, made.fields.pairs[i].name) == 0);
        check(strcmp(read.fields.pairs[i].value, made.fields.pairs[i].value) == 0);
        check(strcasecmp(read.fields.pairs[i].name, "transfer-encoding") != 0);
        check(head->status == 101 || strcasecmp(read.fields.pairs[i].name, "connection") != 0);
    }
    response_head_done(&made);
    response_head_done(&read);
    evbuffer_free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    const uint8_t flags = fuzz_take_u8(&input);
    const struct reader_setting setting = {
        .kind = HTTP_ANSWERS, .answers_head = (flags & 1) != 0, .finishes = (flags & 2) != 0};
    reader_log_check(setting, input, check_forwarded);
    return 0;
}
