/* Packs frames into WebSocket messages (protocol section 2): frames that are ready in the same turn share one message,
 * and no message ever exceeds 64 frames or 262,144 bytes. Used by both sides; the driver's messages are masked. */
#ifndef HOODY_TUNNEL_FRAME_BATCH_H
#define HOODY_TUNNEL_FRAME_BATCH_H

#include "tunnel_frame.h"
#include "websocket.h"

struct evbuffer;

struct frame_batch {
    enum websocket_role role;
    struct evbuffer *out;     /* sealed messages go here; borrowed */
    struct evbuffer *message; /* the open message's frames; owned */
    unsigned frames;          /* in the open message */
    uint64_t data_bytes;      /* of DATA payload, ever added */
    struct websocket_keys keys;
};

/* `out` must outlive the batch. false: out of memory. */
bool frame_batch_init(struct frame_batch *batch, enum websocket_role role, struct evbuffer *out);
void frame_batch_done(struct frame_batch *batch);

/* Makes sure that `frames` more frames of `bytes` bytes altogether (headers included) share one message: seals the open
 * one when they would not fit. frames <= 64, bytes <= 262,144. */
void frame_batch_reserve(struct frame_batch *batch, unsigned frames, size_t bytes);
/* Room in the open message for one more frame's payload: 0..65,536; 0 also when it holds 64 frames. */
size_t frame_batch_room(const struct frame_batch *batch);

/* Adds a frame, sealing first when it does not fit. payload.length <= 65,536. */
void frame_batch_add(struct frame_batch *batch, enum frame_type type, uint32_t stream, struct span payload);
/* Adds a DATA frame of the first `length` bytes of `source` (1..65,536), which are moved, not copied where possible. */
void frame_batch_add_data(struct frame_batch *batch, uint32_t stream, struct evbuffer *source, size_t length);
void frame_batch_add_window(struct frame_batch *batch, uint32_t stream, uint32_t increment);
void frame_batch_add_reset(struct frame_batch *batch, uint32_t stream, enum error_code code, const char *reason);

/* Ends the open message, if it holds frames: WebSocket header, mask when the role is client, and into `out`. */
void frame_batch_seal(struct frame_batch *batch);

#endif
