"""Changes of a class tree while people label with it: split, merge, rename, move (docs/adr/0056).

Each step gives a new tree and says, by code, what becomes of the classes before; steps compose. Nothing here knows of
labels: `recode_features` applies the outcome to a list of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from annotation.core.features import shown
from annotation.core.nomenclature import Nomenclature, NomenclatureClass, parse_nomenclature
from annotation.core.themes import is_local
from annotation.errors import CannotChangeClasses, NotANomenclature

MAX_STEPS = 20
KINDS = ("split", "merge", "rename", "move")
_MEMBERS = {
    "split": ({"kind", "code", "into"}, {"default", "areas"}),
    "merge": ({"kind", "codes", "into"}, set()),
    "rename": ({"kind", "code"}, {"new_code", "name", "definition"}),
    "move": ({"kind", "code", "parent"}, set()),
}

ClassOf = Callable[[dict[str, Any]], str | None]
"""The class of a stored feature by its ground; None where the rule says nothing of it."""


@dataclass(frozen=True, slots=True)
class Area:
    """Ground on which features of a split class become one of its children.

    Args:
        class_code: one of the children.
        geometry: GeoJSON Polygon or MultiPolygon, longitude and latitude (EPSG:4326).
    """

    class_code: str
    geometry: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A tree after some steps, and what became of every class of the tree before them.

    Args:
        tree: the classes now; code and version are those of the tree before.
        targets: the codes that features of a class may become, by the code before; empty where it is no more.
        default: the one code they become without a look at their ground; None: unlabelled until looked at.
        areas: ground that decides instead, by the code before.
    """

    tree: Nomenclature
    targets: Mapping[str, tuple[str, ...]]
    default: Mapping[str, str | None]
    areas: Mapping[str, tuple[Area, ...]]

    @property
    def touched(self) -> frozenset[str]:
        """Codes before whose features change."""
        return frozenset(code for code, now in self.default.items() if now != code or self.areas.get(code))

    @property
    def back(self) -> dict[str, str | None]:
        """The code before by the code now, where it is but one; None where several became this one."""
        before: dict[str, list[str]] = {}
        for code, codes in self.targets.items():
            for one in codes:
                before.setdefault(one, []).append(code)
        return {code: found[0] if len(found) == 1 else None for code, found in before.items()}


def unchanged(tree: Nomenclature) -> Outcome:
    """The outcome of no step at all."""
    codes = tree.codes
    return Outcome(tree, {code: (code,) for code in codes}, {code: code for code in codes}, {})


def split(
    tree: Nomenclature,
    code: str,
    *,
    into: Sequence[NomenclatureClass],
    default: str | None = None,
    areas: Sequence[Area] = (),
) -> Outcome:
    """Refine a class: it stays as the parent of its new children, and people label with these.

    Args:
        into: two children or more; their parents are ignored.
        default: the child that features become where no area decides; None: unlabelled until looked at.
    Raises: CannotChangeClasses.
    """
    known = _known(tree, code)
    if not known.selectable:
        raise CannotChangeClasses(f"{code} is a heading that nobody labels with: split a class below it.")
    if any(item.parent == code for item in tree.classes):
        raise CannotChangeClasses(f"{code} has classes below it already: split one of those.")
    if len(into) < 2:
        raise CannotChangeClasses(f"{code} needs two classes or more to become, not {len(into)}.")
    children = {item.code for item in into}
    for wanted in [default, *(area.class_code for area in areas)]:
        if wanted is not None and wanted not in children:
            raise CannotChangeClasses(f"{code} does not become {wanted}: name one of {_list(children)}.")
    classes: list[NomenclatureClass] = []
    for item in tree.classes:
        classes.append(replace(item, selectable=False) if item.code == code else item)
        if item.code == code:
            classes += [replace(child, parent=code, selectable=True) for child in into]
    codes = tuple(item.code for item in into)
    only = {code: tuple(areas)} if areas else {}
    return _outcome(tree, classes, {code: codes}, {code: default}, only)


def merge(tree: Nomenclature, codes: Sequence[str], *, into: NomenclatureClass) -> Outcome:
    """Make one class of several; the new one stands where the first of them stood and may keep the code of one.

    Raises: CannotChangeClasses.
    """
    gone = dict.fromkeys(codes)
    if len(gone) < 2:
        raise CannotChangeClasses("Name two classes or more to merge.")
    for code in gone:
        if not _known(tree, code).selectable:
            raise CannotChangeClasses(f"{code} is a heading that nobody labels with: merge the classes below it.")
        if any(item.parent == code for item in tree.classes):
            raise CannotChangeClasses(f"{code} has classes below it: move or merge those first.")
    first = next(item.code for item in tree.classes if item.code in gone)
    parent = tree.get(first).parent if into.parent is None else into.parent
    classes = [
        replace(into, parent=parent, selectable=True) if item.code == first else item
        for item in tree.classes
        if item.code == first or item.code not in gone
    ]
    to = (into.code,)
    return _outcome(tree, classes, dict.fromkeys(gone, to), dict.fromkeys(gone, into.code), {})


