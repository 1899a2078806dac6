"""Changing the classes of a running campaign: a preview, the migration of every label, and taking it back.

Labels get one more revision each, in the new classes; what they were drawn as stays (docs/adr/0056). All of a change is
one transaction that holds the campaign alone: nobody ever sees half of it, and who saves meanwhile is told to come
again. Called by learning.services.class_changes, which knows of models and releases.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.db.models import Q

from annotation.core import class_changes as core
from annotation.core.themes import is_local, require_national
from annotation.errors import CannotChangeClasses, CannotReverse, Conflict, NotThere, ReasonRequired
from annotation.models import (
    Campaign,
    ClassChange,
    Correction,
)
from annotation.services import class_change_sql as sql
from annotation.services.annotations import canonical_sha256
from annotation.services.audit import record_change
from annotation.services.class_grounds import ground_rule
from annotation.services.class_guard import codes_now, hold_alone
from annotation.services.class_tally import Recoded, Tally, recoded_rows
from annotation.services.class_versions import store_version, tree_of
from annotation.services.clock import database_now
from annotation.services.tiles import refresh_tile_states

if TYPE_CHECKING:
    from django.contrib.auth.models import User

State = ClassChange.State
Progress = Callable[[float, str], None]
ROWS_AT_ONCE = 2_000
#: What a change, and the way back, pass in this order; tests let a worker die at each.
WRITE_STEPS = ("staged", "revisions", "polygons", "heads", "gold")
APPLY_STEPS = ("held", *WRITE_STEPS, "tiles", "corrections", "classes", "report", "committed")
REVERSE_STEPS = (
    "held",
    "heads_back",
    "gold_back",
    *WRITE_STEPS,
    "tiles",
    "corrections",
    "classes",
    "report",
    "committed",
)


def quiet(_share: float, _message: str) -> None:
    """Nobody is told how far it is."""


def no_fault(_step: str) -> None:
    """Nothing happens between two steps, except in tests."""


# --- planning -----------------------------------------------------------------------------------------------


def outcome_of(campaign: Campaign, plan: object) -> core.Outcome:
    """What a plan makes of a campaign's classes. Raises: CannotChangeClasses, NotANomenclature."""
    tree = tree_of(campaign.nomenclature)
    outcome = core.apply_plan(tree, plan)
    if campaign.nomenclature.extends_id is not None:
        require_national(tree, outcome.tree, outcome.targets)
    elif local := sorted(code for code in set(outcome.tree.codes) - set(tree.codes) if is_local(code)):
        raise CannotChangeClasses(
            f"The code {local[0]} has a slash, as only local classes of a theme have: take letters, digits, . _ and -."
        )
    gone = codes_now(campaign)
    for code in set(outcome.tree.codes) - set(tree.codes):
        came_from = {before for before, codes in outcome.targets.items() if code in codes}
        if code in gone and gone[code] not in came_from:
            raise CannotChangeClasses(
                f"The code {code} meant another class in this campaign before: choose one that was never used here."
            )
    return outcome


def plan_change(*, campaign: Campaign, plan: object, actor: User | None, reason: str = "") -> ClassChange:
    """Keep a plan, checked against the classes as they are. Nothing changes yet.

    Raises: CannotChangeClasses, NotANomenclature, ReasonRequired.
    """
    if not reason.strip():
        raise ReasonRequired("Say why the classes change: people who label are told.")
    outcome = outcome_of(campaign, plan)
    return ClassChange.objects.create(
        campaign=campaign,
        before=campaign.nomenclature,
        plan=plan,
        codes={code: outcome.default[code] for code in sorted(outcome.touched)},
        reason=reason.strip()[:500],
        made_by=actor,
    )


def preview_change(*, campaign: Campaign, plan: object) -> dict[str, Any]:
    """What a plan would do to labels, counted as the migration counts it; nothing is written.

    Raises: CannotChangeClasses, NotANomenclature.
    """
    outcome = outcome_of(campaign, plan)
    tally = Tally()
    with transaction.atomic():
        for _row in recoded_rows(campaign, outcome.touched, outcome.default, _grounds(campaign, outcome), tally):
            pass
    return tally.as_json()


# --- the migration ------------------------------------------------------------------------------------------


