/*
 * Shadegrid: exact perceptual hashes of pictures (PhotoDNA-class and PDQ), and search among known ones. C99 and C++.
 *
 * Generated from the Rust sources of the library; do not edit. The guide is docs/c.md.
 *
 * Results. Functions return SHADEGRID_OK or another status; shadegrid_status_name says it in one word. No function ends the program, and none
 * reads or writes memory that it was not given.
 *
 * Pointers. A pointer is what its function says, or null. Null is SHADEGRID_ARGUMENT where a function does not allow it. Arrays have the length that is
 * passed with them, or that stands in the function's declaration; structs are aligned as the compiler aligns them. Nothing that is passed is kept.
 *
 * Memory. The caller frees handles, by shadegrid_hasher_free and shadegrid_gallery_free, and nothing else. Texts of a handle live as its function
 * says. Everything else lies in the caller's own structs.
 *
 * Threads. A hasher is used by one thread at a time, and has its own threads in shadegrid_hash_many; a gallery by any number of threads. All other
 * functions hold no state.
 *
 * Versions. Structs that a caller fills begin with `size` and grow at their end. Structs that a caller is given keep their size as long as
 * SHADEGRID_ABI_VERSION stays, so that arrays of them keep their layout. New constants may come at any time.
 *
 * Signatures are sensitive: no message holds one, and programs should not log them.
 */


#ifndef SHADEGRID_H
#define SHADEGRID_H

#include <stddef.h>
#include <stdint.h>

/**
 * Everything went well.
 */
#define SHADEGRID_OK 0

/**
 * The bytes claim to be a picture or a gallery but hold none, or (where asked for) not all of it.
 */
#define SHADEGRID_CORRUPT 1

/**
 * A format, or a variant of one, that this version does not read.
 */
#define SHADEGRID_UNSUPPORTED 2

/**
 * Over a limit of the options, or over the memory that there is.
 */
#define SHADEGRID_LIMIT 3

/**
 * Not something that can be worked with: empty, not a picture, under 5 pixels a side, not a signature, not a gallery.
 */
#define SHADEGRID_INPUT 4

/**
 * A device failed; this library uses none.
 */
#define SHADEGRID_DEVICE 5

/**
 * The system could not read, or refused a thread.
 */
#define SHADEGRID_IO 6

/**
 * The call is wrong: a null pointer, a wrong `size`, a value that is none of the constants, a buffer that is too short, a hasher that
 * another thread uses.
 */
#define SHADEGRID_ARGUMENT 7

/**
 * The library met a state that it did not expect. This is a bug; please report it. The handle can be used again.
 */
#define SHADEGRID_PANIC 8

/**
 * The version of this header's structs and functions. It is raised when a program that was compiled before would break.
 */
#define SHADEGRID_ABI_VERSION 1

/**
 * The PhotoDNA-class signature, 144 bytes. Distance: squared Euclidean. The three are bits of `algorithms`.
 */
#define SHADEGRID_PHOTODNA 1

/**
 * PDQ on the picture at full resolution, 256 bits. Distance: Hamming.
 */
#define SHADEGRID_PDQ 2

/**
 * PDQ on the picture brought to 512x512 pixels first. Distance: Hamming.
 */
#define SHADEGRID_PDQ512 4

/**
 * As much of a JPEG is read as the signatures need.
 */
#define SHADEGRID_DETAIL_AUTO 0

/**
 * Every pixel. Positive values 1, 2, 3, 4, 6 and 8 are the lowest nxn frequencies of each block.
 */
#define SHADEGRID_DETAIL_FULL -1

/**
 * As SHADEGRID_DETAIL_AUTO, and never every pixel of a JPEG whose blocks can be read at all.
 */
#define SHADEGRID_DETAIL_SCALED -2

/**
 * The stored pixels are hashed, as every exchanged list does.
 */
#define SHADEGRID_ORIENT_IGNORE 0

/**
 * The picture is turned as its EXIF metadata says first.
 */
