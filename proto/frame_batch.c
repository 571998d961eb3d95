#include "frame_batch.h"

#include "buffer_move.h"
#include "check.h"

#include <event2/buffer.h>

bool frame_batch_init(struct frame_batch *batch, enum websocket_role role, struct evbuffer *out)
{
    *batch = (struct frame_batch){.role = role, .out = out, .message = evbuffer_new()};
    return batch->message != NULL;
}

void frame_batch_done(struct frame_batch *batch)
{
    if (batch->message != NULL)
        evbuffer_free(batch->message);
    batch->message = NULL;
}

void frame_batch_reserve(struct frame_batch *batch, unsigned frames, size_t bytes)
{
    check(frames <= FRAMES_PER_MESSAGE_MAX && bytes <= TUNNEL_MESSAGE_MAX);
    if (batch->frames > FRAMES_PER_MESSAGE_MAX - frames ||
        evbuffer_get_length(batch->message) > TUNNEL_MESSAGE_MAX - bytes)
        frame_batch_seal(batch);
}

size_t frame_batch_room(const struct frame_batch *batch)
{
    size_t left = TUNNEL_MESSAGE_MAX - evbuffer_get_length(batch->message);
    if (batch->frames == FRAMES_PER_MESSAGE_MAX || left < FRAME_HEADER_BYTES)
        return 0;
    return left - FRAME_HEADER_BYTES < FRAME_PAYLOAD_MAX ? left - FRAME_HEADER_BYTES : FRAME_PAYLOAD_MAX;
}

static void add_header(struct frame_batch *batch, enum frame_type type, uint32_t stream, size_t length)
{
    check(length <= FRAME_PAYLOAD_MAX);
    frame_batch_reserve(batch, 1, FRAME_HEADER_BYTES + length);
    uint8_t bytes[FRAME_HEADER_BYTES];
    frame_header_encode((struct frame_header){.type = (uint8_t)type, .stream = stream, .length = (uint32_t)length},
                        bytes);
    check(evbuffer_add(batch->message, bytes, sizeof bytes) == 0);
    batch->frames++;
    if (type == FRAME_DATA)
        batch->data_bytes += length;
}

void frame_batch_add(struct frame_batch *batch, enum frame_type type, uint32_t stream, struct span payload)
{
    add_header(batch, type, stream, payload.length);
    if (payload.length > 0)
        check(evbuffer_add(batch->message, payload.data, payload.length) == 0);
}

void frame_batch_add_data(struct frame_batch *batch, uint32_t stream, struct evbuffer *source, size_t length)
{
    check(length > 0 && length <= evbuffer_get_length(source));
    add_header(batch, FRAME_DATA, stream, length);
    buffer_move(source, batch->message, length);
}

void frame_batch_add_window(struct frame_batch *batch, uint32_t stream, uint32_t increment)
{
    uint8_t payload[4];
    frame_window_encode(increment, payload);
    frame_batch_add(batch, FRAME_WINDOW, stream, span_of(payload, sizeof payload));
}

void frame_batch_add_reset(struct frame_batch *batch, uint32_t stream, enum error_code code, const char *reason)
{
    uint8_t payload[2 + FRAME_RESET_REASON_MAX];
    size_t length = frame_reset_encode(code, reason, payload);
    frame_batch_add(batch, FRAME_RESET, stream, span_of(payload, length));
}

void frame_batch_seal(struct frame_batch *batch)
{
    if (batch->frames == 0)
        return;
    if (batch->role == WEBSOCKET_CLIENT)
        websocket_write_keyed(&batch->keys, WEBSOCKET_BINARY, batch->message, batch->out);
    else
        websocket_write(batch->role, WEBSOCKET_BINARY, batch->message, batch->out);
    batch->frames = 0;
}