def apply_change(
    *, change_id: int, actor: User | None, progress: Progress = quiet, faultpoint: Callable[[str], None] = no_fault
) -> ClassChange:
    """Give every label of the campaign its new classes, all at once; applied before, it is returned as it is.

    Raises: NotThere, CannotChangeClasses (the classes have changed since it was planned), Conflict (labels moved under
        it: try again).
    """
    with transaction.atomic():
        change = _locked(change_id)
        if change.state != State.PLANNED:
            return change
        campaign = change.campaign
        if campaign.nomenclature_id != change.before_id:
            raise CannotChangeClasses("The classes have changed since this was planned: look at a new preview.")
        faultpoint("held")
        outcome = outcome_of(campaign, change.plan)
        tally, start = Tally(), database_now()
        rows = recoded_rows(campaign, outcome.touched, outcome.default, _grounds(campaign, outcome), tally)
        retired = _write(change, rows, outcome.default, is_back=False, progress=progress, faultpoint=faultpoint)
        emptied = _run(sql.EMPTIED, change, is_back=False)
        refresh_tile_states(sorted({tile for (tile,) in emptied} | {tile for _gold, tile in retired}))
        faultpoint("tiles")
        _recode_corrections(campaign, outcome.default)
        faultpoint("corrections")
        change.after = store_version(campaign, outcome)
        campaign.nomenclature = change.after
        campaign.save(update_fields=["nomenclature"])
        faultpoint("classes")
        change.codes = {code: outcome.default[code] for code in sorted(outcome.touched)}
        change.back = {now: before for now, before in sorted(outcome.back.items()) if now != before}
        change.report = {**tally.as_json(), "gold_retired": [gold for gold, _tile in retired]}
        change.state, change.applied_at = State.APPLIED, database_now()
        change.report["seconds"] = round((change.applied_at - start).total_seconds(), 2)
        change.save()
        record_change(
            action="classes_changed", actor=actor, campaign=campaign, before=change.before.version,
            after=change.after.version,
        )  # fmt: skip
        faultpoint("report")
    faultpoint("committed")
    progress(1.0, "")
    return change


def reverse_change(
    *, change_id: int, actor: User | None, progress: Progress = quiet, faultpoint: Callable[[str], None] = no_fault
) -> ClassChange:
    """Take a change back: labels that nobody touched since have exactly their earlier revision again; work done since
    is kept and gets its classes of before, where they are known.

    Raises: NotThere, CannotReverse (not the latest change), Conflict (labels moved under it: try again).
    """
    with transaction.atomic():
        change = _locked(change_id)
        if change.state == State.REVERSED:
            return change
        campaign = change.campaign
        if change.state != State.APPLIED or campaign.nomenclature_id != change.after_id:
            raise CannotReverse(
                "Only the latest change that applies can be taken back: take back the later ones first."
            )
        faultpoint("held")
        start = database_now()
        back, looked_at, class_of = _way_back(change)
        since = _run(sql.SINCE, change)[0][0]
        tiles = {tile for (tile,) in _run(sql.HEADS_BACK, change)}
        faultpoint("heads_back")
        _run(sql.GOLD_BACK, change)
        tiles |= {tile for (tile,) in _run(sql.GOLD_AGAIN, change, golds=change.report["gold_retired"])}
        faultpoint("gold_back")
        tally = Tally()
        rows = recoded_rows(campaign, looked_at, back, class_of, tally)
        _write(change, rows, back, is_back=True, progress=progress, faultpoint=faultpoint)
        tiles |= {tile for (tile,) in _run(sql.EMPTIED, change, is_back=True)}
        refresh_tile_states(sorted(tiles))
        faultpoint("tiles")
        _recode_corrections(campaign, back)
        faultpoint("corrections")
        campaign.nomenclature = change.before
        campaign.save(update_fields=["nomenclature"])
        faultpoint("classes")
        change.reversal = {**tally.as_json(), "work_since": since}
        change.state, change.reversed_at, change.reversed_by = State.REVERSED, database_now(), actor
        change.reversal["seconds"] = round((change.reversed_at - start).total_seconds(), 2)
        change.save()
        record_change(
            action="classes_reversed", actor=actor, campaign=campaign, before=change.after.version,  # type: ignore[union-attr]
            after=change.before.version,
        )  # fmt: skip
        faultpoint("report")
    faultpoint("committed")
    progress(1.0, "")
    return change


# --- the parts ----------------------------------------------------------------------------------------------


def _locked(change_id: int) -> ClassChange:
    campaign = Campaign.objects.filter(class_changes=change_id).first()
    if campaign is None:
        raise NotThere(f"There is no change of classes {change_id}: look at the campaign's page of classes.")
    hold_alone(campaign)
    found = ClassChange.objects.select_for_update(of=("self",)).select_related(
        "campaign__layer", "campaign__nomenclature", "before", "after"
    )
    return found.get(pk=change_id)


def _grounds(campaign: Campaign, outcome: core.Outcome) -> Any:
    return ground_rule(campaign, outcome.areas) if outcome.areas else None


