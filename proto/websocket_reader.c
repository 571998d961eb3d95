#include "websocket.h"

#include "buffer_move.h"
#include "buffer_walk.h"
#include "check.h"
#include "hoody_tunnel/utf8.h"

enum {
    FIN_BIT = 0x80,
    RESERVED_BITS = 0x70,
    OPCODE_BITS = 0x0F,
    CONTROL_BIT = 0x08, /* of an opcode */
    MASK_BIT = 0x80,
    LENGTH_BITS = 0x7F,
    LENGTH_IN_16_BITS = 126,
    LENGTH_IN_64_BITS = 127,
    KEY_BYTES = 4,
    HEAD_BYTES_MAX = 2 + 8 + KEY_BYTES,
};

struct frame_head {
    bool is_final;
    uint8_t opcode; /* one of enum websocket_opcode */
    size_t length;  /* of the payload */
    size_t bytes;   /* of the head itself */
    bool is_masked;
    uint8_t key[KEY_BYTES];
};

enum head_verdict { HEAD_SHORT, HEAD_OK, HEAD_TEXT, HEAD_BAD };

bool websocket_reader_init(struct websocket_reader *reader, enum websocket_role role, size_t message_max)
{
    *reader = (struct websocket_reader){.role = role, .message_max = message_max, .fragments = evbuffer_new()};
    return reader->fragments != NULL;
}

void websocket_reader_done(struct websocket_reader *reader)
{
    if (reader->fragments != NULL)
        evbuffer_free(reader->fragments);
    reader->fragments = NULL;
}

static enum head_verdict bad_head(struct websocket_reader *reader, uint16_t close_code, const char *why)
{
    reader->close_code = close_code;
    reader->why = why;
    return HEAD_BAD;
}

/* The two bytes that every frame begins with. */
static enum head_verdict judge_start(struct websocket_reader *reader, const uint8_t start[2])
{
    bool is_masked = (start[1] & MASK_BIT) != 0;
    if ((start[0] & RESERVED_BITS) != 0)
        return bad_head(reader, WEBSOCKET_CLOSE_PROTOCOL_ERROR, "reserved bit set");
    if (is_masked && reader->role == WEBSOCKET_CLIENT)
        return bad_head(reader, WEBSOCKET_CLOSE_PROTOCOL_ERROR, "masked frame from a server");
    if (!is_masked && reader->role == WEBSOCKET_SERVER)
        return bad_head(reader, WEBSOCKET_CLOSE_PROTOCOL_ERROR, "unmasked frame from a client");

    switch (start[0] & OPCODE_BITS) {
    case WEBSOCKET_CONTINUATION:
        if (!reader->in_message)
            return bad_head(reader, WEBSOCKET_CLOSE_PROTOCOL_ERROR, "continuation of no message");
        return HEAD_OK;
    case WEBSOCKET_TEXT:
    case WEBSOCKET_BINARY:
        if (reader->in_message)
            return bad_head(reader, WEBSOCKET_CLOSE_PROTOCOL_ERROR, "message inside a fragmented message");
        return (start[0] & OPCODE_BITS) == WEBSOCKET_TEXT && !reader->accept_text ? HEAD_TEXT : HEAD_OK;
    case WEBSOCKET_CLOSE:
    case WEBSOCKET_PING:
    case WEBSOCKET_PONG:
        if ((start[0] & FIN_BIT) == 0)
            return bad_head(reader, WEBSOCKET_CLOSE_PROTOCOL_ERROR, "fragmented control frame");
        if ((start[1] & LENGTH_BITS) > WEBSOCKET_CONTROL_MAX)
            return bad_head(reader, WEBSOCKET_CLOSE_PROTOCOL_ERROR, "control frame over 125 bytes");
        return HEAD_OK;
    default: /* not an enum of ours: any number may come */
        return bad_head(reader, WEBSOCKET_CLOSE_PROTOCOL_ERROR, "reserved opcode");
    }
}

