"""Class trees and the mappings between them, read from data files (docs/adr/0012). A class is its code."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from annotation.core.features import shown
from annotation.errors import NotAMapping, NotANomenclature, UserError

NOMENCLATURES_DIR = Path(__file__).resolve().parents[1] / "nomenclatures"
"""Data files that ship with the platform; mappings are in its `mappings` folder."""

LANGUAGES = ("fr", "en")
MAX_FILE_BYTES = 1 << 20
MAX_CLASSES = 1_000

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")

Text = dict[str, str]
"""One text in each of `LANGUAGES`."""


@dataclass(frozen=True, slots=True)
class NomenclatureClass:
    """One class of a tree.

    Args:
        code: identity of the class.
        parent: code of the class it refines; None at the top.
        colour: "#RRGGBB".
        selectable: whether people may label with it.
        raster_value: 1 to 255, its value in masks published with the nomenclature; None when there are none.
    """

    code: str
    parent: str | None
    name: Text
    definition: Text
    colour: str
    selectable: bool
    raster_value: int | None


@dataclass(frozen=True, slots=True)
class Nomenclature:
    """A versioned tree of classes, in the order of its file."""

    code: str
    version: str
    title: Text
    source: str
    classes: tuple[NomenclatureClass, ...]

    @property
    def codes(self) -> tuple[str, ...]:
        """All codes."""
        return tuple(item.code for item in self.classes)

    @property
    def selectable(self) -> tuple[NomenclatureClass, ...]:
        """Classes that people may label with."""
        return tuple(item for item in self.classes if item.selectable)

    @property
    def leaves(self) -> tuple[NomenclatureClass, ...]:
        """Classes that no other refines."""
        parents = {item.parent for item in self.classes}
        return tuple(item for item in self.classes if item.code not in parents)

    def get(self, code: str) -> NomenclatureClass:
        """The class of a code. Raises: NotANomenclature: no such class."""
        for item in self.classes:
            if item.code == code:
                return item
        raise NotANomenclature(f"Nomenclature {self.code} {self.version} has no class {shown(code)}.")

    def ancestors(self, code: str) -> tuple[str, ...]:
        """Codes above a class, nearest first. Raises: NotANomenclature: no such class."""
        parent_of = {item.code: item.parent for item in self.classes}
        above: list[str] = []
        parent = self.get(code).parent
        while parent is not None:
            above.append(parent)
            parent = parent_of[parent]
        return tuple(above)

    def coarsen(self, code: str, *, to: Collection[str]) -> str | None:
        """The class itself or its nearest ancestor among `to`; None when it is under none of them.

        Raises: NotANomenclature: no such class.
        """
        return next((candidate for candidate in (code, *self.ancestors(code)) if candidate in to), None)


@dataclass(frozen=True, slots=True)
class MappingEntry:
    """One pair of a mapping; `target` None states that the source class has no counterpart, `note` says why."""

    source: str
    target: str | None
    note: str
    default: bool


@dataclass(frozen=True, slots=True)
class Mapping:
    """A many-to-many relation between the classes of two nomenclatures, by code."""

    source: str
    target: str
    reference: str
    entries: tuple[MappingEntry, ...]

    def targets(self, code: str) -> tuple[str, ...]:
        """All classes a source class may become, in the order of the file."""
        return tuple(entry.target for entry in self.entries if entry.source == code and entry.target is not None)

    def default(self, code: str) -> str | None:
        """The one class to use where a choice must be made; None when the file makes none."""
        return next((entry.target for entry in self.entries if entry.source == code and entry.default), None)


def load_nomenclature(path: Path) -> Nomenclature:
    """Read a nomenclature file. Raises: NotANomenclature."""
    return parse_nomenclature(read_nomenclature_json(path))


def read_nomenclature_json(path: Path) -> object:
    """The content of a file that holds a nomenclature or a theme, not yet checked. Raises: NotANomenclature."""
    return _read_json(path, error=NotANomenclature)


def load_mapping(path: Path) -> Mapping:
    """Read a mapping file. Raises: NotAMapping."""
    return parse_mapping(_read_json(path, error=NotAMapping))


def parse_nomenclature(payload: object) -> Nomenclature:
    """Check decoded JSON against the nomenclature's schema and tree rules. Raises: NotANomenclature."""
    error = NotANomenclature
    members = _members(payload, needed={"code", "version", "title", "source", "classes"}, where="the file", error=error)
    items = members["classes"]
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_CLASSES:
        raise error(f"classes must be a list of 1 to {MAX_CLASSES} classes, not {shown(items)}.")
    classes = tuple(_parse_class(item, position=position) for position, item in enumerate(items))
    _require_tree(classes)
    return Nomenclature(
        code=_code(members["code"], where="the file's code", error=error),
        version=_text(members["version"], where="version", error=error),
        title=_texts(members["title"], where="title", error=error),
        source=_text(members["source"], where="source", error=error),
        classes=classes,
    )


