/* What a sanitizer has to see: "read" behind the end of memory, and a hasher that is a "leak". */
#include "check.h"

static int read_behind(size_t length) {
    uint8_t *bytes = (uint8_t *)calloc(length, 1);
    volatile uint8_t behind = bytes[length];
    free(bytes);
    return behind;
}

static void leak(void) {
    shadegrid_hasher *volatile hasher = NULL;
    CHECK(shadegrid_hasher_new(NULL, (shadegrid_hasher **)&hasher) == SHADEGRID_OK);
    hasher = NULL;
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    if (strcmp(arguments[1], "read") == 0) {
        read_behind((size_t)count * 8);
    } else {
        leak();
    }
    return checks_passed();
}
