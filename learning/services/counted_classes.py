"""Which cover each class is taken for, and which classes are artificialised ground by cover alone.

There is one answer: maps, places of samples and figures of change all ask here. A class that several covers may stand
for is the one that its mapping takes by default, which is a choice and ships with what is made with it (docs/adr/0012).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from annotation.models import Campaign, MappingEntry, Nomenclature, NomenclatureMapping
from annotation.services.class_lineage import origins_of
from learning.core.artificialisation import ArtificialisationRule, shipped_artificialisation_rule
from learning.errors import NoCoverMapping


def covers_of_codes(nomenclature: Nomenclature, codes: Sequence[str], rule: ArtificialisationRule) -> list[str | None]:
    """The cover that each class is: its own code, else what its nomenclature's mapping takes by default, else that of
    the nearest class above it; None where there is none.

    A class above several covers that the rule counts alike is a cover of its own. One that a change of classes made is
    the cover that all of those are which it was made of, else the nearest one above them all.

    Raises: NoCoverMapping: no class has such a code, and there is no mapping.
    """
    nomenclature, origins = origins_of(nomenclature)
    parents = dict(nomenclature.classes.values_list("code", "parent_code"))
    mapping = NomenclatureMapping.objects.filter(source=nomenclature, target__code=rule.cover).order_by("-pk").first()
    defaults: dict[str, str] = {}
    if mapping is not None:
        entries = MappingEntry.objects.filter(mapping=mapping, is_default=True)
        defaults = dict(entries.values_list("source_code", "target_code"))
    elif not any(map(rule.knows, parents)):
        raise NoCoverMapping(
            f"No mapping leads from {nomenclature} to {rule.cover}: add one to the nomenclatures' mappings, and run "
            "`manage.py load_nomenclatures`."
        )

    def cover_of_loaded(code: str) -> str | None:
        for candidate in (code, *_above(code, parents)):
            found = candidate if rule.knows(candidate) else defaults.get(candidate)
            if rule.knows(found):
                return found
        return None

    def cover(code: str) -> str | None:
        covers = [cover_of_loaded(origin) for origin in origins.get(code, (code,))]
        lines = [_and_broader(one) if one is not None else [] for one in covers]
        return next((one for one in lines[0] if rule.knows(one) and all(one in line for line in lines)), None)

    return [cover(code) for code in codes]


def counted_classes(campaign: Campaign, rule: ArtificialisationRule | None = None) -> dict[str, bool | None]:
    """By code of each class that people may choose, whether its ground is artificialised; None: cover does not tell."""
    rule = rule or shipped_artificialisation_rule()
    codes = list(campaign.nomenclature.classes.filter(selectable=True).values_list("code", flat=True))
    try:
        covers = covers_of_codes(campaign.nomenclature, codes, rule)
    except NoCoverMapping:
        return dict.fromkeys(codes)
    return {code: rule.is_artificialised(cover, None) for code, cover in zip(codes, covers, strict=True)}


def _above(code: str, parents: Mapping[str, str]) -> list[str]:
    """The classes above one, the nearest first."""
    above: list[str] = []
    while parent := parents.get(above[-1] if above else code):
        above.append(parent)
    return above


def _and_broader(cover: str) -> list[str]:
    """A cover and those above it, the nearest first, by the code itself: "CS1.1.1.2" lies in "CS1.1.1"."""
    parts = cover.split(".")
    return [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