def parse_mapping(payload: object) -> Mapping:
    """Check decoded JSON against the mapping's schema. Raises: NotAMapping."""
    error = NotAMapping
    members = _members(payload, needed={"source", "target", "reference", "entries"}, where="the file", error=error)
    items = members["entries"]
    if not isinstance(items, list) or not items:
        raise error(f"entries must be a list of pairs, not {shown(items)}.")
    entries = tuple(_parse_entry(item, position=position) for position, item in enumerate(items))
    pairs: set[tuple[str, str | None]] = set()
    defaults: set[str] = set()
    for entry in entries:
        if (entry.source, entry.target) in pairs:
            raise error(f"The pair {entry.source} → {entry.target} appears twice; keep one.")
        if entry.default and entry.source in defaults:
            raise error(f"The class {entry.source} has two defaults; keep one.")
        pairs.add((entry.source, entry.target))
        if entry.default:
            defaults.add(entry.source)
    for source, target in pairs:
        if target is None and sum(pair[0] == source for pair in pairs) > 1:
            raise error(f"The class {source} has a counterpart and is said to have none; keep one of the two.")
    return Mapping(
        source=_code(members["source"], where="source", error=error),
        target=_code(members["target"], where="target", error=error),
        reference=_text(members["reference"], where="reference", error=error),
        entries=entries,
    )


def check_mapping(mapping: Mapping, *, source: Nomenclature, target: Nomenclature) -> None:
    """Require that a mapping's codes exist, and that each selectable source class is spoken of.

    Raises: NotAMapping.
    """
    if (mapping.source, mapping.target) != (source.code, target.code):
        raise NotAMapping(
            f"The mapping goes from {mapping.source} to {mapping.target}, not from {source.code} to {target.code}."
        )
    for entry in mapping.entries:
        if entry.source not in source.codes:
            raise NotAMapping(f"The class {entry.source} is not in {source.code} {source.version}; correct it.")
        if entry.target is not None and entry.target not in target.codes:
            raise NotAMapping(f"The class {entry.target} is not in {target.code} {target.version}; correct it.")
    spoken_of = {entry.source for entry in mapping.entries}
    for item in source.selectable:
        if item.code not in spoken_of:
            raise NotAMapping(f"The class {item.code} has no entry; map it, or give it the target null.")


# --- reading -----------------------------------------------------------------------------------------------


def _read_json(path: Path, *, error: type[UserError]) -> object:
    raw = path.read_bytes()
    if len(raw) > MAX_FILE_BYTES:
        raise error(f"{path.name} has {len(raw)} bytes; the limit is {MAX_FILE_BYTES}.")

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        members = dict(pairs)
        if len(members) != len(pairs):
            raise error(f"{path.name} repeats a member in an object with {shown(pairs[0][0])}; keep one.")
        return members

    try:
        decoded: object = json.loads(raw.decode("utf-8"), object_pairs_hook=unique)
    except (ValueError, RecursionError) as cause:
        raise error(f"{path.name} is not JSON in UTF-8 ({type(cause).__name__}); correct the file.") from cause
    return decoded


