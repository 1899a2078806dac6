"""Tiles: which are usable, what role each has, and writing down those that need a row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from django.contrib.gis.geos import Polygon
from django.db import connection
from numpy.typing import NDArray

from annotation.core.blind import is_blind
from annotation.core.holdout import role_of
from annotation.core.validity import tile_valid_fraction, valid_fraction
from annotation.errors import BlindTile, TileOutsideGrid
from annotation.models import Campaign, Tile
from annotation.services.report_following import follow_reports

Place = tuple[int, int]  # (row, col)
MIN_VALID_FRACTION = 0.5  # a tile with less imagery than this is offered to nobody

# A tile is what its annotations are, extra contributions aside.
FROM_ANNOTATIONS = """
UPDATE annotation_tile AS tile SET state = now.state
FROM (
    SELECT t.id, CASE
        WHEN EXISTS (SELECT 1 FROM annotation_goldtile g WHERE g.tile_id = t.id AND g.retired_at IS NULL)
            THEN CASE t.state WHEN 'unusable' THEN 'unusable' ELSE 'open' END
        WHEN count(*) FILTER (WHERE a.state = 'accepted') >= c.redundancy THEN 'accepted'
        WHEN count(*) FILTER (WHERE a.state = 'submitted') > 0 THEN 'submitted'
        WHEN count(*) FILTER (WHERE a.state = 'sent_back') > 0 THEN 'sent_back'
        WHEN t.state = 'unusable' THEN 'unusable'
        ELSE 'open' END AS state
    FROM annotation_tile t
    JOIN annotation_campaign c ON c.id = t.campaign_id
    LEFT JOIN annotation_annotation a ON a.tile_id = t.id AND NOT a.is_extra
    WHERE t.id = ANY(%(tiles)s)
    GROUP BY t.id, c.redundancy
) now
WHERE now.id = tile.id AND now.state <> tile.state AND NOT EXISTS (
    SELECT 1 FROM annotation_tile q WHERE q.whole_id = tile.id
)
"""

# A whole before its quarters, as its row was written: nobody who changes one of them waits in a circle.
LOCK_WITH_WHOLES = """
SELECT id FROM annotation_tile WHERE id IN (
    SELECT unnest(%(tiles)s::bigint[]) UNION SELECT t.whole_id FROM annotation_tile t WHERE t.id = ANY(%(tiles)s)
)
ORDER BY id FOR NO KEY UPDATE
"""

# Of a tile that is asked for by parts, a quarter in which none of them lies: nobody was ever asked for it.
LEFT_OUT = """
q.state = 'open' AND NOT EXISTS (SELECT 1 FROM annotation_ticket k WHERE k.tile_id = q.id) AND EXISTS (
    SELECT 1 FROM annotation_ticket k JOIN annotation_tile o ON o.id = k.tile_id
    WHERE o.whole_id = q.whole_id AND k.regions <> '[]'
)
"""

QUARTERS_LEFT_OUT = """
SELECT q.id FROM annotation_tile q WHERE q.whole_id IS NOT NULL AND q.campaign_id = %(campaign)s AND [left out]
""".replace("[left out]", LEFT_OUT)

# A tile that was split is what its quarters are: to do while one is, accepted when all are that were asked for.
FROM_QUARTERS = """
UPDATE annotation_tile AS tile SET state = now.state
FROM (
    SELECT q.whole_id AS id, CASE
        WHEN bool_or(q.state = 'open' AND NOT ([left out])) THEN 'open'
        WHEN bool_or(q.state = 'sent_back') THEN 'sent_back'
        WHEN bool_or(q.state = 'submitted') THEN 'submitted'
        WHEN bool_or(q.state = 'accepted') THEN 'accepted'
        WHEN bool_or(q.state = 'open') THEN 'open'
        ELSE 'unusable' END AS state
    FROM annotation_tile q
    WHERE q.whole_id IN (
        SELECT unnest(%(tiles)s::bigint[]) UNION SELECT t.whole_id FROM annotation_tile t WHERE t.id = ANY(%(tiles)s)
    )
    GROUP BY q.whole_id
) now
WHERE now.id = tile.id AND now.state <> tile.state
""".replace("[left out]", LEFT_OUT)


def usable_mask(*, layer_valid_path: str | None, n_rows: int, n_cols: int, tile_px: int) -> NDArray[np.bool_]:
    """Tiles with enough valid pixels: bool (n_rows, n_cols). Without a validity file every tile counts."""
    if layer_valid_path is None:
        return np.ones((n_rows, n_cols), dtype=bool)
    cells = np.load(layer_valid_path, mmap_mode="r", allow_pickle=False)
    fraction = tile_valid_fraction(cells, tile_px=tile_px, n_rows=n_rows, n_cols=n_cols)
    return fraction >= MIN_VALID_FRACTION


def usable_tiles(campaign: Campaign) -> NDArray[np.bool_]:
    """Tiles of the campaign that show enough imagery: bool (n_rows, n_cols)."""
    path = campaign.layer.path("valid.npy")
    return usable_mask(
        layer_valid_path=str(path) if path.exists() else None,
        n_rows=campaign.n_rows,
        n_cols=campaign.n_cols,
        tile_px=campaign.tile_px,
    )


def quarters_show_enough(tile: Tile) -> bool:
    """Whether each quarter of a tile shows as much imagery as a tile must to be offered."""
    path = tile.campaign.layer.path("valid.npy")
    if not path.exists():
        return True
    cells, side = np.load(path, mmap_mode="r", allow_pickle=False), tile.campaign.tile_px // 2
    places = [(2 * tile.row + down, 2 * tile.col + right) for down in (0, 1) for right in (0, 1)]
    return all(valid_fraction(cells, side, row=row, col=col) >= MIN_VALID_FRACTION for row, col in places)


def role_of_tile(campaign: Campaign, row: int, col: int) -> str:
    """ "pool", "holdout" or "buffer", for any tile, row or no row."""
    holdout = campaign.holdout
    blocks = {(int(block_row), int(block_col)) for block_row, block_col in holdout.blocks}
    return role_of(row, col, blocks, block_tiles=holdout.block_tiles, buffer_tiles=holdout.buffer_tiles)


def is_blind_tile(tile: Tile) -> bool:
    """Whether a tile is labelled without help: every control tile, and the campaign's blind share of the others."""
    campaign = tile.campaign
    return tile.role != Tile.Role.POOL or is_blind(
        seed=campaign.seed, row=tile.row, col=tile.col, share=campaign.blind_share
    )


