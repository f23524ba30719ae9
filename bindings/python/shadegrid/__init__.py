"""Perceptual image hashing: PhotoDNA-class and PDQ signatures, exact, with a record for every input.

    import shadegrid
    hashed = shadegrid.Hasher().hash_file("a.jpg")
    print(hashed.pdq, hashed.quality)
"""

from ._decoder import name_decoder
from ._errors import (
    CorruptError,
    DeviceError,
    InputError,
    IoError,
    LimitError,
    ShadegridError,
    UnsupportedError,
)
from ._native import (
    Batch,
    Batches,
    Entry,
    FaceHash,
    Gallery,
    GalleryBuilder,
    Hashed,
    Hasher,
    Limits,
    Pdq,
    PhotoDna,
    Schema,
    Search,
    __features__,
    __version__,
)

name_decoder()

__all__ = [
    "Batch",
    "Batches",
    "CorruptError",
    "DeviceError",
    "Entry",
    "FaceHash",
    "Gallery",
    "GalleryBuilder",
    "Hashed",
    "Hasher",
    "InputError",
    "IoError",
    "LimitError",
    "Limits",
    "Pdq",
    "PhotoDna",
    "Schema",
    "Search",
    "ShadegridError",
    "UnsupportedError",
    "__features__",
    "__version__",
]