def rename(
    tree: Nomenclature,
    code: str,
    *,
    new_code: str = "",
    name: Mapping[str, str] | None = None,
    definition: Mapping[str, str] | None = None,
) -> Outcome:
    """Give a class another code, other names or another definition. Raises: CannotChangeClasses."""
    known = _known(tree, code)
    to = new_code or code
    changed = replace(known, code=to, name=dict(name or known.name), definition=dict(definition or known.definition))
    if changed == known:
        raise CannotChangeClasses(f"{code} stays as it is: give a new code, a name or a definition.")
    classes = [
        changed if item.code == code else replace(item, parent=to) if item.parent == code else item
        for item in tree.classes
    ]
    return _outcome(tree, classes, {code: (to,)}, {code: to}, {})


def move(tree: Nomenclature, code: str, *, parent: str | None) -> Outcome:
    """Put a class, and what is below it, under another; labels keep their codes. Raises: CannotChangeClasses."""
    if _known(tree, code).parent == parent:
        raise CannotChangeClasses(f"{code} is under {parent or 'no class'} already.")
    if parent is not None:
        _known(tree, parent)
    classes = [replace(item, parent=parent) if item.code == code else item for item in tree.classes]
    return _outcome(tree, classes, {}, {}, {})


def then(first: Outcome, second: Outcome) -> Outcome:
    """Two outcomes in a row as one.

    Raises: CannotChangeClasses: ground would have to decide twice of one class.
    """
    targets, default = {}, {}
    areas = dict(first.areas)
    for code, codes in first.targets.items():
        targets[code] = tuple(dict.fromkeys(last for one in codes for last in second.targets[one]))
        now = first.default[code]
        default[code] = None if now is None else second.default[now]
        if code in first.areas:
            if any(second.default[one] != one or one in second.areas for one in codes):
                raise CannotChangeClasses(f"The classes that {code} becomes by its ground change again: do that apart.")
        elif found := [one for one in codes if one in second.areas]:
            if len(codes) > 1:
                raise CannotChangeClasses(f"{found[0]} is split by ground after {code} was split: do that apart.")
            areas[code] = second.areas[found[0]]
    return Outcome(second.tree, targets, default, areas)


def apply_plan(tree: Nomenclature, plan: object) -> Outcome:
    """Read a plan, a list of steps, and apply it.

    A step is an object with `kind` and: split (`code`, `into`: classes, `default`: code or null, `areas`: a GeoJSON
    FeatureCollection whose features have the property `class_code`); merge (`codes`, `into`: a class); rename (`code`,
    `new_code`, `name`, `definition`); move (`code`, `parent`: code or null). A class has `code`, `name`, `definition`
    (each text in fr and en) and `colour`, as in the nomenclature's file.

    Raises: CannotChangeClasses, NotANomenclature.
    """
    if not isinstance(plan, list) or not 1 <= len(plan) <= MAX_STEPS:
        raise CannotChangeClasses(f"A plan is a list of 1 to {MAX_STEPS} steps, not {shown(plan)}.")
    outcome = unchanged(tree)
    for number, step in enumerate(plan, start=1):
        outcome = then(outcome, _step(outcome.tree, step, number=number))
    if not outcome.tree.selectable:
        raise CannotChangeClasses("No class would be left to label with.")
    return outcome


