/* Look-ups. Arguments: the folder tests/data/holiday, and a gallery of two entries: hills.jpg with key "hills" and label "land" (PhotoDNA-class and PDQ), and
 * the white face of window.png with key "window" (PhotoDNA-class). */
#include "check.h"

static int is_text(const char *text, size_t length, const char *expected) {
    return length == strlen(expected) && memcmp(text, expected, length) == 0;
}

static shadegrid_signatures hash_in(shadegrid_hasher *hasher, const char *folder, const char *name) {
    size_t length;
    uint8_t *bytes = read_in(folder, name, &length);
    shadegrid_hashed out;
    CHECK(shadegrid_hash(hasher, bytes, length, &out) == SHADEGRID_OK);
    free(bytes);
    return out.signatures;
}

static void entries(const shadegrid_gallery *gallery, const shadegrid_signatures *hills) {
    shadegrid_entry entry;
    memset(&entry, 0x55, sizeof entry);
    CHECK(shadegrid_gallery_entry(gallery, 0, &entry) == SHADEGRID_OK);
    CHECK(is_text(entry.key, entry.key_length, "hills") && is_text(entry.label, entry.label_length, "land"));
    CHECK(is_text(entry.source, entry.source_length, "list") && is_text(entry.format, entry.format_length, "text"));
    CHECK(entry.position == 7 && entry.flat == 0 && entry.quality == 100);
    CHECK(entry.has == (SHADEGRID_HAS_PHOTODNA | SHADEGRID_HAS_PDQ | SHADEGRID_HAS_QUALITY));
    CHECK(memcmp(entry.photodna, hills->photodna, 144) == 0 && memcmp(entry.pdq, hills->pdq, 32) == 0);
    CHECK(shadegrid_gallery_entry(gallery, 1, &entry) == SHADEGRID_OK);
    CHECK(is_text(entry.key, entry.key_length, "window") && entry.label_length == 0);
    CHECK(entry.has == SHADEGRID_HAS_PHOTODNA);
    CHECK(shadegrid_gallery_entry(gallery, 2, &entry) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_gallery_entry(gallery, UINT64_MAX, &entry) == SHADEGRID_ARGUMENT);
}

