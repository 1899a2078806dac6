"""Plain records as JSON and back, so that what a release is made of can be kept beside it.

Strict both ways: a value of another type than its field's, a field that is not known and a field that is missing
without having a default are refused. Paths are left out, since files move: they come back as NOWHERE, for whoever reads
to say where the files lie now. Floats come back to the bit; those that JSON does not know are written as words.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

from learning.release.errors import InvalidContents

NOWHERE = Path("a file that was not looked up")

Record = TypeVar("Record")
_SIMPLE = (str, int, bool, type(None))
_NOT_JSON = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def to_json(record: object) -> dict[str, Any]:
    """A record (a dataclass, its fields of simple types, dates, tuples, sets, mappings by text, records) in JSON types.

    Raises: InvalidContents (a value that is not of its field's type).
    """
    return {
        name: _written(getattr(record, name), hint, f"{type(record).__name__}.{name}")
        for name, hint in _hints(type(record)).items()
        if not _is_path(hint)
    }


def from_json(kind: type[Record], data: Any) -> Record:
    """The record that `to_json` wrote, its paths NOWHERE (None where they may be).

    Raises: InvalidContents (a field unknown, missing, or of another type).
    """
    if not isinstance(data, dict):
        raise InvalidContents(f"{kind.__name__} is kept as {type(data).__name__}; expected an object")
    hints = _hints(kind)
    paths = {name: NOWHERE if hint is Path else None for name, hint in hints.items() if _is_path(hint)}
    unknown = sorted(data.keys() - (hints.keys() - paths.keys()))
    missing = [name for name in _required(kind) if name not in data and name not in paths]
    if unknown or missing:
        which = f"has no field {unknown[0]!r}" if unknown else f"is kept without {missing[0]!r}"
        raise InvalidContents(f"{kind.__name__} {which}: it was kept by another version of the platform")
    read = {name: _read(value, hints[name], f"{kind.__name__}.{name}") for name, value in data.items()}
    return kind(**{**paths, **read})


def _hints(kind: type) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {item.name: hints[item.name] for item in fields(kind)}


def _required(kind: type) -> list[str]:
    return [item.name for item in fields(kind) if item.default is MISSING and item.default_factory is MISSING]


def _is_path(hint: Any) -> bool:
    return hint is Path or Path in typing.get_args(hint)


def _refuse(value: object, hint: Any, place: str) -> typing.NoReturn:
    raise InvalidContents(f"{place} is {str(value)[:80]!r}; expected {hint}")


def _written(value: Any, hint: Any, place: str) -> Any:
    hint = _narrowed(hint, value, place)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint in (date, datetime) and type(value) is hint:
        return value.isoformat()
    if hint is float and type(value) in (float, int):
        return float(value) if math.isfinite(value) else str(float(value))
    if origin is tuple and isinstance(value, tuple):
        return [_written(one, kind, place) for one, kind in zip(value, _kinds(args, value, hint, place), strict=True)]
    if origin is frozenset and isinstance(value, frozenset):
        return sorted(_written(one, args[0], place) for one in value)
    if isinstance(origin, type) and issubclass(origin, Mapping) and isinstance(value, Mapping):
        return {_key(key, place): _written(one, args[1], f"{place}[{key}]") for key, one in value.items()}
    if is_dataclass(hint) and type(value) is hint:
        return to_json(value)
    return _simple(value, hint, place)


def _read(value: Any, hint: Any, place: str) -> Any:
    hint = _narrowed(hint, value, place)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint in (date, datetime) and isinstance(value, str):
        try:
            return hint.fromisoformat(value)
        except ValueError:
            _refuse(value, hint, place)
    if hint is float and type(value) in (float, int):
        return float(value)
    if hint is float and value in _NOT_JSON:
        return _NOT_JSON[value]
    if origin is tuple and isinstance(value, list):
        return tuple(_read(one, kind, place) for one, kind in zip(value, _kinds(args, value, hint, place), strict=True))
    if origin is frozenset and isinstance(value, list):
        return frozenset(_read(one, args[0], place) for one in value)
    if isinstance(origin, type) and issubclass(origin, Mapping) and isinstance(value, dict):
        return {_key(key, place): _read(one, args[1], f"{place}[{key}]") for key, one in value.items()}
    if is_dataclass(hint) and isinstance(hint, type):
        return from_json(hint, value)
    return _simple(value, hint, place)


def _narrowed(hint: Any, value: object, place: str) -> Any:
    """Of "X or None" the one that the value is."""
    if not isinstance(hint, types.UnionType) and typing.get_origin(hint) is not typing.Union:
        return hint
    kinds = typing.get_args(hint)
    others = [kind for kind in kinds if kind is not type(None)]
    if len(others) != 1 or len(kinds) != 2:
        raise TypeError(f"{place} may be of several types: {hint}")
    return type(None) if value is None else others[0]


def _kinds(args: tuple[Any, ...], value: Any, hint: Any, place: str) -> list[Any]:
    if len(args) == 2 and args[1] is Ellipsis:
        return [args[0]] * len(value)
    if len(args) != len(value):
        _refuse(value, hint, place)
    return list(args)


def _key(key: object, place: str) -> str:
    if not isinstance(key, str):
        _refuse(key, "text as the name of a value", place)
    return key


def _simple(value: Any, hint: Any, place: str) -> Any:
    if hint in _SIMPLE and type(value) is hint:
        return value
    if typing.get_origin(hint) is typing.Literal and value in typing.get_args(hint):
        return value
    if hint is object:
        return _any_json(value, place)
    _refuse(value, hint, place)


def _any_json(value: Any, place: str) -> Any:
    """A value of free form, of JSON's types alone."""
    if isinstance(value, Mapping):
        return {_key(key, place): _any_json(one, f"{place}[{key}]") for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_any_json(one, place) for one in value]
    if type(value) in _SIMPLE or (type(value) is float and math.isfinite(value)):
        return value
    _refuse(value, "a value that JSON knows", place)