#define SHADEGRID_ORIENT_EXIF 1

/**
 * A damaged picture is hashed as a browser shows it; it has SHADEGRID_FLAG_DAMAGED.
 */
#define SHADEGRID_DAMAGED_HASH 0

/**
 * A damaged picture is SHADEGRID_CORRUPT.
 */
#define SHADEGRID_DAMAGED_REFUSE 1

/**
 * The stored pixels are hashed, and what else viewers show: see shadegrid_hasher_face.
 */
#define SHADEGRID_FACES_ALL 0

/**
 * The stored pixels alone.
 */
#define SHADEGRID_FACES_STORED 1

/**
 * What viewers show: where that is not the stored pixels, it takes their place, and `face` names it.
 */
#define SHADEGRID_FACES_SHOWN 2

/**
 * Pixels that are not opaque count as the colours that they store, as lists are made of: the default.
 */
#define SHADEGRID_ALPHA_DROP 0

/**
 * They are hashed over white.
 */
#define SHADEGRID_ALPHA_WHITE 1

/**
 * They are hashed over black.
 */
#define SHADEGRID_ALPHA_BLACK 2

/**
 * `photodna` holds a signature. The six are bits of `has`.
 */
#define SHADEGRID_HAS_PHOTODNA 1

/**
 * `strength` is known.
 */
#define SHADEGRID_HAS_STRENGTH 2

/**
 * `pdq` holds a signature.
 */
#define SHADEGRID_HAS_PDQ 4

/**
 * `quality` is known.
 */
#define SHADEGRID_HAS_QUALITY 8

/**
 * `pdq_orientations` holds eight signatures.
 */
#define SHADEGRID_HAS_PDQ_ORIENTATIONS 16

/**
 * `pdq512` holds a signature, and `quality512` is known.
 */
#define SHADEGRID_HAS_PDQ512 32

/**
 * The PhotoDNA-class signature is mostly noise: `strength` is under 400. These are bits of `flags`.
 */
#define SHADEGRID_FLAG_FLAT 1

/**
 * A side is under 50 pixels.
 */
#define SHADEGRID_FLAG_SMALL 2

/**
 * The file breaks off or is broken inside; `decoded` says how much of it is there.
 */
#define SHADEGRID_FLAG_DAMAGED 4

/**
 * Some pixel is not opaque: what is seen depends on what lies behind.
 */
#define SHADEGRID_FLAG_ALPHA 8

/**
 * A colour profile or gamma moves the picture noticeably.
 */
#define SHADEGRID_FLAG_PROFILE 16

/**
 * There are further frames.
 */
#define SHADEGRID_FLAG_ANIMATED 32

/**
 * Viewers turn the picture.
 */
#define SHADEGRID_FLAG_ORIENTED 64

/**
 * Decoders do not agree on what is shown.
 */
#define SHADEGRID_FLAG_UNUSUAL 128

/**
 * There are further pages, or pictures.
 */
#define SHADEGRID_FLAG_PAGES 256

/**
 * A PDQ signature was computed in exact integers.
 */
#define SHADEGRID_PDQ_PATH_FAST 0

/**
 * A PDQ signature was computed by the definition's own 32-bit floats, because many coefficients tie at the median.
 */
#define SHADEGRID_PDQ_PATH_REFERENCE 1

/**
 * One byte per pixel: grey.
 */
#define SHADEGRID_ORDER_GREY 1

/**
 * Three bytes per pixel: red, green, blue.
 */
#define SHADEGRID_ORDER_RGB 2

/**
 * Three bytes per pixel: blue, green, red.
 */
#define SHADEGRID_ORDER_BGR 3

/**
 * Four bytes per pixel: red, green, blue, and one that does not count (padding, or alpha that is dropped without blending).
 */
#define SHADEGRID_ORDER_RGBX 4

/**
 * Four bytes per pixel: blue, green, red, and one that does not count.
 */
#define SHADEGRID_ORDER_BGRX 5

