"""Pixels of a `PIL.Image.Image`, by the colour policy of our own decoders (docs/pictures.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._native import _rgb_of_cmyk

if TYPE_CHECKING:
    from PIL import Image

# Modes whose conversion by Pillow is our decoders' own: palettes and single bits as they look, alpha dropped without blending.
_GREY = {"1", "L", "LA"}
_COLOUR = {"P", "PA", "RGB", "RGBA", "RGBX", "YCbCr", "HSV"}
# Colours that were multiplied with alpha are divided by it first.
_ASSOCIATED = {"La": ("LA", "L"), "RGBa": ("RGBA", "RGB")}
# Where the high byte of 16 bits stands.
_WIDE = {"I;16": 1, "I;16L": 1, "I;16B": 0}


def pixels(image: Image.Image, /) -> memoryview:
    """The pixels of an image as a buffer of shape (height, width) or (height, width, 3), R, G, B.

    EXIF's orientation is not applied: `PIL.ImageOps.exif_transpose` does. TypeError for modes without a range of values (`I`, `F`, `LAB`).
    """
    mode = getattr(image, "mode", None)
    if mode is None or not hasattr(image, "tobytes"):
        raise TypeError(f"expected a PIL.Image.Image, not {type(image).__name__}")
    width, height = image.size
    if mode in _WIDE:
        return memoryview(image.tobytes()[_WIDE[mode] :: 2]).cast("B", (height, width))
    if mode == "CMYK":
        return memoryview(_rgb_of_cmyk(image.tobytes())).cast("B", (height, width, 3))
    if mode in _ASSOCIATED:
        straight, opaque = _ASSOCIATED[mode]
        image = image.convert(straight).convert(opaque)
    elif mode in _GREY:
        image = image.convert("L")
    elif mode in _COLOUR:
        image = image.convert("RGB")
    else:
        raise TypeError(f"images of mode {mode} have no range of values that could be hashed: convert them first")
    shape = (height, width) if image.mode == "L" else (height, width, 3)
    return memoryview(image.tobytes()).cast("B", shape)
