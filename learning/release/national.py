"""The national view of a theme's release: local classes published as the national ones that they refine (ADR 0060)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from annotation.core.themes import national_code
from learning.release.contents import MapStatistics, NomenclatureInfo, PatchRecord, ReleaseContents
from learning.release.errors import InvalidContents

NO_POLYGONS = "a map's polygons are drawn by the theme's own classes: the release of both levels has them"
NO_AREAS = MapStatistics(
    figures={
        "status": "not assessed",
        "reason": "areas are estimated of the theme's own classes: intervals of several do not add up to that of their "
        "national class",
    }
)

_WORDS = {
    "fr": "**Vue nationale.** Les étiquettes ont été tracées avec le thème {theme}. Chaque classe qu'il ajoute est "
    "publiée ici comme la classe nationale qu'elle affine ({classes}) : polygones, masques et cartes. Des polygones "
    "voisins d'une même classe nationale restent séparés ; la carte porte la classe nationale de la classe la plus "
    "probable du thème. Le modèle, qui distingue les classes du thème, et la carte de son entropie n'y sont pas : ils "
    "sont dans la publication aux deux niveaux.\n",
    "en": "**National view.** Labels were drawn with the theme {theme}. Each class that it adds is published here as "
    "the national one that it refines ({classes}): polygons, masks and maps. Neighbouring polygons of one national "
    "class stay apart; the map has the national class of the theme's most likely class. The model, which tells the "
    "theme's classes apart, and the map of its entropy are not here: the release of both levels has them.\n",
}


def published_values(theme: NomenclatureInfo, national: NomenclatureInfo) -> dict[str, int]:
    """Raster value of each of the theme's classes as its national one.

    Raises: InvalidContents (a class refines no class of the national tree, or one that has no value).
    """
    values = national.raster_values
    found = {code: values.get(national_code(code)) for code in theme.raster_values}
    for code, value in found.items():
        if value is None:
            raise InvalidContents(
                f"{code} of {theme.code} {theme.version} refines no class of {national.code} {national.version}: give "
                "it the code of a national class, a slash and a name, then publish the national view"
            )
    return {code: value for code, value in found.items() if value is not None}


def national_rows(batches: Iterable[pa.RecordBatch], *, theme: NomenclatureInfo) -> Iterator[pa.RecordBatch]:
    """Rows of annotations (annotation_rows.ROWS) with national codes in place of the theme's.

    How far people agree was counted by the theme's classes: it is left out of rows whose national class others refine.
    """
    codes = [item.code for item in theme.classes]
    nationals = [national_code(code) for code in codes]
    refined = {nation for code, nation in zip(codes, nationals, strict=True) if code != nation}
    known, named = pa.array(codes), pa.array(nationals)
    told = pa.array([nation not in refined for nation in nationals])
    for batch in batches:
        places = pc.index_in(batch["class_code"], known)
        columns = {name: batch[name] for name in batch.schema.names}
        columns["class_code"] = named.take(places)
        columns["agreement"] = pc.if_else(told.take(places), batch["agreement"], pa.scalar(None, pa.float64()))
        yield pa.RecordBatch.from_arrays(list(columns.values()), schema=batch.schema)


def national_patches(patches: Sequence[PatchRecord]) -> tuple[PatchRecord, ...]:
    """Patches by national codes, without those that correct one class of a theme into another of the same one."""
    coarser = (
        replace(patch, wrong_code=national_code(patch.wrong_code), right_code=national_code(patch.right_code))
        for patch in patches
    )
    return tuple(patch for patch in coarser if patch.wrong_code != patch.right_code)


def as_national(contents: ReleaseContents, *, theme: NomenclatureInfo) -> ReleaseContents:
    """The contents by national codes; masks and maps are to be written with `published_values`.

    The model stays out, since it tells the theme's classes apart; so does the map's entropy, doubt between them.
    """
    maps = contents.maps
    if maps is not None:
        maps = replace(maps, files=tuple(replace(file, entropy_path=None) for file in maps.files))
    return replace(
        contents,
        annotations=national_rows(contents.annotations, theme=theme),
        history=national_rows(contents.history, theme=theme),
        patches=national_patches(contents.patches),
        maps=maps,
        model=None,
        coarsened=theme,
    )


def coarsened_classes(theme: NomenclatureInfo) -> dict[str, str]:
    """National class of each class that a theme adds and that labels or maps can have."""
    return {code: national_code(code) for code in theme.raster_values if code != national_code(code)}


def view_words(contents: ReleaseContents, language: str) -> list[str]:
    """The paragraph of a README that says what was coarsened; none of what is published as it is."""
    theme = contents.coarsened
    if theme is None:
        return []
    became = ", ".join(f"`{own}` → `{nation}`" for own, nation in coarsened_classes(theme).items())
    return [_WORDS[language].format(theme=f"{theme.code} {theme.version}", classes=became)]


def coarsened_json(theme: NomenclatureInfo) -> dict[str, object]:
    """Which theme the classes were of before, and what became of each that it adds."""
    return {"code": theme.code, "version": theme.version, "classes": coarsened_classes(theme)}
