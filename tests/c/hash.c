/* One picture after another: results, options, faces, texts, distances, messages. Argument: the folder tests/data/holiday. */
#include "check.h"

static shadegrid_hashed hash_in(shadegrid_hasher *hasher, const char *folder, const char *name, int32_t expected) {
    size_t length;
    uint8_t *bytes = read_in(folder, name, &length);
    shadegrid_hashed out;
    memset(&out, 0x55, sizeof out);
    int32_t status = shadegrid_hash(hasher, bytes, length, &out);
    free(bytes);
    if (status != expected) {
        fprintf(stderr, "%s: %s: %s\n", name, shadegrid_status_name(status), out.message);
    }
    CHECK(status == expected && out.status == expected);
    CHECK(strncmp(out.message, shadegrid_hasher_message(hasher), sizeof out.message - 1) == 0);
    return out;
}

static shadegrid_hasher *hasher_with(const shadegrid_options *options) {
    shadegrid_hasher *hasher = NULL;
    CHECK(shadegrid_hasher_new(options, &hasher) == SHADEGRID_OK && hasher != NULL);
    return hasher;
}

static void results(shadegrid_hasher *hasher, const char *folder) {
    shadegrid_hashed hills = hash_in(hasher, folder, "hills.jpg", SHADEGRID_OK);
    CHECK(hills.width == 800 && hills.height == 600 && strcmp(hills.format, "jpeg") == 0);
    CHECK(hills.flags == 0 && hills.faces == 0 && hills.decoded == 1.0f && hills.message[0] == '\0');
    CHECK(strncmp(hills.detail, "scaled-", 7) == 0 && hills.face[0] == '\0' && hills.limit[0] == '\0');
    CHECK(hills.signatures.has == (SHADEGRID_HAS_PHOTODNA | SHADEGRID_HAS_STRENGTH | SHADEGRID_HAS_PDQ | SHADEGRID_HAS_QUALITY));
    CHECK(hills.signatures.strength > 400 && hills.signatures.quality == 100);

    shadegrid_hashed small = hash_in(hasher, folder, "hills-small.jpg", SHADEGRID_OK);
    CHECK(shadegrid_photodna_distance(hills.signatures.photodna, small.signatures.photodna) == 72);
    CHECK(shadegrid_pdq_distance(hills.signatures.pdq, small.signatures.pdq) == 6);
    CHECK(shadegrid_photodna_distance(hills.signatures.photodna, hills.signatures.photodna) == 0);

    shadegrid_hashed broken = hash_in(hasher, folder, "coast-broken.jpg", SHADEGRID_OK);
    CHECK(broken.flags == SHADEGRID_FLAG_DAMAGED && broken.decoded > 0.56f && broken.decoded < 0.57f);

    shadegrid_hashed notes = hash_in(hasher, folder, "notes.txt", SHADEGRID_INPUT);
    CHECK(notes.signatures.has == 0 && notes.width == 0 && strstr(notes.message, "not a picture") != NULL);
    shadegrid_hashed again = hash_in(hasher, folder, "hills.jpg", SHADEGRID_OK);
    CHECK(memcmp(&again, &hills, sizeof hills) == 0);
    CHECK(shadegrid_hash(hasher, NULL, 0, &notes) == SHADEGRID_INPUT);
}

static void texts(shadegrid_hasher *hasher, const char *folder) {
    shadegrid_hashed hills = hash_in(hasher, folder, "hills.jpg", SHADEGRID_OK);
    char photodna[193], pdq[65];
    memset(photodna, 0x55, sizeof photodna);
    memset(pdq, 0x55, sizeof pdq);
    CHECK(shadegrid_photodna_text(hills.signatures.photodna, photodna) == SHADEGRID_OK && strlen(photodna) == 192);
    CHECK(shadegrid_pdq_text(hills.signatures.pdq, pdq) == SHADEGRID_OK && strlen(pdq) == 64);
    CHECK(strncmp(photodna, "ADUAuQRX", 8) == 0 && strncmp(pdq, "360c39db", 8) == 0);
    uint8_t photodna_read[144], pdq_read[32];
    CHECK(shadegrid_photodna_parse(photodna, 192, photodna_read) == SHADEGRID_OK);
    CHECK(memcmp(photodna_read, hills.signatures.photodna, 144) == 0);
    CHECK(shadegrid_pdq_parse(pdq, 64, pdq_read) == SHADEGRID_OK);
    CHECK(memcmp(pdq_read, hills.signatures.pdq, 32) == 0);
    CHECK(shadegrid_photodna_parse(photodna, 191, photodna_read) == SHADEGRID_INPUT);
    CHECK(shadegrid_pdq_parse(pdq, 63, pdq_read) == SHADEGRID_INPUT);
    CHECK(shadegrid_pdq_parse("\xff\xfe", 2, pdq_read) == SHADEGRID_INPUT);
}

