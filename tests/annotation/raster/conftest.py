"""Tiny rasters for the raster tests, and a listener that tells whether anything called home."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine

LAMBERT = "EPSG:2154"
ORIGIN = Affine(0.2, 0, 600000.0, 0, -0.2, 6800000.0)

TiffMaker = Callable[..., Path]


@pytest.fixture
def make_tiff(tmp_path: Path) -> TiffMaker:
    """Writes an array (bands, h, w) as a GeoTIFF in Lambert-93 at 0.2 m and returns its path."""

    def make(pixels: np.ndarray, name: str = "image.tif", **options: Any) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        descriptions, mask = options.pop("descriptions", None), options.pop("mask", None)
        colours = options.pop("colorinterp", None)
        profile = {
            "driver": "GTiff",
            "count": pixels.shape[0],
            "height": pixels.shape[1],
            "width": pixels.shape[2],
            "dtype": pixels.dtype.name,
            "crs": LAMBERT,
            "transform": ORIGIN,
            "photometric": "MINISBLACK",
            **options,
        }
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **profile) as dataset:
            if colours is not None:
                dataset.colorinterp = colours
            dataset.write(pixels)
            if descriptions is not None:
                dataset.descriptions = descriptions
            if mask is not None:
                dataset.write_mask(mask)
        return path

    return make


@pytest.fixture
def make_header(tmp_path: Path) -> TiffMaker:
    """Writes a TIFF that is only a header: {tag: value}, 32 bits each; `next_at` is the next directory."""

    def make(fields: dict[int, int], *, next_at: int = 0, name: str = "header.tif") -> Path:
        path = tmp_path / name
        body = struct.pack("<4sI", b"II*\0", 8) + struct.pack("<H", len(fields))
        for tag in sorted(fields):
            body += struct.pack("<HHII", tag, 4, 1, fields[tag])
        path.write_bytes(body + struct.pack("<I", next_at))
        return path

    return make


class Canary:
    """A loopback listener; `visits` counts the connections it received."""

    def __init__(self) -> None:
        self.visits = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.visits += 1
            with connection:
                connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(timeout=5)


@pytest.fixture
def canary() -> Iterator[Canary]:
    listener = Canary()
    yield listener
    listener.close()
