"""What an answer on change means: a verdict with the class that it gives each date, checked against its cell."""

from __future__ import annotations

from collections.abc import Iterable

from annotation.core.change import Said
from annotation.core.features import shown
from annotation.errors import InvalidChangeAnswer, UnknownClass
from annotation.models import Campaign, ChangeCell, ChangeVerdict
from annotation.services.annotations import class_codes
from annotation.services.class_guard import codes_now
from annotation.services.class_lineage import Lineage, lineage_of


def cells_of_today(cells: Iterable[ChangeCell], campaign: Campaign) -> list[ChangeCell]:
    """Cells with what their labels or maps say in the campaign's classes of today, as those labels are shown; nothing
    of it is written."""
    found, now = list(cells), codes_now(campaign)
    for cell in found:
        cell.first_code = now.get(cell.first_code, cell.first_code) or ""
        cell.second_code = now.get(cell.second_code, cell.second_code) or ""
    return found


def said_today(verdict: str, first_code: str, second_code: str, *, cell: ChangeCell, lineage: Lineage) -> Said:
    """What somebody said, in the classes of today: where both classes are one now, nothing changed, and a label that
    was wrong by a class which is the right one's now was not.

    Args:   cell: in the classes of today.
    """
    first, second = lineage.now(first_code), lineage.now(second_code)
    if verdict == ChangeVerdict.FIRST_WRONG and first == cell.first_code:
        verdict = ChangeVerdict.CHANGED
    if verdict == ChangeVerdict.SECOND_WRONG and second == cell.second_code and first:
        verdict = ChangeVerdict.CHANGED
    if verdict == ChangeVerdict.CHANGED and first == second:
        verdict = ChangeVerdict.UNCHANGED
    return Said(verdict, first, second)


def checked_words(
    cell: ChangeCell, *, verdict: str, first_code: str = "", second_code: str = "", codes: frozenset[str] | None = None
) -> Said:
    """A verdict with the classes of both dates, of a cell in the classes of today: what was not said is what the labels
    say.

    unchanged: one class at both dates, the earlier label's where none is named. changed: two classes that differ.
    first_wrong: the right class of the earlier date, by default the later label's. second_wrong: that of the later
    date, which must be said.

    Args:   codes: of the campaign, where they are known already.
    Raises: InvalidChangeAnswer, UnknownClass.
    """
    lineage = lineage_of(cell.round.campaign)
    # Given before the classes changed, and sent since.
    said = _filled(cell, verdict, lineage.now(first_code), lineage.now(second_code))
    codes = class_codes(cell.round.campaign) if codes is None else codes
    for code in (said.first_code, said.second_code):
        # A label of the cell may be of a class that is no longer offered; nobody may choose one.
        if code and code not in codes and code not in (cell.first_code, cell.second_code):
            raise UnknownClass(
                f"Cell {cell.pk} is given the class {shown(code)}, which this campaign does not offer: choose one of "
                "its classes.",
                feature_id=str(cell.pk),
            )
    return said


def _filled(cell: ChangeCell, verdict: str, first_code: str, second_code: str) -> Said:
    if verdict == ChangeVerdict.UNSURE:
        return Said(verdict)
    if verdict == ChangeVerdict.UNCHANGED:
        code = second_code or first_code or cell.first_code
        if first_code and second_code and first_code != second_code:
            raise _invalid(cell, f"did not change, and yet it was {first_code} and is {second_code}: say changed")
        return Said(verdict, *_all_said(cell, (code, code)))
    first, second = first_code or cell.first_code, second_code or cell.second_code
    if verdict == ChangeVerdict.CHANGED:
        if first and first == second:
            raise _invalid(cell, f"changed from {first} to the same class: say unchanged, or what it became")
        return Said(verdict, *_all_said(cell, (first, second)))
    if verdict == ChangeVerdict.FIRST_WRONG:
        right = first_code or second
        if not cell.first_code or right == cell.first_code:
            raise _invalid(cell, f"has no wrong earlier label: it says {cell.first_code or 'nothing'}")
        return Said(verdict, *_all_said(cell, (right, second or right)))
    if verdict == ChangeVerdict.SECOND_WRONG:
        if not second_code or not cell.second_code or second_code == cell.second_code:
            raise _invalid(cell, f"has a wrong later label ({cell.second_code or 'nothing'}): say which class is right")
        return Said(verdict, first, second_code)
    raise _invalid(cell, f"has the verdict {shown(verdict)}: expected one of {', '.join(ChangeVerdict.values)}")


def _all_said(cell: ChangeCell, codes: tuple[str, str]) -> tuple[str, str]:
    if not all(codes):
        raise _invalid(cell, "needs the class of each date: name the one that is not known")
    return codes


def _invalid(cell: ChangeCell, problem: str) -> InvalidChangeAnswer:
    return InvalidChangeAnswer(f"Cell {cell.pk} {problem}.", details={"feature_id": str(cell.pk)})
