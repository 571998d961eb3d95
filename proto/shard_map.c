/* SHARD_MAP (protocol section 4): which of a session's sockets are attached. */
#include "session_payloads.h"

#include "json_writer.h"
#include "payload_json.h"

#include <stdlib.h>

void shard_map_done(struct shard_map *map)
{
    free(map->shards);
    *map = (struct shard_map){0};
}

static void write_shard_map(struct json_writer *writer, const void *payload)
{
    const struct shard_map *map = payload;
    json_begin_object(writer);
    json_key(writer, "shards");
    json_begin_array(writer);
    for (size_t i = 0; i < map->count; i++) {
        json_begin_object(writer);
        json_number_member(writer, "index", map->shards[i].index);
        json_flag_member(writer, "attached", map->shards[i].is_attached);
        json_end_object(writer);
    }
    json_end_array(writer);
    json_end_object(writer);
}

char *shard_map_encode(const struct shard_map *map)
{
    return json_render(write_shard_map, map);
}

static void read_shard(struct payload_reader *reader, const json_t *object, struct shard *shard)
{
    shard->index =
        (uint32_t)payload_integer(reader, object, "index", 0, UINT32_MAX, "shards: index must be an integer 0..2^32-1");
    shard->is_attached = payload_flag(reader, object, "attached", "shards: attached must be true or false");
}

enum payload_verdict shard_map_decode(struct span json, struct shard_map *ret_map, const char **ret_why)
{
    struct shard_map map = {0};
    struct payload_reader reader;
    const json_t *root = payload_reader_init(&reader, json);
    const json_t *array = payload_array(&reader, root, "shards", "shards must be an array");
    map.count = json_array_size(array);
    map.shards = payload_allocate(&reader, map.count, sizeof *map.shards);
    for (size_t i = 0; map.shards && i < map.count; i++)
        read_shard(&reader, json_array_get(array, i), &map.shards[i]);
    enum payload_verdict verdict = payload_reader_done(&reader, ret_why);
    if (verdict == PAYLOAD_OK)
        *ret_map = map;
    else
        shard_map_done(&map);
    return verdict;
}
