#include "websocket.h"

#include "check.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#define ACCEPT_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

enum { NONCE_BYTES = 16, SHA1_BYTES = 20, KEY_PADDING = 2 };

static bool is_base64(uint8_t byte)
{
    return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') ||
           byte == '+' || byte == '/';
}

bool websocket_key_is_valid(struct span key)
{
    if (key.length != WEBSOCKET_KEY_LENGTH)
        return false;
    size_t i = 0;
    for (; i < WEBSOCKET_KEY_LENGTH - KEY_PADDING; i++)
        if (!is_base64(key.data[i]))
            return false;
    for (; i < WEBSOCKET_KEY_LENGTH; i++)
        if (key.data[i] != '=')
            return false;
    return true;
}

void websocket_accept_key(struct span key, char ret_accept[WEBSOCKET_ACCEPT_LENGTH + 1])
{
    check(websocket_key_is_valid(key));
    uint8_t text[WEBSOCKET_KEY_LENGTH + sizeof ACCEPT_GUID - 1];
    memcpy(text, key.data, WEBSOCKET_KEY_LENGTH);
    memcpy(text + WEBSOCKET_KEY_LENGTH, ACCEPT_GUID, sizeof ACCEPT_GUID - 1);

    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned digest_length = 0;
    check(EVP_Digest(text, sizeof text, digest, &digest_length, EVP_sha1(), NULL) == 1);
    check(digest_length == SHA1_BYTES);
    check(EVP_EncodeBlock((uint8_t *)ret_accept, digest, SHA1_BYTES) == WEBSOCKET_ACCEPT_LENGTH);
}

bool websocket_random_key(char ret_key[WEBSOCKET_KEY_LENGTH + 1])
{
    uint8_t nonce[NONCE_BYTES];
    if (RAND_bytes(nonce, sizeof nonce) != 1)
        return false;
    check(EVP_EncodeBlock((uint8_t *)ret_key, nonce, sizeof nonce) == WEBSOCKET_KEY_LENGTH);
    return true;
}
