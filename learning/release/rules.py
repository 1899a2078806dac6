"""Rules that a release obeys before a byte is written. Wrong input is refused, never repaired."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import numpy as np

from learning.release.contents import (
    DatasetTile,
    MapRecord,
    ModelRecord,
    NomenclatureInfo,
    ReleaseContents,
)
from learning.release.errors import InvalidContents, PersonalDataFound
from learning.release.layout import SPLIT_OF_ROLE
from learning.release.licences import OTHER

_SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?")
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
_MODEL_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,39}")
_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")
_SPDX = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+")


def _require(pattern: re.Pattern[str], value: str, what: str, hint: str) -> None:
    if not pattern.fullmatch(value):
        raise InvalidContents(f"{what} is {value!r}; expected {hint}")


def check_contents(contents: ReleaseContents) -> None:
    """Check all that can be known before reading the streams of annotations and tiles.

    Raises:  InvalidContents: a field breaks a rule. PersonalDataFound: a text holds an e-mail address.
    """
    _require(_SEMVER, contents.version, "the release's version", "MAJOR.MINOR.PATCH, as 1.0.0")
    if contents.published_on.tzinfo is None:
        raise InvalidContents(f"published_on is {contents.published_on} without time zone; pass it in UTC")
    for licence in (contents.licence, contents.layer.licence):
        _require(_SPDX, licence, "a licence", "an SPDX identifier, as etalab-2.0")
    if contents.licence == OTHER:
        raise InvalidContents('the contributions\' licence is "other"; give the SPDX identifier people agreed to')
    _require(_SLUG, contents.campaign.slug, "the campaign's slug", "lower-case letters, digits, - and _")
    _require(_SLUG, contents.layer.slug, "the layer's slug", "lower-case letters, digits, - and _")
    _require(_SHA256, contents.layer.sha256, "the layer's sha256", "64 hexadecimal digits")
    if contents.code_url is not None and not contents.code_url.startswith("https://"):
        raise InvalidContents(f"code_url is {contents.code_url!r}; give the https address of the code's repository")
    if not contents.attribution.strip():
        raise InvalidContents("attribution is empty; name the source of the imagery and its date")
    for language in ("fr", "en"):
        if not contents.title.get(language) or not contents.description.get(language):
            raise InvalidContents(f"title or description is missing in {language!r}; give both languages")
    _check_grid(contents)
    check_nomenclature(contents.nomenclature)
    if contents.model is not None:
        check_model(contents.model, contents.nomenclature)
    if contents.maps is not None:
        check_maps(contents.maps, contents.model, contents.nomenclature)
    for place, text in _texts(contents):
        refuse_personal_data(text, place=place)


def _check_grid(contents: ReleaseContents) -> None:
    layer, tile_px = contents.layer, contents.campaign.tile_px
    a, b, _, d, e, _ = layer.transform
    if not (a > 0 and e < 0 and b == 0 and d == 0):
        raise InvalidContents(f"the layer's transform is {layer.transform}; expected north-up (a>0, e<0, b=d=0)")
    if not (0 < tile_px <= min(layer.width, layer.height)):
        raise InvalidContents(f"tile_px is {tile_px} for a layer of {layer.width} x {layer.height} px")
    if not (math.isfinite(layer.gsd_m) and layer.gsd_m > 0):
        raise InvalidContents(f"gsd_m is {layer.gsd_m}; expected metres a pixel, above 0")


def check_nomenclature(nomenclature: NomenclatureInfo) -> None:
    """Codes and raster values are unique, values in 1..255, colours `#RRGGBB`, else InvalidContents."""
    codes = [item.code for item in nomenclature.classes]
    if len(set(codes)) != len(codes):
        raise InvalidContents(f"a class code occurs twice in {codes}")
    values = [item.raster_value for item in nomenclature.classes if item.raster_value is not None]
    if not values or len(set(values)) != len(values) or not all(1 <= value <= 255 for value in values):
        raise InvalidContents(f"raster values are {values}; expected distinct integers 1..255 (0 = not labelled)")
    for item in nomenclature.classes:
        _require(_COLOUR, item.colour, f"the colour of {item.code}", "#RRGGBB")
        if not item.name.get("fr") or not item.name.get("en"):
            raise InvalidContents(f"class {item.code} lacks a name in fr or en")


def check_model(model: ModelRecord, nomenclature: NomenclatureInfo) -> None:
    """One mean and std a band, known classes, readable identifiers. Raises InvalidContents."""
    _require(_SLUG, model.name, "the model's name", "lower-case letters, digits, - and _")
    _require(_MODEL_VERSION, model.version, "the model's version", "letters, digits, dots and dashes")
    if not (len(model.bands) == len(model.mean) == len(model.std) > 0):
        raise InvalidContents(
            f"model {model.name} has {len(model.bands)} bands, {len(model.mean)} means and {len(model.std)} stds"
        )
    if (model.nomenclature_code, model.nomenclature_version) != (nomenclature.code, nomenclature.version):
        raise InvalidContents(
            f"model {model.name} speaks {model.nomenclature_code} {model.nomenclature_version}, the release "
            f"{nomenclature.code} {nomenclature.version}; publish a model of the release's nomenclature"
        )
    unknown = sorted(set(model.class_codes) - set(nomenclature.raster_values))
    if unknown:
        raise InvalidContents(f"model {model.name} has classes without raster value: {unknown}")


def check_maps(maps: MapRecord, model: ModelRecord | None, nomenclature: NomenclatureInfo) -> None:
    """A map has files, a scale for its entropy, and the model published with it, else InvalidContents."""
    if not maps.files:
        raise InvalidContents("maps has no file; pass maps=None when no prediction is published")
    if maps.entropy_scale is None and any(piece.entropy_path for piece in maps.files):
        raise InvalidContents("maps has entropy rasters and entropy_scale is None; give the scale in nats")
    codes = {item.code for item in nomenclature.classes}
    values = {} if maps.class_values is None else dict(maps.class_values)
    distinct = len({*values.values(), maps.class_nodata}) == len(values) + 1
    if not (set(values) <= codes and distinct and all(0 <= value <= 255 for value in values.values())):
        raise InvalidContents(
            f"class_values is {values}, nodata {maps.class_nodata}; give known classes distinct values 0..255"
        )
    made_by = (maps.model_name, maps.model_version)
    if model is not None and made_by != (model.name, model.version):
        raise InvalidContents(f"the map was made by {made_by}, the release publishes {(model.name, model.version)}")


def check_tile(tile: DatasetTile, *, tile_px: int, n_rows: int, n_cols: int, values: frozenset[int]) -> None:
    """A tile is in the grid, its mask has the right shape and only known values. Raises InvalidContents."""
    where = f"tile {tile.tile_id} ({tile.row}, {tile.col})"
    if tile.role not in SPLIT_OF_ROLE:
        raise InvalidContents(f"{where}: role is {tile.role!r}; only pool and holdout tiles are published")
    if not (0 <= tile.row < n_rows and 0 <= tile.col < n_cols):
        raise InvalidContents(f"{where} is outside the grid of {n_rows} x {n_cols} tiles")
    if tile.mask.shape != (tile_px, tile_px) or tile.mask.dtype != "uint8":
        raise InvalidContents(f"{where}: mask is {tile.mask.dtype} {tile.mask.shape}, expected uint8 of {tile_px} px")
    unknown = sorted(set(np.unique(tile.mask).tolist()) - values - {0})
    if unknown:
        raise InvalidContents(f"{where}: mask holds values {unknown} that no class has")


def refuse_personal_data(text: str, *, place: str) -> None:
    """Raise PersonalDataFound when a text holds an e-mail address.

    Account names are not looked for here: anyone may choose a common word as theirs, which would block
    releases. `scan.scan_personal_data` looks for given names in the finished files.
    """
    match = EMAIL.search(text)
    if match:
        raise PersonalDataFound(f"{place} holds the e-mail address {match.group()!r}; remove it from the text")


def _texts(contents: ReleaseContents) -> Iterator[tuple[str, str]]:
    """Every free text that a person may have typed, with its place for the error."""
    for language, text in (*contents.title.items(), *contents.description.items()):
        yield f"the release's title or description ({language})", text
    yield "attribution", contents.attribution
    yield "the campaign's title", contents.campaign.title
    yield "the campaign's description", contents.campaign.description
    yield "the layer's title", contents.layer.title
    yield "the layer's attribution", contents.layer.attribution
    yield "the publisher's name", contents.publisher
    for item in contents.nomenclature.classes:
        for text in (*item.name.values(), *item.definition.values()):
            yield f"class {item.code}", text
    if contents.model is not None:
        for text in contents.model.limits:
            yield "the model's limits", text
