"""Themes: what a territory adds under the classes of a national nomenclature, without changing one of its codes.

A local code is that of its parent, a slash and a name: `CS2.1.3/vine`. A national code never has a slash, so neither a
version that is made later nor another theme can give a local class another meaning, and the national class of a code is
read off it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from annotation.core.features import shown
from annotation.core.nomenclature import Nomenclature, NomenclatureClass, Text, parse_nomenclature
from annotation.errors import NationalClassStands, NotANomenclature

SEPARATOR = "/"
MAX_CODE = 40
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,29}")
_LOCAL = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]*(?:{SEPARATOR}{_NAME.pattern})+")
_MEMBERS = {"code", "version", "extends", "title", "source", "classes", "still_selectable"}


@dataclass(frozen=True, slots=True)
class Theme:
    """Classes that refine others of one version of a nomenclature.

    Args:
        extends: code and version of the nomenclature.
        classes: the local ones, each with its parent: a class of the nomenclature, or a local one before it.
        still_selectable: refined classes that people may go on labelling with, since they cannot always tell.
    """

    code: str
    version: str
    extends: tuple[str, str]
    title: Text
    source: str
    classes: tuple[NomenclatureClass, ...]
    still_selectable: frozenset[str]


def is_theme(payload: object) -> bool:
    """Whether decoded JSON is meant as a theme rather than as a nomenclature of its own."""
    return isinstance(payload, dict) and "extends" in payload


def national_code(code: str) -> str:
    """The national class that a code is or refines."""
    return code.split(SEPARATOR, 1)[0]


def is_local(code: object) -> bool:
    """Whether it has the form of a local class's code, as `CS2.1.3/vine`."""
    return isinstance(code, str) and len(code) <= MAX_CODE and _LOCAL.fullmatch(code) is not None


def parse_theme(payload: object) -> Theme:
    """Check decoded JSON against the schema of themes. Raises: NotANomenclature."""
    if not isinstance(payload, dict) or set(payload) != _MEMBERS:
        met = sorted(payload) if isinstance(payload, dict) else payload
        raise NotANomenclature(f"A theme has the members {', '.join(sorted(_MEMBERS))}, not {shown(met)}.")
    extends = payload["extends"]
    if not isinstance(extends, dict) or set(extends) != {"code", "version"}:
        raise NotANomenclature(f"extends must be an object with code and version, not {shown(extends)}.")
    if not all(isinstance(value, str) and value for value in extends.values()):
        raise NotANomenclature(f"extends must name a code and a version by texts, not {shown(extends)}.")
    still = payload["still_selectable"]
    if not isinstance(still, list) or not all(isinstance(code, str) for code in still):
        raise NotANomenclature(f"still_selectable must be a list of codes, not {shown(still)}.")
    rest = {name: payload[name] for name in ("code", "version", "title", "source")}
    items, pairs = _with_plain_codes(payload["classes"])
    tree = parse_nomenclature({**rest, "classes": items})
    classes = tuple(
        replace(item, code=code, parent=parent) for item, (code, parent) in zip(tree.classes, pairs, strict=True)
    )
    return Theme(
        tree.code, tree.version, (extends["code"], extends["version"]), tree.title, tree.source, classes,
        frozenset(still),
    )  # fmt: skip


def require_national(before: Nomenclature, after: Nomenclature, targets: Mapping[str, Sequence[str]]) -> None:
    """Require that a change of a theme's classes leaves the national ones as they are, and each label in the national
    class that it had.

    Args:   targets: what classes before may become.
    Raises: NationalClassStands.
    """
    now = {item.code: item for item in after.classes}
    for item in before.classes:
        same = now.get(item.code)
        if SEPARATOR not in item.code and (same is None or replace(same, selectable=item.selectable) != item):
            raise NationalClassStands(
                f"{item.code} is a national class: its code, names, colour and place are those of the nomenclature "
                "that this theme refines. Split it into local classes, or change those."
            )
    national = {item.code for item in before.classes if SEPARATOR not in item.code}
    for code in now.keys() - national:
        name = code.rpartition(SEPARATOR)[2]
        fits = national_code(now[code].parent or "") == national_code(code) in national
        if SEPARATOR not in code or not fits or not _NAME.fullmatch(name) or len(code) > MAX_CODE:
            raise NationalClassStands(
                f"The code {shown(code)} must be that of the class it refines, a slash, and a name of a-z 0-9 _ -, "
                f"{MAX_CODE} characters at most: {shown(now[code].parent)} + '/vine'."
            )
    for code, codes in targets.items():
        if lost := [one for one in codes if national_code(one) != national_code(code)]:
            raise NationalClassStands(
                f"{code} is in another national class than {lost[0]}: labels keep their national class."
            )


