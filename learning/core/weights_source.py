"""Families of weights published elsewhere, read from data files, and what is made of one of their files. No torch.

What a file of weights does not say of itself (bands and their statistics, classes by output channel, licence) stands in
a data file beside the code (docs/adr/0032): a class is its code, never its place.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from learning.errors import InvalidWeightsSource, UnusableWeights

SOURCES_DIR = Path(__file__).resolve().parents[1] / "weights_sources"
"""Sources that ship with the platform."""

MAX_SOURCE_BYTES = 1 << 20
LANGUAGES = ("fr", "en")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_MEMBERS = {
    "code", "title", "address", "licence", "attribution", "reference", "network", "nomenclature", "channels", "dtype",
    "gsd_m", "margin_px", "bands", "variants", "seen",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SourceBand:
    """An input band: its statistics in raw units of the data type, and what a unit means where that must be said."""

    name: str
    mean: float
    std: float
    note: str


@dataclass(frozen=True, slots=True)
class SourceVariant:
    """One published file: the bands it reads, in order, and the channels that its training rewarded, by code."""

    code: str
    published_as: str
    bands: tuple[str, ...]
    rewarded: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WeightsSource:
    """A family of published weights.

    Args:
        network: architecture, encoder and decoder_channels of learning.core.network.NetworkSpec.
        nomenclature: where the codes of `channels` are defined; output channel k is `channels[k]`.
        seen: in each language, what its training has seen.
    """

    code: str
    title: Mapping[str, str]
    address: str
    licence: str
    attribution: str
    reference: str
    network: Mapping[str, Any]
    nomenclature: str
    channels: tuple[str, ...]
    dtype: str
    gsd_m: float
    margin_px: int
    bands: tuple[SourceBand, ...]
    variants: tuple[SourceVariant, ...]
    seen: Mapping[str, str]

    def variant(self, code: str) -> SourceVariant:
        """The variant of a code. Raises: UnusableWeights, which lists those there are."""
        for item in self.variants:
            if item.code == code:
                return item
        known = ", ".join(item.code for item in self.variants)
        raise UnusableWeights(f"{self.code} has no variant {code!r}; choose one of: {known}.")

    def bands_of(self, variant: SourceVariant) -> tuple[SourceBand, ...]:
        """A variant's bands with their statistics, in its order."""
        by_name = {band.name: band for band in self.bands}
        return tuple(by_name[name] for name in variant.bands)


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that is needed to make a model of ours from one file.

    Args:
        network: as in WeightsSource.
        channels: code of each output channel of the file; `rewarded` are those its training rewarded.
        bands: the imagery's bands, in the order of the file's input; mean and std are theirs.
        class_codes: all classes of the campaign, in order.
        counterparts: class code by channel code; a channel without one is left out.
        why_left_out: for those, by channel code, why.
        notes: for the model's metadata.
    """

    network: Mapping[str, Any]
    channels: tuple[str, ...]
    rewarded: tuple[str, ...]
    bands: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    dtype: str
    gsd_m: float
    margin_px: int
    class_codes: tuple[str, ...]
    counterparts: Mapping[str, str]
    why_left_out: Mapping[str, str]
    nomenclature_code: str
    nomenclature_version: str
    notes: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """JSON types, to travel with a job."""
        return asdict(self)

    @classmethod
    def from_json(cls, payload: Mapping[str, Any]) -> Recipe:
        """The recipe that as_json wrote."""
        given: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in payload.items()}
        return cls(**given)


def make_recipe(
    source: WeightsSource,
    variant: SourceVariant,
    *,
    bands: Sequence[str] | None,
    class_codes: Sequence[str],
    counterparts: Mapping[str, str | None],
    reasons: Mapping[str, str],
    nomenclature_code: str,
    nomenclature_version: str,
    notes: Mapping[str, str],
) -> Recipe:
    """What is made of a file of a variant in a campaign.

    Args:
        bands: the imagery's names of the variant's bands, in its order; None = the same names.
        counterparts: class code by channel code, None where there is none; a code outside class_codes counts as none.
        reasons: by channel code, what is said where there is none.
    Raises: UnusableWeights: another number of bands than the variant reads, or fewer than two classes are reached.
    """
    read = source.bands_of(variant)
    named = tuple(bands) if bands is not None else variant.bands
    if len(named) != len(read):
        raise UnusableWeights(
            f"{len(named)} bands are named ({', '.join(named)}) and {variant.code} reads {len(read)} "
            f"({', '.join(variant.bands)}): name as many, in that order."
        )
    kept: dict[str, str] = {}
    left_out: dict[str, str] = {}
    for channel in source.channels:
        target = counterparts.get(channel)
        if channel not in variant.rewarded:
            left_out[channel] = f"{variant.code} was never rewarded for it"
        elif target is None:
            left_out[channel] = reasons.get(channel) or "the mapping names no class for it"
        elif target not in class_codes:
            left_out[channel] = f"its counterpart {target} is no class that people choose here"
        else:
            kept[channel] = target
    if len(set(kept.values())) < 2:
        raise UnusableWeights(
            f"{len(set(kept.values()))} of the campaign's {len(class_codes)} classes have a channel in {variant.code}; "
            "two are needed: give a mapping from "
            f"{source.nomenclature} to {nomenclature_code} that names more."
        )
    return Recipe(
        network=dict(source.network),
        channels=source.channels,
        rewarded=variant.rewarded,
        bands=named,
        mean=tuple(band.mean for band in read),
        std=tuple(band.std for band in read),
        dtype=source.dtype,
        gsd_m=source.gsd_m,
        margin_px=source.margin_px,
        class_codes=tuple(class_codes),
        counterparts=kept,
        why_left_out=left_out,
        nomenclature_code=nomenclature_code,
        nomenclature_version=nomenclature_version,
        notes=dict(notes),
    )


def known_sources() -> tuple[str, ...]:
    """Codes of the sources that ship with the platform."""
    return tuple(sorted(path.stem for path in SOURCES_DIR.glob("*.json")))


def shipped_source(code: str) -> WeightsSource:
    """A source by its code. Raises: UnusableWeights, which lists those there are."""
    if code not in known_sources():
        raise UnusableWeights(f"There is no source of weights {code!r}; choose one of: {', '.join(known_sources())}.")
    return load_source(SOURCES_DIR / f"{code}.json")


def load_source(path: Path) -> WeightsSource:
    """Read a source's data file. Raises: InvalidWeightsSource."""
    raw = path.read_bytes()
    if len(raw) > MAX_SOURCE_BYTES:
        raise InvalidWeightsSource(f"{path.name} has {len(raw)} bytes; the limit is {MAX_SOURCE_BYTES}.")
    try:
        decoded = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InvalidWeightsSource(f"{path.name} is not JSON in UTF-8 ({error}); correct the file.") from error
    return parse_source(decoded)


