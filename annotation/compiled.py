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
from django.db.transaction import TransactionManagementError

if TYPE_CHECKING:
    from django.db.models.sql import Query
    from django.db.models.sql.compiler import SQLCompiler

Row = TypeVar("Row", bound=Model)
# Of no row; two of each, no step from one to another the same, so that what is made of a value is not taken for one.
STAND_INS: dict[type, Callable[[int, int], Any]] = {
    int: lambda nth, turn: -(2**31) + 1 + turn + nth * (1009, 10007)[turn],
    str: lambda nth, turn: f"\N{REPLACEMENT CHARACTER}{'ab'[turn]}{nth}",
}


class _Once(NamedTuple):
    """A query compiled with the stand-ins `of` its values."""

    query: Query
    compiler: SQLCompiler
    sql: str
    parameters: tuple[Any, ...]
    of: dict[str, Any]


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
            with them is done once. It is compiled with two sets of them, and refused where anything else differs.
        kinds: of each value, int or str.
    """

    def __init__(self, build: Callable[..., QuerySet[Row]], **kinds: type) -> None:
        self._build = build
        self._kinds = kinds

    @cached_property
    def _parts(self) -> _Parts:
        once, again = self._compiled(0), self._compiled(1)
        pairs = list(zip(once.parameters, again.parameters, strict=False))
        names = {
            place: next((name for name in self._kinds if (once.of[name], again.of[name]) == pair), None)
            for place, pair in enumerate(pairs)
            if pair[0] != pair[1]
        }
        places = {place: name for place, name in names.items() if name is not None}
        if places != names or once.sql != again.sql or len(once.parameters) != len(again.parameters):
            raise ValueError("The query makes something else of its values: it cannot be compiled once.")
        if missing := self._kinds.keys() - set(places.values()):
            raise ValueError(f"The query does not ask for {', '.join(sorted(missing))}: it cannot be compiled once.")
        once.compiler.connection = None  # type: ignore[assignment]  # of a thread that may end before this does
        return _Parts(once.query, once.compiler, once.sql, once.parameters, places)

    def _compiled(self, turn: int) -> _Once:
        stand_ins = {name: STAND_INS[kind](nth, turn) for nth, (name, kind) in enumerate(self._kinds.items())}
        query = self._build(**stand_ins).query
        compiler = query.get_compiler(DEFAULT_DB_ALIAS)
        sql, parameters = compiler.as_sql()
        return _Once(query, compiler, sql, tuple(parameters), stand_ins)

    def rows(self, **values: Any) -> list[Row]:
        """What the query finds with these values, related rows included, as `list(queryset)` would give it.

        Raises: TypeError (a value is missing, None, or of another name), TransactionManagementError (it locks, and
            there is no transaction).
        """
        if values.keys() != self._kinds.keys() or None in values.values():
            raise TypeError(f"The query asks for {', '.join(self._kinds)}, none of them None: it was given {values}.")
        parts = self._parts
        parameters = tuple(
            values[parts.places[place]] if place in parts.places else value
            for place, value in enumerate(parts.parameters)
        )
        compiler, query = copy(parts.compiler), copy(parts.query)
        compiler.connection = connections[DEFAULT_DB_ALIAS]  # a thread's own
        if query.select_for_update and compiler.connection.get_autocommit():
            raise TransactionManagementError("The query locks its rows: ask it in a transaction.")
        compiler.as_sql = lambda *_as, **_so: (parts.sql, parameters)  # type: ignore[method-assign]
        query.get_compiler = lambda *_as, **_so: compiler  # type: ignore[method-assign]
        return list(QuerySet(model=query.model, query=query))

    def first(self, **values: Any) -> Row | None:
        """The first of `rows`; the query itself says how many it asks for."""
        return next(iter(self.rows(**values)), None)
