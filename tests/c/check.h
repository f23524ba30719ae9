/* What the test programs share: checks that are counted, and files in memory. C99 and C++. */
#ifndef CHECK_H
#define CHECK_H

#include <shadegrid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned checks_done;

/* Ends the program where something does not hold. */
#define CHECK(holds)                                                                                         \
    do {                                                                                                     \
        ++checks_done;                                                                                       \
        if (!(holds)) {                                                                                      \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #holds);                                      \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

/* The last line of every program: the runner asks for it. */
static inline int checks_passed(void) {
    printf("%u checks\n", checks_done);
    return 0;
}

/* A whole file; ends the program where it cannot be read. The caller frees it. */
static inline uint8_t *read_file(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = NULL;
    size_t room = 0;
    *length = 0;
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    for (;;) {
        if (*length == room) {
            room = room == 0 ? 1 << 16 : 2 * room;
            bytes = (uint8_t *)realloc(bytes, room);
            if (bytes == NULL) {
                exit(1);
            }
        }
        size_t got = fread(bytes + *length, 1, room - *length, file);
        if (got == 0) {
            break;
        }
        *length += got;
    }
    fclose(file);
    /* As long as the file and no longer: whoever reads behind it is seen by AddressSanitizer. */
    uint8_t *exact = (uint8_t *)malloc(*length == 0 ? 1 : *length);
    if (exact == NULL) {
        exit(1);
    }
    memcpy(exact, bytes, *length);
    free(bytes);
    return exact;
}

/* The file `name` of a folder. */
static inline uint8_t *read_in(const char *folder, const char *name, size_t *length) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return read_file(path, length);
}

#endif
