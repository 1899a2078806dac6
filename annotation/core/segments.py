"""Superpixels of a tile: small pieces of ground of one look, to be labelled at a click.

scikit-image is imported at the first use: it costs a second, and most processes never segment.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from annotation.core.segment_tree import Borders, segment_tree

SEGMENT_SIDE_PX: dict[str, int] = {"broadest": 64, "broad": 40, "coarse": 24, "medium": 14, "fine": 8}
"""Side of the square that has a segment's mean area, by level; each lies within one of the level before."""
MAX_SEGMENTS = 5_000
SEGMENTS_VERSION = 2
"""Grows when the same pixels would give other segments: whatever keeps them keys them by it."""

_ITERATIONS = 5
_COMPACTNESS = 10.0
_SMOOTHING_PX = 0.7  # without it, noise breaks segments into thousands of single pixels
_SMALLEST_SHARE = 4  # a piece under a quarter of the usual area is an island
# What makes two pieces look alike: lightness, colour (weighed more: shadows change it less) and roughness.
_CHROMA_WEIGHT = 1.5
_ROUGHNESS_WEIGHT = 2.0
_ROUGHNESS_PX = 2.0

Ids = NDArray[np.uint16]
_Labels = NDArray[np.int64]


def segment_tile(rgb: NDArray[np.uint8], valid: NDArray[np.bool_]) -> dict[str, Ids]:
    """Cut a tile into segments, at every level of `SEGMENT_SIDE_PX`.

    The same input gives the same bytes. No segment mixes imagery with a larger piece of ground without imagery. The
    finest segments are squares that give way to what they show; an island under a quarter of their usual area joins the
    neighbour with which it shares the longest border. Those of the other levels are unions of the finest that look
    alike: about as many as squares of the level's side would be, and of any size.

    Args:
        rgb: uint8 (h, w, 3), as shown to people. valid: bool (h, w), where there is imagery.

    Returns: by level uint16 (h, w), ids 0 … n − 1 in the reading order of their first pixel, n ≤ 5,000; the pixels of
        an id are 4-connected.

    Source: SLIC, Achanta et al. 2012 (doi 10.1109/TPAMI.2012.120), as in scikit-image; see segment_tree for the rest.
    """
    shown = np.where(valid[:, :, None], rgb, 0).astype(np.float32) / np.float32(255)
    area = max(min(SEGMENT_SIDE_PX.values()) ** 2, -(-valid.size // MAX_SEGMENTS))
    pieces = _squares(shown, valid, area=area)
    smallest = -(-area // _SMALLEST_SHARE)
    while True:
        pieces = _without_islands(pieces, valid, smallest=smallest)
        if int(pieces.max()) < 2 * MAX_SEGMENTS:
            levels = _levels(shown, valid, pieces)
            if all(int(ids.max()) < MAX_SEGMENTS for ids in levels.values()):
                return levels
        # Much noise, or a sieve of missing imagery that keeps pieces from joining: larger islands go.
        smallest *= 2


def _squares(shown: NDArray[np.float32], valid: NDArray[np.bool_], *, area: int) -> _Labels:
    """SLIC's superpixels of about this area, in connected pieces, those without imagery apart."""
    from skimage.segmentation import slic

    labels: _Labels = slic(
        shown,
        n_segments=max(1, valid.size // area),
        compactness=_COMPACTNESS,
        max_num_iter=_ITERATIONS,
        sigma=_SMOOTHING_PX,
        convert2lab=True,
        # Its own way gives islands to any neighbour, and segments then leak across edges that are plain to see.
        enforce_connectivity=False,
        start_label=0,
        channel_axis=-1,
    ).astype(np.int64)
    return connected_pieces(np.where(valid, labels, -1))


def _levels(shown: NDArray[np.float32], valid: NDArray[np.bool_], pieces: _Labels) -> dict[str, Ids]:
    sizes = np.bincount(pieces.ravel()).astype(np.int64)
    tree = segment_tree(
        Borders.of(pieces), sizes=sizes, looks=_looks(shown, pieces, sizes), kinds=valid.ravel()[_first_pixels(pieces)]
    )
    wanted = {level: min(MAX_SEGMENTS, valid.size // side**2) for level, side in SEGMENT_SIDE_PX.items()}
    finest = min(SEGMENT_SIDE_PX, key=SEGMENT_SIDE_PX.__getitem__)
    wanted[finest] = MAX_SEGMENTS  # as many as there are
    return {level: _joined_up(pieces, tree.owners(count)) for level, count in wanted.items()}


def _looks(shown: NDArray[np.float32], pieces: _Labels, sizes: _Labels) -> NDArray[np.float64]:
    """Mean lightness, colour (CIE L*a*b*) and local deviation of the lightness of each piece: float64 (n, 4)."""
    from scipy.ndimage import gaussian_filter
    from skimage.color import rgb2lab

    lab = rgb2lab(shown)  # type: ignore[no-untyped-call]
    lightness = lab[:, :, 0].astype(np.float64)
    mean = gaussian_filter(lightness, _ROUGHNESS_PX)
    variance = gaussian_filter(lightness**2, _ROUGHNESS_PX) - mean**2
    channels = (
        lightness,
        _CHROMA_WEIGHT * lab[:, :, 1],
        _CHROMA_WEIGHT * lab[:, :, 2],
        _ROUGHNESS_WEIGHT * np.sqrt(np.maximum(variance, 0)),
    )
    sums = [np.bincount(pieces.ravel(), weights=channel.ravel(), minlength=sizes.size) for channel in channels]
    return np.stack(sums, axis=1) / sizes[:, None]


def _joined_up(pieces: _Labels, owners: _Labels) -> Ids:
    _kept, group = np.unique(owners, return_inverse=True)
    return _in_reading_order(group[pieces]).astype(np.uint16)


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


def _without_islands(pieces: _Labels, valid: NDArray[np.bool_], *, smallest: int) -> _Labels:
    """Join every piece of fewer than `smallest` pixels to a neighbour, preferably one that shows imagery as it does."""
    sizes = np.bincount(pieces.ravel())
    shows = valid.ravel()[_first_pixels(pieces)]
    borders = Borders.of(pieces)
    group = np.arange(sizes.size)
    while sizes.size > 1 and int(sizes.min()) < smallest:
        joined = _joined(borders, shows, small=sizes < smallest)
        count = int(joined.max()) + 1
        # A group shows imagery if most of it does.
        shows = np.bincount(joined, weights=np.where(shows, sizes, -sizes), minlength=count) > 0
        sizes = np.bincount(joined, weights=sizes, minlength=count).astype(np.int64)
        borders = Borders.gathered(joined[borders.piece], joined[borders.neighbour], borders.length, count=count)
        group = joined[group]
    return _in_reading_order(group[pieces])


def _joined(borders: Borders, shows: NDArray[np.bool_], *, small: NDArray[np.bool_]) -> _Labels:
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
