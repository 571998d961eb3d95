/* HELLO (protocol section 3): how a driver begins a session. */
#include "session_payloads.h"

#include "json_writer.h"
#include "payload_json.h"

#include <stdlib.h>

#define MULTI_WS  "multi-ws"
#define SHARD_MAP "shard-map"

void hello_done(struct hello *hello)
{
    free(hello->resume_session);
    free(hello->token);
    free(hello->client_name);
    free(hello->client_version);
    *hello = (struct hello){0};
}

static void read_version(struct payload_reader *reader, const json_t *root, struct hello *hello)
{
    if (payload_text_is(root, "version", SUBPROTOCOL_V1_NAME))
        hello->version = SUBPROTOCOL_V1;
    else if (payload_text_is(root, "version", SUBPROTOCOL_V2_NAME))
        hello->version = SUBPROTOCOL_V2;
    else
        payload_refuse(reader, "version must be " SUBPROTOCOL_V1_NAME " or " SUBPROTOCOL_V2_NAME);
}

static void read_capability(struct payload_reader *reader, const json_t *capability, struct hello *hello)
{
    if (!json_is_string(capability)) {
        payload_refuse(reader, "capabilities must be an array of strings");
        return;
    }
    struct span name = span_of(json_string_value(capability), json_string_length(capability));
    hello->multi_ws |= span_equals(name, MULTI_WS);
    hello->shard_map |= span_equals(name, SHARD_MAP);
}

static void read_capabilities(struct payload_reader *reader, const json_t *root, struct hello *hello)
{
    if (!payload_has(root, "capabilities"))
        return;
    const json_t *capabilities =
        payload_array(reader, root, "capabilities", "capabilities must be an array of strings");
    for (size_t i = 0; i < json_array_size(capabilities); i++)
        read_capability(reader, json_array_get(capabilities, i), hello);
}

static void read_max_connections(struct payload_reader *reader, const json_t *root, struct hello *hello)
{
    if (!payload_has(root, "maxConnections"))
        return;
    int64_t wanted = payload_integer(reader, root, "maxConnections", 0, INT64_MAX,
                                     "maxConnections must be an integer of at least 0");
    hello->max_connections = wanted > UINT32_MAX ? UINT32_MAX : (uint32_t)wanted;
}

static void read_resume(struct payload_reader *reader, const json_t *root, struct hello *hello)
{
    if (!payload_has(root, "resume"))
        return;
    const json_t *resume = payload_object(reader, root, "resume", "resume must be an object");
    hello->resume_session = payload_text(reader, resume, "sessionId", "resume.sessionId must be a string without NUL");
}

static void read_auth(struct payload_reader *reader, const json_t *root, struct hello *hello)
{
    if (!payload_has(root, "auth"))
        return;
    const json_t *auth = payload_object(reader, root, "auth", "auth must be an object");
    hello->has_auth = true;
    if (payload_has(auth, "kind") && !json_is_string(json_object_get(auth, "kind")))
        payload_refuse(reader, "auth.kind must be a string");
    if (payload_text_is(auth, "kind", "bearer") && payload_has(auth, "token"))
        hello->token = payload_text(reader, auth, "token", "auth.token must be a string without NUL");
}

static void read_client(struct payload_reader *reader, const json_t *root, struct hello *hello)
{
    if (!payload_has(root, "client"))
        return;
    const json_t *client = payload_object(reader, root, "client", "client must be an object");
    if (payload_has(client, "name"))
        hello->client_name = payload_text(reader, client, "name", "client.name must be a string without NUL");
    if (payload_has(client, "version"))
        hello->client_version = payload_text(reader, client, "version", "client.version must be a string without NUL");
}

enum payload_verdict hello_decode(struct span json, struct hello *ret_hello, const char **ret_why)
{
    struct hello hello = {0};
    struct payload_reader reader;
    const json_t *root = payload_reader_init(&reader, json);
    read_version(&reader, root, &hello);
    read_capabilities(&reader, root, &hello);
    read_max_connections(&reader, root, &hello);
    read_resume(&reader, root, &hello);
    read_auth(&reader, root, &hello);
    read_client(&reader, root, &hello);
    enum payload_verdict verdict = payload_reader_done(&reader, ret_why);
    if (verdict == PAYLOAD_OK)
        *ret_hello = hello;
    else
        hello_done(&hello);
    return verdict;
}

static void write_capabilities(struct json_writer *writer, const struct hello *hello)
{
    json_key(writer, "capabilities");
    json_begin_array(writer);
    if (hello->multi_ws)
        json_text(writer, MULTI_WS);
    if (hello->shard_map)
        json_text(writer, SHARD_MAP);
    json_end_array(writer);
}

static void write_auth(struct json_writer *writer, const struct hello *hello)
{
    json_key(writer, "auth");
    json_begin_object(writer);
    if (hello->token) {
        json_text_member(writer, "kind", "bearer");
        json_text_member(writer, "token", hello->token);
    }
    json_end_object(writer);
}

static void write_client(struct json_writer *writer, const struct hello *hello)
{
    json_key(writer, "client");
    json_begin_object(writer);
    if (hello->client_name)
        json_text_member(writer, "name", hello->client_name);
    if (hello->client_version)
        json_text_member(writer, "version", hello->client_version);
    json_end_object(writer);
}

static void write_hello(struct json_writer *writer, const void *payload)
{
    const struct hello *hello = payload;
    json_begin_object(writer);
    json_text_member(writer, "version", subprotocol_name(hello->version));
    write_capabilities(writer, hello);
    if (hello->max_connections > 0)
        json_number_member(writer, "maxConnections", hello->max_connections);
    if (hello->resume_session) {
        json_key(writer, "resume");
        json_begin_object(writer);
        json_text_member(writer, "sessionId", hello->resume_session);
        json_end_object(writer);
    }
    if (hello->has_auth)
        write_auth(writer, hello);
    if (hello->client_name || hello->client_version)
        write_client(writer, hello);
    json_end_object(writer);
}

char *hello_encode(const struct hello *hello)
{
    return json_render(write_hello, hello);
}

enum driver_kind hello_driver_kind(const struct hello *hello)
{
    if (hello->client_name || hello->client_version)
        return DRIVER_KIND_OURS;
    return hello->has_auth ? DRIVER_KIND_OLD : DRIVER_KIND_NEW;
}