/**
 * As it is. The constants SHADEGRID_ORIENTATION_* say how a query's picture lies against the entry's.
 */
#define SHADEGRID_ORIENTATION_UPRIGHT 0

/**
 * Turned by 90 degrees counter-clockwise.
 */
#define SHADEGRID_ORIENTATION_ROTATE_90 1

/**
 * Turned by 180 degrees.
 */
#define SHADEGRID_ORIENTATION_ROTATE_180 2

/**
 * Turned by 270 degrees counter-clockwise.
 */
#define SHADEGRID_ORIENTATION_ROTATE_270 3

/**
 * Top and bottom exchanged.
 */
#define SHADEGRID_ORIENTATION_FLIP 4

/**
 * Left and right exchanged.
 */
#define SHADEGRID_ORIENTATION_MIRROR 5

/**
 * Rows and columns exchanged.
 */
#define SHADEGRID_ORIENTATION_TRANSPOSE 6

/**
 * Mirrored at the other diagonal.
 */
#define SHADEGRID_ORIENTATION_ANTI_TRANSPOSE 7

/**
 * Known signatures, ready for search. Any number of threads may use one at a time.
 */
typedef struct shadegrid_gallery shadegrid_gallery;

/**
 * Hashes pictures, keeping its buffers between them. Used by one thread at a time: a call that comes meanwhile is
 * SHADEGRID_ARGUMENT.
 *
 * What a call says (its message, its faces) stays until the next call with the same hasher.
 */
typedef struct shadegrid_hasher shadegrid_hasher;

/**
 * What is hashed, and how. shadegrid_options_init fills it; members are changed afterwards.
 *
 * Later versions may add members at the end. `size` says which of them a program knows, so that programs compiled before keep working.
 */
typedef struct shadegrid_options {
    /**
     * Bytes of this struct, as the program was compiled; shadegrid_options_init sets it.
     */
    size_t size;
    /**
     * Memory in bytes that files and pictures in flight may take together; 0: 256 MiB per thread and at least 1 GiB, and no more
     * than half of what the machine, the container and the process allow.
     */
    uint64_t memory;
    /**
     * Largest width * height, in pixels.
     */
    uint64_t max_pixels;
    /**
     * Most pixels per byte of the file, asked of pictures over 12,582,912 pixels.
     */
    uint64_t max_pixels_per_byte;
    /**
     * Longest encoded file, in bytes.
     */
    uint64_t max_file_bytes;
    /**
     * Most memory that decoding one picture may take, in bytes.
     */
    uint64_t max_decoder_bytes;
    /**
     * Longest side, in pixels.
     */
    uint32_t max_side;
    /**
     * Most scans of a progressive JPEG.
     */
    uint32_t max_scans;
    /**
     * Bits: SHADEGRID_PHOTODNA, SHADEGRID_PDQ, SHADEGRID_PDQ512. Default: the first two.
     */
    uint32_t algorithms;
    /**
     * Threads of shadegrid_hash_many; 0: as many as the machine runs at once.
     */
    uint32_t threads;
    /**
     * A constant SHADEGRID_DETAIL_*, or 1, 2, 3, 4, 6, 8.
     */
    int32_t detail;
    /**
     * A constant SHADEGRID_ORIENT_*.
     */
    int32_t orient;
    /**
     * A constant SHADEGRID_DAMAGED_*.
     */
    int32_t damaged;
    /**
     * A constant SHADEGRID_FACES_*.
     */
    int32_t faces;
    /**
     * 1: `pdq_orientations` are computed. Default 0.
     */
    uint32_t orientations;
    /**
     * A constant SHADEGRID_ALPHA_*.
     */
    int32_t alpha;
} shadegrid_options;

/**
 * What counts as a match. shadegrid_search_init fills it; members are changed afterwards. It grows as shadegrid_options does.
 */