def parse_source(payload: object) -> WeightsSource:
    """Check decoded JSON against the schema of sources. Raises: InvalidWeightsSource, with the member met."""
    given = _object(payload, _MEMBERS, where="the file")
    channels = _codes(given["channels"], where="channels")
    bands = tuple(_band(item, n) for n, item in enumerate(_list(given["bands"], where="bands")))
    names = tuple(band.name for band in bands)
    variants = tuple(_variant(item, n) for n, item in enumerate(_list(given["variants"], where="variants")))
    for variant in variants:
        for what, known, used in (("bands", names, variant.bands), ("rewarded", channels, variant.rewarded)):
            if odd := [code for code in used if code not in known]:
                raise InvalidWeightsSource(f"Variant {variant.code}: {what} names {odd[0]!r}, which is not listed.")
    for what, codes in (("bands", names), ("variants", tuple(variant.code for variant in variants))):
        _refuse_repeats(codes, where=what)
    network = _object(given["network"], {"architecture", "encoder", "decoder_channels"}, where="network")
    margin = given["margin_px"]
    if type(margin) is not int or not 0 <= margin <= 1024 or margin % 32:
        raise InvalidWeightsSource(f"margin_px is {margin!r}: give a multiple of 32, at most 1024.")
    if given["dtype"] not in ("uint8", "uint16"):
        raise InvalidWeightsSource(f"dtype is {given['dtype']!r}: give uint8 or uint16.")
    return WeightsSource(
        code=_code(given["code"], where="code"),
        title=_texts(given["title"], where="title"),
        address=_text(given["address"], where="address"),
        licence=_code(given["licence"], where="licence"),
        attribution=_text(given["attribution"], where="attribution"),
        reference=_text(given["reference"], where="reference"),
        network=network,
        nomenclature=_code(given["nomenclature"], where="nomenclature"),
        channels=channels,
        dtype=str(given["dtype"]),
        gsd_m=_positive(given["gsd_m"], where="gsd_m"),
        margin_px=margin,
        bands=bands,
        variants=variants,
        seen=_texts(given["seen"], where="seen"),
    )


