/* A configuration file as it is written: each key's value as text, not judged yet. Pure. */
#ifndef HOODY_DRIVER_CONFIG_YAML_H
#define HOODY_DRIVER_CONFIG_YAML_H

#include "options.h"
#include "session.h"
#include "span.h"

enum tunnel_key {
#define TUNNEL_KEY(name, kind, of, placeholder, initial, help) KEY_##name,
#include "tunnel_keys.def"
    TUNNEL_KEY_COUNT
};

struct tunnel_yaml {
    char *values[TUNNEL_KEY_COUNT]; /* NULL: the key is missing */
};

struct config_yaml {
    char *values[OPTION_COUNT_OF_ALL]; /* by option; NULL: the key is missing */
    struct tunnel_yaml *tunnels;       /* NULL: there are none */
    uint32_t tunnel_count;             /* SESSION_BINDINGS_MAX at most */
};

enum {
    CONFIG_BYTES_MAX = 65536, /* so long a file may be */
    CONFIG_VALUE_MAX = 4096,  /* and so long a value */
    CONFIG_KEY_BYTES = 64,
    CONFIG_WHY_BYTES = 1024,
};

/* Unknown keys, keys that come twice and whatever is no text where text belongs are errors, and what YAML itself is.
 * false: ret_why says in one line what is wrong, *ret_line where, from 1 on; 0: not known. */
bool config_yaml_read(struct span text, struct config_yaml **ret_yaml, unsigned *ret_line,
                      char ret_why[CONFIG_WHY_BYTES]);
void config_yaml_destroy(struct config_yaml **p_yaml);

/* The key that says what an option says: its name with _ for -. */
void config_key_of_option(enum option_id id, char ret_key[CONFIG_KEY_BYTES]);
const char *config_key_of_tunnel(enum tunnel_key key);

#endif