typedef struct shadegrid_search {
    /**
     * Bytes of this struct, as the program was compiled; shadegrid_search_init sets it.
     */
    size_t size;
    /**
     * At most so many matches per query and algorithm, the nearest ones; 0: all.
     */
    uint64_t nearest;
    /**
     * Which signatures are looked up, bits: SHADEGRID_PHOTODNA, SHADEGRID_PDQ. Default: both.
     */
    uint32_t algorithms;
    /**
     * Largest squared Euclidean distance of a match. Default 40,000.
     */
    uint32_t photodna_threshold;
    /**
     * Largest Hamming distance of a match, 0 to 256. Default 31.
     */
    uint32_t pdq_threshold;
    /**
     * 1: an entry counts only where both distances are within their thresholds, in the same orientation. Default 0.
     */
    uint32_t joint;
    /**
     * 1: queries are turned and mirrored in all eight ways. Default 0.
     */
    uint32_t all_orientations;
    /**
     * 1: signatures of nearly flat pictures match too. Default 0.
     */
    uint32_t include_flat;
    /**
     * Smallest PDQ quality, of query and entry, at which PDQ signatures match, where the quality is known. Default 50.
     */
    uint32_t quality_min;
} shadegrid_search;

/**
 * Signatures of one picture, and what is needed to judge them. It is also what a gallery is asked for: shadegrid_gallery_find.
 *
 * Its size is part of the ABI version: later versions may use `reserved`, and a new bit of `has` says that they did.
 */
typedef struct shadegrid_signatures {
    /**
     * Which members hold something, bits SHADEGRID_HAS_*; the others are 0.
     */
    uint32_t has;
    /**
     * Quality of `pdq`, 0 to 100; signatures under 50 should not be matched.
     */
    uint8_t quality;
    /**
     * Quality of `pdq512`.
     */
    uint8_t quality512;
    /**
     * A constant SHADEGRID_PDQ_PATH_* for `pdq`.
     */
    uint8_t pdq_path;
    /**
     * The same for `pdq512`.
     */
    uint8_t pdq512_path;
    /**
     * Length of the gradient vector before `photodna` was normalised: how much there is to see. Under 400: flat.
     */
    double strength;
    /**
     * The PhotoDNA-class signature: 6x6 cells of 4 gradient sums.
     */
    uint8_t photodna[144];
    /**
     * The PDQ signature, bit 255 first.
     */
    uint8_t pdq[32];
    /**
     * PDQ of the picture at 512x512 pixels.
     */
    uint8_t pdq512[32];
    /**
     * `pdq` of the picture in all eight orientations, numbered as the constants SHADEGRID_ORIENTATION_*.
     */
    uint8_t pdq_orientations[8][32];
    /**
     * 0.
     */
    uint8_t reserved[32];
} shadegrid_signatures;

/**
 * What one picture gave: signatures (`status` is SHADEGRID_OK), or why there are none.
 *
 * Its size is part of the ABI version: later versions may use `reserved`. Texts end with a NUL and are cut where they are longer.
 */
typedef struct shadegrid_hashed {
    /**
     * SHADEGRID_OK, or why there is no signature.
     */
    int32_t status;
    /**
     * Bits SHADEGRID_FLAG_*.
     */
    uint32_t flags;
    /**
     * Width in pixels.
     */
    uint32_t width;
    /**
     * Height in pixels.
     */
    uint32_t height;
    /**
     * Further pictures that the file shows: see shadegrid_hasher_face.
     */
    uint32_t faces;
    /**
     * The share of rows, 0 to 1, that came out whole; 1 for an undamaged picture.
     */
    float decoded;
    /**
     * The format by the first bytes: "jpeg", "png", "webp", "gif", "bmp", "tiff"; "" for pixels.
     */
    char format[16];
    /**
     * How much was decoded: "full" for every pixel, "scaled-2" for the lowest 2x2 frequencies of each block.
     */
    char detail[16];
    /**
     * The face that the signatures are of, where that is not the stored pixels; else "".
     */
    char face[32];
    /**
     * The option that the picture is over, such as "max_pixels", where `status` is SHADEGRID_LIMIT; "" where the machine has no more.
     */
    char limit[24];
    /**
     * Why there is no signature, for people; "" where there is one. Holds no signature and may be logged.
     */
    char message[256];
    /**
     * Signatures of the stored pixels, or of `face`.
     */
    struct shadegrid_signatures signatures;
    /**
     * 0.
     */
    uint8_t reserved[16];
} shadegrid_hashed;