/* Minimal encoding, and the limit. Control frames do not count into the message around them. */
static enum head_verdict judge_length(struct websocket_reader *reader, uint64_t length, size_t length_bytes,
                                      bool is_control)
{
    if (length_bytes == 8 && length > INT64_MAX)
        return bad_head(reader, WEBSOCKET_CLOSE_PROTOCOL_ERROR, "frame length beyond 63 bits");
    if ((length_bytes == 2 && length < LENGTH_IN_16_BITS) || (length_bytes == 8 && length <= UINT16_MAX))
        return bad_head(reader, WEBSOCKET_CLOSE_PROTOCOL_ERROR, "frame length not in its shortest form");
    /* A limit lowered in the middle of a message must not wrap around. */
    size_t collected = evbuffer_get_length(reader->fragments);
    size_t room = collected < reader->message_max ? reader->message_max - collected : 0;
    if (!is_control && length > room)
        return bad_head(reader, WEBSOCKET_CLOSE_TOO_BIG, "message over the limit");
    return HEAD_OK;
}

/* Judges what is there of the head, as early as it can; takes nothing off `in`. */
static enum head_verdict read_head(struct websocket_reader *reader, struct evbuffer *in, struct frame_head *ret_head)
{
    uint8_t bytes[HEAD_BYTES_MAX] = {0};
    ev_ssize_t copied = evbuffer_copyout(in, bytes, sizeof bytes);
    check(copied >= 0);
    size_t have = (size_t)copied;
    if (have < 2)
        return HEAD_SHORT;
    enum head_verdict verdict = judge_start(reader, bytes);
    if (verdict != HEAD_OK)
        return verdict;

    uint64_t length = bytes[1] & LENGTH_BITS;
    size_t length_bytes = length == LENGTH_IN_64_BITS ? 8 : length == LENGTH_IN_16_BITS ? 2 : 0;
    if (have < 2 + length_bytes)
        return HEAD_SHORT;
    if (length_bytes > 0)
        length = 0;
    for (size_t i = 0; i < length_bytes; i++)
        length = length << 8 | bytes[2 + i];
    verdict = judge_length(reader, length, length_bytes, (bytes[0] & CONTROL_BIT) != 0);
    if (verdict != HEAD_OK)
        return verdict;

    struct frame_head head = {
        .is_final = (bytes[0] & FIN_BIT) != 0,
        .opcode = bytes[0] & OPCODE_BITS,
        .length = (size_t)length,
        .is_masked = (bytes[1] & MASK_BIT) != 0,
    };
    head.bytes = 2 + length_bytes + (head.is_masked ? KEY_BYTES : 0);
    if (have < head.bytes)
        return HEAD_SHORT;
    if (head.is_masked)
        memcpy(head.key, bytes + 2 + length_bytes, KEY_BYTES);
    *ret_head = head;
    return HEAD_OK;
}

size_t websocket_missing(struct websocket_reader *reader, struct evbuffer *in)
{
    struct frame_head head;
    if (reader->has_ended || read_head(reader, in, &head) != HEAD_OK)
        return 0;
    size_t whole = head.bytes + head.length, have = evbuffer_get_length(in);
    return whole > have ? whole - have : 0;
}

static void unmask_front(struct evbuffer *in, const struct frame_head *head)
{
    struct buffer_walk walk;
    uint8_t *bytes;
    size_t length, unmasked = 0;
    buffer_walk_begin(&walk, in, head->length);
    while (buffer_walk_next(&walk, &bytes, &length)) {
        websocket_mask(bytes, length, head->key, unmasked);
        unmasked += length;
    }
}

static bool front_is_utf8(struct evbuffer *buffer, size_t text_length)
{
    struct utf8_check check = {0};
    struct buffer_walk walk;
    uint8_t *bytes;
    size_t length;
    buffer_walk_begin(&walk, buffer, text_length);
    while (buffer_walk_next(&walk, &bytes, &length))
        if (!utf8_check_add(&check, span_of(bytes, length)))
            return false;
    return utf8_check_is_complete(&check);
}

static enum websocket_event fail(struct websocket_reader *reader, uint16_t close_code, const char *why)
{
    reader->has_ended = true;
    reader->close_code = close_code;
    reader->why = why;
    return WEBSOCKET_BAD;
}