def recode_features(
    features: Sequence[dict[str, Any]], *, default: Mapping[str, str | None], class_of: ClassOf | None = None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Stored features in other classes, in their order, and those that become unlabelled, as they were.

    Args:
        default: the code now by the code before; a code that is not in it is left as it is.
        class_of: asked first, where given.
    """
    kept: list[dict[str, Any]] = []
    lost: list[dict[str, Any]] = []
    for feature in features:
        code = feature["class_code"]
        now = (class_of(feature) if class_of is not None else None) or default.get(code, code)
        if now is None:
            lost.append(feature)
        else:
            kept.append(feature if now == code else {**feature, "class_code": now})
    return kept, lost


# --- the parts ----------------------------------------------------------------------------------------------


def _outcome(
    tree: Nomenclature,
    classes: Sequence[NomenclatureClass],
    targets: Mapping[str, tuple[str, ...]],
    default: Mapping[str, str | None],
    areas: Mapping[str, tuple[Area, ...]],
) -> Outcome:
    checked = _checked(replace(tree, classes=tuple(classes)))
    same = unchanged(tree)
    return Outcome(checked, {**same.targets, **targets}, {**same.default, **default}, areas)


def _checked(tree: Nomenclature) -> Nomenclature:
    """The tree, if it holds together; local codes of a theme are stood for by plain ones meanwhile, as their file is
    read too; any other with a slash is refused as such. Raises: NotANomenclature."""
    plain = {code: f"local.{number}" for number, code in enumerate(tree.codes) if is_local(code)}
    classes = [
        replace(item, code=plain.get(item.code, item.code), parent=plain.get(item.parent or "", item.parent))
        for item in tree.classes
    ]
    parsed = parse_nomenclature(as_payload(replace(tree, classes=tuple(classes))))
    given = {one: code for code, one in plain.items()}
    return replace(
        parsed,
        classes=tuple(
            replace(item, code=given.get(item.code, item.code), parent=given.get(item.parent or "", item.parent))
            for item in parsed.classes
        ),
    )


def as_payload(tree: Nomenclature) -> dict[str, Any]:
    """A tree as its file's JSON."""
    members = ("code", "parent", "name", "definition", "colour", "selectable", "raster_value")
    return {
        "code": tree.code,
        "version": tree.version,
        "title": dict(tree.title),
        "source": tree.source,
        "classes": [{member: getattr(item, member) for member in members} for item in tree.classes],
    }


def _known(tree: Nomenclature, code: str) -> NomenclatureClass:
    try:
        return tree.get(code)
    except NotANomenclature:
        raise CannotChangeClasses(f"There is no class {shown(code)}: the classes are {_list(tree.codes)}.") from None


def _list(codes: Sequence[str] | frozenset[str] | set[str]) -> str:
    some = sorted(codes)
    return ", ".join(some[:30]) + (" …" if len(some) > 30 else "")


def _step(tree: Nomenclature, step: object, *, number: int) -> Outcome:
    where = f"Step {number}"
    if not isinstance(step, dict) or step.get("kind") not in KINDS:
        raise CannotChangeClasses(f"{where} must be an object with a kind among {', '.join(KINDS)}, not {shown(step)}.")
    needed, more = _MEMBERS[step["kind"]]
    for member in sorted(needed - set(step)):
        raise CannotChangeClasses(f"{where} ({step['kind']}) lacks {member!r}; add it.")
    for member in sorted(set(step) - needed - more):
        raise CannotChangeClasses(f"{where} ({step['kind']}) has an unknown member {shown(member)}; remove it.")
    if step["kind"] == "move":
        parent = step["parent"]
        return move(tree, str(step["code"]), parent=None if parent is None else str(parent))
    if step["kind"] == "rename":
        return rename(
            tree,
            str(step["code"]),
            new_code=str(step.get("new_code") or ""),
            name=_texts(step.get("name"), where),
            definition=_texts(step.get("definition"), where),
        )
    if step["kind"] == "merge":
        codes = step["codes"]
        if not isinstance(codes, list):
            raise CannotChangeClasses(f"{where}: codes must be a list, not {shown(codes)}.")
        return merge(tree, [str(code) for code in codes], into=_new_class(step["into"], where))
    into, default = step["into"], step.get("default")
    if not isinstance(into, list):
        raise CannotChangeClasses(f"{where}: into must be a list of classes, not {shown(into)}.")
    return split(
        tree,
        str(step["code"]),
        into=[_new_class(item, where) for item in into],
        default=None if default is None else str(default),
        areas=_areas(step.get("areas"), where),
    )


def _texts(value: object, where: str) -> Mapping[str, str] | None:
    if value is not None and not isinstance(value, dict):
        raise CannotChangeClasses(f"{where}: a name or definition has a text in fr and in en, not {shown(value)}.")
    return value


def _new_class(item: object, where: str) -> NomenclatureClass:
    """A class as the plan writes it; its texts and colour are checked with the whole tree."""
    members = ("code", "parent", "name", "definition", "colour", "raster_value")
    if not isinstance(item, dict) or not {"code", "name", "colour"} <= set(item) <= set(members):
        raise CannotChangeClasses(
            f"{where}: a class has code, name, colour and, where wished, definition, parent and raster_value, "
            f"not {shown(item)}."
        )
    if not isinstance(item["code"], str) or not isinstance(item.get("parent"), str | None):
        raise CannotChangeClasses(
            f"{where}: code and parent are texts, not {shown([item['code'], item.get('parent')])}."
        )
    return NomenclatureClass(
        code=item["code"],
        parent=item.get("parent"),
        name=item["name"],
        definition=item.get("definition") or item["name"],
        colour=item["colour"],
        selectable=True,
        raster_value=item.get("raster_value"),
    )


def _areas(value: object, where: str) -> list[Area]:
    if value is None:
        return []
    features = value.get("features") if isinstance(value, dict) else None
    if not isinstance(features, list):
        raise CannotChangeClasses(f"{where}: areas must be a GeoJSON FeatureCollection, not {shown(value)}.")
    areas = []
    for position, feature in enumerate(features):
        geometry = feature.get("geometry") if isinstance(feature, dict) else None
        properties = feature.get("properties") if isinstance(feature, dict) else None
        if not isinstance(geometry, dict) or geometry.get("type") not in {"Polygon", "MultiPolygon"}:
            raise CannotChangeClasses(f"{where}: area number {position} must be a Polygon or MultiPolygon.")
        if not isinstance(properties, dict) or not isinstance(properties.get("class_code"), str):
            raise CannotChangeClasses(f"{where}: area number {position} lacks the property class_code.")
        areas.append(Area(properties["class_code"], geometry))
    return areas
