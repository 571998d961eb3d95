/* frame_walk over a WebSocket message in any chains: the verdicts are the same, the frames are exactly the message's
 * bytes, and every limit of protocol section 2 holds. The first byte says whose message it is. */
#include "fuzz_input.h"

#include "check.h"
#include "tunnel_frame.h"
#include "utf8.h"

#include <event2/buffer.h>

static void check_window(const uint8_t payload[4])
{
    uint8_t encoded[4];
    frame_window_encode(frame_window_decode(payload), encoded);
    check(memcmp(encoded, payload, sizeof encoded) == 0);
}

static void check_reset(struct span payload)
{
    const struct reset reset = frame_reset_decode(payload);
    check(reset.reason.length == payload.length - 2);
    check(strlen(error_code_text(reset.code)) > 0);

    char *reason = fuzz_text_utf8(reset.reason);
    uint8_t encoded[2 + FRAME_RESET_REASON_MAX];
    const size_t length = frame_reset_encode((enum error_code)reset.code, reason, encoded);
    const struct reset again = frame_reset_decode(span_of(encoded, length));
    check(again.code == reset.code && utf8_is_valid(again.reason));
    check(again.reason.length <= strlen(reason) && memcmp(again.reason.data, reason, again.reason.length) == 0);
    free(reason);
}

/* The payload is taken off the message. */
static void take_payload(struct evbuffer *message, const struct frame_header *header, struct evbuffer *log)
{
    check(header->length <= FRAME_PAYLOAD_MAX && header->length <= evbuffer_get_length(message));
    struct evbuffer *payload = evbuffer_new();
    check(evbuffer_remove_buffer(message, payload, header->length) == (int)header->length);
    const struct span bytes = fuzz_span(payload);
    switch (header->type) {
    case FRAME_WINDOW:
        check(bytes.length == 4);
        check_window(bytes.data);
        break;
    case FRAME_RESET:
        check_reset(bytes);
        break;
    case FRAME_EOF:
        check(bytes.length == 0);
        break;
    default: /* of a number off the wire */
        break;
    }
    evbuffer_add_buffer(log, payload);
    evbuffer_free(payload);
}

static enum frame_verdict walk_frame(struct frame_walk *walk, struct evbuffer *message, struct evbuffer *log)
{
    struct frame_header header = {0};
    struct frame_error error = {0};
    uint8_t encoded[FRAME_HEADER_BYTES];
    const enum frame_verdict verdict = frame_walk_next(walk, message, &header, &error);
    switch (verdict) {
    case FRAME_OK:
    case FRAME_IGNORED:
        check((verdict == FRAME_IGNORED) == (strcmp(frame_type_name(header.type), "unknown") == 0));
        frame_header_encode(header, encoded);
        evbuffer_add(log, encoded, sizeof encoded);
        take_payload(message, &header, log);
        break;
    case FRAME_END:
        check(evbuffer_get_length(message) == 0);
        break;
    case FRAME_BAD:
        check(error.code == CODE_PROTOCOL_ERROR || error.code == CODE_FRAME_SIZE);
        check(strlen(error.why) > 0);
        evbuffer_add_printf(log, "bad %d %s", (int)error.code, error.why);
        break;
    }
    return verdict;
}

/* The frames as they were and, when the message is bad, why. For evbuffer_free. */
static struct evbuffer *play(enum tunnel_side from, struct span bytes, enum fuzz_cut cut, enum frame_verdict *ret_last)
{
    struct evbuffer *message = evbuffer_new(), *log = evbuffer_new();
    struct fuzz_feed feed;
    struct frame_walk walk;
    enum frame_verdict verdict = FRAME_OK;

    fuzz_feed_begin(&feed, cut, bytes);
    while (fuzz_feed_next(&feed, message))
        continue;
    frame_walk_begin(&walk, from);
    while (verdict == FRAME_OK || verdict == FRAME_IGNORED)
        verdict = walk_frame(&walk, message, log);
    check(walk.frames <= FRAMES_PER_MESSAGE_MAX);
    check(verdict != FRAME_END || walk.frames > 0);
    evbuffer_free(message);
    *ret_last = verdict;
    return log;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    const enum tunnel_side from = (fuzz_take_u8(&input) & 1) != 0 ? SIDE_KIT : SIDE_DRIVER;
    enum frame_verdict last, last_of_pieces;
    struct evbuffer *whole = play(from, input, FUZZ_WHOLE, &last);
    check(last != FRAME_END || fuzz_span_is(fuzz_span(whole), input));
    for (int cut = FUZZ_WHOLE + 1; cut < FUZZ_CUT_COUNT; cut++) {
        struct evbuffer *pieces = play(from, input, (enum fuzz_cut)cut, &last_of_pieces);
        check(last_of_pieces == last);
        fuzz_check_same(pieces, whole, "the frames depend on the message's chains");
        evbuffer_free(pieces);
    }
    evbuffer_free(whole);
    return 0;
}