/* The payload of a close frame is in `control`. */
static enum websocket_event take_close(struct websocket_reader *reader)
{
    reader->has_ended = true;
    reader->close_code = WEBSOCKET_CLOSE_NO_CODE;
    if (reader->control_length == 0)
        return WEBSOCKET_CLOSED;
    if (reader->control_length == 1)
        return fail(reader, WEBSOCKET_CLOSE_PROTOCOL_ERROR, "close frame with half a code");

    uint16_t code = (uint16_t)(reader->control[0] << 8 | reader->control[1]);
    if (!websocket_close_code_is_valid(code))
        return fail(reader, WEBSOCKET_CLOSE_PROTOCOL_ERROR, "close frame with an invalid code");
    if (!utf8_is_valid(span_of(reader->control + 2, reader->control_length - 2)))
        return fail(reader, WEBSOCKET_CLOSE_INVALID_DATA, "close reason is not UTF-8");
    reader->close_code = code;
    reader->control_length -= 2;
    memmove(reader->control, reader->control + 2, reader->control_length);
    return WEBSOCKET_CLOSED;
}

static enum websocket_event take_control(struct websocket_reader *reader, const struct frame_head *head,
                                         struct evbuffer *in)
{
    check(evbuffer_remove(in, reader->control, head->length) == (int)head->length);
    reader->control_length = head->length;
    if (head->is_masked)
        websocket_mask(reader->control, head->length, head->key, 0);
    if (head->opcode == WEBSOCKET_CLOSE)
        return take_close(reader);
    return head->opcode == WEBSOCKET_PING ? WEBSOCKET_PINGED : WEBSOCKET_PONGED;
}

/* A frame of a message. WEBSOCKET_MORE: a fragment, and not the last. */
static enum websocket_event take_data(struct websocket_reader *reader, const struct frame_head *head,
                                      struct evbuffer *in, struct evbuffer *message)
{
    if (head->opcode != WEBSOCKET_CONTINUATION)
        reader->message_is_text = head->opcode == WEBSOCKET_TEXT;
    if (head->is_masked)
        unmask_front(in, head);

    bool is_whole = head->is_final && !reader->in_message;
    struct evbuffer *collected = in;
    size_t collected_length = head->length;
    if (!is_whole) {
        buffer_move(in, reader->fragments, head->length);
        collected = reader->fragments;
        collected_length = evbuffer_get_length(collected);
    }
    reader->in_message = !head->is_final;
    if (!head->is_final)
        return WEBSOCKET_MORE;

    if (reader->message_is_text && !front_is_utf8(collected, collected_length))
        return fail(reader, WEBSOCKET_CLOSE_INVALID_DATA, "text message is not UTF-8");
    buffer_move(collected, message, collected_length);
    return reader->message_is_text ? WEBSOCKET_TEXT_MESSAGE : WEBSOCKET_MESSAGE;
}

enum websocket_event websocket_read(struct websocket_reader *reader, struct evbuffer *in, struct evbuffer *message)
{
    if (reader->has_ended) {
        check(evbuffer_drain(in, evbuffer_get_length(in)) == 0);
        return WEBSOCKET_MORE;
    }
    enum websocket_event event = WEBSOCKET_MORE;
    while (event == WEBSOCKET_MORE) {
        struct frame_head head;
        switch (read_head(reader, in, &head)) {
        case HEAD_SHORT:
            return WEBSOCKET_MORE;
        case HEAD_BAD:
            reader->has_ended = true;
            return WEBSOCKET_BAD;
        case HEAD_TEXT:
            reader->has_ended = true;
            return WEBSOCKET_TEXT_BEGUN;
        case HEAD_OK:
            break;
        }
        if (evbuffer_get_length(in) - head.bytes < head.length)
            return WEBSOCKET_MORE;
        check(evbuffer_drain(in, head.bytes) == 0);
        bool is_control = (head.opcode & CONTROL_BIT) != 0;
        event = is_control ? take_control(reader, &head, in) : take_data(reader, &head, in, message);
    }
    return event;
}
