/* Pixels in every order, with and without padding, are the picture that a file of the same pixels is. */
#include "check.h"

enum { WIDTH = 123, HEIGHT = 77, PADDING = 13 };

/* A picture with something to see, grey where `channels` are alike. */
static uint8_t sample(int x, int y, int channel) {
    return (uint8_t)(x / 9 * (channel + 3) + y / 7 * 5 + x * y / (20 + 3 * channel));
}

/* The picture with so many bytes a pixel, `red` and `blue` at these places; the caller frees it. */
static uint8_t *picture(size_t pixel, size_t stride, size_t red, size_t blue, size_t *length) {
    *length = stride * (HEIGHT - 1) + pixel * WIDTH;
    uint8_t *bytes = (uint8_t *)malloc(*length);
    CHECK(bytes != NULL);
    memset(bytes, 0xaa, *length);
    for (int y = 0; y < HEIGHT; ++y) {
        for (int x = 0; x < WIDTH; ++x) {
            uint8_t *at = bytes + stride * (size_t)y + pixel * (size_t)x;
            if (pixel == 1) {
                *at = sample(x, y, 0);
                continue;
            }
            at[red] = sample(x, y, 0);
            at[1] = sample(x, y, 1);
            at[blue] = sample(x, y, 2);
        }
    }
    return bytes;
}

static void put(uint8_t *at, uint32_t value) {
    for (int k = 0; k < 4; ++k) {
        at[k] = (uint8_t)(value >> (8 * k));
    }
}

/* The same as a Windows bitmap: rows from the bottom up, blue first, padded to four bytes. */
static shadegrid_hashed as_bitmap(shadegrid_hasher *hasher) {
    size_t row = (3 * WIDTH + 3) / 4 * 4, length = 54 + row * HEIGHT;
    uint8_t *file = (uint8_t *)calloc(length, 1);
    CHECK(file != NULL);
    memcpy(file, "BM", 2);
    put(file + 2, (uint32_t)length);
    put(file + 10, 54);
    put(file + 14, 40);
    put(file + 18, WIDTH);
    put(file + 22, HEIGHT);
    put(file + 26, 1 | 24 << 16);
    for (int y = 0; y < HEIGHT; ++y) {
        for (int x = 0; x < WIDTH; ++x) {
            for (int channel = 0; channel < 3; ++channel) {
                file[54 + row * (size_t)(HEIGHT - 1 - y) + 3 * (size_t)x + (size_t)(2 - channel)] = sample(x, y, channel);
            }
        }
    }
    shadegrid_hashed out;
    CHECK(shadegrid_hash(hasher, file, length, &out) == SHADEGRID_OK);
    CHECK(strcmp(out.format, "bmp") == 0);
    free(file);
    return out;
}

static shadegrid_hashed as_pixels(shadegrid_hasher *hasher, int32_t order, size_t pixel, size_t padding) {
    int is_blue_first = order == SHADEGRID_ORDER_BGR || order == SHADEGRID_ORDER_BGRX;
    size_t length, stride = pixel * WIDTH + padding;
    uint8_t *bytes = picture(pixel, stride, is_blue_first ? 2 : 0, is_blue_first ? 0 : 2, &length);
    shadegrid_hashed out;
    CHECK(shadegrid_hash_pixels(hasher, bytes, length, WIDTH, HEIGHT, padding == 0 ? 0 : stride, order, &out) == SHADEGRID_OK);
    CHECK(out.format[0] == '\0' && strcmp(out.detail, "full") == 0);
    CHECK(out.width == WIDTH && out.height == HEIGHT && out.decoded == 1.0f);

    shadegrid_hashed none;
    CHECK(shadegrid_hash_pixels(hasher, bytes, length - 1, WIDTH, HEIGHT, stride, order, &none) == SHADEGRID_ARGUMENT);
    CHECK(none.status == SHADEGRID_ARGUMENT && none.message[0] != '\0');
    CHECK(shadegrid_hash_pixels(hasher, bytes, length, WIDTH, HEIGHT, pixel * WIDTH - 1, order, &none) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_hash_pixels(hasher, bytes, length, WIDTH, HEIGHT, SIZE_MAX, order, &none) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_hash_pixels(hasher, bytes, length, WIDTH, HEIGHT, SIZE_MAX / 60, order, &none) == SHADEGRID_ARGUMENT);
    free(bytes);
    return out;
}

static void refused(shadegrid_hasher *hasher) {
    uint8_t few[4 * 4 * 3] = {0};
    shadegrid_hashed out;
    CHECK(shadegrid_hash_pixels(hasher, few, sizeof few, 4, 4, 0, SHADEGRID_ORDER_RGB, &out) == SHADEGRID_INPUT);
    CHECK(shadegrid_hash_pixels(hasher, few, sizeof few, 0, 0, 0, SHADEGRID_ORDER_RGB, &out) == SHADEGRID_INPUT);
    CHECK(shadegrid_hash_pixels(hasher, few, sizeof few, 5, 5, 0, 0, &out) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_hash_pixels(hasher, few, sizeof few, 5, 5, 0, 6, &out) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_hash_pixels(hasher, few, sizeof few, UINT32_MAX, UINT32_MAX, 0, SHADEGRID_ORDER_GREY, &out) == SHADEGRID_LIMIT);
    CHECK(strcmp(out.limit, "max_side") == 0);
    CHECK(shadegrid_hash_pixels(hasher, NULL, 0, 5, 5, 0, SHADEGRID_ORDER_RGB, &out) == SHADEGRID_ARGUMENT);
    CHECK(shadegrid_hash_pixels(hasher, NULL, 75, 5, 5, 0, SHADEGRID_ORDER_RGB, &out) == SHADEGRID_ARGUMENT);
}

int main(void) {
    const struct {
        int32_t order;
        size_t pixel;
    } all[] = {{SHADEGRID_ORDER_RGB, 3}, {SHADEGRID_ORDER_BGR, 3}, {SHADEGRID_ORDER_RGBX, 4}, {SHADEGRID_ORDER_BGRX, 4}};
    shadegrid_hasher *hasher = NULL;
    CHECK(shadegrid_hasher_new(NULL, &hasher) == SHADEGRID_OK);
    shadegrid_hashed file = as_bitmap(hasher);
    for (size_t k = 0; k < sizeof all / sizeof *all; ++k) {
        for (size_t padding = 0; padding <= PADDING; padding += PADDING) {
            shadegrid_hashed pixels = as_pixels(hasher, all[k].order, all[k].pixel, padding);
            CHECK(memcmp(&pixels.signatures, &file.signatures, sizeof file.signatures) == 0);
        }
    }
    shadegrid_hashed grey = as_pixels(hasher, SHADEGRID_ORDER_GREY, 1, 0);
    shadegrid_hashed padded = as_pixels(hasher, SHADEGRID_ORDER_GREY, 1, PADDING);
    CHECK(memcmp(&grey, &padded, sizeof grey) == 0);
    CHECK(memcmp(grey.signatures.pdq, file.signatures.pdq, 32) != 0);
    refused(hasher);
    shadegrid_hasher_free(hasher);
    return checks_passed();
}
