"""Which classes of a campaign are artificialised ground, by the rule and by cover alone."""

from __future__ import annotations

from annotation.models import Campaign, MappingEntry, Nomenclature
from annotation.services.class_lineage import origins_of
from learning.core.artificialisation import ArtificialisationRule, shipped_artificialisation_rule


def counted_classes(campaign: Campaign, rule: ArtificialisationRule | None = None) -> dict[str, bool | None]:
    """By code of each class that people may choose, whether its ground is artificialised; None: cover does not tell.

    A class is what the rule says of the covers that stand for it: itself, those below it, else the one that it refines;
    in another nomenclature those that its mapping names. Where they differ, or there is none, cover does not tell. A
    class that a change of classes made is what those are that it was made of.
    """
    rule = rule or shipped_artificialisation_rule()
    selectable = campaign.nomenclature.classes.filter(selectable=True).order_by("position")
    loaded, origins = origins_of(campaign.nomenclature)
    parents = {code: parent or None for code, parent in loaded.classes.values_list("code", "parent_code")}
    if loaded.code == rule.cover:
        covers = {code: _covers(code, parents, rule) for code in parents}
    else:
        covers = _mapped(loaded, rule)

    def of(code: str) -> tuple[str, ...]:
        """The covers of the loaded classes that a class came of."""
        return tuple(cover for origin in origins[code] for cover in covers.get(origin, ("",)))

    return {code: _agreed(of(code), rule) for code in selectable.values_list("code", flat=True)}


def _covers(code: str, parents: dict[str, str | None], rule: ArtificialisationRule) -> tuple[str, ...]:
    """The rule's covers that stand for a class."""
    if code in rule.where:
        return (code,)
    below = tuple(known for known in rule.where if code in _above(known, parents))
    return below or tuple(above for above in _above(code, parents) if above in rule.where)[:1]


def _above(code: str, parents: dict[str, str | None]) -> list[str]:
    """The classes above one, the nearest first."""
    found: list[str] = []
    above = parents.get(code)
    while above is not None:
        found.append(above)
        above = parents.get(above)
    return found


def _mapped(nomenclature: Nomenclature, rule: ArtificialisationRule) -> dict[str, tuple[str, ...]]:
    """The covers that a shipped mapping names for each class, all of them."""
    entries = MappingEntry.objects.filter(mapping__source=nomenclature, mapping__target__code=rule.cover).values_list(
        "source_code", "target_code"
    )
    found: dict[str, tuple[str, ...]] = {}
    for source, target in entries:
        found[source] = (*found.get(source, ()), target)
    return found


def _agreed(covers: tuple[str, ...], rule: ArtificialisationRule) -> bool | None:
    """What all of these covers are; None where one cannot tell, or they differ."""
    answers = {rule.is_artificialised(cover if cover in rule.where else None, None) for cover in covers}
    return answers.pop() if len(answers) == 1 else None
