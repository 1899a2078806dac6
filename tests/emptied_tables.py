"""Empties a test database's tables after a test that commits: those that have rows, by deleting them.

Django's flush truncates every table. PostgreSQL then makes each table and each index a new file, some six hundred of
them, which took seconds after each test wherever the disk is slow; a test leaves rows in about twenty tables.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management.sql import emit_post_migrate_signal
from django.db import connections, transaction

# Made anew by every flush from the models of the code, which no test changes.
KEPT = (ContentType, Permission)


def empty_tables(alias: str = "default") -> None:
    """Delete every row but those that a migration's end makes, in one transaction; sequences go on counting."""
    connection = connections[alias]
    kept = {model._meta.db_table for model in KEPT}
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    with transaction.atomic(using=alias), connection.cursor() as cursor:
        had = [model.objects.using(alias).count() for model in KEPT]
        filled = _filled(cursor, sorted(set(names) - kept))
        guarded = _guarded(cursor, filled)
        for name in guarded:  # the triggers that refuse a deletion, or write down that there was one
            cursor.execute(f'ALTER TABLE "{name}" DISABLE TRIGGER USER')
        for name in filled:  # in any order: foreign keys are looked at when all rows are gone
            cursor.execute(f'DELETE FROM "{name}"')  # noqa: S608 the name of a table
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for name in guarded:
            cursor.execute(f'ALTER TABLE "{name}" ENABLE TRIGGER USER')
    if not all(had):  # a migration back and forth, or a test of another kind of database, took them away
        emit_post_migrate_signal(verbosity=0, interactive=False, db=alias)


def _filled(cursor: Any, names: list[str]) -> list[str]:
    """Those of the tables that have a row."""
    cursor.execute(" UNION ALL ".join(f"(SELECT '{name}' FROM \"{name}\" LIMIT 1)" for name in names))  # noqa: S608
    return [name for (name,) in cursor.fetchall()]


def _guarded(cursor: Any, names: list[str]) -> list[str]:
    """Those of the tables that have triggers of the application's own."""
    cursor.execute(
        "SELECT DISTINCT relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
        "WHERE NOT tgisinternal AND relname = ANY(%s)",
        [names],
    )
    return [name for (name,) in cursor.fetchall()]
