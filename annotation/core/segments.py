"""Superpixels of a tile: small pieces of ground of one look, to be labelled at a click.

scikit-image is imported at the first use: it costs a second, and most processes never segment.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SEGMENT_SIDE_PX: dict[str, int] = {"coarse": 24, "medium": 14, "fine": 8}
"""Side of the square that has a segment's usual area, by level."""
MAX_SEGMENTS = 5_000
SEGMENTS_VERSION = 1
"""Grows when the same pixels would give other segments: whatever keeps them keys them by it."""

_ITERATIONS = 5
_COMPACTNESS = 10.0
_SMOOTHING_PX = 0.7  # without it, noise breaks segments into thousands of single pixels
_SMALLEST_SHARE = 4  # a piece under a quarter of the usual area is an island

Ids = NDArray[np.uint16]
_Labels = NDArray[np.int64]


def segment_tile(rgb: NDArray[np.uint8], valid: NDArray[np.bool_], *, level: str) -> Ids:
    """Cut a tile into segments.

    The same input gives the same bytes. No segment mixes imagery with a larger piece of ground without imagery; an
    island under a quarter of the usual area joins the neighbour with which it shares the longest border.

    Args:
        rgb: uint8 (h, w, 3), as shown to people. valid: bool (h, w), where there is imagery.
        level: a key of `SEGMENT_SIDE_PX`.

    Returns: uint16 (h, w), ids 0 … n − 1 in the reading order of their first pixel, n ≤ 5,000; the pixels of an id
        are 4-connected.

    Source: SLIC, Achanta et al. 2012 (doi 10.1109/TPAMI.2012.120), as in scikit-image.
    """
    from skimage.segmentation import slic

    height, width = valid.shape
    area = max(SEGMENT_SIDE_PX[level] ** 2, -(-height * width // MAX_SEGMENTS))
    shown = np.where(valid[:, :, None], rgb, 0).astype(np.float32) / np.float32(255)
    labels: _Labels = slic(
        shown,
        n_segments=max(1, height * width // area),
        compactness=_COMPACTNESS,
        max_num_iter=_ITERATIONS,
        sigma=_SMOOTHING_PX,
        convert2lab=True,
        # Its own way gives islands to any neighbour, and segments then leak across edges that are plain to see.
        enforce_connectivity=False,
        start_label=0,
        channel_axis=-1,
    ).astype(np.int64)
    pieces = connected_pieces(np.where(valid, labels, -1))
    smallest = -(-area // _SMALLEST_SHARE)
    while True:
        pieces = _without_islands(pieces, valid, smallest=smallest)
        if int(pieces.max()) < MAX_SEGMENTS:
            return pieces.astype(np.uint16)
        smallest *= 2


def connected_pieces(labels: NDArray[np.signedinteger]) -> _Labels:
    """Number the 4-connected pieces of equal labels.

    Args:    labels: int (h, w).
    Returns: int64 (h, w), 0 … n − 1 in the reading order of the pieces' first pixels.
    """
    from skimage.measure import label

    found = label(labels, background=int(labels.min()) - 1, connectivity=1)  # type: ignore[no-untyped-call]
    return _in_reading_order(found - 1)


def _first_pixels(ids: NDArray[np.signedinteger]) -> _Labels:
    """Place of the first pixel of each id 0 … n − 1, counted in reading order: int64 (n,)."""
    flat = ids.ravel()
    first = np.zeros(int(flat.max()) + 1, dtype=np.int64)
    first[flat[::-1]] = np.arange(flat.size)[::-1]  # of values for one place numpy keeps the last
    return first


def _in_reading_order(ids: NDArray[np.signedinteger]) -> _Labels:
    """The same pieces, numbered by their first pixel."""
    order = np.argsort(_first_pixels(ids))
    rank = np.empty(order.size, dtype=np.int64)
    rank[order] = np.arange(order.size)
    numbered: _Labels = rank[ids]
    return numbered


@dataclass(frozen=True, slots=True)
class _Borders:
    """Which pieces touch: `length[k]` pixel sides from `piece[k]` to `neighbour[k]`; each pair in both directions."""

    piece: _Labels
    neighbour: _Labels
    length: _Labels

    @classmethod
    def gathered(cls, piece: _Labels, neighbour: _Labels, length: _Labels, *, count: int) -> _Borders:
        """Lengths of one pair summed; what lies inside a piece is no border."""
        between = piece != neighbour
        keys, inverse = np.unique(piece[between] * count + neighbour[between], return_inverse=True)
        summed = np.bincount(inverse, weights=length[between], minlength=keys.size).astype(np.int64)
        first, second = np.divmod(keys, count)
        return cls(first, second, summed)

    @classmethod
    def of(cls, pieces: _Labels) -> _Borders:
        """The borders in a raster of pieces."""
        before = np.concatenate([pieces[:, :-1].ravel(), pieces[:-1].ravel()])
        after = np.concatenate([pieces[:, 1:].ravel(), pieces[1:].ravel()])
        between = before != after
        before, after = before[between], after[between]
        both = np.concatenate([before, after]), np.concatenate([after, before])
        return cls.gathered(*both, np.ones(2 * before.size, dtype=np.int64), count=int(pieces.max()) + 1)


def _without_islands(pieces: _Labels, valid: NDArray[np.bool_], *, smallest: int) -> _Labels:
    """Join every piece of fewer than `smallest` pixels to a neighbour, preferably one that shows imagery as it does."""
    sizes = np.bincount(pieces.ravel())
    shows = valid.ravel()[_first_pixels(pieces)]
    borders = _Borders.of(pieces)
    group = np.arange(sizes.size)
    while sizes.size > 1 and int(sizes.min()) < smallest:
        joined = _joined(borders, shows, small=sizes < smallest)
        count = int(joined.max()) + 1
        # A group shows imagery if most of it does.
        shows = np.bincount(joined, weights=np.where(shows, sizes, -sizes), minlength=count) > 0
        sizes = np.bincount(joined, weights=sizes, minlength=count).astype(np.int64)
        borders = _Borders.gathered(joined[borders.piece], joined[borders.neighbour], borders.length, count=count)
        group = joined[group]
    return _in_reading_order(group[pieces])


def _joined(borders: _Borders, shows: NDArray[np.bool_], *, small: NDArray[np.bool_]) -> _Labels:
    """The number of the group that each piece is in once every small one has joined a neighbour: int64 (n,).

    It joins the neighbour with the longest common border, of equal ones the first; imagery joins ground without
    imagery, or the reverse, only where there is nothing else.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = small.size
    wanted = small[borders.piece]
    piece, neighbour, length = borders.piece[wanted], borders.neighbour[wanted], borders.length[wanted]
    order = np.lexsort((neighbour, -length, shows[piece] != shows[neighbour], piece))
    joining, first = np.unique(piece[order], return_index=True)
    chosen = neighbour[order][first]
    links = coo_array((np.ones(joining.size, dtype=np.int8), (joining, chosen)), shape=(count, count))
    _count, groups = connected_components(links, directed=False)
    numbered: _Labels = groups.astype(np.int64)
    return numbered
