/* Runs a target without libFuzzer: every file of the given folders and every given file, in the order of their names.
 * `<target> tests/fuzz/corpus/<target>`; a finding of the fuzzer is replayed in the same way. */
#include "fuzz_input.h"

#include "check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { PATH_BYTES = 4096 };

static uint8_t *read_file(const char *path, size_t *ret_length)
{
    FILE *file = fopen(path, "rb");
    check(file != NULL && fseek(file, 0, SEEK_END) == 0);
    const long length = ftell(file);
    check(length >= 0 && fseek(file, 0, SEEK_SET) == 0);
    /* Exactly as long as the file, so that AddressSanitizer sees a read beyond its end. */
    uint8_t *bytes = malloc(length > 0 ? (size_t)length : 1);
    check(bytes != NULL && fread(bytes, 1, (size_t)length, file) == (size_t)length);
    (void)fclose(file);
    *ret_length = (size_t)length;
    return bytes;
}

static void replay_file(const char *path)
{
    size_t length = 0;
    uint8_t *bytes = read_file(path, &length);
    printf("%s\n", path);
    (void)fflush(stdout); /* before a crash, which it names */
    check(LLVMFuzzerTestOneInput(bytes, length) == 0);
    free(bytes);
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* How many files it held. */
static size_t replay_folder(const char *folder)
{
    struct dirent **entries = NULL;
    const int count = scandir(folder, &entries, is_visible, alphasort);
    check(count >= 0);
    for (int i = 0; i < count; i++) {
        char path[PATH_BYTES];
        check(snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name) < PATH_BYTES);
        replay_file(path);
        free(entries[i]);
    }
    free(entries);
    return (size_t)count;
}

int main(int argc, char *argv[])
{
    size_t files = 0;
    for (int i = 1; i < argc; i++) {
        struct stat status;
        if (stat(argv[i], &status) != 0) {
            fprintf(stderr, "%s: no such file\n", argv[i]);
            return EXIT_FAILURE;
        }
        if (S_ISDIR(status.st_mode)) {
            files += replay_folder(argv[i]);
        } else {
            replay_file(argv[i]);
            files++;
        }
    }
    if (files == 0) {
        fprintf(stderr, "usage: %s FILE|FOLDER... (and there must be something in it)\n", argv[0]);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
