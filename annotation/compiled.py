"""Queries of the ORM that are asked at every click: compiled once, run with other values each time.

Building one of them takes the ORM several times as long as PostgreSQL takes to answer it (docs/adr/0029).
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model, QuerySet

if TYPE_CHECKING:
    from django.db.models.sql import Query
    from django.db.models.sql.compiler import SQLCompiler

Row = TypeVar("Row", bound=Model)
STAND_INS: dict[type, Callable[[int], Any]] = {
    int: lambda nth: -(2**31) + 1 + nth,  # of no row
    str: lambda nth: f"\N{REPLACEMENT CHARACTER}{nth}",
}


class _Parts(NamedTuple):
    query: Query
    compiler: SQLCompiler
    sql: str
    parameters: tuple[Any, ...]
    places: dict[int, str]  # in the parameters, of what values


class Compiled(Generic[Row]):
    """A query whose text does not depend on the values that it is asked with.

    Args:
        build: makes it, from stand-ins of the values. They may only be compared with columns: what the ORM does
            with them is done once.
        kinds: of each value, int or str.
    """

    def __init__(self, build: Callable[..., QuerySet[Row]], **kinds: type) -> None:
        self._build = build
        self._kinds = kinds

    @cached_property
    def _parts(self) -> _Parts:
        stand_ins = {name: STAND_INS[kind](nth) for nth, (name, kind) in enumerate(self._kinds.items())}
        query = self._build(**stand_ins).query
        compiler = query.get_compiler(DEFAULT_DB_ALIAS)
        sql, parameters = compiler.as_sql()
        names = {stand_in: name for name, stand_in in stand_ins.items()}
        places = {
            place: names[value]
            for place, value in enumerate(parameters)
            if isinstance(value, (int, str)) and value in names
        }
        if missing := set(names.values()) - set(places.values()):
            raise ValueError(f"The query does not ask for {', '.join(sorted(missing))}: it cannot be compiled once.")
        return _Parts(query, compiler, sql, tuple(parameters), places)

    def rows(self, **values: Any) -> list[Row]:
        """What the query finds with these values, related rows included, as `list(queryset)` would give it."""
        parts = self._parts
        parameters = tuple(
            values[parts.places[place]] if place in parts.places else value
            for place, value in enumerate(parts.parameters)
        )
        compiler, query = copy(parts.compiler), copy(parts.query)
        compiler.connection = connections[DEFAULT_DB_ALIAS]  # a thread's own
        compiler.as_sql = lambda *_as, **_so: (parts.sql, parameters)  # type: ignore[method-assign]
        query.get_compiler = lambda *_as, **_so: compiler  # type: ignore[method-assign]
        return list(QuerySet(model=query.model, query=query))

    def first(self, **values: Any) -> Row | None:
        """The first of `rows`; the query itself says how many it asks for."""
        return next(iter(self.rows(**values)), None)
