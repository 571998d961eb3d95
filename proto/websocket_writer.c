#include "websocket.h"

#include "buffer_walk.h"
#include "check.h"
#include "hoody_tunnel/utf8.h"

#include <openssl/rand.h>

enum {
    FIN_BIT = 0x80,
    MASK_BIT = 0x80,
    LENGTH_IN_16_BITS = 126,
    LENGTH_IN_64_BITS = 127,
    HEAD_BYTES_MAX = 10, /* without the key */
    KEY_BYTES = 4,
};

static size_t encode_head(enum websocket_role role, enum websocket_opcode opcode, uint64_t length,
                          uint8_t ret_head[HEAD_BYTES_MAX])
{
    uint8_t mask_bit = role == WEBSOCKET_CLIENT ? MASK_BIT : 0;
    ret_head[0] = (uint8_t)(FIN_BIT | opcode);
    size_t length_bytes = length < LENGTH_IN_16_BITS ? 0 : length <= UINT16_MAX ? 2 : 8;
    if (length_bytes == 0)
        ret_head[1] = (uint8_t)(mask_bit | length);
    else
        ret_head[1] = mask_bit | (length_bytes == 2 ? LENGTH_IN_16_BITS : LENGTH_IN_64_BITS);
    for (size_t i = 0; i < length_bytes; i++)
        ret_head[2 + i] = (uint8_t)(length >> 8 * (length_bytes - 1 - i));
    return 2 + length_bytes;
}

/* A mask that can be guessed lets others write the bytes on the wire. */
static void take_fresh_key(uint8_t ret_key[KEY_BYTES])
{
    check(RAND_bytes(ret_key, KEY_BYTES) == 1);
}

static void take_next_key(struct websocket_keys *keys, uint8_t ret_key[KEY_BYTES])
{
    if (keys->left < KEY_BYTES) {
        check(RAND_bytes(keys->bytes, sizeof keys->bytes) == 1);
        keys->left = sizeof keys->bytes;
    }
    memcpy(ret_key, keys->bytes + sizeof keys->bytes - keys->left, KEY_BYTES);
    keys->left -= KEY_BYTES;
}

/* The head, the key and the masked payload in one extent, so that TLS and the socket get them in one piece. */
static void write_masked(const uint8_t *head, size_t head_length, const uint8_t key[KEY_BYTES],
                         struct evbuffer *payload, struct evbuffer *out)
{
    size_t payload_length = evbuffer_get_length(payload);
    size_t frame_length = head_length + KEY_BYTES + payload_length;
    struct evbuffer_iovec frame;
    check(evbuffer_reserve_space(out, (ev_ssize_t)frame_length, &frame, 1) == 1);
    uint8_t *end = frame.iov_base;
    memcpy(end, head, head_length);
    end += head_length;
    memcpy(end, key, KEY_BYTES);
    end += KEY_BYTES;

    struct buffer_walk walk;
    uint8_t *bytes;
    size_t length, masked = 0;
    buffer_walk_begin(&walk, payload, payload_length);
    while (buffer_walk_next(&walk, &bytes, &length)) {
        websocket_mask_copy(end + masked, bytes, length, key, masked);
        masked += length;
    }
    frame.iov_len = frame_length;
    check(evbuffer_commit_space(out, &frame, 1) == 0);
    check(evbuffer_drain(payload, payload_length) == 0);
}

void websocket_write(enum websocket_role role, enum websocket_opcode opcode, struct evbuffer *payload,
                     struct evbuffer *out)
{
    uint8_t head[HEAD_BYTES_MAX], key[KEY_BYTES];
    size_t head_length = encode_head(role, opcode, evbuffer_get_length(payload), head);
    switch (role) {
    case WEBSOCKET_CLIENT:
        take_fresh_key(key);
        write_masked(head, head_length, key, payload, out);
        break;
    case WEBSOCKET_SERVER:
        check(evbuffer_add(out, head, head_length) == 0);
        check(evbuffer_add_buffer(out, payload) == 0);
        break;
    }
}

void websocket_write_keyed(struct websocket_keys *keys, enum websocket_opcode opcode, struct evbuffer *payload,
                           struct evbuffer *out)
{
    uint8_t head[HEAD_BYTES_MAX], key[KEY_BYTES];
    size_t head_length = encode_head(WEBSOCKET_CLIENT, opcode, evbuffer_get_length(payload), head);
    take_next_key(keys, key);
    write_masked(head, head_length, key, payload, out);
}

void websocket_write_control(enum websocket_role role, enum websocket_opcode opcode, struct span bytes,
                             struct evbuffer *out)
{
    check(opcode == WEBSOCKET_CLOSE || opcode == WEBSOCKET_PING || opcode == WEBSOCKET_PONG);
    check(bytes.length <= WEBSOCKET_CONTROL_MAX);

    uint8_t frame[HEAD_BYTES_MAX + KEY_BYTES + WEBSOCKET_CONTROL_MAX];
    size_t length = encode_head(role, opcode, bytes.length, frame);
    if (role == WEBSOCKET_CLIENT) {
        uint8_t *key = frame + length;
        take_fresh_key(key);
        length += KEY_BYTES;
        websocket_mask_copy(frame + length, bytes.data, bytes.length, key, 0);
    } else if (bytes.length > 0) {
        memcpy(frame + length, bytes.data, bytes.length);
    }
    check(evbuffer_add(out, frame, length + bytes.length) == 0);
}

bool websocket_close_code_is_valid(uint16_t code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

void websocket_write_close(enum websocket_role role, uint16_t code, const char *reason, struct evbuffer *out)
{
    if (code == 0 || code == WEBSOCKET_CLOSE_NO_CODE) {
        websocket_write_control(role, WEBSOCKET_CLOSE, span_of(NULL, 0), out);
        return;
    }
    check(websocket_close_code_is_valid(code));
    struct span text = span_of_string(reason);
    text.length = utf8_cut(text, WEBSOCKET_CLOSE_REASON_MAX);

    uint8_t payload[WEBSOCKET_CONTROL_MAX] = {(uint8_t)(code >> 8), (uint8_t)code};
    memcpy(payload + 2, text.data, text.length);
    websocket_write_control(role, WEBSOCKET_CLOSE, span_of(payload, 2 + text.length), out);
}
