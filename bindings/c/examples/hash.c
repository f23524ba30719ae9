/* Hashes the files that it is given: one line per file with status, PDQ signature, quality and path. */
#include <shadegrid.h>
#include <stdio.h>
#include <stdlib.h>

static uint8_t *read_file(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    long end = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    uint8_t *bytes = end < 0 ? NULL : malloc((size_t)end + 1);
    *length = 0;
    if (bytes != NULL) {
        rewind(file);
        *length = fread(bytes, 1, (size_t)end, file);
    }
    fclose(file);
    return bytes;
}

int main(int count, char **paths) {
    shadegrid_hasher *hasher = NULL;
    if (shadegrid_hasher_new(NULL, &hasher) != SHADEGRID_OK) {
        return 1;
    }
    for (int k = 1; k < count; ++k) {
        size_t length = 0;
        uint8_t *bytes = read_file(paths[k], &length);
        if (bytes == NULL) {
            perror(paths[k]);
            continue;
        }
        shadegrid_hashed hashed;
        if (shadegrid_hash(hasher, bytes, length, &hashed) == SHADEGRID_OK) {
            char pdq[65];
            shadegrid_pdq_text(hashed.signatures.pdq, pdq);
            printf("ok %s %d %s\n", pdq, hashed.signatures.quality, paths[k]);
        } else {
            printf("%s %s: %s\n", shadegrid_status_name(hashed.status), paths[k], hashed.message);
        }
        free(bytes);
    }
    shadegrid_hasher_free(hasher);
    return 0;
}
