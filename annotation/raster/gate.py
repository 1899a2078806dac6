"""The gate: what a foreign file must be before GDAL opens it."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from annotation.raster import tiff_structure as tiff
from annotation.raster.errors import (
    DamagedTiff,
    NotALocalFile,
    SidecarFound,
    TooLarge,
    UnsupportedPixels,
)

DEFAULT_MAX_PIXELS = 2_500_000_000  # of a file
MAX_MOSAIC_PIXELS = 400_000_000_000  # of a layer: twice the largest département at 0.20 m
MAX_BLOCK_PIXELS = 2048 * 2048
MAX_BANDS = 16
COMPRESSIONS = {
    1: "none",
    5: "LZW",
    7: "JPEG",
    8: "DEFLATE",
    32773: "PACKBITS",
    32946: "DEFLATE",
    34925: "LZMA",
    50000: "ZSTD",
    50001: "WEBP",
}
COLOUR_MODELS = {0: "white is zero", 3: "palette", 4: "mask", 5: "CMYK", 8: "CIE L*a*b*", 9: "ICC L*a*b*"}
SIDECARS_OF_NAME = (".aux.xml", ".ovr", ".msk", ".aux", ".rrd")
SIDECARS_OF_STEM = (".tfw", ".tifw", ".tiffw", ".wld", ".aux", ".rrd", ".rpb", ".imd", ".prj", "_rpc.txt")


def local_file(path: str | os.PathLike[str]) -> Path:
    """The absolute path of an existing regular file of this machine.

    Raises NotALocalFile for URLs, GDAL's virtual paths, folders, links, devices and missing files.
    """
    text = os.fspath(path)
    advice = "Give the path of a GeoTIFF on this machine; download or unpack it first."
    if text.startswith("/vsi") or "://" in text or "\0" in text or text.upper().startswith("MEM:"):
        raise NotALocalFile(f"{text[:200]!r} is an address, not a file. {advice}")
    absolute = Path(text).absolute()
    try:
        mode = absolute.lstat().st_mode
    except (OSError, ValueError):
        raise NotALocalFile(f"{text[:200]!r} does not exist. {advice}") from None
    if not stat.S_ISREG(mode):
        kind = "a symbolic link" if stat.S_ISLNK(mode) else "a folder" if stat.S_ISDIR(mode) else "not a regular file"
        raise NotALocalFile(f"{text[:200]!r} is {kind}. {advice}")
    if str(absolute).startswith("/vsi"):
        raise NotALocalFile(f"{text[:200]!r} has a name that GDAL reads as an address. Rename its folder.")
    return absolute


def refuse_sidecars(path: Path) -> None:
    """Raises SidecarFound, naming the file, when GDAL would read another file with this one."""
    name, stem = path.name.lower(), path.stem.lower()
    unwanted = {name + end for end in SIDECARS_OF_NAME} | {stem + end for end in SIDECARS_OF_STEM}
    for neighbour in sorted(entry.name for entry in os.scandir(path.parent)):
        if neighbour.lower() in unwanted - {name}:
            raise SidecarFound(
                f"{neighbour} lies beside {path.name} and would change how it is read. Write its content "
                "into the image (gdal_translate input.tif output.tif does) or move it away, then import "
                "again."
            )


def check_header(path: Path, *, max_pixels: int) -> None:
    """Judge a file by its TIFF directories alone; nothing is decoded.

    Raises NotATiff, DamagedTiff, TooLarge, UnsupportedPixels.
    """
    directories = tiff.read_directories(path)
    with path.open("rb") as file:
        descriptor = file.fileno()
        _check_pixels(directories[0], descriptor, name=path.name)
        size = os.fstat(descriptor).st_size
        for directory in directories:
            _check_extent(directory, descriptor, name=path.name, max_pixels=max_pixels)
            _check_blocks_inside_file(directory, descriptor, name=path.name, size=size)


def _check_pixels(directory: tiff.Directory, descriptor: int, *, name: str) -> None:
    samples = directory.value(descriptor, tiff.SAMPLES, 1)
    if samples > MAX_BANDS + 1:
        raise TooLarge(f"{name} has {samples} bands; at most {MAX_BANDS} are accepted. Export the bands you need.")
    bits = set(directory.values(descriptor, tiff.BITS)) or {1}
    formats = set(directory.values(descriptor, tiff.SAMPLE_FORMAT)) or {1}
    if not (bits <= {8} or bits <= {16}) or formats != {1}:
        kinds = {
            1: "unsigned integer",
            2: "signed integer",
            3: "floating point",
            5: "complex integer",
            6: "complex",
        }
        met = " and ".join(kinds.get(kind, f"format {kind}") for kind in sorted(formats))
        raise UnsupportedPixels(
            f"{name} holds {sorted(bits)}-bit {met} values; uint8 and uint16 are accepted. Convert with "
            "gdal_translate -ot Byte -scale (or -ot UInt16) and import the result."
        )
    model = directory.value(descriptor, tiff.PHOTOMETRIC, 1)
    if model in COLOUR_MODELS:
        raise UnsupportedPixels(
            f"{name} has the colour model “{COLOUR_MODELS[model]}”; grey, RGB and YCbCr are accepted. "
            "Convert it to plain bands (gdal_translate -expand rgb for a palette)."
        )
    compression = directory.value(descriptor, tiff.COMPRESSION, 1)
    if compression not in COMPRESSIONS:
        raise UnsupportedPixels(
            f"{name} is compressed by method {compression}; accepted are "
            f"{', '.join(sorted(set(COMPRESSIONS.values())))}. Convert with gdal_translate -co "
            "COMPRESS=DEFLATE."
        )


def _check_extent(directory: tiff.Directory, descriptor: int, *, name: str, max_pixels: int) -> None:
    width = directory.value(descriptor, tiff.WIDTH, 0)
    height = directory.value(descriptor, tiff.HEIGHT, 0)
    if width <= 0 or height <= 0:
        raise DamagedTiff(f"{name} announces {width} x {height} pixels. Export the image again as GeoTIFF.")
    if width * height > max_pixels:
        raise TooLarge(
            f"{name} announces {width} x {height} = {width * height:,} pixels; an import takes "
            f"{max_pixels:,}. Cut it into several layers, or ask the operator to raise the limit."
        )
    if tiff.TILE_WIDTH in directory.entries:
        block_width = directory.value(descriptor, tiff.TILE_WIDTH, 0)
        block_height = directory.value(descriptor, tiff.TILE_HEIGHT, 0)
    else:
        block_width = width
        block_height = min(height, directory.value(descriptor, tiff.ROWS_PER_STRIP, height))
    if not 0 < block_width * block_height <= MAX_BLOCK_PIXELS:
        raise TooLarge(
            f"{name} is stored in blocks of {block_width} x {block_height} pixels; a block may hold "
            f"{MAX_BLOCK_PIXELS:,}. Store it again in tiles: gdal_translate -co TILED=YES -co "
            "COMPRESS=DEFLATE."
        )


def _check_blocks_inside_file(directory: tiff.Directory, descriptor: int, *, name: str, size: int) -> None:
    offsets = directory.values(descriptor, tiff.TILE_OFFSETS) or directory.values(descriptor, tiff.STRIP_OFFSETS)
    counts = directory.values(descriptor, tiff.TILE_COUNTS) or directory.values(descriptor, tiff.STRIP_COUNTS)
    if not offsets or len(offsets) != len(counts):
        raise DamagedTiff(
            f"{name} lists {len(offsets)} block positions and {len(counts)} block sizes. Export the image again."
        )
    for index, (offset, count) in enumerate(zip(offsets, counts, strict=True)):
        if offset + count > size:
            raise DamagedTiff(
                f"{name} is truncated: block {index} ends at byte {offset + count:,}, the file at {size:,}. "
                "Copy or download it again."
            )


def pass_gate(paths: Sequence[str | os.PathLike[str]], *, max_pixels: int) -> list[Path]:
    """Every path, judged; in the order given. Raises UnusableRaster and its subclasses."""
    if not paths:
        raise NotALocalFile("No file was given. Choose at least one GeoTIFF.")
    accepted = []
    for path in paths:
        file = local_file(path)
        check_header(file, max_pixels=max_pixels)
        refuse_sidecars(file)
        accepted.append(file)
    return accepted
