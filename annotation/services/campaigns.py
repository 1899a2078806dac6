"""Opening a campaign: hold-out first, then the first round; everything else stays virtual."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from django.db import transaction

from annotation.core.gold import MAX_SHARE as MAX_GOLD_SHARE
from annotation.core.grid import TileGrid
from annotation.core.holdout import draw_holdout, iter_holdout_tiles
from annotation.errors import NameTaken, TooFewTiles, UserError
from annotation.models import Campaign, Holdout, ImageryLayer, Membership, Nomenclature, Ticket
from annotation.services.people import set_role
from annotation.services.rounds import QueuedTile, open_queue_round
from annotation.services.tiles import materialise_tiles, pool_mask, usable_mask

if TYPE_CHECKING:
    from django.contrib.auth.models import User

DEFAULT_HOLDOUT_SHARE = 0.15
FIRST_REVIEWED = 3
MAX_HOLDOUT_TILES = 600  # enough for per-class figures; a larger sample is asked for by its share


@transaction.atomic
def open_campaign(
    *,
    slug: str,
    title: str,
    layer: ImageryLayer,
    nomenclature: Nomenclature,
    tile_px: int,
    created_by: User | None,
    redundancy: int = 1,
    review_policy: str = Campaign.ReviewPolicy.REVIEW,
    first_reviewed: int = FIRST_REVIEWED,
    control_share: float = 0.2,
    random_share: float = 0.1,
    blind_share: float = 0.0,
    newcomer_tiles: int = 0,
    gold_share: float = 0.1,
    holdout_share: float | None = None,
    holdout_block_tiles: int = 2,
    holdout_buffer_tiles: int = 1,
    first_round: int = 50,
    seed: int = 0,
    description: str = "",
) -> Campaign:
    """Open a campaign on a layer's own pixel grid.

    Draws the hold-out before anything else, writes its tiles, and opens a first round of `first_round` pool tiles
    drawn at random (there is no model yet to doubt). `blind_share` of the pool is labelled without help.
    Until a person has had `newcomer_tiles` accepted they get the easiest ones. Of a newcomer `first_reviewed` tiles are
    reviewed before their work counts, also where submissions are accepted as they come.
    Once there are gold tiles, `gold_share` of what each person is given is one.

    Raises: NameTaken, UnusableGrid, TooFewTiles, HoldoutImpossible, UserError (a value out of range).
    """
    shares = {"control share": control_share, "random share": random_share, "blind share": blind_share}
    newcomers = {"tiles for newcomers": newcomer_tiles, "first tiles reviewed": first_reviewed}
    _check_values(slug, tile_px, redundancy, shares, holdout_share, first_round, newcomers)
    if not 0 <= gold_share <= MAX_GOLD_SHARE:
        raise UserError(f"Not usable: gold share {gold_share}: from 0 to {MAX_GOLD_SHARE}.")
    if Campaign.objects.filter(slug=slug).exists():
        raise NameTaken(f"A campaign {slug!r} exists: choose another --slug.")
    grid = TileGrid(pixels=layer.pixel_grid, tile_px=tile_px)
    valid = layer.path("valid.npy")
    usable = usable_mask(
        layer_valid_path=str(valid) if valid.exists() else None, n_rows=grid.n_rows, n_cols=grid.n_cols, tile_px=tile_px
    )
    n_usable = int(usable.sum())
    if n_usable < 8:
        raise TooFewTiles(
            f"Layer {layer.slug!r} gives {n_usable} usable tiles of {tile_px} px ({layer.width} × {layer.height} px): "
            "take smaller tiles or a larger layer; 8 is the least."
        )
    share = holdout_share or min(DEFAULT_HOLDOUT_SHARE, MAX_HOLDOUT_TILES / n_usable)
    draw = draw_holdout(
        n_rows=grid.n_rows,
        n_cols=grid.n_cols,
        usable=usable,
        block_tiles=holdout_block_tiles,
        buffer_tiles=holdout_buffer_tiles,
        fraction=share,
        seed=seed,
    )
    kept = list(
        iter_holdout_tiles(draw, n_rows=grid.n_rows, n_cols=grid.n_cols, block_tiles=holdout_block_tiles, usable=usable)
    )
    campaign = Campaign.objects.create(
        slug=slug,
        title=title,
        description=description,
        layer=layer,
        nomenclature=nomenclature,
        tile_px=tile_px,
        n_rows=grid.n_rows,
        n_cols=grid.n_cols,
        n_usable=n_usable,
        redundancy=redundancy,
        review_policy=review_policy,
        first_reviewed=first_reviewed,
        control_share=control_share,
        random_share=random_share,
        blind_share=blind_share,
        newcomer_tiles=newcomer_tiles,
        gold_share=gold_share,
        seed=seed,
        created_by=created_by,
    )
    Holdout.objects.create(
        campaign=campaign,
        block_tiles=holdout_block_tiles,
        buffer_tiles=holdout_buffer_tiles,
        fraction=share,
        seed=seed,
        inclusion_probability=draw.inclusion_probability,
        blocks=[list(block) for block in draw.blocks],
        n_tiles=len(kept),
    )
    materialise_tiles(campaign=campaign, places=kept)
    if created_by is not None:
        set_role(campaign=campaign, user=created_by, role=Membership.Role.MAINTAINER)
    _open_first_round(campaign, first_round)
    return campaign


def _open_first_round(campaign: Campaign, size: int) -> None:
    pool = np.flatnonzero(pool_mask(campaign))
    if pool.size == 0:
        raise TooFewTiles(
            f"The hold-out and its buffer leave no tile to label among {campaign.n_usable}: "
            "lower --holdout-share, --holdout-block or --holdout-buffer."
        )
    rng = np.random.default_rng([campaign.seed, 1])
    chosen = rng.choice(pool, size=min(size, pool.size), replace=False)
    open_queue_round(
        campaign=campaign,
        function="initial",
        seed=campaign.seed,
        random_share=1.0,
        tickets=[
            QueuedTile(
                row=int(index) // campaign.n_cols,
                col=int(index) % campaign.n_cols,
                kind=Ticket.Kind.INITIAL,
                probability=chosen.size / pool.size,
            )
            for index in chosen
        ],
    )


def _check_values(
    slug: str,
    tile_px: int,
    redundancy: int,
    shares: dict[str, float],
    holdout_share: float | None,
    first_round: int,
    newcomers: dict[str, int],
) -> None:
    problems = [
        (
            not re.fullmatch(r"[a-z0-9-]{1,60}", slug),
            f"slug {slug!r}: lower-case letters, digits and dashes, at most 60",
        ),
        (not 64 <= tile_px <= 2048, f"tile size {tile_px} px: between 64 and 2048"),
        (not 1 <= redundancy <= 15, f"redundancy {redundancy}: between 1 and 15"),
        (shares["control share"] == 1, "control share 1.0: below 1, so that there is something to learn from"),
        *((not 0 <= share <= 1, f"{name} {share}: from 0 to 1") for name, share in shares.items()),
        (holdout_share is not None and not 0 < holdout_share < 1, f"hold-out share {holdout_share}: between 0 and 1"),
        (first_round < 1, f"first round of {first_round} tiles: at least 1"),
        *((not 0 <= count <= 100, f"{count} {name}: from 0 to 100") for name, count in newcomers.items()),
    ]
    for wrong, message in problems:
        if wrong:
            raise UserError(f"Not usable: {message}.")
