"""Makes the files of this folder; run it here. Needs heif-enc, avifenc, cjxl and Pillow."""

import struct
import subprocess
import tempfile
from pathlib import Path

from PIL import Image, ImageOps

FOLDER = Path(__file__).parent
SIZE = (96, 72)


def scene(size=SIZE):
    """The scene of tests/common/mod.rs."""
    width, height = size
    picture = Image.new("RGB", size)
    for y in range(height):
        for x in range(width):
            red, green = x * 255 // (width - 1), y * 255 // (height - 1)
            picture.putpixel((x, y), (red, green, 255 - (red + green) // 2))
    return picture


def box(name, *content):
    content = b"".join(content)
    return struct.pack(">I4s", len(content) + 8, name) + content


def full(name, version, flags, *content):
    return box(name, struct.pack(">I", version << 24 | flags), *content)


def boxes(data):
    at = 0
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        yield name, data[at + 8 : at + size]
        at += size


def coded(file):
    """The configuration and the data of a file with one HEVC picture."""
    meta = dict(boxes(file))[b"meta"][4:]
    properties = dict(boxes(dict(boxes(dict(boxes(meta))[b"iprp"]))[b"ipco"]))
    return properties[b"hvcC"], dict(boxes(file))[b"mdat"]


def grid(tiles, columns, tile, size, turns=None):
    """A HEIC of tiles, each `(configuration, data)`, turned by quarters; the properties of all are those of the first."""
    rows = len(tiles) // columns
    count = len(tiles)
    ids = list(range(2, 2 + count))
    infe = full(b"infe", 2, 0, struct.pack(">HH4s", 1, 0, b"grid"), b"\0")
    infe += b"".join(full(b"infe", 2, 1, struct.pack(">HH4s", item, 0, b"hvc1"), b"\0") for item in ids)
    ipco = box(b"hvcC", tiles[0][0]) + full(b"ispe", 0, 0, struct.pack(">II", *tile))
    ipco += full(b"ispe", 0, 0, struct.pack(">II", *size))
    ipco += box(b"colr", b"nclx", struct.pack(">HHHB", 1, 13, 6, 0x80))
    own = [3, 4]
    if turns is not None:
        ipco += box(b"irot", bytes([turns]))
        own.append(0x85)
    ipma = struct.pack(">IHB", 1 + count, 1, len(own)) + bytes(own)
    ipma += b"".join(struct.pack(">HBBBB", item, 3, 0x81, 2, 4) for item in ids)
    content = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, *size)

    def file(offset):
        iloc = struct.pack(">BBH", 0x44, 0, 1 + count)
        iloc += struct.pack(">HHHHII", 1, 1, 0, 1, 0, len(content))
        for item, (_, data) in zip(ids, tiles):
            iloc += struct.pack(">HHHHII", item, 0, 0, 1, offset, len(data))
            offset += len(data)
        return box(b"ftyp", b"heic\0\0\0\0mif1heic") + full(
            b"meta", 0, 0,
            full(b"hdlr", 0, 0, b"\0\0\0\0pict", bytes(13)),
            full(b"pitm", 0, 0, struct.pack(">H", 1)),
            full(b"iinf", 0, 0, struct.pack(">H", 1 + count), infe),
            full(b"iref", 0, 0, box(b"dimg", struct.pack(f">HH{count}H", 1, count, *ids))),
            box(b"iprp", box(b"ipco", ipco), full(b"ipma", 0, 0, ipma)),
            full(b"iloc", 1, 0, iloc),
            box(b"idat", content),
        )

    return file(len(file(0)) + 8) + box(b"mdat", *[data for _, data in tiles])


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)

        def saved(picture, name, **options):
            picture.save(folder / name, **options)
            return folder / name

        def run(*command):
            subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        usual = scene()
        png = saved(usual, "usual.png")
        grey = saved(usual.convert("L"), "grey.png")
        transparent = usual.copy()
        transparent.putalpha(Image.linear_gradient("L").rotate(90).resize(SIZE))
        alpha = saved(transparent, "alpha.png")
        odd = saved(scene((95, 71)), "odd.png")
        mirrored = saved(ImageOps.mirror(usual), "mirrored.png")
        jpeg = saved(usual, "usual.jpg", quality=90)
        exif = Image.Exif()
        exif[0x112] = 8
        turned = saved(usual, "turned.jpg", quality=90, exif=exif)
        run("convert", png, "-depth", "16", "-define", "png:bit-depth=16", folder / "wide.png")

        heif = lambda name, *options: run("heif-enc", "-q", "90", *options, "-o", FOLDER / f"{name}.heic")
        heif("420", png)
        heif("444", "-p", "chroma=444", png)
        heif("422", "-p", "chroma=422", png)
        heif("10bit", "-b", "10", folder / "wide.png")
        heif("grey", grey)
        heif("alpha", alpha)
        heif("odd", odd)
        heif("exif", turned)
        tiles = []
        four = scene((128, 128))
        for y in (0, 64):
            for x in (0, 64):
                tile = saved(four.crop((x, y, x + 64, y + 64)), f"tile{x}{y}.png")
                run("heif-enc", "-q", "90", tile, "-o", folder / "tile.heic")
                tiles.append(coded((folder / "tile.heic").read_bytes()))
        (FOLDER / "grid.heic").write_bytes(grid(tiles, 2, (64, 64), (120, 110)))
        whole = coded((FOLDER / "420.heic").read_bytes())
        (FOLDER / "turned.heic").write_bytes(grid([whole], 1, SIZE, SIZE, 1))

        avif = lambda name, *options: run("avifenc", "--min", "5", "--max", "15", "-s", "6", *options, FOLDER / f"{name}.avif")
        avif("420", "-y", "420", png)
        avif("444", "-y", "444", png)
        avif("422", "-y", "422", png)
        avif("10bit", "-d", "10", png)
        avif("grey", "-y", "400", grey)
        avif("limited", "-r", "limited", png)
        avif("alpha", alpha)
        avif("odd", odd)
        avif("turned", "--irot", "1", png)
        avif("mirrored", "--imir", "1", png)
        avif("sequence", "--timescale", "10", png, mirrored)
        avif("grid", "-g", "2x2", *[folder / f"tile{x}{y}.png" for y in (0, 64) for x in (0, 64)])

        jxl = lambda name, source, *options: run("cjxl", source, FOLDER / f"{name}.jxl", *options)
        jxl("420", png, "-q", "90")
        jxl("lossless", png, "-d", "0")
        jxl("modular", png, "-m", "1", "-q", "90")
        jxl("10bit", folder / "wide.png", "-q", "95")
        jxl("grey", grey, "-d", "0")
        jxl("alpha", alpha, "-d", "0")
        jxl("odd", odd, "-q", "90")
        jxl("jpeg", jpeg)
        jxl("boxes", png, "-q", "90", "--container=1")
        jxl("turned", turned)
        animation = folder / "animation.png"
        usual.save(animation, save_all=True, append_images=[ImageOps.mirror(usual)], duration=[100, 300], disposal=1, blend=0)
        jxl("animated", animation, "-d", "0")

        # Large enough to see what memory decoding takes.
        (FOLDER / "large").mkdir(exist_ok=True)
        large = saved(scene((1600, 1200)), "large.png")
        large_grey = saved(scene((1600, 1200)).convert("L"), "large-grey.png")
        heif("large/420", "-q", "20", large)
        heif("large/422", "-q", "20", "-p", "chroma=422", large)
        heif("large/grey", "-q", "20", large_grey)
        jxl("large/lossy", large, "-q", "40")
        jxl("large/modular", large, "-m", "1", "-q", "30")


main()
