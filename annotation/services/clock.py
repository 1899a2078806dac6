"""One clock for leases: the database's, so that a wrong clock on a web machine changes nothing."""

from __future__ import annotations

from datetime import datetime

from django.db import connection


def database_now() -> datetime:
    """Now, by PostgreSQL."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


def settled_moment(*, margin_s: float) -> datetime:
    """The moment up to which everything that was written in this database shows: nothing earlier appears from now on.

    A row carries the moment at which it was written, and shows once its transaction ends. Whatever transaction goes on
    now may still bring rows of any moment since it began. Read this before the rows that it is to bound, and in another
    statement: each sees what was finished before it began. Backups write nothing.

    Args: margin_s: by how much clocks of the machines that write may differ.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT least(clock_timestamp(), min(xact_start)) - make_interval(secs => %s) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
                AND application_name <> 'pg_dump'
            """,
            [margin_s],
        )
        return cursor.fetchone()[0]
