#include "config_yaml.h"

#include "check.h"
#include "config_lines.h"
#include "nearest_word.h"

#include <cyaml/cyaml.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the keys, and the schema that libcyaml reads by: every value is text, which is judged as that of a flag is ----
 */

static const char *const TUNNEL_KEYS[TUNNEL_KEY_COUNT] = {
#define TUNNEL_KEY(name, kind, of, placeholder, initial, help) #name,
#include "tunnel_keys.def"
};

const char *config_key_of_tunnel(enum tunnel_key key)
{
    return TUNNEL_KEYS[key];
}

void config_key_of_option(enum option_id id, char ret_key[CONFIG_KEY_BYTES])
{
    const struct option_text *text = options_text(id, COMMAND_up);
    snprintf(ret_key, CONFIG_KEY_BYTES, "%s", text != NULL ? text->name : "");
    for (char *c = ret_key; *c != '\0'; c++)
        *c = *c == '-' ? '_' : *c;
}

struct schema {
    char option_keys[OPTION_COUNT_OF_ALL][CONFIG_KEY_BYTES];
    cyaml_schema_field_t tunnel_fields[TUNNEL_KEY_COUNT + 1];
    cyaml_schema_value_t tunnel;
    cyaml_schema_field_t file_fields[OPTION_COUNT_OF_ALL + 2];
    cyaml_schema_value_t file;
};

static cyaml_schema_field_t text_field(const char *key, size_t offset)
{
    return (cyaml_schema_field_t){
        .key = key,
        .data_offset = (uint32_t)offset,
        .value = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, char *, 0, CONFIG_VALUE_MAX)},
    };
}

static void schema_init(struct schema *schema)
{
    *schema = (struct schema){0};
    for (size_t i = 0; i < TUNNEL_KEY_COUNT; i++)
        schema->tunnel_fields[i] =
            text_field(TUNNEL_KEYS[i], offsetof(struct tunnel_yaml, values) + i * sizeof(char *));
    schema->tunnel = (cyaml_schema_value_t){
        CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct tunnel_yaml, schema->tunnel_fields),
    };
    size_t count = 0;
    for (enum option_id id = 0; id < OPTION_COUNT_OF_ALL; id++) {
        config_key_of_option(id, schema->option_keys[id]);
        if (schema->option_keys[id][0] != '\0')
            schema->file_fields[count++] =
                text_field(schema->option_keys[id], offsetof(struct config_yaml, values) + id * sizeof(char *));
    }
    schema->file_fields[count++] = (cyaml_schema_field_t)CYAML_FIELD_SEQUENCE_COUNT(
        "tunnels", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct config_yaml, tunnels, tunnel_count, &schema->tunnel,
        0, SESSION_BINDINGS_MAX);
    schema->file = (cyaml_schema_value_t){
        CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct config_yaml, schema->file_fields),
    };
}

/* ---- what libcyaml complains of: its log says more than its status ---- */

struct complaint {
    char text[256];
    char key[CONFIG_KEY_BYTES]; /* "": not known */
    size_t tunnel;              /* 0: beside `tunnels` */
};

static bool take_after(const char *line, const char *beginning, const char *end, char *ret_word, size_t bytes)
{
    size_t length = strlen(beginning);
    if (strncmp(line, beginning, length) != 0)
        return false;
    snprintf(ret_word, bytes, "%.*s", (int)strcspn(line + length, end), line + length);
    return true;
}

/* First comes the complaint, then where it is, from the inside out. */
__attribute__((format(printf, 3, 0))) static void on_log(cyaml_log_t level, void *context, const char *format,
                                                         va_list arguments)
{
    struct complaint *complaint = context;
    char line[512], word[CONFIG_KEY_BYTES] = "";
    if (level < CYAML_LOG_ERROR)
        return;
    vsnprintf(line, sizeof line, format, arguments);
    if (take_after(line, "  in sequence entry '", "'", word, sizeof word))
        complaint->tunnel = strtoul(word, NULL, 10);
    else if (take_after(line, "  in mapping field '", "'", word, sizeof word) && complaint->key[0] == '\0')
        memcpy(complaint->key, word, sizeof word);
    else if (complaint->text[0] == '\0')
        take_after(line, "Load: ", "\n", complaint->text, sizeof complaint->text);
}

static void add_word(char text[CONFIG_WHY_BYTES], const char *word)
{
    size_t length = strlen(text);
    snprintf(text + length, CONFIG_WHY_BYTES - length, "%s%s", text[length - 1] == ' ' ? "" : ", ", word);
}

