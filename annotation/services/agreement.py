"""How far people agree on the tiles that several of them labelled: by tile, class, person and campaign.

Counted by a job and kept by tile; figures of a campaign are sums. Gold tiles are left out: there people are compared
with the reference, and what they say of each other is no one's to see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db.models import Count, Exists, OuterRef, QuerySet, Sum
from numpy.typing import NDArray

from annotation.core.agreement import Coincidences, alpha_of, coincidences, confusion_counts, disagreement
from annotation.core.consensus import majority_vote, staple
from annotation.core.stored_labels import class_index, label_rasters
from annotation.errors import NothingToCompare, NotThere
from annotation.models import Annotation, AnnotationRevision, Campaign, GoldTile, Job, Lease, Tile, TileAgreement
from annotation.services.jobs import enqueue_job
from annotation.services.nomenclatures import selectable_codes

if TYPE_CHECKING:
    from django.contrib.auth.models import User

UInt8Array = NDArray[np.uint8]
Pairs = dict[str, dict[str, int]]  # pixels by the class of one person, then of another; both directions counted


@dataclass(frozen=True, slots=True)
class PersonAgreement:
    """How often a person says what the others say, on pixels that they label as well."""

    annotator_id: int
    compared_px: int
    agreeing_px: int

    @property
    def share(self) -> float | None:
        """From 0 to 1; None where nothing was compared."""
        return self.agreeing_px / self.compared_px if self.compared_px else None


@dataclass(frozen=True, slots=True)
class CampaignAgreement:
    """A campaign's figures, over the tiles that two people or more labelled.

    Args:
        alpha: Krippendorff's, over all pixels; None where it is undefined.
        differing: share of the pixels compared on which not all agree; None when there are none.
        iou: of each class met, between pairs of people.
        pairs: pixels by the classes of two people, symmetric.
        staple_differs: share of the pixels compared where the vote and STAPLE give different labels.
    """

    n_tiles: int
    compared_px: int
    alpha: float | None
    differing: float | None
    staple_differs: float | None
    iou: Mapping[str, float]
    pairs: Pairs
    people: tuple[PersonAgreement, ...]


@dataclass(frozen=True, slots=True)
class AgreementFigures:
    """Of a campaign, over the tiles that two people or more labelled: how many, and the share of the pixels compared
    on which all agree (None when there are none).
    """

    n_tiles: int
    agreeing: float | None


# --- counting -----------------------------------------------------------------------------------------------


def start_agreement_count(*, campaign: Campaign, actor: User) -> Job:
    """Queue the count of a campaign's agreement.

    Raises: NotThere (not a reviewer), JobAlreadyRunning.
    """
    require_reviewer(campaign, actor)
    return enqueue_job(
        kind="count_agreement", payload={"campaign": campaign.pk}, owner=actor, campaign=campaign, key=campaign.slug
    )


def tiles_to_count(campaign: Campaign) -> list[tuple[int, list[int]]]:
    """Tiles that two people or more handed in whose agreement is not yet counted as they are now: (tile, revisions)."""
    handed_in = (
        Annotation.objects.handed_in()
        .filter(tile__campaign=campaign, tile__golds__isnull=True)
        .order_by("tile_id", "head_id")
        .values_list("tile_id", "head_id")
    )
    revisions: dict[int, list[int]] = {}
    for tile, head in handed_in:
        revisions.setdefault(tile, []).append(head)
    kept = TileAgreement.objects.filter(tile__campaign=campaign)
    counted: dict[int, list[int]] = dict(kept.values_list("tile_id", "revision_ids"))
    compared = {tile: heads for tile, heads in revisions.items() if len(heads) >= 2}
    kept.exclude(tile__in=compared).delete()
    return [(tile, heads) for tile, heads in sorted(compared.items()) if counted.get(tile) != heads]


def count_agreement_of_tile(*, campaign: Campaign, tile_id: int, revision_ids: Sequence[int]) -> TileAgreement:
    """Compare the revisions of one tile pixel by pixel and keep the figures. Loads SimpleITK: for workers.

    Raises: InvalidFeature, UnusableLabels.
    """
    revisions = AnnotationRevision.objects.filter(pk__in=revision_ids).order_by("pk")
    authors = list(revisions.values_list("author_id", flat=True))
    values = class_index(selectable_codes(campaign))
    side = Tile.objects.select_related("campaign").get(pk=tile_id).px
    rasters = label_rasters(revisions.values_list("features", flat=True), tile_px=side, values=values)
    codes = {value: code for code, value in values.items()}
    found, contested = coincidences(rasters), disagreement(rasters)
    people: dict[int, list[int]] = {author: [0, 0] for author in authors}
    pairs: Pairs = {}
    for (one, left), (other, right) in combinations(zip(authors, rasters, strict=True), 2):
        both = (left > 0) & (right > 0)
        compared, same = int(both.sum()), int((left[both] == right[both]).sum())
        for author in (one, other):
            people[author][0] += compared
            people[author][1] += same
        masked = [np.where(both, raster, np.uint8(0)) for raster in (left, right)]
        add_pairs(pairs, confusion_counts(masked[0], masked[1], class_codes=codes))
        add_pairs(pairs, confusion_counts(masked[1], masked[0], class_codes=codes))
    figures: dict[str, Any] = {
        "revision_ids": list(revision_ids),
        "n_people": len(rasters),
        "compared_px": int((contested > 0).sum()),
        "differing_px": int((contested == 2).sum()),
        "alpha": alpha_of([found]),
        "totals": {codes[value]: total for value, total in found.totals.items()},
        "agreeing": found.agreeing,
        "pairs": pairs,
        "people": {str(author): counts for author, counts in people.items()},
        "staple_differs_px": int(((majority_vote(rasters) != staple(rasters)) & (contested > 0)).sum()),
    }
    kept, _created = TileAgreement.objects.update_or_create(tile_id=tile_id, defaults=figures)
    return kept


def add_pairs(total: Pairs, more: Mapping[str, Mapping[str, int]]) -> None:
    """Add pixel counts to others, in place."""
    for one, row in more.items():
        for other, pixels in row.items():
            total.setdefault(one, {})[other] = total.get(one, {}).get(other, 0) + pixels


# --- asking -------------------------------------------------------------------------------------------------


def campaign_agreement(*, campaign: Campaign, actor: User) -> CampaignAgreement:
    """A campaign's figures as last counted.

    Raises: NotThere (not a reviewer).
    """
    require_reviewer(campaign, actor)
    rows = list(TileAgreement.objects.filter(tile__campaign=campaign, tile__golds__isnull=True))
    values = class_index(selectable_codes(campaign))
    pairs: Pairs = {}
    people: dict[int, list[int]] = {}
    for row in rows:
        add_pairs(pairs, row.pairs)
        for author, (compared, agreeing) in row.people.items():
            counts = people.setdefault(int(author), [0, 0])
            counts[0] += compared
            counts[1] += agreeing
    compared_px = sum(row.compared_px for row in rows)
    return CampaignAgreement(
        n_tiles=len(rows),
        compared_px=compared_px,
        alpha=alpha_of(
            Coincidences({values[code]: total for code, total in row.totals.items()}, row.agreeing) for row in rows
        ),
        differing=sum(row.differing_px for row in rows) / compared_px if compared_px else None,
        staple_differs=sum(row.staple_differs_px for row in rows) / compared_px if compared_px else None,
        iou=iou_of_pairs(pairs),
        pairs=pairs,
        people=tuple(PersonAgreement(author, *counts) for author, counts in sorted(people.items())),
    )


def agreement_figures(*, campaign: Campaign, actor: User) -> AgreementFigures:
    """The share of `campaign_agreement` on which all agree, summed by the database.

    Raises: NotThere (not a reviewer).
    """
    require_reviewer(campaign, actor)
    gold = Exists(GoldTile.objects.filter(tile=OuterRef("tile")))  # planned better than a join where there are many
    sums = (
        TileAgreement.objects.filter(tile__campaign=campaign)
        .exclude(gold)
        .aggregate(tiles=Count("pk"), compared=Sum("compared_px"), differing=Sum("differing_px"))
    )
    compared = sums["compared"] or 0
    return AgreementFigures(sums["tiles"], 1 - sums["differing"] / compared if compared else None)


def iou_of_pairs(pairs: Mapping[str, Mapping[str, int]]) -> dict[str, float]:
    """Intersection over union of each class met, between two people taken at random."""
    given: dict[str, int] = {}
    for one, row in pairs.items():
        for other, pixels in row.items():
            given[one] = given.get(one, 0) + pixels
            given[other] = given.get(other, 0) + pixels
    # Both directions are counted, so each total is twice what one direction has, and so is the union.
    same = {code: pairs.get(code, {}).get(code, 0) for code in given}
    return {code: same[code] / (given[code] - same[code]) for code in sorted(given) if given[code]}


def contested_tiles(*, campaign: Campaign, actor: User) -> QuerySet[TileAgreement]:
    """Tiles counted, those on which people differ most first.

    Raises: NotThere (not a reviewer).
    """
    require_reviewer(campaign, actor)
    drawing = Lease.objects.filter(tile=OuterRef("tile"), annotator=actor, purpose=Lease.Purpose.DRAW, state="active")
    return (
        TileAgreement.objects.filter(tile__campaign=campaign, tile__golds__isnull=True, compared_px__gt=0)
        .exclude(Exists(drawing))
        .select_related("tile")
        .order_by("-differing_px", "tile_id")
    )


def disagreement_raster(*, campaign: Campaign, actor: User) -> UInt8Array:
    """The campaign as a raster of one pixel a tile: 0 = not compared, else 1 + 254 × the share on which people differ.

    Returns: uint8 (n_rows, n_cols). Raises: NotThere (not a reviewer).
    """
    compared = np.zeros((campaign.n_rows, campaign.n_cols), np.int64)
    differing = np.zeros_like(compared)
    for row in contested_tiles(campaign=campaign, actor=actor):  # the quarters of one that was split together
        compared[row.tile.row, row.tile.col] += row.compared_px
        differing[row.tile.row, row.tile.col] += row.differing_px
    shares = 1 + np.rint(254 * differing / np.maximum(compared, 1))
    return np.where(compared > 0, shares, 0).astype(np.uint8)


def tile_disagreement(*, tile: Tile, actor: User) -> UInt8Array:
    """Where people differ on a tile as they handed it in, as core.agreement.disagreement: uint8 (tile_px, tile_px).

    For reviewers, and not while they draw the tile themselves.
    Raises: NotThere, NothingToCompare (fewer than two people handed it in).
    """
    require_reviewer(tile.campaign, actor)
    drawing = Lease.objects.filter(tile=tile, annotator=actor, purpose=Lease.Purpose.DRAW, state=Lease.State.ACTIVE)
    if drawing.exists() or GoldTile.objects.filter(tile=tile).exists():
        raise NotThere(f"There is no comparison of tile {tile.pk} for you to see.")
    handed_in = Annotation.objects.handed_in().filter(tile=tile).order_by("head_id")
    features = list(handed_in.values_list("head__features", flat=True))
    if len(features) < 2:
        raise NothingToCompare(
            f"{len(features)} person(s) handed in tile row {tile.row}, column {tile.col}: two are needed to compare."
        )
    values = class_index(selectable_codes(tile.campaign))
    return disagreement(label_rasters(features, tile_px=tile.px, values=values))


def require_reviewer(campaign: Campaign, actor: User) -> None:
    """Refuse those who do not review a campaign. Raises: NotThere."""
    if not Campaign.objects.reviewed_by(actor).filter(pk=campaign.pk).exists():
        raise NotThere(f"You are not a reviewer of {campaign.slug!r}: ask one of its maintainers.")
