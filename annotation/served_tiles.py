"""Map tiles that need no look at the database: what a process knows of a set of them, for some seconds.

A view that has looked a set of map tiles up (a layer on one grid, a model's map) says here where they are. Until that
is forgotten, `StoredTiles` answers for the whole site: it stands before Django, and a map tile that is stored as it is
served costs a few reads of a file (docs/adr/0037). Whatever it does not know goes on to Django.
"""

from __future__ import annotations

import gzip
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

IMMUTABLE = "public, max-age=31536000, immutable"
#: Of an address that does not name the version: the browser asks again, and is told that nothing has changed.
BRIEF = "public, max-age=300"
KNOWN_S = 5.0
MOST_SETS = 4096

_TILE = re.compile(
    r"(/(?:imagery/[-\w]{1,60}|predictions/\d{1,15}/(?:\w{1,20}|(?:since|against)/\d{1,15}))/(?:native|web)"
    r"|/predictions/\d{1,15}/polygons/tiles)/(\d{1,2})/(\d{1,8})/(\d{1,8})\.(?:jpg|png|mvt)"
)

#: A map tile's bytes or None where there is nothing; and whether that is known without Django.
Draw = Callable[[int, int, int], tuple[bytes | None, bool]]


@dataclass(frozen=True, slots=True)
class ServedTiles:
    """A set of map tiles: its version, as in the addresses of pages (?v=…), its media type, and how to get one.

    `is_gzip`: they are stored packed, and sent so to who reads that.
    """

    version: str
    content_type: str
    draw: Draw
    is_gzip: bool = False

    @property
    def etag(self) -> str:
        """The same for all: a map tile changes with the set's version, or not at all."""
        return f'W/"{self.version}"' if self.is_gzip else f'"{self.version}"'

    def headers(self, asked: str) -> dict[str, str]:
        """Headers of an answer to a request that named a version, "" where it named none."""
        headers = {
            "ETag": self.etag,
            "Cache-Control": IMMUTABLE if asked == self.version else BRIEF,
            "X-Content-Type-Options": "nosniff",
        }
        return headers | {"Vary": "Accept-Encoding"} if self.is_gzip else headers

    def body(self, tile: bytes, accepted: str) -> tuple[bytes, dict[str, str]]:
        """A map tile as it is sent, and its headers, to who accepts these encodings (Accept-Encoding)."""
        headers = {"Content-Type": self.content_type}
        if self.is_gzip and "gzip" in accepted:
            headers["Content-Encoding"] = "gzip"
        elif self.is_gzip:
            tile = gzip.decompress(tile)
        return tile, headers | {"Content-Length": str(len(tile))}


_known: dict[str, tuple[float, ServedTiles]] = {}


def remember(prefix: str, tiles: ServedTiles) -> None:
    """Say what is served below an address, such as /imagery/gers/web, for the next seconds."""
    if len(_known) >= MOST_SETS:
        _known.clear()
    _known[prefix] = (time.monotonic() + KNOWN_S, tiles)


def recall(prefix: str) -> ServedTiles | None:
    """What is served below an address; None when it is not known, or no longer."""
    until, tiles = _known.get(prefix, (0.0, None))
    return tiles if time.monotonic() < until else None


def forget_all() -> None:
    """Forget every set and every kept map tile."""
    _known.clear()
    kept.clear()


class KeptTiles:
    """Map tiles that were drawn, the last used ones, by (version, z, x, y) within a number of bytes. Thread-safe."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._bytes, self._guard = most_bytes, 0, threading.Lock()
        self._tiles: OrderedDict[tuple[Any, ...], bytes | None] = OrderedDict()

    def get(self, key: tuple[Any, ...]) -> tuple[bytes | None, bool]:
        """The map tile, None where there is nothing; and whether it is kept."""
        with self._guard:
            if key not in self._tiles:
                return None, False
            self._tiles.move_to_end(key)
            return self._tiles[key], True

    def put(self, key: tuple[Any, ...], tile: bytes | None) -> None:
        """Keep a map tile; those not used for longest go."""
        with self._guard:
            self._bytes += _size(tile) - (_size(self._tiles.pop(key)) if key in self._tiles else 0)
            self._tiles[key] = tile
            while self._bytes > self._most:
                self._bytes -= _size(self._tiles.popitem(last=False)[1])

    def clear(self) -> None:
        """Keep nothing."""
        with self._guard:
            self._tiles.clear()
            self._bytes = 0


def _size(tile: bytes | None) -> int:
    return 200 + len(tile or b"")  # and its key


kept = KeptTiles(32 * 2**20)


class StoredTiles:
    """WSGI: answers for map tiles that are known, and hands every other request on."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """One request."""
        found = _TILE.fullmatch(environ["PATH_INFO"]) if environ["REQUEST_METHOD"] == "GET" else None
        tiles = recall(found[1]) if found else None
        query = environ.get("QUERY_STRING", "")
        only_version = not query or (query.startswith("v=") and "&" not in query)
        if found is None or tiles is None or not only_version:
            return self._application(environ, start_response)
        headers = tiles.headers(query.removeprefix("v="))
        if environ.get("HTTP_IF_NONE_MATCH") == tiles.etag:
            start_response("304 Not Modified", [*headers.items()])
            return [b""]
        try:
            tile, is_known = tiles.draw(int(found[2]), int(found[3]), int(found[4]))
        except OSError:
            is_known = False  # replaced or gone: Django looks again
        if not is_known:
            return self._application(environ, start_response)
        if tile is None:
            start_response("204 No Content", [*headers.items()])
            return [b""]
        sent, described = tiles.body(tile, environ.get("HTTP_ACCEPT_ENCODING", ""))
        start_response("200 OK", [*headers.items(), *described.items()])
        return [sent]
