/* The frame codec of the tunnel protocol (section 2): header `type u8 | stream u32 | length u32`, big-endian, then
 * a payload. One WebSocket message carries 1..64 frames back to back. Pure: bytes in, verdict out. */
#ifndef HOODY_TUNNEL_TUNNEL_FRAME_H
#define HOODY_TUNNEL_TUNNEL_FRAME_H

#include "span.h"

struct evbuffer;

enum {
    FRAME_HEADER_BYTES = 9,
    FRAME_PAYLOAD_MAX = 65536,
    FRAMES_PER_MESSAGE_MAX = 64,
    TUNNEL_MESSAGE_MAX = 262144, /* bytes of one WebSocket message */
};

enum frame_type {
#define FRAME(id, name, from, scope, payload) FRAME_##name = (id),
#include "frame_types.def" /* proto/frame_types.def */
#undef FRAME
};

enum error_code {
#define ERROR_CODE(number, name, text) CODE_##name = (number),
#include "error_codes.def" /* proto/error_codes.def */
#undef ERROR_CODE
};

enum tunnel_side { SIDE_DRIVER, SIDE_KIT };

struct frame_header {
    uint8_t type;    /* an enum frame_type, or an unknown number */
    uint32_t stream; /* 0: the session */
    uint32_t length; /* payload bytes */
};

/* "HELLO", "DATA"...; "unknown" for other numbers. Static. */
const char *frame_type_name(uint8_t type);
/* "protocol error"...; "unknown code" for other numbers. Static. */
const char *error_code_text(uint32_t code);

void frame_header_encode(struct frame_header header, uint8_t ret_bytes[FRAME_HEADER_BYTES]);
struct frame_header frame_header_decode(const uint8_t bytes[FRAME_HEADER_BYTES]);

enum frame_verdict {
    FRAME_OK,      /* a frame: *ret_header is set, its payload may be taken from the message */
    FRAME_IGNORED, /* an unknown type 40..7F: drain header.length bytes and go on */
    FRAME_END,     /* the message is used up, cleanly */
    FRAME_BAD,     /* the sender broke the protocol: *ret_error is set */
};

struct frame_error {
    enum error_code code; /* CODE_PROTOCOL_ERROR or CODE_FRAME_SIZE */
    const char *why;      /* static, says what was wrong, fit for a GOAWAY message */
};

/* Walks one message. Start each message with frame_walk_begin. */
struct frame_walk {
    enum tunnel_side from; /* whose frames these are */
    unsigned frames;       /* seen in this message */
};

void frame_walk_begin(struct frame_walk *walk, enum tunnel_side from);

/* Takes the next frame's header off `message` (an unmasked WebSocket message, whole) and checks everything that
 * section 2 says about it: number of frames, type, sender, scope, payload size, truncation, an empty message.
 * After FRAME_OK and FRAME_IGNORED the caller removes exactly ret_header->length bytes before the next call. */
enum frame_verdict frame_walk_next(struct frame_walk *walk, struct evbuffer *message, struct frame_header *ret_header,
                                   struct frame_error *ret_error);

/* Payloads of fixed shape. Decoders expect a length that frame_walk_next has checked. */
uint32_t frame_window_decode(const uint8_t payload[4]);
void frame_window_encode(uint32_t increment, uint8_t ret_payload[4]);

struct reset {
    uint16_t code;
    struct span reason; /* borrowed from the payload; UTF-8 is not checked */
};
struct reset frame_reset_decode(struct span payload);
/* Returns the payload's length; a reason over FRAME_RESET_REASON_MAX bytes is cut at a character. */
enum { FRAME_RESET_REASON_MAX = 256 };
size_t frame_reset_encode(enum error_code code, const char *reason, uint8_t ret_payload[2 + FRAME_RESET_REASON_MAX]);

#endif