static void advise_key(const cyaml_schema_field_t *fields, const char *key, const char *where,
                       char ret_why[CONFIG_WHY_BYTES])
{
    struct nearest_word nearest = nearest_word_to(span_of_string(key));
    for (const cyaml_schema_field_t *field = fields; field->key != NULL; field++)
        nearest_word_look_at(&nearest, field->key);
    if (nearest.word != NULL) {
        snprintf(ret_why, CONFIG_WHY_BYTES, "there is no key '%.60s' %s: did you mean '%s'?", key, where, nearest.word);
        return;
    }
    snprintf(ret_why, CONFIG_WHY_BYTES, "there is no key '%.60s' %s; there are ", key, where);
    for (const cyaml_schema_field_t *field = fields; field->key != NULL; field++)
        add_word(ret_why, field->key);
}

static void explain(const struct schema *schema, cyaml_err_t error, struct complaint *complaint,
                    char ret_why[CONFIG_WHY_BYTES])
{
    bool is_of_tunnel = complaint->tunnel > 0;
    char key[CONFIG_KEY_BYTES];
    if (take_after(complaint->text, "Unexpected key: ", "", key, sizeof key)) {
        memcpy(complaint->key, key, sizeof key);
        advise_key(is_of_tunnel ? schema->tunnel_fields : schema->file_fields, key,
                   is_of_tunnel ? "of a tunnel" : "here", ret_why);
    } else if (take_after(complaint->text, "Mapping field already seen: ", "", key, sizeof key)) {
        memcpy(complaint->key, key, sizeof key);
        snprintf(ret_why, CONFIG_WHY_BYTES, "the key '%s' is there twice", key);
    } else if (strncmp(complaint->text, "Expecting STRING", 16) == 0) {
        snprintf(ret_why, CONFIG_WHY_BYTES, "'%s' takes one value", complaint->key);
    } else if (strncmp(complaint->text, "Expecting SEQUENCE", 18) == 0) {
        snprintf(ret_why, CONFIG_WHY_BYTES, "'tunnels' takes a list, each as in `- {name: web, expose: 3000}`");
    } else if (strncmp(complaint->text, "Expecting MAPPING", 17) == 0) {
        snprintf(ret_why, CONFIG_WHY_BYTES,
                 is_of_tunnel ? "a tunnel has keys, as in `- {name: web, expose: 3000}`"
                              : "the file has keys, as in `url: ws://127.0.0.1:7080`");
    } else if (error == CYAML_ERR_SEQUENCE_ENTRIES_MAX) {
        complaint->tunnel = 0; /* it is a matter of `tunnels` itself */
        snprintf(ret_why, CONFIG_WHY_BYTES, "one session takes %d tunnels at most", SESSION_BINDINGS_MAX);
    } else if (error == CYAML_ERR_STRING_LENGTH_MAX) {
        snprintf(ret_why, CONFIG_WHY_BYTES, "'%s' takes no more than %d bytes", complaint->key, CONFIG_VALUE_MAX);
    } else {
        snprintf(ret_why, CONFIG_WHY_BYTES, "%s", complaint->text[0] != '\0' ? complaint->text : cyaml_strerror(error));
    }
}

/* ---- reading ---- */

static cyaml_config_t reader_of(struct complaint *complaint)
{
    return (cyaml_config_t){.log_fn = on_log, .log_ctx = complaint, .mem_fn = cyaml_mem, .log_level = CYAML_LOG_ERROR};
}

bool config_yaml_read(struct span text, struct config_yaml **ret_yaml, unsigned *ret_line,
                      char ret_why[CONFIG_WHY_BYTES])
{
    struct schema schema;
    struct complaint complaint = {0};
    struct config_yaml *yaml = NULL;
    const char *why = NULL;
    *ret_line = 0;
    if (!config_is_yaml(text, &why, ret_line)) {
        snprintf(ret_why, CONFIG_WHY_BYTES, "this is not YAML: %s", why);
        return false;
    }
    schema_init(&schema);
    const cyaml_config_t reader = reader_of(&complaint);
    cyaml_err_t error = cyaml_load_data(text.data, text.length, &reader, &schema.file, (cyaml_data_t **)&yaml, NULL);
    if (error != CYAML_OK) {
        explain(&schema, error, &complaint, ret_why);
        *ret_line = config_line_of(text, complaint.tunnel, complaint.key);
        return false;
    }
    if (yaml == NULL) /* it has no keys */
        yaml = calloc(1, sizeof *yaml);
    check(yaml != NULL);
    *ret_yaml = yaml;
    return true;
}

void config_yaml_destroy(struct config_yaml **p_yaml)
{
    struct schema schema;
    struct config_yaml *yaml = *p_yaml;
    *p_yaml = NULL;
    if (yaml == NULL)
        return;
    schema_init(&schema);
    const cyaml_config_t reader = reader_of(NULL);
    cyaml_free(&reader, &schema.file, yaml, 0);
}
