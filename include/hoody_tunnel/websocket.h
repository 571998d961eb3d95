/* RFC 6455, both roles: framing on evbuffers and the opening handshake's arithmetic. Pure: never touches a socket.
 * Extensions are not negotiated. */
#ifndef HOODY_TUNNEL_WEBSOCKET_H
#define HOODY_TUNNEL_WEBSOCKET_H

#include "span.h"

struct evbuffer;

enum websocket_role {
    WEBSOCKET_SERVER, /* reads masked frames, writes unmasked ones */
    WEBSOCKET_CLIENT, /* the other way round */
};

enum websocket_opcode {
    WEBSOCKET_CONTINUATION = 0x0,
    WEBSOCKET_TEXT = 0x1,
    WEBSOCKET_BINARY = 0x2,
    WEBSOCKET_CLOSE = 0x8,
    WEBSOCKET_PING = 0x9,
    WEBSOCKET_PONG = 0xA,
};

enum { WEBSOCKET_CONTROL_MAX = 125, WEBSOCKET_CLOSE_REASON_MAX = 123 };

/* Close codes we send or look at (RFC 6455 section 7.4.1, protocol sections 3 and 7). */
enum {
    WEBSOCKET_CLOSE_NORMAL = 1000,
    WEBSOCKET_CLOSE_GOING_AWAY = 1001,
    WEBSOCKET_CLOSE_PROTOCOL_ERROR = 1002,
    WEBSOCKET_CLOSE_NO_CODE = 1005,  /* never on the wire: a close frame without code */
    WEBSOCKET_CLOSE_ABNORMAL = 1006, /* never on the wire: no close frame at all */
    WEBSOCKET_CLOSE_INVALID_DATA = 1007,
    WEBSOCKET_CLOSE_POLICY = 1008,
    WEBSOCKET_CLOSE_TOO_BIG = 1009,
    WEBSOCKET_CLOSE_TRY_LATER = 1013,
    WEBSOCKET_CLOSE_AUTH = 3000,
};

enum websocket_event {
    WEBSOCKET_MORE,         /* nothing whole yet */
    WEBSOCKET_MESSAGE,      /* a whole binary message was appended to `message`, unmasked; it may be empty */
    WEBSOCKET_TEXT_BEGUN,   /* accept_text is false, and a text message has begun. The last */
    WEBSOCKET_TEXT_MESSAGE, /* accept_text: a whole text message, valid UTF-8, was appended to `message` */
    WEBSOCKET_PINGED,       /* answer with a pong of the reader's `control` bytes */
    WEBSOCKET_PONGED,       /* `control` bytes as well */
    WEBSOCKET_CLOSED, /* close frame: close_code (1005 when it had none); control holds the reason's bytes. The last */
    WEBSOCKET_BAD,    /* fail the connection with close_code (1002, 1007, 1009) and `why`. The last */
};

struct websocket_reader {
    enum websocket_role role;
    size_t message_max; /* bytes of one message, all fragments together: beyond is 1009 */
    bool accept_text;   /* false: text is reported as soon as its first header is seen. Set it after _init */
    bool in_message;    /* fragments of a message are being collected */
    bool message_is_text;
    bool has_ended;             /* the last event was given: what comes is thrown away */
    struct evbuffer *fragments; /* owned; unmasked, of a message in several frames */

    /* Set with an event, valid until the next read. */
    uint16_t close_code;
    const char *why; /* static */
    uint8_t control[WEBSOCKET_CONTROL_MAX];
    size_t control_length;
};

/* false: out of memory. */
bool websocket_reader_init(struct websocket_reader *reader, enum websocket_role role, size_t message_max);
void websocket_reader_done(struct websocket_reader *reader);

/* Reads at most one event off `in`; call again until WEBSOCKET_MORE. Bytes of an incomplete frame stay in `in`; a frame
 * over the limit is refused by its header, before its payload is waited for. Unmasks in place and moves chains to
 * `message`, so a server's `in` must own its bytes: read from a socket or copied in, never a reference. After an event
 * that is the last, further reads drain `in` and say WEBSOCKET_MORE (RFC 6455 sections 5.5.1 and 7.1.7). */
enum websocket_event websocket_read(struct websocket_reader *reader, struct evbuffer *in, struct evbuffer *message);

/* How many bytes must still come for the frame at the front of `in` to be whole. 0: it is, or nothing can be said. */
size_t websocket_missing(struct websocket_reader *reader, struct evbuffer *in);

/* Writes one frame (FIN set) whose payload is all of `payload`, which ends up empty. A server's chains are moved. A
 * client's bytes are masked with a fresh random key on their way into `out`: libevent cannot tell whether a chain is a
 * reference to bytes that must not change, so they are never altered where they lie. Ends the process when there is no
 * memory or no randomness: half a frame would spoil the connection for good. */
void websocket_write(enum websocket_role role, enum websocket_opcode opcode, struct evbuffer *payload,
                     struct evbuffer *out);
/* Mask keys to come: asking OpenSSL for each costs more than writing a short frame. Zero-initialised: none yet. Each is
 * used once, and nobody can tell the next one from those before. */
struct websocket_keys {
    uint8_t bytes[256];
    size_t left; /* bytes at the end that were not used yet */
};
/* websocket_write as a client, with the next of these keys. */
void websocket_write_keyed(struct websocket_keys *keys, enum websocket_opcode opcode, struct evbuffer *payload,
                           struct evbuffer *out);
/* Control frames; bytes.length <= 125. */
void websocket_write_control(enum websocket_role role, enum websocket_opcode opcode, struct span bytes,
                             struct evbuffer *out);
/* A close frame; code 0 or 1005: without code and reason, so the close_code of a WEBSOCKET_CLOSED may be echoed as it
 * is. Other codes must be fit for the wire (websocket_close_code_is_valid). A long reason is cut at a character. */
void websocket_write_close(enum websocket_role role, uint16_t code, const char *reason, struct evbuffer *out);

/* true: the code may stand in a close frame: 1000..1003, 1007..1014, 3000..4999 (RFC 6455 section 7.4 and the IANA
 * registry). */
bool websocket_close_code_is_valid(uint16_t code);

/* XORs `length` bytes in place with the 4 byte key, starting at key byte `offset % 4`; word by word. */
void websocket_mask(uint8_t *bytes, size_t length, const uint8_t key[4], size_t offset);
/* The same on the way to `to`, which is `from` or does not overlap it. */
void websocket_mask_copy(uint8_t *to, const uint8_t *from, size_t length, const uint8_t key[4], size_t offset);

/* Opening handshake, RFC 6455 section 4. */
enum { WEBSOCKET_KEY_LENGTH = 24, WEBSOCKET_ACCEPT_LENGTH = 28 };
/* true: 16 bytes in base64. Unused bits of the last character may be set, as servers in the field let them. */
bool websocket_key_is_valid(struct span key);
/* `key` must be valid. NUL-terminated. */
void websocket_accept_key(struct span key, char ret_accept[WEBSOCKET_ACCEPT_LENGTH + 1]);
/* A random key for a client. false: no randomness to be had. */
bool websocket_random_key(char ret_key[WEBSOCKET_KEY_LENGTH + 1]);

#endif
