#include "websocket_script.h"

#include "check.h"

static const uint8_t script_key[4] = {0x37, 0xFA, 0x21, 0x3D}; /* of RFC 6455 section 5.7 */

void script_start(struct evbuffer *out, enum websocket_role reader_role, uint8_t first, uint8_t length)
{
    uint8_t start[] = {first, (uint8_t)((reader_role == WEBSOCKET_SERVER ? 0x80 : 0) | length)};
    check(evbuffer_add(out, start, sizeof start) == 0);
}

void script_frame(struct evbuffer *out, enum websocket_role reader_role, uint8_t first, const void *payload,
                  size_t length)
{
    const uint8_t *bytes = payload;
    if (length <= 125) {
        script_start(out, reader_role, first, (uint8_t)length);
    } else if (length <= 65535) {
        uint8_t extended[] = {(uint8_t)(length >> 8), (uint8_t)length};
        script_start(out, reader_role, first, 126);
        check(evbuffer_add(out, extended, sizeof extended) == 0);
    } else {
        uint8_t extended[8] = {
            0, 0, 0, 0, (uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length};
        script_start(out, reader_role, first, 127);
        check(evbuffer_add(out, extended, sizeof extended) == 0);
    }
    bool is_masked = reader_role == WEBSOCKET_SERVER;
    if (is_masked)
        check(evbuffer_add(out, script_key, sizeof script_key) == 0);
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = is_masked ? bytes[i] ^ script_key[i % 4] : bytes[i];
        check(evbuffer_add(out, &byte, 1) == 0);
    }
}

uint8_t *script_noise(size_t length)
{
    uint8_t *noise = malloc(length + 1);
    check(noise != NULL);
    uint32_t random = 12345;
    for (size_t i = 0; i < length; i++) {
        random = random * 1664525 + 1013904223;
        noise[i] = (uint8_t)(random >> 24);
    }
    return noise;
}

static void print_payload(FILE *log, const uint8_t *bytes, size_t length)
{
    uint32_t hash = 2166136261;
    fputc('(', log);
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ bytes[i]) * 16777619;
        if (length > WEBSOCKET_CONTROL_MAX)
            continue;
        bool is_printable = bytes[i] >= ' ' && bytes[i] <= '~';
        fprintf(log, is_printable ? "%c" : "\\x%02X", bytes[i]);
    }
    if (length > WEBSOCKET_CONTROL_MAX)
        fprintf(log, "%zu:%08x", length, hash);
    fputs(") ", log);
}

char *script_word(const char *name, const void *payload, size_t length)
{
    char *text = NULL;
    size_t text_length;
    FILE *stream = open_memstream(&text, &text_length);
    check(stream != NULL);
    fputs(name, stream);
    print_payload(stream, payload, length);
    fclose(stream);
    return text;
}

static void print_message(FILE *log, const char *name, struct evbuffer *message)
{
    size_t length = evbuffer_get_length(message);
    fputs(name, log);
    print_payload(log, evbuffer_pullup(message, -1), length);
    check(evbuffer_drain(message, length) == 0);
}

/* false: it was the last event, or none. */
static bool print_event(FILE *log, enum websocket_event event, struct websocket_reader *reader,
                        struct evbuffer *message)
{
    switch (event) {
    case WEBSOCKET_MORE:
        return false;
    case WEBSOCKET_MESSAGE:
        print_message(log, "message", message);
        return true;
    case WEBSOCKET_TEXT_MESSAGE:
        print_message(log, "text", message);
        return true;
    case WEBSOCKET_TEXT_BEGUN:
        fputs("text-begun ", log);
        return false;
    case WEBSOCKET_PINGED:
    case WEBSOCKET_PONGED:
        fputs(event == WEBSOCKET_PINGED ? "ping" : "pong", log);
        print_payload(log, reader->control, reader->control_length);
        return true;
    case WEBSOCKET_CLOSED:
        fprintf(log, "closed-%u", reader->close_code);
        print_payload(log, reader->control, reader->control_length);
        return false;
    case WEBSOCKET_BAD:
        check(reader->why != NULL && reader->why[0] != '\0');
        fprintf(log, "bad-%u ", reader->close_code);
        return false;
    }
    return false;
}

char *script_read(struct websocket_reader *reader, struct evbuffer *in, char *log)
{
    char *text = NULL;
    size_t length;
    FILE *stream = open_memstream(&text, &length);
    struct evbuffer *message = evbuffer_new();
    check(stream != NULL && message != NULL);
    fputs(log != NULL ? log : "", stream);
    while (print_event(stream, websocket_read(reader, in, message), reader, message))
        check(evbuffer_get_length(message) == 0);
    check(evbuffer_get_length(message) == 0);
    evbuffer_free(message);
    fclose(stream);
    free(log);
    return text;
}

char *script_read_all(enum websocket_role role, struct evbuffer *in)
{
    struct websocket_reader reader;
    check(websocket_reader_init(&reader, role, SCRIPT_MESSAGE_MAX));
    reader.accept_text = true;
    char *log = script_read(&reader, in, NULL);
    websocket_reader_done(&reader);
    evbuffer_free(in);
    return log;
}

uint8_t *script_bytes(struct evbuffer *buffer, size_t *ret_length)
{
    size_t length = evbuffer_get_length(buffer);
    uint8_t *bytes = malloc(length + 1);
    check(bytes != NULL);
    check(evbuffer_remove(buffer, bytes, length) == (int)length);
    evbuffer_free(buffer);
    *ret_length = length;
    return bytes;
}