def _band(item: object, position: int) -> SourceBand:
    where = f"band {position}"
    given = _object(item, {"name", "mean", "std", "note"}, where=where)
    mean, note = given["mean"], given["note"]
    if not isinstance(mean, int | float) or isinstance(mean, bool) or not math.isfinite(mean):
        raise InvalidWeightsSource(f"{where}: mean is {mean!r}: give a number.")
    if not isinstance(note, str):
        raise InvalidWeightsSource(f"{where}: note is {note!r}: give a text, empty where nothing need be said.")
    return SourceBand(
        _code(given["name"], where=where), float(mean), _positive(given["std"], where=f"{where}: std"), note
    )


def _variant(item: object, position: int) -> SourceVariant:
    where = f"variant {position}"
    given = _object(item, {"code", "published_as", "bands", "rewarded"}, where=where)
    return SourceVariant(
        code=_code(given["code"], where=where),
        published_as=_text(given["published_as"], where=f"{where}: published_as"),
        bands=_codes(given["bands"], where=f"{where}: bands"),
        rewarded=_codes(given["rewarded"], where=f"{where}: rewarded"),
    )


def _object(value: object, members: set[str], *, where: str) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != members:
        met = sorted(set(value) ^ members) if isinstance(value, dict) else value
        raise InvalidWeightsSource(
            f"{where} must have the members {', '.join(sorted(members))}; it differs in {met!r}."
        )
    return value


def _list(value: object, *, where: str) -> list[object]:
    if not isinstance(value, list) or not 1 <= len(value) <= 256:
        raise InvalidWeightsSource(f"{where} must be a list of 1 to 256.")
    return value


def _codes(value: object, *, where: str) -> tuple[str, ...]:
    codes = tuple(_code(item, where=where) for item in _list(value, where=where))
    _refuse_repeats(codes, where=where)
    return codes


def _refuse_repeats(codes: Sequence[str], *, where: str) -> None:
    if len(set(codes)) != len(codes):
        raise InvalidWeightsSource(f"{where} names one twice: {', '.join(codes)}; keep one.")


def _code(value: object, *, where: str) -> str:
    if not isinstance(value, str) or not _CODE.fullmatch(value):
        raise InvalidWeightsSource(f"{where} is {value!r}: give 1 to 60 characters of A-Z a-z 0-9 . _ -.")
    return value


def _text(value: object, *, where: str) -> str:
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= 2_000:
        raise InvalidWeightsSource(f"{where} must be a text of 1 to 2000 characters, not {value!r}.")
    return value


def _texts(value: object, *, where: str) -> dict[str, str]:
    given = _object(value, set(LANGUAGES), where=where)
    return {language: _text(given[language], where=f"{where} ({language})") for language in LANGUAGES}


def _positive(value: object, *, where: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not (math.isfinite(value) and value > 0):
        raise InvalidWeightsSource(f"{where} is {value!r}: give a number above 0.")
    return float(value)