/**
 * Encoded bytes: a picture in memory of the caller's. Never grows.
 */
typedef struct shadegrid_bytes {
    /**
     * The first byte; may be null where `length` is 0.
     */
    const uint8_t *data;
    /**
     * Bytes.
     */
    size_t length;
} shadegrid_bytes;

/**
 * A further picture that a file shows: what viewers put in the place of the stored pixels.
 *
 * Its size is part of the ABI version.
 */
typedef struct shadegrid_face {
    /**
     * What is shown, words joined by "-": "white" or "black" behind transparent pixels, "profile", "first", "longest" or "last" frame, "page",
     * "scans", "browser".
     */
    char name[32];
    /**
     * Its signatures.
     */
    struct shadegrid_signatures signatures;
} shadegrid_face;

/**
 * An entry within the threshold of a query. Its size is part of the ABI version.
 */
typedef struct shadegrid_match {
    /**
     * The entry: see shadegrid_gallery_entry.
     */
    uint64_t entry;
    /**
     * Index of the query.
     */
    uint32_t query;
    /**
     * In the algorithm's own measure.
     */
    uint32_t distance;
    /**
     * Which signature matched: SHADEGRID_PHOTODNA or SHADEGRID_PDQ.
     */
    uint32_t algorithm;
    /**
     * How the query's picture lies against the entry's, a constant SHADEGRID_ORIENTATION_*.
     */
    uint32_t orientation;
    /**
     * 0.
     */
    uint64_t reserved;
} shadegrid_match;

/**
 * What is known about an entry. Its size is part of the ABI version.
 *
 * Texts are UTF-8, belong to the gallery and live as long as it does. They have a length and no NUL behind them; print them by "%.*s".
 */
typedef struct shadegrid_entry {
    /**
     * What its list calls it: an id, a file name, an MD5; may be empty.
     */
    const char *key;
    /**
     * Bytes of `key`.
     */
    size_t key_length;
    /**
     * Its category or label; may be empty.
     */
    const char *label;
    /**
     * Bytes of `label`.
     */
    size_t label_length;
    /**
     * The name of its list.
     */
    const char *source;
    /**
     * Bytes of `source`.
     */
    size_t source_length;
    /**
     * The format of its list.
     */
    const char *format;
    /**
     * Bytes of `format`.
     */
    size_t format_length;
    /**
     * Where in its list it stands: line, record or byte offset, whatever the format counts.
     */
    uint64_t position;
    /**
     * Which members hold something: bits SHADEGRID_HAS_PHOTODNA, SHADEGRID_HAS_PDQ, SHADEGRID_HAS_QUALITY.
     */
    uint32_t has;
    /**
     * PDQ quality, 0 to 100.
     */
    uint8_t quality;
    /**
     * 1: its PhotoDNA-class signature comes from a nearly flat picture.
     */
    uint8_t flat;
    /**
     * The PhotoDNA-class signature.
     */
    uint8_t photodna[144];
    /**
     * The PDQ signature.
     */
    uint8_t pdq[32];
    /**
     * 0.
     */
    uint8_t reserved[32];
} shadegrid_entry;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The SHADEGRID_ABI_VERSION that the library was built with. Compare it where library and program are installed separately.
 */
uint32_t shadegrid_abi_version(void);

/**
 * The library's version, such as "0.1.0". Lives for ever.
 */
const char *shadegrid_version(void);

/**
 * A status in one word: "ok", "corrupt", "unsupported", "limit", "input", "device", "io", "argument", "panic", or "unknown" for any other
 * number. Lives for ever.
 */
const char *shadegrid_status_name(int32_t status);

