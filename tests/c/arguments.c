/* Calls that are wrong are a status and write nothing that they should not. */
#include "check.h"

static void null_pointers(shadegrid_hasher *hasher) {
    uint8_t byte = 0, photodna[144] = {0}, pdq[32] = {0};
    char text[193];
    shadegrid_hashed out;
    shadegrid_bytes bytes = {&byte, 1};
    shadegrid_face face;
    CHECK(shadegrid_hasher_new(NULL, NULL) == SHADEGRID_ARGUMENT);
    shadegrid_hasher_free(NULL);
    CHECK(strcmp(shadegrid_hasher_message(NULL), "") == 0);

    CHECK(shadegrid_hash(NULL, &byte, 1, &out) == SHADEGRID_ARGUMENT && out.status == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_hash(hasher, &byte, 1, NULL) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_hash(hasher, NULL, 1, &out) == SHADEGRID_ARGUMENT && out.message[0] != '\0');
    CHECK(shadegrid_hasher_message(hasher)[0] != '\0');
    CHECK(shadegrid_hash(hasher, &byte, SIZE_MAX, &out) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_hash(hasher, &byte, 1, &out) == SHADEGRID_INPUT);
    CHECK(shadegrid_hash_pixels(NULL, &byte, 1, 5, 5, 0, SHADEGRID_ORDER_GREY, &out) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_hash_pixels(hasher, &byte, 1, 5, 5, 0, SHADEGRID_ORDER_GREY, NULL) == SHADEGRID_ARGUMENT);

    memset(&out, 0x55, sizeof out);
    shadegrid_hashed before = out;
    CHECK(shadegrid_hash_many(NULL, &bytes, 1, &out) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_hash_many(hasher, NULL, 1, &out) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_hasher_message(hasher)[0] != '\0');
    CHECK(shadegrid_hash_many(hasher, &bytes, 1, NULL) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_hash_many(hasher, &bytes, SIZE_MAX, &out) == SHADEGRID_ARGUMENT);
    CHECK(memcmp(&out, &before, sizeof out) == 0);
    CHECK(shadegrid_hasher_face(NULL, 0, 0, &face) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_hasher_face(hasher, 0, 0, NULL) == SHADEGRID_ARGUMENT);

    CHECK(shadegrid_photodna_distance(NULL, photodna) == UINT32_MAX && shadegrid_photodna_distance(photodna, NULL) == UINT32_MAX);
    CHECK(shadegrid_pdq_distance(NULL, pdq) == UINT32_MAX && shadegrid_pdq_distance(pdq, NULL) == UINT32_MAX);
    CHECK(shadegrid_photodna_parse(NULL, 5, photodna) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_pdq_parse(NULL, 5, pdq) == SHADEGRID_ARGUMENT && shadegrid_pdq_parse(text, SIZE_MAX, pdq) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_pdq_parse("0000000000000000000000000000000000000000000000000000000000000000", 64, NULL) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_photodna_text(NULL, text) == SHADEGRID_ARGUMENT && shadegrid_photodna_text(photodna, NULL) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_pdq_text(NULL, text) == SHADEGRID_ARGUMENT && shadegrid_pdq_text(pdq, NULL) == SHADEGRID_ARGUMENT);
}

static void galleries(const char *path) {
    char message[8];
    shadegrid_gallery *gallery = NULL;
    shadegrid_entry entry;
    shadegrid_signatures query;
    shadegrid_match match;
    shadegrid_search search;
    size_t found = 0;
    memset(&query, 0, sizeof query);
    shadegrid_gallery_free(NULL);
    CHECK(shadegrid_gallery_open(NULL, &gallery, message, sizeof message) == SHADEGRID_ARGUMENT && message[0] != '\0');
    CHECK(shadegrid_gallery_open(path, NULL, message, sizeof message) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_gallery_open(path, &gallery, NULL, 1000) == SHADEGRID_OK);
    CHECK(shadegrid_gallery_find(NULL, &query, 1, NULL, &match, 1, &found) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_gallery_find(gallery, NULL, 1, NULL, &match, 1, &found) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_gallery_find(gallery, &query, 1, NULL, NULL, 1, &found) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_gallery_find(gallery, &query, 1, NULL, &match, 1, NULL) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_gallery_find(gallery, &query, SIZE_MAX, NULL, &match, 1, &found) == SHADEGRID_ARGUMENT);
    /* A query that holds nothing finds nothing. */
    CHECK(shadegrid_gallery_find(gallery, &query, 1, NULL, &match, 1, &found) == SHADEGRID_OK && found == 0);
    CHECK(shadegrid_search_init(&search, sizeof search) == SHADEGRID_OK);
    search.size -= 8;
    CHECK(shadegrid_gallery_find(gallery, &query, 1, &search, &match, 1, &found) == SHADEGRID_ARGUMENT);
    search.size += 8;
    search.joint = 2;
    CHECK(shadegrid_gallery_find(gallery, &query, 1, &search, &match, 1, &found) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_search_init(NULL, sizeof search) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_search_init(&search, sizeof search + 8) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_gallery_entry(NULL, 0, &entry) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_gallery_entry(gallery, 0, NULL) == SHADEGRID_ARGUMENT);
    shadegrid_gallery_free(gallery);
}

/* Structs of a program that was compiled with another header. */
static void sizes(void) {
    shadegrid_options options, before;
    memset(&options, 0x55, sizeof options);
    before = options;
    CHECK(shadegrid_options_init(NULL, sizeof options) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_options_init(&options, 0) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_options_init(&options, sizeof options - 1) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_options_init(&options, sizeof options + 8) == SHADEGRID_ARGUMENT);
    CHECK(memcmp(&options, &before, sizeof options) == 0);
    /* Nobody filled it. */
    shadegrid_hasher *hasher = (shadegrid_hasher *)&options;
    CHECK(shadegrid_hasher_new(&options, &hasher) == SHADEGRID_ARGUMENT && hasher == NULL);
    CHECK(shadegrid_options_init(&options, sizeof options) == SHADEGRID_OK);
    for (int change = -8; change <= 8; change += 16) {
        options.size = sizeof options + (size_t)change;
        CHECK(shadegrid_hasher_new(&options, &hasher) == SHADEGRID_ARGUMENT && hasher == NULL);
    }
    options.size = sizeof options;
    options.detail = 5;
    CHECK(shadegrid_hasher_new(&options, &hasher) == SHADEGRID_ARGUMENT && hasher == NULL);
    options.detail = SHADEGRID_DETAIL_AUTO;
    options.algorithms = 0;
    CHECK(shadegrid_hasher_new(&options, &hasher) == SHADEGRID_ARGUMENT && hasher == NULL);
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    shadegrid_hasher *hasher = NULL;
    CHECK(shadegrid_hasher_new(NULL, &hasher) == SHADEGRID_OK);
    null_pointers(hasher);
    galleries(arguments[1]);
    sizes();
    shadegrid_hasher_free(hasher);
    return checks_passed();
}
