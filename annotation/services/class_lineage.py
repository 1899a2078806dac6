"""What was said in classes that are no more, in those of today: for answers and figures, which are never rewritten.

Labels get a revision in the new classes, and where a class was split its default (docs/adr/0056). What people answered
about places is evidence, and nobody may say for them which part of a split class they saw: it is read in today's class
where there is but one that it can be, and is left as it was where there are several.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from annotation.core.themes import national_code
from annotation.models import Campaign, ClassChange, MappingEntry, Nomenclature, NomenclatureClass

Codes = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Lineage:
    """By each code that people used once and do not any more, the codes that it may be now.

    Args:
        ways: the codes that ground had one after the other, of all that it can have had: what tells whether a class
            lies wholly in another one.
        wider: by code, from when to when it stood for other classes too: they were merged into it, and taken back.
    """

    known: Codes = field(default_factory=dict)
    ways: tuple[tuple[str, ...], ...] = ()
    wider: Mapping[str, tuple[tuple[datetime, datetime], ...]] = field(default_factory=dict)

    def codes(self, code: str) -> tuple[str, ...]:
        """All that a code may be now."""
        return self.known.get(code, (code,))

    def is_open(self, code: str) -> bool:
        """Whether it may be one of several: the class was split since."""
        return len(self.codes(code)) > 1

    def now(self, code: str) -> str:
        """The code now where it is but one, else the code as it was."""
        return code if self.is_open(code) else self.codes(code)[0]

    def was_wider(self, code: str, at: datetime) -> bool:
        """Whether a code said then may be a class that has another code again."""
        return any(since <= at < until for since, until in self.wider.get(code, ()))

    def may_be_one(self, code: str, other: str) -> bool:
        """Whether two codes may be said of the same ground."""
        return not set(self.codes(code)).isdisjoint(self.codes(other))

    def levels(self, codes: Collection[str]) -> dict[str, str]:
        """Codes in the classes of today, at one level: where some say a class that was split since, the parts of it
        that others say are that class too. Where codes mix, they are left apart: ask `mixes` before one counts.

        Returns: by every code of `codes`, and by every part of one that was split, what it counts as.
        """
        told = {code: self.now(code) for code in codes}
        for parts, members in self._groups(codes):
            whole = self._whole(parts, members)
            if whole is not None:
                inside = [part for part in parts if self._is_within(part, whole)]
                told |= dict.fromkeys([*inside, *members], whole)
        return told

    def mixes(self, codes: Collection[str]) -> bool:
        """Whether some codes have no level at which each stands for ground of its own: part of a class that was split
        went to another one, and the whole is still said."""
        return any(self._whole(parts, members) is None for parts, members in self._groups(codes))

    def _groups(self, codes: Collection[str]) -> list[tuple[set[str], list[str]]]:
        """What those of the codes that are open may be now, together where they share some of it, and all of the codes
        that may be it."""
        groups: list[set[str]] = []
        for parts in (set(self.codes(code)) for code in codes if self.is_open(code)):
            apart = [group for group in groups if group.isdisjoint(parts)]
            groups = [*apart, parts.union(*(group for group in groups if group not in apart))]
        return [(parts, sorted(code for code in codes if not parts.isdisjoint(self.codes(code)))) for parts in groups]

    def _whole(self, parts: set[str], members: Sequence[str]) -> str | None:
        """The one of the codes that all of them lie in; None: there is none."""
        wholes = (code for code in members if parts <= set(self.codes(code)))
        return next((one for one in wholes if all(self._is_within(code, one) for code in members)), None)

    def _is_within(self, code: str, whole: str) -> bool:
        return all(whole in way for way in self.ways if code in way)


def lineage_of(campaign: Campaign) -> Lineage:
    """What became of every code that the campaign labelled with once; of changes taken back too."""
    events: list[tuple[Any, ClassChange, bool]] = []
    for change in ClassChange.objects.filter(campaign=campaign, applied_at__isnull=False):
        events.append((change.applied_at, change, False))
        if change.reversed_at is not None:
            events.append((change.reversed_at, change, True))
    if not events:
        return Lineage()
    known: dict[str, tuple[str, ...]] = {}
    earlier: list[dict[str, tuple[str, ...]]] = []  # the latest change is the first to be taken back
    events.sort(key=lambda one: one[0])
    ways: list[tuple[str, ...]] = [(code,) for code in events[0][1].before.classes.values_list("code", flat=True)]
    before: list[tuple[int, datetime]] = []
    wider: dict[str, tuple[tuple[datetime, datetime], ...]] = {}
    for at, (when, change, is_back) in enumerate(events):
        step = _step(change.before_id, change.after_id)
        if is_back:
            back_to, since = before.pop()
            for code in _kept(step):
                wider[code] = (*wider.get(code, ()), (since, when))
            step = _inverse(step)
            ways = [(*way, way[back_to]) for way in ways]
        else:
            earlier.append(dict(known))
            before.append((at, when))
            ways = [(*way, code) for way in ways for code in step.get(way[-1], (way[-1],))]
        moved = {code: _through(codes, step) for code, codes in known.items()}
        changed = {code: codes for code, codes in step.items() if codes != (code,)}
        known = {**moved, **changed, **(earlier.pop() if is_back else {})}
    classes = NomenclatureClass.objects.filter(nomenclature__campaigns=campaign, selectable=True)
    in_use = set(classes.values_list("code", flat=True))
    left = {code: codes for code, codes in known.items() if codes and code not in in_use}
    return Lineage(left, tuple(dict.fromkeys(ways)), wider)


def origins_of(nomenclature: Nomenclature) -> tuple[Nomenclature, Codes]:
    """The version that was loaded and that a campaign's own one came of, or the national one that a theme refines, and
    by each code the codes of it there.

    A class that was split is the origin of its parts; one of several merged has all of these.
    """
    origins: dict[str, tuple[str, ...]] = {
        code: (code,) for code in nomenclature.classes.values_list("code", flat=True)
    }
    while nomenclature.made_for_id is not None:
        change = ClassChange.objects.select_related("before").get(after=nomenclature)
        back = _inverse(_step(change.before_id, change.after_id))
        origins = {code: _through(codes, back) for code, codes in origins.items()}
        nomenclature = change.before
    if nomenclature.extends is not None:
        national = {code: tuple(dict.fromkeys(map(national_code, codes))) for code, codes in origins.items()}
        return nomenclature.extends, national
    return nomenclature, origins


def _step(before: int, after: int | None) -> dict[str, tuple[str, ...]]:
    """What one version's codes became in the next one, as it was written down with the change."""
    rows = MappingEntry.objects.filter(mapping__source=before, mapping__target=after).exclude(target_code="")
    found: dict[str, tuple[str, ...]] = {}
    for source, target in rows.order_by("pk").values_list("source_code", "target_code"):
        found[source] = (*found.get(source, ()), target)
    return found


def _kept(step: Codes) -> list[str]:
    """Codes that stayed and into which others were merged."""
    return [code for code, before in _inverse(step).items() if len(before) > 1 and code in before]


def _inverse(step: Codes) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for before, codes in step.items():
        for code in codes:
            found[code] = (*found.get(code, ()), before)
    return found


def _through(codes: Iterable[str], step: Codes) -> tuple[str, ...]:
    return tuple(dict.fromkeys(last for code in codes for last in step.get(code, (code,))))