/**
 * Fills the options with their defaults. `size` is sizeof(shadegrid_options).
 *
 * SHADEGRID_ARGUMENT: `options` is null, or the library knows no options of this size.
 */
int32_t shadegrid_options_init(struct shadegrid_options *options, size_t size);

/**
 * Fills the search with its defaults. `size` is sizeof(shadegrid_search).
 *
 * SHADEGRID_ARGUMENT: `search` is null, or the library knows no search of this size.
 */
int32_t shadegrid_search_init(struct shadegrid_search *search, size_t size);

/**
 * Makes a hasher. `options` may be null for the defaults. No thread runs between calls.
 *
 * SHADEGRID_ARGUMENT: `hasher` is null, `options` have another size, or one of their members is none of its constants; `*hasher` is
 * null then.
 */
int32_t shadegrid_hasher_new(const struct shadegrid_options *options,
                             struct shadegrid_hasher **hasher);

/**
 * Ends a hasher; null is allowed. No other thread may be using it.
 */
void shadegrid_hasher_free(struct shadegrid_hasher *hasher);

/**
 * Why the last call with this hasher went wrong, for people; "" where it went well, where `hasher` is null, and while another thread uses it.
 * Holds no signature and may be logged. Lives until the next call with the same hasher.
 */
const char *shadegrid_hasher_message(const struct shadegrid_hasher *hasher);

/**
 * Hashes one encoded picture: `length` bytes at `data`, which may be null where `length` is 0.
 *
 * Returns `out->status`: SHADEGRID_OK, the picture's SHADEGRID_CORRUPT, SHADEGRID_UNSUPPORTED, SHADEGRID_LIMIT or SHADEGRID_INPUT, or
 * SHADEGRID_ARGUMENT. `out` is written in every case but that it is null. The bytes are not kept.
 */
int32_t shadegrid_hash(struct shadegrid_hasher *hasher,
                       const uint8_t *data,
                       size_t length,
                       struct shadegrid_hashed *out);

/**
 * Hashes one picture that is already decoded: `height` rows of `width` pixels, each `stride` bytes behind the one before (0: without
 * padding), with samples as `order` says, a constant SHADEGRID_ORDER_*.
 *
 * The samples are hashed as they are, as those of a file are: no profile is applied and nothing is blended. `format` is "", `detail` is
 * "full". Returns as shadegrid_hash does; SHADEGRID_ARGUMENT also where `length` bytes are too few for that, or rows overlap.
 */
int32_t shadegrid_hash_pixels(struct shadegrid_hasher *hasher,
                              const uint8_t *data,
                              size_t length,
                              uint32_t width,
                              uint32_t height,
                              size_t stride,
                              int32_t order,
                              struct shadegrid_hashed *out);

/**
 * Hashes `count` encoded pictures on all threads of the hasher, and writes what came of each to the same place of `out`. Blocks until all
 * are done. A picture that fails has its own `status` and stops no other.
 *
 * Returns SHADEGRID_OK once every place of `out` is written, whatever the pictures are. SHADEGRID_ARGUMENT (a null pointer with a `count`
 * over 0) writes none. The bytes are not kept.
 */
int32_t shadegrid_hash_many(struct shadegrid_hasher *hasher,
                            const struct shadegrid_bytes *pictures,
                            size_t count,
                            struct shadegrid_hashed *out);

/**
 * Gives a further picture that a file shows where viewers show something else than its stored pixels: number `face`, under the `faces`
 * of the result, of the picture at `picture` in the last shadegrid_hash_many, 0 after shadegrid_hash.
 *
 * Whoever looks pictures up looks all of their faces up: a picture may be hidden in one. SHADEGRID_ARGUMENT: a null pointer, or no such face.
 */
int32_t shadegrid_hasher_face(const struct shadegrid_hasher *hasher,
                              size_t picture,
                              uint32_t face,
                              struct shadegrid_face *out);

