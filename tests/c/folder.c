/* Every file below a folder, whatever it holds: one thread hashes them one by one, another one many at once, and both give the same. Arguments: the
 * folder; "records" for a line per file. */
#define _XOPEN_SOURCE 700
#include <ftw.h>
#include <pthread.h>

#include "check.h"

enum { BATCH = 64, STATUSES = SHADEGRID_PANIC + 1, NAMES = 128 };

struct result {
    shadegrid_hashed hashed;
    /* Of all faces together. */
    uint64_t faces;
    char names[NAMES];
};

static char **paths;
static shadegrid_bytes *files;
static size_t count, room;

static int add(const char *path, const struct stat *status, int type, struct FTW *walk) {
    (void)status;
    (void)walk;
    if (type != FTW_F) {
        return 0;
    }
    if (count == room) {
        room = room == 0 ? 256 : 2 * room;
        paths = (char **)realloc(paths, room * sizeof *paths);
        CHECK(paths != NULL);
    }
    paths[count] = (char *)malloc(strlen(path) + 1);
    CHECK(paths[count] != NULL);
    strcpy(paths[count++], path);
    return 0;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* FNV-1a over a face, and its name behind those before. */
static void take_faces(const shadegrid_hasher *hasher, size_t picture, struct result *result) {
    result->faces = 14695981039346656037u;
    for (uint32_t k = 0; k < result->hashed.faces; ++k) {
        shadegrid_face face;
        CHECK(shadegrid_hasher_face(hasher, picture, k, &face) == SHADEGRID_OK);
        for (size_t byte = 0; byte < sizeof face; ++byte) {
            result->faces = (result->faces ^ ((const uint8_t *)&face)[byte]) * 1099511628211u;
        }
        size_t length = strlen(result->names);
        snprintf(result->names + length, NAMES - length, "%s%s", k == 0 ? "" : ",", face.name);
    }
}

static void *one_by_one(void *to) {
    struct result *results = (struct result *)to;
    shadegrid_hasher *hasher = NULL;
    CHECK(shadegrid_hasher_new(NULL, &hasher) == SHADEGRID_OK);
    for (size_t k = 0; k < count; ++k) {
        shadegrid_hash(hasher, files[k].data, files[k].length, &results[k].hashed);
        take_faces(hasher, 0, &results[k]);
    }
    shadegrid_hasher_free(hasher);
    return NULL;
}

static void *many_at_once(void *to) {
    struct result *results = (struct result *)to;
    shadegrid_options options;
    shadegrid_hasher *hasher = NULL;
    shadegrid_hashed *out = (shadegrid_hashed *)malloc(BATCH * sizeof *out);
    CHECK(out != NULL && shadegrid_options_init(&options, sizeof options) == SHADEGRID_OK);
    options.threads = 2;
    CHECK(shadegrid_hasher_new(&options, &hasher) == SHADEGRID_OK);
    for (size_t first = 0; first < count; first += BATCH) {
        size_t batch = count - first < BATCH ? count - first : BATCH;
        CHECK(shadegrid_hash_many(hasher, files + first, batch, out) == SHADEGRID_OK);
        for (size_t k = 0; k < batch; ++k) {
            results[first + k].hashed = out[k];
            take_faces(hasher, k, &results[first + k]);
        }
    }
    shadegrid_hasher_free(hasher);
    free(out);
    return NULL;
}

static void print(const char *path, const struct result *result) {
    const shadegrid_hashed *hashed = &result->hashed;
    char photodna[193], pdq[65];
    CHECK(shadegrid_photodna_text(hashed->signatures.photodna, photodna) == SHADEGRID_OK);
    CHECK(shadegrid_pdq_text(hashed->signatures.pdq, pdq) == SHADEGRID_OK);
    printf("%s\t%s\t%u×%u\t%s\t%s\t%x\t%.6f\t%s\t%.6f\t%s\t%u\t%s\t%s\n", path, shadegrid_status_name(hashed->status), hashed->width,
           hashed->height, hashed->format, hashed->detail, (unsigned)hashed->flags, hashed->decoded, photodna, hashed->signatures.strength, pdq,
           hashed->signatures.quality, result->names, hashed->message);
}

int main(int arguments, char **argument) {
    CHECK(arguments >= 2 && nftw(argument[1], add, 16, FTW_PHYS) == 0 && count > 0);
    qsort(paths, count, sizeof *paths, by_name);
    files = (shadegrid_bytes *)calloc(count, sizeof *files);
    struct result *results[2];
    pthread_t threads[2];
    void *(*const ways[2])(void *) = {one_by_one, many_at_once};
    CHECK(files != NULL);
    for (size_t k = 0; k < count; ++k) {
        files[k].data = read_file(paths[k], &files[k].length);
    }
    for (int way = 0; way < 2; ++way) {
        results[way] = (struct result *)calloc(count, sizeof **results);
        CHECK(results[way] != NULL && pthread_create(&threads[way], NULL, ways[way], results[way]) == 0);
    }
    for (int way = 0; way < 2; ++way) {
        CHECK(pthread_join(threads[way], NULL) == 0);
    }
    size_t statuses[STATUSES] = {0}, faces = 0;
    for (size_t k = 0; k < count; ++k) {
        const struct result *one = &results[0][k], *other = &results[1][k];
        if (memcmp(one, other, sizeof *one) != 0) {
            fprintf(stderr, "%s: \"%s\" and \"%s\"\n", paths[k], one->hashed.message, other->hashed.message);
        }
        CHECK(memcmp(one, other, sizeof *one) == 0);
        CHECK(one->hashed.status >= 0 && one->hashed.status < STATUSES && one->hashed.status != SHADEGRID_ARGUMENT);
        CHECK((one->hashed.status == SHADEGRID_OK) == (one->hashed.message[0] == '\0'));
        ++statuses[one->hashed.status];
        faces += one->hashed.faces;
        if (arguments > 2 && strcmp(argument[2], "records") == 0) {
            print(paths[k], one);
        }
    }
    fprintf(stderr, "%zu files, %zu faces:", count, faces);
    for (int32_t status = 0; status < STATUSES; ++status) {
        fprintf(stderr, " %s %zu", shadegrid_status_name(status), statuses[status]);
    }
    fprintf(stderr, "\n");
    CHECK(statuses[SHADEGRID_PANIC] == 0);
    for (size_t k = 0; k < count; ++k) {
        free((void *)files[k].data);
        free(paths[k]);
    }
    free(files);
    free(paths);
    free(results[0]);
    free(results[1]);
    return checks_passed();
}
