/* The loop of loop.rs through the C library: loop ROUNDS FILE…. Prints a checksum of the signatures. */
#include <shadegrid.h>
#include <stdio.h>
#include <stdlib.h>

struct file {
    uint8_t *bytes;
    size_t length;
};

static struct file read_file(const char *path) {
    struct file file = {NULL, 0};
    FILE *stream = fopen(path, "rb");
    if (stream == NULL || fseek(stream, 0, SEEK_END) != 0) {
        perror(path);
        exit(1);
    }
    file.length = (size_t)ftell(stream);
    rewind(stream);
    file.bytes = malloc(file.length + 1);
    if (file.bytes == NULL || fread(file.bytes, 1, file.length, stream) != file.length) {
        perror(path);
        exit(1);
    }
    fclose(stream);
    return file;
}

int main(int count, char **arguments) {
    shadegrid_hasher *hasher = NULL;
    struct file *files = calloc((size_t)count, sizeof *files);
    uint64_t sum = 0;
    if (files == NULL || shadegrid_hasher_new(NULL, &hasher) != SHADEGRID_OK) {
        return 1;
    }
    for (int k = 2; k < count; ++k) {
        files[k] = read_file(arguments[k]);
    }
    for (int round = atoi(arguments[1]); round > 0; --round) {
        for (int k = 2; k < count; ++k) {
            shadegrid_hashed hashed;
            if (shadegrid_hash(hasher, files[k].bytes, files[k].length, &hashed) == SHADEGRID_OK) {
                for (int byte = 0; byte < 144; ++byte) {
                    sum = sum * 31 + hashed.signatures.photodna[byte];
                }
            }
        }
    }
    printf("%llu\n", (unsigned long long)sum);
    shadegrid_hasher_free(hasher);
    return 0;
}