/**
 * Opens a gallery's file, as "shadegrid gallery build" writes it. A file of at most a quarter of the free memory is read, a larger one is mapped: replace
 * it by renaming, and do not write to it.
 *
 * `path` ends with a NUL: bytes as the system has them, on Windows UTF-8. Where the status is not SHADEGRID_OK, `*gallery` is null, and `message` (null, or
 * `length` bytes) holds why.
 *
 * SHADEGRID_IO: it cannot be read. SHADEGRID_CORRUPT: it is damaged or truncated. SHADEGRID_UNSUPPORTED: a newer version wrote it. SHADEGRID_INPUT: it is
 * no gallery. SHADEGRID_ARGUMENT: a null pointer.
 */
int32_t shadegrid_gallery_open(const char *path,
                               struct shadegrid_gallery **gallery,
                               char *message,
                               size_t length);

/**
 * Closes a gallery; null is allowed. No other thread may be using it or its texts.
 */
void shadegrid_gallery_free(struct shadegrid_gallery *gallery);

/**
 * Finds every entry that matches one of `count` queries: `signatures` of results and of faces, or what a program fills itself (`has`, and the members
 * that it names). `search` may be null for the defaults. Exact: no match is missed, whatever the thresholds are.
 *
 * Up to `capacity` matches are written to `out` (null where `capacity` is 0), by query, then algorithm, then distance; `*found` is how many there are.
 * Where that is more, call again with more room. Batches of some hundred queries are several times as fast per query as single ones.
 *
 * SHADEGRID_ARGUMENT: a null pointer, or a search of another size or with a wrong value. SHADEGRID_INPUT: the file was written to since it was
 * opened, so that what was found does not count.
 */
int32_t shadegrid_gallery_find(const struct shadegrid_gallery *gallery,
                               const struct shadegrid_signatures *queries,
                               size_t count,
                               const struct shadegrid_search *search,
                               struct shadegrid_match *out,
                               size_t capacity,
                               size_t *found);

/**
 * What is known about an entry, by the number that a match gives.
 *
 * SHADEGRID_ARGUMENT: a null pointer, or the gallery has no such entry.
 */
int32_t shadegrid_gallery_entry(const struct shadegrid_gallery *gallery,
                                uint64_t id,
                                struct shadegrid_entry *out);

/**
 * Squared Euclidean distance of two PhotoDNA-class signatures, 0 to about 2.1 million for signatures of pictures; up to 40,000 is called a
 * match. UINT32_MAX where a pointer is null.
 */
uint32_t shadegrid_photodna_distance(const uint8_t a[144],
                                     const uint8_t b[144]);

/**
 * Hamming distance of two PDQ signatures, 0 to 256; up to 31 is called a match. UINT32_MAX where a pointer is null.
 */
uint32_t shadegrid_pdq_distance(const uint8_t a[32],
                                const uint8_t b[32]);

/**
 * Reads a PhotoDNA-class signature of `length` characters: base64 (192), hexadecimal (288), or 144 integers with commas between.
 *
 * SHADEGRID_INPUT: the text is nothing of that. SHADEGRID_ARGUMENT: a pointer is null.
 */
int32_t shadegrid_photodna_parse(const char *text,
                                 size_t length,
                                 uint8_t out[144]);

/**
 * Reads a PDQ signature of `length` characters: 64 hexadecimal digits of either case.
 *
 * SHADEGRID_INPUT: the text is nothing of that. SHADEGRID_ARGUMENT: a pointer is null.
 */
int32_t shadegrid_pdq_parse(const char *text, size_t length, uint8_t out[32]);

/**
 * Writes a PhotoDNA-class signature as base64: 192 characters and a NUL. SHADEGRID_ARGUMENT: a pointer is null.
 */
int32_t shadegrid_photodna_text(const uint8_t signature[144],
                                char out[193]);

/**
 * Writes a PDQ signature as 64 lower-case hexadecimal digits and a NUL. SHADEGRID_ARGUMENT: a pointer is null.
 */
int32_t shadegrid_pdq_text(const uint8_t signature[32],
                           char out[65]);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SHADEGRID_H */