def require_help_allowed(tile: Tile) -> None:
    """Refuse to show on a blind tile what a model or other people drew there. Raises: BlindTile."""
    if is_blind_tile(tile):
        raise BlindTile(
            "This tile is labelled without help, from the imagery alone: it shows how well people and the model do "
            "without each other. Draw what you see."
        )


def pool_mask(campaign: Campaign) -> NDArray[np.bool_]:
    """Tiles that may be queued for training: usable, outside the hold-out and its buffer."""
    mask = usable_tiles(campaign)
    holdout = campaign.holdout
    size, margin = holdout.block_tiles, holdout.buffer_tiles
    for block_row, block_col in holdout.blocks:
        top, left = max(0, block_row * size - margin), max(0, block_col * size - margin)
        mask[top : (block_row + 1) * size + margin, left : (block_col + 1) * size + margin] = False
    return mask


def materialise_tiles(*, campaign: Campaign, places: Iterable[Place]) -> dict[Place, Tile]:
    """Give tiles their database rows; those that have one keep it. Tiles that were split are given as wholes.

    Raises: TileOutsideGrid.
    """
    wanted = list(dict.fromkeys(places))
    grid = campaign.tile_grid
    blocks = {(int(block_row), int(block_col)) for block_row, block_col in campaign.holdout.blocks}
    rows = []
    for row, col in wanted:
        if not (0 <= row < campaign.n_rows and 0 <= col < campaign.n_cols):
            raise TileOutsideGrid(
                f"Tile (row {row}, column {col}) does not exist: rows go to {campaign.n_rows - 1}, "
                f"columns to {campaign.n_cols - 1}."
            )
        role = role_of(
            row, col, blocks, block_tiles=campaign.holdout.block_tiles, buffer_tiles=campaign.holdout.buffer_tiles
        )
        rows.append(
            Tile(
                campaign=campaign,
                row=row,
                col=col,
                role=role,
                inclusion_probability=campaign.holdout.inclusion_probability if role == "holdout" else None,
                footprint=Polygon(grid.polygon_wgs84(row, col), srid=4326),
            )
        )
    Tile.objects.bulk_create(rows, ignore_conflicts=True, batch_size=2000)
    found: dict[Place, Tile] = {}
    for start in range(0, len(wanted), 2000):
        part = wanted[start : start + 2000]
        chosen = Tile.objects.filter(
            campaign=campaign, part=0, row__in={row for row, _ in part}, col__in={col for _, col in part}
        )
        keep = set(part)
        found.update({(tile.row, tile.col): tile for tile in chosen if (tile.row, tile.col) in keep})
    return found


def quarters_of(tiles: Iterable[Tile]) -> dict[int, list[Tile]]:
    """The quarters of those of these tiles that were split, in their order, by the whole's id."""
    found: dict[int, list[Tile]] = {}
    for quarter in Tile.objects.filter(whole__in=[tile.pk for tile in tiles]).order_by("part"):
        if quarter.whole_id is not None:
            found.setdefault(quarter.whole_id, []).append(quarter)
    return found


def quarters_left_out(campaign: Campaign) -> set[int]:
    """Quarters that nobody was asked for, since the parts that their tile is asked for lie in the others."""
    with connection.cursor() as cursor:
        cursor.execute(QUARTERS_LEFT_OUT, {"campaign": campaign.pk})
        return {number for (number,) in cursor.fetchall()}


def refresh_tile_state(tile: Tile) -> None:
    """Set the tile's state, and what is said of reports there, from its annotations; called in the transaction that
    changed one.
    """
    refresh_tile_states([tile.pk])
    tile.state = Tile.objects.values_list("state", flat=True).get(pk=tile.pk)


def lock_with_wholes(tile_ids: Sequence[int]) -> None:
    """Lock tiles whose state is about to change, and the wholes of quarters among them, which follow."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK_WITH_WHOLES, {"tiles": list(tile_ids)})


def refresh_tile_states(tile_ids: Sequence[int]) -> int:
    """Set the tiles' states from their annotations, in one statement for all; returns how many changed.

    The rows are locked before the annotations are read: of two verdicts at once, the second sees the first. A gold tile
    stays to do, whoever has done it: its state must not tell it from what the next person expects. The wholes of
    quarters follow.
    """
    tiles = {"tiles": list(tile_ids)}
    lock_with_wholes(tile_ids)
    with connection.cursor() as cursor:
        cursor.execute(FROM_ANNOTATIONS, tiles)
        changed = cursor.rowcount
        cursor.execute(FROM_QUARTERS, tiles)
        changed += cursor.rowcount
    follow_reports(tile_ids)
    return changed