/* A screenshot with transparent corners: what viewers show is a face. */
static void faces(shadegrid_hasher *hasher, const char *folder) {
    shadegrid_hashed window = hash_in(hasher, folder, "window.png", SHADEGRID_OK);
    CHECK(window.flags == SHADEGRID_FLAG_ALPHA && window.faces == 1);
    shadegrid_face face;
    memset(&face, 0x55, sizeof face);
    CHECK(shadegrid_hasher_face(hasher, 0, 0, &face) == SHADEGRID_OK && strcmp(face.name, "white") == 0);
    CHECK(face.signatures.has == window.signatures.has);
    CHECK(shadegrid_photodna_distance(face.signatures.photodna, window.signatures.photodna) > 40000);
    CHECK(shadegrid_hasher_face(hasher, 0, 1, &face) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_hasher_face(hasher, 1, 0, &face) == SHADEGRID_ARGUMENT);

    shadegrid_options options;
    CHECK(shadegrid_options_init(&options, sizeof options) == SHADEGRID_OK);
    options.faces = SHADEGRID_FACES_SHOWN;
    shadegrid_hasher *shown = hasher_with(&options);
    shadegrid_hashed seen = hash_in(shown, folder, "window.png", SHADEGRID_OK);
    CHECK(strcmp(seen.face, "white") == 0 && seen.faces == 0);
    CHECK(memcmp(&seen.signatures, &face.signatures, sizeof face.signatures) == 0);
    shadegrid_hasher_free(shown);

    /* The next call takes the last one's faces away. */
    hash_in(hasher, folder, "hills.jpg", SHADEGRID_OK);
    CHECK(shadegrid_hasher_face(hasher, 0, 0, &face) == SHADEGRID_ARGUMENT);
}

static void choices(const char *folder) {
    shadegrid_options options;
    CHECK(shadegrid_options_init(&options, sizeof options) == SHADEGRID_OK && options.size == sizeof options);
    options.algorithms = SHADEGRID_PDQ | SHADEGRID_PDQ512;
    options.detail = SHADEGRID_DETAIL_FULL;
    options.orientations = 1;
    shadegrid_hasher *hasher = hasher_with(&options);
    shadegrid_hashed hills = hash_in(hasher, folder, "hills.jpg", SHADEGRID_OK);
    CHECK(hills.signatures.has
          == (SHADEGRID_HAS_PDQ | SHADEGRID_HAS_QUALITY | SHADEGRID_HAS_PDQ_ORIENTATIONS | SHADEGRID_HAS_PDQ512));
    CHECK(strcmp(hills.detail, "full") == 0 && hills.signatures.pdq_path == SHADEGRID_PDQ_PATH_FAST);
    CHECK(memcmp(hills.signatures.pdq_orientations[SHADEGRID_ORIENTATION_UPRIGHT], hills.signatures.pdq, 32) == 0);
    shadegrid_hashed mirrored = hash_in(hasher, folder, "hills-mirrored.jpg", SHADEGRID_OK);
    const uint8_t *mirror = hills.signatures.pdq_orientations[SHADEGRID_ORIENTATION_MIRROR];
    CHECK(shadegrid_pdq_distance(mirror, mirrored.signatures.pdq) <= 8);
    shadegrid_hasher_free(hasher);

    CHECK(shadegrid_options_init(&options, sizeof options) == SHADEGRID_OK);
    options.max_pixels = 100000;
    options.damaged = SHADEGRID_DAMAGED_REFUSE;
    hasher = hasher_with(&options);
    shadegrid_hashed large = hash_in(hasher, folder, "hills.jpg", SHADEGRID_LIMIT);
    CHECK(strcmp(large.limit, "max_pixels") == 0 && strstr(large.message, "480000") != NULL);
    shadegrid_hasher_free(hasher);
    options.max_pixels = 1000000;
    hasher = hasher_with(&options);
    hash_in(hasher, folder, "coast-broken.jpg", SHADEGRID_CORRUPT);
    shadegrid_hasher_free(hasher);
    options.memory = 1000;
    hasher = hasher_with(&options);
    large = hash_in(hasher, folder, "hills.jpg", SHADEGRID_LIMIT);
    CHECK(strcmp(large.limit, "memory") == 0);
    shadegrid_hasher_free(hasher);
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    CHECK(shadegrid_abi_version() == SHADEGRID_ABI_VERSION);
    CHECK(strcmp(shadegrid_status_name(SHADEGRID_UNSUPPORTED), "unsupported") == 0);
    CHECK(strcmp(shadegrid_status_name(-1), "unknown") == 0 && strcmp(shadegrid_status_name(9), "unknown") == 0);
    CHECK(strchr(shadegrid_version(), '.') != NULL);
    shadegrid_hasher *hasher = hasher_with(NULL);
    CHECK(strcmp(shadegrid_hasher_message(hasher), "") == 0);
    results(hasher, arguments[1]);
    texts(hasher, arguments[1]);
    faces(hasher, arguments[1]);
    choices(arguments[1]);
    shadegrid_hasher_free(hasher);
    return checks_passed();
}