def _parse_class(item: object, *, position: int) -> NomenclatureClass:
    error = NotANomenclature
    members = _members(
        item,
        needed={"code", "parent", "name", "definition", "colour", "selectable", "raster_value"},
        where=f"class number {position}",
        error=error,
    )
    code = _code(members["code"], where=f"the code of class number {position}", error=error)
    parent = members["parent"]
    colour = members["colour"]
    selectable = members["selectable"]
    raster_value = members["raster_value"]
    if not isinstance(colour, str) or not _COLOUR.fullmatch(colour):
        raise error(f"Class {code}: the colour {shown(colour)} must be written #RRGGBB.")
    if not isinstance(selectable, bool):
        raise error(f"Class {code}: selectable must be true or false, not {shown(selectable)}.")
    if raster_value is not None and not (
        isinstance(raster_value, int) and not isinstance(raster_value, bool) and 1 <= raster_value <= 255
    ):
        raise error(f"Class {code}: raster_value must be null or 1 to 255 (0 is unlabelled), "
                    f"not {shown(raster_value)}.")  # fmt: skip
    return NomenclatureClass(
        code=code,
        parent=None if parent is None else _code(parent, where=f"the parent of class {code}", error=error),
        name=_texts(members["name"], where=f"the name of class {code}", error=error),
        definition=_texts(members["definition"], where=f"the definition of class {code}", error=error),
        colour=colour,
        selectable=selectable,
        raster_value=raster_value,
    )


def _parse_entry(item: object, *, position: int) -> MappingEntry:
    error = NotAMapping
    where = f"entry number {position}"
    members = _members(item, needed={"source", "target", "note", "default"}, where=where, error=error)
    target, note, default = members["target"], members["note"], members["default"]
    if not isinstance(note, str) or not isinstance(default, bool):
        raise error(f"{where}: note must be a text and default true or false.")
    if target is None and (default or not note):
        raise error(f"{where}: a target null is no default, and its note must say why there is none.")
    return MappingEntry(
        source=_code(members["source"], where=f"the source of {where}", error=error),
        target=None if target is None else _code(target, where=f"the target of {where}", error=error),
        note=note,
        default=default,
    )


def _require_tree(classes: tuple[NomenclatureClass, ...]) -> None:
    parent_of: dict[str, str | None] = {}
    raster_values: dict[int, str] = {}
    for item in classes:
        if item.code in parent_of:
            raise NotANomenclature(f"Two classes have the code {item.code}; give each its own.")
        parent_of[item.code] = item.parent
        if item.raster_value is not None:
            if item.raster_value in raster_values:
                raise NotANomenclature(
                    f"Classes {raster_values[item.raster_value]} and {item.code} share the raster value "
                    f"{item.raster_value}; give each its own."
                )
            raster_values[item.raster_value] = item.code
    for item in classes:
        if item.parent is not None and item.parent not in parent_of:
            raise NotANomenclature(f"Class {item.code} has the parent {item.parent}, which does not exist.")
    for item in classes:
        met, code = {item.code}, item.parent
        while code is not None:
            if code in met:
                raise NotANomenclature(f"Class {item.code} is under itself, through {code}; correct its parents.")
            met.add(code)
            code = parent_of[code]


def _members(value: object, *, needed: Collection[str], where: str, error: type[UserError]) -> dict[str, object]:
    if not isinstance(value, dict):
        raise error(f"{where} must be an object, not {shown(value)}.")
    for member in sorted(needed):
        if member not in value:
            raise error(f"{where} lacks {member!r}; add it.")
    for member in value:
        if member not in needed:
            raise error(f"{where} has an unknown member {shown(member)}; remove it.")
    return value


def _code(value: object, *, where: str, error: type[UserError]) -> str:
    if not isinstance(value, str) or not _CODE.fullmatch(value):
        raise error(f"{where} is {shown(value)}; a code is 1 to 40 characters of A-Z a-z 0-9 . _ -.")
    return value


def _text(value: object, *, where: str, error: type[UserError]) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > 2_000:
        raise error(f"{where} must be a text of 1 to 2000 characters, not {shown(value)}.")
    return value


def _texts(value: object, *, where: str, error: type[UserError]) -> Text:
    members = _members(value, needed=set(LANGUAGES), where=where, error=error)
    return {language: _text(members[language], where=f"{where} ({language})", error=error) for language in LANGUAGES}
