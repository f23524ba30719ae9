// Looks pictures up in a gallery: find GALLERY PICTURE…
//
// All pictures are hashed at once, and all of their faces are looked up with them.
#include <shadegrid.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

struct Free {
    void operator()(shadegrid_hasher *hasher) const { shadegrid_hasher_free(hasher); }
    void operator()(shadegrid_gallery *gallery) const { shadegrid_gallery_free(gallery); }
};

int main(int count, char **arguments) {
    if (count < 3) {
        std::cerr << "find GALLERY PICTURE...\n";
        return 1;
    }
    char message[256];
    shadegrid_gallery *opened = nullptr;
    if (shadegrid_gallery_open(arguments[1], &opened, message, sizeof message) != SHADEGRID_OK) {
        std::cerr << message << '\n';
        return 1;
    }
    std::unique_ptr<shadegrid_gallery, Free> gallery(opened);
    shadegrid_hasher *made = nullptr;
    if (shadegrid_hasher_new(nullptr, &made) != SHADEGRID_OK) {
        return 1;
    }
    std::unique_ptr<shadegrid_hasher, Free> hasher(made);

    std::vector<std::string> files;
    std::vector<shadegrid_bytes> pictures;
    for (int k = 2; k < count; ++k) {
        std::ifstream file(arguments[k], std::ios::binary);
        files.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
    for (const std::string &file : files) {
        pictures.push_back({reinterpret_cast<const uint8_t *>(file.data()), file.size()});
    }
    std::vector<shadegrid_hashed> hashed(files.size());
    if (shadegrid_hash_many(hasher.get(), pictures.data(), pictures.size(), hashed.data()) != SHADEGRID_OK) {
        std::cerr << shadegrid_hasher_message(hasher.get()) << '\n';
        return 1;
    }

    // One query for the stored pixels, and one for each further picture that viewers show.
    std::vector<shadegrid_signatures> queries;
    std::vector<std::string> names;
    for (std::size_t k = 0; k < hashed.size(); ++k) {
        const std::string path = arguments[k + 2];
        if (hashed[k].status != SHADEGRID_OK) {
            std::cerr << path << ": " << hashed[k].message << '\n';
            continue;
        }
        queries.push_back(hashed[k].signatures);
        names.push_back(path);
        for (uint32_t face_number = 0; face_number < hashed[k].faces; ++face_number) {
            shadegrid_face face;
            if (shadegrid_hasher_face(hasher.get(), k, face_number, &face) == SHADEGRID_OK) {
                queries.push_back(face.signatures);
                names.push_back(path + " (" + face.name + ")");
            }
        }
    }

    // Without room the call counts, so that the second one has enough.
    std::size_t found = 0;
    std::vector<shadegrid_match> matches;
    do {
        matches.resize(found);
        if (shadegrid_gallery_find(gallery.get(), queries.data(), queries.size(), nullptr, matches.data(), matches.size(), &found)
            != SHADEGRID_OK) {
            return 1;
        }
    } while (found > matches.size());
    for (const shadegrid_match &match : matches) {
        shadegrid_entry entry;
        if (shadegrid_gallery_entry(gallery.get(), match.entry, &entry) == SHADEGRID_OK) {
            std::cout << names[match.query] << ": " << std::string(entry.key, entry.key_length)
                      << (match.algorithm == SHADEGRID_PDQ ? ", pdq " : ", photodna ") << match.distance << '\n';
        }
    }
    return 0;
}