int main(int count, char **arguments) {
    CHECK(count == 3);
    char message[64];
    shadegrid_gallery *gallery = NULL;
    CHECK(shadegrid_gallery_open(arguments[2], &gallery, message, sizeof message) == SHADEGRID_OK);
    CHECK(gallery != NULL && message[0] == '\0');
    shadegrid_options options;
    CHECK(shadegrid_options_init(&options, sizeof options) == SHADEGRID_OK);
    options.orientations = 1;
    shadegrid_hasher *hasher = NULL;
    CHECK(shadegrid_hasher_new(&options, &hasher) == SHADEGRID_OK);

    /* A copy, a mirrored copy, a screenshot and its face. */
    const char *folder = arguments[1];
    shadegrid_signatures hills = hash_in(hasher, folder, "hills.jpg");
    shadegrid_signatures queries[4] = {hash_in(hasher, folder, "hills-small.jpg"), hash_in(hasher, folder, "hills-mirrored.jpg"),
                                       hash_in(hasher, folder, "window.png")};
    shadegrid_face face;
    CHECK(shadegrid_hasher_face(hasher, 0, 0, &face) == SHADEGRID_OK);
    queries[3] = face.signatures;
    entries(gallery, &hills);

    shadegrid_match matches[8];
    size_t found = 99;
    memset(matches, 0x55, sizeof matches);
    CHECK(shadegrid_gallery_find(gallery, queries, 4, NULL, matches, 8, &found) == SHADEGRID_OK && found == 3);
    CHECK(matches[0].query == 0 && matches[0].entry == 0 && matches[0].distance == 72 && matches[0].algorithm == SHADEGRID_PHOTODNA);
    CHECK(matches[1].query == 0 && matches[1].entry == 0 && matches[1].distance == 6 && matches[1].algorithm == SHADEGRID_PDQ);
    CHECK(matches[2].query == 3 && matches[2].entry == 1 && matches[2].distance == 0);
    CHECK(matches[0].orientation == SHADEGRID_ORIENTATION_UPRIGHT && matches[0].reserved == 0);

    /* Room for one: the others are counted and what lies behind is left alone. */
    shadegrid_match guard = matches[4];
    memset(matches, 0x55, sizeof matches);
    CHECK(shadegrid_gallery_find(gallery, queries, 4, NULL, matches, 1, &found) == SHADEGRID_OK && found == 3);
    CHECK(matches[0].distance == 72 && memcmp(&matches[1], &guard, sizeof guard) == 0);
    CHECK(shadegrid_gallery_find(gallery, queries, 4, NULL, NULL, 0, &found) == SHADEGRID_OK && found == 3);
    CHECK(shadegrid_gallery_find(gallery, NULL, 0, NULL, NULL, 0, &found) == SHADEGRID_OK && found == 0);

    shadegrid_search search;
    CHECK(shadegrid_search_init(&search, sizeof search) == SHADEGRID_OK && search.photodna_threshold == 40000);
    search.all_orientations = 1;
    search.algorithms = SHADEGRID_PDQ;
    CHECK(shadegrid_gallery_find(gallery, queries, 4, &search, matches, 8, &found) == SHADEGRID_OK && found == 2);
    CHECK(matches[1].query == 1 && matches[1].orientation == SHADEGRID_ORIENTATION_MIRROR);
    search.pdq_threshold = 5;
    CHECK(shadegrid_gallery_find(gallery, queries, 1, &search, matches, 8, &found) == SHADEGRID_OK && found == 0);
    search.algorithms |= SHADEGRID_PHOTODNA;
    search.joint = 1;
    CHECK(shadegrid_gallery_find(gallery, queries, 1, &search, matches, 8, &found) == SHADEGRID_OK && found == 0);
    search.pdq_threshold = 6;
    CHECK(shadegrid_gallery_find(gallery, queries, 1, &search, matches, 8, &found) == SHADEGRID_OK && found == 2);

    /* A query says what it holds: the same bytes without their bit are not looked up. */
    queries[0].has = SHADEGRID_HAS_PDQ;
    CHECK(shadegrid_gallery_find(gallery, queries, 1, NULL, matches, 8, &found) == SHADEGRID_OK && found == 1);
    queries[0].has |= SHADEGRID_HAS_QUALITY;
    queries[0].quality = 49;
    CHECK(shadegrid_gallery_find(gallery, queries, 1, NULL, matches, 8, &found) == SHADEGRID_OK && found == 0);
    queries[0].has = SHADEGRID_HAS_PHOTODNA | SHADEGRID_HAS_STRENGTH;
    queries[0].strength = 399;
    CHECK(shadegrid_gallery_find(gallery, queries, 1, NULL, matches, 8, &found) == SHADEGRID_OK && found == 0);
    shadegrid_gallery_free(gallery);

    /* What is no gallery. */
    char path[4096];
    snprintf(path, sizeof path, "%s/notes.txt", folder);
    CHECK(shadegrid_gallery_open(path, &gallery, message, sizeof message) == SHADEGRID_INPUT);
    CHECK(gallery == NULL && strlen(message) > 10 && strlen(message) < sizeof message);
    memset(message, 0x55, sizeof message);
    CHECK(shadegrid_gallery_open("no/such/gallery", &gallery, message, 8) == SHADEGRID_IO);
    CHECK(strcmp(message, "cannot ") == 0 && message[8] == 0x55);
    CHECK(shadegrid_gallery_open("no/such/gallery", &gallery, NULL, 0) == SHADEGRID_IO);

    shadegrid_hasher_free(hasher);
    return checks_passed();
}
