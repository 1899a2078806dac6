"""Loading nomenclatures and mappings from their data files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from django.db import transaction

from annotation.core.nomenclature import load_mapping, load_nomenclature
from annotation.errors import NomenclatureChanged, NotThere
from annotation.models import Campaign, MappingEntry, Nomenclature, NomenclatureClass, NomenclatureMapping

DATA_FOLDER = Path(__file__).resolve().parents[1] / "nomenclatures"


def selectable_codes(campaign: Campaign) -> list[str]:
    """Codes of the classes a person may choose in this campaign, in the nomenclature's order."""
    return list(
        campaign.nomenclature.classes.filter(selectable=True).order_by("position").values_list("code", flat=True)
    )


@transaction.atomic
def load_nomenclature_file(*, path: Path) -> Nomenclature:
    """Load one class tree; loading the same file again changes nothing.

    Raises: NotANomenclature, NomenclatureChanged (this version was loaded with other content).
    """
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    tree = load_nomenclature(path)
    known = Nomenclature.objects.filter(code=tree.code, version=tree.version).first()
    if known is not None:
        if known.sha256 != digest:
            raise NomenclatureChanged(
                f"{path.name} says {tree.code} {tree.version}, which was loaded with other content "
                f"(sha256 {known.sha256[:12]}…): give the changed file a new version."
            )
        return known
    nomenclature = Nomenclature.objects.create(
        code=tree.code, version=tree.version, title=dict(tree.title), source=tree.source, sha256=digest
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
