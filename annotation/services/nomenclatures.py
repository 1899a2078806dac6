"""Loading nomenclatures and mappings from their data files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from django.db import transaction

from annotation.core.label_table import LabelTable, label_table
from annotation.core.nomenclature import load_mapping, parse_nomenclature, read_nomenclature_json
from annotation.core.themes import is_theme, parse_theme, refine
from annotation.errors import NomenclatureChanged, NotANomenclature, NotThere
from annotation.models import Campaign, MappingEntry, Nomenclature, NomenclatureClass, NomenclatureMapping
from annotation.services.class_versions import tree_of

DATA_FOLDER = Path(__file__).resolve().parents[1] / "nomenclatures"


def selectable_codes(campaign: Campaign) -> list[str]:
    """Codes of the classes a person may choose in this campaign, in the nomenclature's order."""
    return list(
        campaign.nomenclature.classes.filter(selectable=True).order_by("position").values_list("code", flat=True)
    )


def label_table_of(campaign: Campaign) -> LabelTable:
    """The campaign's selectable codes, parted into what a model tells apart and what leaves several of these open."""
    classes = campaign.nomenclature.classes.order_by("position").values_list("code", "parent_code", "selectable")
    rows = list(classes)
    return label_table(
        [code for code, _parent, selectable in rows if selectable],
        parents={code: parent or None for code, parent, _selectable in rows},
    )


def finest_codes(campaign: Campaign) -> list[str]:
    """Codes of the classes that a model of this campaign tells apart, in the nomenclature's order."""
    return list(label_table_of(campaign).class_codes)


@transaction.atomic
def load_nomenclature_file(*, path: Path) -> Nomenclature:
    """Load one class tree, or a theme as the tree that it makes of a loaded one; the same file again changes nothing.

    Raises: NotANomenclature, NomenclatureChanged (this version was loaded with other content), NotThere (a theme
            refines a version that is not loaded).
    """
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    content = read_nomenclature_json(path)
    base = None
    if is_theme(content):
        theme = parse_theme(content)
        base = _base_of(*theme.extends)
        tree = refine(tree_of(base), theme)
    else:
        tree = parse_nomenclature(content)
    known = Nomenclature.objects.filter(code=tree.code, version=tree.version).first()
    if known is not None:
        if known.sha256 != digest:
            raise NomenclatureChanged(
                f"{path.name} says {tree.code} {tree.version}, which was loaded with other content "
                f"(sha256 {known.sha256[:12]}…): give the changed file a new version."
            )
        return known
    nomenclature = Nomenclature.objects.create(
        code=tree.code, version=tree.version, title=dict(tree.title), source=tree.source, sha256=digest, extends=base
    )
    NomenclatureClass.objects.bulk_create(
        [
            NomenclatureClass(
                nomenclature=nomenclature,
                code=item.code,
                parent_code=item.parent or "",
                name=dict(item.name),
                definition=dict(item.definition),
                colour=item.colour,
                selectable=item.selectable,
                raster_value=item.raster_value,
                position=position,
            )
            for position, item in enumerate(tree.classes)
        ]
    )
    return nomenclature


def _base_of(code: str, version: str) -> Nomenclature:
    base = Nomenclature.objects.filter(code=code, version=version).first()
    if base is None:
        raise NotThere(f"The theme refines {code} {version}, which is not loaded: load that version first.")
    if base.made_for_id or base.extends_id:
        raise NotANomenclature(f"{base} is itself a theme or one campaign's own: refine a nomenclature of all.")
    return base


@transaction.atomic
def load_mapping_file(*, path: Path) -> NomenclatureMapping:
    """Load one mapping between the latest versions of two loaded nomenclatures, replacing its entries.

    Raises: NotAMapping, NotThere (a nomenclature it names is not loaded).
    """
    content = load_mapping(path)
    source, target = latest_nomenclature(content.source), latest_nomenclature(content.target)
    mapping, _created = NomenclatureMapping.objects.get_or_create(source=source, target=target)
    mapping.entries.all().delete()
    MappingEntry.objects.bulk_create(
        [
            MappingEntry(
                mapping=mapping,
                source_code=entry.source,
                target_code=entry.target or "",
                is_default=entry.default,
                note=entry.note,
            )
            for entry in content.entries
        ]
    )
    return mapping


def latest_nomenclature(code: str) -> Nomenclature:
    """The newest loaded version of a nomenclature; those that campaigns made for themselves are theirs alone.

    Raises: NotThere.
    """
    found = Nomenclature.objects.filter(code=code, made_for__isnull=True).order_by("-loaded_at", "-pk").first()
    if found is None:
        known = ", ".join(sorted(set(Nomenclature.objects.values_list("code", flat=True)))) or "none"
        raise NotThere(f"No nomenclature {code!r} is loaded (loaded: {known}): run `manage.py load_nomenclatures`.")
    return found
