/* The daemon's options (protocol section 9), read from flags and environment; immutable once the actors run. */
#ifndef HOODY_ACTORS_OPTIONS_H
#define HOODY_ACTORS_OPTIONS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct option_list {
    char **items; /* owned, owned strings */
    size_t count;
};

struct option_address {
    char ip[INET6_ADDRSTRLEN]; /* numeric */
    uint16_t port;
};
enum { OPTION_ADDRESS_TEXT_MAX = INET6_ADDRSTRLEN + sizeof "[]:65535" };
/* As the flag takes it: IP:PORT, [IP6]:PORT. */
void option_address_print(const struct option_address *address, char ret_text[OPTION_ADDRESS_TEXT_MAX]);

/* C types of the option kinds (options.def). */
typedef bool option_flag;
typedef char *option_file;    /* owned, never NULL; "": unset */
typedef char *option_pattern; /* owned, never NULL; "": unset */
typedef char *option_ip;      /* owned, never NULL: numeric */
typedef struct option_address option_address;
typedef uint64_t option_count;
typedef uint64_t option_shards;
typedef uint64_t option_duration; /* milliseconds */
typedef uint64_t option_size;     /* bytes */
typedef uint64_t option_window;   /* bytes, a multiple of 65,536 */
typedef uint32_t option_choice;   /* index into the words */
typedef struct option_list option_cidrs;
typedef struct option_list option_origins;
typedef struct option_list option_names;

struct options {
#define OPTION(kind, page, name, flag, default_text, minimum, maximum, argument, help) option_##kind name;
#include "options.def"
};

enum options_verdict {
    OPTIONS_OK,
    OPTIONS_HELP,     /* --help */
    OPTIONS_HELP_ALL, /* --help all */
    OPTIONS_VERSION,  /* --version */
    OPTIONS_BAD,      /* ret_error holds one clear line that names the flag or variable and what it takes */
};

/* Defaults only. false: out of memory. */
bool options_init(struct options *options);
/* Defaults, then HOODY_TUNNEL_<FLAG> variables of `environment` (NULL-terminated, "NAME=value"), then the flags of
 * argv[1..]. */
enum options_verdict options_read(struct options *options, int argc, char *const argv[], char *const environment[],
                                  char *ret_error, size_t error_capacity);
/* Takes zeroed ones and second calls. */
void options_done(struct options *options);

struct evbuffer;
/* The text of --help, which fits a screen, or of --help all. */
void options_print_help(struct evbuffer *out, bool is_whole);

#endif
