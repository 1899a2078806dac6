"""Which ground is artificialised, given what covers it and what it is used for: a rule read from a data file.

Pure: no Django, no torch. Source: annex to article R. 101-1 of the French planning code (decree 2022-763 as replaced by
2023-1096) and the (cover, usage) matrix of OCS GE; the threshold pass is in threshold_pass.py (docs/adr/0052).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learning.errors import InvalidArtificialisationRule

RULES_DIR = Path(__file__).resolve().parents[1] / "artificialisation_rules"
DEFAULT_RULE = "decree_2023_1096"
MAX_BYTES = 1 << 20
LANGUAGES = ("fr", "en")

# What is known of ground; values of rasters.
NO_IMAGERY, ARTIFICIALISED, NOT_ARTIFICIALISED, UNDECIDED = 0, 1, 2, 3

#: In counts, usage that is unknown but for this: it is no extraction.
NOT_EXTRACTION = "-"

#: Criteria by the value that rasters have; the first is "by cover and usage alone".
CRITERIA = (
    "", "trou_inf_2500", "artif_inf_2500", "bati_50", "lineaire_5", "lineaire_inf_5", "exempt_pv", "exempt_parc",
)  # fmt: skip
EXEMPTIONS = ("ground_pv", "public_park")  # in the order of their criteria
PRECEDENCE = frozenset({"labels", "usage"})
_FORMS = ("always", "never", "where", "unless")
_MEMBERS = {
    "code", "version", "title", "source", "cover", "usage", "usages", "pairs", "thresholds", "building_covers",
    "linear_usages", "extraction_usages", "exemptions", "precedence", "polygons", "criteria",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Exemption:
    """Ground that is counted as not artificialised inside given polygons.

    Args: covers: codes that it holds for; none: all. minimum_m2: polygons smaller than this exempt nothing.
    """

    covers: frozenset[str]
    minimum_m2: float


@dataclass(frozen=True, slots=True)
class ArtificialisationRule:
    """The rule, versioned.

    Args:
        cover, usage: codes of the nomenclatures that it speaks of. usages: every usage it knows.
        where: by cover, the usages under which ground is artificialised.
        broader: the same of each cover above these, where all those below it are counted alike.
        patch_m2, building_m2, linear_width_m: thresholds.
        precedence: kinds of sources of usage, those that win first.
        polygon_minimum_m2, simplify_m: of the polygons written.
        criteria: readable reason by criterion and language.
        text: the file itself.
    """

    code: str
    version: str
    title: Mapping[str, str]
    source: str
    cover: str
    usage: str
    usages: tuple[str, ...]
    where: Mapping[str, frozenset[str]]
    broader: Mapping[str, frozenset[str]]
    patch_m2: float
    building_m2: float
    linear_width_m: float
    building_covers: frozenset[str]
    linear_usages: frozenset[str]
    extraction_usages: frozenset[str]
    exemptions: Mapping[str, Exemption]
    precedence: tuple[str, ...]
    polygon_minimum_m2: float
    simplify_m: float
    criteria: Mapping[str, Mapping[str, str]]
    text: str

    def knows(self, cover: str | None) -> bool:
        """Whether the rule says something of a cover."""
        return cover in self.where or cover in self.broader

    def is_artificialised(self, cover: str | None, usage: str | None) -> bool | None:
        """Whether ground is artificialised before any threshold; None where what is unknown would decide it.

        Args:   cover, usage: codes; None: unknown.
        Raises: InvalidArtificialisationRule: a code that the rule does not know.
        """
        return self.artificialised_under(cover, self.usages if usage is None else (usage,))

    def artificialised_under(self, cover: str | None, usages: Sequence[str]) -> bool | None:
        """The same where the usage may be any of several."""
        if unknown := [usage for usage in usages if usage not in self.usages]:
            raise InvalidArtificialisationRule(
                f"Rule {self.code} knows no usage {unknown[0]!r}: it knows {', '.join(self.usages)}."
            )
        if cover is None:
            return None
        if not self.knows(cover):
            raise InvalidArtificialisationRule(
                f"Rule {self.code} knows no cover {cover!r}: it knows {', '.join(self.where)}."
            )
        under = self.where[cover] if cover in self.where else self.broader[cover]
        answers = {usage in under for usage in usages}
        return answers.pop() if len(answers) == 1 else None

    def usages_of(self, counted: str) -> tuple[str, ...]:
        """What ground may be used for, given the usage that counts name: a code, nothing, or NOT_EXTRACTION."""
        if counted == NOT_EXTRACTION:
            return tuple(usage for usage in self.usages if usage not in self.extraction_usages)
        return (counted,) if counted else self.usages

    @property
    def anything_but_extraction(self) -> int:
        """Raster value of usage that is unknown but for this: all extraction sites are known and this is none."""
        return len(self.usages) + 1

    def usage_value(self, code: str) -> int:
        """Raster value of a usage, from 1; 0 is unknown. Raises: InvalidArtificialisationRule."""
        if code not in self.usages:
            raise InvalidArtificialisationRule(f"Rule {self.code} knows no usage {code!r}: correct the labels.")
        return self.usages.index(code) + 1

    def states(self, covers: Sequence[str | None]) -> NDArray[np.uint8]:
        """What is known of ground by raster values, uint8 (cover + 1, usage + 2).

        Args: covers: code of the cover of each class of a map, in its order; None: the class has none.
        """
        columns = [self.usages, *((usage,) for usage in self.usages), self.usages_of(NOT_EXTRACTION)]
        values = {True: ARTIFICIALISED, False: NOT_ARTIFICIALISED, None: UNDECIDED}
        table = np.zeros((len(covers) + 1, len(columns)), np.uint8)
        for row, cover in enumerate(covers, start=1):
            table[row] = [values[self.artificialised_under(cover, usages)] for usages in columns]
        return table


@lru_cache(maxsize=8)
def shipped_artificialisation_rule(code: str = DEFAULT_RULE) -> ArtificialisationRule:
    """A rule that ships with the platform. Raises: InvalidArtificialisationRule, which lists those there are."""
    known = sorted(path.stem for path in RULES_DIR.glob("*.json"))
    if code not in known:
        raise InvalidArtificialisationRule(f"There is no rule {code!r} (there are: {', '.join(known)}).")
    return parse_artificialisation_rule((RULES_DIR / f"{code}.json").read_text(encoding="utf-8"))


def parse_artificialisation_rule(text: str) -> ArtificialisationRule:
    """Check a rule's JSON: each cover in one entry, every code known, every criterion in words.

    Raises: InvalidArtificialisationRule.
    """
    if len(text) > MAX_BYTES:
        raise InvalidArtificialisationRule(f"The rule has {len(text)} characters; {MAX_BYTES} are read.")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidArtificialisationRule(f"The rule is not JSON ({error}); correct the file.") from error
    rule = _members(found, _MEMBERS, where="the rule")
    usages = _codes(rule["usages"], where="usages")
    where = _pairs(rule["pairs"], usages)
    thresholds = _members(rule["thresholds"], {"patch_m2", "building_m2", "linear_width_m"}, where="thresholds")
    polygons = _members(rule["polygons"], {"minimum_m2", "simplify_m"}, where="polygons")
    exemptions = _members(rule["exemptions"], set(EXEMPTIONS), where="exemptions")
    criteria = _members(rule["criteria"], set(CRITERIA[1:]), where="criteria")
    precedence = _codes(rule["precedence"], where="precedence")
    extraction = _codes(rule["extraction_usages"], where="extraction_usages", known=usages)
    if not extraction:
        raise InvalidArtificialisationRule("extraction_usages names none: name the usage of quarries.")
    if set(precedence) != PRECEDENCE:
        raise InvalidArtificialisationRule(f"precedence must order {', '.join(sorted(PRECEDENCE))}, not {precedence}.")
    return ArtificialisationRule(
        code=str(rule["code"]),
        version=str(rule["version"]),
        title=_texts(rule["title"], where="title"),
        source=str(rule["source"]),
        cover=str(rule["cover"]),
        usage=str(rule["usage"]),
        usages=usages,
        where=where,
        broader=_broader(where),
        patch_m2=_number(thresholds["patch_m2"], where="patch_m2"),
        building_m2=_number(thresholds["building_m2"], where="building_m2"),
        linear_width_m=_number(thresholds["linear_width_m"], where="linear_width_m"),
        building_covers=frozenset(_codes(rule["building_covers"], where="building_covers", known=where)),
        linear_usages=frozenset(_codes(rule["linear_usages"], where="linear_usages", known=usages)),
        extraction_usages=frozenset(extraction),
        exemptions={name: _exemption(exemptions[name], name, where) for name in EXEMPTIONS},
        precedence=precedence,
        polygon_minimum_m2=_number(polygons["minimum_m2"], where="minimum_m2"),
        simplify_m=_number(polygons["simplify_m"], where="simplify_m"),
        criteria={name: _texts(criteria[name], where=f"criterion {name}") for name in CRITERIA[1:]},
        text=text,
    )


def _broader(where: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """Covers above those of the table (their codes are those below without the last part) that are of one kind."""
    below: dict[str, set[frozenset[str]]] = {}
    for cover, usages in where.items():
        parts = cover.split(".")
        for depth in range(1, len(parts)):
            below.setdefault(".".join(parts[:depth]), set()).add(usages)
    return {cover: found.pop() for cover, found in below.items() if len(found) == 1 and cover not in where}


def _pairs(found: object, usages: tuple[str, ...]) -> dict[str, frozenset[str]]:
    """By cover, the usages under which it is artificialised."""
    if not isinstance(found, list) or not found:
        raise InvalidArtificialisationRule(f"pairs must be a list of entries, not {found!r:.80}.")
    where: dict[str, frozenset[str]] = {}
    for item in found:
        entry = _members(item, {"covers", "artificialised", "usages"}, where="an entry of pairs")
        named, form = frozenset(_codes(entry["usages"], where="usages", known=usages)), entry["artificialised"]
        if form not in _FORMS or (form in ("always", "never")) == bool(named):
            raise InvalidArtificialisationRule(
                f"artificialised is {form!r:.40} with {len(named)} usages: 'where' and 'unless' name some, 'always' "
                "and 'never' none."
            )
        every = frozenset(usages)
        holds = {"always": every, "never": frozenset[str](), "where": named, "unless": every - named}[form]
        for cover in _codes(entry["covers"], where="covers"):
            if cover in where:
                raise InvalidArtificialisationRule(f"Cover {cover} stands in two entries of pairs; keep one.")
            where[cover] = holds
    return where


def _exemption(item: object, name: str, known: Mapping[str, object]) -> Exemption:
    members = _members(item, {"covers", "minimum_m2"}, where=f"exemption {name}")
    return Exemption(
        covers=frozenset(_codes(members["covers"], where=f"covers of {name}", known=known)),
        minimum_m2=_number(members["minimum_m2"], where=f"minimum_m2 of {name}"),
    )


def _members(item: object, needed: set[str], *, where: str) -> dict[str, Any]:
    if not isinstance(item, dict) or set(item) != needed:
        has = ", ".join(sorted(map(str, item))) if isinstance(item, dict) else repr(item)[:80]
        raise InvalidArtificialisationRule(f"{where} must have {', '.join(sorted(needed))}; it has {has}.")
    return dict(item)


def _codes(found: object, *, where: str, known: Sequence[str] | Mapping[str, object] | None = None) -> tuple[str, ...]:
    if not isinstance(found, list) or not all(isinstance(code, str) and code for code in found):
        raise InvalidArtificialisationRule(f"{where} must be a list of codes, not {found!r:.80}.")
    if len(set(found)) != len(found):
        raise InvalidArtificialisationRule(f"{where} names a code twice: {', '.join(found)}.")
    if known is not None and (missing := [code for code in found if code not in known]):
        raise InvalidArtificialisationRule(f"{where} names {missing[0]!r}, which the rule does not list.")
    return tuple(found)


def _texts(found: object, *, where: str) -> dict[str, str]:
    members = _members(found, set(LANGUAGES), where=where)
    if not all(isinstance(text, str) and text.strip() for text in members.values()):
        raise InvalidArtificialisationRule(f"{where} needs a text in each of {', '.join(LANGUAGES)}.")
    return members


def _number(found: object, *, where: str) -> float:
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < 1e9:
        raise InvalidArtificialisationRule(f"{where} must be a number from 0 on, not {found!r:.80}.")
    return float(found)
