/* websocket_read, both roles: however the bytes are cut, the events are the same, and no message breaks the limit. The
 * first byte says role, text or not, and the limit; the rest is what the peer sent. */
#include "fuzz_input.h"

#include "check.h"
#include "utf8.h"
#include "websocket.h"

#include <event2/buffer.h>

enum { CLIENT_BIT = 1, TEXT_BIT = 2, LIMIT_SHIFT = 2 };

static const size_t limits[] = {0, 1, 125, 126, 1000, 65535, 65536, 262144};

struct setting {
    enum websocket_role role;
    bool accept_text;
    size_t message_max;
};

struct reading {
    struct websocket_reader reader;
    struct setting setting;
    struct evbuffer *in;
    struct evbuffer *message;
    struct evbuffer *log;
};

static void log_bytes(struct reading *reading, const char *name, struct span bytes)
{
    evbuffer_add_printf(reading->log, "%s %zu:", name, bytes.length);
    evbuffer_add(reading->log, bytes.data, bytes.length);
    evbuffer_add_printf(reading->log, "\n");
}

static void log_message(struct reading *reading, const char *name)
{
    const struct span message = fuzz_span(reading->message);
    check(message.length <= reading->setting.message_max);
    log_bytes(reading, name, message);
    evbuffer_drain(reading->message, message.length);
}

static struct span control_of(const struct reading *reading)
{
    check(reading->reader.control_length <= WEBSOCKET_CONTROL_MAX);
    return span_of(reading->reader.control, reading->reader.control_length);
}

static void log_event(struct reading *reading, enum websocket_event event)
{
    const struct websocket_reader *reader = &reading->reader;
    check(event == WEBSOCKET_MESSAGE || event == WEBSOCKET_TEXT_MESSAGE || evbuffer_get_length(reading->message) == 0);
    switch (event) {
    case WEBSOCKET_MORE:
        break;
    case WEBSOCKET_MESSAGE:
        log_message(reading, "message");
        break;
    case WEBSOCKET_TEXT_BEGUN:
        check(!reading->setting.accept_text);
        log_bytes(reading, "text begun", (struct span){0});
        break;
    case WEBSOCKET_TEXT_MESSAGE:
        check(reading->setting.accept_text && utf8_is_valid(fuzz_span(reading->message)));
        log_message(reading, "text");
        break;
    case WEBSOCKET_PINGED:
        log_bytes(reading, "ping", control_of(reading));
        break;
    case WEBSOCKET_PONGED:
        log_bytes(reading, "pong", control_of(reading));
        break;
    case WEBSOCKET_CLOSED:
        check(reader->close_code == WEBSOCKET_CLOSE_NO_CODE || websocket_close_code_is_valid(reader->close_code));
        check(utf8_is_valid(control_of(reading)));
        evbuffer_add_printf(reading->log, "%d ", reader->close_code);
        log_bytes(reading, "closed", control_of(reading));
        break;
    case WEBSOCKET_BAD:
        check(websocket_close_code_is_valid(reader->close_code) && strlen(reader->why) > 0);
        evbuffer_add_printf(reading->log, "bad %d %s\n", reader->close_code, reader->why);
        break;
    }
}

static void read_all(struct reading *reading)
{
    enum websocket_event event = WEBSOCKET_MORE;
    do {
        event = websocket_read(&reading->reader, reading->in, reading->message);
        log_event(reading, event);
    } while (event != WEBSOCKET_MORE);
    check(!reading->reader.has_ended || evbuffer_get_length(reading->in) == 0);
}

/* The log of events, for evbuffer_free. */
static struct evbuffer *play(struct setting setting, struct span bytes, enum fuzz_cut cut)
{
    struct reading reading = {
        .setting = setting, .in = evbuffer_new(), .message = evbuffer_new(), .log = evbuffer_new()};
    struct fuzz_feed feed;

    check(websocket_reader_init(&reading.reader, setting.role, setting.message_max));
    reading.reader.accept_text = setting.accept_text;
    fuzz_feed_begin(&feed, cut, bytes);
    while (fuzz_feed_next(&feed, reading.in))
        read_all(&reading);
    evbuffer_add_printf(reading.log, "left %zu\n", evbuffer_get_length(reading.in));

    websocket_reader_done(&reading.reader);
    evbuffer_free(reading.in);
    evbuffer_free(reading.message);
    return reading.log;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    const uint8_t flags = fuzz_take_u8(&input);
    const struct setting setting = {
        .role = (flags & CLIENT_BIT) != 0 ? WEBSOCKET_CLIENT : WEBSOCKET_SERVER,
        .accept_text = (flags & TEXT_BIT) != 0,
        .message_max = limits[(flags >> LIMIT_SHIFT) % (sizeof limits / sizeof limits[0])],
    };
    struct evbuffer *whole = play(setting, input, FUZZ_WHOLE);
    for (int cut = FUZZ_WHOLE + 1; cut < FUZZ_CUT_COUNT; cut++) {
        struct evbuffer *pieces = play(setting, input, (enum fuzz_cut)cut);
        fuzz_check_same(pieces, whole, "the events depend on how the bytes are cut");
        evbuffer_free(pieces);
    }
    evbuffer_free(whole);
    return 0;
}
