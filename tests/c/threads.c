/* Threads with a hasher each and one gallery, and then with one hasher, which says that it is used. Arguments as for gallery.c. */
#include <pthread.h>

#include "check.h"

enum { THREADS = 2, ROUNDS = 60 };

static const shadegrid_gallery *gallery;
static shadegrid_hasher *shared;
static uint8_t *picture;
static size_t length;
static shadegrid_hashed expected;

/* What a thread saw; checks are made when it is over. */
struct seen {
    int wrong, done, refused;
};

static void *with_its_own(void *of) {
    struct seen *seen = (struct seen *)of;
    shadegrid_hasher *hasher = NULL;
    seen->wrong += shadegrid_hasher_new(NULL, &hasher) != SHADEGRID_OK;
    for (int round = 0; round < ROUNDS; ++round) {
        shadegrid_hashed out;
        shadegrid_match matches[2];
        size_t found = 0;
        seen->wrong += shadegrid_hash(hasher, picture, length, &out) != SHADEGRID_OK;
        seen->wrong += memcmp(&out, &expected, sizeof out) != 0;
        seen->wrong += shadegrid_gallery_find(gallery, &out.signatures, 1, NULL, matches, 2, &found) != SHADEGRID_OK;
        seen->wrong += found != 2 || matches[0].distance != 0 || matches[1].distance != 0;
        ++seen->done;
    }
    shadegrid_hasher_free(hasher);
    return NULL;
}

static void *with_the_same(void *of) {
    struct seen *seen = (struct seen *)of;
    for (int round = 0; round < ROUNDS; ++round) {
        shadegrid_hashed out;
        int32_t status = shadegrid_hash(shared, picture, length, &out);
        seen->wrong += status != out.status;
        if (status == SHADEGRID_OK) {
            seen->wrong += memcmp(&out, &expected, sizeof out) != 0;
            ++seen->done;
        } else {
            seen->wrong += status != SHADEGRID_ARGUMENT;
            ++seen->refused;
        }
    }
    return NULL;
}

static struct seen run(void *(*work)(void *)) {
    pthread_t threads[THREADS];
    struct seen seen[THREADS], all = {0, 0, 0};
    memset(seen, 0, sizeof seen);
    for (int k = 0; k < THREADS; ++k) {
        CHECK(pthread_create(&threads[k], NULL, work, &seen[k]) == 0);
    }
    for (int k = 0; k < THREADS; ++k) {
        CHECK(pthread_join(threads[k], NULL) == 0);
        all.wrong += seen[k].wrong;
        all.done += seen[k].done;
        all.refused += seen[k].refused;
    }
    return all;
}

int main(int count, char **arguments) {
    CHECK(count == 3);
    shadegrid_gallery *opened = NULL;
    CHECK(shadegrid_gallery_open(arguments[2], &opened, NULL, 0) == SHADEGRID_OK);
    CHECK(shadegrid_hasher_new(NULL, &shared) == SHADEGRID_OK);
    gallery = opened;
    picture = read_in(arguments[1], "hills.jpg", &length);
    CHECK(shadegrid_hash(shared, picture, length, &expected) == SHADEGRID_OK);

    struct seen own = run(with_its_own);
    CHECK(own.wrong == 0 && own.done == THREADS * ROUNDS);
    struct seen same = run(with_the_same);
    CHECK(same.wrong == 0 && same.done > 0 && same.done + same.refused == THREADS * ROUNDS);
    printf("one hasher in two threads: %d hashed, %d refused\n", same.done, same.refused);

    free(picture);
    shadegrid_hasher_free(shared);
    shadegrid_gallery_free(opened);
    return checks_passed();
}
