/* HELLO_OK (protocol section 3): the session a driver got. */
#include "session_payloads.h"

#include "join_tickets_json.h"
#include "json_writer.h"
#include "payload_json.h"

#include <stdlib.h>

void hello_ok_done(struct hello_ok *ok)
{
    free(ok->resumed_binds);
    free(ok->join_tickets);
    *ok = (struct hello_ok){0};
}

static void write_resumed_binds(struct json_writer *writer, const struct hello_ok *ok)
{
    json_key(writer, "resumedBinds");
    json_begin_array(writer);
    for (size_t i = 0; i < ok->resumed_bind_count; i++) {
        const struct resumed_bind *bind = &ok->resumed_binds[i];
        json_begin_object(writer);
        json_number_member(writer, "bindId", bind->bind);
        json_text_member(writer, "kind", bind_kind_name(bind->is_pull ? BIND_KIND_TCP : BIND_KIND_HTTP));
        json_text_member(writer, "mode", bind_mode_name(bind->is_pull ? BIND_MODE_PULL : BIND_MODE_EXPOSE));
        json_number_member(writer, "containerPort", bind->container_port);
        json_end_object(writer);
    }
    json_end_array(writer);
}

static void write_hello_ok(struct json_writer *writer, const void *payload)
{
    const struct hello_ok *ok = payload;
    json_begin_object(writer);
    json_text_member(writer, "sessionId", ok->session.text);
    json_flag_member(writer, "resumed", ok->resumed);
    write_resumed_binds(writer, ok);
    json_number_member(writer, "streamWindow", ok->stream_window);
    json_number_member(writer, "sessionWindow", ok->session_window);
    json_number_member(writer, "maxStreams", ok->max_streams);
    switch (ok->subprotocol) {
    case SUBPROTOCOL_V1:
        break;
    case SUBPROTOCOL_V2:
        json_number_member(writer, "connectionsGranted", ok->connections_granted);
        join_tickets_write(writer, ok->join_tickets, ok->join_ticket_count);
        break;
    }
    json_end_object(writer);
}

char *hello_ok_encode(const struct hello_ok *ok)
{
    return json_render(write_hello_ok, ok);
}

/* "S-" and the form of a UUID in lower case; which version it is concerns only the kit that made it. */
static bool is_session_id(const char *text)
{
    static const char form[] = "S-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    _Static_assert(sizeof form == SESSION_ID_LENGTH + 1, "a session id is as long as its form");
    if (strlen(text) != SESSION_ID_LENGTH)
        return false;
    for (size_t i = 0; i < SESSION_ID_LENGTH; i++) {
        bool is_hex = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
        if (form[i] == 'x' ? !is_hex : text[i] != form[i])
            return false;
    }
    return true;
}

static void read_session(struct payload_reader *reader, const json_t *root, struct hello_ok *ok)
{
    char *session = payload_text(reader, root, "sessionId", "sessionId must be a string without NUL");
    if (session && is_session_id(session))
        strcpy(ok->session.text, session);
    else
        payload_refuse(reader, "sessionId must be S- and a UUID in lower case");
    free(session);
}

static void read_resumed_bind(struct payload_reader *reader, const json_t *object, struct resumed_bind *bind)
{
    bind->bind = (uint32_t)payload_integer(reader, object, "bindId", 1, INT32_MAX,
                                           "resumedBinds: bindId must be an integer 1..2^31-1");
    bind->container_port = (uint16_t)payload_integer(reader, object, "containerPort", 1, UINT16_MAX,
                                                     "resumedBinds: containerPort must be an integer 1..65535");
    bool is_expose = payload_text_is(object, "kind", "http") && payload_text_is(object, "mode", "expose");
    bind->is_pull = payload_text_is(object, "kind", "tcp") && payload_text_is(object, "mode", "pull");
    if (!is_expose && !bind->is_pull)
        payload_refuse(reader, "resumedBinds: kind and mode must be http and expose, or tcp and pull");
}

static void read_resumed_binds(struct payload_reader *reader, const json_t *root, struct hello_ok *ok)
{
    if (!payload_has(root, "resumedBinds"))
        return;
    const json_t *array = payload_array(reader, root, "resumedBinds", "resumedBinds must be an array");
    size_t count = json_array_size(array);
    ok->resumed_binds = payload_allocate(reader, count, sizeof *ok->resumed_binds);
    for (size_t i = 0; ok->resumed_binds && i < count; i++)
        read_resumed_bind(reader, json_array_get(array, i), &ok->resumed_binds[i]);
    if (ok->resumed_binds)
        ok->resumed_bind_count = count;
}

static void read_limits(struct payload_reader *reader, const json_t *root, struct hello_ok *ok)
{
    ok->stream_window = (uint32_t)payload_integer(reader, root, "streamWindow", 1, INT32_MAX,
                                                  "streamWindow must be an integer 1..2^31-1");
    ok->session_window = (uint32_t)payload_integer(reader, root, "sessionWindow", 1, INT32_MAX,
                                                   "sessionWindow must be an integer 1..2^31-1");
    ok->max_streams =
        (uint32_t)payload_integer(reader, root, "maxStreams", 1, UINT32_MAX, "maxStreams must be an integer 1..2^32-1");
}

/* Only v2 has these two; whether they are there tells which one it is. */
static void read_connections(struct payload_reader *reader, const json_t *root, struct hello_ok *ok)
{
    ok->subprotocol = SUBPROTOCOL_V1;
    if (!payload_has(root, "connectionsGranted"))
        return;
    ok->subprotocol = SUBPROTOCOL_V2;
    ok->connections_granted = (uint32_t)payload_integer(reader, root, "connectionsGranted", 1, UINT32_MAX,
                                                        "connectionsGranted must be an integer 1..2^32-1");
    ok->join_tickets = join_tickets_read(reader, root, &ok->join_ticket_count);
}

enum payload_verdict hello_ok_decode(struct span json, struct hello_ok *ret_ok, const char **ret_why)
{
    struct hello_ok ok = {0};
    struct payload_reader reader;
    const json_t *root = payload_reader_init(&reader, json);
    read_session(&reader, root, &ok);
    if (payload_has(root, "resumed"))
        ok.resumed = payload_flag(&reader, root, "resumed", "resumed must be true or false");
    read_resumed_binds(&reader, root, &ok);
    read_limits(&reader, root, &ok);
    read_connections(&reader, root, &ok);
    enum payload_verdict verdict = payload_reader_done(&reader, ret_why);
    if (verdict == PAYLOAD_OK)
        *ret_ok = ok;
    else
        hello_ok_done(&ok);
    return verdict;
}
