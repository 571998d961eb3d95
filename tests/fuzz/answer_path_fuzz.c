/* A service's answer on its whole way: http_reader in the driver, STREAM_RESPONSE_HEAD as JSON and back, http_answer in
 * the kit, and a naive reader in the visitor's place. What the visitor takes for a whole answer is one: with the
 * service's own status, its fields but those of the hop, and the body that llhttp sees in the same bytes, too. The
 * first byte says what the request was and how the service ends; the rest is what the service said. */
#include "fuzz_input.h"
#include "llhttp_answer.h"
#include "naive_answer.h"

#include "check.h"
#include "http_answer.h"
#include "http_forward.h"

#include <event2/buffer.h>
#include <stdlib.h>

enum { HEADS_MAX = 16, SWITCHES = 101 };

struct path {
    bool is_head;
    bool finishes; /* the service ends with a FIN, otherwise with a reset */
    struct http_reader *reader;
    struct evbuffer *said; /* by the service */
    struct evbuffer *body; /* what its reader made of it */
    struct evbuffer *queue;
    struct http_answer answer;
    struct evbuffer *wire;                 /* to the visitor */
    struct response_head heads[HEADS_MAX]; /* as the service meant them: all its fields */
    size_t head_count;
    bool is_whole;
};

/* ---- the way ---- */

static struct response_head meant_by(const struct http_head *head)
{
    struct response_head meant = {.status = head->status, .is_final = head->status >= 200};
    for (size_t i = 0; i < head->field_count; i++) {
        char *value = fuzz_text_utf8(head->fields[i].value);
        check(field_list_add(&meant.fields, head->fields[i].name, span_of_string(value)));
        free(value);
    }
    return meant;
}

/* false: it ends here, as the driver ends it. */
static bool pass_head(struct path *path)
{
    const struct http_head *head = http_reader_head(path->reader);
    struct response_head sent = {0}, received = {0};
    struct evbuffer *json = evbuffer_new();
    const char *why = NULL;
    if (head->status == SWITCHES || path->head_count == HEADS_MAX) {
        evbuffer_free(json);
        return false;
    }
    path->heads[path->head_count++] = meant_by(head);
    check(http_forward_answer(head, &sent));
    check(response_head_encode(&sent, json) > 0);
    check(response_head_decode(fuzz_span(json), &received, &why) == PAYLOAD_OK);
    check(http_answer_head(&path->answer, &received, path->wire) == ANSWER_OK);
    response_head_done(&sent);
    response_head_done(&received);
    evbuffer_free(json);
    return true;
}

static void pass_body(struct path *path)
{
    const struct span bytes = fuzz_span(path->queue);
    evbuffer_add(path->body, bytes.data, bytes.length);
    check(http_answer_body(&path->answer, path->queue, path->wire) == ANSWER_OK);
    check(evbuffer_get_length(path->queue) == 0);
}

static bool pass_end(struct path *path)
{
    if (!path->answer.head_written)
        return true; /* an interim head's */
    check(http_answer_end(&path->answer, path->wire) == ANSWER_OK);
    path->is_whole = true;
    return false;
}

static void pass_all(struct path *path)
{
    bool goes_on = true;
    while (goes_on)
        switch (http_reader_read(path->reader, path->said, path->queue, SIZE_MAX)) {
        case HTTP_HEAD:
            goes_on = pass_head(path);
            break;
        case HTTP_BODY:
            pass_body(path);
            break;
        case HTTP_END:
            goes_on = pass_end(path);
            break;
        case HTTP_MORE:
            if (path->finishes && http_reader_finish(path->reader) == HTTP_END)
                pass_end(path);
            goes_on = false;
            break;
        case HTTP_BAD:
            goes_on = false;
            break;
        }
}

/* ---- the visitor ---- */

static bool is_to_be_seen(const struct path *path, size_t head)
{
    return path->heads[head].is_final || path->answer.request.version_minor > 0;
}

static void check_end(const struct path *path, enum naive_end end)
{
    switch (end) {
    case NAIVE_WHOLE:
    case NAIVE_SHORT:
        check((end == NAIVE_WHOLE) == path->is_whole);
        break;
    case NAIVE_OPEN: /* FIN or reset tell */
        check(path->answer.framing == ANSWER_UNTIL_CLOSE);
        break;
    }
}

static void check_visitor(const struct path *path)
{
    struct span wire = fuzz_span(path->wire);
    struct naive_head seen = {0};
    for (size_t i = 0; i < path->head_count; i++) {
        struct field_list passing;
        if (!is_to_be_seen(path, i))
            continue;
        naive_head_done(&seen);
        check(naive_head_read(&wire, &seen) && seen.status == path->heads[i].status);
        naive_fields_that_pass(&path->heads[i].fields, seen.status, &passing);
        naive_check_fields(&seen, &passing);
        field_list_done(&passing);
    }
    if (path->answer.head_written) {
        struct evbuffer *body = evbuffer_new();
        check_end(path, naive_body_read(&wire, &seen, path->is_head, body));
        fuzz_check_same(body, path->body, "the visitor got another body");
        evbuffer_free(body);
    }
    naive_head_done(&seen);
    check(wire.length == 0);
}

/* ---- llhttp ---- */

/* It may refuse what we take, such as a length said twice; but not read it otherwise. */
static void check_against_llhttp(const struct path *path, struct span said)
{
    struct evbuffer *body = evbuffer_new();
    switch (llhttp_answer_read(said, path->is_head, body)) {
    case LLHTTP_REFUSES:
        break;
    case LLHTTP_SHORT:
        check(false);
    case LLHTTP_WHOLE:
        fuzz_check_same(body, path->body, "llhttp sees another body");
        break;
    }
    evbuffer_free(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    const uint8_t flags = fuzz_take_u8(&input);
    struct path path = {
        .is_head = (flags & 1) != 0,
        .finishes = (flags & 2) != 0,
        .reader = http_reader_new(HTTP_ANSWERS),
        .said = evbuffer_new(),
        .body = evbuffer_new(),
        .queue = evbuffer_new(),
        .wire = evbuffer_new(),
    };
    http_answer_init(&path.answer, (struct http_answer_request){
                                       .is_head = path.is_head,
                                       .version_minor = (flags & 4) != 0 ? 0 : 1,
                                       .keeps_alive = (flags & 8) == 0,
                                   });
    if (path.is_head)
        http_reader_answers_head(path.reader);
    evbuffer_add(path.said, input.data, input.length);
    pass_all(&path);
    check_visitor(&path);
    if (path.is_whole)
        check_against_llhttp(&path, input);
    for (size_t i = 0; i < path.head_count; i++)
        response_head_done(&path.heads[i]);
    http_reader_destroy(&path.reader);
    evbuffer_free(path.said);
    evbuffer_free(path.body);
    evbuffer_free(path.queue);
    evbuffer_free(path.wire);
    return 0;
}