def _write(
    change: ClassChange,
    rows: Iterator[Recoded],
    default: Mapping[str, str | None],
    *,
    is_back: bool,
    progress: Progress,
    faultpoint: Callable[[str], None],
) -> list[tuple[int, int]]:
    """One more revision for each row, with its polygons, and heads and gold references that lead to it.

    Returns: gold references of which nothing is left, each with its tile.
    """
    values = {"change": change.pk, "is_back": is_back, "campaign": change.campaign_id}
    with connection.cursor() as cursor:
        cursor.execute(sql.STAGE)
        for code, now in default.items():
            if code != now:
                cursor.execute("INSERT INTO class_change_code VALUES (%s, %s)", [code, now])
        total = heads = 0
        part: list[Recoded] = []
        for row in rows:
            part.append(row)
            heads += row.is_head
            if len(part) == ROWS_AT_ONCE:
                total += _stage(cursor, part)
                part = []
                progress(0.0, f"{total} labels looked at")
        total += _stage(cursor, part)
        faultpoint("staged")
        progress(0.3, f"{total} labels get their new classes")
        cursor.execute(sql.REVISIONS, values)
        written = cursor.rowcount
        faultpoint("revisions")
        progress(0.5, f"{total} labels: outlines on maps")
        cursor.execute(sql.POLYGONS, values)
        faultpoint("polygons")
        progress(0.9, f"{total} labels: the last step")
        cursor.execute(sql.HEADS, values)
        if written != total or cursor.rowcount != heads:
            raise Conflict(
                f"{heads} labels were to change and {cursor.rowcount} could: somebody worked on them meanwhile, and "
                "nothing was changed. Try again."
            )
        faultpoint("heads")
        cursor.execute(sql.GOLD, values)
        retired: list[tuple[int, int]] = cursor.fetchall()
        faultpoint("gold")
        cursor.execute("DROP TABLE class_change_stage, class_change_by_ground, class_change_code")
    return retired


def _stage(cursor: Any, rows: list[Recoded]) -> int:
    with cursor.copy(sql.COPY_STAGE) as copy:
        for row in rows:
            copy.write_row((
                row.annotation, row.revision, row.is_head, json.dumps(row.features, separators=(",", ":")),
                canonical_sha256(row.features), row.recoded, row.lost, row.lost_m2,
            ))  # fmt: skip
    by_ground = [(row.revision, key, code) for row in rows for key, code in row.by_ground.items()]
    if by_ground:
        with cursor.copy("COPY class_change_by_ground (before_id, feature_id, class_code) FROM STDIN") as copy:
            for one in by_ground:
                copy.write_row(one)
    return len(rows)


def _run(statement: str, change: ClassChange, **more: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"change": change.pk, **more})
        return list(cursor.fetchall()) if cursor.description else []


def _way_back(change: ClassChange) -> tuple[dict[str, str | None], frozenset[str], Any]:
    """The class before of every class that the tree before does not have, and of shapes that were there before."""
    before = {item.code for item in change.before.classes.filter(selectable=True)}
    after = {item.code for item in change.after.classes.filter(selectable=True)}  # type: ignore[union-attr]
    # A class that was there before stays what it is, unless a shape is known to have been another.
    default = {code: change.back.get(code) for code in after - before}
    known: dict[tuple[int, str], str] = {}
    for annotation, feature, code in _run(sql.CLASSES_BEFORE, change):
        known[(annotation, feature)] = code
    targets = outcome_of_stored(change).targets
    looked_at = frozenset(default) | {now for code in change.codes for now in targets[code]}

    def class_of(feature: dict[str, Any], place: Mapping[str, Any]) -> str | None:
        code = known.get((place["annotation"], feature["id"]))
        return code if code is not None and feature["class_code"] in targets.get(code, ()) else None

    return default, looked_at, class_of


def outcome_of_stored(change: ClassChange) -> core.Outcome:
    """What a kept plan made of the classes it was made for."""
    return core.apply_plan(tree_of(change.before), change.plan)


def _recode_corrections(campaign: Campaign, default: Mapping[str, str | None]) -> None:
    """What reviewers are correcting goes on, in the new classes and on the revision that stands now."""
    kept = Correction.objects.filter(revision__annotation__tile__campaign=campaign)
    for correction in kept.select_related("revision__annotation").select_for_update(of=("self",)):
        features, _lost = core.recode_features(correction.features, default=default)
        head = correction.revision.annotation.head_id
        if features != correction.features or correction.revision_id != head:
            correction.features, correction.revision_id = features, head or correction.revision_id
            correction.version += 1
            correction.save(update_fields=["features", "revision", "version"])


def latest_change(campaign: Campaign) -> ClassChange | None:
    """The change that made the campaign's classes what they are, if one did."""
    made = ClassChange.objects.filter(Q(state=State.APPLIED), campaign=campaign, after=campaign.nomenclature_id)
    return made.order_by("-applied_at").first()
