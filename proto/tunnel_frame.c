#include "tunnel_frame.h"

#include "check.h"
#include "hoody_tunnel/utf8.h"

#include <event2/buffer.h>

enum { IGNORED_TYPE_FIRST = 0x40, IGNORED_TYPE_LAST = 0x7F };

enum senders {
    FROM_DRIVER = 1 << SIDE_DRIVER,
    FROM_KIT = 1 << SIDE_KIT,
    FROM_BOTH = FROM_DRIVER | FROM_KIT,
};

enum scope { SCOPE_SESSION, SCOPE_STREAM, SCOPE_EITHER };

enum payload_shape { SHAPE_JSON, SHAPE_EMPTY, SHAPE_U32, SHAPE_OPAQUE8, SHAPE_REASON, SHAPE_BYTES };

static const struct {
    uint32_t shortest, longest; /* bytes */
} payload_sizes[] = {
    [SHAPE_JSON] = {0, FRAME_PAYLOAD_MAX}, /* an empty one does not parse: the JSON reader's to refuse */
    [SHAPE_EMPTY] = {0, 0},
    [SHAPE_U32] = {4, 4},
    [SHAPE_OPAQUE8] = {8, 8},
    [SHAPE_REASON] = {2, FRAME_PAYLOAD_MAX},
    [SHAPE_BYTES] = {0, FRAME_PAYLOAD_MAX},
};

/* Ends of the sentences that GOAWAY tells the peer; the name of the frame goes before. */
#define WHY_SCOPE_SESSION " on a stream"
#define WHY_SCOPE_STREAM  " on stream 0"
#define WHY_SCOPE_EITHER  ""
#define WHY_SHAPE_JSON    ""
#define WHY_SHAPE_EMPTY   " with a payload"
#define WHY_SHAPE_U32     " payload is not 4 bytes"
#define WHY_SHAPE_OPAQUE8 " payload is not 8 bytes"
#define WHY_SHAPE_REASON  " payload is under 2 bytes"
#define WHY_SHAPE_BYTES   ""

struct frame_rule {
    const char *name; /* NULL: an unknown type */
    enum senders senders;
    enum scope scope;
    enum payload_shape shape;
    const char *why_sender;
    const char *why_scope;
    const char *why_size;
};

static const struct frame_rule frame_rules[] = {
#define FRAME(id, title, from, extent, payload)                                                                        \
    [id] = {                                                                                                           \
        .name = #title,                                                                                                \
        .senders = FROM_##from,                                                                                        \
        .scope = SCOPE_##extent,                                                                                       \
        .shape = SHAPE_##payload,                                                                                      \
        .why_sender = #title " from the wrong side",                                                                   \
        .why_scope = #title WHY_SCOPE_##extent,                                                                        \
        .why_size = #title WHY_SHAPE_##payload,                                                                        \
    },
#include "frame_types.def"
#undef FRAME
};

static const char *const error_texts[] = {
#define ERROR_CODE(number, name, text) [number] = (text),
#include "error_codes.def"
#undef ERROR_CODE
};

/* NULL: an unknown type. */
static const struct frame_rule *rule_of(uint8_t type)
{
    if (type >= sizeof frame_rules / sizeof frame_rules[0] || frame_rules[type].name == NULL)
        return NULL;
    return &frame_rules[type];
}

const char *frame_type_name(uint8_t type)
{
    const struct frame_rule *rule = rule_of(type);
    return rule != NULL ? rule->name : "unknown";
}

const char *error_code_text(uint32_t code)
{
    if (code >= sizeof error_texts / sizeof error_texts[0] || error_texts[code] == NULL)
        return "unknown code";
    return error_texts[code];
}

static void u32_encode(uint32_t value, uint8_t ret_bytes[4])
{
    ret_bytes[0] = (uint8_t)(value >> 24);
    ret_bytes[1] = (uint8_t)(value >> 16);
    ret_bytes[2] = (uint8_t)(value >> 8);
    ret_bytes[3] = (uint8_t)value;
}

static uint32_t u32_decode(const uint8_t bytes[4])
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

void frame_header_encode(struct frame_header header, uint8_t ret_bytes[FRAME_HEADER_BYTES])
{
    ret_bytes[0] = header.type;
    u32_encode(header.stream, ret_bytes + 1);
    u32_encode(header.length, ret_bytes + 5);
}

struct frame_header frame_header_decode(const uint8_t bytes[FRAME_HEADER_BYTES])
{
    return (struct frame_header){
        .type = bytes[0],
        .stream = u32_decode(bytes + 1),
        .length = u32_decode(bytes + 5),
    };
}