def refine(base: Nomenclature, theme: Theme) -> Nomenclature:
    """The nomenclature with the theme's classes, each after its parent and what stands there before it.

    National codes, names, definitions, colours, parents and raster values stay as they are. A refined class can be
    chosen no more, unless the theme says that it still can and it could before.

    Raises: NotANomenclature: the theme extends another version, has a parent that is not there, a raster value that
            another class has, or keeps selectable what it does not refine.
    """
    if theme.extends != (base.code, base.version):
        raise NotANomenclature(f"{theme.code} extends {' '.join(theme.extends)}, not {base.code} {base.version}.")
    classes = list(base.classes)
    for item in theme.classes:
        places = {one.code: place for place, one in enumerate(classes)}
        if item.parent not in places:
            raise NotANomenclature(
                f"{item.code} refines {item.parent}, which is neither in {base.code} {base.version} nor before it in "
                f"the theme."
            )
        _refuse_shared_value(item, classes)
        place = places[item.parent] + 1
        while place < len(classes) and _is_under(classes[place], item.parent, classes):
            place += 1
        classes.insert(place, item)
    refined = {item.parent for item in theme.classes}
    could = {item.code for item in classes if item.selectable}
    for code in sorted(theme.still_selectable):
        if code not in refined or code not in could:
            raise NotANomenclature(
                f"still_selectable names {shown(code)}: name classes that the theme refines and that people could "
                f"choose before it."
            )
    return Nomenclature(
        theme.code, theme.version, theme.title, theme.source,
        tuple(
            replace(item, selectable=False) if item.code in refined - theme.still_selectable else item
            for item in classes
        ),
    )  # fmt: skip


def _with_plain_codes(items: object) -> tuple[list[object], list[tuple[str, str]]]:
    """The classes as roots with codes that any nomenclature may have, so that the rest of them is checked alike, and
    the code and parent that each was given."""
    if not isinstance(items, list) or not items:
        raise NotANomenclature(f"classes must be a list of the theme's own classes, not {shown(items)}.")
    plain: list[object] = []
    pairs: list[tuple[str, str]] = []
    for number, item in enumerate(items):
        if not isinstance(item, dict) or not {"code", "parent"} <= set(item):
            raise NotANomenclature(f"class number {number} must be an object with a code and a parent.")
        code, parent = item["code"], item["parent"]
        if not isinstance(code, str) or not isinstance(parent, str):
            raise NotANomenclature(f"class number {number} must name itself and the class that it refines by codes.")
        head, _slash, name = code.rpartition(SEPARATOR)
        if head != parent or not _NAME.fullmatch(name) or len(code) > MAX_CODE:
            raise NotANomenclature(
                f"The code {shown(code)} must be that of its parent, a slash, and a name of a-z 0-9 _ -, {MAX_CODE} "
                f"characters at most: {shown(parent)} + '/vine'."
            )
        if (code, parent) in pairs:
            raise NotANomenclature(f"Two classes have the code {code}; give each its own.")
        pairs.append((code, parent))
        plain.append({**item, "code": f"local-{number}", "parent": None})
    return plain, pairs


def _refuse_shared_value(item: NomenclatureClass, classes: list[NomenclatureClass]) -> None:
    for one in classes:
        if item.code == one.code:
            raise NotANomenclature(f"The class {item.code} is there already; give the local one another name.")
        if item.raster_value is not None and item.raster_value == one.raster_value:
            raise NotANomenclature(
                f"{item.code} and {one.code} share the raster value {item.raster_value}; give the local class its own."
            )


def _is_under(item: NomenclatureClass, code: str, classes: list[NomenclatureClass]) -> bool:
    parents = {one.code: one.parent for one in classes}
    above = item.parent
    while above is not None and above != code:
        above = parents[above]
    return above == code
