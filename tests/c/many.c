/* Many pictures at once are what each is alone, whatever is among them. Argument: the folder tests/data/holiday. */
#include "check.h"

enum { NAMES = 7, ROUNDS = 6, PICTURES = NAMES * ROUNDS + 3 };

static const char *const names[NAMES] = {
    "hills.jpg", "notes.txt", "window.png", "coast-broken.jpg", "hills-small.jpg", "hills-mirrored.jpg", "hills-blurred.jpg"};

int main(int count, char **arguments) {
    CHECK(count == 2);
    shadegrid_options options;
    CHECK(shadegrid_options_init(&options, sizeof options) == SHADEGRID_OK);
    options.threads = 3;
    shadegrid_hasher *alone = NULL, *many = NULL;
    CHECK(shadegrid_hasher_new(&options, &alone) == SHADEGRID_OK && shadegrid_hasher_new(&options, &many) == SHADEGRID_OK);

    shadegrid_bytes files[NAMES], pictures[PICTURES];
    shadegrid_hashed expected[NAMES];
    static shadegrid_hashed out[PICTURES];
    uint8_t *owned[NAMES];
    for (int k = 0; k < NAMES; ++k) {
        owned[k] = read_in(arguments[1], names[k], &files[k].length);
        files[k].data = owned[k];
        CHECK(shadegrid_hash(alone, files[k].data, files[k].length, &expected[k]) == expected[k].status);
    }
    for (int k = 0; k < NAMES * ROUNDS; ++k) {
        pictures[k] = files[k % NAMES];
    }
    /* Empty, null with a length, and longer than memory. */
    pictures[PICTURES - 3] = (shadegrid_bytes){NULL, 0};
    pictures[PICTURES - 2] = (shadegrid_bytes){NULL, 5};
    pictures[PICTURES - 1] = (shadegrid_bytes){owned[0], SIZE_MAX};

    for (int call = 0; call < 2; ++call) {
        memset(out, 0x55, sizeof out);
        CHECK(shadegrid_hash_many(many, pictures, PICTURES, out) == SHADEGRID_OK);
        CHECK(shadegrid_hasher_message(many)[0] == '\0');
        for (int k = 0; k < NAMES * ROUNDS; ++k) {
            CHECK(memcmp(&out[k], &expected[k % NAMES], sizeof *out) == 0);
        }
        CHECK(out[1].status == SHADEGRID_INPUT && out[PICTURES - 3].status == SHADEGRID_INPUT);
        CHECK(out[PICTURES - 2].status == SHADEGRID_ARGUMENT && out[PICTURES - 1].status == SHADEGRID_ARGUMENT);
        CHECK(out[PICTURES - 1].message[0] != '\0' && out[PICTURES - 1].signatures.has == 0);
    }

    /* Each picture's faces by its place. */
    shadegrid_face face;
    CHECK(shadegrid_hash(alone, files[2].data, files[2].length, &expected[2]) == SHADEGRID_OK);
    shadegrid_face first;
    CHECK(shadegrid_hasher_face(alone, 0, 0, &first) == SHADEGRID_OK);
    for (int k = 0; k < NAMES * ROUNDS; ++k) {
        int32_t has_face = k % NAMES == 2 ? SHADEGRID_OK : SHADEGRID_ARGUMENT;
        CHECK(shadegrid_hasher_face(many, (size_t)k, 0, &face) == has_face);
        CHECK(has_face != SHADEGRID_OK || memcmp(&face, &first, sizeof face) == 0);
    }
    CHECK(shadegrid_hash_many(many, NULL, 0, NULL) == SHADEGRID_OK);
    CHECK(shadegrid_hasher_face(many, 2, 0, &face) == SHADEGRID_ARGUMENT);

    for (int k = 0; k < NAMES; ++k) {
        free(owned[k]);
    }
    shadegrid_hasher_free(alone);
    shadegrid_hasher_free(many);
    return checks_passed();
}