void frame_walk_begin(struct frame_walk *walk, enum tunnel_side from)
{
    *walk = (struct frame_walk){.from = from};
}

static enum frame_verdict bad(struct frame_error *ret_error, enum error_code code, const char *why)
{
    *ret_error = (struct frame_error){.code = code, .why = why};
    return FRAME_BAD;
}

static bool fits_scope(enum scope scope, uint32_t stream)
{
    switch (scope) {
    case SCOPE_SESSION:
        return stream == 0;
    case SCOPE_STREAM:
        return stream != 0;
    case SCOPE_EITHER:
        return true;
    }
    return false;
}

/* FRAME_OK, FRAME_IGNORED or FRAME_BAD, by the header alone. */
static enum frame_verdict judge_header(enum tunnel_side from, const struct frame_header *header,
                                       struct frame_error *ret_error)
{
    const struct frame_rule *rule = rule_of(header->type);
    bool is_ignored = rule == NULL && header->type >= IGNORED_TYPE_FIRST && header->type <= IGNORED_TYPE_LAST;

    if (rule == NULL && !is_ignored)
        return bad(ret_error, CODE_PROTOCOL_ERROR, "unknown frame type");
    if (rule != NULL && (rule->senders & (1U << from)) == 0)
        return bad(ret_error, CODE_PROTOCOL_ERROR, rule->why_sender);
    if (rule != NULL && !fits_scope(rule->scope, header->stream))
        return bad(ret_error, CODE_PROTOCOL_ERROR, rule->why_scope);
    if (header->length > FRAME_PAYLOAD_MAX)
        return bad(ret_error, CODE_FRAME_SIZE, "frame payload over 65536 bytes");
    if (is_ignored)
        return FRAME_IGNORED;
    if (header->length < payload_sizes[rule->shape].shortest || header->length > payload_sizes[rule->shape].longest)
        return bad(ret_error, CODE_FRAME_SIZE, rule->why_size);
    return FRAME_OK;
}

enum frame_verdict frame_walk_next(struct frame_walk *walk, struct evbuffer *message, struct frame_header *ret_header,
                                   struct frame_error *ret_error)
{
    size_t left = evbuffer_get_length(message);
    if (left == 0)
        return walk->frames > 0 ? FRAME_END : bad(ret_error, CODE_PROTOCOL_ERROR, "empty message");
    if (walk->frames == FRAMES_PER_MESSAGE_MAX)
        return bad(ret_error, CODE_PROTOCOL_ERROR, "more than 64 frames in a message");
    if (left < FRAME_HEADER_BYTES)
        return bad(ret_error, CODE_PROTOCOL_ERROR,
                   walk->frames > 0 ? "trailing bytes in a message" : "frame header cut short");

    uint8_t bytes[FRAME_HEADER_BYTES];
    check(evbuffer_copyout(message, bytes, sizeof bytes) == sizeof bytes);
    struct frame_header header = frame_header_decode(bytes);
    enum frame_verdict verdict = judge_header(walk->from, &header, ret_error);
    if (verdict == FRAME_BAD)
        return FRAME_BAD;
    if (header.length > left - FRAME_HEADER_BYTES)
        return bad(ret_error, CODE_PROTOCOL_ERROR, "frame payload cut short");

    check(evbuffer_drain(message, sizeof bytes) == 0);
    walk->frames++;
    *ret_header = header;
    return verdict;
}

uint32_t frame_window_decode(const uint8_t payload[4])
{
    return u32_decode(payload);
}

void frame_window_encode(uint32_t increment, uint8_t ret_payload[4])
{
    u32_encode(increment, ret_payload);
}

struct reset frame_reset_decode(struct span payload)
{
    check(payload.length >= 2);
    return (struct reset){
        .code = (uint16_t)(payload.data[0] << 8 | payload.data[1]),
        .reason = span_of(payload.data + 2, payload.length - 2),
    };
}

size_t frame_reset_encode(enum error_code code, const char *reason, uint8_t ret_payload[2 + FRAME_RESET_REASON_MAX])
{
    struct span text = span_of_string(reason);
    text.length = utf8_cut(text, FRAME_RESET_REASON_MAX);
    ret_payload[0] = (uint8_t)((unsigned)code >> 8);
    ret_payload[1] = (uint8_t)code;
    memcpy(ret_payload + 2, text.data, text.length);
    return 2 + text.length;
}
