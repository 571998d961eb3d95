#include "http_llhttp.h"

#include <llhttp.h>

bool http_llhttp_knows_method(struct span method)
{
#define METHOD_NAME(number, name, string) #string,
    static const char *const names[] = {HTTP_METHOD_MAP(METHOD_NAME)};
#undef METHOD_NAME
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (span_equals(method, names[i])) {
            return true;
        }
    }
    return false;
}

struct sight {
    bool is_whole;
    struct http_llhttp_view view;
};

/* llhttp forgets flags when the message ends, which for a message without body is at once. */
static int on_headers_complete(llhttp_t *parser)
{
    struct sight *sight = parser->data;
    sight->is_whole = true;
    sight->view = (struct http_llhttp_view){
        .version_minor = llhttp_get_http_minor(parser),
        .status = (uint16_t)llhttp_get_status_code(parser),
        .content_length = parser->content_length,
        .is_chunked = (parser->flags & F_CHUNKED) != 0,
    };
    return 0;
}

bool http_llhttp_view_head(bool is_request, const struct span *pieces, size_t piece_count,
                           struct http_llhttp_view *ret_view)
{
    static const llhttp_settings_t settings = {.on_headers_complete = on_headers_complete};
    struct sight sight = {0};
    llhttp_t parser;

    llhttp_init(&parser, is_request ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
    parser.data = &sight;
    llhttp_errno_t verdict = HPE_OK;
    for (size_t i = 0; i < piece_count && verdict == HPE_OK; i++) {
        verdict = llhttp_execute(&parser, (const char *)pieces[i].data, pieces[i].length);
    }
    if (!sight.is_whole || (verdict != HPE_OK && verdict != HPE_PAUSED_UPGRADE)) {
        return false;
    }
    *ret_view = sight.view;
    return true;
}
