"""Versions of a class tree that a campaign made for itself (docs/adr/0056)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

from annotation.core import class_changes as core
from annotation.core.nomenclature import Nomenclature as Tree
from annotation.core.nomenclature import NomenclatureClass as TreeClass
from annotation.models import Campaign, MappingEntry, Nomenclature, NomenclatureClass, NomenclatureMapping


def tree_of(nomenclature: Nomenclature) -> Tree:
    """A stored version of a class tree, as the core knows it."""
    classes = tuple(
        TreeClass(
            code=item.code,
            parent=item.parent_code or None,
            name=item.name,
            definition=item.definition,
            colour=item.colour,
            selectable=item.selectable,
            raster_value=item.raster_value,
        )
        for item in nomenclature.classes.order_by("position")
    )
    return Tree(nomenclature.code, nomenclature.version, nomenclature.title, nomenclature.source or "-", classes)


def store_version(campaign: Campaign, outcome: core.Outcome) -> Nomenclature:
    """The changed tree as a version of its own, for this campaign alone, and how the version before maps to it."""
    before = campaign.nomenclature
    made = Nomenclature.objects.filter(made_for=campaign).count() + 1
    base = before.version.split("+")[0]
    tree = replace(outcome.tree, version=f"{base}+{campaign.pk}.{made}")
    content = json.dumps(core.as_payload(tree), sort_keys=True, ensure_ascii=False).encode()
    after = Nomenclature.objects.create(
        code=tree.code, version=tree.version, title=tree.title, source=before.source,
        sha256=hashlib.sha256(content).hexdigest(), made_for=campaign,
        extends=before.extends,
    )  # fmt: skip
    NomenclatureClass.objects.bulk_create(
        NomenclatureClass(
            nomenclature=after, code=item.code, parent_code=item.parent or "", name=dict(item.name),
            definition=dict(item.definition), colour=item.colour, selectable=item.selectable,
            raster_value=item.raster_value, position=position,
        )
        for position, item in enumerate(tree.classes)
    )  # fmt: skip
    mapping = NomenclatureMapping.objects.create(
        source=before, target=after, note=f"Change of classes in {campaign.slug}"
    )
    MappingEntry.objects.bulk_create(
        MappingEntry(
            mapping=mapping, source_code=code, target_code=now or "", is_default=outcome.default[code] == now,
            note="" if now else "no class any more",
        )
        for code, codes in outcome.targets.items()
        for now in codes or (None,)
    )  # fmt: skip
    return after
