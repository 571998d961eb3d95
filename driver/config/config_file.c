#include "config_file.h"

#include "check.h"
#include "config_lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_HERE "hoody-tunnel.yaml"

static bool is_path(const char *word)
{
    return strpbrk(word, "./") != NULL;
}

/* $XDG_CONFIG_HOME/hoody-tunnel/tunnels.yaml, by default below ~/.config; "": nobody knows where that is. */
static void find_file_of_user(char *(*environment)(const char *name), char ret_path[PATH_MAX])
{
    const char *folder = environment("XDG_CONFIG_HOME"), *home = environment("HOME");
    ret_path[0] = '\0';
    if (folder != NULL && *folder == '/')
        snprintf(ret_path, PATH_MAX, "%s/hoody-tunnel/tunnels.yaml", folder);
    else if (home != NULL && *home == '/')
        snprintf(ret_path, PATH_MAX, "%s/.config/hoody-tunnel/tunnels.yaml", home);
}

/* false: there is neither. */
static bool find_default(char *(*environment)(const char *name), char ret_path[PATH_MAX],
                         char ret_why[CONFIG_WHY_BYTES])
{
    snprintf(ret_path, PATH_MAX, "%s", FILE_HERE);
    if (access(ret_path, F_OK) == 0)
        return true;
    find_file_of_user(environment, ret_path);
    if (ret_path[0] != '\0' && access(ret_path, F_OK) == 0)
        return true;
    snprintf(ret_why, CONFIG_WHY_BYTES, "there is neither %s here nor %.400s: name the FILE, as in up ./tunnels.yaml",
             FILE_HERE, ret_path[0] != '\0' ? ret_path : "a home directory");
    return false;
}

/* NULL: ret_why says why. */
static char *read_file(const char *path, size_t *ret_length, char ret_why[CONFIG_WHY_BYTES])
{
    FILE *file = fopen(path, "re");
    char *text = malloc(CONFIG_BYTES_MAX + 1);
    check(text != NULL);
    size_t length = file != NULL ? fread(text, 1, CONFIG_BYTES_MAX + 1, file) : 0;
    bool is_read = file != NULL && ferror(file) == 0;
    if (!is_read)
        snprintf(ret_why, CONFIG_WHY_BYTES, "%.400s can't be read: %s", path, strerror(errno));
    else if (length > CONFIG_BYTES_MAX)
        snprintf(ret_why, CONFIG_WHY_BYTES, "%.400s is longer than %d bytes: is it the right file?", path,
                 CONFIG_BYTES_MAX);
    if (file != NULL)
        fclose(file);
    *ret_length = length;
    if (is_read && length <= CONFIG_BYTES_MAX)
        return text;
    free(text);
    return NULL;
}

/* Files that the file names, where the file counts. */
static bool files_are_readable(const struct config_file *file, const struct options *options, struct span text,
                               char ret_why[CONFIG_WHY_BYTES])
{
    static const enum option_id FILES[] = {OPTION_token_file, OPTION_cacert};
    const char *const values[] = {options->token_file, options->cacert};
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        char key[CONFIG_KEY_BYTES];
        if (options->sources[FILES[i]] != SOURCE_FILE || *values[i] == '\0' || access(values[i], R_OK) == 0)
            continue;
        config_key_of_option(FILES[i], key);
        snprintf(ret_why, CONFIG_WHY_BYTES, "%.400s:%u: %s: %.300s can't be read: %s", file->path,
                 config_line_of(text, 0, key), key, values[i], strerror(errno));
        return false;
    }
    return true;
}

bool config_file_open(struct options *options, char *(*environment)(const char *name), struct config_file *ret_file,
                      struct tunnel_plans *ret_plans, char ret_why[CONFIG_WHY_BYTES])
{
    struct config_file *file = ret_file;
    size_t names = options->argument_count > 0 && is_path(options->arguments[0]) ? 1 : 0, length = 0;
    *file = (struct config_file){0};
    if (names > 0)
        snprintf(file->path, sizeof file->path, "%s", options->arguments[0]);
    else if (!find_default(environment, file->path, ret_why))
        return false;
    file->text = read_file(file->path, &length, ret_why);
    bool is_good =
        file->text != NULL && config_read(span_of(file->text, length), file->path, options, &file->config, ret_why) &&
        files_are_readable(file, options, span_of(file->text, length), ret_why) &&
        config_choose(file->config, options->arguments + names, options->argument_count - names, ret_plans, ret_why);
    if (!is_good)
        config_file_close(file);
    return is_good;
}

void config_file_close(struct config_file *file)
{
    config_destroy(&file->config);
    free(file->text);
    *file = (struct config_file){0};
}
