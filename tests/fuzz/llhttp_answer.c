#include "llhttp_answer.h"

#include <event2/buffer.h>
#include <llhttp.h>

struct reading {
    bool answers_head;
    bool is_misread;
    bool is_whole;
    struct evbuffer *body;
};

static bool is_interim(const llhttp_t *parser)
{
    return parser->status_code / 100 == 1;
}

/* 1: no body follows. A tab behind `chunked` keeps it from seeing that coding. */
static int on_headers_complete(llhttp_t *parser)
{
    struct reading *reading = parser->data;
    reading->is_misread |= (parser->flags & F_TRANSFER_ENCODING) != 0 && (parser->flags & F_CHUNKED) == 0;
    return reading->answers_head || is_interim(parser) || parser->status_code == 204 || parser->status_code == 304;
}

static int on_body(llhttp_t *parser, const char *bytes, size_t length)
{
    const struct reading *reading = parser->data;
    return evbuffer_add(reading->body, bytes, length);
}

static int on_message_complete(llhttp_t *parser)
{
    struct reading *reading = parser->data;
    reading->is_whole = !is_interim(parser);
    return reading->is_whole ? HPE_PAUSED : HPE_OK;
}

enum llhttp_answer llhttp_answer_read(struct span said, bool answers_head, struct evbuffer *body)
{
    static const llhttp_settings_t settings = {
        .on_headers_complete = on_headers_complete,
        .on_body = on_body,
        .on_message_complete = on_message_complete,
    };
    struct reading reading = {.answers_head = answers_head, .body = body};
    llhttp_t parser;
    llhttp_init(&parser, HTTP_RESPONSE, &settings);
    parser.data = &reading;
    llhttp_errno_t verdict = llhttp_execute(&parser, (const char *)said.data, said.length);
    if (verdict == HPE_OK)
        verdict = llhttp_finish(&parser);
    if (reading.is_misread || (verdict != HPE_OK && verdict != HPE_PAUSED))
        return LLHTTP_REFUSES;
    return reading.is_whole ? LLHTTP_WHOLE : LLHTTP_SHORT;
}
