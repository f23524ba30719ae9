// The header in C++: layouts, constants, handles in smart pointers, exceptions kept apart. Argument: the folder tests/data/holiday.
#include "check.h"

#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

static_assert(sizeof(shadegrid_signatures) == 512 && sizeof(shadegrid_face) == 544, "part of the ABI");
static_assert(sizeof(shadegrid_hashed) == 896 && sizeof(shadegrid_match) == 32, "part of the ABI");
static_assert(offsetof(shadegrid_options, size) == 0 && offsetof(shadegrid_search, size) == 0, "structs that grow begin so");

namespace {

struct Free {
    void operator()(shadegrid_hasher *hasher) const { shadegrid_hasher_free(hasher); }
};

using Hasher = std::unique_ptr<shadegrid_hasher, Free>;

Hasher hasher() {
    shadegrid_hasher *made = nullptr;
    CHECK(shadegrid_hasher_new(nullptr, &made) == SHADEGRID_OK);
    return Hasher(made);
}

std::vector<uint8_t> bytes_of(const char *folder, const char *name) {
    std::size_t length = 0;
    uint8_t *bytes = read_in(folder, name, &length);
    std::vector<uint8_t> all(bytes, bytes + length);
    std::free(bytes);
    return all;
}

}  // namespace

int main(int count, char **arguments) {
    CHECK(count == 2);
    Hasher first = hasher();
    std::vector<std::vector<uint8_t>> files;
    for (const char *name : {"hills.jpg", "hills-small.jpg", "notes.txt"}) {
        files.push_back(bytes_of(arguments[1], name));
    }
    files.emplace_back();
    std::vector<shadegrid_bytes> pictures;
    for (const std::vector<uint8_t> &file : files) {
        pictures.push_back({file.data(), file.size()});
    }
    std::vector<shadegrid_hashed> many(files.size()), alone(files.size());
    CHECK(shadegrid_hash_many(first.get(), pictures.data(), pictures.size(), many.data()) == SHADEGRID_OK);
    std::thread other([&] {
        Hasher own = hasher();
        for (std::size_t k = 0; k < files.size(); ++k) {
            shadegrid_hash(own.get(), files[k].data(), files[k].size(), &alone[k]);
        }
    });
    other.join();
    for (std::size_t k = 0; k < files.size(); ++k) {
        CHECK(many[k].status == (k < 2 ? SHADEGRID_OK : SHADEGRID_INPUT));
        CHECK(std::memcmp(&many[k], &alone[k], sizeof many[k]) == 0);
    }
    // A handle outlives the thread that made it.
    CHECK(shadegrid_hash(first.get(), nullptr, 0, &alone[0]) == SHADEGRID_INPUT);
    return checks_passed();
}
