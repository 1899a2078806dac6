"""What answers on change come to: cells settled or sent to review, and patches of the older vintage (docs/adr/0051)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from django.conf import settings
from django.contrib.gis.geos import GEOSGeometry, Polygon
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now
from pyproj import CRS

from annotation.core.change import Outcome, Said, outcome_of
from annotation.core.features import rings_in
from annotation.core.grid import lonlat_transformers
from annotation.core.tile_geometry import to_crs
from annotation.errors import AlreadyJudged, NotThere, OwnWork
from annotation.models import Campaign, ChangeAnswer, ChangeCell, ChangeReview, ChangeRound, ChangeVerdict, Patch
from annotation.services.change_words import cells_of_today, checked_words, said_today
from annotation.services.class_lineage import Lineage, lineage_of
from annotation.services.clock import database_now
from annotation.services.limits import Action, spend
from annotation.services.standing import counts_at_once
from annotation.services.validation_queue import agreement_needed

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def refresh_cells(cell_ids: Iterable[int]) -> None:
    """Set cells, and the patches that come of them, from what counts now; called in the transaction of the change.

    Cells are locked by id before their answers are read: of two answers at once the second sees the first.
    """
    wanted = sorted(set(cell_ids))
    list(ChangeCell.objects.select_for_update().filter(pk__in=wanted).order_by("pk").values_list("pk"))
    cells = ChangeCell.objects.filter(pk__in=wanted).select_related(
        "round__campaign", "round__pair__first", "tile__campaign__layer"
    )
    lineages: dict[int, Lineage] = {}
    for cell in cells.order_by("pk"):
        campaign = cell.round.campaign
        if campaign.pk not in lineages:
            lineages[campaign.pk] = lineage_of(campaign)
        _refresh(cells_of_today([cell], campaign)[0], lineages[campaign.pk])


def _refresh(cell: ChangeCell, lineage: Lineage) -> None:
    answers = list(ChangeAnswer.objects.counting().filter(cell=cell).select_related("annotator").order_by("pk"))
    ruling = ChangeReview.objects.counting().filter(cell=cell).order_by("-pk").first()
    campaign = cell.round.campaign

    def today(one: ChangeAnswer | ChangeReview) -> Said:
        return said_today(one.verdict, one.first_code, one.second_code, cell=cell, lineage=lineage)

    outcome = outcome_of(
        [today(answer) for answer in answers],
        wanted=campaign.redundancy,
        patch_needs=_patch_needs(campaign, answers),
        ruling=None if ruling is None else today(ruling),
    )
    _store(cell, outcome)
    agreeing = sum((said.verdict, said.first_code) == (cell.verdict, cell.first_truth) for said in map(today, answers))
    _patch(cell, agreeing=agreeing, ruling=ruling, lineage=lineage)


def _patch_needs(campaign: Campaign, answers: list[ChangeAnswer]) -> int:
    """People who must say that a published label was wrong: a newcomer alone never does."""
    needed = agreement_needed(campaign)
    is_new = any(not counts_at_once(campaign=campaign, user=answer.annotator) for answer in answers)
    return max(2, needed) if is_new else needed


def _store(cell: ChangeCell, outcome: Outcome) -> None:
    said = outcome.said or Said("")
    now = (outcome.state, said.verdict, said.first_code, said.second_code)
    if (cell.state, cell.verdict, cell.first_truth, cell.second_truth) == now:
        return
    cell.state, cell.verdict, cell.first_truth, cell.second_truth = now
    cell.decided_at = database_now() if outcome.said is not None else None
    cell.save(update_fields=["state", "verdict", "first_truth", "second_truth", "decided_at"])


def _patch(cell: ChangeCell, *, agreeing: int, ruling: ChangeReview | None, lineage: Lineage) -> None:
    """The patch that a settled cell makes, or none; one that no longer holds is withdrawn, never changed."""
    is_patch = cell.verdict == ChangeVerdict.FIRST_WRONG and cell.first_code not in ("", cell.first_truth)
    standing = Patch.objects.standing().filter(cell=cell)
    if is_patch and any(lineage.now(patch.right_code) == cell.first_truth for patch in standing):
        return
    standing.update(withdrawn_at=Now())
    if not is_patch:
        return
    tile = cell.tile
    polygon = to_crs(rings_in(cell.rings), grid=tile.grid, row=tile.place[0], col=tile.place[1])
    srid = CRS.from_user_input(tile.grid.pixels.crs).to_epsg() or 0
    to_lonlat, _back = lonlat_transformers(tile.grid.pixels.crs)
    corners = [
        tuple(zip(*to_lonlat.transform(*ring.xy), strict=True)) for ring in (polygon.exterior, *polygon.interiors)
    ]
    Patch.objects.create(
        cell=cell,
        layer=cell.round.pair.first,
        geometry=cast(Polygon, GEOSGeometry(memoryview(polygon.wkb), srid=srid)),
        footprint=Polygon(*corners, srid=4326),
        area_m2=cell.area_m2,
        wrong_code=cell.first_code,
        right_code=cell.first_truth,
        answers=agreeing,
        review=ruling,
        licence=settings.CONTRIBUTION_LICENCE,
    )


# --- review -------------------------------------------------------------------------------------------------


def cells_to_review(*, campaign: Campaign, reviewer: User) -> QuerySet[ChangeCell]:
    """Cells whose answers differ or need a second person, but for those that this person answered: highest first."""
    answered = Q(answers__annotator=reviewer, answers__taken_back_at__isnull=True)
    own = ChangeCell.objects.filter(answered, round__campaign=campaign).values("pk")
    waiting = ChangeCell.objects.filter(round__campaign=campaign, state=ChangeCell.State.REVIEW)
    return waiting.exclude(pk__in=own).order_by("-score", "pk")


@transaction.atomic
def review_change_cell(
    *, cell: ChangeCell, reviewer: User, verdict: str, first_code: str = "", second_code: str = "", comment: str = ""
) -> ChangeReview:
    """Say what a cell is, whatever its answers said: theirs stay on record, and this settles it.

    Said again by the same person it changes nothing.

    Raises: NotThere: not theirs to review; OwnWork: they answered it; AlreadyJudged: they reviewed it otherwise;
        InvalidChangeAnswer, UnknownClass, AccountBlocked, TooManyThisHour.
    """
    campaign = cell.round.campaign
    if not Campaign.objects.reviewed_by(reviewer).filter(pk=campaign.pk).exists():
        raise NotThere(f"There is no cell {cell.pk} for you to review.")
    cells_of_today([cell], campaign)
    said = checked_words(cell, verdict=verdict, first_code=first_code, second_code=second_code)
    ChangeCell.objects.select_for_update().get(pk=cell.pk)
    if ChangeAnswer.objects.standing().filter(cell=cell, annotator=reviewer).exists():
        raise OwnWork("You answered this one yourself: another reviewer settles it.")
    earlier = ChangeReview.objects.filter(cell=cell, reviewer=reviewer).first()
    if earlier is not None:
        if (earlier.verdict, earlier.first_code, earlier.second_code) == (
            said.verdict,
            said.first_code,
            said.second_code,
        ):
            return earlier
        raise AlreadyJudged("You settled this one already: another reviewer may say otherwise.")
    spend(user=reviewer, action=Action.REVIEW)
    review = ChangeReview.objects.create(
        cell=cell,
        reviewer=reviewer,
        verdict=said.verdict,
        first_code=said.first_code,
        second_code=said.second_code,
        comment=comment.strip()[:1000],
        licence=settings.CONTRIBUTION_LICENCE,
    )
    refresh_cells([cell.pk])
    return review


# --- figures ------------------------------------------------------------------------------------------------


def round_counts(opened: ChangeRound) -> dict[str, int]:
    """How many cells of a round are in each state, and settled as what: {"open": …, "settled": …, "changed": …}."""
    states = dict(opened.cells.order_by().values_list("state").annotate(Count("pk")))
    verdicts = dict(opened.cells.order_by().exclude(verdict="").values_list("verdict").annotate(Count("pk")))
    every = dict.fromkeys(ChangeCell.State.values, 0) | dict.fromkeys(ChangeVerdict.values, 0)
    return every | states | verdicts
